// A PCI Express host bridge with one bus, its configuration space mapped into memory ("ECAM"; PCI Express
// Base 4.0, section 7.2.2): what device trees call pci-host-ecam-generic.
#pragma once

#include <array>
#include <memory>
#include <shared_mutex>
#include <vector>

#include "device/pci.h"

namespace vm::device {

/// An interrupt line that several devices pull: high while one of them does.
class SharedLine {
  public:
    explicit SharedLine(IrqLine& out) : out_(out) {}
    /// One end of it. Lives as long as the line.
    IrqLine& end();

  private:
    class End final : public IrqLine {
      public:
        explicit End(SharedLine& line) : line_(line) {}
        void set(bool high) override;

      private:
        SharedLine& line_;
        bool high_ = false;
    };
    IrqLine& out_;
    std::mutex mutex_;
    unsigned high_ = 0;  ///< ends that are
    std::vector<std::unique_ptr<End>> ends_;
};

/// Its registers are bus 0's configuration space. What is not there reads as all ones. Thread-safe once the
/// guest runs; it is filled before.
class PciHost final : public Mmio {
  public:
    static constexpr unsigned kSlots = 32, kFunctions = 8, kPins = 4;
    static constexpr u64 kBusBytes = u64{1} << 20;  ///< configuration space of a bus

    /// Line n takes INTA of slot n, n + 4, and so on; the other pins of a slot the lines that follow.
    explicit PciHost(const std::array<IrqLine*, kPins>& lines);
    ~PciHost() override;
    /// The place must be free, and function 0 of a slot comes first. The function lives until no guest runs
    /// any more, but not longer than the host.
    Result<void> add(unsigned slot, unsigned function, PciFunction& f);
    /// Bytes of a bus of the machine through which processors reach a range of a space of PCI.
    Result<void> add_window(Bus& bus, u64 base, u64 size, PciSpace space, u64 pci_base,
                            const std::string& name);
    /// Which line a pin (1 to 4) of a slot has: 0 to 3.
    static constexpr unsigned line_of(unsigned slot, unsigned pin) { return (slot + pin - 1) % kPins; }

    u64 read(u64 offset, unsigned bytes) override;
    void write(u64 offset, unsigned bytes, u64 value) override;

  private:
    class Window;
    PciFunction* at(u64 offset) const;
    /// Finds out anew where which BAR answers.
    void map();

    std::vector<std::unique_ptr<SharedLine>> lines_;
    std::array<PciFunction*, kSlots * kFunctions> functions_{};
    std::mutex map_mutex_;  ///< one map() at a time
    std::vector<std::unique_ptr<Window>> windows_;
};

}  // namespace vm::device
