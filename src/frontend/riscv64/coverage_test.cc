// Every encoding has a handler, a case in one of the tables, and makes blocks that verify whatever its fields
// are.
#include "frontend/riscv64/cpu_models.h"
#include "frontend/riscv64/hart_area.h"
#include "frontend/riscv64/machine_test.h"

namespace vm::frontend::riscv64::test {
namespace {

constexpr auto kCount = static_cast<u16>(Insn::Count_);

TEST(Coverage, EveryEncodingHasACase) {
    std::set<std::string> covered;
    for (const Names& names : {integer_names(), memory_names(), fp_names(), control_names()})
        covered.insert(names.begin(), names.end());
    for (u16 i = 1; i < kCount; ++i) {
        const InsnInfo& in = info(static_cast<Insn>(i));
        if (in.base == static_cast<Insn>(i)) {
            EXPECT_TRUE(covered.contains(std::string(in.name))) << in.name;
        }
    }
    for (const std::string& name : covered) by_name(name);
}

TEST(Coverage, AnyFieldsVerify) {
    u64 seed = 1;
    for (u16 i = 1; i < kCount; ++i)
        for (u8 frm : {0, 4, 7})
            for (int n = 0; n < 40; ++n) {
                Machine m;
                m.fp.rounding = frm;
                const u32 w = random_encoding(static_cast<Insn>(i), &seed);
                m.put(w);
                m.request.max_insns = 1;
                m.translate();
                const Decoded d = decode(w, ~u64{0});
                if (d.csr == 0 && !(frm == 7 && d.rm == 7)) {
                    EXPECT_FALSE(m.ends_undefined()) << disassemble(d, kCode) << " " << info(d.id).name;
                }
            }
}

// The same random code as one block, and interpreted: nothing may assert, and the state outside the slots
// stays zero.
TEST(Coverage, RandomBlocks) {
    u64 seed = 2;
    for (int round = 0; round < 300; ++round) {
        Machine m;
        for (unsigned n = 1; n < 32; ++n) m.set_x(n, n % 2 ? kData + 8 * n : seed * n);
        for (unsigned n = 0; n < 32; ++n) m.set_f(n, seed * (n + 1));
        for (int n = 0; n < 64; ++n) {
            seed = seed * 6364136223846793005 + 1442695040888963407;
            m.put(random_encoding(static_cast<Insn>(1 + (seed >> 33) % (kCount - 1)), &seed));
        }
        m.translate();
        m.interpret();
        EXPECT_EQ(load_raw<u64>(&m.guest[0]), 0u) << "x0 was written\n" << m.text();
        for (size_t i = f_offset(32); i < m.guest.size(); ++i) ASSERT_EQ(m.guest[i], 0);
    }
}

TEST(Layout, PinnedSlotsAreOfTheirClassAndUnique) {
    const ir::StateLayout& l = *kRiscv64.layout;
    EXPECT_EQ(l.slots.size(), kCodeContextSlot + 1u);
    for (const ir::StateSlot& s : l.slots) EXPECT_LE(s.offset + 8u, l.size) << s.name;
    EXPECT_LE(l.size, ir::kMaxGuestState);
    std::set<u16> seen;
    for (u16 s : l.pin_int) EXPECT_TRUE(l.slots[s].type == ir::Type::I64 && seen.insert(s).second) << s;
    for (u16 s : l.pin_vector) EXPECT_TRUE(l.slots[s].type == ir::Type::F64 && seen.insert(s).second) << s;
    EXPECT_EQ(l.slots[kRiscv64.slot_sp].name, "sp");
    EXPECT_EQ(l.slots[kRiscv64.slot_pc_link].name, "ra");
    EXPECT_EQ(l.slots[x_slot(10)].name, "a0");
    EXPECT_EQ(l.slots[x_slot(10)].offset, x_offset(10));
    EXPECT_EQ(l.slots[f_slot(10)].name, "fa0");
    EXPECT_EQ(l.slots[f_slot(10)].offset, f_offset(10));
}

TEST(Disassembly, AtAnAddress) {
    const u8 code[] = {0x13, 0x05, 0x15, 0x00, 0x02, 0x90, 0xff};
    unsigned length = 0;
    EXPECT_EQ(kRiscv64.disassemble(0, code, 4, &length), "addi a0,a0,1");
    EXPECT_EQ(length, 4u);
    EXPECT_EQ(kRiscv64.disassemble(0, code + 4, 3, &length), "c.ebreak");
    EXPECT_EQ(length, 2u);
    for (u64 size = 0; size < 4; ++size) {
        EXPECT_NO_FATAL_FAILURE(kRiscv64.disassemble(0, code, size, &length));
        EXPECT_GE(length, 1u);
    }
}

u64 cpu(std::string_view text) {
    u64 f = 0;
    std::string error;
    EXPECT_TRUE(kRiscv64.parse_cpu(text, &f, &error)) << text << ": " << error;
    return f;
}
std::string cpu_error(std::string_view text) {
    u64 f = 0;
    std::string error;
    EXPECT_FALSE(kRiscv64.parse_cpu(text, &f, &error)) << text;
    return error;
}
constexpr u64 of(Ext e) { return u64{1} << e; }

TEST(Cpu, Models) {
    EXPECT_EQ(cpu("max"), all_features());
    EXPECT_EQ(cpu("rv64gc"), cpu("rva20"));
    EXPECT_EQ(cpu("RVA22U64") & of(Zbb), of(Zbb));
    EXPECT_EQ(cpu("rv64gc") & of(Zbb), 0u);
    EXPECT_EQ(cpu("rv64i"), of(I));
    EXPECT_EQ(cpu("rv64imac_zba_zbb"), of(I) | of(M) | of(A) | of(C) | of(Zba) | of(Zbb));
    EXPECT_EQ(isa_string(cpu("rv64imac_zba_zbb")), "rv64imac_zba_zbb");
}

TEST(Cpu, Switches) {
    EXPECT_EQ(cpu("rv64gc,+zba,-m"), (cpu("rv64gc") | of(Zba)) & ~of(M));
    EXPECT_EQ(cpu("rv64i,+d"), of(I) | of(D) | of(F) | of(Zicsr));            // brings what it needs
    EXPECT_EQ(cpu("max,-f") & (of(D) | of(Zfh) | of(Zfhmin) | of(Zfa)), 0u);  // takes what needs it
}

TEST(Cpu, ErrorsNameTheWord) {
    EXPECT_NE(cpu_error("sifive").find("sifive"), std::string::npos);
    EXPECT_NE(cpu_error("max,zba").find("zba"), std::string::npos);
    EXPECT_NE(cpu_error("max,+zzz").find("zzz"), std::string::npos);
    EXPECT_NE(cpu_error("rv64gcv").find("vector"), std::string::npos);
    EXPECT_NE(cpu_error("rva23u64").find("vector"), std::string::npos);
    EXPECT_NE(cpu_error("rv64gc_zfoo").find("zfoo"), std::string::npos);
    EXPECT_NE(cpu_error("max,-i").find("base ISA"), std::string::npos);
    cpu_error("");
    cpu_error("rv64mac");
}

}  // namespace
}  // namespace vm::frontend::riscv64::test
