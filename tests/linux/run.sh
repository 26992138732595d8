#!/usr/bin/env bash
# Every tests/linux/*.c compiled natively and for the guest; what both print and how they end must be equal.
#   run.sh [-v] [TEST...]      environment: VM (the program under test, default build/release/vm), TIERS (default: auto interp)
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
vm=${VM:-$PWD/build/release/vm}
read -ra tiers <<< "${TIERS:-auto interp}"
verbose=0
[ "${1:-}" = -v ] && { verbose=1; shift; }
out=$PWD/build/guests/linux
mkdir -p "$out"
whole=1  # a whole run with the usual program is kept for ./dev readme
[ -z "${VM:-}${TIERS:-}$*" ] || whole=0
tests=("$@")
[ ${#tests[@]} -gt 0 ] || for f in tests/linux/*.c; do tests+=("$(basename "$f" .c)"); done
flags=(-O1 -std=gnu11 -w -static -pthread)
passed=0 failed=0

ended() { # command…: output and exit status
    timeout -k 5 60 "$@" < /dev/null 2>&1
    echo "exit status $?"
}
for t in "${tests[@]}"; do
    src=tests/linux/$t.c
    for cc in gcc riscv64-linux-gnu-gcc; do
        exe=$out/$t.$cc
        if [ "$exe" -ot "$src" ] || [ "$exe" -ot tests/linux/show.h ] || [ ! -e "$exe" ]; then
            $cc "${flags[@]}" "$src" -o "$exe" -lrt -lutil || { echo "FAIL $t: does not compile"; failed=$((failed + 1)); continue 2; }
        fi
    done
    ended "$out/$t.gcc" > "$out/$t.native"
    if [ -e "tests/linux/$t.sed" ]; then sed -i -f "tests/linux/$t.sed" "$out/$t.native"; fi
    for tier in "${tiers[@]}"; do
        if [ "$tier" = qemu ]; then ended qemu-riscv64 "$out/$t.riscv64-linux-gnu-gcc" > "$out/$t.guest"
        else ended "$vm" run --tier "$tier" "$out/$t.riscv64-linux-gnu-gcc" > "$out/$t.guest"; fi
        if cmp -s "$out/$t.native" "$out/$t.guest"; then
            echo "ok   $t ($tier)"
            passed=$((passed + 1))
        else
            echo "FAIL $t ($tier): left native, right guest"
            diff "$out/$t.native" "$out/$t.guest" | head $([ $verbose = 1 ] && echo -200 || echo -12)
            failed=$((failed + 1))
        fi
    done
done
echo "$passed passed, $failed failed"
[ "$whole" = 0 ] || tools/readme.py record linux "$passed" "$failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
