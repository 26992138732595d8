// A function of a PCI Express device, as software sees it: configuration space of type 0, base address
// registers, capabilities and interrupts (PCI Local Bus 3.0, PCI Express Base 4.0). Where it is and what its
// registers are mapped to is the host bridge's matter (pci_host.h).
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "device/bus.h"
#include "device/pci_msix.h"

namespace vm::device {

struct PciIdentity {
    u16 vendor = 0, device = 0;
    u32 class_code = 0;  ///< 24 bits: class, subclass, programming interface
    u8 revision = 0;
    u16 subsystem_vendor = 0, subsystem = 0;
    u8 interrupt_pin = 0;  ///< 1 to 4: INTA to INTD; 0: none
};

/// The address spaces of PCI.
enum class PciSpace : u8 { Io, Memory };

/// Thread-safe. A derived class adds what it has in its constructor, and does what its registers do.
class PciFunction {
  public:
    static constexpr u64 kConfigBytes = 256;  ///< of what is not 0 in the 4096 bytes of PCI Express
    static constexpr unsigned kBars = 6;
    enum class BarKind : u8 { Io, Memory32, Prefetchable64 };
    struct State {
        std::array<u8, kConfigBytes> config{};
        bool interrupt = false;  ///< asks for INTx
    };

    explicit PciFunction(const PciIdentity& identity);
    virtual ~PciFunction() = default;
    PciFunction(const PciFunction&) = delete;
    PciFunction& operator=(const PciFunction&) = delete;

    // -- for the host bridge
    /// `line`: of its interrupt pin, or nullptr; `moved` is called, with no lock held, after BARs may answer
    /// elsewhere than before. Before the guest runs.
    void attach(IrqLine* line, std::function<void()> moved);
    void set_multi_function();
    unsigned interrupt_pin() const;
    /// 1, 2 or 4 bytes, aligned, offset below 4096.
    u32 read_config(u64 offset, unsigned bytes);
    void write_config(u64 offset, unsigned bytes, u32 value);
    struct Range {
        PciSpace space;
        u64 base, size;
    };
    /// Where a BAR answers now; nothing if there is no such BAR, or the command register does not let it.
    std::optional<Range> decoded(unsigned bar) const;
    /// Accesses of `bytes` as in Mmio, inside the BAR.
    u64 bar_read(unsigned bar, u64 offset, unsigned bytes);
    void bar_write(unsigned bar, u64 offset, unsigned bytes, u64 value);
    /// Power-on, or a reset of the bus or of this function.
    void reset();

    State state() const;
    const Msix* msix() const { return msix_.get(); }

  protected:
    /// `size`: a power of two, at least 16 (4 for I/O). A 64-bit BAR takes the next number, too.
    void add_bar(unsigned bar, BarKind kind, u64 size);
    u64 bar_size(unsigned bar) const { return bar < kBars ? bars_[bar].size : 0; }
    /// `body`: what follows the id and the link; `writable`: which bits of it the guest may change, none
    /// behind its end. Returns the capability's offset.
    u64 add_capability(u8 id, std::span<const u8> body, std::span<const u8> writable = {});
    /// PCI Express: an endpoint that is part of the root complex; function level resets.
    void add_express();
    /// The table at the start of a memory BAR of its own, pending bits behind it. The sink outlives this.
    void add_msix(unsigned vectors, unsigned bar, MsiSink& sink);
    Msix* msix() { return msix_.get(); }
    /// The level of INTx: the guest sees it on the line unless it said no, or enabled MSI-X.
    void set_interrupt(bool high);

    virtual u64 read_bar(unsigned bar, u64 offset, unsigned bytes) = 0;
    virtual void write_bar(unsigned bar, u64 offset, unsigned bytes, u64 value) = 0;
    /// A value in place of that of the configuration space.
    virtual std::optional<u32> on_read_config(u64 /*offset*/, unsigned /*bytes*/) { return std::nullopt; }
    /// After a change of the configuration space.
    virtual void on_write_config(u64 /*offset*/, unsigned /*bytes*/, u32 /*value*/) {}
    virtual void on_reset() {}
    /// Of the configuration space, with no hook called.
    u32 config(u64 offset, unsigned bytes) const;

  private:
    struct Bar {
        BarKind kind{};
        u64 size = 0;  ///< 0: no BAR
    };
    using Bytes = std::array<u8, kConfigBytes>;
    /// Little-endian numbers of the configuration space, when it is made and when it is used.
    static u32 get(const Bytes& from, u64 offset, unsigned bytes);
    static void put(Bytes& to, u64 offset, unsigned bytes, u32 value);
    std::optional<Range> decoded_locked(unsigned bar) const;
    bool messages() const;
    void update_line();
    void update_messages();

    mutable std::mutex mutex_;  ///< of s_ and the line; not held while hooks are called
    State s_;
    Bytes initial_{}, writable_{};
    std::array<Bar, kBars> bars_{};
    u64 last_capability_ = 0, free_ = 0x40;  ///< where the next one goes
    u64 express_ = 0, msix_at_ = 0;          ///< capabilities, 0: none
    unsigned msix_bar_ = 0;
    std::unique_ptr<Msix> msix_;
    IrqLine* line_ = nullptr;
    std::function<void()> moved_;
};

}  // namespace vm::device
