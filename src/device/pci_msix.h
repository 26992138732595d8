// MSI-X (PCI Local Bus 3.0, section 6.8.2): interrupts that are memory writes, a table of which the guest
// fills in.
#pragma once

#include <mutex>
#include <vector>

#include "base/bits.h"

namespace vm::device {

/// Takes the memory writes that are interrupts, in place of memory: an interrupt controller. Thread-safe;
/// called with locks of the device held, so it never calls back.
class MsiSink {
  public:
    virtual ~MsiSink() = default;
    virtual void send(u64 address, u32 data) = 0;
};

/// Thread-safe.
class Msix {
  public:
    static constexpr unsigned kMostVectors = 2048;
    static constexpr u64 kEntryBytes = 16;
    struct Entry {
        u64 address = 0;
        u32 data = 0, control = 1;  ///< control: bit 0 masks
    };
    struct State {
        std::vector<Entry> table;
        std::vector<u64> pending;  ///< one bit a vector
        bool enabled = false, masked = false;
    };

    /// 1 to kMostVectors. The sink outlives it.
    Msix(unsigned vectors, MsiSink& sink);
    unsigned vectors() const { return static_cast<unsigned>(s_.table.size()); }
    u64 table_bytes() const { return kEntryBytes * vectors(); }
    u64 pending_bytes() const { return 8 * ((u64{vectors()} + 63) / 64); }

    // -- for the guest. Accesses are aligned words or pairs of them (6.8.2: software uses no others).
    u64 read_table(u64 offset, unsigned bytes) const;
    void write_table(u64 offset, unsigned bytes, u64 value);
    u64 read_pending(u64 offset, unsigned bytes) const;
    /// `masked`: all vectors are. What waited for one of both is sent.
    void control(bool enabled, bool masked);
    void reset();

    // -- for the device
    bool enabled() const;
    /// Sends a vector's message, or remembers it while it is masked. Nothing while MSI-X is not enabled, or
    /// if there is no such vector.
    void trigger(unsigned vector);

    State state() const;

  private:
    u32 table_word(u64 offset) const;
    void set_table_word(u64 offset, u32 value);
    bool pending(unsigned vector) const { return bit(s_.pending[vector / 64], vector % 64); }
    /// Sends what is pending and may be sent.
    void deliver(unsigned vector);

    MsiSink& sink_;
    mutable std::mutex mutex_;
    State s_;
};

}  // namespace vm::device
