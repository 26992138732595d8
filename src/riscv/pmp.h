// Physical memory protection. Manual, volume II: "Physical Memory Protection".
#pragma once

#include "riscv/hart_state.h"

namespace vm::riscv {

/// pmpcfg bits of an entry
inline constexpr u8 kPmpRead = 1, kPmpWrite = 2, kPmpExecute = 4, kPmpMode = 3 << 3, kPmpLock = 1 << 7;
enum PmpMode : u8 { kPmpOff = 0, kPmpTor = 1 << 3, kPmpNa4 = 2 << 3, kPmpNapot = 3 << 3 };
inline constexpr u64 kPmpAddressBits = (u64{1} << 54) - 1;

/// What is allowed somewhere.
struct Permissions {
    bool read = false, write = false, execute = false;
    bool of(Access a) const { return a == Access::Fetch ? execute : a == Access::Load ? read : write; }
    bool operator==(const Permissions&) const = default;
};

/// The entries, decoded. A value: made anew after each write of a pmp CSR.
class Pmp {
  public:
    Pmp() = default;
    explicit Pmp(const HartState& state);

    /// What [address, address + bytes) allows as a whole; bytes > 0. An access that the first entry it
    /// touches does not contain fails.
    Permissions allows(u64 address, u64 bytes, Privilege privilege) const;
    /// The size of the largest block around `address` that is aligned, no larger than `size` (a power of two)
    /// and not cut by an entry: permissions are the same for each byte of it.
    u64 uniform(u64 address, u64 size) const;

  private:
    struct Range {
        u64 begin = 0, end = 0;  ///< not empty
        u8 config = 0;
    };
    std::array<Range, kPmpEntries> ranges_;  ///< of entries that match anything, in their order
    unsigned count_ = 0;
    bool machine_open_ = true;  ///< there is none, or the first allows M-mode everything, everywhere
    bool others_open_ = false;  ///< the first allows S and U everything, everywhere
};

/// Writes one entry's configuration byte or address as the rules of locked and reserved ones allow.
void write_pmp_config(HartState& state, unsigned entry, u8 value);
void write_pmp_address(HartState& state, unsigned entry, u64 value);

}  // namespace vm::riscv
