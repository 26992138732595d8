#!/usr/bin/env bash
# Proves the README's two commands on a machine with nothing prepared: debootstraps a bare Debian 12, clones this checkout's
# HEAD into it and runs ./dev demo and ./dev test there. Needs root, debootstrap and the mirror that apt here uses.
#   fresh.sh [DIR]      DIR: where (default: a new directory in the cache), kept for a look afterwards
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
. tools/lib.sh
[ "$(id -u)" = 0 ] || { echo "fresh: needs root for chroot" >&2; exit 1; }
install_packages debootstrap
root=${1:-$(cache_root)/fresh}
mirror=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN)/$(LABEL)/$(COMPONENT)' 'Created-By: Packages' |
    awk '$2 == "Debian/Debian/main" && !n++ { print $1 }')
if [ ! -e "$root/etc/debian_version" ]; then
    debootstrap --variant=minbase --include=ca-certificates,git bookworm "$root" "$mirror" > "$root.log" 2>&1 || { tail "$root.log" >&2; exit 1; }
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp /etc/hosts "$root/etc/hosts"
for f in /etc/apt/apt.conf.d/*proxy*; do [ ! -e "$f" ] || cp "$f" "$root/etc/apt/apt.conf.d/"; done
rm -rf "$root/work" && git clone -q . "$root/work"
cleanup() { umount -l "$root/proc" "$root/dev" "$root/sys" 2>/dev/null || true; }
trap cleanup EXIT
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin CI=true \
    bash -c 'cd /work && time ./dev demo && time ./dev test'
