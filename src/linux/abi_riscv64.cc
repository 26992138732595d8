// The Linux ABI of riscv64: register roles (psABI; Linux Documentation/arch/riscv), what the processor is said to be.
#include <string>

#include "base/format.h"
#include "linux/abi.h"
#include "linux/abi_riscv64_signal.h"
#include "linux/elf.h"

namespace vm::linux {
namespace {

constexpr u16 x(unsigned n) { return static_cast<u16>(8 * n); }  // frontend/riscv64/state.h: x0 at 0, x1 at 8 …

/// li a7, 139 (rt_sigreturn); ecall. Unwinders know these two instructions.
constexpr u8 kSigtramp[] = {0x93, 0x08, 0xb0, 0x08, 0x73, 0x00, 0x00, 0x00};

/// Does a CPU with `features` have the extension `name`? The bits are the front end's secret; its parser knows the names.
bool has(const frontend::GuestIsa& isa, u64 features, std::string_view name) {
    u64 base = 0, with = 0;
    std::string error;
    if (!isa.parse_cpu("rv64i", &base, &error)) return false;
    if (!isa.parse_cpu(fmt::format("rv64i,+{}", name), &with, &error)) return false;
    return ((with & ~base) & ~features) == 0;
}

u64 hwcap(const frontend::GuestIsa& isa, u64 features) {
    u64 v = u64{1} << ('i' - 'a');
    for (const char c : {'m', 'a', 'f', 'd', 'c'})
        if (has(isa, features, std::string_view(&c, 1))) v |= u64{1} << (c - 'a');
    return v;
}

int syscall_index(u64 nr) { return nr < 512 ? static_cast<int>(nr) : -1; }

struct ExtensionBit {
    std::string_view name;
    unsigned bit;
};
// RISCV_HWPROBE_KEY_IMA_EXT_0 (Linux Documentation/arch/riscv/hwprobe.rst).
constexpr ExtensionBit kIma[] = {{"d", 0},        {"c", 1},       {"zba", 3},       {"zbb", 4},    {"zbs", 5},     {"zicboz", 6},
                                 {"zbc", 7},      {"zfh", 27},    {"zfhmin", 28},   {"zihintntl", 29}, {"zfa", 32}, {"zacas", 34},
                                 {"zicond", 35},  {"zihintpause", 36}, {"zimop", 42}, {"c", 43},    {"zcb", 44},    {"zcmop", 47},
                                 {"zawrs", 48},   {"zicntr", 50}, {"zicbom", 55},   {"a", 56},     {"a", 57}};
constexpr unsigned kZca = 43, kZcd = 45;

std::optional<u64> hwprobe(const frontend::GuestIsa& isa, i64 key, u64 features) {
    switch (key) {
        case 0: case 1: case 2: return 0;  // MVENDORID, MARCHID, MIMPID
        case 3: return 1;                  // BASE_BEHAVIOR: IMA
        case 4: {                          // IMA_EXT_0
            u64 v = 0;
            for (const ExtensionBit& e : kIma)
                if (has(isa, features, e.name)) v |= u64{1} << e.bit;
            if (bit(v, 0) && bit(v, kZca)) v |= u64{1} << kZcd;
            return v;
        }
        case 5: return 3;                         // CPUPERF_0: misaligned accesses are fast
        case 6: return has(isa, features, "zicboz") ? 64 : 0;  // ZICBOZ_BLOCK_SIZE
        case 7: return kRiscv64Abi.task_size - 1;  // HIGHEST_VIRT_ADDRESS
        case 9: return 3;                         // MISALIGNED_SCALAR_PERF: fast
        case 10: return 4;                        // MISALIGNED_VECTOR_PERF: unsupported
        case 12: return has(isa, features, "zicbom") ? 64 : 0;  // ZICBOM_BLOCK_SIZE
        default: return std::nullopt;
    }
}

/// "rv64imafdc_zicntr_…" in the kernel's order: single letters, then Zi…, then the rest by their second letter.
std::string isa_text(const frontend::GuestIsa& isa, u64 features) {
    std::string text = "rv64i";
    for (const char* letter : {"m", "a", "f", "d", "c"})
        if (has(isa, features, letter)) text += letter;
    for (const char* name : {"zicbom", "zicbop", "zicboz", "zicntr", "zicond", "zicsr", "zifencei", "zihintntl", "zihintpause", "zimop",
                             "zacas", "zawrs", "zfa", "zfh", "zfhmin", "zcb", "zcmop", "zba", "zbb", "zbc", "zbs"})
        if (has(isa, features, name)) text += std::string("_") + name;
    return text;
}

std::string cpuinfo(const frontend::GuestIsa& isa, u64 features, unsigned cpus) {
    const std::string text = isa_text(isa, features);
    std::string out;
    for (unsigned i = 0; i < cpus; i++)
        out += fmt::format("processor\t: {0}\nhart\t\t: {0}\nisa\t\t: {1}\nmmu\t\t: sv39\nmvendorid\t: 0x0\nmarchid\t\t: 0x0\nmimpid\t\t: 0x0\nhart isa\t: {1}\n\n", i, text);
    return out;
}

}  // namespace

const Abi kRiscv64Abi{
    .name = "riscv64",
    .elf_machine = kEmRiscv,
    .arg_offset = {x(10), x(11), x(12), x(13), x(14), x(15)},
    .nr_offset = x(17),
    .ret_offset = x(10),
    .sp_offset = x(2),
    .tls_offset = x(4),
    .syscall_insn_bytes = 4,
    .page_size = 4096,
    .task_size = u64{1} << 38,  // sv39: half of 39 bits is user space
    .hwcap = hwcap,
    .platform = {},
    .syscall_index = syscall_index,
    .push_signal_frame = riscv64_push_signal_frame,
    .pop_signal_frame = riscv64_pop_signal_frame,
    .sigtramp = kSigtramp,
    .sigtramp_bytes = sizeof kSigtramp,
    .hwprobe = hwprobe,
    .cpuinfo = cpuinfo,
};

}  // namespace vm::linux
