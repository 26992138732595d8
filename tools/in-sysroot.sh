#!/usr/bin/env bash
# in-sysroot.sh SYSROOT COMMAND… : runs COMMAND with SYSROOT as /, besides the host's /proc, /dev, /sys, /tmp and this repository. For
# sysroots of this machine's own architecture, whose programs are the native reference of a guest's. This process becomes COMMAND.
set -euo pipefail
sysroot=$1
shift
repo=$(dirname "$(dirname "$(readlink -f "$0")")")
cache=$(dirname "$sysroot")
mkdir -p "$sysroot$repo" "$sysroot$cache" "$sysroot/.host"
users=()
[ "$(id -u)" = 0 ] || users=(-r)
# shellcheck disable=SC2016
exec unshare "${users[@]}" -m -- sh -c 'root=$1 repo=$2 cache=$3 dir=$PWD; shift 3
    set -e
    mount --bind "$root" "$root"
    for d in proc dev sys tmp; do mount --rbind "/$d" "$root/$d"; done
    mount --rbind "$repo" "$root$repo"
    mount --rbind "$cache" "$root$cache"
    cd "$root"
    pivot_root . .host  # chroot would forbid user namespaces
    exec /usr/bin/env -C "$dir" "$@"' sh "$sysroot" "$repo" "$cache" "$@"
