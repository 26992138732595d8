#!/usr/bin/env bash
# Makes what machines boot, from packages of Debian; runs none of their code and needs no root.
#   tools/machine-guests.sh ARCH                        ARCH: riscv64
#   tools/machine-guests.sh ARCH --disk PACKAGE…        a root disk with these packages and what they depend on, too
# Prints a directory, in which lie afterwards:
#   kernel, version, config   Debian's kernel as it stands: a flat image
#   initrd.cpio      busybox, guests/machine/init (its head says which words of the kernel's command line it obeys), modules for virtio
#                    devices, ext4 and 9p
#   root.ext4        a root disk of busybox only, 64 MiB, raw; it counts its boots. Copy it before a machine writes to it.
#   NAME.ext4        with --disk: the packages' names joined by '-'; its path is printed instead
# What is there and was made by this version of the scripts stays: remove the directory for newer packages.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
. tools/lib.sh
PATH=$PATH:/usr/sbin:/sbin

arch=${1:?usage: tools/machine-guests.sh ARCH [--disk PACKAGE...]}
shift
suite=${SUITE:-trixie}
[ "$arch" = riscv64 ] || { echo "machine-guests: there are machines of riscv64 only, not $arch" >&2; exit 2; }
guest "$arch"
name=machine-$suite-$arch
out=$(cache_root)/$name
modules=(virtio_mmio virtio_blk virtio_net virtio-rng ext4 9p 9pnet_virtio)
key=$(cat tools/machine-guests.sh guests/machine/init | sha256sum | cut -c1-16)
exec 9> "$(mkdir -p "$(cache_root)" && echo "$out.lock")"
flock 9

newest() { apt-cache "${apt[@]}" show --no-all-versions "$1" | awk -v field="$2:" '$1 == field && !n++ { print $2 }'; }
kernel() { # into $1
    local image deb file
    image=$(newest "linux-image-$arch" Depends | tr -d ',')  # the name of the newest kernel's own package
    (cd "$work" && apt-get "${apt[@]}" download "$image" busybox-static) >&2
    deb=$(echo "$work/$image"_*.deb)
    mkdir "$work/kernel"
    dpkg-deb -x "$deb" "$work/kernel"
    version=$(basename "$work"/kernel/usr/lib/modules/*)
    [ -d "$work/kernel/lib" ] || ln -s usr/lib "$work/kernel/lib"  # where depmod and modprobe look
    for file in "$work"/kernel/boot/*; do
        case $(basename "$file") in
            vmlinu[xz]-*) cp "$file" "$1/kernel" ;;
            config-*) cp "$file" "$1/config" ;;
        esac
    done
    echo "$version" > "$1/version"
}
initrd() { # $1: the file
    local tree=$work/initrd file to
    unpack "$work/busybox" "$work"/busybox-static_*.deb
    mkdir -p "$tree"/{bin,dev,proc,sys,root,sbin,tmp}
    cp "$work/busybox/usr/bin/busybox" "$tree/bin/busybox"
    ln -s busybox "$tree/bin/sh"
    ln -s ../bin/busybox "$tree/sbin/modprobe"  # the kernel calls it for what modules ask for
    install -m 755 guests/machine/init "$tree/init"
    depmod -b "$work/kernel" "$version"
    # Plain, so that the guest needs no time to decompress them; most of such a module are names of its own labels.
    while read -r file; do
        to=$tree/lib/modules/$version/$(basename "${file%.xz}")
        mkdir -p "$(dirname "$to")"
        xz -dc "$file" > "$to"
        "$guest_triple-strip" --strip-unneeded "$to"
    done < <(for m in "${modules[@]}"; do modprobe -d "$work/kernel" -S "$version" --show-depends "$m"; done | awk '$1 == "insmod" { print $2 }' | sort -u)
    depmod -b "$tree" "$version" 2> /dev/null  # it misses the lists of what is built in
    rm -f "$tree/lib/modules/$version"/*.bin    # busybox reads the text
    (cd "$tree" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 --reproducible) > "$1"
}
disk() { # TREE FILE MiB : TREE becomes a root disk that begins as guests/machine/init says
    mkdir -p "$1"/{dev,proc,sys,root,tmp,etc}
    [ -x "$1/usr/bin/dash" ] || ln -sfn busybox "$1/usr/bin/sh"
    install -m 755 guests/machine/init "$1/usr/sbin/init"
    rm -f "$2"
    truncate -s "$3M" "$2"
    # Files belong to whoever makes the disk: root of the guest may read them all the same.
    mke2fs -q -t ext4 -L vmroot -E root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0 -d "$1" "$2" >&2
}
make_all() {
    work=$(mktemp -d "$out.work.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    debian_apt "$name" "$arch" "$suite"
    rm -rf "$out"
    mkdir "$work/out"
    kernel "$work/out"
    initrd "$work/out/initrd.cpio"
    unpack "$work/root" "$work"/busybox-static_*.deb
    rm -rf "$work"/root/usr/share
    disk "$work/root" "$work/out/root.ext4" 64
    mv "$work/out" "$out"
    echo "$key" > "$out/.complete"
}
[ "$(cat "$out/.complete" 2>/dev/null)" = "$key" ] || (make_all)
if [ "${1:-}" != --disk ]; then
    [ $# = 0 ] || { echo "machine-guests: '$1' is none of its options" >&2; exit 2; }
    echo "$out"
    exit 0
fi
shift
[ $# -gt 0 ] || { echo "machine-guests: --disk needs the names of packages" >&2; exit 2; }
image=$out/$(IFS=-; echo "$*").ext4
if [ ! -e "$image" ]; then
    sysroot=$(tools/sysroot.sh "$arch" busybox-static "$@")
    tree=$(mktemp -d "$out.tree.XXXXXX")
    trap 'rm -rf "$tree"' EXIT
    cp -a "$sysroot/." "$tree"
    rm -rf "$tree"/usr/share/{doc,man,locale} "$tree/.complete"
    disk "$tree" "$image.new" $(($(du -sm "$tree" | cut -f1) * 5 / 4 + 256))
    mv "$image.new" "$image"
fi
echo "$image"
