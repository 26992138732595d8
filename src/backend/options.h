// Optimizations of the tier 1 compiler. Each has a name and an off switch (--jit-opt=-name), so that a wrong
// result can be bisected to one of them.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "base/bits.h"

namespace vm::backend {

enum class JitOpt : u8 {
    FuseCompare,  ///< compare + branch/select become one host compare and a conditional jump or move
    FoldAddress,  ///< address arithmetic goes into addressing modes and lea
    FoldState,  ///< a get after a set or get of the same slot is the same value; dead stores of state vanish
    HomeHint,   ///< a value that is about to be written to a pinned slot is computed in that slot's host
                ///< register
    ReturnStack,    ///< guest calls and returns are host calls and returns
    FastLookup,     ///< indirect jumps look into the per-thread table inline
    LazyNan,        ///< NaN results are made canonical at the end of a chain of operations
    Bmi,            ///< BMI1, BMI2, LZCNT, POPCNT instructions where the host has them
    Fma,            ///< FMA3 where the host has it
    Avx,            ///< VEX encodings where the host has AVX
    LoopRegs,       ///< a block that jumps to itself keeps the registers that its loop uses in host registers
    FuseCrypto,     ///< instructions of AES and SHA-256 that come in pairs are done together
    ReturnPoints,   ///< tier 2: a region goes on where a call in it returns
    InlineCalls,    ///< tier 2: small functions that a region calls become part of it
    GuessCalls,     ///< tier 2: the same for calls through registers that mostly lead to one function
    GroupAccesses,  ///< machines: one look into the TLB for several accesses
    TrapNan,        ///< Arm: the host traps where an invalid operation makes a NaN, so sums need no look
    IfConvert,      ///< front end: branches over one or two register instructions become selects
    Count_
};

inline constexpr std::array<std::string_view, static_cast<unsigned>(JitOpt::Count_)> kJitOptNames{
    "fuse-compare",   "fold-address", "fold-state",    "home-hint",    "return-stack",
    "fast-lookup",    "lazy-nan",     "bmi",           "fma",          "avx",
    "loop-registers", "fuse-crypto",  "return-points", "inline-calls", "guess-calls",
    "group-accesses", "trap-nan",     "if-convert"};

constexpr std::string_view name(JitOpt o) { return kJitOptNames[static_cast<unsigned>(o)]; }
constexpr u64 opt_bit(JitOpt o) { return u64{1} << static_cast<unsigned>(o); }
/// The optimization called `text`, if there is one.
constexpr std::optional<JitOpt> parse_jit_opt(std::string_view text) {
    for (unsigned i = 0; i < kJitOptNames.size(); i++)
        if (kJitOptNames[i] == text) return static_cast<JitOpt>(i);
    return std::nullopt;
}

}  // namespace vm::backend
