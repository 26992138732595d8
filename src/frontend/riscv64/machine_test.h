// A hart for tests of the front end, and its instruction words.
#pragma once

#include <map>
#include <set>

#include "base/format.h"
#include "frontend/machine_test.h"
#include "frontend/riscv64/riscv64.h"
#include "frontend/riscv64/rv64_decode.h"
#include "frontend/riscv64/state.h"

namespace vm::frontend::riscv64::test {

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
constexpr u32 rd(unsigned r) { return r << 7; }
constexpr u32 rs1(unsigned r) { return r << 15; }
constexpr u32 rs2(unsigned r) { return r << 20; }
constexpr u32 rs3(unsigned r) { return r << 27; }
constexpr u32 rm(unsigned m) { return m << 12; }
constexpr u32 aqrl(unsigned a) { return a << 25; }
constexpr u32 imm_i(i64 v) { return static_cast<u32>(v) << 20; }
constexpr u32 imm_u(i64 v) { return static_cast<u32>(v) << 12; }
constexpr u32 imm_s(i64 v) {
    const auto u = static_cast<u64>(v);
    return static_cast<u32>(bits(u, 11, 5) << 25 | bits(u, 4, 0) << 7);
}
constexpr u32 imm_b(i64 v) {
    const auto u = static_cast<u64>(v);
    return static_cast<u32>(bits(u, 12, 12) << 31 | bits(u, 10, 5) << 25 | bits(u, 4, 1) << 8 |
                            bits(u, 11, 11) << 7);
}
constexpr u32 imm_j(i64 v) {
    const auto u = static_cast<u64>(v);
    return static_cast<u32>(bits(u, 20, 20) << 31 | bits(u, 10, 1) << 21 | bits(u, 11, 11) << 20 |
                            bits(u, 19, 12) << 12);
}

/// Registers that most tests use: operands and result.
inline constexpr unsigned kA = 10, kB = 11, kD = 12;
inline constexpr u64 kOnes = ~u64{0};
/// Above the value of a narrow type in a 64-bit register.
inline constexpr u64 kBoxHalf = ~u64{0xffff}, kBoxSingle = ~u64{0xffffffff};
constexpr u64 neg(u64 v) { return -v; }

using frontend::test::kCode, frontend::test::kCodeSize;
using frontend::test::kData, frontend::test::kDataSize;
using frontend::test::kUnmapped;

class Machine : public frontend::test::GuestMachine {
  public:
    Machine() : GuestMachine(kRiscv64) {}

    u64 x(unsigned n) const { return load_raw<u64>(&guest[x_offset(n)]); }
    u64 f(unsigned n) const { return load_raw<u64>(&guest[f_offset(n)]); }
    void set_x(unsigned n, u64 v) { store_raw(&guest[x_offset(n)], v); }
    void set_f(unsigned n, u64 v) { store_raw(&guest[f_offset(n)], v); }

    void put(u32 w) { put_bytes(w, (w & 3) == 3 ? 4 : 2); }
    /// Translates and interprets exactly these instructions from kCode on.
    ir::InterpResult run(const std::vector<u32>& words) {
        code.clear();
        for (u32 w : words) put(w);
        request.max_insns = static_cast<u32>(words.size());
        translate();
        return interpret();
    }
};

// --- which encodings the tables of each test file execute; coverage_test.cc asks for all of them
using Names = std::vector<std::string>;
Names integer_names();
Names memory_names();
Names fp_names();
Names control_names();

}  // namespace vm::frontend::riscv64::test
