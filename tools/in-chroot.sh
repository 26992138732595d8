#!/usr/bin/env bash
# in-chroot.sh VM SYSROOT COMMAND… : runs COMMAND with SYSROOT, of a guest's ISA, as /, besides the host's /proc, /dev and /sys. The kernel starts
# the guest's programs by the vm-user beside VM: registered in the binfmt_misc of a user namespace, so the host's stays as it is. Root keeps all
# its users there. This process becomes COMMAND.
set -euo pipefail
vm=$(readlink -f "$1") root=$2
shift 2
users=(-r)
if [ "$(id -u)" = 0 ]; then
    users=()
    ours=$(readlink /proc/self/ns/user)
    ( # outlives this shell's becoming COMMAND
        until [ "$(readlink /proc/$$/ns/user)" != "$ours" ]; do sleep 0.01; done
        echo '0 0 4294967295' > /proc/$$/gid_map
        echo '0 0 4294967295' > /proc/$$/uid_map
    ) &
fi
# shellcheck disable=SC2016
exec unshare -U "${users[@]}" -m -- sh -c 'vm=$1 root=$2; shift 2
    set -e
    until grep -q . /proc/self/uid_map; do sleep 0.01; done
    mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
    "$vm" binfmt install > /dev/null
    for d in proc dev sys; do mount --rbind "/$d" "$root/$d"; done
    exec chroot "$root" "$@"' sh "$vm" "$root" "$@"
