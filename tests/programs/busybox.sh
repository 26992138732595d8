# The applets of one static binary, through its own shell. Prints only what every version prints.
# needs: busybox
cd "$(mktemp -d)" || exit 9
b() { busybox "$@"; }
b seq 5 | b tac | b tr '\n' ' '; b printf '%s\n' c a b | b sort | b uniq -c; b echo hello | b md5sum; b echo hello | b sha512sum; b seq 20 | b awk '{ s += $1 } END { print s, NR }'
b seq 30 | b sed -n '/5$/p;s/1\(.\)/<\1>/p' | b head -n 8; b mkdir -p d/e; b touch d/e/f d/g; b find d -type f | b sort; b ln -s g d/l; b readlink d/l; b ls -1 d
b seq 500 > n; b gzip -c n | b gunzip -c | b cmp - n && b echo gzip; b tar cf t.tar d n && b tar tf t.tar | b sort; b bzip2 -c n | b bunzip2 -c | b wc -l; b cp n m; b diff n m && b echo same
b dd if=/dev/zero bs=1k count=8 2> /dev/null | b wc -c; b cut -c2 n | b tail -n 2; b od -An -tx1 n | b head -n 1; b stat -c %s n; b chmod 640 n; b stat -c %a n; b xargs -n 2 echo < n | b tail -n 1
b expr 6 \* 7; b basename /a/b.c .c; b dirname /a/b; b env -i A=1 busybox env; b date -u -d @86400 +%F; b factor 360; b fold -w 8 n | b wc -l; b grep -c 7 n; b nl n | b tail -n 1; b paste n m | b head -n 1
b vi -h > /dev/null 2>&1; b timeout 1 busybox sleep 5; b echo "timeout $?"; busybox sh -c 'trap "echo trapped" USR1; kill -USR1 $$; busybox true'; b sh -c 'exit 4'; b echo "exit $?"
b dc -e '2 100 ^ p' 2> /dev/null; i=0; while [ $i -lt 1000 ]; do i=$((i + 1)); done; b echo $i; b ash -c 'f() { local x=$1; [ $x -le 0 ] && echo done || f $((x - 1)); }; f 200'; exit 5
