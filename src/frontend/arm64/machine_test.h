// A processing element for tests of the front end, and its instruction words.
#pragma once

#include <map>
#include <set>

#include "base/format.h"
#include "frontend/arm64/a64_decode.h"
#include "frontend/arm64/arm64.h"
#include "frontend/arm64/state.h"
#include "frontend/machine_test.h"

namespace vm::frontend::arm64::test {

/// The encoding called `name`; the test fails where there is none.
inline Insn by_name(std::string_view name) {
    static const auto all = [] {
        std::map<std::string_view, Insn> m;
        for (u16 i = 1; i < static_cast<u16>(Insn::Count_); ++i)
            m[info(static_cast<Insn>(i)).name] = static_cast<Insn>(i);
        return m;
    }();
    const auto it = all.find(name);
    if (it != all.end()) return it->second;
    ADD_FAILURE() << "no encoding is named " << name;
    return Insn::Invalid;
}

// --- instruction words: the fixed bits of a name, and fields to or into it
inline u32 word(std::string_view name) { return info(by_name(name)).match; }
constexpr u32 rd(unsigned r) { return r; }
constexpr u32 rt(unsigned r) { return r; }
constexpr u32 rn(unsigned r) { return r << 5; }
constexpr u32 rm(unsigned r) { return r << 16; }
constexpr u32 rs(unsigned r) { return r << 16; }
constexpr u32 ra(unsigned r) { return r << 10; }
constexpr u32 rt2(unsigned r) { return r << 10; }
constexpr u64 neg(u64 v) { return -v; }
inline constexpr u32 kX = u32{1} << 31;       ///< sf: 64 bits
inline constexpr u32 kDouble = u32{1} << 22;  ///< ptype of double precision (single: 0)
constexpr u32 size(unsigned log2) { return log2 << 30; }
constexpr u32 imm12(unsigned v) { return v << 10; }
constexpr u32 imm9(int v) { return (static_cast<u32>(v) & 0x1ff) << 12; }
constexpr u32 imm7(int v) { return (static_cast<u32>(v) & 0x7f) << 15; }
constexpr u32 imm16(unsigned v) { return v << 5; }
constexpr u32 imm19(int words) { return (static_cast<u32>(words) & 0x7ffff) << 5; }
constexpr u32 cond(unsigned c) { return c << 12; }

using frontend::test::kCode, frontend::test::kCodeSize;
using frontend::test::kData, frontend::test::kDataSize;
using frontend::test::kUnmapped;

struct Vector {
    u64 low = 0, high = 0;
    bool operator==(const Vector&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const Vector& v) {
    return out << fmt::format("{:#018x}:{:016x}", v.high, v.low);
}

class Machine : public frontend::test::GuestMachine {
  public:
    Machine() : GuestMachine(kArm64) {}

    u64 x(unsigned n) const { return load_raw<u64>(&guest[x_offset(n)]); }
    u64 sp() const { return x(31); }
    Vector v(unsigned n) const {
        return {load_raw<u64>(&guest[v_offset(n)]), load_raw<u64>(&guest[v_offset(n) + 8])};
    }
    void set_x(unsigned n, u64 v) { store_raw(&guest[x_offset(n)], v); }
    void set_v(unsigned n, Vector v) {
        store_raw(&guest[v_offset(n)], v.low);
        store_raw(&guest[v_offset(n) + 8], v.high);
    }
    /// NZCV as bits 3 … 0.
    unsigned nzcv() const {
        const auto word = load_raw<u16>(&guest[kNzcvOffset]);
        return static_cast<unsigned>((word >> 15 & 1) << 3 | (word >> 14 & 1) << 2 | (word >> 8 & 1) << 1 |
                                     (word & 1));
    }
    void set_nzcv(unsigned f) {
        store_raw(&guest[kNzcvOffset],
                  static_cast<u16>((f >> 3 & 1) << 15 | (f >> 2 & 1) << 14 | (f >> 1 & 1) << 8 | (f & 1)));
    }
    void set_fpcr(u64 v) {
        store_raw(&guest[kFpcrOffset], v);
        fp.rounding = static_cast<u8>(round_of_fpcr(v));
    }

    void put(u32 w) { put_bytes(w, 4); }
    /// Translates and interprets exactly these instructions from kCode on. They must be defined.
    ir::InterpResult run(const std::vector<u32>& words) {
        code.clear();
        for (u32 w : words) put(w);
        request.max_insns = static_cast<u32>(words.size());
        translate();
        EXPECT_FALSE(ends_undefined()) << text();
        return interpret();
    }
    /// No encoding has this word, or its handler finds the fields unallocated.
    bool undefined(u32 w) {
        code.clear();
        put(w);
        request.max_insns = 1;
        translate();
        return ends_undefined();
    }
};

}  // namespace vm::frontend::arm64::test
