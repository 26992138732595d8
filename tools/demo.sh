#!/usr/bin/env bash
# Runs the demo guests on both tiers and compares what they print, and their exit status, with the native program; for riscv64, boots a machine.
#   demo.sh [--guest NAME]...
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
. tools/lib.sh
take_guests "$@"
all_bad=0
run() { # program, tier: compares one run with the native one
    local name=$1 tier=$2 want got rc=0 want_rc=0 start ms
    want=$("build/guests/$name.native") || want_rc=$?
    start=$(date +%s%N)
    got=$(build/release/vm run --tier "$tier" "build/guests/$name.$guest") || rc=$?
    ms=$((($(date +%s%N) - start) / 1000000))
    if [ "$got" = "$want" ] && [ "$rc" = "$want_rc" ]; then
        good=$((good + 1))
        printf 'ok    vm run --tier %-6s %-11s %s, %5d ms, exit status %d\n' "$tier" "$name" "$guest" "$ms" "$rc"
    else
        printf 'WRONG vm run --tier %-6s %-11s %s, exit status %d, native %d\n' "$tier" "$name" "$guest" "$rc" "$want_rc"
        diff <(echo "$want") <(echo "$got") | head -5 || true
        bad=$((bad + 1))
    fi
}
tools/build-guests.sh "$@"
for g in "${guests[@]}"; do
    guest "$g"
    bad=0 good=0
    for src in guests/demo/*.c; do
        for tier in auto interp; do run "$(basename "$src" .c)" "$tier"; done
    done
    # There are machines of riscv64 only.
    if [ "$guest" = riscv64 ]; then
        if python3 tools/demo-machine.py; then good=$((good + 1)); else bad=$((bad + 1)); fi
    fi
    tools/readme.py record demo "$guest" $good $bad
    all_bad=$((all_bad + bad))
done
[ $all_bad = 0 ] || { echo "demo: a guest did not behave as it should" >&2; exit 1; }
build/release/vm run "build/guests/mandelbrot.$guest"
echo "demo: every guest printed what it should"
