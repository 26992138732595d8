#!/usr/bin/env bash
# contain.sh COMMAND… : runs COMMAND with processes, a loopback network, mounts and users of its own, for suites that leave things behind: what
# it started ends with it. Who is not root outside is root there, without rights outside; root stays what it is, with all its users. Exit
# status: the command's.
set -euo pipefail
users=()
[ "$(id -u)" = 0 ] || users=(-r)
# shellcheck disable=SC2016
exec unshare "${users[@]}" -m -p -f -n -i --kill-child --mount-proc -- sh -c 'ip link set lo up; "$@"; exit $?' sh "$@"
