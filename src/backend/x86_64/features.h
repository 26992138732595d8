// Instruction-set extensions of the host that the compiler uses when present. Plain SSE2 is the base.
#pragma once

#include <iterator>
#include <string_view>

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
    u32 bits() const;
};

struct HostFeature {
    std::string_view name;
    bool HostFeatures::*member;
};
/// Each of them; the first is the highest of bits().
inline constexpr HostFeature kHostFeatures[] = {
    {"sse41", &HostFeatures::sse41},   {"ssse3", &HostFeatures::ssse3},   {"popcnt", &HostFeatures::popcnt},
    {"lzcnt", &HostFeatures::lzcnt},   {"bmi1", &HostFeatures::bmi1},     {"bmi2", &HostFeatures::bmi2},
    {"pclmul", &HostFeatures::pclmul}, {"avx", &HostFeatures::avx},       {"fma", &HostFeatures::fma},
    {"cx16", &HostFeatures::cx16},     {"sse42", &HostFeatures::sse42},   {"avx2", &HostFeatures::avx2},
    {"f16c", &HostFeatures::f16c},     {"avx512", &HostFeatures::avx512}, {"vnni", &HostFeatures::vnni},
    {"bitalg", &HostFeatures::bitalg}, {"gfni", &HostFeatures::gfni},     {"aes", &HostFeatures::aes},
    {"sha", &HostFeatures::sha},       {"lahf", &HostFeatures::lahf}};
static_assert(std::size(kHostFeatures) * sizeof(bool) == sizeof(HostFeatures), "one is not in the list");

inline u32 HostFeatures::bits() const {
    u32 all = 0;
    for (const HostFeature& f : kHostFeatures) all = all << 1 | u32{this->*f.member};
    return all;
}

}  // namespace vm::backend::x86_64
