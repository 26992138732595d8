// A hart with one code page and one data page for tests of the front end: encodes, translates, verifies,
// interprets.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/format.h"
#include "frontend/riscv64/riscv64.h"
#include "frontend/riscv64/rv64_decode.h"
#include "frontend/riscv64/state.h"
#include "ir/interp.h"
#include "ir/text.h"

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

inline constexpr u64 kCode = 0x10000, kCodeSize = 4096;
inline constexpr u64 kData = 0x20000, kDataSize = 4096;
inline constexpr u64 kUnmapped = 0x40000;

class Machine : public ir::Memory {
  public:
    std::array<u8, ir::kMaxGuestState> guest{};
    ir::FpEnv fp;
    ir::Reservation reservation;
    u64 icount = 0;
    std::array<u8, kDataSize> data{};
    std::vector<u8> code;
    TranslateRequest request{.pc = kCode};
    ir::Block block;

    u64 x(unsigned n) const { return load_raw<u64>(&guest[x_offset(n)]); }
    u64 f(unsigned n) const { return load_raw<u64>(&guest[f_offset(n)]); }
    void set_x(unsigned n, u64 v) { store_raw(&guest[x_offset(n)], v); }
    void set_f(unsigned n, u64 v) { store_raw(&guest[f_offset(n)], v); }

    void put(u32 w) {
        const auto* p = reinterpret_cast<const u8*>(&w);
        code.insert(code.end(), p, p + ((w & 3) == 3 ? 4 : 2));
    }
    /// Translates what stands at request.pc. The block must verify.
    void translate() {
        request.fetch = fetch;
        request.fetch_ctx = this;
        request.mode = kRiscv64.mode_of(guest.data(), fp);
        kRiscv64.translate(request, block);
        const auto ok = ir::verify(block, *kRiscv64.layout);
        EXPECT_TRUE(ok) << ok.error().message << "\n" << text();
    }
    ir::InterpResult interpret() {
        ir::InterpContext context{.guest = guest.data(),
                                  .fp = &fp,
                                  .reservation = &reservation,
                                  .icount = &icount,
                                  .memory = this,
                                  .read_time = [](u32 which) -> u64 { return 1000 + which; }};
        return ir::interpret(block, *kRiscv64.layout, context);
    }
    /// Translates and interprets exactly these instructions from kCode on.
    ir::InterpResult run(const std::vector<u32>& words) {
        code.clear();
        for (u32 w : words) put(w);
        request.max_insns = static_cast<u32>(words.size());
        translate();
        return interpret();
    }
    std::string text() const { return ir::print(block, *kRiscv64.layout); }
    unsigned count(ir::Op op) const {
        unsigned n = 0;
        for (const ir::Inst& i : block.insts) n += i.op == op;
        return n;
    }

    bool load(u64 addr, unsigned size, void* out) override {
        if (!mapped(addr, size)) return false;
        std::memcpy(out, &data[addr - kData], size);
        return true;
    }
    bool store(u64 addr, unsigned size, const void* in) override {
        if (!mapped(addr, size)) return false;
        std::memcpy(&data[addr - kData], in, size);
        return true;
    }
    bool rmw(ir::RmwOp op, u64 addr, unsigned size, u64 operand, u64* old) override {
        u64 before = 0;
        if (!load(addr, size, &before)) return false;
        *old = before;
        const u64 after = combine(op, before, zext(operand, size * 8), size * 8);
        return store(addr, size, &after);
    }
    bool cas(u64 addr, unsigned size, const void* expected, const void* desired, void* old) override {
        if (!load(addr, size, old)) return false;
        return std::memcmp(old, expected, size) != 0 || store(addr, size, desired);
    }

  private:
    bool mapped(u64 addr, unsigned size) {
        if (addr >= kData && addr - kData + size <= kDataSize) return true;
        fault_addr = addr;
        return false;
    }
    static u64 combine(ir::RmwOp op, u64 a, u64 b, unsigned width) {
        const i64 sa = sext(a, width), sb = sext(b, width);
        switch (op) {
            case ir::RmwOp::Xchg: return b;
            case ir::RmwOp::Add: return a + b;
            case ir::RmwOp::And: return a & b;
            case ir::RmwOp::Or: return a | b;
            case ir::RmwOp::Xor: return a ^ b;
            case ir::RmwOp::AndNot: return a & ~b;
            case ir::RmwOp::MinS: return sa < sb ? a : b;
            case ir::RmwOp::MaxS: return sa > sb ? a : b;
            case ir::RmwOp::MinU: return a < b ? a : b;
            case ir::RmwOp::MaxU: return a > b ? a : b;
        }
        return 0;
    }
    static u64 fetch(void* ctx, u64 pc, void* out, u64 size) {
        const auto& m = *static_cast<const Machine*>(ctx);
        const u64 n =
            pc < kCode || pc >= kCode + m.code.size() ? 0 : std::min(size, kCode + m.code.size() - pc);
        if (n != 0) std::memcpy(out, &m.code[pc - kCode], n);
        return n;
    }
};

// --- which encodings the tables of each test file execute; coverage_test.cc asks for all of them
using Names = std::vector<std::string>;
Names integer_names();
Names memory_names();
Names fp_names();
Names control_names();

}  // namespace vm::frontend::riscv64::test
