// Every encoding makes blocks that verify whatever its fields are; random code runs in the interpreter; the
// layout of the state.
#include "frontend/arm64/machine_test.h"

namespace vm::frontend::arm64::test {
namespace {

constexpr auto kCount = static_cast<u16>(Insn::Count_);

TEST(Coverage, AnyFieldsVerify) {
    u64 seed = 1;
    for (u16 i = 1; i < kCount; ++i)
        for (const u64 fpcr : {u64{0}, kFpcrMask})
            for (const u64 tagged : {0, 1})
                for (int n = 0; n < 20; ++n) {
                    Machine m;
                    m.set_fpcr(fpcr);
                    store_raw(&m.guest[kTaggedOffset], tagged);
                    m.put(random_encoding(static_cast<Insn>(i), &seed));
                    m.request.max_insns = 1;
                    m.translate();
                }
}

// Without forwarding and with it the same random code does the same, and nothing outside the slots changes.
TEST(Coverage, RandomBlocks) {
    u64 seed = 2;
    for (int round = 0; round < 300; ++round) {
        Machine m;
        for (unsigned n = 0; n < 32; ++n) m.set_x(n, n % 2 ? kData + 16 * n : seed * n);
        for (unsigned n = 0; n < 32; ++n) m.set_v(n, {seed * (n + 1), seed ^ n});
        for (int n = 0; n < 64; ++n) {
            seed = seed * 6364136223846793005 + 1442695040888963407;
            m.put(random_encoding(static_cast<Insn>(1 + (seed >> 33) % (kCount - 1)), &seed));
        }
        Machine other = m;
        other.request.forward_state = true;
        m.translate();
        const auto r = m.interpret();
        other.translate();
        const auto s = other.interpret();
        EXPECT_EQ(r.reason, s.reason);
        EXPECT_EQ(r.pc, s.pc);
        EXPECT_EQ(m.guest, other.guest) << m.text() << other.text();
        EXPECT_EQ(m.data, other.data);
        EXPECT_EQ(m.fp.flags, other.fp.flags);
        for (size_t i = kStateBytes; i < m.guest.size(); ++i) ASSERT_EQ(m.guest[i], 0);
    }
}

TEST(Layout, SlotsStandWhereTheConstantsSay) {
    const ir::StateLayout& l = *kArm64.layout;
    EXPECT_EQ(l.slots.size(), kFlagOperandsSlot + 2u);
    EXPECT_EQ(l.slots[kFlagOperandsSlot].offset, kFlagOperandsOffset);
    EXPECT_EQ(l.slots[kFlagOperandsSlot + 1].offset, kFlagOperandsOffset + 8);
    EXPECT_EQ(l.size, kStateBytes);
    EXPECT_LE(l.size, ir::kMaxGuestState);
    for (unsigned n = 0; n < 31; ++n) {
        EXPECT_EQ(l.slots[x_slot(n)].name, fmt::format("x{}", n));
        EXPECT_EQ(l.slots[x_slot(n)].offset, x_offset(n));
    }
    EXPECT_EQ(l.slots[kSpSlot].name, "sp");
    EXPECT_EQ(l.slots[kNzcvSlot].offset, kNzcvOffset);
    EXPECT_EQ(l.slots[kFpcrSlot].offset, kFpcrOffset);
    EXPECT_EQ(l.slots[kQcSlot].offset, kQcOffset);
    EXPECT_EQ(l.slots[kTpidrSlot].offset, kTpidrOffset);
    EXPECT_EQ(l.slots[kTaggedSlot].offset, kTaggedOffset);
    for (unsigned k = 0; k < kKeyCount; ++k)
        for (unsigned half = 0; half < 2; ++half)
            EXPECT_EQ(l.slots[key_slot(k, half)].offset, key_offset(static_cast<Key>(k)) + 8 * half);
    for (unsigned n = 0; n < 32; ++n) {
        EXPECT_EQ(l.slots[v_slot(n)].name, fmt::format("v{}", n));
        EXPECT_EQ(l.slots[v_slot(n)].offset, v_offset(n));
    }
    std::set<u16> seen;
    for (u16 s : l.pin_int) EXPECT_TRUE(l.slots[s].type == ir::Type::I64 && seen.insert(s).second) << s;
    for (u16 s : l.pin_vector) EXPECT_TRUE(l.slots[s].type == ir::Type::V128 && seen.insert(s).second) << s;
}

TEST(Disassembly, AtAnAddress) {
    const u32 code[] = {0x54000040, 0xffffffff};
    const auto* bytes = reinterpret_cast<const u8*>(code);
    unsigned length = 0;
    EXPECT_EQ(kArm64.disassemble(0x1000, bytes, 8, &length), "b.eq 0x1008");
    EXPECT_EQ(length, 4u);
    EXPECT_EQ(kArm64.disassemble(0x1000, bytes + 4, 4, &length), ".4byte 0xffffffff");
    EXPECT_EQ(kArm64.disassemble(0x1000, bytes, 3, &length), ".byte 0x40");
    EXPECT_EQ(length, 1u);
    EXPECT_EQ(kArm64.disassemble(0x1000, bytes, 0, &length), "");
}

}  // namespace
}  // namespace vm::frontend::arm64::test
