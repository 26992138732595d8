# Shared by ./dev and the scripts in tools/; sourced with the project root as working directory.
PACKAGES="g++ cmake ninja-build ccache python3 git pkg-config libxxhash-dev
 libasmjit-dev libfmt-dev libcli11-dev nlohmann-json3-dev libcapstone-dev libgtest-dev libbenchmark-dev
 gcc-riscv64-linux-gnu g++-riscv64-linux-gnu libc6-dev-riscv64-cross binutils-riscv64-linux-gnu qemu-user gdb-multiarch"
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
    case "$1" in clang | fuzz) setup_clang ;; esac
    log=build/configure-$1.log
    cmake --preset "$1" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
    cmake --build "build/$1"
}
cache_root() { echo "${VM_CACHE_ROOT:-$PWD/.cache}"; }
