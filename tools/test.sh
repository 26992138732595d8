#!/usr/bin/env bash
# Everything CI runs, in order of cost. Goes on after a failure, so that one run shows all of them; closes with a count.
#   test.sh [quick]     quick leaves out the sanitizer builds
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
. tools/lib.sh
quick=${1:-}
passed=0 failed=0 names=()
mkdir -p build/test-logs
step() { # name command…
    local name=$1 start=$SECONDS
    shift
    echo "== $name"
    if "$@" 2>&1 | tee "build/test-logs/$name.log"; then
        passed=$((passed + 1))
        echo "== $name: ok, $((SECONDS - start)) s"
    else
        failed=$((failed + 1))
        names+=("$name")
        echo "== $name: FAILED, $((SECONDS - start)) s"
    fi
}
unit() { # preset: all its unit tests; the figures of release are kept for ./dev readme
    local rc=0 all bad
    ctest --test-dir "build/$1" -j2 --output-on-failure --no-tests=error > "build/ctest-$1.log" 2>&1 || rc=$?
    cat "build/ctest-$1.log"
    read -r bad all < <(sed -nE 's/.* ([0-9]+) tests? failed out of ([0-9]+).*/\1 \2/p' "build/ctest-$1.log")
    [ "$1" != release ] || [ -z "${all:-}" ] || tools/readme.py record unit - $((all - bad)) "$bad"
    return $rc
}
built_unit() { (build "$1") && unit "$1"; }

step floors python3 tools/check-floors.py
step build build release
step unit unit release
step demo tools/demo.sh
step linux tests/linux/run.sh
step torture python3 tests/torture/run.py --sample 16
step fuzz tools/fuzz.sh --seconds 28
step hostile python3 tests/hostile/run.py build/release/vm --mutations 300
step images env KILLS=12 python3 tests/images/run.py
step top python3 tests/top/run.py
step machine python3 tests/machine/run.py
step machine-bare python3 tests/machine/bare.py
step machine-options python3 tests/machine/options.py
step gdb python3 tests/gdb/run.py
step machine-firmware python3 tests/machine/firmware.py
step machine-debian python3 tests/machine/debian.py
step machine-pci python3 tests/machine/pci.py
step machine-disk python3 tests/machine/disk.py --operations 1000
step machine-net python3 tests/machine-net/run.py
step monitor python3 tests/monitor/run.py
step stress tests/stress/run.sh 2
step docs tools/docs.sh
if [ "$quick" != quick ]; then
    step asan built_unit asan  # by Clang: its warnings are errors, too
    [ "$failed" = 0 ] && step hostile-asan python3 tests/hostile/run.py build/asan/vm --mutations 200
    [ "$failed" = 0 ] && step machine-asan python3 tests/machine/run.py build/asan/vm
    [ "$failed" = 0 ] && step machine-bare-asan python3 tests/machine/bare.py build/asan/vm
    [ "$failed" = 0 ] && step stress-asan tests/stress/run.sh 2 build/asan/vm
    step bench python3 bench/run.py 'sieve|sort|fib|indirect|nbody|mandel' --runs 1 --no-save
fi
for name in "${names[@]}"; do  # again what they complained of, where a log that shows only its end has it
    echo "== failed: $name"
    grep -nE -A12 '^FAIL|FAILED|[Ee]rror:|ERROR|mismatch' "build/test-logs/$name.log" | tail -n 40 || tail -n 20 "build/test-logs/$name.log"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
