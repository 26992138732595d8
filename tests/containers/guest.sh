#!/bin/bash
# Runs in every view of the guest's system and natively, and must print the same. Needs bash, coreutils, grep, sed, perl, python3.
set -eu
export PATH=/usr/bin:/bin LC_ALL=C PYTHONDONTWRITEBYTECODE=1
dir=$(mktemp -d /tmp/vm-containers-XXXXXX)
trap 'cd /; rm -rf "$dir"' EXIT
cd "$dir"
name=${dir##*/}
hide() { sed "s/$name/DIR/g"; }

echo "== places"
pwd | hide
/bin/pwd | hide
python3 -c 'import os; print(os.getcwd()); os.chdir(".."); print(os.getcwd()); os.chdir("../.."); print(os.getcwd())' | hide
perl -MCwd -e 'chdir "/../../usr/../usr/lib" or die; print getcwd(), "\n"'
readlink /proc/self/cwd | hide
(cd / && test /proc/self/cwd -ef / && echo "the root is the root")
ls -d /dev/null /proc/self/status /sys
test -c /dev/null && echo "a device"

echo "== files"
seq 1 1000 > numbers
mkdir -p a/b
ln -s "$dir/numbers" a/absolute
ln -s ../../numbers a/b/relative
ln numbers hard
mv hard a/b/moved
cmp a/absolute a/b/relative && cmp a/b/moved numbers && echo "links lead home"
python3 - <<'PY'
import os, pathlib, shutil, tempfile
assert pathlib.Path("a/b/../absolute").resolve() == pathlib.Path("numbers").resolve()
fd = os.open("a", os.O_RDONLY)
print(sorted(os.listdir(fd)), os.readlink("b/relative", dir_fd=fd), os.stat("absolute", dir_fd=fd).st_size)
os.mkdir("made", dir_fd=fd)
os.rename("made", "b/renamed", src_dir_fd=fd, dst_dir_fd=fd)
os.rmdir("b/renamed", dir_fd=fd)
os.close(fd)
with tempfile.TemporaryDirectory(dir=".") as t:
    shutil.copytree("a", t + "/copy", symlinks=True)
    print(sorted(os.listdir(t + "/copy/b")))
PY

echo "== programs"
sha256sum numbers | cut -d' ' -f1
sort -rn a/absolute | head -n 3 | tr '\n' ' '; echo
grep -c 7 numbers
perl -ne '$s += $_; END { print "$s\n" }' numbers
python3 -c 'import sys; print(sum(int(n) for n in open("numbers")))'
cat > script.py <<'PY'
#!/usr/bin/python3
import subprocess, sys
print(sys.argv[1:], subprocess.run(["/bin/sh", "-c", "echo child of $0; exit 3", "python"]).returncode)
PY
chmod +x script.py
./script.py one "two three"
"$dir/script.py" absolute
printf '#!/bin/bash -e\necho "$0 with $# arguments"\n' > inner
chmod +x inner
./inner x y z
(exec -a renamed bash -c 'echo "$0"')
for i in 1 2 3; do (sleep 0.0$i; echo "background $i" >> log) & done
wait
sort log

echo "== sockets"
python3 - <<'PY'
import os, socket, threading
server = socket.socket(socket.AF_UNIX)
server.bind("a/socket")
server.listen()
print(server.getsockname(), os.path.exists("a/socket"))
def serve():
    c, _ = server.accept()
    c.sendall(c.recv(100).upper())
    c.close()
t = threading.Thread(target=serve)
t.start()
c = socket.socket(socket.AF_UNIX)
c.connect(os.path.abspath("a/socket"))
print(c.getpeername())
c.sendall(b"hello")
print(c.recv(100))
t.join()
PY
echo "== end"
