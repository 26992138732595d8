// For tests of front ends: a virtual processor with one page of code and one of data, which translates,
// verifies and interprets. Each ISA derives its own Machine with its registers.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "frontend/guest_isa.h"
#include "ir/interp.h"
#include "ir/text.h"

namespace vm::frontend::test {

inline constexpr u64 kCode = 0x10000, kCodeSize = 4096;
inline constexpr u64 kData = 0x20000, kDataSize = 4096;
inline constexpr u64 kUnmapped = 0x40000;

class GuestMachine : public ir::Memory {
  public:
    explicit GuestMachine(const GuestIsa& isa) : isa_(&isa) {}

    std::array<u8, ir::kMaxGuestState> guest{};
    ir::FpEnv fp;
    ir::Reservation reservation;
    u64 icount = 0;
    std::array<u8, kDataSize> data{};
    std::vector<u8> code;
    TranslateRequest request{.pc = kCode};
    ir::Block block;

    void put_bytes(u32 w, unsigned size) {
        const size_t at = code.size();
        code.resize(at + size);
        std::memcpy(&code[at], &w, size);
    }
    /// Translates what stands at request.pc. The block must verify.
    void translate() {
        request.fetch = fetch;
        request.fetch_ctx = this;
        request.mode = isa_->mode_of(guest.data(), fp);
        isa_->translate(request, block);
        const auto ok = ir::verify(block, *isa_->layout);
        EXPECT_TRUE(ok) << ok.error().message << "\n" << text();
    }
    ir::InterpResult interpret() {
        ir::InterpContext context{.guest = guest.data(),
                                  .fp = &fp,
                                  .reservation = &reservation,
                                  .icount = &icount,
                                  .memory = this,
                                  .read_time = [](u32 which) -> u64 { return 1000 + which; }};
        return ir::interpret(block, *isa_->layout, context);
    }
    std::string text() const { return ir::print(block, *isa_->layout); }
    unsigned count(ir::Op op) const {
        unsigned n = 0;
        for (const ir::Inst& i : block.insts) n += i.op == op;
        return n;
    }
    /// The block ends with an exit because its last instruction is undefined.
    bool ends_undefined() const {
        const ir::Inst& last = block.insts.back();
        return last.op == ir::Op::Exit && last.aux == static_cast<u32>(ir::ExitReason::Illegal);
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
        const auto& m = *static_cast<const GuestMachine*>(ctx);
        const u64 n =
            pc < kCode || pc >= kCode + m.code.size() ? 0 : std::min(size, kCode + m.code.size() - pc);
        if (n != 0) std::memcpy(out, &m.code[pc - kCode], n);
        return n;
    }

    const GuestIsa* isa_;
};

}  // namespace vm::frontend::test
