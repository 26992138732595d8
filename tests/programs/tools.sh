# What people's scripts use besides the first line of coreutils: text tools, archives, find and xargs, file times and modes, awk, sed, grep, perl,
# bc, sqlite3. Prints only what every version prints. Programs that run.sh must find in the sysroot:
# needs: awk base64 basenc bash bc bzip2 cat chgrp chmod comm cp csplit cut date dd df diff dircolors env expr factor file find flock getopt grep gzip head
# needs: id install join ls md5sum mktemp mv nohup nproc numfmt od paste perl printf ptx rev sed seq setsid sha224sum sha384sum
# needs: shred sort split sqlite3 stat stdbuf tac tail tar tee timeout touch tr truncate tsort uniq users wc xargs xz yes
export LC_ALL=C TZ=UTC
umask 022
cd "$(mktemp -d)" || exit 9
section() { echo; echo "== $*"; }

section sorting
printf '%s\n' 10 9 2 33 1 '' 2 1e3 -5 0x1f > nums
sort nums | tr '\n' ' '; sort -n nums | tr '\n' ' '; sort -g nums | tr '\n' ' '; sort -rnu nums | tr '\n' ' '; echo
printf '%s\n' 10K 2M 512 1G 3K | sort -h | tr '\n' ' '; printf 'v1.10\nv1.9\nv1.2-rc\n' | sort -V | tr '\n' ' '; echo
printf 'Jan\nDec\nMar\n' | sort -M | tr '\n' ' '; printf 'b:2\na:2\nc:1\n' | sort -t: -k2,2n -k1,1r | tr '\n' ' '; echo
seq 20000 | sort -R --random-source=/dev/zero | sort -n --parallel=2 -S 1M | md5sum
seq 3000 | shuf --random-source=/dev/zero | sort -n -S 16K -T . | cmp - <(seq 3000) && echo "merged from disk"
printf 'x\ny\nz\n' > a; printf 'w\ny\nz\n' > b; comm a b; comm -3 a b; sort -m a b | uniq -d; sort -c nums 2> /dev/null; echo "sort -c: $?"
printf '1 one\n2 two\n4 four\n' > l; printf '1 eins\n3 drei\n4 vier\n' > r
join l r; join -a1 -a2 -e- -o 0,1.2,2.2 l r; join -v2 l r

section text
echo 'Hello, World' | tr '[:lower:]' '[:upper:]' | tr -d ',' | tr -s 'L'; echo abcdef | tr 'a-f' '1-6'; echo hello | tr -c 'a-y\n' '_'
printf 'a,b,c\nd,e,f\n' | cut -d, -f1,3 --output-delimiter=';'; echo abcdef | cut -c2-4; echo "12345" | cut -b-2,5
printf 'a\tb\n' | expand -t 4 | od -c | head -2; printf '\x00\x01\xfe\xff' | od -An -tx1 -tu2 -td4; echo 3.14 | od -An -tfF | head -c 6; echo
seq 9 | paste - - -; seq 3 | paste -sd+ | bc; seq 12 | pr -3 -t -l4; rev <<< 'stressed'
printf 'one two three four five' | fmt -w 10; echo; printf 'abcdefghij' | fold -w 4; echo; nl -ba -w3 -s: a; tac a; head -c 3 nums; tail -n +8 nums | tail -c 5
numfmt --to=iec 123456789; numfmt --from=iec 1.5K; numfmt --to=si --suffix=B 2500000; echo '5000 x' | numfmt --field=1 --to=iec; numfmt --grouping 12 
factor 1 2 97 360 18446744073709551557; factor 18446744073709551617
expr 3 + 4 \* 2; expr length hello; expr substr hello 2 3; expr hello : 'h\(.*\)o'; printf '%08.3f|%-6s|%+d|%x|%e|%b\n' 3.14159 ab 5 255 12345.678 'a\tb'
date -d '2024-02-29 12:34:56' '+%F %T %j %U %u %s'; date -d '2024-01-31 +1 month' +%F; date -d @1700000000 -Iseconds; date -R -d '1999-12-31 23:59:59'
TZ=America/New_York date -d @1700000000 '+%F %T %z'; date -d 'nonsense' 2> /dev/null; echo "date: $?"
echo "hello world" | base64; echo "aGk=" | base64 -d; echo; echo "test" | basenc --base16; base64 -d <<< '!!' 2> /dev/null; echo "base64: $?"
ptx -G <<< 'the quick fox' 2> /dev/null | wc -l; tsort <<< $'a b\nb c'; uniq -c <<< $'x\nx\ny' | sed 's/^ *//'; seq -w 8 11 | tr '\n' ' '; seq 1 .5 3 | tr '\n' ' '; echo

section sums
seq 5000 > data
for s in md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum; do $s data | cut -c1-32; done
cksum data; sum data; sum -s data; sha256sum data > sums; sha256sum -c sums; echo x >> data; sha256sum -c sums 2> /dev/null; echo "check: $?"

section files
seq 100 > f; dd if=f of=g bs=16 skip=2 count=3 seek=1 conv=notrunc 2> err; grep -c records err; cksum g; dd if=/dev/zero bs=1M count=4 2> /dev/null | wc -c
dd if=f bs=10 count=1 conv=ucase,swab 2> /dev/null | od -An -tx1; dd if=/dev/zero of=sparse bs=1 count=1 seek=1M 2> /dev/null; stat -c '%s %b' sparse | cut -d' ' -f1
touch -d '2001-02-03 04:05:06.789' old; stat -c '%y %X %n' old; touch -r old copy; stat -c %Y copy; [ f -nt old ] && echo newer
ln f hard; ln -s f soft; ln -s nowhere dangling; stat -c '%h %F' f soft; stat -L -c %F soft; readlink soft dangling; ls -l dangling | cut -c1-10
chmod u=rwx,g=rx,o= f; stat -c '%a %A' f; chmod a-x,g+w f; stat -c %a f; chmod 4755 g; stat -c %A g; chgrp "$(id -g)" g && echo chgrp
install -d -m 750 dir/sub; stat -c %a dir/sub; install -m 640 f dir/inst; stat -c '%a %s' dir/inst
cp -a soft dir/; cp --preserve=all old dir/; stat -c %Y dir/old; cp -r dir dir2; mv dir2 dir3; mv -n f g; ls -R dir3; cp -u old f; cp -l f dir/linked; stat -c %h f
ls -l --time-style=+%s old | awk '{print $1, $2, $5, $6, $7}'; ls -1F dir; ls -a | wc -l; ls -Sr1 | head -2; ls nonexistent 2> /dev/null; echo "ls: $?"
split -b 100 -d f p.; ls p.*; cat p.* | cmp - f && echo rejoined; split -n l/3 f q.; wc -l q.* | tail -1; csplit -s -f c. f /20/ /5/ '{1}' && wc -l c.* | sed 's/^ *//'
truncate -s 10K t; stat -c %s t; truncate -s -1 t; stat -c %s t; shred -u t && [ ! -e t ] && echo shredded; df -P . | wc -l; df --output=target / | tail -1
mktemp -p . tmp.XXXX | wc -c; d=$(mktemp -d -t dXXXX); [ -d "$d" ] && rmdir "$d" && echo mktemp; rm -rf dir3; [ -e dir3 ] || echo removed; mkdir m && rm m 2> /dev/null; echo "rm: $?"

section find
mkdir -p tree/{a,b}/{c,d}; touch tree/a/c/{1,2}.txt tree/b/d/3.log "tree/b/with space"; chmod 600 tree/b/d/3.log
find tree -type f | sort; find tree -name '*.txt' -o -name '*.log' | sort | head -2; find tree -type d -empty | sort; find tree -perm 600; find tree -newer old -type f | wc -l
find tree -type f -print0 | sort -z | xargs -0 -n 2 echo got; find tree -name '*.txt' -exec basename {} \; | sort; find tree -type f -exec ls {} + | wc -l; find tree -size 0 -type f -delete; find tree -type f | wc -l
seq 10 | xargs -n 3 -P 2 echo | sort; seq 3 | xargs -I{} echo "<{}>"; echo 'a b' | xargs -d ' ' -n1 printf '[%s]'; false | xargs -r echo none; seq 3 | xargs false; echo "xargs: $?"

section grep-sed-awk
printf 'foo123\nbar\nbaz42\nFOO\n' > w
grep -E '[0-9]{2,}' w; grep -ic foo w; grep -vn ba w; grep -o '[a-z]*' w | head -3; grep -x bar w; grep -F . w; echo "grep: $?"; grep -rl foo . | sort | head -3; grep -A1 -B1 bar w; grep -q nope w || echo no
grep -P '^\w+?(?=\d{2}$)' w; grep -oP '(?<=ba)z\d+' w
sed 's/\([a-z]*\)\([0-9]*\)/\2\1/' w; sed -n '2,3p;$=' w; sed '/bar/d;s/o/0/2' w; sed -E ':a;s/^(.{1,7})$/ \1/;ta' w; sed '1!G;h;$!d' w; sed y/abc/xyz/ w | head -2; cp w w2; sed -i.bak 's/foo/qux/' w2; cat w2; ls w2*; sed '/foo/,/baz/{=;d}' w
awk -F: '{n[$3 % 5]++} END {for (k in n) t += n[k]; print t > 0}' /etc/passwd
seq 10 | awk '{s += $1; p *= NR} NR % 4 == 0 {print NR, s} END {printf "%.3f %d %s\n", s / 7, int(-3.7), substr("hello", 2, 3)}'
awk 'BEGIN {x = "a,b;c"; n = split(x, p, /[,;]/); print n, p[3], toupper(x), length(x), index(x, "b"), match(x, /;/), RSTART; gsub(/[abc]/, "<&>", x); print x, sprintf("%5.2f", atan2(0, -1)), sin(1), exp(1), log(10), 2 ^ 0.5}'
awk 'function f(n) {return n < 2 ? n : f(n - 1) + f(n - 2)} BEGIN {print f(18); "echo piped" | getline l; print l; print "b\na" | "sort"; close("sort"); while (("seq 3" | getline v) > 0) t += v; print t}'
diff a b; diff -u a b | tail -n +3; diff -q a a && echo equal; diff -y -W 20 a b; cmp a b; echo "cmp: $?"

section archives
mkdir arch; seq 2000 > arch/big; echo small > arch/small; ln -s small arch/link; ln arch/small arch/hardlink; chmod 751 arch/big; touch -d @1000000000 arch/*
for z in '' z j J; do tar -c${z}f x.tar$z arch; mkdir out; tar -xpf x.tar$z -C out; diff -r arch out/arch && stat -c '%a %Y %n' out/arch/big; tar -tf x.tar$z | sort | head -3; rm -r out; done
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf - arch | sha256sum | wc -c; tar -cf - arch | tar -xOf - arch/small
for c in gzip bzip2 xz; do $c -k -9 arch/big; $c -t arch/big.*; $c -dc arch/big.* | cmp - arch/big && echo "$c ok"; rm arch/big.*; head -c 300000 /dev/zero | $c -c | $c -d | wc -c; done
echo broken | gzip -d 2> /dev/null; echo "gzip: $?"; xz -T2 -c arch/big | xz -dc | md5sum; zcat <(gzip -c a); bzip2 -c a | bzcat

section processes
timeout 0.2 sleep 5; echo "timeout: $?"; timeout -s KILL 0.2 sleep 5; echo "killed: $?"; timeout 5 sh -c 'exit 7'; echo "own: $?"; timeout -k 0.2 3 sh -c 'trap "" TERM; sleep 30'; echo "both: $?"
nohup sh -c 'echo from nohup' 2> /dev/null | cat; setsid sh -c 'echo from setsid' | cat; nice -n 5 nice; env -i A=b env; env -u HOME sh -c 'echo ${HOME-unset}'; stdbuf -oL echo line
seq 5 | tee t1 t2 | tail -1; cmp t1 t2 && echo tee; yes n | head -3 | wc -l; flock lock -c 'echo locked'; sh -c 'kill -TERM $$'; echo "sig: $?"; (ulimit -n 64; sh -c 'ulimit -n'); getopt -o ab: -- -b x -a rest
mkfifo ff; (sleep 0.05; echo late > ff) & cat ff; wait; sleep 0.2 & p=$!; kill -STOP $p; kill -CONT $p; wait $p; echo "job: $?"

section languages
printf '%s\n' '2^100; scale=20; 1/3; sqrt(2); scale=0; 17%5' 'define f(n) {' 'if (n < 2) return (1)' 'return (n * f(n - 1))' '}' 'f(25); obase=16; 255' | bc; echo 'scale=10; s(1); e(1); a(1)*4' | bc -l
perl -e 'my %h = (a => 1, b => 2); print join(",", map {"$_=$h{$_}"} sort keys %h), "\n"; printf "%.10f %s\n", atan2(1, 1) * 4, 2 ** 64; print scalar reverse("abc"), lc("ABC"), ucfirst("x"), "\n"'
perl -ne 'print "$1\n" if /^(\w+?)\d+$/' w; perl -lpe 's/(\d+)/$1 * 2/e' w; perl -F: -lane 'print $F[0] if $. == 1' /etc/passwd; seq 5 | perl -nle '$s += $_; END {print $s}'
perl -e '$SIG{ALRM} = sub {die "alarm\n"}; eval {alarm 1; select(undef, undef, undef, 3)}; print $@; $SIG{USR1} = sub {print "usr1\n"}; kill USR1 => $$; my $p = fork // die; if (!$p) {exit 9} waitpid $p, 0; print $? >> 8, "\n"'
perl -e 'pipe(R, W); if (!fork) {close R; print W "from child\n"; exit} close W; print <R>; open my $f, "-|", "seq 3"; print while <$f>; print pack("nNvV", 1, 2, 3, 4) eq "\0\1\0\0\0\2\3\0\4\0\0\0" ? "pack\n" : "bad\n"; print join(" ", sort {$a <=> $b} 10, 9, 2), " ", sprintf("%vd", "1.22.333"), "\n"'
perl -e 'sub fib {my $n = shift; $n < 2 ? $n : fib($n - 1) + fib($n - 2)} print fib(18), "\n"; my $s = join "", map {chr(97 + $_ % 26)} 0 .. 999; my $c = () = $s =~ /a.{2}d/g; print "$c\n"; local $_ = "aXbXc"; print join("|", split /X/), " ", tr/X//, "\n"'
sqlite3 :memory: "create table t(id integer primary key, name text, v real); insert into t(name, v) values ('a', 1.5), ('b', 2.25), ('c', -1); select name, v * 2 from t order by v desc; select count(*), sum(v), avg(v), group_concat(name) from t; with recursive c(x) as (select 1 union all select x + 1 from c where x < 1000) select sum(x * x) from c; select printf('%.3f', 2.0 / 3), upper('x'), date(0, 'unixepoch');"
sqlite3 db "create table k(a unique, b); begin; insert into k select value, hex(value) from (with recursive n(value) as (select 1 union all select value + 1 from n limit 3000) select value from n); commit; create index i on k(b); select count(*), max(b) from k; pragma integrity_check; pragma journal_mode=wal; update k set b = a where a % 3 = 0; select sum(a) from k where b = a; vacuum;"; sqlite3 db 'insert into k values (1, 2)' 2> /dev/null; echo "sqlite3: $?"
file -b --mime-type a x.tarz x.tar db "$0" | sort -u; echo 'exit status' && exit 3
