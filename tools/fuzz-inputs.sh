#!/usr/bin/env bash
# Runs every libFuzzer program of build/fuzz for the given number of seconds (default 30); corpora stay in the cache.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
. tools/lib.sh
seconds=${1:-30}
bad=0 ran=0
tools/build-guests.sh
seeds=build/fuzz/seeds
mkdir -p "$seeds"/fuzz_{bundle,load,translate}
for g in $ALL_GUESTS; do cp "build/guests/hello.$g" "$seeds/fuzz_load/"; done
printf '#!/nowhere/at/all -x\n' >"$seeds/fuzz_load/script"
{ printf '\037'; head -c 1000 /dev/zero; } >"$seeds/fuzz_bundle/zeros"  # all is made right
for f in build/fuzz/fuzz_*; do
    [ -x "$f" ] && [ -f "$f" ] || continue
    corpus=$(cache_root)/corpus/$(basename "$f")
    mkdir -p "$corpus"
    echo "== $(basename "$f"), $seconds s"
    "$f" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$corpus-" "$corpus" "$seeds/$(basename "$f")" 2>&1 | tail -n 6 || bad=1
    ran=$((ran + 1))
done
[ $ran -gt 0 ] || { echo "fuzz-inputs: no fuzzer was built" >&2; exit 1; }
exit $bad
