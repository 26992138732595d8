// The functions of riscv64's vDSO (arch/riscv/kernel/vdso in Linux): each is its system call. What makes them
// quick is that the engine answers calls from here itself (vdso.h).
#include <array>

#include "linux/abi_riscv64_signal.h"
#include "linux/vdso.h"

namespace vm::linux {
namespace {

constexpr u32 kEcall = 0x00000073, kRet = 0x00008067, kNop = 0x00000013;
constexpr u32 li_a7(u32 v) { return v << 20 | 17 << 7 | 0x13; }

constexpr auto call_of(u32 nr) { return vdso_code({li_a7(nr), kEcall, kRet}); }

// asm-generic numbers
constexpr auto kClockGettime = call_of(113), kGettimeofday = call_of(169), kClockGetres = call_of(114),
               kGetcpu = call_of(168), kFlushIcache = call_of(259), kHwprobe = call_of(258);
/// Unwinders and debuggers know these two instructions.
constexpr auto kSigreturn = vdso_code({li_a7(139), kEcall});
constexpr auto kFiller = vdso_code({kNop});

constexpr VdsoFunction kFunctions[] = {
    {"__vdso_rt_sigreturn", kSigreturn, true},
    {"__vdso_clock_gettime", kClockGettime},
    {"__vdso_gettimeofday", kGettimeofday},
    {"__vdso_clock_getres", kClockGetres},
    {"__vdso_getcpu", kGetcpu},
    {"__vdso_flush_icache", kFlushIcache},
    {"__vdso_riscv_hwprobe", kHwprobe},
};

// DWARF: columns 0-31 are x0-x31, 32-63 f0-f31, 64 is the alternate return column (riscv-elf-psabi, "DWARF
// Register Numbers").
constexpr u8 kRa = 1, kSp = 2, kPcColumn = 64;
constexpr u8 kDefCfa = 0x0c, kDefCfaExpression = 0x0f, kExpression = 0x10, kBregSp = 0x70 + kSp,
             kDeref = 0x06;
constexpr u8 kPlainCfi[] = {kDefCfa, kSp, 0};

/// Where the frame that sp points at holds each register.
constexpr auto kSignalCfi = [] {
    std::array<u8, 6 + 64 * 6> cfi{};
    size_t n = 0;
    const auto place = [&](u32 offset) {  // DW_OP_breg2 with a signed LEB128 of two bytes: 64 ≤ offset < 8192
        cfi[n++] = kBregSp;
        cfi[n++] = static_cast<u8>((offset & 0x7f) | 0x80);
        cfi[n++] = static_cast<u8>(offset >> 7);
    };
    cfi[n++] = kDefCfaExpression;
    cfi[n++] = 4;
    place(kRiscv64FrameRegs + 8 * kSp);
    cfi[n++] = kDeref;
    const auto rule = [&](u8 column, u32 offset) {
        cfi[n++] = kExpression;
        cfi[n++] = column;
        cfi[n++] = 3;
        place(offset);
    };
    rule(kPcColumn, kRiscv64FrameRegs);
    for (u8 i = 1; i < 32; i++) rule(i, kRiscv64FrameRegs + 8 * u32{i});
    for (u8 i = 0; i < 32; i++) rule(static_cast<u8>(32 + i), kRiscv64FrameFp + 8 * u32{i});
    return cfi;  // what is left are DW_CFA_nop
}();

}  // namespace

const VdsoDescription kRiscv64Vdso{
    .soname = "linux-vdso.so.1",
    .version = "LINUX_4.15",
    .elf_flags = 5,  // EF_RISCV_RVC | EF_RISCV_FLOAT_ABI_DOUBLE
    .functions = kFunctions,
    .filler = kFiller,
    .code_align = 4,
    .return_column = kRa,
    .plain_cfi = kPlainCfi,
    .signal_return_column = kPcColumn,
    .signal_cfi = kSignalCfi,
};

}  // namespace vm::linux
