#!/usr/bin/env bash
# ./dev fuzz: see tests/fuzz/run.py --help
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
exec python3 tests/fuzz/run.py "$@"
