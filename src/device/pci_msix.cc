#include "device/pci_msix.h"

#include "device/registers.h"

namespace vm::device {
namespace {

// 6.8.2.6 to 6.8.2.9: words of an entry
constexpr u64 kAddressLow = 0, kAddressHigh = 4, kData = 8;
constexpr u32 kMasked = 1;

}  // namespace

Msix::Msix(unsigned vectors, MsiSink& sink) : sink_(sink) {
    s_.table.resize(vectors);
    s_.pending.resize(pending_bytes() / 8);
}

Msix::State Msix::state() const {
    const std::lock_guard lock(mutex_);
    return s_;
}

bool Msix::enabled() const {
    const std::lock_guard lock(mutex_);
    return s_.enabled;
}

void Msix::reset() {
    const std::lock_guard lock(mutex_);
    s_.table.assign(s_.table.size(), Entry{});
    s_.pending.assign(s_.pending.size(), 0);
    s_.enabled = s_.masked = false;
}

// ---- the table

u64 Msix::read_table(u64 offset, unsigned bytes) const {
    const std::lock_guard lock(mutex_);
    return read_words(offset, bytes, [&](u64 at) { return table_word(at); });
}

u32 Msix::table_word(u64 offset) const {
    if (offset / kEntryBytes >= s_.table.size()) return 0;
    const Entry& e = s_.table[offset / kEntryBytes];
    switch (offset % kEntryBytes) {
        case kAddressLow: return static_cast<u32>(e.address);
        case kAddressHigh: return static_cast<u32>(e.address >> 32);
        case kData: return e.data;
        default: return e.control;
    }
}

void Msix::write_table(u64 offset, unsigned bytes, u64 value) {
    const std::lock_guard lock(mutex_);
    write_words(offset, bytes, value, [&](u64 at, u32 word) { set_table_word(at, word); });
}

void Msix::set_table_word(u64 offset, u32 value) {
    if (offset / kEntryBytes >= s_.table.size()) return;
    const unsigned vector = static_cast<unsigned>(offset / kEntryBytes);
    Entry& e = s_.table[vector];
    switch (offset % kEntryBytes) {
        case kAddressLow: e.address = (e.address & ~u64{0xffffffff}) | (value & ~u32{3}); break;
        case kAddressHigh: e.address = (e.address & 0xffffffff) | u64{value} << 32; break;
        case kData: e.data = value; break;
        default: e.control = value & kMasked; deliver(vector);
    }
}

u64 Msix::read_pending(u64 offset, unsigned bytes) const {
    const std::lock_guard lock(mutex_);
    return read_words(offset, bytes, [&](u64 at) {
        return at < pending_bytes() ? static_cast<u32>(s_.pending[at / 8] >> 8 * (at % 8)) : 0;
    });
}

// ---- messages

void Msix::control(bool enabled, bool masked) {
    const std::lock_guard lock(mutex_);
    s_.enabled = enabled;
    s_.masked = masked;
    for (unsigned v = 0; v < vectors(); ++v) deliver(v);
}

void Msix::trigger(unsigned vector) {
    const std::lock_guard lock(mutex_);
    if (!s_.enabled || vector >= vectors()) return;
    s_.pending[vector / 64] |= u64{1} << vector % 64;
    deliver(vector);
}

void Msix::deliver(unsigned vector) {
    const Entry& e = s_.table[vector];
    if (!pending(vector) || !s_.enabled || s_.masked || (e.control & kMasked) != 0) return;
    s_.pending[vector / 64] &= ~(u64{1} << vector % 64);
    sink_.send(e.address, e.data);
}

}  // namespace vm::device
