#!/usr/bin/env bash
# Real programs of a guest's Debian sysroot under `vm run -L`, compared with what the same script prints natively.
#   run.sh [--guest NAME]... [-k PATTERN] [TIER...]      tiers to use (default: auto 1 interp); -k: only cases whose name matches
# A whole run is kept for `./dev readme`.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
. tools/lib.sh
take_guests "$@"
set -- "${args[@]}"
install_packages bash coreutils gawk mawk busybox perl-base python3 sqlite3 bc file xz-utils bzip2 util-linux bsdextrautils
vm=$PWD/build/release/vm
only=
[ "${1:-}" = -k ] && { only=$2; shift 2; }
tiers=("$@")
[ ${#tiers[@]} -gt 0 ] || tiers=(auto 1 interp)
here=$PWD/tests/programs
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export PATH=/usr/bin:/bin  # Debian's own programs, natively as in the guest
# Compiled Python modules are kept: else each start under the interpreter compiles them again.
unset PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME
PYTHONPYCACHEPREFIX=$(cache_root)/pycache
export PYTHONPYCACHEPREFIX
# Started by a shell in the background, SIGINT would be ignored, and the programs would find it so.
defaults=(env --default-signal=INT,QUIT)

# A program that the sysroot lacks would be the host's own, and would test nothing.
is_guest() { [ "$(od -An -tx1 -j18 -N2 "$(readlink -f "$1")" 2> /dev/null)" = " $guest_machine" ]; }
resolve() { # a link of the sysroot may be absolute
    local f=$sysroot/usr/bin/$1
    while [ -L "$f" ]; do
        case $(readlink "$f") in
            /*) f=$sysroot$(readlink "$f") ;;
            *) f=$(dirname "$f")/$(readlink "$f") ;;
        esac
    done
    echo "$f"
}
check_sysroot() {
    local script p
    for script in "$here"/*.sh; do
        for p in $(sed -n 's/^# needs: //p' "$script"); do
            is_guest "$(resolve "$p")" || { echo "programs: $(basename "$script") needs $p, which is no $guest program in $sysroot" >&2; exit 1; }
        done
    done
}

check() { # name, native command…, "--", guest program and arguments…
    local name=$1 native=() rc=0 want=0 tier
    shift
    [[ $name =~ $only ]] || return 0
    while [ "$1" != -- ]; do native+=("$1"); shift; done
    shift
    "${defaults[@]}" "${native[@]}" > "$out/native" 2> "$out/native.err" < /dev/null || want=$?
    for tier in "${tiers[@]}"; do
        rc=0
        "${defaults[@]}" timeout 900 "$vm" run --tier "$tier" -L "$sysroot" "$(resolve "$1")" "${@:2}" > "$out/guest" 2> "$out/guest.err" < /dev/null || rc=$?
        if [ "$rc" = "$want" ] && cmp -s "$out/native" "$out/guest"; then
            echo "ok   $name ($guest, $tier)"
            passed=$((passed + 1))
        else
            echo "FAIL $name ($guest, $tier): exit status $rc, native $want"
            diff "$out/native" "$out/guest" | head -10 || true
            tail -n 3 "$out/guest.err"
            failed=$((failed + 1))
        fi
    done
}

all() {
    check busybox-sha sh -c 'seq 1 2000 | sha256sum' -- busybox sh -c 'busybox seq 1 2000 | busybox sha256sum'
    check busybox-awk awk 'BEGIN { for (i = 1; i < 20000; i++) s += i * i; print s }' -- busybox awk 'BEGIN { for (i = 1; i < 20000; i++) s += i * i; print s }'
    check busybox busybox sh "$here/busybox.sh" -- busybox sh "$here/busybox.sh"
    check coreutils bash "$here/coreutils.sh" -- bash "$here/coreutils.sh"
    check tools bash "$here/tools.sh" -- bash "$here/tools.sh"
    check bash bash "$here/shell.bash" -- bash "$here/shell.bash"
    check python python3 "$here/program.py" -- python3 "$here/program.py"
    check python-modules python3 "$here/modules.py" -- python3 "$here/modules.py"
}

all_failed=0
for g in "${guests[@]}"; do
    guest "$g"
    sysroot=$(tools/sysroot.sh "$guest")
    check_sysroot
    passed=0 failed=0
    all
    if [ "${tiers[*]}" = "auto 1 interp" ] && [ -z "$only" ]; then
        tools/readme.py record programs "$guest" "$passed" "$failed"
    fi
    echo "$guest: $passed passed, $failed failed"
    [ "$passed" -gt 0 ] || failed=1
    all_failed=$((all_failed + failed))
done
[ "$all_failed" = 0 ]
