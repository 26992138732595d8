#!/usr/bin/env bash
# Runs every libFuzzer program of build/fuzz for the given number of seconds (default 30); corpora stay in the cache.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
. tools/lib.sh
seconds=${1:-30}
bad=0 ran=0
tools/build-guests.sh
seeds=build/fuzz/seeds
mkdir -p "$seeds"/fuzz_{bundle,load,translate,qcow2}
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
