#!/usr/bin/env bash
# contain.sh COMMAND… : runs COMMAND with processes, a loopback network, mounts and users of its own, for suites that leave things behind: what
# it started ends with it. It is root there, and has no rights outside. Exit status: the command's.
set -euo pipefail
# shellcheck disable=SC2016
exec unshare -r -m -p -f -n -i --kill-child --mount-proc -- sh -c 'ip link set lo up; "$@"; exit $?' sh "$@"
