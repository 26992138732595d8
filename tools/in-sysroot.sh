#!/usr/bin/env bash
# in-sysroot.sh SYSROOT COMMAND… : runs COMMAND with SYSROOT as /, besides the host's /proc, /dev, /sys, /tmp and this repository. For
# sysroots of this machine's own architecture, whose programs are the native reference of a guest's. This process becomes COMMAND.
set -euo pipefail
sysroot=$1
shift
repo=$(dirname "$(dirname "$(readlink -f "$0")")")
cache=$(dirname "$sysroot")
mkdir -p "$sysroot$repo" "$sysroot$cache"
# shellcheck disable=SC2016
exec unshare -r -m -- sh -c 'root=$1; shift
    for d in proc dev sys tmp; do mount --rbind "/$d" "$root/$d" || exit 125; done
    mount --bind "$1" "$root$1" && mount --rbind "$2" "$root$2" || exit 125
    dir=$PWD; shift 2
    exec chroot "$root" /usr/bin/env -C "$dir" "$@"' sh "$sysroot" "$repo" "$cache" "$@"
