# The compiler on a file of 10,000 lines: the same assembly as from a cross compiler of its version, and a program that works.
python3 "$SRC/make_c.py" 10000 > big.c
wc -l < big.c
for o in -O0 -O2 '-O2 -g' '-O3 -ffast-math'; do
    # shellcheck disable=SC2086
    "$CROSS" -w $o -S big.c -o big.s || exit 1
    echo "gcc $o: $(wc -l < big.s) lines, $(sha256sum < big.s)"
done
gcc -w -O1 big.c -o big && ./big
"$CROSS" --version | head -n 1 | sed 's/.*) //'
