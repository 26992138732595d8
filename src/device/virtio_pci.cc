#include "device/virtio_pci.h"

#include <algorithm>
#include <cstddef>

namespace vm::device {
namespace {

// 4.1.2: who it is
constexpr u16 kVirtioVendor = 0x1af4, kModernDevice = 0x1040;
constexpr u8 kModernRevision = 1;
// 4.1.4: capabilities that say where structures lie
constexpr u8 kVendorCapability = 0x09;
constexpr u8 kCommonStructure = 1, kNotifyStructure = 2, kIsrStructure = 3, kDeviceStructure = 4,
             kConfigAccess = 5;
// 4.1.5.1.3: no vector
constexpr u16 kNoVector = 0xffff;
// 4.1.4.5: ISR status
constexpr u8 kQueueInterrupt = 1, kConfigInterrupt = 2;

// Ours: one BAR with a page for each structure. All notifications go to words of the last one.
constexpr unsigned kStructuresBar = 4, kMsixBar = 1;
constexpr u64 kCommonAt = 0, kIsrAt = 0x1000, kDeviceAt = 0x2000, kNotifyAt = 0x3000, kPage = 0x1000,
              kBarBytes = 0x4000;
constexpr u32 kNotifyMultiplier = 4;

/// 4.1.4: virtio_pci_cap, from behind its id and link; `more` is what notifications and accesses through
/// configuration space add.
struct Capability {
    u8 length, type, bar, id, padding[2];
    u8 offset[4], bytes[4], more[4];
};
static_assert(sizeof(Capability) == 18);

/// Classes of PCI by kind of device.
u32 class_code(u32 virtio_id) {
    switch (virtio_id) {
        case 1: return 0x020000;   // network: Ethernet
        case 2: return 0x010000;   // storage: SCSI, as a disk of this kind has always said
        case 3: return 0x078000;   // communication: other
        case 9: return 0x018000;   // storage: other; a share of files
        default: return 0xff0000;  // none that PCI knows
    }
}

PciIdentity identity(u32 virtio_id) {
    const u16 device = static_cast<u16>(kModernDevice + virtio_id);
    return {.vendor = kVirtioVendor,
            .device = device,
            .class_code = class_code(virtio_id),
            .revision = kModernRevision,
            .subsystem_vendor = kVirtioVendor,
            .subsystem = device,
            .interrupt_pin = 1};
}

}  // namespace

/// 4.1.4.3: virtio_pci_common_cfg
struct VirtioPci::Common {
    u32 device_feature_select, device_feature, driver_feature_select, driver_feature;
    u16 config_msix_vector, num_queues;
    u8 device_status, config_generation;
    u16 queue_select, queue_size, queue_msix_vector, queue_enable, queue_notify_off;
    u32 queue_desc[2], queue_driver[2], queue_device[2];
    u16 queue_notify_data, queue_reset;
};

VirtioPci::VirtioPci(VirtioDevice& device, MsiSink* msi)
    : PciFunction(identity(device.id())), device_(device) {
    static_assert(sizeof(Common) == 0x3c && offsetof(Common, queue_desc) == 0x20);
    add_bar(kStructuresBar, BarKind::Prefetchable64, kBarBytes);
    add_structure(kCommonStructure, kCommonAt, sizeof(Common));
    add_structure(kIsrStructure, kIsrAt, 1);
    add_structure(kDeviceStructure, kDeviceAt, kPage);
    add_structure(kNotifyStructure, kNotifyAt, u64{kNotifyMultiplier} * device.queues(), kNotifyMultiplier);
    config_access_ = add_structure(kConfigAccess, 0, 0);
    if (msi != nullptr) add_msix(device.queues() + 1, kMsixBar, *msi);
    add_express();
    v_.config_vector = kNoVector;
    v_.queue_vectors.assign(device.queues(), kNoVector);
    device_.attach(*this);
}

VirtioPci::~VirtioPci() {
    device_.detach();
    clear();
}

u64 VirtioPci::add_structure(u8 type, u64 offset, u64 bytes, u32 more) {
    const bool longer = type == kNotifyStructure || type == kConfigAccess;
    Capability c{}, writable{};
    c.length = static_cast<u8>(longer ? 20 : 16);
    c.type = type;
    c.bar = type == kConfigAccess ? 0 : kStructuresBar;
    store_raw(c.offset, static_cast<u32>(offset));
    store_raw(c.bytes, static_cast<u32>(bytes));
    store_raw(c.more, more);
    if (type == kConfigAccess) {  // 4.1.4.9: the driver says what to access
        writable.bar = 0xff;
        std::ranges::fill(writable.offset, 0xff);
        std::ranges::fill(writable.bytes, 0xff);
    }
    const auto body = [&](const Capability& from) {
        return std::span(reinterpret_cast<const u8*>(&from), c.length - 2u);
    };
    return add_capability(kVendorCapability, body(c), body(writable));
}

VirtioPci::State VirtioPci::state() const {
    const std::lock_guard lock(state_mutex_);
    return v_;
}

// ---- the BAR

u64 VirtioPci::read_bar(unsigned, u64 offset, unsigned bytes) {
    const u64 at = offset % kPage;
    switch (align_down(offset, kPage)) {
        case kCommonAt: return bytes_at(common(), at, bytes);
        case kIsrAt: return at == 0 ? take_interrupt() : 0;
        case kDeviceAt: return device_.read_config(at, bytes);
        default: return 0;
    }
}

void VirtioPci::write_bar(unsigned, u64 offset, unsigned bytes, u64 value) {
    const u64 at = offset % kPage;
    switch (align_down(offset, kPage)) {
        case kCommonAt: return write_common(at, bytes, value);
        case kDeviceAt: return device_.write_config(at, bytes, value);
        case kNotifyAt:
            if (at % kNotifyMultiplier == 0) device_.notify(static_cast<unsigned>(at / kNotifyMultiplier));
            return;
        default: return;
    }
}

/// 4.1.4.9: the field behind the capability is a window on the BAR, as wide and where the driver said.
std::optional<VirtioPci::Indirect> VirtioPci::indirect(u64 offset, unsigned bytes) const {
    constexpr u64 kData = 2 + offsetof(Capability, more);
    if (offset < config_access_ + kData || offset + bytes > config_access_ + kData + 4) return std::nullopt;
    const auto field = [&](u64 at, unsigned n) { return config(config_access_ + 2 + at, n); };
    const u64 bar = field(offsetof(Capability, bar), 1), at = field(offsetof(Capability, offset), 4),
              length = field(offsetof(Capability, bytes), 4);
    if (bar != kStructuresBar || (length != 1 && length != 2 && length != 4) || at % length != 0 ||
        at >= kBarBytes)
        return std::nullopt;
    return Indirect{at, static_cast<unsigned>(length)};
}

std::optional<u32> VirtioPci::on_read_config(u64 offset, unsigned bytes) {
    const auto access = indirect(offset, bytes);
    if (!access) return std::nullopt;
    return static_cast<u32>(read_bar(kStructuresBar, access->offset, std::min(bytes, access->bytes)));
}

void VirtioPci::on_write_config(u64 offset, unsigned bytes, u32 value) {
    if (const auto access = indirect(offset, bytes))
        write_bar(kStructuresBar, access->offset, std::min(bytes, access->bytes), value);
}

// ---- common configuration

VirtioPci::Common VirtioPci::common() const {
    const State v = state();
    Common c{};
    c.device_feature_select = v.device_features_word;
    if (v.device_features_word < 2)
        c.device_feature = static_cast<u32>(device_.offered() >> 32 * v.device_features_word);
    c.driver_feature_select = v.driver_features_word;
    if (v.driver_features_word < 2)
        c.driver_feature = static_cast<u32>(device_.state().driver_features >> 32 * v.driver_features_word);
    c.config_msix_vector = v.config_vector;
    c.num_queues = static_cast<u16>(device_.queues());
    c.device_status = device_.status();
    c.config_generation = static_cast<u8>(device_.config_generation());
    c.queue_select = v.queue;
    c.queue_msix_vector = kNoVector;
    if (v.queue >= device_.queues()) return c;
    const Virtqueue::State q = device_.queue(v.queue).state();
    c.queue_size = q.size != 0 ? q.size : device_.queue(v.queue).max();
    c.queue_msix_vector = v.queue_vectors[v.queue];
    c.queue_enable = q.ready;
    c.queue_notify_off = v.queue;
    store_raw(c.queue_desc, q.descriptors);
    store_raw(c.queue_driver, q.driver);
    store_raw(c.queue_device, q.device);
    return c;
}

/// 4.1.3.1: fields are written as wide as they are, those of 64 bits also by halves.
void VirtioPci::write_common(u64 offset, unsigned bytes, u64 value) {
    if (bytes == 8 && offset % 8 == 0 && offset >= offsetof(Common, queue_desc)) {
        write_common(offset, 4, value & 0xffffffff);
        return write_common(offset + 4, 4, value >> 32);
    }
    const unsigned width = offset < 0x10 || offset >= 0x20 ? 4 : offset == 0x14 ? 1 : 2;
    if (bytes != width || offset % width != 0) return;
    if (offset == offsetof(Common, device_status)) {
        device_.set_status(static_cast<u8>(value));
        if (value == 0) clear();
        return;
    }
    if (offset == offsetof(Common, driver_feature))
        return device_.set_driver_features(state().driver_features_word, static_cast<u32>(value));
    u16 queue = 0;
    {
        const std::lock_guard lock(state_mutex_);
        queue = v_.queue;
        switch (offset) {
            case offsetof(Common, device_feature_select):
                v_.device_features_word = static_cast<u32>(value);
                return;
            case offsetof(Common, driver_feature_select):
                v_.driver_features_word = static_cast<u32>(value);
                return;
            case offsetof(Common, config_msix_vector): return set_vector(v_.config_vector, value);
            case offsetof(Common, queue_select): v_.queue = static_cast<u16>(value); return;
            case offsetof(Common, queue_msix_vector):
                if (queue < v_.queue_vectors.size()) set_vector(v_.queue_vectors[queue], value);
                return;
            default: break;
        }
    }
    if (queue < device_.queues()) write_queue(device_.queue(queue), offset, value);
}

void VirtioPci::write_queue(Virtqueue& queue, u64 offset, u64 value) {
    using enum Virtqueue::Ring;
    const u32 half = static_cast<u32>(value);
    switch (offset) {
        case offsetof(Common, queue_size): return queue.set_size(static_cast<u16>(value));
        case offsetof(Common, queue_enable):
            if (value != 1) return;  // 4.1.4.3.2: only a reset stops a queue
            if (queue.state().size == 0) queue.set_size(queue.max());
            return queue.start();
        case offsetof(Common, queue_desc): return queue.set_address(Descriptors, false, half);
        case offsetof(Common, queue_desc) + 4: return queue.set_address(Descriptors, true, half);
        case offsetof(Common, queue_driver): return queue.set_address(Driver, false, half);
        case offsetof(Common, queue_driver) + 4: return queue.set_address(Driver, true, half);
        case offsetof(Common, queue_device): return queue.set_address(Device, false, half);
        case offsetof(Common, queue_device) + 4: return queue.set_address(Device, true, half);
        default: return;
    }
}

/// 4.1.5.1.2: a vector that cannot be had reads back as none.
void VirtioPci::set_vector(u16& vector, u64 value) {
    vector = msix() != nullptr && value < msix()->vectors() ? static_cast<u16>(value) : kNoVector;
}

/// Behind a reset of the device.
void VirtioPci::clear() {
    const std::lock_guard lock(state_mutex_);
    v_ = State{.config_vector = kNoVector, .queue_vectors = std::move(v_.queue_vectors)};
    std::ranges::fill(v_.queue_vectors, kNoVector);
    set_interrupt(false);
}

void VirtioPci::on_reset() {
    device_.set_status(0);
    clear();
}

// ---- interrupts

void VirtioPci::queue_interrupt(unsigned queue) {
    u16 vector = 0;
    {
        const std::lock_guard lock(state_mutex_);
        vector = v_.queue_vectors[queue];
    }
    raise(vector, kQueueInterrupt);
}

void VirtioPci::config_interrupt() { raise(state().config_vector, kConfigInterrupt); }

/// 4.1.4.5.1: with MSI-X no ISR status; without a vector no interrupt.
void VirtioPci::raise(u16 vector, u8 bits) {
    if (msix() != nullptr && msix()->enabled()) return msix()->trigger(vector);
    const std::lock_guard lock(state_mutex_);
    v_.interrupt |= bits;
    set_interrupt(true);
}

/// 4.1.4.5: reading acknowledges.
u8 VirtioPci::take_interrupt() {
    const std::lock_guard lock(state_mutex_);
    const u8 bits = std::exchange(v_.interrupt, u8{0});
    set_interrupt(false);
    return bits;
}

}  // namespace vm::device
