// arm64's own: signal frames byte by byte, syndromes, capabilities, prctl, tagged addresses.
#include "linux/abi_arm64.h"

#include <linux/prctl.h>

#include <cerrno>
#include <csignal>

#include "frontend/arm64/state.h"
#include "linux/guest_test.h"
#include "linux/signal_frame.h"

namespace vm::linux {
namespace {

using frontend::arm64::key_offset;
using frontend::arm64::kSpOffset;
using frontend::arm64::x_offset;
namespace a64 = frontend::arm64;

// Offsets in struct rt_sigframe (uapi asm/sigcontext.h, asm/ucontext.h).
constexpr u64 kUc = 128, kSigmask = kUc + 40, kFaultAddress = kUc + 176, kRegs = kFaultAddress + 8,
              kSp = kRegs + 31 * 8, kPc = kSp + 8, kPstate = kPc + 8, kReserved = kUc + 176 + 288;
constexpr u32 kFpsimdMagic = 0x46508001, kEsrMagic = 0x45535201, kExtraMagic = 0x45585401;

class Arm64Test : public testing::Test {
  protected:
    GuestProcess g{kArm64Abi};
    engine::Vcpu& v = g.vcpu();
    u64 stack = g.pages(16) + 16 * 4096;

    u64 x(unsigned n) { return v.reg(x_offset(n)); }
    void set_x(unsigned n, u64 value) { v.set_reg(x_offset(n), value); }
    /// A frame below `stack`; its address.
    u64 push(u64 flags = kSaSiginfo, u64 restorer = 0, u64 mask = 0) {
        v.set_reg(kSpOffset, stack);
        SigInfo info{};
        info.bytes[0] = SIGUSR1;
        EXPECT_TRUE(kArm64Abi.push_signal_frame(g.thread(), SIGUSR1, info, 0x10100, restorer, flags, mask));
        return v.reg(kSpOffset);
    }
    bool pop(u64 frame) {
        u64 mask;
        v.set_reg(kSpOffset, frame);
        return kArm64Abi.pop_signal_frame(g.thread(), &mask);
    }
    void fault(ir::ExitReason reason, u64 pc, u64 value, bool write = false) {
        engine::Exit e{reason, pc, value};
        e.write = write;
        fault_si_code = kArm64Abi.note_fault(g.thread(), e).value_or(0);
    }
    i32 fault_si_code = 0;
    i64 prctl(u64 a, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0) { return g.call(167, {a, b, c, d, e}); }
};

// PSTATE.BTYPE of code that a signal interrupted between an indirect branch and its target.
TEST_F(Arm64Test, FramesKeepHowABranchCame) {
    constexpr u64 kBtype = 3 << 10;
    for (unsigned btype = 0; btype <= 3; btype++) {
        v.set_pc(0x4444 | a64::branch_mark(btype));
        const u64 frame = push();
        EXPECT_EQ(v.pc(), 0x10100 | a64::branch_mark(a64::kBtypeCall));  // handlers are called
        EXPECT_EQ(g.get<u64>(frame + kPc), 0x4444u);
        EXPECT_EQ(g.get<u64>(frame + kPstate) & kBtype, btype << 10);
        ASSERT_TRUE(pop(frame));
        EXPECT_EQ(v.pc(), 0x4444 | a64::branch_mark(btype));
    }
}

TEST_F(Arm64Test, FrameAsTheKernelLaysItOut) {
    for (unsigned n = 0; n < 31; n++) set_x(n, 0x1000 + n);
    v.set_pc(0x4444);
    store_raw<u16>(v.guest() + a64::kNzcvOffset, 0x8100);  // N and C
    v.set_reg(a64::kFpcrOffset, a64::kFpcrFz);
    v.fp().flags = ir::kInexact;
    v.fp().input_denormal = ir::kInputDenormal;
    store_raw<u64>(v.guest() + a64::kQcOffset + 8, 4);
    store_raw<u64>(v.guest() + a64::v_offset(31) + 8, 0xabcdef);
    g.put(stack - 4096, ~u64{0});
    const u64 f = push(kSaSiginfo, 0, 0x55);
    EXPECT_EQ(f, stack - 16 - 4688);
    EXPECT_EQ(g.get<u64>(f + kUc), 0u);
    EXPECT_EQ(g.get<u64>(f + kSigmask), 0x55u);
    for (unsigned n = 0; n < 31; n++) EXPECT_EQ(g.get<u64>(f + kRegs + 8 * n), 0x1000 + n);
    EXPECT_EQ(g.get<u64>(f + kSp), stack);
    EXPECT_EQ(g.get<u64>(f + kPc), 0x4444u);
    EXPECT_EQ(g.get<u64>(f + kPstate), 0xa0000000u);
    EXPECT_EQ(g.get<u32>(f + kReserved), kFpsimdMagic);
    EXPECT_EQ(g.get<u32>(f + kReserved + 4), 528u);
    EXPECT_EQ(g.get<u32>(f + kReserved + 8), a64::kFpsrIxc | a64::kFpsrIdc | a64::kFpsrQc);
    EXPECT_EQ(g.get<u32>(f + kReserved + 12), a64::kFpcrFz);
    EXPECT_EQ(g.get<u64>(f + kReserved + 16 + 31 * 16 + 8), 0xabcdefu);
    EXPECT_EQ(g.get<u64>(f + kReserved + 528), 0u);  // the null record: there was no fault
    EXPECT_EQ(x(0), u64{SIGUSR1});
    EXPECT_EQ(x(1), f);
    EXPECT_EQ(x(2), f + kUc);
    EXPECT_EQ(x(29), stack - 16);
    EXPECT_EQ(g.get<u64>(stack - 16), 0x1000u + 29);
    EXPECT_EQ(g.get<u64>(stack - 8), 0x1000u + 30);
    EXPECT_EQ(x(30), (*g).sigreturn);
    EXPECT_EQ(x(3), 0x1003u);
    ASSERT_TRUE(pop(f));
    EXPECT_EQ(v.fp().flags, ir::kInexact);
    EXPECT_EQ(v.fp().input_denormal, ir::kInputDenormal);
    EXPECT_NE(load_raw<u64>(v.guest() + a64::kQcOffset), 0u);
    EXPECT_EQ(load_raw<u16>(v.guest() + a64::kNzcvOffset), 0x8100u);
}

TEST_F(Arm64Test, WithoutSiginfoAndWithARestorer) {
    set_x(1, 11), set_x(2, 12);
    u64 f = push(kSaRestorer, 0x8888);
    EXPECT_EQ(x(1), 11u);
    EXPECT_EQ(x(2), 12u);
    EXPECT_EQ(x(30), 0x8888u);
    EXPECT_EQ(g.get<u64>(f), 0u) << "siginfo is not written";
    push(0, 0x8888);
    EXPECT_EQ(x(30), (*g).sigreturn);
    EXPECT_EQ(g.get<u32>((*g).sigreturn), 0xd2801168u);  // mov x8, 139: unwinders look for it
    EXPECT_EQ(g.get<u32>((*g).sigreturn + 4), 0xd4000001u);
}

TEST_F(Arm64Test, FramesTellOfTheLastFault) {
    const auto syndrome_in = [&] {
        const u64 f = push();
        EXPECT_EQ(g.get<u64>(f + kFaultAddress), g.thread().fault_address);
        if (g.get<u32>(f + kReserved + 528) == 0) return u64{0};
        EXPECT_EQ(g.get<u32>(f + kReserved + 528), kEsrMagic);
        EXPECT_EQ(g.get<u32>(f + kReserved + 532), 16u);
        EXPECT_EQ(g.get<u64>(f + kReserved + 544), 0u);
        EXPECT_TRUE(pop(f));
        return g.get<u64>(f + kReserved + 536);
    };
    using enum ir::ExitReason;
    const u64 page = g.pages(1, PROT_READ), none = g.pages(1, PROT_NONE);
    EXPECT_EQ(syndrome_in(), 0u);
    fault(MemoryFault, 0x100, 8);
    EXPECT_EQ(syndrome_in(), 0x92000007u);  // data abort from EL0, read, translation level 3
    EXPECT_EQ(g.thread().fault_address, 8u);
    fault(MemoryFault, 0x100, page | u64{0x5a} << 56, true);
    EXPECT_EQ(syndrome_in(), 0x9200004fu);  // write, permission level 3
    EXPECT_EQ(g.thread().fault_address, page);
    fault(MemoryFault, 0x100, none);
    EXPECT_EQ(syndrome_in(), 0x92000007u);  // PROT_NONE is an invalid entry
    fault(MemoryFault, 0x100, ~u64{0xff}, true);
    EXPECT_EQ(syndrome_in(), 0x92000044u);  // the kernel's half: nothing more is told
    EXPECT_EQ(g.thread().fault_address, ~u64{0xff});
    v.set_reg(a64::kTaggedOffset, 1);
    fault(MemoryFault, 0x100, (~u64{0xff} << 8) >> 8);
    EXPECT_EQ(g.thread().fault_address, ~u64{0xff}) << "the top byte was cleared on the way";
    v.set_reg(a64::kTaggedOffset, 0);
    fault(FetchFault, page, page);
    EXPECT_EQ(syndrome_in(), 0x8200000fu);
    fault(Breakpoint, 0x100, 0);
    EXPECT_EQ(syndrome_in(), 0x8200000fu) << "BRK leaves what was there";
    fault(Misaligned, 0x102, 0x102);
    EXPECT_EQ(syndrome_in(), 0x8a000000u);
    v.set_reg(kSpOffset, stack - 8);
    fault(Misaligned, 0x100, stack - 8);
    EXPECT_EQ(g.thread().fault_code, 0x9a000000u);
    v.set_reg(kSpOffset, stack);
    fault(Misaligned, 0x100, page + 1, true);
    EXPECT_EQ(syndrome_in(), 0x92000061u);
    EXPECT_EQ(g.thread().fault_address, page + 1);
    fault(Illegal, 0x100, a64::kFailedAuthentication);
    EXPECT_EQ(fault_si_code, ILL_ILLOPN);
    EXPECT_EQ(syndrome_in(), 0x72000000u);
    fault(Illegal, 0x100, 0);
    EXPECT_EQ(fault_si_code, 0);
    EXPECT_EQ(syndrome_in(), 0u);
}

TEST_F(Arm64Test, SigreturnTakesOnlyFramesThatTheKernelWouldTake) {
    const u64 f = push();
    const auto refused = [&](u64 at, u32 wrong) {
        const u32 right = g.get<u32>(at);
        g.put(at, wrong);
        EXPECT_FALSE(pop(f)) << std::hex << at - f << " " << wrong;
        g.put(at, right);
        EXPECT_TRUE(pop(f));
    };
    EXPECT_FALSE(pop(f + 8));
    for (const u32 pstate : {1u, 4u, 5u, 0x10u, 0x40u, 0x80u, 0x100u, 0x200u}) refused(f + kPstate, pstate);
    refused(f + kReserved, 0);           // no registers
    refused(f + kReserved, 0x53564501);  // SVE
    refused(f + kReserved + 4, 512);     // a size that is not a record's
    refused(f + kReserved + 4, 0);
    refused(f + kReserved + 528, kFpsimdMagic);
    refused(f + kReserved + 528, 0x12345);
    refused(f + kReserved + 532, 16);     // the null record has no size
    g.put(f + kPstate, u64{0xf0000c00});  // flags, BTYPE
    EXPECT_TRUE(pop(f));
    EXPECT_EQ(load_raw<u16>(v.guest() + a64::kNzcvOffset), 0xc101u);
}

TEST_F(Arm64Test, SigreturnFollowsAnExtraContext) {
    const u64 f = push(), at = f + kReserved + 528, data = at + 32 + 16;
    const auto write = [&](u64 where, u32 size) {
        g.put(at, kExtraMagic), g.put(at + 4, u32{32}), g.put(at + 8, where), g.put(at + 16, u64{size});
        g.put(at + 32, u64{0}), g.put(at + 40, u64{0});
        g.put(data, u64{16} << 32 | kEsrMagic), g.put(data + 8, u64{1}), g.put(data + 16, u64{0});
    };
    write(data, 32);
    EXPECT_TRUE(pop(f));
    write(data + 16, 32);
    EXPECT_FALSE(pop(f)) << "elsewhere";
    write(data, 24);
    EXPECT_FALSE(pop(f)) << "a size of no whole records";
    write(data, 16);
    EXPECT_FALSE(pop(f)) << "no room for the end";
    write(data, 1u << 20);
    EXPECT_FALSE(pop(f)) << "too large";
    write(data, 32);
    g.put(at + 32, u64{1});
    EXPECT_FALSE(pop(f)) << "no end before it";
}

TEST(Arm64Capabilities, FollowTheCpu) {
    const auto caps = [](const char* cpu) {
        u64 features = 0;
        std::string error;
        EXPECT_TRUE(frontend::arm64::kArm64.parse_cpu(cpu, &features, &error)) << error;
        return kArm64Abi.hwcap(frontend::arm64::kArm64, features);
    };
    const HwCaps v8 = caps("armv8");
    EXPECT_EQ(v8.hwcap, 0x807u);  // fp asimd evtstrm cpuid
    EXPECT_EQ(v8.hwcap2, 0u);
    const HwCaps a72 = caps("cortex-a72");
    EXPECT_EQ(a72.hwcap, 0x8ffu);  // … aes pmull sha1 sha2 crc32
    // fp … crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp ssbs
    EXPECT_EQ(caps("neoverse-n1").hwcap, 0x10119fffu);
    EXPECT_EQ(caps("max,-lse").hwcap & (1 << 8 | 1 << 25), 0u);
    EXPECT_EQ(caps("max,-pauth").hwcap >> 30, 0u);
    EXPECT_EQ(caps("max").hwcap >> 30, 3u);
    EXPECT_EQ(caps("armv8,+bti").hwcap2, u64{1} << 17);
}

TEST(Arm64Capabilities, EveryExtensionOfTheFrontEndIsTold) {
    const HwCaps all = kArm64Abi.hwcap(frontend::arm64::kArm64, ~u64{0});
    // Without: SVE, SM3, SM4, DIT.
    EXPECT_EQ(all.hwcap, 0xffffffffu & ~(1u << 18 | 1u << 19 | 1u << 22 | 1u << 24));
    EXPECT_EQ(all.hwcap2, u64{1} | 1u << 7 | 1u << 8 | 1u << 13 | 1u << 14 | 1u << 17);
}

TEST(Arm64Capabilities, Cpuinfo) {
    u64 features = 0;
    std::string error;
    ASSERT_TRUE(frontend::arm64::kArm64.parse_cpu("cortex-a72", &features, &error));
    EXPECT_EQ(kArm64Abi.cpuinfo(frontend::arm64::kArm64, features, 1),
              "processor\t: 0\nBogoMIPS\t: 20.00\n"
              "Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid\n"
              "CPU implementer\t: 0x00\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0x76d\n"
              "CPU revision\t: 0\n\n");
}

TEST_F(Arm64Test, PointerAuthenticationKeys) {
    const auto key = [&](a64::Key k) { return load_raw<std::array<u64, 2>>(v.guest() + key_offset(k)); };
    const auto first = key(a64::kKeyIa), generic = key(a64::kKeyGa);
    EXPECT_NE(first[0], 0u);
    EXPECT_NE(first, key(a64::kKeyDb));
    EXPECT_EQ(prctl(PR_PAC_RESET_KEYS, PR_PAC_APIAKEY), 0);
    EXPECT_NE(key(a64::kKeyIa), first);
    EXPECT_EQ(key(a64::kKeyGa), generic);
    EXPECT_EQ(prctl(PR_PAC_RESET_KEYS, 0), 0);
    EXPECT_NE(key(a64::kKeyGa), generic);
    EXPECT_EQ(prctl(PR_PAC_RESET_KEYS, 0x20), -EINVAL);
    EXPECT_EQ(prctl(PR_PAC_RESET_KEYS, 1, 1), -EINVAL);

    constexpr u64 kAddressKeys = 15;
    EXPECT_EQ(prctl(PR_PAC_GET_ENABLED_KEYS), i64{kAddressKeys});
    EXPECT_EQ(prctl(PR_PAC_SET_ENABLED_KEYS, PR_PAC_APIBKEY | PR_PAC_APDAKEY, PR_PAC_APDAKEY), 0);
    EXPECT_EQ(prctl(PR_PAC_GET_ENABLED_KEYS), i64{kAddressKeys & ~u64{PR_PAC_APIBKEY}});
    EXPECT_EQ(v.guest()[a64::kKeysOffOffset], PR_PAC_APIBKEY);
    EXPECT_EQ(prctl(PR_PAC_SET_ENABLED_KEYS, PR_PAC_APIBKEY, PR_PAC_APIBKEY), 0);
    EXPECT_EQ(prctl(PR_PAC_GET_ENABLED_KEYS), i64{kAddressKeys});
    EXPECT_EQ(prctl(PR_PAC_SET_ENABLED_KEYS, PR_PAC_APGAKEY, 0), -EINVAL);
    EXPECT_EQ(prctl(PR_PAC_SET_ENABLED_KEYS, PR_PAC_APIAKEY, PR_PAC_APIBKEY), -EINVAL);
}

TEST(Arm64Keys, AreNewForEveryProgramAndNoneWithoutTheExtension) {
    u64 first = 0;
    for (const char* cpu : {"max", "max", "armv8"}) {
        GuestProcess g(kArm64Abi, cpu);
        const u64 key = load_raw<u64>(g.vcpu().guest() + key_offset(a64::kKeyIa));
        EXPECT_NE(key, first);
        first = key;
        if (std::string_view(cpu) == "max") continue;
        EXPECT_EQ(key, 0u);
        EXPECT_EQ(g.call(167, {PR_PAC_RESET_KEYS, 0, 0, 0, 0}), -EINVAL);
        EXPECT_EQ(g.call(167, {PR_PAC_GET_ENABLED_KEYS, 0, 0, 0, 0}), -EINVAL);
    }
}

TEST_F(Arm64Test, OptionsOfWhatTheProcessorLacks) {
    for (const u64 option : {50u, 51u, 63u, 64u}) EXPECT_EQ(prctl(option, 16), -EINVAL);  // SVE, SME
    EXPECT_EQ(g.call(92, {8}), -EINVAL);  // personality(PER_LINUX32)
}

TEST(Riscv64, HasNoTaggedAddresses) {
    GuestProcess g(kRiscv64Abi);
    EXPECT_EQ(g.call(167, {PR_GET_TAGGED_ADDR_CTRL, 0, 0, 0, 0}), -EINVAL);
    EXPECT_EQ(g.call(167, {PR_SET_TAGGED_ADDR_CTRL, 1, 0, 0, 0}), -EINVAL);
}

TEST_F(Arm64Test, TaggedAddressesAfterTheProgramAskedForThem) {
    constexpr u64 kTag = u64{0xa5} << 56;
    const u64 page = g.pages(2), text = page | kTag, list = page + 256;
    int fds[2];
    ASSERT_EQ(::pipe(fds), 0);
    const u64 in = static_cast<u64>(fds[0]), out = static_cast<u64>(fds[1]);
    g.put(page, std::array<char, 4>{'a', 'b', 'c', 'd'});
    EXPECT_EQ(prctl(PR_GET_TAGGED_ADDR_CTRL), 0);
    EXPECT_EQ(g.call(64, {out, text, 4}), -EFAULT);
    EXPECT_EQ(prctl(PR_SET_TAGGED_ADDR_CTRL, PR_TAGGED_ADDR_ENABLE, 1), -EINVAL);
    EXPECT_EQ(prctl(PR_SET_TAGGED_ADDR_CTRL, PR_TAGGED_ADDR_ENABLE | PR_MTE_TCF_SYNC), -EINVAL);
    ASSERT_EQ(prctl(PR_SET_TAGGED_ADDR_CTRL, PR_TAGGED_ADDR_ENABLE), 0);
    EXPECT_EQ(prctl(PR_GET_TAGGED_ADDR_CTRL), PR_TAGGED_ADDR_ENABLE);
    // directly, and inside a structure that is tagged itself
    EXPECT_EQ(g.call(64, {out, text, 4}), 4);
    EXPECT_EQ(g.call(63, {in, text + 64, 4}), 4);
    EXPECT_EQ(g.get<u32>(page + 64), g.get<u32>(page));
    g.put(list, std::array<u64, 4>{text, 2, text + 2, 2});
    EXPECT_EQ(g.call(66, {out, list | kTag, 2}), 4);
    EXPECT_EQ(g.call(65, {in, list | kTag, 2}), 4);
    struct {
        u64 sec, nsec;
    } zero{};
    g.put(page + 512, zero);
    EXPECT_EQ(g.call(101, {(page + 512) | kTag, 0}), 0);                                // nanosleep
    EXPECT_EQ(g.call(98, {(page + 1024) | kTag, 1 | 128, 1}), 0);                       // FUTEX_WAKE
    EXPECT_EQ(g.call(25, {in, 5, (page + 2048) | kTag}), 0);                            // F_GETLK
    EXPECT_EQ(g.call(48, {static_cast<u64>(-100), (page + 3000) | kTag, 0}), -ENOENT);  // faccessat of ""
    EXPECT_EQ(prctl(PR_SET_NAME, text), 0);
    // bit 55 makes it an address of the other half, which has no tag to drop
    EXPECT_EQ(g.call(64, {out, ~u64{0xfff}, 4}), -EFAULT);
    ASSERT_EQ(prctl(PR_SET_TAGGED_ADDR_CTRL, 0), 0);
    EXPECT_EQ(g.call(64, {out, text, 4}), -EFAULT);
    ::close(fds[0]), ::close(fds[1]);
}

TEST_F(Arm64Test, CallsOnMappingsDropTagsAlways) {
    constexpr u64 kTag = u64{0x11} << 56;
    const u64 page = g.pages(4), t = page | kTag;
    EXPECT_EQ(g.call(226, {t, 4096, PROT_READ}), 0);  // mprotect
    EXPECT_EQ(g.mm().prot_at(page), PROT_READ);
    EXPECT_EQ(g.call(233, {t, 4096, MADV_DONTNEED}), 0);  // madvise
    EXPECT_EQ(g.call(227, {t, 4096, MS_ASYNC}), 0);       // msync
    EXPECT_EQ(g.call(232, {t, 4096, page + 4096}), 0);    // mincore
    EXPECT_EQ(g.call(215, {t, 4096}), 0);                 // munmap
    EXPECT_EQ(g.mm().prot_at(page), -1);
    const i64 moved = g.call(216, {(page + 4096) | kTag, 4096, 8192, 1, 0});  // mremap: MAYMOVE
    EXPECT_GT(moved, 0);
    EXPECT_EQ(g.call(216, {page + 8192, 4096, 4096, 3, page | kTag}), -EINVAL) << "the new address has none";
    const i64 brk = g.call(214, {0});
    EXPECT_EQ(g.call(214, {(static_cast<u64>(brk) + 4096) | kTag}), brk) << "the break has none";
    EXPECT_EQ(g.call(222, {t, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, ~u64{0}, 0}), -ENOMEM)
        << "mmap has none";
}

TEST_F(Arm64Test, HandlersSeeTagsIfTheyAskForThem) {
    EXPECT_EQ(kArm64Abi.untagged(u64{0x55} << 56 | 0x1234), 0x1234u);
    EXPECT_EQ(kArm64Abi.untagged(~u64{0x0f}), ~u64{0x0f});
    EXPECT_EQ(kRiscv64Abi.untagged(~u64{0x0f}), ~u64{0x0f});
    EXPECT_EQ(kRiscv64Abi.untagged(u64{0x55} << 56), u64{0x55} << 56);
    const u64 act = g.pages(1), tagged = u64{0x21} << 56 | 8;
    for (const u64 flags : {kSaSiginfo, kSaSiginfo | kSaExposeTagbits}) {
        g.put(act, std::array<u64, 4>{0x10100, flags, 0, 0});
        ASSERT_EQ(g.call(134, {SIGSEGV, act, 0, 8}), 0);
        v.set_reg(kSpOffset, stack);
        engine::Exit e{ir::ExitReason::MemoryFault, 0x10100, tagged};
        e.host_signal = SIGSEGV;
        raise_sync(g.thread(), e);
        EXPECT_EQ(g.get<u64>(x(1) + 16), flags & kSaExposeTagbits ? tagged : 8) << "si_addr";
        EXPECT_EQ(g.get<i32>(x(1) + 8), SEGV_MAPERR);
        g.thread().blocked = 0;
    }
}

}  // namespace
}  // namespace vm::linux
