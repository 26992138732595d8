# Other programs that generate code while they run, and interpreters with threads.
luajit -e 'local s = 0 for i = 1, 5e7 do s = (s + i % 7) % 1000003 end print(s)
local ffi = require "ffi" ffi.cdef "typedef struct { int a; double b; } t; int abs(int);" local a = ffi.new("t[1000]")
for r = 1, 300 do for i = 0, 999 do a[i].a = a[i].a + i; a[i].b = a[i].b + i / 3 end end print(a[999].a, a[998].b, ffi.C.abs(-5))'
luajit "$SRC/program.lua"
python3 "$HERE/threads.py"
ruby -e 'q = Queue.new; r = Queue.new; t = 5.times.map { Thread.new { while (n = q.pop) do r << (1..20000).reduce(n) { |a, i| (a * 31 + i) % 1_000_003 } end } }
20.times { |i| q << i }; q.close; t.each(&:join); a = []; a << r.pop until r.empty?; p a.sort.first(3), a.sum'
perl -e '$SIG{CHLD} = "DEFAULT"; my @p; for my $i (1 .. 8) { pipe(my $r, my $w); if (!fork) { my $s = $i; $s = ($s * 31 + $_) % 1000003 for 1 .. 50000; syswrite $w, "$s\n"; exit 0 } close $w; push @p, $r } print map { <$_> } @p; 1 while wait != -1'
php8.4 -n -r 'echo array_sum(array_map(fn($i) => $i * $i % 7, range(1, 200000))), "\n";'
