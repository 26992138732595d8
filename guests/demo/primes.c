// Integer loops and memory: sieve of Eratosthenes.
#include "guest.h"

static unsigned char composite[2000000];

int guest_main(void) {
    ulong count = 0, sum = 0;
    for (ulong i = 2; i < sizeof composite; i++) {
        if (composite[i]) continue;
        count++, sum += i;
        for (ulong j = i * i; j < sizeof composite; j += i) composite[j] = 1;
    }
    put_number("primes below 2000000:", count);
    put_number("their sum:", sum);
    return 0;
}
