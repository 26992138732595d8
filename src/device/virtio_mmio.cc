#include "device/virtio_mmio.h"

#include <algorithm>

namespace vm::device {
namespace {

// 4.2.2: registers
constexpr u64 kMagic = 0x000, kVersion = 0x004, kDeviceId = 0x008, kVendorId = 0x00c, kDeviceFeatures = 0x010,
              kDeviceFeaturesSel = 0x014, kDriverFeatures = 0x020, kDriverFeaturesSel = 0x024,
              kQueueSel = 0x030, kQueueNumMax = 0x034, kQueueNum = 0x038, kQueueReady = 0x044,
              kQueueNotify = 0x050, kInterruptStatus = 0x060, kInterruptAck = 0x064, kStatus = 0x070,
              kQueueDescLow = 0x080, kQueueDescHigh = 0x084, kQueueDriverLow = 0x090,
              kQueueDriverHigh = 0x094, kQueueDeviceLow = 0x0a0, kQueueDeviceHigh = 0x0a4, kShmLenLow = 0x0b0,
              kShmLenHigh = 0x0b4, kConfigGeneration = 0x0fc, kConfig = 0x100;
constexpr u32 kMagicValue = 0x74726976;  // "virt"
constexpr u32 kVersionValue = 2;
constexpr u32 kVendorValue = 0x20206d76;  // "vm  "
// 4.2.2: InterruptStatus
constexpr u32 kUsedBuffer = 1, kConfigChange = 2;

}  // namespace

VirtioMmio::VirtioMmio(VirtioDevice& device, IrqLine& line) : device_(device), line_(line) {
    device_.attach(*this);
}

VirtioMmio::~VirtioMmio() { device_.detach(); }

VirtioMmio::State VirtioMmio::state() const {
    const std::lock_guard lock(mutex_);
    return s_;
}

// ---- read

u64 VirtioMmio::read(u64 offset, unsigned bytes) {
    if (offset >= kConfig) return device_.read_config(offset - kConfig, bytes);
    return bytes == 4 && offset % 4 == 0 ? read_register(offset) : 0;  // 4.2.2.2: 32 bits, aligned
}

u32 VirtioMmio::read_register(u64 offset) {
    const State s = state();
    switch (offset) {
        case kMagic: return kMagicValue;
        case kVersion: return kVersionValue;
        case kDeviceId: return device_.id();
        case kVendorId: return kVendorValue;
        case kDeviceFeatures:
            return s.device_features_word > 1
                       ? 0
                       : static_cast<u32>(device_.offered() >> 32 * s.device_features_word);
        case kQueueNumMax: return s.queue < device_.queues() ? device_.queue(s.queue).max() : 0;
        case kQueueReady: return s.queue < device_.queues() && device_.queue(s.queue).state().ready;
        case kInterruptStatus: return s.interrupt;
        case kStatus: return device_.status();
        case kShmLenLow:
        case kShmLenHigh: return 0xffffffff;  // no such region
        case kConfigGeneration: return device_.config_generation();
        default: return 0;
    }
}

// ---- write

void VirtioMmio::write(u64 offset, unsigned bytes, u64 value64) {
    if (offset >= kConfig) return device_.write_config(offset - kConfig, bytes, value64);
    if (bytes != 4 || offset % 4 != 0) return;
    const u32 value = static_cast<u32>(value64);
    const auto select = [&](u32 State::*what) {
        const std::lock_guard lock(mutex_);
        s_.*what = value;
    };
    switch (offset) {
        case kDeviceFeaturesSel: return select(&State::device_features_word);
        case kDriverFeaturesSel: return select(&State::driver_features_word);
        case kQueueSel: return select(&State::queue);
        case kDriverFeatures: return device_.set_driver_features(state().driver_features_word, value);
        case kQueueNotify: return device_.notify(value);
        case kInterruptAck: return lower(value);
        case kStatus:
            device_.set_status(static_cast<u8>(value));
            if (static_cast<u8>(value) == 0) clear();
            return;
        default: break;
    }
    const u32 queue = state().queue;
    if (queue < device_.queues()) write_queue(device_.queue(queue), offset, value);
}

void VirtioMmio::write_queue(Virtqueue& queue, u64 offset, u32 value) {
    using enum Virtqueue::Ring;
    switch (offset) {
        case kQueueNum: return queue.set_size(static_cast<u16>(std::min<u32>(value, 0xffff)));
        case kQueueReady: return value == 1 ? queue.start() : value == 0 ? queue.stop() : void();
        case kQueueDescLow: return queue.set_address(Descriptors, false, value);
        case kQueueDescHigh: return queue.set_address(Descriptors, true, value);
        case kQueueDriverLow: return queue.set_address(Driver, false, value);
        case kQueueDriverHigh: return queue.set_address(Driver, true, value);
        case kQueueDeviceLow: return queue.set_address(Device, false, value);
        case kQueueDeviceHigh: return queue.set_address(Device, true, value);
        default: return;
    }
}

/// Behind a reset of the device.
void VirtioMmio::clear() {
    const std::lock_guard lock(mutex_);
    s_ = State{};
    line_.set(false);
}

// ---- interrupts

void VirtioMmio::queue_interrupt(unsigned) { raise(kUsedBuffer); }
void VirtioMmio::config_interrupt() { raise(kConfigChange); }

void VirtioMmio::raise(u32 bits) {
    const std::lock_guard lock(mutex_);
    s_.interrupt |= bits;
    line_.set(true);
}

void VirtioMmio::lower(u32 bits) {
    const std::lock_guard lock(mutex_);
    s_.interrupt &= ~bits;
    if (s_.interrupt == 0) line_.set(false);
}

}  // namespace vm::device
