// Guest physical memory of a machine: one range of the host's memory, the same for all who use it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "base/bits.h"
#include "base/result.h"
#include "mem/numa.h"

namespace vm::mem {

inline constexpr u64 kPageBits = 12, kPage = u64{1} << kPageBits;

/// RAM at [base, base + size) of the guest physical address space. Thread-safe: what harts and devices write
/// at the same time is ordered by them.
class GuestRam {
  public:
    /// base and bytes are multiples of kPage. Memory is given by the host when it is touched, from the nodes
    /// that `numa` names, if there is one.
    static Result<std::unique_ptr<GuestRam>> create(u64 base, u64 bytes, const NumaPolicy* numa = nullptr);
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

    // --- which pages hold code that was translated. Whoever writes to RAM, but for processors through their
    // TLB, says so; processors ask watched() before they write to a page unasked.
    /// The page of `host` is watched from now on. True: it was not before.
    bool watch(const u8* host);
    bool watched(const u8* host) const { return (page_of(host).load() & kWatched) != 0; }
    /// Until the next watch().
    void forget(const u8* host) { page_of(host).store(0); }
    /// [host, host + bytes) of this RAM was written, or is about to be.
    void wrote(const u8* host, u64 bytes);
    /// The same for one store of a processor to a watched page. True: it happens so often that the page
    /// should be forgotten.
    bool stored(const u8* host);
    /// The watched pages that were written since the last call, by host address.
    std::vector<u64> take_written();

  private:
    static constexpr u8 kWatched = 0x80, kWritten = 0x40, kStores = 0x3f;
    GuestRam(u64 base, u64 size, u8* host)
        : base_(base), size_(size), host_(host), pages_(new std::atomic<u8>[size / kPage]()) {}
    std::atomic<u8>& page_of(const u8* host) const { return pages_[static_cast<u64>(host - host_) / kPage]; }
    u64 base_, size_;
    u8* host_;
    std::unique_ptr<std::atomic<u8>[]> pages_;
    std::mutex mutex_;
    std::vector<u64> written_;
    std::atomic<bool> any_written_ = false;  ///< written_ has something
};

}  // namespace vm::mem
