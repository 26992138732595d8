// The generated decoder and disassembler: against themselves, hand-written cases, and LLVM's opinion as
// committed in testdata/rv64_expect.txt (tools/rv64-expect.py). decode_binutils_test.cc asks the installed
// binutils as well.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "base/format.h"
#include "frontend/riscv64/rv64_decode.h"

namespace vm::frontend::riscv64 {
namespace {

constexpr u64 kAll = ~u64{0};

u64 without(std::initializer_list<Ext> exts) {
    u64 features = kAll;
    for (Ext e : exts) features &= ~(u64{1} << e);
    return features;
}

std::string text_of(u32 word, u64 pc = 0) { return disassemble(decode(word, kAll), pc); }

/// The text of what the instruction expands to.
std::string base_text(u32 word) {
    Decoded d = decode(word, kAll);
    d.id = d.base;
    return disassemble(d, 0);
}

TEST(Rv64Decode, RandomInstancesDecodeToThemselves) {
    u64 state = 1;
    for (u16 k = 1; k < static_cast<u16>(Insn::Count_); ++k) {
        const Insn id = static_cast<Insn>(k);
        for (int n = 0; n < 1000; ++n) {
            const u32 word = random_encoding(id, &state);
            const Decoded d = decode(word, kAll);
            ASSERT_EQ(d.id, id) << info(id).name << " " << std::hex << word;
            ASSERT_EQ(d.length, info(id).length);
            ASSERT_EQ(d.base, info(id).base);
            ASSERT_EQ(d.bits, word);
            ASSERT_EQ(word & info(id).mask, info(id).match);
            ASSERT_LT(d.rd | d.rs1 | d.rs2 | d.rs3, 32);
            ASSERT_LT(d.rm, 8);
            ASSERT_LT(d.aqrl, 4);
        }
    }
}

TEST(Rv64Decode, UpperHalfOfAShortInstructionIsIgnored) {
    for (u32 low = 0; low < 0x10000; ++low) {
        if ((low & 3) == 3) continue;
        const Decoded a = decode(low, kAll), b = decode(low | 0xdead0000, kAll);
        ASSERT_EQ(a.id, b.id) << std::hex << low;
        ASSERT_EQ(a.bits, b.bits);
        ASSERT_EQ(a.imm, b.imm);
        ASSERT_EQ(a.length, 2);
    }
}

TEST(Rv64Decode, ImmediatesAndRegisters) {
    const Decoded addi = decode(0xfff58513, kAll);  // addi a0,a1,-1
    EXPECT_EQ(addi.id, Insn::ADDI);
    EXPECT_EQ(addi.rd, 10);
    EXPECT_EQ(addi.rs1, 11);
    EXPECT_EQ(addi.rs2, 0);
    EXPECT_EQ(addi.imm, -1);
    const Decoded lui = decode(0x80000537, kAll);
    EXPECT_EQ(lui.imm, -0x80000000ll);
    const Decoded csr = decode(0x0021d573, kAll);  // csrrwi a0,frm,3
    EXPECT_EQ(csr.id, Insn::CSRRWI);
    EXPECT_EQ(csr.csr, 2);
    EXPECT_EQ(csr.imm, 3);
    EXPECT_EQ(csr.rs1, 0);
    const Decoded amo = decode(0x06c5a52f, kAll);  // amoadd.w.aqrl a0,a2,(a1)
    EXPECT_EQ(amo.id, Insn::AMOADD_W);
    EXPECT_EQ(amo.aqrl, 3);
    const Decoded fma = decode(0x6ac5f543, kAll);  // fmadd.d fa0,fa1,fa2,fa3
    EXPECT_EQ(fma.id, Insn::FMADD_D);
    EXPECT_EQ(fma.rs3, 13);
    EXPECT_EQ(fma.rm, 7);
    EXPECT_EQ(decode(0x7fe00fe3, kAll).imm, 4094);  // beq zero,zero,+4094
    EXPECT_EQ(decode(0x800000ef, kAll).imm, -0x100000);
    EXPECT_EQ(text_of(0x0000a06f, 0x10000), "jal zero,0x1a000");
}

TEST(Rv64Decode, ReservedEncodingsAreInvalid) {
    static constexpr struct {
        u32 word;
        const char* why;
    } kCases[] = {
        {0x0000, "the all-zero word"},
        {0x0004, "c.addi4spn with immediate 0"},
        {0x2001, "c.addiw with rd 0"},
        {0x6101, "c.addi16sp with immediate 0"},
        {0x6001, "c.lui with immediate 0, rd 0"},
        {0x6501, "c.lui with immediate 0"},
        {0x4002, "c.lwsp with rd 0"},
        {0x6002, "c.ldsp with rd 0"},
        {0x8002, "c.jr with rs1 0"},
        {0x9c41 | 0x20 | 0x1c, "100111 … 11 111, reserved beside c.not"},
        {0x0200101b, "slliw with shamt[5]"},
        {0x04001013, "slli with imm[10]"},
        {0x00007033 | 0x08000000, "OP with an unknown funct7"},
        {0x1005a52f | 0x00100000, "lr.w with rs2 != 0"},
        {0x0005952f, "AMO of width 1"},
        {0x2c05c5af | 0x80, "amocas.q with an odd rd"},
        {0x0000d553, "fadd.s with rounding mode 5"},
        {0x0000e553, "fadd.s with rounding mode 6"},
        {0x06007553, "fadd in the reserved format 3 (quad)"},
        {0x58100553, "fsqrt.s with rs2 1"},
        {0xf0208553, "next to fli.s"},
        {0x00002073 ^ 0x2000 ^ 0x4000, "SYSTEM funct3 4 outside Zimop"},
        {0x30200073, "mret: privileged"},
        {0xffffffff, "all ones"},
        {0x0000001f, "a 48-bit parcel"},
    };
    for (const auto& c : kCases) {
        const Decoded d = decode(c.word, kAll);
        EXPECT_EQ(d.id, Insn::Invalid) << c.why << ": " << disassemble(d, 0);
        EXPECT_EQ(d.base, Insn::Invalid);
    }
}

TEST(Rv64Decode, HintsAndIgnoredFields) {
    EXPECT_EQ(text_of(0x00000013), "addi zero,zero,0");
    EXPECT_EQ(decode(0x0005, kAll).id, Insn::C_NOP);   // c.nop 1
    EXPECT_EQ(decode(0x0501, kAll).id, Insn::C_ADDI);  // c.addi a0,0
    EXPECT_EQ(decode(0x4005, kAll).id, Insn::C_LI);    // c.li zero,1
    EXPECT_EQ(decode(0x6005, kAll).id, Insn::C_LUI);   // c.lui zero,1
    EXPECT_EQ(decode(0x1002 & ~0x1000, kAll).id, Insn::C_SLLI);
    EXPECT_EQ(decode(0x802a, kAll).id, Insn::C_MV);   // c.mv zero,a0
    EXPECT_EQ(decode(0x902a, kAll).id, Insn::C_ADD);  // c.add zero,a0
    EXPECT_EQ(text_of(0x0100000f), "pause");
    EXPECT_EQ(text_of(0x8330000f), "fence.tso");
    EXPECT_EQ(text_of(0x0ff50f8f), "fence iorw,iorw");  // rd, rs1 != 0
    EXPECT_EQ(text_of(0x40051f8f), "fence.i");
    EXPECT_EQ(text_of(0x00200033), "ntl.p1");
    EXPECT_EQ(text_of(0x9016), "c.ntl.all");
    EXPECT_EQ(text_of(0x02156013), "prefetch.r 32(a0)");
}

TEST(Rv64Decode, MissingExtensionsMakeEncodingsInvalid) {
    u64 state = 2;
    for (u16 k = 1; k < static_cast<u16>(Insn::Count_); ++k) {
        const InsnInfo& i = info(static_cast<Insn>(k));
        const u32 word = random_encoding(static_cast<Insn>(k), &state);
        for (u32 ext = 0; ext < ExtCount_; ++ext) {
            const Insn id = decode(word, without({static_cast<Ext>(ext)})).id;
            EXPECT_EQ(id == static_cast<Insn>(k), !(i.features >> ext & 1))
                << i.name << " without " << ext_name(static_cast<Ext>(ext));
        }
    }
    EXPECT_EQ(decode(0x0100000f, without({Zihintpause})).id, Insn::FENCE);
    EXPECT_EQ(decode(0x00200033, without({Zihintntl})).id, Insn::ADD);
    EXPECT_EQ(decode(0x9016, without({Zihintntl})).id, Insn::C_ADD);
    EXPECT_EQ(decode(0x02156013, without({Zicbop})).id, Insn::ORI);
    EXPECT_EQ(decode(0x0001, without({C})).id, Insn::Invalid);
    EXPECT_EQ(decode(0x6081, without({Zcmop})).id, Insn::Invalid);
    EXPECT_EQ(decode(0x00000013, 0).id, Insn::Invalid);
}

TEST(Rv64Decode, CompressedFormsExpand) {
    static constexpr struct {
        u32 word;
        const char* text;
        const char* base;
    } kCases[] = {
        {0x0808, "c.addi4spn a0,sp,16", "addi a0,sp,16"},
        {0x2588, "c.fld fa0,8(a1)", "fld fa0,8(a1)"},
        {0x41c8, "c.lw a0,4(a1)", "lw a0,4(a1)"},
        {0x6588, "c.ld a0,8(a1)", "ld a0,8(a1)"},
        {0xa588, "c.fsd fa0,8(a1)", "fsd fa0,8(a1)"},
        {0xc1c8, "c.sw a0,4(a1)", "sw a0,4(a1)"},
        {0xe588, "c.sd a0,8(a1)", "sd a0,8(a1)"},
        {0x0001, "c.nop", "addi zero,zero,0"},
        {0x157d, "c.addi a0,-1", "addi a0,a0,-1"},
        {0x357d, "c.addiw a0,-1", "addiw a0,a0,-1"},
        {0x557d, "c.li a0,-1", "addi a0,zero,-1"},
        {0x7139, "c.addi16sp sp,-64", "addi sp,sp,-64"},
        {0x757d, "c.lui a0,0xfffff", "lui a0,0xfffff"},
        {0x9105, "c.srli a0,0x21", "srli a0,a0,0x21"},
        {0x9505, "c.srai a0,0x21", "srai a0,a0,0x21"},
        {0x997d, "c.andi a0,-1", "andi a0,a0,-1"},
        {0x8d0d, "c.sub a0,a1", "sub a0,a0,a1"},
        {0x8d2d, "c.xor a0,a1", "xor a0,a0,a1"},
        {0x8d4d, "c.or a0,a1", "or a0,a0,a1"},
        {0x8d6d, "c.and a0,a1", "and a0,a0,a1"},
        {0x9d0d, "c.subw a0,a1", "subw a0,a0,a1"},
        {0x9d2d, "c.addw a0,a1", "addw a0,a0,a1"},
        {0xa011, "c.j 0x4", "jal zero,0x4"},
        {0xc111, "c.beqz a0,0x4", "beq a0,zero,0x4"},
        {0xe111, "c.bnez a0,0x4", "bne a0,zero,0x4"},
        {0x1506, "c.slli a0,0x21", "slli a0,a0,0x21"},
        {0x2522, "c.fldsp fa0,8(sp)", "fld fa0,8(sp)"},
        {0x4522, "c.lwsp a0,8(sp)", "lw a0,8(sp)"},
        {0x6522, "c.ldsp a0,8(sp)", "ld a0,8(sp)"},
        {0x8502, "c.jr a0", "jalr zero,0(a0)"},
        {0x852e, "c.mv a0,a1", "add a0,zero,a1"},
        {0x9002, "c.ebreak", "ebreak"},
        {0x9502, "c.jalr a0", "jalr ra,0(a0)"},
        {0x952e, "c.add a0,a1", "add a0,a0,a1"},
        {0xa42a, "c.fsdsp fa0,8(sp)", "fsd fa0,8(sp)"},
        {0xc42a, "c.swsp a0,8(sp)", "sw a0,8(sp)"},
        {0xe42a, "c.sdsp a0,8(sp)", "sd a0,8(sp)"},
        {0x900a, "c.ntl.p1", "ntl.p1"},
        {0x900e, "c.ntl.pall", "ntl.pall"},
        {0x9012, "c.ntl.s1", "ntl.s1"},
        {0x9016, "c.ntl.all", "ntl.all"},
        {0x8188, "c.lbu a0,0(a1)", "lbu a0,0(a1)"},
        {0x81c8, "c.lbu a0,1(a1)", "lbu a0,1(a1)"},
        {0x81a8, "c.lbu a0,2(a1)", "lbu a0,2(a1)"},
        {0x85a8, "c.lhu a0,2(a1)", "lhu a0,2(a1)"},
        {0x85e8, "c.lh a0,2(a1)", "lh a0,2(a1)"},
        {0x89e8, "c.sb a0,3(a1)", "sb a0,3(a1)"},
        {0x8da8, "c.sh a0,2(a1)", "sh a0,2(a1)"},
        {0x9d4d, "c.mul a0,a1", "mul a0,a0,a1"},
        {0x9d61, "c.zext.b a0", "andi a0,a0,255"},
        {0x9d65, "c.sext.b a0", "sext.b a0,a0"},
        {0x9d69, "c.zext.h a0", "zext.h a0,a0"},
        {0x9d6d, "c.sext.h a0", "sext.h a0,a0"},
        {0x9d71, "c.zext.w a0", "add.uw a0,a0,zero"},
        {0x9d75, "c.not a0", "xori a0,a0,-1"},
        {0x6281, "c.mop.5", "addi zero,zero,5"},
    };
    std::map<Insn, int> seen;
    for (const auto& c : kCases) {
        EXPECT_EQ(text_of(c.word), c.text);
        EXPECT_EQ(base_text(c.word), c.base);
        ++seen[decode(c.word, kAll).id];
    }
    for (u16 k = 1; k < static_cast<u16>(Insn::Count_); ++k)
        EXPECT_TRUE(info(static_cast<Insn>(k)).length == 4 || seen.contains(static_cast<Insn>(k)))
            << info(static_cast<Insn>(k)).name << " has no case";
}

TEST(Rv64Decode, AgreesWithLlvm) {
    const char* other = std::getenv("VM_RV64_EXPECT");  // a larger file, for a thorough run by hand
    const std::string path = other ? other : VM_RV64_TESTDATA "/rv64_expect.txt";
    std::ifstream in(path);
    ASSERT_TRUE(in) << path;
    std::map<Insn, int> seen;
    unsigned checked = 0;
    for (std::string line; std::getline(in, line);) {
        if (line.empty() || line[0] == '#') continue;
        const size_t space = line.find(' ');
        const u32 first = static_cast<u32>(std::stoul(line.substr(0, space), nullptr, 16));
        u32 last = first;
        std::string expected = line.substr(space + 1);
        const bool range = space == 4 && expected.size() > 5 && expected[4] == ' ' && !other;
        if (range) {
            last = static_cast<u32>(std::stoul(expected.substr(0, 4), nullptr, 16));
            expected = expected.substr(5);
        }
        for (u32 word = first; word <= last; word += 4) {
            const Decoded d = decode(word, kAll);
            std::string text = d.id == Insn::Invalid ? "-" : disassemble(d, 0);
            if (range) text = text.substr(0, text.find(' '));
            EXPECT_EQ(text, expected) << fmt::format("{:x}", word);
            ++seen[d.id];
            ++checked;
        }
    }
    EXPECT_GE(checked, 0xc000u + 1000u);
    for (u16 k = 1; k < static_cast<u16>(Insn::Count_); ++k)
        EXPECT_TRUE(seen.contains(static_cast<Insn>(k)))
            << info(static_cast<Insn>(k)).name << " is not in " << path;
}

}  // namespace
}  // namespace vm::frontend::riscv64
