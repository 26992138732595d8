#include "debug/signals.h"

#include <iterator>

namespace vm::debug {
namespace {

constexpr int kUnknown = 143;
/// By Linux's number (asm-generic/signal.h), 0 to 31.
constexpr int kGdb[] = {0,        1,  2,  3,  4,  5,  6,  10, 8,  9,  30, 11, 31, 13, 14, 15,
                        kUnknown, 20, 19, 17, 18, 21, 22, 16, 24, 25, 26, 27, 28, 23, 32, 12};
static_assert(std::size(kGdb) == 32);
// Real-time signals: 33 to 63 are together, 32 and 64 stand elsewhere.
constexpr int kGdb32 = 77, kGdb33 = 45, kGdb64 = 78;

}  // namespace

int gdb_signal(int n) {
    if (n >= 0 && n < 32) return kGdb[n];
    if (n == 32) return kGdb32;
    if (n > 32 && n < 64) return kGdb33 + (n - 33);
    return n == 64 ? kGdb64 : kUnknown;
}

int linux_signal(int gdb) {
    for (int n = 1; n <= 64; n++)
        if (gdb_signal(n) == gdb && gdb != kUnknown) return n;
    return 0;
}

}  // namespace vm::debug
