#!/usr/bin/env bash
# qemu-binfmt.sh GUEST SYSROOT COMMAND… : runs COMMAND where programs of GUEST start under its QEMU with -L SYSROOT, those that a guest executes
# included: QEMU user mode does not follow execve by itself. Registered in the binfmt_misc of a user namespace; the host's stays as it is.
# This process becomes COMMAND.
set -euo pipefail
guest=$1 sysroot=$2
shift 2
# shellcheck disable=SC1090
. "$(dirname "$(readlink -f "$0")")/guests/$guest.conf"
# shellcheck disable=SC2086
machine=$(printf '\\x%s' $guest_machine)
magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00'$machine
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
qemu=$(command -v "$guest_qemu")
export QEMU_LD_PREFIX=$sysroot VM_BINFMT=":qemu:M::$magic:$mask:$qemu:F"
# shellcheck disable=SC2016
exec unshare -r -m -- sh -c 'mount -t binfmt_misc none /proc/sys/fs/binfmt_misc &&
    printf "%s\n" "$VM_BINFMT" > /proc/sys/fs/binfmt_misc/register && unset VM_BINFMT && exec "$@"' sh "$@"
