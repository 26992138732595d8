// The device tree of the board `virt`.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/bits.h"
#include "base/result.h"

namespace vm::soc {

/// What differs from one machine to the next.
struct BoardTree {
    std::string append;                    ///< the kernel's command line
    u64 memory = 0;                        ///< bytes of RAM
    u64 initrd_begin = 0, initrd_end = 0;  ///< the same: there is none
    std::span<const u64> harts;            ///< their ids
    u64 cpu_features = 0;
    u64 plic_size = 0;
    unsigned virtio_slots = 0;  ///< virtio-mmio: the first so many have a device
    bool pci = false;           ///< there is a PCI bus
};

/// "rv64imafdc_zawrs_…": what processors with these features are called.
std::string isa_string(u64 cpu_features);

/// The blob, with a fresh seed for the kernel's random numbers.
Result<std::vector<u8>> write_tree(const BoardTree& board);

}  // namespace vm::soc
