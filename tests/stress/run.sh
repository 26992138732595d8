#!/usr/bin/env bash
# run.sh [SECONDS [VM [TIER…]]] : tests/stress/stress.c on every tier; docs/testing.md says what sanitizer builds can do of it.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
seconds=${1:-5}
vm=${2:-build/release/vm}
tiers=("${@:3}")
[ ${#tiers[@]} -gt 0 ] || tiers=(auto 1 interp)
mkdir -p build/guests
bin=build/guests/stress.riscv64
[ "$bin" -nt tests/stress/stress.c ] || riscv64-linux-gnu-gcc -O2 -std=gnu11 -Wall -Wextra -static -pthread tests/stress/stress.c -o "$bin"

how=()
case "$vm" in # their allocators' locks are not held over fork(2): the child may find them taken
    */asan/vm | */tsan/vm) how=(apart) ;;
esac
# vm ends with exit_group(2), past the run-time's own exit status: a report must end the process where it is made.
export ASAN_OPTIONS=halt_on_error=1:exitcode=99:detect_stack_use_after_return=1 TSAN_OPTIONS=halt_on_error=1:exitcode=99
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

for tier in "${tiers[@]}"; do
    echo "stress on tier $tier, $seconds s${how:+, forks $how}"
    timeout $((seconds * 4 + 60)) "$vm" run --tier "$tier" "$bin" "$seconds" "${how[@]}"
done
