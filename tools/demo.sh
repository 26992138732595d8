#!/usr/bin/env bash
# Runs the embedded guests on both tiers and compares what they print, and their exit status, with the native program.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
tools/build-guests.sh
bad=0 good=0
for src in guests/demo/*.c; do
    name=$(basename "$src" .c)
    want_rc=0
    want=$("build/guests/$name.native") || want_rc=$?
    for tier in auto interp; do
        rc=0
        start=$(date +%s%N)
        got=$(build/release/vm run --tier "$tier" "build/guests/$name.riscv64") || rc=$?
        ms=$((($(date +%s%N) - start) / 1000000))
        if [ "$got" = "$want" ] && [ "$rc" = "$want_rc" ]; then
            good=$((good + 1))
            printf 'ok    vm run --tier %-6s %-11s riscv64, %5d ms, exit status %d\n' "$tier" "$name" "$ms" "$rc"
        else
            printf 'WRONG vm run --tier %-6s %-11s exit status %d, native %d\n' "$tier" "$name" "$rc" "$want_rc"
            diff <(echo "$want") <(echo "$got") | head -5 || true
            bad=$((bad + 1))
        fi
    done
done
tools/readme.py record demo $good $bad
[ $bad = 0 ] || { echo "demo: a guest did not behave as the native program" >&2; exit 1; }
build/release/vm run build/guests/mandelbrot.riscv64
echo "demo: every guest printed what the native program prints"
