#!/usr/bin/env bash
# Every tests/linux/*.c compiled natively and for each guest ISA; what all print and how they end must be equal.
#   run.sh [--guest NAME]... [-v] [TEST...]
# environment: VM (the program under test, default build/release/vm), TIERS (default: auto interp; qemu: QEMU in place of vm)
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
. tools/lib.sh
take_guests "$@"
whole=1  # a whole run with the usual program is kept for ./dev readme
set -- "${args[@]}"
[ -z "${VM:-}${TIERS:-}$*" ] || whole=0
vm=${VM:-$PWD/build/release/vm}
read -ra tiers <<< "${TIERS:-auto interp}"
verbose=0
[ "${1:-}" = -v ] && { verbose=1; shift; }
out=$PWD/build/guests/linux
mkdir -p "$out"
tests=("$@")
[ ${#tests[@]} -gt 0 ] || for f in tests/linux/*.c; do tests+=("$(basename "$f" .c)"); done
flags=(-O1 -std=gnu11 -w -static -pthread -fasynchronous-unwind-tables)
declare -A passed failed
for name in "${guests[@]}"; do passed[$name]=0 failed[$name]=0; done
good() { passed[$guest]=$((passed[$guest] + 1)); }
bad() { failed[$guest]=$((failed[$guest] + 1)); }

ended() { # command…: output and exit status
    timeout -k 5 60 "$@" < /dev/null 2>&1
    echo "exit status $?"
}
# "// Run in a root": the program lies as /test in a directory of its own, which is "/": by chroot natively, by --root as a guest. Both in
# a mount namespace (and, without privilege, a user namespace), so that they have the same rights.
namespace=(unshare -m)
[ "$(id -u)" = 0 ] || namespace=(unshare -Urm)
make_root() { # program
    rm -rf --one-file-system "$out/root"
    mkdir -p "$out/root"/{proc,dev,sys} && cp "$1" "$out/root/test"
}
native_root() {
    make_root "$1"
    ended "${namespace[@]}" sh -c 'for d in proc dev sys; do mount --rbind /$d "$0/$d" || exit; done; exec chroot "$0" /test' "$out/root"
}
guest_root() { # tier, program
    make_root "$2"
    ended "${namespace[@]}" "$vm" run --tier "$1" --root "$out/root" /test
}
for t in "${tests[@]}"; do
    src=tests/linux/$t.c
    in_root=0
    ! head -n 1 "$src" | grep -q '^// Run in a root' || in_root=1
    if [ $in_root = 1 ] && ! reason=$("${namespace[@]}" true 2>&1); then
        echo "skipped $t: $reason"
        continue
    fi
    for name in native "${guests[@]}"; do
        exe=$out/$t.$name.exe
        cc=gcc
        [ "$name" = native ] || { guest "$name" && cc=$guest_triple-gcc; }
        if [ "$exe" -ot "$src" ] || [ "$exe" -ot tests/linux/show.h ] || [ "$exe" -ot tests/linux/isa.h ] || [ ! -e "$exe" ]; then
            $cc "${flags[@]}" "$src" -o "$exe" -lrt -lutil || { echo "FAIL $t: does not compile with $cc"; rm -f "$exe"; }
        fi
    done
    if [ $in_root = 1 ]; then native_root "$out/$t.native.exe" > "$out/$t.native"
    else ended "$out/$t.native.exe" > "$out/$t.native"; fi
    if [ -e "tests/linux/$t.sed" ]; then sed -i -f "tests/linux/$t.sed" "$out/$t.native"; fi
    for name in "${guests[@]}"; do
        guest "$name"
        exe=$out/$t.$name.exe
        [ -e "$exe" ] && [ -e "$out/$t.native.exe" ] || { bad; continue; }
        for tier in "${tiers[@]}"; do
            if [ $in_root = 1 ] && [ "$tier" = qemu ]; then continue
            elif [ $in_root = 1 ]; then guest_root "$tier" "$exe" > "$out/$t.guest"
            elif [ "$tier" = qemu ]; then ended "$guest_qemu" "$exe" > "$out/$t.guest"
            else ended "$vm" run --tier "$tier" "$exe" > "$out/$t.guest"; fi
            if cmp -s "$out/$t.native" "$out/$t.guest"; then
                echo "ok   $t ($guest, $tier)"
                good
            else
                echo "FAIL $t ($guest, $tier): left native, right guest"
                diff "$out/$t.native" "$out/$t.guest" | head $([ $verbose = 1 ] && echo -200 || echo -12)
                bad
            fi
        done
    done
done
status=0
for name in "${guests[@]}"; do
    guest "$name"
    if [ "$whole" = 1 ]; then
        tests/linux/core_gdb.sh "$vm" "$name"
        case $? in 0) good ;; 77) ;; *) bad ;; esac
        tools/readme.py record linux "$name" "${passed[$name]}" "${failed[$name]}"
    fi
    echo "$name: ${passed[$name]} passed, ${failed[$name]} failed"
    [ "${failed[$name]}" = 0 ] && [ "${passed[$name]}" -gt 0 ] || status=1
done
exit $status
