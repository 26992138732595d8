// What a device sees of a machine, and a machine of a device: accesses to its registers, and interrupt lines.
#pragma once

#include <map>
#include <string>

#include "base/bits.h"
#include "base/result.h"

namespace vm::device {

/// Registers at a range of guest physical addresses. Called from any hart's thread, several at a time: a
/// device has a lock of its own. Guest input never asserts: what the device does not have reads as 0 and
/// ignores writes, unless its manual says otherwise.
class Mmio {
  public:
    virtual ~Mmio() = default;
    /// `bytes` is 1, 2, 4 or 8; `offset` from the start of the range, not necessarily a multiple of it. The
    /// value's upper bits are 0.
    virtual u64 read(u64 offset, unsigned bytes) = 0;
    virtual void write(u64 offset, unsigned bytes, u64 value) = 0;
};

/// A level-triggered input of an interrupt controller or a processor. Thread-safe; the same level again
/// changes nothing.
class IrqLine {
  public:
    virtual ~IrqLine() = default;
    virtual void set(bool high) = 0;
};

/// Which device answers where. Filled before the machine runs, then only read.
class Bus {
  public:
    /// The range must be free. `device` outlives the bus. `name` is for messages.
    Result<void> add(u64 base, u64 size, Mmio& device, std::string name);
    /// False: no device lies there, or the access is not inside one.
    bool read(u64 address, unsigned bytes, u64* value) const;
    bool write(u64 address, unsigned bytes, u64 value) const;
    struct Range {
        u64 base = 0, size = 0;
        Mmio* device = nullptr;
        std::string name;
    };
    const std::map<u64, Range>& ranges() const { return ranges_; }  ///< by base

  private:
    const Range* find(u64 address, unsigned bytes) const;
    std::map<u64, Range> ranges_;
};

}  // namespace vm::device
