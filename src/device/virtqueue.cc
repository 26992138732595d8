#include "device/virtqueue.h"

#include <algorithm>
#include <atomic>

namespace vm::device {
namespace {

// 2.7.5: descriptors
constexpr u16 kNext = 1, kWrite = 2, kIndirect = 4;
constexpr u64 kDescriptorBytes = 16;
// 2.7.6, 2.7.8: both rings start with flags and an index
constexpr u64 kFlags = 0, kIndex = 2, kEntries = 4, kUsedEntryBytes = 8;
constexpr u16 kNoInterrupt = 1;  // flags of the available ring
constexpr u16 kNoNotify = 1;     // flags of the used ring
// 2.7.5.2: the bytes of a chain fit 32 bits
constexpr u64 kMaxChainBytes = 0xffffffff;
// Linux makes chains in an indirect table longer than the queue; nobody makes them longer than this.
constexpr unsigned kMaxIndirect = 1024;

constexpr u64 available_bytes(u64 size) { return kEntries + 2 * size + 2; }
constexpr u64 used_bytes(u64 size) { return kEntries + kUsedEntryBytes * size + 2; }

/// Copied once: behind the barrier the compiler cannot look at guest memory again in place of the copy.
template <class T>
T read_once(const u8* p) {
    const T v = load_raw<T>(p);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return v;
}

std::atomic_ref<u16> shared(u8* p) { return std::atomic_ref<u16>(*reinterpret_cast<u16*>(p)); }

}  // namespace

Chain::~Chain() {
    if (queue_ != nullptr) queue_->release(*this);
}

Virtqueue::Virtqueue(mem::GuestRam& ram, u16 max, std::function<void()> on_broken)
    : ram_(ram), max_(max), on_broken_(std::move(on_broken)) {}

// ---- set-up

Virtqueue::State Virtqueue::state() const {
    const std::lock_guard lock(mutex_);
    return s_;
}

void Virtqueue::set_size(u16 size) {
    const std::lock_guard lock(mutex_);
    if (!s_.ready) s_.size = size;
}

void Virtqueue::set_address(Ring ring, bool high, u32 half) {
    const std::lock_guard lock(mutex_);
    if (s_.ready) return;
    u64& address = ring == Ring::Descriptors ? s_.descriptors : ring == Ring::Driver ? s_.driver : s_.device;
    address = high ? (address & 0xffffffff) | u64{half} << 32 : (address & ~u64{0xffffffff}) | half;
}

void Virtqueue::set_features(u64 features) {
    const std::lock_guard lock(mutex_);
    if (!s_.ready) s_.features = features & (kRingIndirectDesc | kRingEventIdx);
}

/// 2.7: alignment and size of the rings.
bool Virtqueue::rings_fit() const {
    return s_.size != 0 && s_.size <= max_ && std::has_single_bit(s_.size) && s_.descriptors % 16 == 0 &&
           s_.driver % 2 == 0 && s_.device % 4 == 0 &&
           ram_.contains(s_.descriptors, kDescriptorBytes * s_.size) &&
           ram_.contains(s_.driver, available_bytes(s_.size)) &&
           ram_.contains(s_.device, used_bytes(s_.size));
}

void Virtqueue::start() {
    const std::lock_guard lock(mutex_);
    if (s_.ready || s_.broken || in_flight_ != 0) return;
    if (!rings_fit()) return break_it();
    descriptors_ = ram_.at(s_.descriptors, kDescriptorBytes * s_.size);
    available_ = ram_.at(s_.driver, available_bytes(s_.size));
    used_ = ram_.at(s_.device, used_bytes(s_.size));
    s_.next_available = s_.next_used = 0;
    s_.ready = true;
}

void Virtqueue::stop() {
    std::unique_lock lock(mutex_);
    s_.ready = false;
    idle_.wait(lock, [&] { return in_flight_ == 0; });
}

void Virtqueue::reset() {
    std::unique_lock lock(mutex_);
    s_.ready = false;
    idle_.wait(lock, [&] { return in_flight_ == 0; });
    s_ = State{};
}

void Virtqueue::break_it() {
    if (s_.broken) return;
    s_.broken = true;
    on_broken_();
}

void Virtqueue::set_broken() {
    const std::lock_guard lock(mutex_);
    if (s_.ready) break_it();
}

// ---- chains

/// Acquire: what the driver wrote before it moved the index is seen after.
bool Virtqueue::load_available(u16* index) {
    *index = shared(available_ + kIndex).load(std::memory_order_acquire);
    const u16 waiting = static_cast<u16>(*index - s_.next_available);
    if (waiting > s_.size) {
        break_it();
        return false;
    }
    return waiting != 0;
}

std::optional<Chain> Virtqueue::pop() {
    const std::lock_guard lock(mutex_);
    u16 index = 0;
    if (!s_.ready || s_.broken || !load_available(&index)) return std::nullopt;
    const u64 slot = s_.next_available & (s_.size - 1);
    const u16 head = read_once<u16>(available_ + kEntries + 2 * slot);
    Chain chain(nullptr);
    chain.parts_.swap(spare_);
    chain.parts_.clear();
    if (!walk(head, chain)) {
        break_it();
        return std::nullopt;
    }
    ++s_.next_available;
    ++in_flight_;
    chain.head_ = head;
    chain.queue_ = this;
    return chain;
}

/// A descriptor of data. 2.7.4.2: those that the device reads come first.
bool Virtqueue::add_part(const Descriptor& d, Chain& chain, u64* sum) const {
    const bool writable = (d.flags & kWrite) != 0;
    if (!writable && chain.readable_ != chain.parts_.size()) return false;
    if (d.bytes == 0) return true;
    u8* host = ram_.at(d.address, d.bytes);
    *sum += d.bytes;
    if (host == nullptr || *sum > kMaxChainBytes) return false;
    chain.parts_.push_back({host, d.bytes});
    if (!writable) ++chain.readable_;
    return true;
}

/// A chain longer than the queue is a loop.
bool Virtqueue::walk(u16 head, Chain& chain) {
    u64 sum = 0;
    u16 at = head;
    for (unsigned n = 0; n < s_.size; ++n) {
        if (at >= s_.size) return false;
        const auto d = read_once<Descriptor>(descriptors_ + kDescriptorBytes * at);
        if ((d.flags & kIndirect) != 0) {
            // 2.7.5.3.1: only if negotiated, and last in its chain
            if ((s_.features & kRingIndirectDesc) == 0 || (d.flags & kNext) != 0) return false;
            return walk_indirect(d.address, d.bytes, chain, &sum);
        }
        if (!add_part(d, chain, &sum)) return false;
        if ((d.flags & kNext) == 0) return true;
        at = d.next;
    }
    return false;
}

/// 2.7.5.3: a table elsewhere in RAM, at any alignment; no table in it.
bool Virtqueue::walk_indirect(u64 table, u32 bytes, Chain& chain, u64* sum) {
    const u32 size = bytes / kDescriptorBytes;
    const u8* host = ram_.at(table, bytes);
    if (host == nullptr || size == 0 || bytes % kDescriptorBytes != 0) return false;
    u32 at = 0;
    for (unsigned n = 0; n < std::min(size, kMaxIndirect); ++n) {
        if (at >= size) return false;
        const auto d = read_once<Descriptor>(host + kDescriptorBytes * at);
        if ((d.flags & kIndirect) != 0 || !add_part(d, chain, sum)) return false;
        if ((d.flags & kNext) == 0) return true;
        at = d.next;
    }
    return false;
}

void Virtqueue::release(Chain& chain) {
    const std::lock_guard lock(mutex_);
    spare_ = std::move(chain.parts_);
    if (--in_flight_ == 0) idle_.notify_all();
}

void Virtqueue::put_back(Chain) {
    const std::lock_guard lock(mutex_);
    if (s_.ready) --s_.next_available;
}

// ---- back to the driver

bool Virtqueue::push(std::span<Chain> chains, std::span<const u32> written) {
    const std::lock_guard lock(mutex_);
    if (!s_.ready) return false;
    const u16 before = s_.next_used;
    for (size_t i = 0; i < chains.size(); ++i) {
        for (const iovec& part : chains[i].writable())
            ram_.wrote(static_cast<const u8*>(part.iov_base), part.iov_len);
        u8* entry = used_ + kEntries + kUsedEntryBytes * (s_.next_used++ & (s_.size - 1));
        store_raw<u32>(entry, chains[i].head_);
        store_raw<u32>(entry + 4, written[i]);
    }
    shared(used_ + kIndex).store(s_.next_used, std::memory_order_release);
    // 2.7.7.2, 2.7.10: the index must be seen before the driver's wish is read, or an interrupt is lost.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if ((s_.features & kRingEventIdx) == 0)
        return (shared(available_ + kFlags).load(std::memory_order_relaxed) & kNoInterrupt) == 0;
    const u16 event = shared(available_ + kEntries + 2 * s_.size).load(std::memory_order_relaxed);
    return static_cast<u16>(event - before) < static_cast<u16>(s_.next_used - before);
}

void Virtqueue::hush() {
    const std::lock_guard lock(mutex_);
    if (s_.ready && (s_.features & kRingEventIdx) == 0)
        shared(used_ + kFlags).store(kNoNotify, std::memory_order_relaxed);
}

/// Before the driver's index is read again.
void Virtqueue::ask_for_event(u16 index) {
    if ((s_.features & kRingEventIdx) != 0)
        shared(used_ + kEntries + kUsedEntryBytes * s_.size).store(index, std::memory_order_relaxed);
    else
        shared(used_ + kFlags).store(0, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

bool Virtqueue::listen() {
    const std::lock_guard lock(mutex_);
    if (!s_.ready || s_.broken) return false;
    ask_for_event(s_.next_available);
    u16 index = 0;
    return load_available(&index);
}

bool Virtqueue::listen_for_more() {
    const std::lock_guard lock(mutex_);
    u16 seen = 0, index = 0;
    if (!s_.ready || s_.broken) return false;
    load_available(&seen);
    ask_for_event(seen);
    load_available(&index);
    return !s_.broken && index != seen;
}

}  // namespace vm::device
