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
# kmod cpio xz-utils e2fsprogs: what tools/machine-guests.sh makes machines' guests with; qemu-utils checks their qcow2 disks;
# iproute2: ip and ss of tests of networks; opensbi u-boot-qemu: what tests start machines with
PACKAGES="g++ cmake ninja-build ccache python3 git pkg-config libxxhash-dev libsodium-dev libfdt-dev zlib1g-dev libzstd-dev liblzma-dev liburing-dev libslirp-dev
 libasmjit-dev libfmt-dev libcli11-dev nlohmann-json3-dev libcapstone-dev libgtest-dev libbenchmark-dev libvixl-dev
 qemu-user gdb-multiarch kmod cpio xz-utils e2fsprogs qemu-utils debian-archive-keyring iproute2 opensbi u-boot-qemu $(for g in $ALL_GUESTS; do (guest "$g" && echo "$guest_packages"); done)"
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

# ---- packages of Debian for another architecture: unpacked, never installed
debian_apt() { # NAME ARCH SUITE : array `apt`, the options of an apt of its own in the cache, which trusts the mirror that this system's apt has
    local keyring=${KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg} mirror work
    [ -f "$keyring" ] || install_packages debian-archive-keyring
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN)/$(LABEL)/$(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
        awk '$2 == "Debian/Debian/main" && !n++ { print $1 }')
    [ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -m1 '/debian/*$' || true)
    [ -n "$mirror" ] || { echo "no Debian mirror in apt's configuration" >&2; exit 1; }
    work=$(cache_root)/apt-$1
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    : > "$work/status"
    echo "deb [signed-by=$keyring arch=$2] ${mirror%/} $3 main" > "$work/sources.list"
    apt=(-o "APT::Architecture=$2" -o "APT::Architectures=$2" -o "Dir::State::Lists=$work/lists" -o "Dir::State::status=$work/status"
        -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::Cache=$work/cache"
        -o APT::Sandbox::User=root -o APT::Install-Recommends=false -qq)
    apt-get "${apt[@]}" update >&2
}
unpack() { # DIRECTORY DEB… : the files of packages; Debian merges /usr, packages ship bin, lib and sbin as directories or not at all
    local d deb
    mkdir -p "$1"/usr/{bin,lib,sbin,lib64}
    for d in bin lib sbin lib64; do [ -e "$1/$d" ] || ln -s "usr/$d" "$1/$d"; done
    for deb in "${@:2}"; do dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$1" --keep-directory-symlink; done
}
