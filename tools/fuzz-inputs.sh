#!/usr/bin/env bash
# Runs every libFuzzer program of build/fuzz for the given number of seconds (default 30); corpora stay in the cache.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
. tools/lib.sh
seconds=${1:-30}
bad=0 ran=0
tools/build-guests.sh
seeds=build/fuzz/seeds
mkdir -p "$seeds"/fuzz_{boot,bundle,tree,load,session,translate,qcow2,p9}
for g in $ALL_GUESTS; do cp "build/guests/hello.$g" "$seeds/fuzz_load/"; done
printf '#!/nowhere/at/all -x\n' >"$seeds/fuzz_load/script"
{ printf '\037'; head -c 1000 /dev/zero; } >"$seeds/fuzz_bundle/zeros"  # all is made right
python3 - "$seeds/fuzz_qcow2/small" <<'EOF'
import struct, sys  # header, refcount table, block of counts, L1 table, L2 table, data: 512 bytes each
header = struct.pack(">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, 0, 0, 9, 65536, 0, 2, 3 << 9, 1 << 9, 1, 0, 0, 0, 0, 0, 4, 104)
parts = [header, struct.pack(">Q", 2 << 9), struct.pack(">6H", *[1] * 6), struct.pack(">Q", 1 << 63 | 4 << 9),
         struct.pack(">QQ", 1 << 63 | 5 << 9, 1), b"data"]
open(sys.argv[1], "wb").write(b"".join(p.ljust(512, b"\0") for p in parts))
EOF
python3 - "$seeds/fuzz_boot" build/guests/hello.riscv64 <<'EOF'
import gzip, lzma, struct, sys  # a byte that says how it is used, then a file
image = struct.pack("<8xQQQ24x4s4x", 0x200000, 0x1000, 0, b"RSC\5") + b"\x13\0\0\0" * 64
zboot = lambda data, packing: struct.pack("<4s4sIIII32s", b"MZ", b"zimg", 56, len(data), 0, 0, packing) + data
elf = open(sys.argv[2], "rb").read()
files = {"image": image, "gzip": gzip.compress(image), "xz": lzma.compress(image), "zboot": zboot(gzip.compress(image), b"gzip"),
         "zboot-xz": zboot(lzma.compress(image), b"xzkern"), "elf": elf[:60000]}
for n, (name, data) in enumerate(files.items()):
    open(f"{sys.argv[1]}/{name}", "wb").write(bytes([n]) + data)
EOF
python3 - "$seeds/fuzz_tree/small" <<'EOF'
import struct, sys  # how it is used, then header, reservations, a root with a /chosen, names
nodes = struct.pack(">I4sI8s3I4s2I", 1, b"", 1, b"chosen", 3, 4, 0, b"abc", 2, 2) + struct.pack(">I", 9)
names = b"bootargs\0"
at = 40 + 16
header = struct.pack(">10I", 0xd00dfeed, at + len(nodes) + len(names), at, at + len(nodes), 40, 17, 16, 0, len(names), len(nodes))
open(sys.argv[1], "wb").write(b"\3" + header + bytes(16) + nodes + names)
EOF
python3 - "$seeds/fuzz_p9" <<'EOF'
import struct, sys  # messages of each kind about fid 0, the folder, and about files in it
text = lambda s: struct.pack("<H", len(s)) + s
fid = lambda n, form="", *more: struct.pack("<I" + form, n, *more)
message = lambda kind, body: struct.pack("<IBH", 7 + len(body), kind, 1) + body
walk = lambda to, *names: message(110, struct.pack("<IIH", 0, to, len(names)) + b"".join(map(text, names)))
files = {"read": walk(1, b"f") + message(12, fid(1, "I", 2)) + message(118, fid(1, "QI", 2, 3) + b"abc") + message(116, fid(1, "QI", 0, 9)),
         "list": walk(1) + message(12, fid(1, "I", 0)) + message(40, fid(1, "QI", 0, 300)) + message(120, fid(1)),
         "make": walk(1, b"d") + message(14, fid(1) + text(b"n") + struct.pack("<III", 0xc1, 0o644, 0)) + message(122, fid(1)),
         "names": message(72, fid(0) + text(b"e") + struct.pack("<II", 0o755, 0)) + message(16, fid(0) + text(b"s") + text(b"../x") + fid(0)) +
                  message(18, fid(0) + text(b"p") + struct.pack("<IIII", 0o10644, 0, 0, 0)) + message(76, fid(0) + text(b"d") + fid(0x200)) +
                  message(74, fid(0) + text(b"f") + fid(0) + text(b"g")) + walk(1, b"g") + message(70, fid(0) + fid(1) + text(b"h")),
         "attributes": message(24, fid(0, "Q", 0x7ff)) + message(8, fid(0)) + walk(1, b"l") + message(22, fid(1)) + message(50, fid(0)) +
                       message(26, fid(0) + struct.pack("<IIIIQQQQQ", 0x1ff, 0o700, 0, 0, 5, 1, 2, 3, 4)) + message(108, bytes([1, 0]))}
for name, data in files.items():
    open(f"{sys.argv[1]}/{name}", "wb").write(data)
EOF
python3 - "$seeds/fuzz_session/packets" <<'EOF'
import sys  # a byte with the length, then a payload; 0xff: the guest stops
packets = ("qSupported:swbreak+;hwbreak+", "?", "vCont?", "qXfer:features:read:target.xml:0,ffb", "Hg1", "g", "p3", "P0=0100000000000000", "m1000,10",
           "x1000,10", "M1000,2:0102", "X1000,1:}", "Z0,1000,2", "Z2,1000,8", "z0,1000,2", "qRcmd,6563686f2061", "QPassSignals:e;1e", "qCRC:1000,10",
           "vFile:setfs:0", "vCont;s:1;c")
data = b"".join(bytes([len(p)]) + p.encode() for p in packets)
open(sys.argv[1], "wb").write(data + b"\xff" + data)
EOF
for f in build/fuzz/fuzz_*; do
    [ -x "$f" ] && [ -f "$f" ] || continue
    corpus=$(cache_root)/corpus/$(basename "$f")
    mkdir -p "$corpus" "$seeds/$(basename "$f")"
    echo "== $(basename "$f"), $seconds s"
    "$f" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$corpus-" "$corpus" "$seeds/$(basename "$f")" 2>&1 | tail -n 6 || bad=1
    ran=$((ran + 1))
done
[ $ran -gt 0 ] || { echo "fuzz-inputs: no fuzzer was built" >&2; exit 1; }
exit $bad
