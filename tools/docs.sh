#!/usr/bin/env bash
# Everything that keeps the documentation true: links and words, README samples compiled and run, headers compiled alone, the pages about adding
# an instruction and a device followed on toys. Needs a release build.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
. tools/lib.sh
bad=0
tools/check-docs.sh || bad=1
python3 tools/check-cli.py || bad=1
log=build/docs-check.log
cmake --preset release > "$log" 2>&1 && cmake --build build/release --target docs_check >> "$log" 2>&1 || { grep -E 'error|FAILED' "$log" >&2; bad=1; }
if [ $bad = 0 ]; then
    build/release/readme_samples --gtest_brief=1 > "$log" 2>&1 || { cat "$log" >&2; bad=1; }
    grep -qE 'PASSED +\] [1-9]' "$log" || { echo "docs: no README sample passed" >&2; bad=1; }
    [ $bad = 1 ] || echo "docs: $(python3 tools/doc-samples.py build/release/docs): samples compile and run, headers compile alone"
fi
python3 tools/doc-toy.py || bad=1
exit $bad
