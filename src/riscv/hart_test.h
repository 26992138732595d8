// A hart for tests: clocks that a test sets, registers, and SYSTEM instructions by name.
#pragma once

#include <gtest/gtest.h>

#include "frontend/riscv64/cpu_models.h"
#include "riscv/hart.h"

namespace vm::riscv {

inline constexpr u64 kOnes = ~u64{0};

struct TestHart {
    u64 now = 1000, cycles = 0, retired = 0;
    unsigned timer_changes = 0;
    u64 look_in = kOnes;
    alignas(8) u8 regs[ir::kMaxGuestState] = {};
    ir::FpEnv fp;
    Hart hart;
    Outcome last;

    static constexpr u64 kPc = 0x8000'1000;
    static constexpr u32 kEcall = 0x73, kEbreak = 0x10'0073, kSret = 0x1020'0073, kMret = 0x3020'0073,
                         kWfi = 0x1050'0073;

    /// In M-mode, after reset.
    explicit TestHart(HartOptions options = {})
        : hart(options, {.time = [this] { return now; },
                         .cycle = [this] { return cycles; },
                         .instret = [this] { return retired; },
                         .timer_changed = [this] { ++timer_changes; },
                         .look_at_counters = [this](u64 ns) { look_in = ns; }}) {
        hart.reset_for_firmware(kPc, {}, regs, fp);
    }

    u64 x(unsigned n) const { return load_raw<u64>(regs + frontend::riscv64::x_offset(n)); }
    void set_x(unsigned n, u64 v) { store_raw(regs + frontend::riscv64::x_offset(n), v); }

    Outcome run(u32 insn) { return last = hart.execute(insn, kPc, kPc + 4, regs, fp); }
    /// csrrw (1), csrrs (2), csrrc (3), or with an immediate (5, 6, 7)
    static u32 csr_insn(unsigned op, unsigned csr, unsigned rd, unsigned rs1) {
        return csr << 20 | rs1 << 15 | op << 12 | rd << 7 | 0x73;
    }
    static u32 fence_insn(u32 base, unsigned rs1, unsigned rs2) { return base | rs2 << 20 | rs1 << 15; }

    u64 csr_op(unsigned op, u16 csr, u64 operand) {
        set_x(5, operand);
        set_x(6, 0xdead);
        run(csr_insn(op, csr, 6, 5));
        return x(6);
    }
    u64 swap(u16 csr, u64 v) { return csr_op(1, csr, v); }
    u64 set(u16 csr, u64 v) { return csr_op(2, csr, v); }
    u64 clear(u16 csr, u64 v) { return csr_op(3, csr, v); }
    /// Writes and reads back.
    u64 put(u16 csr, u64 v) {
        swap(csr, v);
        return get(csr);
    }
    u64 get(u16 csr) {
        set_x(6, 0xdead);
        run(csr_insn(2, csr, 6, 0));
        return x(6);
    }
    bool can_read(u16 csr) { return attempt(csr_insn(2, csr, 0, 0)); }
    bool can_write(u16 csr) {
        set_x(5, 0);
        return attempt(csr_insn(2, csr, 0, 5));
    }
    bool can(u32 insn) { return attempt(insn); }

    /// Writes a CSR as M-mode would, whatever the mode.
    void force(u16 csr, u64 v) {
        const Privilege before = hart.privilege();
        enter(Privilege::Machine);
        swap(csr, v);
        EXPECT_FALSE(last.trap) << "CSR " << csr;
        enter(before);
    }
    u64 peek(u16 csr) { return hart.read_csr(csr, fp).value_or(0xdead); }
    void enter(Privilege p) {
        edit([&](HartState& s) { s.privilege = p; });
    }
    template <class F>
    void edit(F f) {
        HartState s = hart.save();
        f(s);
        hart.load(s);
    }

  private:
    /// Is it legal? Leaves the hart as it was.
    bool attempt(u32 insn) {
        const HartState before = hart.save();
        u8 old[sizeof regs];
        std::memcpy(old, regs, sizeof regs);
        const ir::FpEnv old_fp = fp;
        const Outcome o = run(insn);
        const HartState& s = hart.state();
        const bool machine = s.privilege == Privilege::Machine;
        const bool illegal = o.trap && (machine ? s.mcause : s.scause) == kCauseIllegal;
        if (illegal) {
            EXPECT_EQ(machine ? s.mtval : s.stval, insn);
            EXPECT_EQ(machine ? s.mepc : s.sepc, kPc);
            EXPECT_EQ(std::memcmp(old, regs, sizeof regs), 0);
        }
        hart.load(before);
        std::memcpy(regs, old, sizeof regs);
        fp = old_fp;
        return !illegal;
    }
};

}  // namespace vm::riscv
