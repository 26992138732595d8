#include "device/virtio.h"

#include "device/metrics.h"

namespace vm::device {

VirtioDevice::VirtioDevice(mem::GuestRam& ram, u32 id, const std::vector<u16>& queue_sizes) : id_(id) {
    for (const u16 size : queue_sizes)
        queues_.push_back(std::make_unique<Virtqueue>(ram, size, [this] { needs_reset(); }));
}

VirtioDevice::State VirtioDevice::state() const {
    return {status(), driver_features_.load(std::memory_order_relaxed), config_generation()};
}

// ---- status and features

void VirtioDevice::set_driver_features(unsigned word, u32 value) {
    const std::lock_guard lock(lifecycle_);
    if (word > 1 || (status() & kFeaturesOk) != 0) return;
    const unsigned shift = 32 * word;
    const u64 old = driver_features_.load(std::memory_order_relaxed);
    driver_features_.store((old & ~(u64{0xffffffff} << shift)) | u64{value} << shift,
                           std::memory_order_relaxed);
}

void VirtioDevice::set_status(u8 value) {
    const std::lock_guard lock(lifecycle_);
    if (value == 0) return reset();
    const u8 old = status();
    u8 added = value & ~old & (kAcknowledge | kDriver | kDriverOk | kFeaturesOk | kFailed);
    const u64 features = driver_features_.load(std::memory_order_relaxed);
    if ((features & ~offered()) != 0 || (features & kVirtioVersion1) == 0)
        added = static_cast<u8>(added & ~kFeaturesOk);
    if (((old | added) & kFeaturesOk) == 0) added = static_cast<u8>(added & ~kDriverOk);
    if ((added & kFeaturesOk) != 0)
        for (auto& queue : queues_) queue->set_features(features);
    if ((added & kDriverOk) != 0) on_start();
    status_.fetch_or(added, std::memory_order_acq_rel);
    if ((added & kDriverOk) != 0)
        for (unsigned n = 0; n < queues(); ++n) on_notify(n);
}

/// Queues first: then no thread of the device looks at guest memory, and none breaks a queue.
void VirtioDevice::reset() {
    for (auto& queue : queues_) queue->reset();
    status_.store(0, std::memory_order_release);
    driver_features_.store(0, std::memory_order_relaxed);
    on_reset();
}

/// 2.1.2: DEVICE_NEEDS_RESET, with a configuration interrupt if the driver is there.
void VirtioDevice::needs_reset() {
    const u8 old = status_.fetch_or(kNeedsReset, std::memory_order_acq_rel);
    if ((old & kNeedsReset) == 0 && (old & kDriverOk) != 0) config_interrupt();
}

void VirtioDevice::detach() {
    set_status(0);
    transport_ = nullptr;
}

// ---- requests

void VirtioDevice::notify(unsigned queue) {
    if (queue < queues() && running()) on_notify(queue);
}

std::optional<Chain> VirtioDevice::take_or_listen(unsigned queue) {
    if (auto chain = take(queue)) return chain;
    return queues_[queue]->listen() ? take(queue) : std::nullopt;
}

/// The chain lives until the interrupt is out, so that a reset does not see one behind it.
void VirtioDevice::complete(unsigned queue, Chain chain, u64 written, u64 bytes) {
    count(queue, bytes, queues_[queue]->push(chain, static_cast<u32>(written)));
}

void VirtioDevice::complete(unsigned queue, std::vector<Chain>& chains, std::span<const u32> written,
                            u64 bytes) {
    count(queue, bytes, queues_[queue]->push(chains, written));
    chains.clear();
}

void VirtioDevice::count(unsigned queue, u64 bytes, bool interrupt) {
    requests_.fetch_add(1, std::memory_order_relaxed);
    bytes_.fetch_add(bytes, std::memory_order_relaxed);
    VirtioTransport* transport = transport_;
    if (!interrupt || transport == nullptr) return;
    interrupts_.fetch_add(1, std::memory_order_relaxed);
    transport->queue_interrupt(queue);
}

void VirtioDevice::reject(unsigned queue, Chain) { queues_[queue]->set_broken(); }

// ---- configuration

u32 VirtioDevice::config_generation() const {
    const std::lock_guard lock(config_mutex_);
    return config_generation_;
}

u64 VirtioDevice::read_config(u64 offset, unsigned bytes) const {
    const std::lock_guard lock(config_mutex_);
    return config(offset, bytes);
}

void VirtioDevice::write_config(u64 offset, unsigned bytes, u64 value) { set_config(offset, bytes, value); }

void VirtioDevice::config_interrupt() {
    VirtioTransport* transport = transport_;
    if (transport == nullptr) return;
    interrupts_.fetch_add(1, std::memory_order_relaxed);
    transport->config_interrupt();
}

void VirtioDevice::collect(MetricSink& sink, const std::string& name) const {
    DeviceMetrics m(sink, name);
    m.put(kRequests, requests());
    m.put(kBytes, bytes());
    m.put(kInterrupts, interrupts());
}

}  // namespace vm::device
