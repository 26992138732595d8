// Branches, calls, returns, exceptions, hints, barriers, system registers, pointer authentication, and where
// blocks end.
#include "frontend/arm64/id_registers.h"
#include "frontend/arm64/machine_test.h"

namespace vm::frontend::arm64::test {
namespace {

using ir::ExitReason;
using ir::Op;

constexpr u64 kMin = u64{1} << 63;

/// A machine whose blocks end at a jump.
Machine straight() {
    Machine m;
    m.request.follow_jumps = false;
    return m;
}

// --- branches
TEST(Control, ConditionalBranches) {
    for (unsigned c = 0; c < 16; ++c)
        for (unsigned f = 0; f < 16; ++f)
            for (const int words : {-1024, 16}) {
                Machine m = straight();
                m.set_nzcv(f);
                // cset x0, cond: the same question, answered without a branch
                m.run({word("CSINC") | kX | rn(31) | rm(31) | cond(c)});
                const bool taken = m.x(0) == 0;
                const auto r = m.run({word("B_cond") | imm19(words) | c});
                const u64 target = kCode + static_cast<u64>(i64{words} * 4);
                EXPECT_EQ(r.pc, taken ? target : kCode + 4) << c << " " << f;
            }
}

TEST(Control, CompareAndBranch) {
    struct {
        const char* name;
        bool wide;
        u64 t;
        bool taken;
    } const cases[] = {{"CBZ", true, 0, true},       {"CBZ", true, kMin, false}, {"CBZ", false, kMin, true},
                       {"CBZ", false, 1, false},     {"CBNZ", true, kMin, true}, {"CBNZ", true, 0, false},
                       {"CBNZ", false, kMin, false}, {"CBNZ", false, 8, true}};
    for (const auto& c : cases)
        for (const int words : {-5, 2, 262143}) {
            Machine m = straight();
            m.set_x(3, c.t);
            const auto r = m.run({word(c.name) | (c.wide ? kX : 0) | imm19(words) | rt(3)});
            EXPECT_EQ(r.pc, c.taken ? kCode + static_cast<u64>(i64{words} * 4) : kCode + 4)
                << c.name << c.wide;
        }
}

TEST(Control, TestAndBranch) {
    for (unsigned bit = 0; bit < 64; ++bit)
        for (const bool set : {false, true})
            for (const int words : {-8192, 100}) {
                const u32 fields =
                    (bit >> 5) << 31 | (bit & 31) << 19 | (static_cast<u32>(words) & 0x3fff) << 5;
                const u64 target = kCode + static_cast<u64>(i64{words} * 4);
                Machine m = straight();
                m.set_x(3, set ? u64{1} << bit : ~(u64{1} << bit));
                EXPECT_EQ(m.run({word("TBZ") | fields | rt(3)}).pc, set ? kCode + 4 : target) << bit;
                EXPECT_EQ(m.run({word("TBNZ") | fields | rt(3)}).pc, set ? target : kCode + 4) << bit;
            }
}

TEST(Control, JumpsAndCalls) {
    for (const i64 words : {-33554432, -1, 2, 33554431}) {
        const u32 field = static_cast<u32>(words) & 0x3ffffff;
        const u64 target = kCode + static_cast<u64>(words * 4);
        Machine m = straight();
        EXPECT_EQ(m.run({word("B") | field}).pc, target);
        EXPECT_EQ(m.x(30), 0u);
        EXPECT_EQ(m.run({word("BL") | field}).pc, target);
        EXPECT_EQ(m.block.insts.back().op, Op::Call);
        EXPECT_EQ(m.x(30), kCode + 4);
    }
    Machine m;
    m.set_x(5, 0x5000);
    EXPECT_EQ(m.run({word("BR") | rn(5)}).pc, 0x5000 | branch_mark(kBtypeJump));
    EXPECT_EQ(m.block.insts.back().op, Op::JumpInd);
    EXPECT_EQ(m.run({word("BLR") | rn(5)}).pc, 0x5000 | branch_mark(kBtypeCall));
    EXPECT_EQ(m.block.insts.back().op, Op::CallInd);
    EXPECT_EQ(m.x(30), kCode + 4);
    m.set_x(30, 0x6000);
    EXPECT_EQ(m.run({word("BLR") | rn(30)}).pc, 0x6000 | branch_mark(kBtypeCall));
    EXPECT_EQ(m.x(30), kCode + 4);
    EXPECT_EQ(m.run({word("RET") | rn(5)}).pc, 0x5000u);
    EXPECT_EQ(m.block.insts.back().op, Op::Ret);
    EXPECT_EQ(m.run({word("BR") | rn(31)}).pc, branch_mark(kBtypeJump));
    m.request.features = ~u64{0} & ~(u64{1} << BTI);
    EXPECT_EQ(m.run({word("BR") | rn(5)}).pc, 0x5000u);
    EXPECT_EQ(m.run({word("BLR") | rn(5)}).pc, 0x5000u);
}

// Where a guarded page may be entered, by the manual's table. From a page that is not, every plain jump
// counts as one of a trampoline.
TEST(Control, BranchTargets) {
    struct {
        u32 insn;
        bool jump, call, guarded_jump;
    } const cases[] = {{word("NOP"), false, false, false},        {word("BTI"), false, false, false},
                       {word("BTI") | 1 << 6, true, true, false}, {word("BTI") | 2 << 6, true, false, true},
                       {word("BTI") | 3 << 6, true, true, true},  {word("PACIASP"), true, true, false},
                       {word("PACIBSP"), true, true, false},      {word("PACIAZ"), false, false, false},
                       {word("BRK") | imm16(7), true, true, true}};
    for (const bool guarded : {true, false})
        for (const auto& c : cases) {
            Machine m;
            m.run({c.insn});
            if (guarded) m.request.guarded = [](void*, u64 pc) { return pc / 4096 == kCode / 4096; };
            const bool admitted[] = {true, c.jump, c.call, c.guarded_jump};
            for (unsigned btype = 1; btype <= 3; btype++) {
                u64 pc = kCode | branch_mark(btype);
                EXPECT_EQ(kArm64.arrive(m.request, &pc), !guarded || admitted[btype]) << c.insn << btype;
                EXPECT_EQ(pc, kCode);
            }
            EXPECT_EQ(m.run({word("BR") | rn(5)}).pc, branch_mark(guarded ? kBtypeGuardedJump : kBtypeJump));
            EXPECT_EQ(m.run({word("BR") | rn(16)}).pc, branch_mark(kBtypeJump));
            EXPECT_EQ(m.run({word("BR") | rn(17)}).pc, branch_mark(kBtypeJump));
        }
    u64 tagged = kCode | u64{0xab} << 56;  // an address, not a mark
    EXPECT_TRUE(kArm64.arrive(Machine().request, &tagged));
    EXPECT_EQ(tagged, kCode | u64{0xab} << 56);
}

TEST(Control, BlocksGoOnAtForwardTargets) {
    Machine m;
    m.code.resize(32);
    const u32 branch = word("B") | 3, move = word("MOVZ") | kX | imm16(7) | rd(0);
    store_raw(m.code.data(), branch);
    store_raw(m.code.data() + 12, move);
    m.request.max_insns = 2;
    m.translate();
    EXPECT_EQ(m.interpret().pc, kCode + 16);
    EXPECT_EQ(m.x(0), 7u);
    EXPECT_EQ(m.block.guest_bytes, 8u);
}

TEST(Control, MisalignedAndUnfetchableCode) {
    Machine m;
    m.put(word("NOP"));
    m.request.pc = kCode + 2;
    m.translate();
    auto r = m.interpret();
    EXPECT_EQ(r.reason, ExitReason::Misaligned);
    EXPECT_EQ(r.pc, kCode + 2);
    EXPECT_EQ(m.block.guest_bytes, 0u);
    m.request.pc = kCode;
    m.request.max_insns = 2;
    m.translate();
    r = m.interpret();
    EXPECT_EQ(r.reason, ExitReason::Next);
    EXPECT_EQ(r.pc, kCode + 4);
    m.request.pc = kCode + 4;
    m.translate();
    r = m.interpret();
    EXPECT_EQ(r.reason, ExitReason::FetchFault);
    EXPECT_EQ(r.value, kCode + 4);
}

TEST(Control, Exceptions) {
    Machine m;
    auto r = m.run({word("SVC") | imm16(5)});
    EXPECT_EQ(r.reason, ExitReason::Syscall);
    EXPECT_EQ(r.pc, kCode + 4);
    r = m.run({word("BRK") | imm16(1)});
    EXPECT_EQ(r.reason, ExitReason::Breakpoint);
    EXPECT_EQ(r.pc, kCode);
    EXPECT_TRUE(m.undefined(0));           // UDF
    EXPECT_TRUE(m.undefined(0xd4400000));  // HLT
    EXPECT_TRUE(m.undefined(0xd4000002));  // HVC
    m.code.clear();
    m.put(word("NOP"));
    m.put(0);
    m.request.max_insns = 2;
    m.translate();
    r = m.interpret();
    EXPECT_EQ(r.reason, ExitReason::Illegal);
    EXPECT_EQ(r.pc, kCode + 4);
}

TEST(Control, FeaturesThatAreOff) {
    const auto undefined_without = [](Ext e, u32 w) {
        Machine m;
        m.request.features = ~u64{0} & ~(u64{1} << e);
        return m.undefined(w);
    };
    EXPECT_TRUE(undefined_without(LSE, word("LDADD")));
    EXPECT_TRUE(undefined_without(CRC32, word("CRC32")));
    EXPECT_TRUE(undefined_without(FP, word("FADD")));
    EXPECT_TRUE(undefined_without(FP, word("LDR_q_imm")));
    EXPECT_TRUE(undefined_without(FP16, word("FADD_h")));
    EXPECT_FALSE(undefined_without(FP16, word("FADD")));
    EXPECT_FALSE(undefined_without(FP16, word("FCVT") | 1 << 15));
    EXPECT_TRUE(undefined_without(JSCVT, word("FJCVTZS")));
    EXPECT_TRUE(undefined_without(FRINTTS, word("FRINT32Z")));
    EXPECT_TRUE(undefined_without(BF16, word("BFCVT")));
    // In the space of hints they do nothing instead.
    EXPECT_FALSE(undefined_without(PAuth, word("PACIASP")));
    EXPECT_FALSE(undefined_without(BTI, word("BTI")));
}

// --- hints and barriers
TEST(Control, Hints) {
    Machine m;
    const auto r = m.run({word("NOP"), word("YIELD"), word("SEV"), word("SEVL"), word("BTI") | 2 << 6,
                          word("HINT") | 100 << 5, word("ISB"), word("SB"), word("CLREX")});
    EXPECT_EQ(r.reason, ExitReason::Next);
    EXPECT_EQ(r.insns, 9u);
    for (const char* name : {"WFE", "WFI"}) {
        const auto wait = m.run({word(name)});
        EXPECT_EQ(wait.reason, ExitReason::Wait) << name;
        EXPECT_EQ(wait.pc, kCode + 4) << name;
    }
}

TEST(Control, Barriers) {
    using ir::FenceKind;
    for (const auto& [crm, kind] : {std::pair{15u, FenceKind::Full},
                                    {11u, FenceKind::Full},
                                    {9u, FenceKind::Acquire},
                                    {10u, FenceKind::StoreStore}})
        for (const char* name : {"DMB", "DSB"}) {
            Machine m;
            m.run({word(name) | crm << 8});
            const auto at = std::ranges::find(m.block.insts, Op::Fence, &ir::Inst::op);
            ASSERT_NE(at, m.block.insts.end()) << name;
            EXPECT_EQ(at->aux, static_cast<u32>(kind)) << name << crm;
        }
}

TEST(Control, InstructionCacheMaintenance) {
    Machine m;
    m.set_x(1, 0x12345678);
    const auto r = m.run({word("IC_IVAU") | rt(1)});
    EXPECT_EQ(r.reason, ExitReason::CodeSync);
    EXPECT_EQ(r.pc, kCode + 4);
    EXPECT_EQ(r.value, 0x12345640u | 6);
    m.set_x(1, kUnmapped);
    for (const char* name : {"DC_CVAC", "DC_CVAU", "DC_CVAP", "DC_CVADP", "DC_CIVAC"})
        EXPECT_EQ(m.run({word(name) | rt(1)}).reason, ExitReason::MemoryFault) << name;
}

// --- system registers
constexpr u32 reg(u16 number) { return u32{number} << 5; }
constexpr u16 kNzcvReg = sysreg(3, 3, 4, 2, 0), kFpcrReg = sysreg(3, 3, 4, 4, 0),
              kFpsrReg = sysreg(3, 3, 4, 4, 1), kTpidrReg = sysreg(3, 3, 13, 0, 2);

TEST(Control, FlagsAsARegister) {
    for (unsigned f = 0; f < 16; ++f) {
        Machine m;
        m.set_x(1, ~(u64{15} << 28) | u64{f} << 28);
        m.run({word("MSR") | reg(kNzcvReg) | rt(1), word("MRS") | reg(kNzcvReg) | rt(2)});
        EXPECT_EQ(m.nzcv(), f);
        EXPECT_EQ(m.x(2), u64{f} << 28);
    }
}

TEST(Control, FloatingPointStatus) {
    Machine m;
    m.fp.flags = ir::kInexact | ir::kInvalid;
    m.fp.input_denormal = ir::kInputDenormal;
    store_raw(&m.guest[kQcOffset + 8], u64{1});
    m.run({word("MRS") | reg(kFpsrReg) | rt(2)});
    EXPECT_EQ(m.x(2), kFpsrIxc | kFpsrIoc | kFpsrIdc | kFpsrQc);
    m.set_x(1, kFpsrOfc | kFpsrUfc | kFpsrDzc);
    m.run({word("MSR") | reg(kFpsrReg) | rt(1), word("MRS") | reg(kFpsrReg) | rt(2)});
    EXPECT_EQ(m.x(2), kFpsrOfc | kFpsrUfc | kFpsrDzc);
    EXPECT_EQ(m.fp.flags, ir::kOverflow | ir::kUnderflow | ir::kDivByZero);
    EXPECT_EQ(m.fp.input_denormal, 0);
    m.set_x(1, ~u64{0});
    m.run({word("MSR") | reg(kFpsrReg) | rt(1), word("MRS") | reg(kFpsrReg) | rt(2)});
    EXPECT_EQ(m.x(2), 0x0800009fu);
}

TEST(Control, FloatingPointControl) {
    for (unsigned rmode = 0; rmode < 4; ++rmode) {
        Machine m;
        m.set_x(1, u64{rmode} << 22);
        const auto r = m.run({word("MSR") | reg(kFpcrReg) | rt(1)});
        EXPECT_EQ(r.reason, ExitReason::Next);
        EXPECT_EQ(m.fp.rounding, static_cast<u8>(round_of_fpcr(u64{rmode} << 22)));
    }
    Machine m;
    m.set_x(1, ~u64{0});
    const auto r = m.run({word("MSR") | reg(kFpcrReg) | rt(1), word("MRS") | reg(kFpcrReg) | rt(2)});
    EXPECT_EQ(r.reason, ExitReason::ModeChange);
    EXPECT_EQ(r.pc, kCode + 4);
    m.run({word("MRS") | reg(kFpcrReg) | rt(2)});
    EXPECT_EQ(m.x(2), kFpcrMask);
    EXPECT_EQ(m.run({word("MSR") | reg(kFpcrReg) | rt(1)}).reason, ExitReason::Next);  // nothing changed
}

TEST(Control, OtherRegisters) {
    Machine m;
    m.set_x(1, 0x123456789abcdef0);
    m.run({word("MSR") | reg(kTpidrReg) | rt(1), word("MRS") | reg(kTpidrReg) | rt(2),
           word("MRS") | reg(sysreg(3, 3, 0, 0, 1)) | rt(3), word("MRS") | reg(sysreg(3, 3, 0, 0, 7)) | rt(4),
           word("MRS") | reg(sysreg(3, 3, 14, 0, 2)) | rt(5),
           word("MRS") | reg(sysreg(3, 3, 14, 0, 0)) | rt(6)});
    EXPECT_EQ(m.x(2), 0x123456789abcdef0u);
    EXPECT_EQ(u64{4} << (m.x(3) & 15), kCacheLine);        // CTR_EL0.IminLine
    EXPECT_EQ(u64{4} << (m.x(3) >> 16 & 15), kCacheLine);  // DminLine
    EXPECT_EQ(u64{4} << (m.x(4) & 15), kCacheLine);        // DCZID_EL0.BS
    EXPECT_EQ(m.x(5), 1000u);
    EXPECT_EQ(m.x(6), kCounterFrequency);
    m.run({word("MSR_SSBS"), word("MRS") | reg(sysreg(3, 3, 4, 2, 6)) | rt(2)});
    EXPECT_EQ(m.x(2), kSsbsBit);                                         // stores may always be bypassed
    EXPECT_TRUE(m.undefined(word("MRS") | reg(sysreg(3, 0, 1, 0, 0))));  // SCTLR_EL1
    EXPECT_TRUE(m.undefined(word("MSR") | reg(sysreg(3, 0, 0, 0, 0))));  // MIDR_EL1 cannot be written
    EXPECT_TRUE(m.undefined(word("MRS") | reg(sysreg(3, 3, 4, 2, 1))));  // DAIF
}

// --- pointer authentication
class PointerAuthentication : public testing::Test {
  protected:
    PointerAuthentication() {
        for (unsigned k = 0; k < 2 * kKeyCount; ++k)
            store_raw(&m.guest[kKeysOffset + 8 * k], 0x9e3779b97f4a7c15 * (k + 1));
        m.set_x(1, kPointer);
        m.set_x(2, 0x1234);
    }
    static constexpr u64 kPointer = 0x0000'7fff'8765'4321;
    Machine m;
};

TEST_F(PointerAuthentication, SignedPointersComeBack) {
    std::set<u64> seen;
    for (const char* key : {"IA", "IB", "DA", "DB"})
        for (const bool zero : {false, true}) {
            const std::string suffix = zero ? std::string{key[0], 'Z', key[1]} : key;
            const u32 modifier = zero ? 0 : rn(2);
            m.set_x(1, kPointer);
            m.run({word("PAC" + suffix) | rd(1) | modifier});
            EXPECT_EQ(zext(m.x(1), 48), kPointer) << suffix;
            EXPECT_EQ(bits(m.x(1), 63, 55), 0u) << suffix;
            seen.insert(m.x(1));
            m.set_x(3, m.x(1));
            EXPECT_EQ(m.run({word("AUT" + suffix) | rd(1) | modifier}).reason, ExitReason::Next) << suffix;
            EXPECT_EQ(m.x(1), kPointer) << suffix;
            m.run({word(key[0] == 'I' ? "XPACI" : "XPACD") | rd(3)});
            EXPECT_EQ(m.x(3), kPointer) << suffix;
        }
    EXPECT_GT(seen.size(), 5u);  // keys and modifiers matter
}

TEST_F(PointerAuthentication, WrongPointersAreIllegal) {
    m.run({word("PACIA") | rd(1) | rn(2)});
    m.set_x(4, m.x(1) ^ u64{1} << 50);
    const auto r = m.run({word("AUTIA") | rd(4) | rn(2)});
    EXPECT_EQ(r.reason, ExitReason::Illegal);
    EXPECT_EQ(r.value, kFailedAuthentication);
    EXPECT_EQ(r.pc, kCode);
    unsigned failures = 0;
    for (u64 modifier = 0; modifier < 64; ++modifier) {
        m.set_x(4, m.x(1));
        m.set_x(5, modifier);
        failures += m.run({word("AUTIA") | rd(4) | rn(5)}).reason == ExitReason::Illegal;
    }
    EXPECT_GT(failures, 60u);
}

TEST_F(PointerAuthentication, UpperHalfOfTheAddressSpace) {
    m.set_x(1, kPointer | 0xffff'0000'0000'0000);
    m.run({word("PACDA") | rd(1) | rn(2)});
    EXPECT_EQ(bits(m.x(1), 63, 55), 0x1ffu);
    m.set_x(3, m.x(1));
    m.run({word("AUTDA") | rd(1) | rn(2), word("XPACD") | rd(3)});
    EXPECT_EQ(m.x(1), kPointer | 0xffff'0000'0000'0000);
    EXPECT_EQ(m.x(3), kPointer | 0xffff'0000'0000'0000);
}

// The forms in the space of hints are the same operations on fixed registers.
TEST_F(PointerAuthentication, Hints) {
    m.set_x(16, 0x1234);
    m.set_x(31, 0x5678);
    m.set_x(6, 0x5678);
    for (const char key : {'A', 'B'}) {
        const auto name = [&](const char* front, const char* back) {
            return front + std::string(1, key) + back;
        };
        m.set_x(1, kPointer);
        m.set_x(3, kPointer);
        m.set_x(4, kPointer);
        m.set_x(17, kPointer);
        m.set_x(30, kPointer);
        const u32 sign = word(name("PACI", ""));
        m.run({sign | rd(1) | rn(16), sign | rd(3) | rn(6), word(std::string("PACIZ") + key) | rd(4),
               key == 'A' ? word("PAC_hint") : word("PACIB1716"), word(name("PACI", "SP"))});
        EXPECT_EQ(m.x(17), m.x(1));
        EXPECT_EQ(m.x(30), m.x(3));
        m.run({word(name("AUTI", "1716")), word(name("AUTI", "SP"))});
        EXPECT_EQ(m.x(17), kPointer);
        EXPECT_EQ(m.x(30), kPointer);
        m.run({word(name("PACI", "Z"))});
        EXPECT_EQ(m.x(30), m.x(4));
        m.run({word("XPACLRI")});
        EXPECT_EQ(m.x(30), kPointer);
    }
}

TEST_F(PointerAuthentication, GenericCode) {
    m.run({word("PACGA") | rd(3) | rn(1) | rm(2), word("PACGA") | rd(4) | rn(1) | rm(1)});
    EXPECT_EQ(zext(m.x(3), 32), 0u);
    EXPECT_NE(m.x(3), m.x(4));
}

TEST_F(PointerAuthentication, BranchesAndLoads) {
    struct {
        const char* sign;
        const char* branch;
        u32 fields;
        Op end;
    } const cases[] = {{"PACIA", "BRAA", rd(2), Op::JumpInd},  {"PACIB", "BRAB", rd(2), Op::JumpInd},
                       {"PACIA", "BLRAA", rd(2), Op::CallInd}, {"PACIB", "BLRAB", rd(2), Op::CallInd},
                       {"PACIZA", "BR_auth", 0, Op::JumpInd},  {"PACIZB", "BR_auth", 1 << 10, Op::JumpInd},
                       {"PACIZA", "BLR_auth", 0, Op::CallInd}, {"PACIZB", "BLR_auth", 1 << 10, Op::CallInd}};
    for (const auto& c : cases) {
        m.set_x(1, 0x5000);
        const u32 modifier = std::string_view(c.sign).size() == 5 ? rn(2) : 0;
        m.run({word(c.sign) | rd(1) | modifier});
        const auto r = m.run({word(c.branch) | rn(1) | c.fields});
        EXPECT_EQ(r.pc, 0x5000 | branch_mark(c.end == Op::CallInd ? kBtypeCall : kBtypeJump))
            << c.branch << c.sign;
        EXPECT_EQ(m.block.insts.back().op, c.end) << c.branch;
    }
    m.set_x(31, 0x7777);
    m.set_x(30, 0x6000);
    m.run({word("PACIBSP")});
    EXPECT_EQ(m.run({word("RET_auth") | 1 << 10}).pc, 0x6000u);
    EXPECT_EQ(m.block.insts.back().op, Op::Ret);

    store_raw(&m.data[16], u64{99});
    m.set_x(1, kData + 24);
    m.run({word("PACDZA") | rd(1)});
    m.run({word("LDRA") | 1u << 11 | 0x1ff << 12 | 1u << 22 | rn(1) | rt(3)});  // ldraa x3, [x1, #-8]!
    EXPECT_EQ(m.x(3), 99u);
    EXPECT_EQ(m.x(1), kData + 16);
}

}  // namespace
}  // namespace vm::frontend::arm64::test
