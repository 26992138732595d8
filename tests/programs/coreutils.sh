# One line of work for many of coreutils' programs; prints only what every version prints.
export LC_ALL=C
cd "$(mktemp -d)" || exit 9
seq 1 50 > n; printf 'b 2\na 1\nc 3\n' > t
basename /a/b.c .c; dirname /a/b.c; cat t; cksum n; comm -12 n n | wc -l; cp n m; cmp n m && echo same
cut -d' ' -f2 t; date -u -d @86400 +%F; echo hi; env -i A=1 env; expand -t4 t | head -1; expr 6 \* 7; factor 360360
false || echo false; fmt -w 20 t; fold -w 10 n | tail -1; head -3 n; join <(sort t) <(sort t) 2>/dev/null || join t t 2>/dev/null | wc -l
ln n hard; stat -c %h n; ls -1; md5sum n; mkdir -p x/y; mktemp -u abc.XXX | cut -c1-3; mv m q; nice -n 1 true && echo nice; nl t; nproc > /dev/null && echo nproc
numfmt --to=iec 1048576; od -An -tx1 t | head -2; paste t t; pathchk /a/b && echo pathchk; pr -t -2 -l5 t; printenv HOME > /dev/null && echo home; printf '%s-%s\n' a b
ptx t | wc -l; pwd > /dev/null && echo pwd; readlink -f . > /dev/null && echo readlink; realpath / ; rm q; rmdir x/y; seq -s, 5; sha1sum n; sha512sum n | cut -c1-20
shuf -i 1-9 --random-source=/dev/zero | sort -n | tr '\n' ' '; sleep 0.01; sort -k2,2nr t; split -n 3 n && ls x??; stat -c %s n; sum n; tac t; tail -2 n; tee o < t > /dev/null; cmp o t && echo tee
test 3 -gt 2 && echo test; timeout 1 true && echo timeout; timeout 0.1 sleep 5; echo $?; touch -d @0 z; stat -c %Y z; tr a-c A-C < t; truncate -s 1234 z; stat -c %s z; tsort <(echo a b b c) 2>/dev/null | head -1
uname -s; unexpand -a t | head -1; uniq -c <(echo a; echo a) | tr -s ' '; wc n; whoami > /dev/null && echo whoami; yes | head -2; base64 t | head -1; base32 t | head -1; b2sum n | cut -c1-16
dd if=n of=dd.out bs=7 2> /dev/null; cmp n dd.out && echo dd; df / > /dev/null && echo df; du -b t | cut -f1; id -u > /dev/null && echo id; install -m 600 t inst; stat -c %a inst; link t l2; unlink l2; mkfifo ff; [ -p ff ] && echo fifo
chmod 711 t; stat -c %A t; csplit -s n 10 20; ls xx*; tty < /dev/null; echo $?; sync -d n && echo sync; nohup true 2> /dev/null && echo nohup; stdbuf -oL echo stdbuf 2>/dev/null; true
