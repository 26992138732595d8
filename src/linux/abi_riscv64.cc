// The Linux ABI of riscv64: register roles (psABI; Linux Documentation/arch/riscv), what the processor is
// said to be.
#include <string>

#include "base/format.h"
#include "linux/abi.h"
#include "linux/abi_riscv64_signal.h"
#include "linux/elf.h"

namespace vm::linux {
namespace {

constexpr u16 x(unsigned n) {
    return static_cast<u16>(8 * n);
}  // frontend/riscv64/state.h: x0 at 0, x1 at 8 …

/// Does a CPU with `features` have the extension `name`? The bits are the front end's secret; its parser
/// knows the names.
bool has(const frontend::GuestIsa& isa, u64 features, std::string_view name) {
    u64 base = 0, with = 0;
    std::string error;
    if (!isa.parse_cpu("rv64i", &base, &error)) return false;
    if (!isa.parse_cpu(fmt::format("rv64i,+{}", name), &with, &error)) return false;
    return ((with & ~base) & ~features) == 0;
}

HwCaps hwcap(const frontend::GuestIsa& isa, u64 features) {
    u64 v = u64{1} << ('i' - 'a');
    for (const char c : {'m', 'a', 'f', 'd', 'c'})
        if (has(isa, features, std::string_view(&c, 1))) v |= u64{1} << (c - 'a');
    return {v};
}

/// asm-generic's numbers without renameat.
int syscall_index(u64 nr) {
    constexpr u64 kRenameat = 38;
    return nr < 512 && nr != kRenameat ? static_cast<int>(nr) : -1;
}

/// "rv64imafdc_zicntr_…" in the kernel's order: single letters, then Zi…, then the rest by their second
/// letter.
std::string isa_text(const frontend::GuestIsa& isa, u64 features) {
    std::string text = "rv64i";
    for (const char* letter : {"m", "a", "f", "d", "c"})
        if (has(isa, features, letter)) text += letter;
    for (const char* name : {"zicbom",    "zicbop",      "zicboz", "zicntr", "zicond", "zicsr", "zifencei",
                             "zihintntl", "zihintpause", "zimop",  "zacas",  "zawrs",  "zfa",   "zfh",
                             "zfhmin",    "zcb",         "zcmop",  "zba",    "zbb",    "zbc",   "zbs"})
        if (has(isa, features, name)) text += std::string("_") + name;
    return text;
}

std::string cpuinfo(const frontend::GuestIsa& isa, u64 features, unsigned cpus) {
    const std::string text = isa_text(isa, features);
    std::string out;
    for (unsigned i = 0; i < cpus; i++)
        out += fmt::format(
            "processor\t: {0}\nhart\t\t: {0}\nisa\t\t: {1}\nmmu\t\t: sv39\nmvendorid\t: 0x0\nmarchid\t\t: "
            "0x0\nmimpid\t\t: 0x0\nhart isa\t: {1}\n\n",
            i, text);
    return out;
}

}  // namespace

const Abi kRiscv64Abi{
    .name = "riscv64",
    .elf = {.machine = kEmRiscv,
            .page_size = 4096,
            .task_size = u64{1} << 38,  // sv39: half of 39 bits is user space
            .refused_flags = 8,         // EF_RISCV_RVE, RISC-V ELF psABI
            .refused_reason = "is built for RV64E (16 registers), which is not supported"},
    .arg_offset = {x(10), x(11), x(12), x(13), x(14), x(15)},
    .nr_offset = x(17),
    .ret_offset = x(10),
    .sp_offset = x(2),
    .tls_offset = x(4),
    .syscall_insn_bytes = 4,
    .hwcap = hwcap,
    .platform = {},
    .syscall_index = syscall_index,
    .push_signal_frame = riscv64_push_signal_frame,
    .pop_signal_frame = riscv64_pop_signal_frame,
    .vdso = &kRiscv64Vdso,
    .core_registers = riscv64_core_registers,
    .cpuinfo = cpuinfo,
};

}  // namespace vm::linux
