#include "device/pci.h"

#include <algorithm>
#include <cassert>

namespace vm::device {
namespace {

// PCI 3.0, 6.1: the header of type 0
constexpr u64 kVendor = 0x00, kDevice = 0x02, kCommand = 0x04, kStatus = 0x06, kRevision = 0x08,
              kClass = 0x09, kCacheLine = 0x0c, kHeaderType = 0x0e, kBar0 = 0x10, kSubsystemVendor = 0x2c,
              kSubsystem = 0x2e, kCapabilities = 0x34, kInterruptLine = 0x3c, kInterruptPin = 0x3d;
// 6.2.2: command
constexpr u32 kIoEnable = 1 << 0, kMemoryEnable = 1 << 1, kBusMaster = 1 << 2, kParityResponse = 1 << 6,
              kSerrEnable = 1 << 8, kInterruptDisable = 1 << 10;
// 6.2.3: status
constexpr u32 kInterruptStatus = 1 << 3, kCapabilitiesList = 1 << 4;
constexpr u8 kMultiFunction = 0x80;
// 6.2.5.1: the low bits of a BAR
constexpr u32 kBarIo = 1, kBar64 = 4, kBarPrefetchable = 8;
constexpr u8 kMsixId = 0x11, kExpressId = 0x10;
// 6.8.2.3: message control of MSI-X
constexpr u32 kMsixEnable = 1 << 15, kMsixMask = 1 << 14;
// PCI Express 4.0, 7.5.3: device control, from the start of the capability
constexpr u64 kDeviceControl = 8;
constexpr u32 kFunctionLevelReset = 1 << 15;

constexpr bool overlaps(u64 a, u64 a_bytes, u64 b, u64 b_bytes) { return a < b + b_bytes && b < a + a_bytes; }

}  // namespace

u32 PciFunction::get(const Bytes& from, u64 offset, unsigned bytes) {
    u32 v = 0;
    for (unsigned i = 0; i < bytes; ++i) v |= u32{from[offset + i]} << 8 * i;
    return v;
}

void PciFunction::put(Bytes& to, u64 offset, unsigned bytes, u32 value) {
    for (unsigned i = 0; i < bytes; ++i) to[offset + i] = static_cast<u8>(value >> 8 * i);
}

// ---- what it is made of

PciFunction::PciFunction(const PciIdentity& id) {
    put(initial_, kVendor, 2, id.vendor);
    put(initial_, kDevice, 2, id.device);
    put(initial_, kRevision, 1, id.revision);
    put(initial_, kClass, 3, id.class_code);
    put(initial_, kSubsystemVendor, 2, id.subsystem_vendor);
    put(initial_, kSubsystem, 2, id.subsystem);
    put(initial_, kInterruptPin, 1, id.interrupt_pin);
    put(writable_, kCommand, 2, kBusMaster | kParityResponse | kSerrEnable | kInterruptDisable);
    put(writable_, kCacheLine, 1, 0xff);
    put(writable_, kInterruptLine, 1, 0xff);
    s_.config = initial_;
}

void PciFunction::add_bar(unsigned bar, BarKind kind, u64 size) {
    const bool wide = kind == BarKind::Prefetchable64;
    assert(bar + (wide ? 1 : 0) < kBars && bars_[bar].size == 0 && std::has_single_bit(size));
    bars_[bar] = {kind, size};
    const u64 at = kBar0 + 4 * bar;
    const u32 low = kind == BarKind::Io ? kBarIo : wide ? kBar64 | kBarPrefetchable : 0;
    put(initial_, at, 4, low);
    put(writable_, at, 4, static_cast<u32>(~(size - 1)) & ~u32{kind == BarKind::Io ? 3u : 15u});
    if (wide) put(writable_, at + 4, 4, static_cast<u32>(~(size - 1) >> 32));
    put(writable_, kCommand, 1,
        get(writable_, kCommand, 1) | (kind == BarKind::Io ? kIoEnable : kMemoryEnable));
    s_.config = initial_;
}

u64 PciFunction::add_capability(u8 id, std::span<const u8> body, std::span<const u8> writable) {
    const u64 at = free_;
    assert(at + 2 + body.size() <= kConfigBytes && writable.size() <= body.size());
    put(initial_, at, 1, id);
    std::ranges::copy(body, initial_.begin() + at + 2);
    std::ranges::copy(writable, writable_.begin() + at + 2);
    put(initial_, last_capability_ == 0 ? kCapabilities : last_capability_ + 1, 1, static_cast<u32>(at));
    put(initial_, kStatus, 2, kCapabilitiesList);
    last_capability_ = at;
    free_ = align_up(at + 2 + body.size(), 4);
    s_.config = initial_;
    return at;
}

void PciFunction::add_express() {
    u8 body[0x3a] = {}, writable[0x3a] = {};
    const auto set = [](u8* to, u64 offset, u32 value, unsigned bytes) {
        for (unsigned i = 0; i < bytes; ++i) to[offset - 2 + i] = static_cast<u8>(value >> 8 * i);
    };
    set(body, 2, 0x92, 2);                     // version 2, integrated endpoint of the root complex
    set(body, 4, 1u << 28 | 1u << 15, 4);      // function level reset, role-based error reporting
    set(body, kDeviceControl, 0x2810, 2);      // reads of 512 bytes, no snoop, relaxed ordering
    set(writable, kDeviceControl, 0x78ff, 2);  // all but what is not there, and the reset
    express_ = add_capability(kExpressId, body, writable);
}

void PciFunction::add_msix(unsigned vectors, unsigned bar, MsiSink& sink) {
    msix_ = std::make_unique<Msix>(vectors, sink);
    msix_bar_ = bar;
    add_bar(bar, BarKind::Memory32,
            std::max<u64>(0x1000, std::bit_ceil(msix_->table_bytes() + msix_->pending_bytes())));
    // 6.8.2.3 to 6.8.2.5: control, offset of the table, offset of the pending bits; the BAR in the low bits
    u8 body[10] = {}, writable[2] = {0, (kMsixEnable | kMsixMask) >> 8};
    store_raw<u16>(body, static_cast<u16>(vectors - 1));
    store_raw<u32>(body + 2, bar);
    store_raw<u32>(body + 6, static_cast<u32>(msix_->table_bytes()) | bar);
    msix_at_ = add_capability(kMsixId, body, writable);
}

void PciFunction::attach(IrqLine* line, std::function<void()> moved) {
    line_ = line;
    moved_ = std::move(moved);
}

void PciFunction::set_multi_function() {
    const std::lock_guard lock(mutex_);
    initial_[kHeaderType] = s_.config[kHeaderType] = kMultiFunction;
}

unsigned PciFunction::interrupt_pin() const { return initial_[kInterruptPin]; }

PciFunction::State PciFunction::state() const {
    const std::lock_guard lock(mutex_);
    return s_;
}

// ---- configuration space

u32 PciFunction::config(u64 offset, unsigned bytes) const {
    const std::lock_guard lock(mutex_);
    return offset + bytes <= kConfigBytes ? get(s_.config, offset, bytes) : 0;
}

u32 PciFunction::read_config(u64 offset, unsigned bytes) {
    const auto special = on_read_config(offset, bytes);
    return special ? *special : config(offset, bytes);
}

void PciFunction::write_config(u64 offset, unsigned bytes, u32 value) {
    if (offset + bytes > kConfigBytes) return;
    bool moves = false, resets = false;
    {
        const std::lock_guard lock(mutex_);
        const u32 old = get(s_.config, offset, bytes), mask = get(writable_, offset, bytes);
        put(s_.config, offset, bytes, (old & ~mask) | (value & mask));
        const auto touches = [&](u64 at, u64 n) { return overlaps(offset, bytes, at, n); };
        moves = touches(kCommand, 2) || touches(kBar0, 4 * kBars);
        if (touches(kCommand, 2) || (msix_at_ != 0 && touches(msix_at_ + 2, 2))) {
            update_messages();
            update_line();
        }
        const u64 control = express_ + kDeviceControl + 1;  // its upper byte
        resets = express_ != 0 && touches(control, 1) &&
                 (value >> 8 * (control - offset) & kFunctionLevelReset >> 8) != 0;
    }
    if (resets) return reset();
    if (moves && moved_) moved_();
    on_write_config(offset, bytes, value);
}

std::optional<PciFunction::Range> PciFunction::decoded(unsigned bar) const {
    const std::lock_guard lock(mutex_);
    return decoded_locked(bar);
}

std::optional<PciFunction::Range> PciFunction::decoded_locked(unsigned bar) const {
    const auto [kind, size] = bars_[bar];
    const bool io = kind == BarKind::Io;
    if (size == 0 || (get(s_.config, kCommand, 2) & (io ? kIoEnable : kMemoryEnable)) == 0)
        return std::nullopt;
    u64 base = get(s_.config, kBar0 + 4 * bar, 4) & ~u32{io ? 3u : 15u};
    if (kind == BarKind::Prefetchable64) base |= u64{get(s_.config, kBar0 + 4 * bar + 4, 4)} << 32;
    return Range{io ? PciSpace::Io : PciSpace::Memory, base, size};
}

void PciFunction::reset() {
    {
        const std::lock_guard lock(mutex_);
        s_.config = initial_;
        if (msix_) msix_->reset();
    }
    on_reset();
    set_interrupt(false);
    if (moved_) moved_();
}

// ---- registers

u64 PciFunction::bar_read(unsigned bar, u64 offset, unsigned bytes) {
    if (!msix_ || bar != msix_bar_) return read_bar(bar, offset, bytes);
    return offset < msix_->table_bytes() ? msix_->read_table(offset, bytes)
                                         : msix_->read_pending(offset - msix_->table_bytes(), bytes);
}

void PciFunction::bar_write(unsigned bar, u64 offset, unsigned bytes, u64 value) {
    if (!msix_ || bar != msix_bar_) return write_bar(bar, offset, bytes, value);
    msix_->write_table(offset, bytes, value);
}

// ---- interrupts

void PciFunction::set_interrupt(bool high) {
    const std::lock_guard lock(mutex_);
    s_.interrupt = high;
    update_line();
}

bool PciFunction::messages() const {
    return msix_ != nullptr && (get(s_.config, msix_at_ + 2, 2) & kMsixEnable) != 0;
}

/// 6.2.3: the status bit is there even if the line may not be used.
void PciFunction::update_line() {
    const u32 status = get(s_.config, kStatus, 2) & ~kInterruptStatus;
    put(s_.config, kStatus, 2, status | (s_.interrupt ? kInterruptStatus : 0));
    const bool disabled = (get(s_.config, kCommand, 2) & kInterruptDisable) != 0;
    if (line_ != nullptr) line_->set(s_.interrupt && !disabled && !messages());
}

/// A message is a memory write of the device, so it waits until the device may do such.
void PciFunction::update_messages() {
    if (!msix_) return;
    const bool silent =
        (get(s_.config, msix_at_ + 2, 2) & kMsixMask) != 0 || (get(s_.config, kCommand, 2) & kBusMaster) == 0;
    msix_->control(messages(), silent);
}

}  // namespace vm::device
