// The riscv64 board `virt`: what kernels made for QEMU's board of this name find where they look for it.
//
//   0x0010_0000  power switch (sifive,test0)       0x0c00_0000  PLIC
//   0x0010_1000  clock of day (goldfish), irq 11   0x1000_0000  UART 16550, irq 10
//   0x0200_0000  ACLINT: MSWI, MTIMER              0x1000_1000  eight virtio-mmio slots, irq 1 to 8:
//                                                  random numbers, disks, network cards, folders
//   0x0300_0000  PCI: I/O ports                    0x3000_0000  PCI: configuration space (ECAM), bus 0 only;
//                                                               INTA to INTD of slot 0 are irq 32 to 35
//   0x8000_0000  RAM                               0x4000_0000  PCI: memory, up to RAM
//   then, from the next multiple of 16 GiB on, 16 GiB for 64-bit BARs of PCI: 0x4_0000_0000 with up to 14 GiB
//   of RAM
//
// The PCI bus is there if a device is on it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "device/bus.h"
#include "device/htif.h"
#include "device/virtio_blk.h"
#include "engine/vcpu.h"
#include "mem/guest_ram.h"
#include "soc/network.h"
#include "soc/riscv_virt_map.h"
#include "soc/riscv_virt_slots.h"

namespace vm::soc {

/// A virtio block device.
struct DiskImage {
    static constexpr unsigned kMostQueues = device::VirtioBlk::kMostQueues;
    std::string path;
    std::string format;  ///< "raw" or "qcow2": never guessed
    bool read_only = false;
    VirtioBus bus = VirtioBus::Auto;
    unsigned queues = 1;  ///< to kMostQueues
};

inline constexpr size_t kMostTagBytes = 64;

/// A folder of the host that the guest can mount: a virtio 9P device.
struct SharedFolder {
    std::string path;
    std::string tag;  ///< its name in the guest: 1 to 64 bytes
    bool read_only = false;
    VirtioBus bus = VirtioBus::Auto;
};

struct RiscvVirtOptions {
    unsigned harts = 1;                   ///< 1 to 64
    u64 memory = u64{512} << 20;          ///< bytes of RAM, whole MiB
    std::optional<mem::NumaPolicy> numa;  ///< where the host takes it from
    engine::EngineOptions engine{};
    /// Software in M-mode serves the kernel: all harts begin there. Else the built-in SBI does.
    bool machine_mode = false;
    std::string append;            ///< the kernel's command line
    std::vector<DiskImage> disks;  ///< /dev/vda first
    std::vector<NetCard> nets;     ///< eth0 first
    std::vector<SharedFolder> shares;
    /// What is typed goes to a virtio console (hvc0) on this bus, not to the serial port.
    std::optional<VirtioBus> virtio_console;
    /// What the guest writes to its consoles. Called from harts' threads and others.
    std::function<void(std::span<const u8>)> console;
    /// Told what people should know of the machine while it runs. Called from any thread.
    std::function<void(const std::string&)> complain = [](const std::string&) {};
};

/// How the harts begin, with what is in memory already.
struct Start {
    u64 entry = 0;
    u64 tree = 0, tree_room = 0;           ///< where the device tree goes, and a1
    u64 third_argument = 0;                ///< a2; in M-mode only
    u64 initrd_begin = 0, initrd_end = 0;  ///< the same: there is none
    std::optional<device::Htif::Words> htif;
    std::span<const u8> given_tree;  ///< in place of the board's own; empty: none
};

/// A part of the machine, for people.
struct Part {
    std::string name;
    u64 base = 0, size = 0;  ///< registers; 0: it is on the PCI bus, as …
    std::string pci;         ///< … slot and function
    virt::Irqs irqs;
};

class RiscvHart;

class RiscvVirt {
  public:
    enum class End : u8 { PowerOff, Reset, Failed };
    struct Outcome {
        End end = End::PowerOff;
        int status = 0;  ///< what the guest said, with Failed
    };
    static constexpr u64 kRamBase = virt::kRam;

    static Result<std::unique_ptr<RiscvVirt>> create(const RiscvVirtOptions& options);
    virtual ~RiscvVirt() = default;

    /// For whoever puts programs there, before run().
    virtual mem::GuestRam& ram() = 0;
    /// Writes the device tree. Once, before run().
    virtual Result<void> prepare(const Start& start) = 0;
    virtual std::vector<Part> parts() const = 0;
    /// The extensions of its processors, as the device tree names them.
    virtual std::string isa() const = 0;
    /// The device tree that the kernel gets.
    virtual std::span<const u8> device_tree() const = 0;
    /// Runs until the guest ends or stop() is called (End::PowerOff).
    virtual Result<Outcome> run() = 0;
    /// From any thread.
    virtual void stop() = 0;
    /// Keys for the console: how many were taken. `on_room` of the last call with fewer is called when there
    /// is room again.
    virtual size_t type(std::span<const u8> keys, std::function<void()> on_room) = 0;
    /// The terminal's size, which a virtio console tells the guest.
    virtual void set_terminal_size(u16 columns, u16 rows) = 0;
    /// Everything that processors and devices count, at any time, on any thread.
    virtual void collect(MetricSink& sink) const = 0;

    // --- for a debugger (RiscvVirtOptions::engine.control)
    virtual std::vector<RiscvHart*> hart_list() const = 0;
    virtual const device::Bus& bus() const = 0;
    /// Writes RAM, code too. False, and nothing is done: a byte is no RAM.
    virtual bool write(u64 physical, std::span<const u8> bytes) = 0;
    /// Ends run() with End::Reset. From any thread.
    virtual void reset() = 0;
};

}  // namespace vm::soc
