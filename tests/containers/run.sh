#!/usr/bin/env bash
# One script in every view of a guest's system, against what it prints natively: -L, --root, vm-user in a chroot with and without
# binfmt_misc, a podman container. binfmt_misc is that of a user namespace, so nothing of the host changes; that `vm binfmt remove`
# leaves nothing there is checked too. What this machine cannot do is "skipped" with the reason, never "ok".
#   run.sh [--guest NAME]... [NAME...]      only these: L root byhand noproc binfmt chroot podman remove
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
. tools/lib.sh
here=$PWD/tests/containers

one_guest() ( # GUEST NAME... : runs this script inside a user namespace; a subshell, for its trap
    sysroot=$(tools/sysroot.sh "$1") || exit 1
    work=$(mktemp -d /tmp/vm-containers-run-XXXXXX)
    cleanup() { chmod -R u+w "$work" 2> /dev/null; rm -rf --one-file-system "$work"; }
    trap cleanup EXIT
    cp -a --reflink=auto "$sysroot" "$work/root"
    mkdir -p "$work/root"/{proc,dev,sys,tmp,root}
    chmod 1777 "$work/root/tmp"
    cp build/release/vm-user "$here/guest.sh" "$work/root/"
    # A user namespace with a mount namespace: all users as root, else this one.
    if [ "$(id -u)" = 0 ]; then
        mkfifo "$work/go"
        unshare -Um bash -c 'read -r _ < "$1"; shift; exec "$@"' x "$work/go" "$0" --inside "$work" "$@" &
        inside=$!
        until [ "$(readlink /proc/$inside/ns/user 2> /dev/null)" != "$(readlink /proc/self/ns/user)" ] || ! kill -0 $inside 2> /dev/null; do sleep 0.05; done
        echo '0 0 65536' > /proc/$inside/uid_map && echo '0 0 65536' > /proc/$inside/gid_map
        echo > "$work/go"
        wait $inside
        exit
    fi
    unshare -Urm "$0" --inside "$work" "$@"
)

if [ "${1:-}" != --inside ]; then
    take_guests "$@"
    failed=0
    for g in "${guests[@]}"; do one_guest "$g" "${args[@]}" || failed=1; done
    exit $failed
fi

work=$2 root=$2/root vm=$PWD/build/release/vm
guest "$3"
shift 3
only=" $* "
passed=0 failed=0 skipped=0
wanted() { [ "$only" = "  " ] || [[ $only == *" $1 "* ]]; }
ok() { echo "ok   $1"; passed=$((passed + 1)); }
bad() { echo "FAIL $1${2:+: $2}"; failed=$((failed + 1)); }
skip() { wanted "$1" || return 0; echo "skipped $1: $2"; skipped=$((skipped + 1)); }
same() { # name, command…: prints what the script prints natively and succeeds
    local name=$1 rc=0
    shift
    wanted "$name" || return 0
    timeout 600 "$@" > "$work/out" 2> "$work/err" < /dev/null || rc=$?
    if [ $rc = 0 ] && cmp -s "$work/native" "$work/out"; then
        ok "$name"
    else
        bad "$name" "exit status $rc"
        diff "$work/native" "$work/out" | head -n 10
        tail -n 5 "$work/err"
    fi
}
runs_guests() { chroot "$root" /usr/bin/true 2> /dev/null; }

bash "$here/guest.sh" > "$work/native" || { echo "containers: the script fails natively" >&2; exit 1; }

same L "$vm" run -L "$root" "$root/usr/bin/bash" "$here/guest.sh"
same root "$vm" run --root "$root" /guest.sh

# A bare chroot: no /proc for vm-user to find itself by, and no /dev: the programs print what they print without.
noproc='cd /usr/lib; pwd; /bin/echo $(seq 1 5 | sort -r); python3 -c "import subprocess; print(subprocess.run([\"/bin/sh\", \"-c\", \"exit 5\"]).returncode)"; exec -a x bash -c "echo \$0"'
if wanted noproc; then
    if [ "$(chroot "$root" /vm-user /bin/bash -c "$noproc" 2>&1)" = $'/usr/lib\n5 4 3 2 1\n5\nx' ]; then ok noproc; else bad noproc "$(chroot "$root" /vm-user /bin/bash -c "$noproc" 2>&1 | head -n 5)"; fi
fi
for d in proc dev sys; do
    mount --rbind /$d "$root/$d" || { echo "containers: /$d cannot be bound into the chroot" >&2; exit 1; }
done
if runs_guests; then skip byhand "this kernel already runs $guest programs by another entry: $("$vm" binfmt status | tail -n 1)"
else same byhand chroot "$root" /vm-user /bin/bash /guest.sh; fi

# ---- binfmt_misc
cp /proc/self/mountinfo "$work/mounts-before"
if ! reason=$("$vm" binfmt install 2>&1 > "$work/install"); then
    for name in binfmt chroot podman remove; do skip $name "${reason#vm: }"; done
else
    rm "$root/vm-user"  # flag F: the kernel has opened it, nobody inside needs it
    if wanted binfmt; then
        if "$vm" binfmt status -o json | grep -q "\"by_entry\": \"vm-$guest_isa\"" && runs_guests; then ok binfmt; else bad binfmt "$("$vm" binfmt status)"; fi
    fi
    same chroot chroot "$root" /guest.sh
    if ! wanted podman; then :
    elif ! command -v podman > /dev/null; then skip podman "podman is not installed (apt-get install podman crun)"
    else
        # What nested use needs: no cgroups, no network, no limits raised, its own storage; crun refuses the hybrid cgroup layout.
        [ ! -d /sys/fs/cgroup/unified ] || mount -t tmpfs none /sys/fs/cgroup
        podman=(podman --root "$work/podman/root" --runroot "$work/podman/run" --tmpdir "$work/podman/tmp" --storage-driver vfs
            --cgroup-manager cgroupfs --events-backend file --runtime crun)
        run=(run --rm --network none --cgroups disabled --ulimit nofile=1000:1000 --ulimit nproc=1000:1000)
        if ! tar -C "$root" --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' -c . |
            "${podman[@]}" import --arch "$guest" --os linux - vm-containers > "$work/import" 2>&1; then
            skip podman "podman import: $(tail -n 1 "$work/import")"
        # A program of this machine's own, so that a podman that cannot run anything here is told from a vm that fails
        elif mkdir -p "$work/native-root" && cp "$vm" "$work/native-root/vm" &&
            ! "${podman[@]}" "${run[@]}" --rootfs "$work/native-root" /vm version > "$work/podman-native" 2>&1; then
            skip podman "podman cannot run a native program here: $(tail -n 1 "$work/podman-native")"
        else
            same podman "${podman[@]}" "${run[@]}" vm-containers /guest.sh
        fi
        umount /sys/fs/cgroup 2> /dev/null
    fi
    if wanted remove; then
        mount | grep "$work/podman" | awk '{ print $3 }' | sort -r | xargs -r umount -l
        if ! "$vm" binfmt remove > "$work/remove" 2>&1; then bad remove "$(cat "$work/remove")"
        elif runs_guests; then bad remove "$guest programs still run"
        elif ! diff "$work/mounts-before" /proc/self/mountinfo; then bad remove "mounts differ"
        else ok remove; fi
    fi
fi
echo "$guest: $passed passed, $failed failed, $skipped skipped"
if [ "$only" = "  " ]; then tools/readme.py record containers "$guest" "$passed" "$failed" "$([ $skipped = 0 ] || echo "$skipped skipped")"; fi
[ $failed = 0 ] && [ $passed -gt 0 ]
