// Split virtqueues of virtio 1.2 (section 2.7) in guest RAM, seen from the device. The guest is never
// trusted: a queue whose rings or chains break the rules is broken, gives nothing more, and says so once; the
// device then asks for a reset.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/bits.h"
#include "device/iovec.h"
#include "mem/guest_ram.h"

namespace vm::device {

inline constexpr u64 kRingIndirectDesc = u64{1} << 28;  // 6: VIRTIO_F_INDIRECT_DESC
inline constexpr u64 kRingEventIdx = u64{1} << 29;      // 6: VIRTIO_F_EVENT_IDX

class Virtqueue;

/// A buffer that the driver made available: parts of guest RAM that the device reads, then parts that it
/// writes. Their bytes may change at any time, so that what is checked is copied first. While a chain lives
/// its queue does not stop. Belongs to one thread at a time.
class Chain {
  public:
    Chain(Chain&& o) noexcept
        : queue_(std::exchange(o.queue_, nullptr)),
          parts_(std::move(o.parts_)),
          readable_(o.readable_),
          head_(o.head_) {}
    Chain& operator=(Chain&&) = delete;
    ~Chain();
    Parts readable() const { return Parts(parts_).first(readable_); }
    Parts writable() const { return Parts(parts_).subspan(readable_); }

  private:
    friend class Virtqueue;
    explicit Chain(Virtqueue* queue) : queue_(queue) {}
    Virtqueue* queue_;
    std::vector<iovec> parts_;
    size_t readable_ = 0;  ///< how many of parts_ are
    u16 head_ = 0;
};

/// Thread-safe: the transport sets it up, the device's thread takes from it.
class Virtqueue {
  public:
    static constexpr u16 kMaxSize = 1024;
    struct State {
        u16 size = 0;  ///< in descriptors
        bool ready = false, broken = false;
        u64 descriptors = 0, driver = 0, device = 0;  ///< guest physical: table, available ring, used ring
        u64 features = 0;                             ///< kRing…, as negotiated
        u16 next_available = 0, next_used = 0;
    };

    /// `max`: the largest size that the driver may choose, a power of two up to kMaxSize. `on_broken` is
    /// called with this queue's lock held, once until the next reset.
    Virtqueue(mem::GuestRam& ram, u16 max, std::function<void()> on_broken);
    Virtqueue(const Virtqueue&) = delete;
    Virtqueue& operator=(const Virtqueue&) = delete;

    // -- for the transport. While the queue is ready nothing of this changes it, except stop and reset.
    u16 max() const { return max_; }
    State state() const;
    void set_size(u16 size);
    enum class Ring { Descriptors, Driver, Device };
    /// The low or high half of a ring's address.
    void set_address(Ring ring, bool high, u32 half);
    void set_features(u64 features);
    /// A bad size or address breaks the queue.
    void start();
    /// Waits until no chain of it lives.
    void stop();
    void reset();

    // -- for the device
    /// The next available chain; none if there is none, or if the queue is not ready or broken.
    std::optional<Chain> pop();
    /// Takes back the chain that pop() gave last: it is the next one again.
    void put_back(Chain chain);
    /// Hands a chain back with `written` bytes of its writable parts filled. True: the driver wants an
    /// interrupt.
    bool push(Chain& chain, u32 written) { return push({&chain, 1}, {&written, 1}); }
    /// Several of them, which the driver sees all at once.
    bool push(std::span<Chain> chains, std::span<const u32> written);
    /// The driver need not notify: the device looks by itself. A hint.
    void hush();
    /// The driver shall notify from the next chain on. True: there is one already.
    bool listen();
    /// The same, from the next chain that it has not made available yet. True: there are more than a moment
    /// ago.
    bool listen_for_more();
    /// The driver broke the device's protocol by what is in a chain.
    void set_broken();

  private:
    friend class Chain;
    struct Descriptor {
        u64 address;
        u32 bytes;
        u16 flags, next;
    };
    bool rings_fit() const;
    void break_it();
    bool load_available(u16* index);
    void ask_for_event(u16 index);
    bool walk(u16 head, Chain& chain);
    bool walk_indirect(u64 table, u32 bytes, Chain& chain, u64* sum);
    bool add_part(const Descriptor& d, Chain& chain, u64* sum) const;
    void release(Chain& chain);

    mem::GuestRam& ram_;
    const u16 max_;
    const std::function<void()> on_broken_;
    mutable std::mutex mutex_;
    std::condition_variable idle_;
    State s_;
    u8 *descriptors_ = nullptr, *available_ = nullptr, *used_ = nullptr;  ///< host addresses while ready
    unsigned in_flight_ = 0;
    std::vector<iovec> spare_;  ///< the parts of an earlier chain: no allocation for the next
};

}  // namespace vm::device
