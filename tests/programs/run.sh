#!/usr/bin/env bash
# Real programs of a Debian riscv64 sysroot under `vm run -L`, compared with what the same script prints natively.
#   run.sh [TIER...]      tiers to use (default: auto)
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
vm=$PWD/build/release/vm
sysroot=$(tools/sysroot.sh riscv64)
tiers=("$@")
[ ${#tiers[@]} -gt 0 ] || tiers=(auto)
here=$PWD/tests/programs
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
passed=0 failed=0

check() { # name, native command…, "--", guest program and arguments…
    local name=$1 native=() rc=0 want=0 tier
    shift
    while [ "$1" != -- ]; do native+=("$1"); shift; done
    shift
    "${native[@]}" > "$out/native" 2> "$out/native.err" < /dev/null || want=$?
    for tier in "${tiers[@]}"; do
        rc=0
        timeout 900 "$vm" run --tier "$tier" -L "$sysroot" "$sysroot/usr/bin/$1" "${@:2}" > "$out/guest" 2> "$out/guest.err" < /dev/null || rc=$?
        if [ "$rc" = "$want" ] && cmp -s "$out/native" "$out/guest"; then
            echo "ok   $name ($tier)"
            passed=$((passed + 1))
        else
            echo "FAIL $name ($tier): exit status $rc, native $want"
            diff "$out/native" "$out/guest" | head -10 || true
            tail -n 3 "$out/guest.err"
            failed=$((failed + 1))
        fi
    done
}

check busybox-sha sh -c 'seq 1 2000 | sha256sum' -- busybox sh -c 'busybox seq 1 2000 | busybox sha256sum'
check busybox-awk awk 'BEGIN { for (i = 1; i < 20000; i++) s += i * i; print s }' -- busybox awk 'BEGIN { for (i = 1; i < 20000; i++) s += i * i; print s }'
check coreutils bash "$here/coreutils.sh" -- bash "$here/coreutils.sh"
check bash bash "$here/shell.bash" -- bash "$here/shell.bash"
check python python3 "$here/program.py" -- python3 "$here/program.py"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
