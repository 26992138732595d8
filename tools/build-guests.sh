#!/usr/bin/env bash
# Cross-compiles the demo guests (and the same sources for this machine, to compare with) into build/guests/.
#   build-guests.sh [--guest NAME]...
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
. tools/lib.sh
take_guests "$@"
out=build/guests
mkdir -p "$out"
flags="-O2 -std=c11 -Wall -Wextra -ffreestanding -fno-stack-protector -nostdlib -static -fno-pie -no-pie -ffp-contract=off"
for src in guests/demo/*.c; do
    name=$(basename "$src" .c)
    for isa in "${guests[@]}" native; do
        bin=$out/$name.$isa
        [ "$bin" -nt "$src" ] && [ "$bin" -nt guests/demo/guest.h ] && continue
        cc=gcc
        [ "$isa" = native ] || cc=$(guest "$isa" && echo "$guest_triple-gcc")
        # shellcheck disable=SC2086
        $cc $flags "$src" -o "$bin"
    done
done
