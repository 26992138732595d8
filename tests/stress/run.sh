#!/usr/bin/env bash
# run.sh [SECONDS [VM [TIER…]]] : tests/stress/stress.c and processes.c on every tier; docs/testing.md says what sanitizer builds can do of it.
# run.sh long [SECONDS [VM]]     : 64 threads for SECONDS (600), 10,000 forks and 1,000 execs, on tier auto. The code cache is small, so that it is
#                                  full long before the end and what is held afterwards is compared. Kept for ./dev readme.
# --guest NAME: only this guest
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
. tools/lib.sh
take_guests "$@"
set -- "${args[@]}"
long=
[ "${1:-}" = long ] && { long=long; shift; }
seconds=${1:-${long:+600}}
seconds=${seconds:-5}
vm=${2:-build/release/vm}
tiers=("${@:3}")
[ ${#tiers[@]} -gt 0 ] || tiers=(auto 1 2 interp)
mkdir -p build/guests
programs() { # NAME : compiles the programs for a guest; sets stress and processes
    local p bin
    guest "$1"
    for p in stress processes; do
        bin=build/guests/$p.$guest
        [ "$bin" -nt tests/stress/$p.c ] || "$guest_triple-gcc" -O2 -std=gnu11 -Wall -Wextra -static -pthread tests/stress/$p.c -o "$bin"
    done
    stress=build/guests/stress.$guest processes=build/guests/processes.$guest
}

how=()
case "$vm" in # their allocators' locks are not held over fork(2): the child may find them taken
    */asan/vm | */tsan/vm) how=(4 apart) ;;
esac
# vm ends with exit_group(2), past the run-time's own exit status: a report must end the process where it is made.
export ASAN_OPTIONS=halt_on_error=1:exitcode=99:detect_stack_use_after_return=1 TSAN_OPTIONS=halt_on_error=1:exitcode=99
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

step() { # name, command…
    echo "== $guest: $1"
    if "${@:2}"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAIL $1: exit status $?"; fi
}
translations() { # of all that were made, few are live, and the cache was filled and emptied
    python3 - "$stats" <<'P'
import json, sys
s = json.load(open(sys.argv[1]))
print({k: s[k] for k in ("translations", "translations_live", "invalidated", "evicted_segments", "code_bytes_used", "code_bytes_limit")})
sys.exit(not (0 < s["translations_live"] < 5000 and s["code_bytes_used"] <= s["code_bytes_limit"]))
P
}
if [ -n "$long" ]; then
    all_failed=0
    stats=$(mktemp)
    trap 'rm -f "$stats"' EXIT
    for g in "${guests[@]}"; do
        programs "$g"
        passed=0 failed=0
        step "64 threads for $seconds s" timeout $((seconds * 2 + 120)) "$vm" run --code-cache 16M --stats "$stats" "$stress" "$seconds" 64
        step "translations do not pile up" translations
        step "10,000 forks and 1,000 execs" timeout 1200 "$vm" run "$processes" 10000 1000
        [ "$seconds" != 600 ] || tools/readme.py record stress "$guest" "$passed" "$failed" "64 threads for $seconds s, 10,000 forks, 1,000 execs"
        all_failed=$((all_failed + failed))
    done
    [ "$all_failed" = 0 ]
    exit
fi
for g in "${guests[@]}"; do
    programs "$g"
    for tier in "${tiers[@]}"; do
        echo "stress of $guest on tier $tier, $seconds s${how:+, forks apart}"
        timeout $((seconds * 4 + 60)) "$vm" run --tier "$tier" "$stress" "$seconds" "${how[@]}"
        timeout 120 "$vm" run --tier "$tier" "$processes" 200 40
    done
done
