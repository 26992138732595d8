# Pipes, traps, subshells, arrays, arithmetic, here-documents, job control, redirections, globbing, regular expressions.
# Prints only what does not depend on version, time, process ids or host.
set -u
export LC_ALL=C
work=$(mktemp -d)
cd "$work" || exit 9
trap 'rm -rf "$work"; echo "exit trap ran with $?"' EXIT
section() { echo; echo "== $*"; }

section arithmetic
echo $((7 * 6)) $((1 << 40)) $((-17 / 5)) $((-17 % 5)) $((0xff ^ 0x0f)) $((2 ** 20))
i=0
while ((i < 10)); do ((i += 3)); done
echo "i=$i"
for ((a = 0, b = 10; a < b; a += 3, b--)); do printf '%d:%d ' "$a" "$b"; done
echo
gcd() { local x=$1 y=$2; while ((y)); do ((t = x % y, x = y, y = t)); done; echo "$x"; }
gcd 1071 462
fact() { (($1 < 2)) && echo 1 || echo $(($1 * $(fact $(($1 - 1))))); }
fact 12

section strings
s="The quick brown fox jumps over the lazy dog"
echo "${#s} ${s:4:5} ${s^^} ${s,,}"
echo "${s/quick/slow} ${s//o/0} ${s#* } ${s##* } ${s% *} ${s%% *}"
p=/usr/local/lib/libfoo.so.1.2
echo "${p##*/} ${p%/*} ${p##*.} ${p%%.*}"
unset maybe
echo "${maybe:-default} ${maybe:=assigned} ${maybe:+set} $maybe"
printf '%5d|%-5s|%05.1f|%x|%o|%c|%q\n' 42 ab 3.14159 255 8 z "a b"

section arrays
list=(pear apple fig banana cherry)
echo "${list[@]} ${#list[@]} ${list[2]} ${list[@]:1:2} ${!list[@]}"
list+=(grape)
unset 'list[0]'
mapfile -t sorted < <(printf '%s\n' "${list[@]}" | sort)
echo "${sorted[*]}"
declare -A age=([ann]=31 [bob]=27 [cid]=45)
for name in $(printf '%s\n' "${!age[@]}" | sort); do echo "$name ${age[$name]}"; done
total=0
for v in "${age[@]}"; do ((total += v)); done
echo "total $total"

section pipes
seq 1 1000 | grep 7 | wc -l
seq 1 100 | awk '{s += $1; q += $1 * $1} END {print s, q}'
printf '%s\n' b a c a b a | sort | uniq -c | sort -rn | sed 's/^ *//'
echo "one two three" | tr a-z A-Z | tr ' ' '\n' | tac | paste -sd,
yes | head -n 5 | wc -l
seq 20 | sed -n '5,8p;15{s/5/five/;p}' | tr '\n' ' '
echo
(exit 3) | true
echo "status ${PIPESTATUS[0]} ${PIPESTATUS[1]}"
set -o pipefail
false | cat
echo "pipefail $?"
set +o pipefail
seq 5 | while read -r n; do echo -n "$((n * n)) "; done
echo

section subshells
x=outer
(x=inner; echo "$x"; (x=innermost; echo "$x"; exit 4); echo "nested gave $?")
echo "$x"
y=$(echo "$(echo "$(echo deep)")")
echo "$y"
{ echo grouped; echo output; } | wc -l
var=$(cd / && pwd)
echo "$var"
diff <(seq 5) <(seq 2 6) | head -n 3
coproc_out=$(exec 3>&1; { echo to-three >&3; } 2>/dev/null)
echo "$coproc_out"

section redirections
echo first > f
echo second >> f
cat < f
{ echo out; echo err >&2; } > both 2>&1
sort both
exec 5> five
echo "through five" >&5
exec 5>&-
cat five
cat <<EOT | tr o 0
here document with $x and $((2 + 3))
EOT
cat <<'EOT'
quoted $x stays
EOT
read -r word rest <<< "alpha beta gamma"
echo "$rest:$word"
ls nothing-here 2> /dev/null || echo "ls failed with $?"

section traps
trap 'echo "got USR1"' USR1
kill -USR1 $$
trap 'echo "got TERM"; trap - TERM' TERM
kill -TERM $$
echo "still here"
(trap 'echo "subshell exit"' EXIT; exit 0)
bash -c 'trap "echo bye; exit 5" INT; kill -INT $$; echo not reached'
echo "status $?"
bash -c 'kill -KILL $$'
echo "killed: $?"
trap 'echo "err trap"' ERR
false
trap - ERR

section jobs
sleep 0.05 &
pid=$!
wait "$pid"
echo "waited: $?"
for n in 3 1 2; do (exit "$n") & pids[n]=$!; done
for n in 1 2 3; do wait "${pids[n]}"; echo -n "$? "; done
echo
(sleep 5 & kill $!; wait $! 2>/dev/null; echo "sleep ended with $?")
mkfifo pipe
(echo "through a fifo" > pipe) &
cat pipe
wait

section files
mkdir -p a/b/c d
touch a/1.txt a/b/2.txt a/b/c/3.txt d/.hidden
find . -name '*.txt' | sort
echo a/*.txt a/**/*.txt d/* d/.h*
shopt -s extglob nullglob
echo a/!(1*) nothing*
ln -s a/b link
[ -L link ] && [ -d link ] && readlink link
chmod 640 f
stat -c '%a %s' f
cp -r a e && mv e/b e/z && ls -R e | tr '\n' ' '
echo
du -a e | wc -l
tar cf t.tar a && tar tf t.tar | sort | tail -n 2
gzip -c f | gzip -dc | cmp - f && echo "gzip ok"
head -c 100000 /dev/zero | md5sum | cut -d' ' -f1
seq 10000 | sha256sum | cut -c1-16
dd if=/dev/zero bs=1k count=64 2> /dev/null | wc -c
split -l 3 <(seq 10) part. && wc -l part.* | tail -n 1

section more pipes
{ seq 3; seq 10 12; } | while read -r a; do (( a % 2 )) && echo "odd $a" || echo "even $a"; done | sort -r | tee copy | head -n 2
wc -l < copy
mkfifo left right
tr a-z A-Z < left > right &
{ for w in alpha beta gamma; do echo "$w"; done > left; } &
cat right
wait
coproc ADD { while read -r x y; do echo $((x + y)); done; }
adder=$ADD_PID
echo "3 4" >&"${ADD[1]}"
read -r sum <&"${ADD[0]}"
echo "coproc said $sum"
exec {ADD[1]}>&-
wait "$adder"
paste <(seq 3) <(seq 4 6) <(seq 7 9) | tr '\t' '+' | while read -r e; do echo "$e=$((e))"; done
seq 100000 | head -n 1
echo "writer ended with ${PIPESTATUS[0]}"
seq 1 2000 > >(awk '{ t += $1 } END { print t }' > sum)
for ((i = 0; i < 400; i++)); do [ -s sum ] && break; sleep 0.05; done
cat sum

section more traps
(
    trap 'echo "inner exit $?"' EXIT
    trap 'echo "hup"; exit 8' HUP
    kill -HUP "$BASHPID"
    echo "not reached"
)
echo "subshell gave $?"
trap '' USR2
bash -c 'kill -USR2 $$; echo "ignored signals stay ignored"'
trap - USR2
f() { trap 'echo "return from f"' RETURN; echo "in f"; }
f
trap - RETURN
count=0
trap '((++count))' DEBUG
: one
: two
trap - DEBUG
echo "debug trap ran $count times"
(sleep 0.1; kill -USR1 $$) &
wait $!
echo "waited through USR1"
set +e
(set -e; false; echo "not reached"); echo "set -e gave $?"

section conditions
[[ abc123 =~ ^([a-z]+)([0-9]+)$ ]] && echo "${BASH_REMATCH[1]}-${BASH_REMATCH[2]}"
[[ -f f && ! -e nope && f -nt nope ]] && echo "file tests"
case foo.tar.gz in *.zip) echo zip ;; *.tar.*) echo tar ;;& *.gz) echo gz ;; esac
select_one() { local IFS=:; set -- $1; echo "$#: $2"; }
select_one "a:b:c"
if ! grep -q zebra f; then echo "no zebra"; fi
until [ "${n:-0}" -ge 3 ]; do n=$((${n:-0} + 1)); done; echo "n=$n"

section functions
outer() { local v=local; inner; echo "$v"; }
inner() { v=changed; return 7; }
outer
inner || echo "returned $?"
echo "$v"
recurse() { [ "$1" -le 0 ] && return; echo -n "$1 "; recurse $(($1 - 1)); }
recurse 10
echo
eval 'dyn_'name=5; echo "$dyn_name"
printf -v made '%03d' 7; echo "$made"
exit 6
