// Where the virtio devices of the board `virt` are: in its virtio-mmio slots or on its PCI Express bus.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "device/pci_host.h"
#include "device/plic.h"
#include "device/virtio.h"
#include "engine/stats.h"

namespace vm::soc {

/// How a guest reaches a virtio device. Auto: a virtio-mmio slot while there is one.
enum class VirtioBus : u8 { Auto, Mmio, Pci };
/// "mmio" or "pci".
Result<VirtioBus> virtio_bus(std::string_view name);

class RiscvVirtSlots {
  public:
    /// Both outlive it. `ram_bytes` decides where the upper window of PCI lies.
    RiscvVirtSlots(device::Bus& bus, device::Plic& plic, u64 ram_bytes);
    /// Before the guest runs. No place left: an error that says for whom.
    Result<void> add(std::unique_ptr<device::VirtioDevice> device, const std::string& name,
                     VirtioBus bus = VirtioBus::Auto);
    /// The first so many virtio-mmio slots have a device.
    unsigned mmio() const { return mmio_; }
    /// What is on the PCI bus.
    struct Function {
        std::string name;
        unsigned slot = 0, function = 0;
    };
    const std::vector<Function>& pci_functions() const { return functions_; }
    /// There is a PCI bus: a device is on it.
    bool pci() const { return host_ != nullptr; }
    /// When no guest runs any more. No request is under way afterwards.
    void clear() { all_.clear(); }
    /// What they count, also for `vm top`.
    void collect(MetricSink& sink) const;
    void list(std::vector<engine::ListedDevice>& devices) const;

  private:
    struct Occupied {
        std::unique_ptr<device::VirtioDevice> device;
        std::unique_ptr<device::Mmio> mmio;  ///< one of the two transports; it ends before its device
        std::unique_ptr<device::PciFunction> pci;
        std::string name = {};
    };
    Result<void> add_mmio(Occupied o, const std::string& name);
    Result<void> add_pci(Occupied o, const std::string& name);
    Result<void> make_host();

    device::Bus& bus_;
    device::Plic& plic_;
    const u64 ram_bytes_;
    unsigned mmio_ = 0, pci_ = 0;
    std::unique_ptr<device::PciFunction> bridge_;
    std::unique_ptr<device::PciHost> host_;
    std::vector<Occupied> all_;
    std::vector<Function> functions_;
};

}  // namespace vm::soc
