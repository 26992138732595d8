// What may be said to `vm boot`, and the machine that it means.
#pragma once

#include "cli/options.h"
#include "soc/riscv_virt.h"

namespace vm::cli {

/// As typed; each is checked where it is used.
struct BootOptions {
    std::string arch, firmware, kernel, initrd, append, memory = "512M", tier = "auto", console = "serial",
                                                        numa, cpu, code_cache = "64M", stats, metrics, gdb;
    std::vector<std::string> disks, nets, shares;
    int harts = 1;
    std::string signature;
    int granularity = 16;
    std::string dtb, dump_dtb, explain;
    bool dry_run = false;
};

/// `p` fills `o`, which outlives it.
void declare_boot_options(OptionParser& p, BootOptions& o);

/// All but the console. The first option that is wrong is the error.
Result<soc::RiscvVirtOptions> machine_options(const BootOptions& o);

}  // namespace vm::cli
