// Instruction-set extensions of the host that the compiler uses when present. Plain SSE2 is the base.
#pragma once

#include <initializer_list>

namespace vm::backend::x86_64 {

struct HostFeatures {
    bool sse41 = false, ssse3 = false, popcnt = false, lzcnt = false, bmi1 = false, bmi2 = false,
         pclmul = false;
    bool avx = false, fma = false, cx16 = true;
    bool lahf = false;  ///< lahf and sahf in 64-bit mode
    /// What cpuid says; `avx` and `fma` only where the OS saves the registers.
    static HostFeatures detect();
    /// Nothing beyond x86-64's base (tests force the fallbacks with it).
    static HostFeatures baseline() { return {}; }
    /// All of them as one number, a bit each.
    unsigned bits() const {
        unsigned all = 0;
        for (const bool b : {sse41, ssse3, popcnt, lzcnt, bmi1, bmi2, pclmul, avx, fma, cx16, lahf})
            all = all << 1 | b;
        return all;
    }
};

}  // namespace vm::backend::x86_64
