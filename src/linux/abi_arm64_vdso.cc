// The functions of arm64's vDSO (arch/arm64/kernel/vdso in Linux): each is its system call. What makes them
// quick is that the engine answers calls from here itself (vdso.h).
#include "linux/abi_arm64.h"
#include "linux/vdso.h"

namespace vm::linux {
namespace {

constexpr u32 kSvc = 0xd4000001, kRet = 0xd65f03c0, kNop = 0xd503201f;
constexpr u32 mov_x8(u32 v) { return 0xd2800008 | v << 5; }
constexpr auto call_of(u32 nr) { return vdso_code({mov_x8(nr), kSvc, kRet}); }

// asm-generic numbers
constexpr auto kClockGettime = call_of(113), kGettimeofday = call_of(169), kClockGetres = call_of(114);
/// Unwinders and debuggers know these two instructions.
constexpr auto kSigreturn = vdso_code({mov_x8(139), kSvc});
constexpr auto kFiller = vdso_code({kNop});

constexpr VdsoFunction kFunctions[] = {
    {"__kernel_rt_sigreturn", kSigreturn, true},
    {"__kernel_gettimeofday", kGettimeofday},
    {"__kernel_clock_gettime", kClockGettime},
    {"__kernel_clock_getres", kClockGetres},
};

// DWARF for the Arm 64-bit Architecture, "DWARF register names": 30 is x30, 31 sp.
constexpr u8 kLr = 30, kSp = 31, kDefCfa = 0x0c;
constexpr u8 kPlainCfi[] = {kDefCfa, kSp, 0};

}  // namespace

const VdsoDescription kArm64Vdso{
    .soname = "linux-vdso.so.1",
    .version = "LINUX_2.6.39",
    .elf_flags = 0,
    .functions = kFunctions,
    .filler = kFiller,
    .code_align = 4,
    .return_column = kLr,
    .plain_cfi = kPlainCfi,
    // No call frame information for the trampoline, as in Linux since 5.8: unwinders go by its instructions.
    .signal_return_column = 0,
    .signal_cfi = {},
};

}  // namespace vm::linux
