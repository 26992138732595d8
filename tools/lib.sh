# Shared by ./dev and the scripts in tools/; sourced with the project root as working directory.

# ---- guests: a description each in tools/guests/, the same that tools/guests.py reads
ALL_GUESTS=$(cd tools/guests && for f in *.conf; do echo "${f%.conf}"; done | sort -r)
guest() { # name : sets guest and guest_… of its description
    [ -e "tools/guests/$1.conf" ] || { echo "no guest $1; there are:" $ALL_GUESTS >&2; exit 2; }
    guest=$1
    # shellcheck disable=SC1090
    . "tools/guests/$1.conf"
}
take_guests() { # argument… : array `guests` of those that --guest NAME names (default: all), array `args` of the other arguments
    guests=() args=()
    while [ $# -gt 0 ]; do
        case $1 in
            --guest) guests+=("${2:?--guest needs a name}"); shift ;;
            --guest=*) guests+=("${1#*=}") ;;
            *) args+=("$1") ;;
        esac
        shift
    done
    # shellcheck disable=SC2206
    [ ${#guests[@]} -gt 0 ] || guests=($ALL_GUESTS)
    local g
    for g in "${guests[@]}"; do (guest "$g") || exit 2; done
}

# ---- packages
PACKAGES="g++ cmake ninja-build ccache python3 git pkg-config libxxhash-dev libsodium-dev libfdt-dev zlib1g-dev libzstd-dev
 libasmjit-dev libfmt-dev libcli11-dev nlohmann-json3-dev libcapstone-dev libgtest-dev libbenchmark-dev libvixl-dev
 qemu-user gdb-multiarch $(for g in $ALL_GUESTS; do (guest "$g" && echo "$guest_packages"); done)"
PACKAGES_CLANG="clang-19 libclang-rt-19-dev"

missing() { # package… : those that are not installed
    local p
    for p in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null)" = "ii " ] || echo "$p"
    done
}
install_packages() { # package…
    local want sudo=()
    want=$(missing "$@")
    [ -z "$want" ] && return 0
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    echo "== installing: $(echo $want)" >&2
    # shellcheck disable=SC2086
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive sh -c "
        apt-get install -y -qq --no-install-recommends $(echo $want) >/tmp/vm-apt.log 2>&1 ||
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends $(echo $want) >/tmp/vm-apt.log 2>&1; }" ||
        { tail -n 20 /tmp/vm-apt.log >&2; echo "dev: installing packages failed, see /tmp/vm-apt.log" >&2; exit 1; }
}
# shellcheck disable=SC2086
setup() { install_packages $PACKAGES; }
# shellcheck disable=SC2086
setup_clang() { install_packages $PACKAGES_CLANG; }
build() { # preset
    local log
    mkdir -p build
    case "$1" in clang | asan | fuzz) setup_clang ;; esac
    log=build/configure-$1.log
    cmake --preset "$1" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
    cmake --build "build/$1"
}
cache_root() { echo "${VM_CACHE_ROOT:-$PWD/.cache}"; }
