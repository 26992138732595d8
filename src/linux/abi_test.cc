// What every ABI promises: a frame gives back what it took, numbers, structures.
#include <array>
#include <cerrno>
#include <csignal>
#include <map>
#include <random>

#include "linux/guest_test.h"
#include "linux/signal_frame.h"

namespace vm::linux {
namespace {

class AbiTest : public testing::TestWithParam<const Abi*> {};
INSTANTIATE_TEST_SUITE_P(Every, AbiTest, testing::Values(&kRiscv64Abi, &kArm64Abi), abi_name);

/// The registers of a new program, and what its memory says of it.
TEST_P(AbiTest, ANewProgramFindsItsStackAndAuxiliaryVector) {
    GuestProcess g(*GetParam());
    EXPECT_EQ(g.vcpu().pc(), 0x10100u);
    const u64 sp = g.vcpu().reg(g.abi().sp_offset);
    EXPECT_EQ(sp % 16, 0u);
    EXPECT_EQ(g.get<u64>(sp), 1u);
    std::map<u64, u64> aux;
    const std::vector<u64>& v = (*g).auxv;
    for (size_t i = 0; i + 1 < v.size(); i += 2) aux[v[i]] = v[i + 1];
    const HwCaps caps = g.abi().hwcap(*kTestGuests[GetParam() == &kArm64Abi].isa, ~u64{0});
    EXPECT_EQ(aux[16], caps.hwcap);                        // AT_HWCAP
    EXPECT_EQ(aux.contains(26), caps.hwcap2.has_value());  // AT_HWCAP2
    EXPECT_EQ(aux[26], caps.hwcap2.value_or(0));
    EXPECT_EQ(aux[51], g.abi().at_minsigstksz);
    EXPECT_EQ(aux[33], (*g).vdso_base);
    EXPECT_EQ(aux.contains(15), !g.abi().platform.empty());
    EXPECT_LT((*g).stack_top, g.mm().task_size());
}

TEST_P(AbiTest, ASignalFrameGivesBackEveryRegister) {
    GuestProcess g(*GetParam());
    engine::Vcpu& v = g.vcpu();
    const ir::StateLayout& layout = *(*g).engine().isa().layout;
    const u64 stack = g.pages(16) + 16 * 4096;
    std::mt19937_64 rng(1);
    const auto fill = [&] {
        for (const auto& s : layout.program_slots()) {
            if (s.name == "tagged" || s.type == ir::Type::Flags || s.name == "fpcr" || s.name == "qc")
                continue;
            for (unsigned i = 0; i < ir::width(s.type) / 8; i++)
                v.guest()[s.offset + i] = static_cast<u8>(rng());
        }
        v.fp().flags = 0x15;
        v.fp().rounding = 2;
        if (GetParam() == &kArm64Abi) v.set_reg(264, 2 << 22);  // FPCR.RMode: the same rounding
    };
    fill();
    v.set_reg(g.abi().sp_offset, stack - 8);  // any alignment
    v.set_pc(0x123456788);
    const std::vector<u8> before(v.guest(), v.guest() + layout.size);
    SigInfo info{};
    info.bytes[0] = SIGUSR1;
    const u64 mask = 0x1234567890;
    ASSERT_TRUE(g.abi().push_signal_frame(g.thread(), SIGUSR1, info, 0x10100, 0, kSaSiginfo, mask));
    EXPECT_EQ(g.abi().untagged(v.pc()), 0x10100u);
    EXPECT_EQ(v.reg(g.abi().arg_offset[0]), u64{SIGUSR1});
    const u64 siginfo = v.reg(g.abi().arg_offset[1]), context = v.reg(g.abi().arg_offset[2]);
    const u64 sp = v.reg(g.abi().sp_offset);
    EXPECT_EQ(siginfo, sp);
    EXPECT_EQ(sp % 16, 0u);
    EXPECT_LE(stack - 8 - sp, g.abi().at_minsigstksz);
    EXPECT_EQ(g.get<SigInfo>(siginfo).bytes[0], SIGUSR1);
    EXPECT_EQ(g.get<u64>(context + 40), mask);  // uc_sigmask
    // The handler spoils everything but its stack pointer.
    std::mt19937_64 other(2);
    rng = other;
    fill();
    v.fp().flags = v.fp().rounding = 0;
    v.set_reg(g.abi().sp_offset, sp);
    u64 restored = 0;
    ASSERT_TRUE(g.abi().pop_signal_frame(g.thread(), &restored));
    EXPECT_EQ(restored, mask);
    EXPECT_EQ(v.pc(), 0x123456788u);
    EXPECT_EQ(v.fp().flags, 0x15);
    EXPECT_EQ(v.fp().rounding, 2);
    for (const auto& s : layout.program_slots()) {
        if (s.name.starts_with("ap") || s.name == "tpidr_el0") continue;  // no part of a frame
        if (layout.holds_flag_operand(static_cast<u64>(&s - layout.slots.data()))) continue;
        EXPECT_EQ(std::memcmp(v.guest() + s.offset, &before[s.offset], ir::width(s.type) / 8), 0) << s.name;
    }
}

TEST_P(AbiTest, AHandlerOnTheAlternateStack) {
    GuestProcess g(*GetParam());
    engine::Vcpu& v = g.vcpu();
    const u64 alt = g.pages(4), sp = v.reg(g.abi().sp_offset);
    const GuestStack small{alt, 0, 0, g.abi().min_signal_stack - 1}, good{alt, 0, 0, 4 * 4096};
    EXPECT_EQ(set_altstack(g.thread(), small, sp), -ENOMEM);
    ASSERT_EQ(set_altstack(g.thread(), good, sp), 0);
    const SigInfo info{};
    ASSERT_TRUE(g.abi().push_signal_frame(g.thread(), SIGUSR1, info, 0x10100, 0, kSaSiginfo | kSaOnstack, 0));
    const u64 frame = v.reg(g.abi().sp_offset), context = v.reg(g.abi().arg_offset[2]);
    EXPECT_GT(frame, alt);
    EXPECT_LT(frame, alt + 4 * 4096);
    EXPECT_EQ(g.get<u64>(context + 16), alt);  // uc_stack
    EXPECT_EQ(g.get<u64>(context + 32), u64{4 * 4096});
    EXPECT_TRUE(on_altstack(g.thread(), frame));
}

TEST_P(AbiTest, AFrameThatCannotBeWrittenIsRefused) {
    GuestProcess g(*GetParam());
    const SigInfo info{};
    for (const u64 sp : {u64{0}, u64{64}, g.pages(1, PROT_READ) + 4096, ~u64{15}}) {
        g.vcpu().set_reg(g.abi().sp_offset, sp);
        EXPECT_FALSE(g.abi().push_signal_frame(g.thread(), SIGUSR1, info, 0x10100, 0, kSaSiginfo, 0)) << sp;
        u64 mask;
        EXPECT_FALSE(g.abi().pop_signal_frame(g.thread(), &mask)) << sp;
    }
}

TEST_P(AbiTest, CallsThatTheArchitectureLacks) {
    const Abi& abi = *GetParam();
    const bool riscv = &abi == &kRiscv64Abi;
    EXPECT_EQ(abi.syscall_index(172), 172);
    EXPECT_EQ(abi.syscall_index(38) >= 0, !riscv);  // renameat
    EXPECT_EQ(abi.syscall_index(258) >= 0, riscv);  // riscv_hwprobe
    EXPECT_EQ(abi.syscall_index(259) >= 0, riscv);  // riscv_flush_icache
    EXPECT_EQ(abi.syscall_index(~u64{0}), -1);
    EXPECT_EQ(abi.syscall_index(u64{1} << 32 | 172), riscv ? -1 : 172);
    GuestProcess g(abi);
    EXPECT_EQ(g.call(172, {}), ::getpid());
    EXPECT_EQ(g.call(riscv ? 38 : 258, {}), -ENOSYS);
}

TEST_P(AbiTest, ActionsKeepTheFlagsThatLinuxKnows) {
    GuestProcess g(*GetParam());
    const bool restorer = g.abi().sigaction_restorer;
    const u64 at = g.pages(1);
    u64 act[4] = {0x10100, kSaSiginfo | kSaRestart | kSaRestorer | 0x400 | kSaExposeTagbits, 0x7777, 0};
    act[restorer ? 3 : 2] = ~u64{0};
    g.put(at, act);
    ASSERT_EQ(g.call(134, {SIGUSR2, at, 0, 8}), 0);
    ASSERT_EQ(g.call(134, {SIGUSR2, 0, at + 64, 8}), 0);
    const auto old = g.get<std::array<u64, 4>>(at + 64);
    EXPECT_EQ(old[0], 0x10100u);
    EXPECT_EQ(old[1], kSaSiginfo | kSaRestart | kSaExposeTagbits | (restorer ? kSaRestorer : 0));
    EXPECT_EQ(old[restorer ? 3 : 2], ~kUnblockable);
    EXPECT_EQ(old[2], restorer ? 0x7777u : ~kUnblockable);
    act[0] = 0;
    g.put(at, act);
    EXPECT_EQ(g.call(134, {SIGUSR2, at, 0, 8}), 0);
}

TEST_P(AbiTest, ProtectionsOfMprotect) {
    GuestProcess g(*GetParam());
    const bool arm = GetParam() == &kArm64Abi;
    const u64 at = g.pages(1);
    EXPECT_EQ(g.call(226, {at, 4096, PROT_READ | 0x10}), arm ? 0 : -EINVAL);  // PROT_BTI
    EXPECT_EQ(g.call(226, {at, 4096, PROT_READ | 0x20}), -EINVAL);            // PROT_MTE
    EXPECT_EQ(g.call(226, {at, 4096, PROT_READ | 0x8}), 0);                   // PROT_SEM
}

TEST_P(AbiTest, OpenFlagsAreTheAbis) {
    GuestProcess g(*GetParam());
    const Abi& abi = g.abi();
    const u64 path = g.pages(1);
    EXPECT_TRUE(g.mm().write(path, "/dev/null", 10));
    EXPECT_TRUE(g.mm().write(path + 64, "/proc/self/cwd", 15));
    constexpr u64 kCwd = static_cast<u64>(-100);
    EXPECT_EQ(g.call(56, {kCwd, path, abi.o_directory}), -ENOTDIR);
    EXPECT_EQ(g.call(56, {kCwd, path + 64, abi.o_nofollow}), -ELOOP);
    const i64 fd = g.call(56, {kCwd, path, abi.o_largefile});
    ASSERT_GE(fd, 0);
    EXPECT_EQ(g.call(25, {static_cast<u64>(fd), 3}), i64{abi.o_largefile});  // F_GETFL
    EXPECT_EQ(g.call(57, {static_cast<u64>(fd)}), 0);
}

TEST_P(AbiTest, CoreRegistersAreThoseOfTheKernel) {
    GuestProcess g(*GetParam());
    const CoreRegisters r = g.abi().core_registers(g.thread());
    const bool arm = GetParam() == &kArm64Abi;
    EXPECT_EQ(r.general.size(), arm ? 34u : 32u);  // ELF_NGREG
    ASSERT_FALSE(r.notes.empty());
    EXPECT_EQ(r.notes[0].type, 2u);  // NT_PRFPREG
    EXPECT_EQ(r.notes[0].owner, "CORE");
    EXPECT_EQ(r.notes[0].bytes.size(), arm ? 528u : 264u);
    EXPECT_EQ(r.general[arm ? 32 : 0], g.vcpu().pc());
}

}  // namespace
}  // namespace vm::linux
