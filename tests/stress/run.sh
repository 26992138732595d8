#!/usr/bin/env bash
# run.sh [SECONDS [VM]] : tests/stress/stress.c on every tier
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
seconds=${1:-5}
vm=${2:-build/release/vm}
mkdir -p build/guests
bin=build/guests/stress.riscv64
[ "$bin" -nt tests/stress/stress.c ] || riscv64-linux-gnu-gcc -O2 -std=gnu11 -Wall -Wextra -static -pthread tests/stress/stress.c -o "$bin"
for tier in auto 1 interp; do
    echo "stress on tier $tier, $seconds s"
    timeout $((seconds * 4 + 60)) "$vm" run --tier "$tier" "$bin" "$seconds"
done
