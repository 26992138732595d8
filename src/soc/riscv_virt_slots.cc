#include "soc/riscv_virt_slots.h"

#include "base/format.h"
#include "device/virtio_mmio.h"
#include "device/virtio_pci.h"
#include "soc/riscv_virt_map.h"

namespace vm::soc {
namespace {

using namespace virt;
using device::PciHost;

/// The host bridge as a device of its bus: it has no registers.
class Bridge final : public device::PciFunction {
  public:
    Bridge() : PciFunction({.vendor = 0x1b36, .device = 8, .class_code = 0x060000}) {}  // as QEMU's board

  private:
    u64 read_bar(unsigned, u64, unsigned) override { return 0; }
    void write_bar(unsigned, u64, unsigned, u64) override {}
};

}  // namespace

Result<VirtioBus> virtio_bus(std::string_view name) {
    if (name == "mmio") return VirtioBus::Mmio;
    if (name == "pci") return VirtioBus::Pci;
    return fail(ErrorKind::InvalidArgument,
                fmt::format("no bus of this board is called {}: mmio or pci", name));
}

RiscvVirtSlots::RiscvVirtSlots(device::Bus& bus, device::Plic& plic, u64 ram_bytes)
    : bus_(bus), plic_(plic), ram_bytes_(ram_bytes) {}

Result<void> RiscvVirtSlots::add(std::unique_ptr<device::VirtioDevice> device, const std::string& name,
                                 VirtioBus bus) {
    Occupied o{std::move(device), nullptr, nullptr, name};
    if (bus == VirtioBus::Auto) bus = mmio_ < kVirtioSlots ? VirtioBus::Mmio : VirtioBus::Pci;
    return bus == VirtioBus::Mmio ? add_mmio(std::move(o), name) : add_pci(std::move(o), name);
}

Result<void> RiscvVirtSlots::add_mmio(Occupied o, const std::string& name) {
    if (mmio_ == kVirtioSlots)
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("no place for {}: all {} virtio-mmio slots of this board have a device; "
                                "bus=pci has more",
                                name, kVirtioSlots));
    o.mmio = std::make_unique<device::VirtioMmio>(*o.device, plic_.source(kVirtioIrq + mmio_));
    auto r = bus_.add(kVirtio + mmio_ * kVirtioStep, device::VirtioMmio::kSize, *o.mmio, name);
    mmio_++;
    all_.push_back(std::move(o));
    return r;
}

/// A slot each while there are some, then further functions of these slots. Slot 0 is the bridge's.
Result<void> RiscvVirtSlots::add_pci(Occupied o, const std::string& name) {
    constexpr unsigned kFree = PciHost::kSlots - 1;
    if (pci_ == kFree * PciHost::kFunctions)
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("no place for {}: the PCI bus of this board has {} devices", name, pci_));
    if (host_ == nullptr)
        if (auto r = make_host(); !r) return r;
    // No controller of message-signalled interrupts is on this board.
    o.pci = std::make_unique<device::VirtioPci>(*o.device, nullptr);
    auto r = host_->add(1 + pci_ % kFree, pci_ / kFree, *o.pci);
    functions_.push_back({name, 1 + pci_ % kFree, pci_ / kFree});
    pci_++;
    all_.push_back(std::move(o));
    return r;
}

void RiscvVirtSlots::collect(MetricSink& sink) const {
    for (const Occupied& o : all_) o.device->collect(sink, o.name);
}

void RiscvVirtSlots::list(std::vector<engine::ListedDevice>& devices) const {
    for (const Occupied& o : all_)
        devices.push_back({o.name, &o.device->requests_counter(), &o.device->bytes_counter(),
                           &o.device->interrupts_counter()});
}

Result<void> RiscvVirtSlots::make_host() {
    std::array<device::IrqLine*, PciHost::kPins> lines{};
    for (unsigned n = 0; n < PciHost::kPins; n++) lines[n] = &plic_.source(kPciIrq + n);
    host_ = std::make_unique<PciHost>(lines);
    bridge_ = std::make_unique<Bridge>();
    using enum device::PciSpace;
    const u64 upper = pci_upper_window(ram_bytes_);
    if (auto r = host_->add(0, 0, *bridge_); !r) return r;
    if (auto r = bus_.add(kPciEcam, kPciEcamSize, *host_, "PCI configuration space"); !r) return r;
    if (auto r = host_->add_window(bus_, kPciIo, kPciIoSize, Io, 0, "PCI I/O ports"); !r) return r;
    if (auto r = host_->add_window(bus_, kPciMemory, kPciMemorySize, Memory, kPciMemory, "PCI memory"); !r)
        return r;
    return host_->add_window(bus_, upper, kPciUpperSize, Memory, upper, "PCI memory, upper");
}

}  // namespace vm::soc
