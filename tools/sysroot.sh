#!/usr/bin/env bash
# Unpacks a Debian sysroot of another architecture from Debian's packages; runs none of their code.
#   tools/sysroot.sh ARCH [PACKAGE...]      ARCH: a guest of tools/guests/, or amd64; default packages: what tests/programs needs, in a directory of their own for other packages
#   tools/sysroot.sh ARCH --long            what the long suites need (about 2.5 GB), beside the other; amd64 is their native reference
# Prints the directory. The mirror is the one apt here is configured with; packages are checked by apt's signatures.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
. tools/lib.sh

arch=${1:?usage: tools/sysroot.sh ARCH [--long | PACKAGE...]}
shift || true
suite=${SUITE:-trixie}
name=$suite-$arch
base=(busybox-static bash coreutils dash grep sed mawk findutils diffutils tar gzip bzip2 xz-utils
    perl-base python3 python3-minimal sqlite3 bc file util-linux libc-bin)
if [ "${1:-}" = --long ]; then
    name=$name-long
    packages=("${base[@]}" gawk zstd perl libpython3.13-testsuite procps iproute2 openssl gcc libc6-dev make git lua5.4 luajit ruby nodejs
        openjdk-21-jdk-headless golang-go php-cli pypy3 redis-server redis-tools postgresql mariadb-server nginx curl wget stress-ng)
    [ "$arch" != amd64 ] || for g in $ALL_GUESTS; do packages+=("gcc-14-$(guest "$g" && echo "$guest_triple")"); done
elif [ $# -gt 0 ]; then
    packages=("$@")
    name=$name-$(printf '%s\n' "$@" | sha256sum | cut -c1-8)
else
    packages=("${base[@]}")
fi
root=$(cache_root)/sysroot-$name
key=$(printf '%s\n' "$suite" "${packages[@]}" | sha256sum | cut -c1-16)
if [ "$(cat "$root/.complete" 2>/dev/null)" = "$key" ]; then
    echo "$root"
    exit 0
fi

debian_apt "$name" "$arch" "$suite"
apt-get "${apt[@]}" install -y --download-only "${packages[@]}" >&2
rm -rf "$root" "$root.new"
unpack "$root.new" "$(cache_root)/apt-$name"/cache/archives/*.deb
mkdir -p "$root.new"/{tmp,proc,dev,sys,etc,root}
[ -e "$root.new/bin/sh" ] || ln -s dash "$root.new/usr/bin/sh"
[ -e "$root.new/usr/bin/awk" ] || ln -s mawk "$root.new/usr/bin/awk"
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' > "$root.new/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' > "$root.new/etc/group"
printf '127.0.0.1 localhost\n' > "$root.new/etc/hosts"
mv "$root.new" "$root"
echo "$key" > "$root/.complete"
echo "$root"
