// Control flow between blocks: exits, links, the return stack, indirect jumps, safepoints, faults.
#include <gtest/gtest.h>

#include "backend/x86_64/native_harness.h"
#include "ir/builder.h"

namespace vm::backend::x86_64 {
namespace {

using namespace testing;
using ir::ExitReason;
using ir::Op;
using ir::Type;
using ir::Value;

const ir::StateLayout& plain_layout() {
    static const ir::StateLayout l = [] {
        ir::StateLayout x = ir::testing::test_layout();
        x.pc_alignment = 2;
        return x;
    }();
    return l;
}

/// Blocks of a small program, made with a lambda each.
struct Program {
    explicit Program(CompileOptions o = {}) : options(o) {}
    template <class F>
    void add(u64 pc, F&& make) {
        ir::Block b;
        b.start_pc = pc;
        ir::Builder builder(b, plain_layout());
        builder.insn(pc, 4);
        make(builder);
        auto compiler = make_compiler(plain_layout(), options, HostFeatures::detect());
        auto out = std::make_unique<CompiledBlock>();
        const auto r = compiler->compile(b, *out);
        ASSERT_TRUE(r) << r.error().message;
        blocks.push_back(std::move(out));
    }
    Outcome run(NativeMachine::Start start = {}) {
        std::vector<const CompiledBlock*> p;
        for (const auto& b : blocks) p.push_back(b.get());
        return NativeMachine::get().run_program(p, plain_layout(), start);
    }
    CompileOptions options;
    std::vector<std::unique_ptr<CompiledBlock>> blocks;
};
u64 slot(const Outcome& o, unsigned n) {
    return load_raw<u64>(o.guest.data() + plain_layout().slots[n].offset);
}
void set(ir::Builder& b, u16 n, u64 v) { b.set(n, b.c64(v)); }
void bump(ir::Builder& b, u16 n, u64 by) { b.set(n, b.add(b.get(n), b.c64(by))); }

/// main calls 0x2000 twice, which calls 0x3000; every routine counts in x2 and returns through x1.
Program calls(CompileOptions options) {
    Program p(options);
    p.add(0x1000, [](ir::Builder& b) {
        set(b, 2, 0);
        b.set(1, b.guest_addr(0x1004));
        b.call(0x2000, 0x1004);
    });
    p.add(0x1004, [](ir::Builder& b) {
        b.set(1, b.guest_addr(0x1008));
        b.call(0x2000, 0x1008);
    });
    p.add(0x1008, [](ir::Builder& b) { b.exit(ExitReason::Syscall, 0x100c); });
    p.add(0x2000, [](ir::Builder& b) {
        bump(b, 2, 1);
        b.set(3, b.get(1));
        b.set(1, b.guest_addr(0x2004));
        b.call_ind(b.c64(0x3000), 0x2004);
    });
    p.add(0x2004, [](ir::Builder& b) { b.ret(b.get(3)); });
    p.add(0x3000, [](ir::Builder& b) {
        bump(b, 2, 100);
        b.ret(b.and_(b.get(1), b.c64(~u64{1})));
    });
    return p;
}

TEST(Control, CallsAndReturns) {
    for (u64 off : {u64{0}, opt_bit(JitOpt::ReturnStack), opt_bit(JitOpt::FastLookup),
                    opt_bit(JitOpt::ReturnStack) | opt_bit(JitOpt::FastLookup)}) {
        Program p = calls({.disabled_opts = off});
        const Outcome o = p.run();
        EXPECT_EQ(o.result.reason, ExitReason::Syscall);
        EXPECT_EQ(o.result.pc, 0x100cu);
        EXPECT_EQ(slot(o, 2), 202u);
        const VcpuState& s = NativeMachine::get().state();
        EXPECT_EQ(s.return_sp, s.return_top) << "the return stack is not balanced";
        // With the return stack only the first indirect call misses; without the table each one does.
        const unsigned misses = NativeMachine::get().misses;
        EXPECT_TRUE(off != 0 || misses == 1) << misses;
        EXPECT_TRUE(off != opt_bit(JitOpt::FastLookup) || misses == 2) << misses;
    }
}

TEST(Control, UnlinkedCallLeavesItsReturnAddress) {
    Program p = calls({});
    const Outcome o = p.run({.link = false});
    EXPECT_EQ(o.result.reason, ExitReason::Next);
    EXPECT_EQ(o.result.pc, 0x2000u);
    EXPECT_EQ(NativeMachine::get().top_return_pc(), 0x1004u);
}

// A callee returns two levels up, as longjmp does: the stale entry in between is dropped.
TEST(Control, ReturnPastOneFrame) {
    Program p;
    p.add(0x1000, [](ir::Builder& b) {
        b.set(1, b.guest_addr(0x1004));
        b.call(0x2000, 0x1004);
    });
    p.add(0x2000, [](ir::Builder& b) { b.call(0x3000, 0x2004); });
    p.add(0x3000, [](ir::Builder& b) { b.ret(b.get(1)); });
    p.add(0x1004, [](ir::Builder& b) { b.exit(ExitReason::Syscall, 0x1008); });
    const Outcome o = p.run();
    EXPECT_EQ(o.result.pc, 0x1008u);
    EXPECT_EQ(NativeMachine::get().misses, 0u);
    const VcpuState& s = NativeMachine::get().state();
    EXPECT_EQ(s.return_sp, s.return_top);
}

// Targets that mean "nothing" to the tables are ordinary addresses to a guest.
TEST(Control, JumpsToNowhere) {
    for (u64 target : {kNoPc, u64{0}, u64{1}, u64{0x8000000000000000}})
        for (int kind = 0; kind < 3; kind++) {
            Program p;
            p.add(0x1000, [&](ir::Builder& b) {
                set(b, 5, target);
                b.jump(0x1004);
            });
            p.add(0x1004, [&](ir::Builder& b) {
                const Value t = b.and_(b.get(5), b.c64(~u64{1}));
                if (kind == 0) b.ret(t);
                if (kind == 1) b.jump_ind(t);
                if (kind == 2) b.call_ind(t, 0x1008);
            });
            const Outcome o = p.run();
            EXPECT_EQ(o.result.reason, ExitReason::Next);
            EXPECT_EQ(o.result.pc, target & ~u64{1}) << kind;
        }
}

TEST(Control, Traps) {
    Program p;
    p.add(0x1000, [](ir::Builder& b) {
        set(b, 0, 77);
        b.insn(0x1004, 4);
        b.trap_if(b.icmp(ir::Cond::Ne, b.get(6), b.get(7)), ExitReason::Misaligned, b.get(5));
        b.exit(ExitReason::Breakpoint, 0x1004);
    });
    const Outcome o = p.run({.seed = 5});
    EXPECT_EQ(o.result.reason, ExitReason::Misaligned);
    EXPECT_EQ(o.result.pc, 0x1004u);
    EXPECT_EQ(o.result.value, slot(o, 5));
    EXPECT_EQ(slot(o, 0), 77u);
}

/// Counts x0 up to `limit` in a loop of its own.
void counting_loop(ir::Builder& b, u64 limit, bool split) {
    bump(b, 0, 1);
    bump(b, 6, 2);
    if (!split) b.insn(b.pc() + 4, 4);
    b.exit_if(b.icmp(ir::Cond::LtU, b.get(0), b.c64(limit)), 0x1000);
    b.exit(ExitReason::Syscall, 0x100c);
}

TEST(Control, Safepoints) {
    for (bool split : {false, true})
        for (u64 off : {u64{0}, opt_bit(JitOpt::LoopRegs), opt_bit(JitOpt::HomeHint)}) {
            Program p({.disabled_opts = off});
            p.add(0xff0, [](ir::Builder& b) {
                set(b, 0, 0);
                set(b, 6, 0);
                b.jump(0x1000);
            });
            p.add(0x1000, [&](ir::Builder& b) { counting_loop(b, 50, split); });
            Outcome o = p.run({.seed = 3});
            EXPECT_EQ(o.result.reason, ExitReason::Syscall);
            EXPECT_EQ(slot(o, 6), 100u);
            o = p.run({.seed = 3, .safepoint = 1});
            EXPECT_EQ(o.result.reason, ExitReason::Safepoint);
            // Either before the branch, with the rest of the instruction not begun, or behind it.
            EXPECT_EQ(o.result.pc, split ? 0x1000u : 0x1004u);
            EXPECT_EQ(slot(o, 0), 1u);
            EXPECT_EQ(slot(o, 6), 2u);
        }
}

TEST(Control, SafepointsOfJumps) {
    for (int kind = 0; kind < 3; kind++) {
        Program p;
        p.add(0x1000, [&](ir::Builder& b) {
            if (kind == 0) b.call(0x800, 0x1004);
            if (kind == 1) b.call_ind(b.c64(0x800), 0x1004);
            if (kind == 2) b.jump_ind(b.c64(0x800));
        });
        const Outcome o = p.run({.safepoint = 1});
        EXPECT_EQ(o.result.reason, ExitReason::Safepoint);
        EXPECT_EQ(o.result.pc, 0x800u);
        const VcpuState& s = NativeMachine::get().state();
        EXPECT_EQ(s.return_sp, s.return_top);
    }
}

// A loop that walks off mapped memory: the state at the fault is that of the iteration, wherever the loop
// keeps it.
TEST(Control, FaultInLoop) {
    for (u64 off : {u64{0}, opt_bit(JitOpt::LoopRegs)}) {
        Program p({.disabled_opts = off});
        p.add(0x1000, [](ir::Builder& b) {
            b.set(5, b.add(b.get(5), b.c64(3)));
            b.set(6, b.add(b.get(6), b.get(5)));
            b.insn(0x1004, 4);
            b.set(7, b.load(Type::I64, Type::I64, b.get(7), 0, false));
            b.insn(0x1008, 4);
            b.exit_if(b.icmp(ir::Cond::Ne, b.get(5), b.c64(~u64{0})), 0x1000);
            b.exit(ExitReason::Syscall, 0x100c);
        });
        const Outcome o = p.run({.seed = 9});
        ASSERT_EQ(o.result.reason, ExitReason::MemoryFault);
        EXPECT_EQ(o.result.pc, 0x1004u);
        std::vector<u8> guest(plain_layout().size + 16u), memory(TestMemory::kSize);
        ir::testing::random_state(9, guest, memory);
        const u64 x5 = load_raw<u64>(guest.data() + plain_layout().slots[5].offset),
                  x6 = load_raw<u64>(guest.data() + plain_layout().slots[6].offset);
        EXPECT_EQ(slot(o, 5), x5 + 3);
        EXPECT_EQ(slot(o, 6), x6 + x5 + 3);
        EXPECT_EQ(slot(o, 7), load_raw<u64>(guest.data() + plain_layout().slots[7].offset));
        for (u16 n : {0, 1, 2, 3, 4})
            EXPECT_EQ(slot(o, n), load_raw<u64>(guest.data() + plain_layout().slots[n].offset)) << n;
    }
}

TEST(Control, UnsupportedIsNamed) {
    ir::Block b;
    b.start_pc = 0x1000;
    b.insts.push_back({.op = Op::Insn, .aux = 4, .imm = 0x1000});
    b.insts.push_back({.op = Op::Const, .type = Type::F64, .imm = 1});
    b.insts.push_back({.op = Op::FSqrt, .type = Type::V256, .args = {1, ir::kNone, ir::kNone}});
    b.insts.push_back({.op = Op::Exit, .aux = static_cast<u32>(ExitReason::Syscall), .imm = 0x1004});
    CompiledBlock out;
    const auto r = make_compiler(plain_layout(), {}, HostFeatures::detect())->compile(b, out);
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().kind, ErrorKind::Unsupported);
    EXPECT_NE(r.error().message.find("fsqrt"), std::string::npos) << r.error().message;
}

}  // namespace
}  // namespace vm::backend::x86_64
