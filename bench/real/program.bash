# Arithmetic, arrays, string operations, functions, here-strings; no other program.
declare -A h
for ((i = 0; i < 12000; i++)); do h[k$((i * 7919 % 101))]=$((${h[k$((i * 7919 % 101))]:-0} + i % 7)); done
t=0
for k in "${!h[@]}"; do ((t += ${h[$k]})); done
s=
for i in {1..3000}; do s+="$i,"; done
n=0
while [[ $s =~ ^([0-9]+),(.*)$ ]] && ((n < 150)); do ((n += 1)); s=${BASH_REMATCH[2]}; done
f() { local x=$1; ((x < 2)) && { r=$x; return; }; f $((x - 1)); local a=$r; f $((x - 2)); r=$((a + r)); }
f 15
while read -r line; do u=${line^^}; ((t += ${#u})); done <<< "$(printf 'line %d of text\n' {1..2000})"
echo "$t $r $n ${#s}"
