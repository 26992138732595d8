// Guest physical memory of a machine: one memory object of the host, mapped once for all who use it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>

#include "base/bits.h"
#include "base/result.h"

namespace vm::mem {

inline constexpr u64 kPageBits = 12, kPage = u64{1} << kPageBits;

/// RAM at [base, base + size) of the guest physical address space. Thread-safe: what harts and devices write
/// at the same time is ordered by them.
class GuestRam {
  public:
    /// base and bytes are multiples of kPage. Memory is given by the host when it is touched.
    static Result<std::unique_ptr<GuestRam>> create(u64 base, u64 bytes);
    ~GuestRam();
    GuestRam(const GuestRam&) = delete;
    GuestRam& operator=(const GuestRam&) = delete;

    u64 base() const { return base_; }
    u64 size() const { return size_; }
    u8* host() const { return host_; }  ///< of base()
    bool contains(u64 address, u64 bytes) const {
        return address >= base_ && address - base_ <= size_ && bytes <= size_ - (address - base_);
    }
    /// Host address of [address, address + bytes), nullptr if a byte of it is no RAM.
    u8* at(u64 address, u64 bytes) const {
        return contains(address, bytes) ? host_ + (address - base_) : nullptr;
    }
    /// Copies; false (and nothing is done) if a byte is no RAM.
    bool read(u64 address, void* out, u64 bytes) const;
    bool write(u64 address, const void* in, u64 bytes);

  private:
    GuestRam(u64 base, u64 size, u8* host) : base_(base), size_(size), host_(host) {}
    u64 base_, size_;
    u8* host_;
};

}  // namespace vm::mem
