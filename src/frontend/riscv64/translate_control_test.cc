// Branches, jumps, calls, returns, system instructions, CSRs, and where blocks begin and end.
#include "frontend/riscv64/machine_test.h"

namespace vm::frontend::riscv64::test {
namespace {

using ir::ExitReason;
using ir::Op;

struct Branch {
    std::string_view name;
    u64 a, b;
    bool taken;
};
constexpr Branch kBranches[] = {
    {"BEQ", 5, 5, true},      {"BEQ", 5, 6, false},  {"BNE", 5, 6, true},      {"BNE", 5, 5, false},
    {"BLT", kOnes, 0, true},  {"BLT", 0, 0, false},  {"BGE", 0, kOnes, true},  {"BGE", kOnes, 0, false},
    {"BLTU", 0, kOnes, true}, {"BLTU", 1, 1, false}, {"BGEU", kOnes, 0, true}, {"BGEU", 0, kOnes, false},
};
constexpr std::string_view kOther[] = {
    "JAL",    "JALR",     "FENCE",  "FENCE_TSO", "FENCE_I", "PAUSE", "ECALL", "EBREAK", "WRS_NTO", "WRS_STO",
    "NTL_P1", "NTL_PALL", "NTL_S1", "NTL_ALL",   "CSRRW",   "CSRRS", "CSRRC", "CSRRWI", "CSRRSI",  "CSRRCI",
};

TEST(Control, Branches) {
    for (const Branch& c : kBranches)
        for (i64 offset : {-4096, -64, 8, 4094}) {
            Machine m;
            m.set_x(kA, c.a);
            m.set_x(kB, c.b);
            const auto r = m.run({word(c.name) | rs1(kA) | rs2(kB) | imm_b(offset)});
            EXPECT_EQ(r.pc, c.taken ? kCode + static_cast<u64>(offset) : kCode + 4) << c.name << "\n"
                                                                                    << m.text();
            for (const ir::Inst& i : m.block.insts)
                if (i.op == Op::ExitIf) {
                    EXPECT_EQ(i.aux & ir::kBackEdge, offset < 0 ? 1u : 0u);
                }
        }
}

TEST(Control, BranchesThatAreNoChoice) {
    Machine m;
    auto r = m.run({word("BEQ") | imm_b(64)});
    EXPECT_EQ(r.pc, kCode + 64);
    EXPECT_EQ(m.count(Op::ExitIf), 0u);
    r = m.run({word("BNE") | imm_b(64)});
    EXPECT_EQ(r.pc, kCode + 4);
    EXPECT_EQ(m.count(Op::ExitIf), 0u);
}

TEST(Control, JalKinds) {
    struct {
        unsigned rd;
        Op end;
    } const cases[] = {{0, Op::Goto}, {1, Op::Call}, {5, Op::Call}, {6, Op::Goto}};
    for (const auto& c : cases)
        for (i64 offset : {-1048576, -4, 8, 1048574}) {
            Machine m;
            const auto r = m.run({word("JAL") | rd(c.rd) | imm_j(offset)});
            EXPECT_EQ(r.pc, kCode + static_cast<u64>(offset));
            EXPECT_EQ(m.block.insts.back().op, c.end) << m.text();
            if (c.rd != 0) {
                EXPECT_EQ(m.x(c.rd), kCode + 4);
            }
        }
    // A call of the next instruction reads the pc; nobody returns from it.
    Machine m;
    m.run({word("JAL") | rd(1) | imm_j(4)});
    EXPECT_EQ(m.count(Op::Call), 0u);
    EXPECT_EQ(m.x(1), kCode + 4);
}

// Manual, table of the return-address-stack hints: rd, rs1, what happens.
TEST(Control, JalrKinds) {
    struct {
        unsigned rd, rs1;
        Op end;
    } const cases[] = {
        {0, 10, Op::JumpInd}, {6, 10, Op::JumpInd}, {0, 1, Op::Ret},      {0, 5, Op::Ret},
        {6, 1, Op::Ret},      {1, 10, Op::CallInd}, {5, 10, Op::CallInd}, {1, 1, Op::CallInd},
        {5, 5, Op::CallInd},  {1, 5, Op::JumpInd},  {5, 1, Op::JumpInd},  {10, 10, Op::JumpInd},
    };
    for (const auto& c : cases)
        for (i64 offset : {0, -2048, 2047}) {
            Machine m;
            m.set_x(c.rs1, 0x5000);
            const auto r = m.run({word("JALR") | rd(c.rd) | rs1(c.rs1) | imm_i(offset)});
            EXPECT_EQ(r.pc, (0x5000 + static_cast<u64>(offset)) & ~u64{1}) << m.text();
            EXPECT_EQ(m.block.insts.back().op, c.end) << m.text();
            if (c.rd != 0) {
                EXPECT_EQ(m.x(c.rd), kCode + 4);
            }
        }
}

TEST(Control, FarCallsAreDirect) {
    Machine m;
    auto r = m.run({word("AUIPC") | rd(1) | imm_u(5), word("JALR") | rd(1) | rs1(1) | imm_i(-4)});
    EXPECT_EQ(r.pc, kCode + 0x5000 - 4);
    EXPECT_EQ(m.block.insts.back().op, Op::Call) << m.text();
    EXPECT_EQ(m.x(1), kCode + 8);

    r = m.run({word("AUIPC") | rd(6) | imm_u(5), word("JALR") | rs1(6) | imm_i(9)});
    EXPECT_EQ(r.pc, kCode + 0x5000 + 8);
    EXPECT_EQ(m.count(Op::JumpInd), 0u) << m.text();

    // Not when the register was changed in between.
    m.set_x(6, 0);
    r = m.run(
        {word("AUIPC") | rd(6) | imm_u(5), word("ADDI") | rd(6) | rs1(6) | imm_i(16), word("JALR") | rs1(6)});
    EXPECT_EQ(r.pc, kCode + 0x5000 + 16);
}

TEST(Control, Compressed) {
    Machine m;
    m.set_x(8, 0);
    m.request.follow_jumps = false;
    EXPECT_EQ(m.run({0xa001u | 8 << 2}).reason, ExitReason::Next);  // c.j +8
    EXPECT_EQ(m.block.guest_bytes, 2u);
    m.set_x(10, 0x6000);
    const auto r = m.run({0x9502});  // c.jalr a0
    EXPECT_EQ(r.pc, 0x6000u);
    EXPECT_EQ(m.x(1), kCode + 2);
    EXPECT_EQ(m.run({0x9002}).reason, ExitReason::Breakpoint);  // c.ebreak
    EXPECT_EQ(m.run({0x0000}).reason, ExitReason::Illegal);
}

TEST(Control, SystemExits) {
    struct {
        std::string_view name;
        ExitReason reason;
        u64 pc;
    } const cases[] = {
        {"ECALL", ExitReason::Syscall, kCode + 4},    {"EBREAK", ExitReason::Breakpoint, kCode},
        {"FENCE_I", ExitReason::CodeSync, kCode + 4}, {"WRS_NTO", ExitReason::Wait, kCode + 4},
        {"WRS_STO", ExitReason::Wait, kCode + 4},     {"PAUSE", ExitReason::Next, kCode + 4},
        {"NTL_P1", ExitReason::Next, kCode + 4},      {"NTL_PALL", ExitReason::Next, kCode + 4},
        {"NTL_S1", ExitReason::Next, kCode + 4},      {"NTL_ALL", ExitReason::Next, kCode + 4},
        {"FENCE_TSO", ExitReason::Next, kCode + 4},
    };
    for (const auto& c : cases) {
        Machine m;
        const auto before = m.guest;
        const auto r = m.run({word(c.name)});
        EXPECT_EQ(r.reason, c.reason) << c.name;
        EXPECT_EQ(r.pc, c.pc) << c.name;
        EXPECT_EQ(m.guest, before) << c.name;
    }
}

TEST(Control, FenceKinds) {
    using ir::FenceKind;
    constexpr u32 kI = 8, kO = 4, kR = 2, kW = 1;
    struct {
        u32 pred, succ;
        FenceKind kind;
    } const cases[] = {
        {kI | kO | kR | kW, kI | kO | kR | kW, FenceKind::Full},
        {kR | kW, kR | kW, FenceKind::Full},
        {kW, kR, FenceKind::Full},
        {kW, kR | kW, FenceKind::Full},
        {kR | kW, kR, FenceKind::Full},
        {kR, kR | kW, FenceKind::Acquire},
        {kR, kW, FenceKind::Acquire},
        {kR, kR, FenceKind::LoadLoad},
        {kR | kW, kW, FenceKind::Release},
        {kW, kW, FenceKind::StoreStore},
        {kO, kI, FenceKind::Full},
        {kI, kI, FenceKind::LoadLoad},
        {0, kR | kW, FenceKind::Compiler},
        {kR | kW, 0, FenceKind::Compiler},
    };
    for (const auto& c : cases) {
        Machine m;
        m.run({word("FENCE") | c.pred << 24 | c.succ << 20});
        for (const ir::Inst& i : m.block.insts)
            if (i.op == Op::Fence) {
                EXPECT_EQ(i.aux, static_cast<u32>(c.kind)) << c.pred << " " << c.succ;
            }
        EXPECT_EQ(m.count(Op::Fence), 1u);
    }
}

constexpr u32 csr(u32 n) { return n << 20; }

TEST(Control, FlagsAndRoundingRegisters) {
    Machine m;
    m.fp = {.flags = 0x15, .rounding = 2};
    m.set_x(kA, 0x7ff0a);
    m.run({word("CSRRS") | rd(kD) | csr(kCsrFflags)});
    EXPECT_EQ(m.x(kD), 0x15u);
    m.run({word("CSRRS") | rd(kD) | csr(kCsrFrm)});
    EXPECT_EQ(m.x(kD), 2u);
    m.run({word("CSRRS") | rd(kD) | csr(kCsrFcsr)});
    EXPECT_EQ(m.x(kD), 0x55u);
    m.run({word("CSRRW") | rd(kA) | rs1(kA) | csr(kCsrFflags)});
    EXPECT_EQ(m.x(kA), 0x15u);
    EXPECT_EQ(m.fp.flags, 0x0a);
    m.run({word("CSRRSI") | rd(kD) | rs1(1) | csr(kCsrFflags)});
    EXPECT_EQ(m.x(kD), 0x0au);
    EXPECT_EQ(m.fp.flags, 0x0b);
    m.run({word("CSRRCI") | rs1(3) | csr(kCsrFflags)});
    EXPECT_EQ(m.fp.flags, 0x08);
    m.set_x(kA, 0x18);
    m.run({word("CSRRC") | rs1(kA) | csr(kCsrFflags)});
    EXPECT_EQ(m.fp.flags, 0);
    m.run({word("CSRRS") | rs1(kA) | csr(kCsrFflags)});
    EXPECT_EQ(m.fp.flags, 0x18);
    m.run({word("CSRRWI") | rs1(31) | csr(kCsrFcsr)});
    EXPECT_EQ(m.fp.flags, 0x1f);
    EXPECT_EQ(m.fp.rounding, 0);
}

TEST(Control, RoundingWritesThatChangeTheModeLeaveTheBlock) {
    struct {
        u32 insn;
        u8 before;
        ExitReason reason;
        u8 after;
    } const cases[] = {
        {word("CSRRWI") | rs1(3) | csr(kCsrFrm), 0, ExitReason::Next, 3},
        {word("CSRRWI") | rs1(4) | csr(kCsrFrm), 0, ExitReason::ModeChange, 4},
        {word("CSRRWI") | rs1(4) | csr(kCsrFrm), 4, ExitReason::Next, 4},
        {word("CSRRWI") | rs1(0) | csr(kCsrFrm), 4, ExitReason::ModeChange, 0},
        {word("CSRRWI") | rs1(6) | csr(kCsrFrm), 1, ExitReason::ModeChange, 6},
        {word("CSRRWI") | rs1(0) | csr(kCsrFcsr), 1, ExitReason::Next, 0},
        {word("CSRRW") | rs1(0) | csr(kCsrFcsr), 5, ExitReason::ModeChange, 0},
        {word("CSRRW") | rs1(kA) | csr(kCsrFrm), 0, ExitReason::Next, 1},
        {word("CSRRW") | rs1(kA) | csr(kCsrFrm), 4, ExitReason::ModeChange, 1},
        {word("CSRRW") | rs1(kA) | csr(kCsrFrm), 7, ExitReason::ModeChange, 1},
        {word("CSRRS") | rs1(kA) | csr(kCsrFrm), 6, ExitReason::Next, 7},
        {word("CSRRS") | rs1(kA) | csr(kCsrFrm), 4, ExitReason::ModeChange, 5},
        {word("CSRRS") | rs1(kA) | csr(kCsrFrm), 2, ExitReason::Next, 3},
        {word("CSRRS") | rs1(0) | csr(kCsrFrm), 2, ExitReason::Next, 2},
        {word("CSRRW") | rs1(kB) | csr(kCsrFcsr), 2, ExitReason::ModeChange, 4},
        {word("CSRRW") | rs1(kB) | csr(kCsrFflags), 2, ExitReason::Next, 2},
    };
    for (const auto& c : cases) {
        Machine m;
        m.fp.rounding = c.before;
        m.set_x(kA, 0xff01);
        m.set_x(kB, 0xff80);
        const auto r = m.run({c.insn});
        EXPECT_EQ(r.reason, c.reason) << fmt::format("{:#x}\n{}", c.insn, m.text());
        EXPECT_EQ(r.pc, kCode + 4);
        EXPECT_EQ(m.fp.rounding, c.after);
    }
}

TEST(Control, Counters) {
    Machine m;
    m.run({word("CSRRS") | rd(kD) | csr(kCsrTime)});
    EXPECT_EQ(m.x(kD), 1000u);
    m.run({word("CSRRS") | rd(kD) | csr(kCsrCycle)});
    EXPECT_EQ(m.x(kD), 1001u);
    m.request.count_instructions = true;
    m.icount = 50;
    const u32 nop = word("ADDI");
    m.run({nop, nop, word("CSRRS") | rd(kD) | csr(kCsrInstret), nop});
    EXPECT_EQ(m.x(kD), 52u);
    EXPECT_EQ(m.icount, 54u);
}

TEST(Control, OtherCsrsAreIllegal) {
    for (u32 n : {0x000u, 0x004u, 0x100u, 0x300u, 0x800u, 0xc03u, 0xc20u, 0xc80u, 0xf14u})
        EXPECT_EQ(Machine().run({word("CSRRS") | rd(kD) | csr(n)}).reason, ExitReason::Illegal) << n;
    for (u32 n : {0xc00u, 0xc01u, 0xc02u}) {  // read-only
        EXPECT_EQ(Machine().run({word("CSRRW") | rd(kD) | csr(n)}).reason, ExitReason::Illegal) << n;
        EXPECT_EQ(Machine().run({word("CSRRSI") | rs1(1) | csr(n)}).reason, ExitReason::Illegal) << n;
        EXPECT_EQ(Machine().run({word("CSRRSI") | rd(kD) | csr(n)}).reason, ExitReason::Next) << n;
    }
    Machine m;
    m.request.features = ~(u64{1} << F);
    EXPECT_EQ(m.run({word("CSRRS") | rd(kD) | csr(kCsrFcsr)}).reason, ExitReason::Illegal);
}

// --- blocks
TEST(Blocks, IllegalInstructionStandsAtItsOwnPc) {
    Machine m;
    const auto r = m.run({word("ADDI") | rd(kD) | imm_i(7), 0xffffffff});
    EXPECT_EQ(r.reason, ExitReason::Illegal);
    EXPECT_EQ(r.pc, kCode + 4);
    EXPECT_EQ(m.x(kD), 7u);
    EXPECT_EQ(m.block.guest_bytes, 8u);  // patching it must invalidate the block
}

TEST(Blocks, EndAtTheLimit) {
    Machine m;
    m.request.max_insns = 3;
    for (int i = 0; i < 5; ++i) m.put(word("ADDI") | rd(kD) | rs1(kD) | imm_i(1));
    m.translate();
    const auto r = m.interpret();
    EXPECT_EQ(r.pc, kCode + 12);
    EXPECT_EQ(m.x(kD), 3u);
    EXPECT_EQ(m.block.guest_insns, 3u);
    EXPECT_EQ(m.block.guest_bytes, 12u);
    EXPECT_EQ(m.block.ranges, (std::vector<std::pair<u64, u64>>{{kCode, kCode + 12}}));
}

TEST(Blocks, FollowForwardJumps) {
    Machine m;
    m.put(word("JAL") | imm_j(12));
    m.put(0xffffffff);
    m.put(0xffffffff);
    m.put(word("ADDI") | rd(kD) | imm_i(9));
    m.put(word("JAL") | imm_j(-12));
    m.translate();
    EXPECT_EQ(m.block.ranges,
              (std::vector<std::pair<u64, u64>>{{kCode, kCode + 4}, {kCode + 12, kCode + 20}}));
    EXPECT_EQ(m.block.guest_bytes, 12u);
    EXPECT_EQ(m.block.insts.back().op, Op::Goto);
    EXPECT_EQ(m.block.insts.back().aux, ir::kBackEdge);
    const auto r = m.interpret();
    EXPECT_EQ(r.pc, kCode + 4);
    EXPECT_EQ(m.x(kD), 9u);

    m.request.follow_jumps = false;
    m.translate();
    EXPECT_EQ(m.block.guest_insns, 1u);
    EXPECT_EQ(m.interpret().pc, kCode + 12);
}

TEST(Blocks, LookAheadNeverFaults) {
    Machine m;
    m.put(word("ADDI") | rd(kD) | imm_i(1));
    m.translate();
    EXPECT_EQ(m.interpret().pc, kCode + 4);
    EXPECT_EQ(m.block.guest_insns, 1u);

    // The same where a four-byte instruction is cut in the middle.
    m.code.resize(6, 0xff);
    m.translate();
    EXPECT_EQ(m.interpret().pc, kCode + 4);
    EXPECT_EQ(m.interpret().reason, ExitReason::Next);
    EXPECT_EQ(m.block.guest_bytes, 4u);
}

TEST(Blocks, FetchFaults) {
    Machine m;
    m.translate();
    auto r = m.interpret();
    EXPECT_EQ(r.reason, ExitReason::FetchFault);
    EXPECT_EQ(r.pc, kCode);
    EXPECT_EQ(r.value, kCode);
    EXPECT_EQ(m.block.guest_bytes, 0u);

    m.code = {0x13, 0x05};  // the first half of a four-byte instruction
    m.translate();
    r = m.interpret();
    EXPECT_EQ(r.reason, ExitReason::FetchFault);
    EXPECT_EQ(r.pc, kCode);
    EXPECT_EQ(r.value, kCode + 2);
    EXPECT_EQ(m.block.guest_bytes, 0u);
}

TEST(Blocks, InstructionsAcrossAPageBorder) {
    Machine m;
    m.code.assign(kCodeSize - 2, 0);
    m.put(word("ADDI") | rd(kD) | imm_i(77));
    m.request.pc = kCode + kCodeSize - 2;
    m.request.max_insns = 1;
    m.translate();
    EXPECT_EQ(m.interpret().pc, kCode + kCodeSize + 2);
    EXPECT_EQ(m.x(kD), 77u);
}

TEST(Blocks, MissingExtensionsAreIllegal) {
    Machine m;
    m.request.features = ~(u64{1} << M);
    EXPECT_EQ(m.run({word("MUL") | rd(kD) | rs1(kA) | rs2(kB)}).reason, ExitReason::Illegal);
}

}  // namespace

Names control_names() {
    Names n;
    for (const Branch& c : kBranches) n.emplace_back(c.name);
    for (std::string_view name : kOther) n.emplace_back(name);
    return n;
}

}  // namespace vm::frontend::riscv64::test
