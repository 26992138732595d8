#!/usr/bin/env bash
# A guest's core file, read by gdb-multiarch: the stacks of all threads, registers, memory, the signal and a frame behind a
# signal handler.
#   core_gdb.sh [VM [GUEST]]     exit status 77: it cannot be seen on this machine
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
vm=$(readlink -f "${1:-build/release/vm}")
. tools/lib.sh
guest "${2:-riscv64}"
case $(cat /proc/sys/kernel/core_pattern) in core*) ;; *) echo "skipped core_gdb: core_pattern is no plain file"; exit 77 ;; esac
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat > "$dir/p.c" <<'C'
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
int global_value = 4711;
double number;
__attribute__((noinline)) void in_handler(int s) { abort(); }
__attribute__((noinline)) void inner(int a, double d) { number = d; *(volatile int *)8 = a; }
__attribute__((noinline)) void middle(int a) { inner(a + 1, 2.5); __asm__ volatile(""); }
__attribute__((noinline)) void sleeper_here(void) { for (;;) pause(); }
__attribute__((noinline)) void spinner_here(volatile long *p) { for (;;) (*p)++; }
void *sleeper(void *a) { sleeper_here(); return 0; }
void *spinner(void *a) { long x = 0; spinner_here(&x); return 0; }
int main(int c, char **v) {
    pthread_t a, b;
    pthread_create(&a, 0, sleeper, 0);
    pthread_create(&b, 0, spinner, 0);
    usleep(100000);
    signal(SIGSEGV, in_handler);
    middle(41);
}
C
"$guest_triple-gcc" -g -O1 -w -static -pthread "$dir/p.c" -o "$dir/p" || exit 1
cd "$dir"
ulimit -c unlimited
("$vm" run ./p) > /dev/null 2>&1
[ -e core ] || [ -n "$(ls core* 2> /dev/null)" ] || { echo "FAIL core_gdb ($guest): no core file"; exit 1; }
gdb-multiarch -nx -batch -ex "file p" -ex "core-file $(ls core* | head -1)" -ex "info threads" -ex "thread apply all bt" \
    -ex "printf \"value %d number %g\\n\", global_value, number" > out 2>&1
bad=0
want() { # pattern: must occur
    grep -Eq "$1" out || { echo "FAIL core_gdb ($guest): gdb does not show: $1"; bad=1; }
}
want 'terminated with signal SIGABRT'
want 'in_handler \(s='
want '<signal handler called>'
want 'inner \(a=(a@entry=)?42, d=(d@entry=)?2.5\)'
want 'middle \(a=(a@entry=)?41\)'
want 'sleeper_here \(\)'
want 'spinner_here \(p='
want 'value 4711 number 2.5'
[ "$bad" = 0 ] || { cat out; exit 1; }
echo "ok   core_gdb ($guest)"
