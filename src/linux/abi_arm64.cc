// The Linux ABI of arm64: register roles (AAPCS64; Linux Documentation/arch/arm64), what the processor is
// said to be.
#include "linux/abi_arm64.h"

#include <sys/mman.h>

#include <algorithm>
#include <string>

#include "base/format.h"
#include "frontend/arm64/id_registers.h"
#include "frontend/arm64/state.h"
#include "linux/address_space.h"
#include "linux/process.h"

namespace vm::linux {
namespace {

using frontend::arm64::x_offset;

/// A bit of AT_HWCAP or AT_HWCAP2 (Documentation/arch/arm64/elf_hwcaps.rst) and its name in /proc/cpuinfo.
struct Capability {
    u8 word;  ///< 1 or 2
    u8 bit;
    std::string_view name;
    std::string_view extension;  ///< that it tells of, as --cpu names it; empty: always there
};
/// In the order of /proc/cpuinfo. "evtstrm": waiting for an event ends by itself; "cpuid": the system answers
/// for the identification registers.
constexpr Capability kCapabilities[] = {
    {1, 0, "fp", "fp"},
    {1, 1, "asimd", "simd"},
    {1, 2, "evtstrm", ""},
    {1, 3, "aes", "aes"},
    {1, 4, "pmull", "pmull"},
    {1, 5, "sha1", "sha1"},
    {1, 6, "sha2", "sha256"},
    {1, 7, "crc32", "crc32"},
    {1, 8, "atomics", "lse"},
    {1, 9, "fphp", "fp16"},
    {1, 10, "asimdhp", "fp16"},
    {1, 11, "cpuid", ""},
    {1, 12, "asimdrdm", "rdm"},
    {1, 13, "jscvt", "jscvt"},
    {1, 14, "fcma", "fcma"},
    {1, 15, "lrcpc", "lrcpc"},
    {1, 16, "dcpop", "dpb"},
    {1, 17, "sha3", "sha3"},
    {1, 20, "asimddp", "dotprod"},
    {1, 21, "sha512", "sha512"},
    {1, 23, "asimdfhm", "fhm"},
    {1, 25, "uscat", "lse2"},
    {1, 26, "ilrcpc", "lrcpc2"},
    {1, 27, "flagm", "flagm"},
    {1, 28, "ssbs", "ssbs"},
    {1, 29, "sb", "sb"},
    {1, 30, "paca", "pauth"},
    {1, 31, "pacg", "pauth"},
    {2, 0, "dcpodp", "dpb2"},
    {2, 7, "flagm2", "flagm2"},
    {2, 8, "frint", "frintts"},
    {2, 13, "i8mm", "i8mm"},
    {2, 14, "bf16", "bf16"},
    {2, 17, "bti", "bti"},
};

bool has(const frontend::GuestIsa& isa, u64 features, const Capability& c) {
    return c.extension.empty() || arm64_has(isa, features, c.extension);
}

HwCaps hwcap(const frontend::GuestIsa& isa, u64 features) {
    HwCaps caps{0, 0};
    for (const Capability& c : kCapabilities)
        if (has(isa, features, c)) (c.word == 1 ? caps.hwcap : *caps.hwcap2) |= u64{1} << c.bit;
    return caps;
}

/// asm-generic's numbers, of which Linux looks at 32 bits here; what asm-generic leaves to the architectures,
/// arm64 does not have.
int syscall_index(u64 x8) {
    constexpr u32 kArchFirst = 244, kArchLast = 259;
    const u32 nr = static_cast<u32>(x8);
    return nr < 512 && (nr < kArchFirst || nr > kArchLast) ? static_cast<int>(nr) : -1;
}

u32 prot_bits(const frontend::GuestIsa& isa, u64 features) {
    return arm64_has(isa, features, "bti") ? kProtBti : 0;
}

/// As arch_elf_adjust_prot and arch_parse_elf_property.
u32 code_prot(const frontend::GuestIsa& isa, u64 features, u32 elf_features) {
    constexpr u32 kFeatureBti = 1;
    return elf_features & kFeatureBti ? prot_bits(isa, features) : 0;
}

/// As c_show of arch/arm64/kernel/cpuinfo.c. The processor: MIDR_EL1.
std::string cpuinfo(const frontend::GuestIsa& isa, u64 features, unsigned cpus) {
    using frontend::arm64::kMidr;
    constexpr u64 kBogoMips = frontend::arm64::kCounterFrequency / 5000;  // in hundredths
    std::string names;
    for (const Capability& c : kCapabilities)
        if (has(isa, features, c)) names += fmt::format(" {}", c.name);
    std::string out;
    for (unsigned i = 0; i < cpus; i++)
        out += fmt::format(
            "processor\t: {}\nBogoMIPS\t: {}.{:02}\nFeatures\t:{}\nCPU implementer\t: {:#04x}\n"
            "CPU architecture: 8\nCPU variant\t: {:#x}\nCPU part\t: {:#05x}\nCPU revision\t: {}\n\n",
            i, kBogoMips / 100, kBogoMips % 100, names, bits(kMidr, 31, 24), bits(kMidr, 23, 20),
            bits(kMidr, 15, 4), bits(kMidr, 3, 0));
    return out;
}

}  // namespace

u64 arm64_features(const frontend::GuestIsa& isa, std::string_view extension) {
    u64 base = 0, with = 0;
    std::string error;
    if (!isa.parse_cpu("armv8,-simd", &base, &error)) return ~u64{0};
    if (!isa.parse_cpu(fmt::format("armv8,-simd,+{}", extension), &with, &error)) return ~u64{0};
    return with & ~base;
}

bool arm64_has(const frontend::GuestIsa& isa, u64 features, std::string_view extension) {
    return (arm64_features(isa, extension) & ~features) == 0;
}

bool arm64_has(Thread& t, std::string_view extension) {
    return arm64_has(t.process().engine().isa(), t.process().options().engine.cpu_features, extension);
}

const Abi kArm64Abi{
    .name = "aarch64",
    // Linux has 48 bits; guest addresses are host addresses, and the host's upper part is the translator's.
    .elf = {.machine = kEmAarch64,
            .page_size = 4096,
            .task_size = std::min(u64{1} << 48, kMostTaskSize),
            .refused_flags = 0,
            .refused_reason = {},
            .feature_property = 0xc0000000},  // GNU_PROPERTY_AARCH64_FEATURE_1_AND
    .arg_offset = {x_offset(0), x_offset(1), x_offset(2), x_offset(3), x_offset(4), x_offset(5)},
    .nr_offset = x_offset(8),
    .ret_offset = x_offset(0),
    .sp_offset = frontend::arm64::kSpOffset,
    .tls_offset = frontend::arm64::kTpidrOffset,
    .syscall_insn_bytes = 4,
    .hwcap = hwcap,
    .platform = "aarch64",
    .syscall_index = syscall_index,
    .push_signal_frame = arm64_push_signal_frame,
    .pop_signal_frame = arm64_pop_signal_frame,
    .note_fault = arm64_note_fault,
    .min_signal_stack = 5120,
    .at_minsigstksz = kArm64LargestFrame,
    .vdso = &kArm64Vdso,
    .core_registers = arm64_core_registers,
    .init_registers = arm64_init_registers,
    .sigaction_restorer = true,
    .personality_32 = false,  // no processor with AArch32
    .o_directory = 040000,
    .o_nofollow = 0100000,
    .o_direct = 0200000,
    .o_largefile = 0400000,
    .prot_bits = prot_bits,
    .code_prot = code_prot,
    .tag_bits = u64{0xff} << 56,
    .prctl_options = &kArm64PrctlOptions,
    .cpuinfo = cpuinfo,
};

}  // namespace vm::linux
