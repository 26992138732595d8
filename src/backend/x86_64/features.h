// Instruction-set extensions of the host that the compiler uses when present. Plain SSE2 is the base.
#pragma once

#include <initializer_list>

#include "base/bits.h"

namespace vm::backend::x86_64 {

struct HostFeatures {
    bool sse41 = false, ssse3 = false, popcnt = false, lzcnt = false, bmi1 = false, bmi2 = false,
         pclmul = false;
    bool avx = false, fma = false, cx16 = true;
    bool lahf = false;  ///< lahf and sahf in 64-bit mode
    bool sse42 = false, avx2 = false, f16c = false;
    bool avx512 = false;  ///< F, VL, BW, DQ and CD
    bool vnni = false;    ///< AVX512-VNNI with VL
    bool bitalg = false;  ///< AVX512-BITALG with VL
    bool gfni = false, aes = false, sha = false;
    /// What cpuid says; what is built on `avx` only where the OS saves the registers.
    static HostFeatures detect();
    /// Without AVX and what is built on it.
    void drop_avx() { avx = fma = avx2 = f16c = avx512 = vnni = bitalg = false; }
    /// Nothing beyond x86-64's base (tests force the fallbacks with it).
    static HostFeatures baseline() { return {}; }
    /// All of them as one number, a bit each.
    u32 bits() const {
        u32 all = 0;
        for (const bool b : {sse41, ssse3, popcnt, lzcnt,  bmi1, bmi2,   pclmul, avx, fma, cx16,
                             sse42, avx2,  f16c,   avx512, vnni, bitalg, gfni,   aes, sha, lahf})
            all = all << 1 | u32{b};
        return all;
    }
};

}  // namespace vm::backend::x86_64
