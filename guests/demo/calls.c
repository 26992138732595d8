// Calls, recursion and indirect calls.
#include "guest.h"

__attribute__((noinline)) static ulong fib(ulong n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
__attribute__((noinline)) static ulong plus(ulong x) { return x + 3; }
__attribute__((noinline)) static ulong times(ulong x) { return x * 5; }
__attribute__((noinline)) static ulong mix(ulong x) { return x ^ (x >> 7); }
static ulong (*volatile table[3])(ulong) = {plus, times, mix};

int guest_main(void) {
    put_number("fib(30) =", fib(30));
    ulong x = 1;
    for (ulong i = 0; i < 3000000; i++) x = table[(x ^ i) % 3](x);
    put_number("indirect calls give", x);
    return 0;
}
