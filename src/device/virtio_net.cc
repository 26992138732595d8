#include "device/virtio_net.h"

namespace vm::device {
namespace {

constexpr u32 kNetDevice = 1;  // 5: device id
constexpr u16 kQueueSize = 256;
constexpr unsigned kReceive = 0, kTransmit = 1;  // 5.1.2: queues
constexpr u64 kMac = 1 << 5, kStatus = 1 << 16;  // 5.1.3: features
constexpr u16 kLinkUp = 1;                       // 5.1.4

/// 5.1.4
struct Config {
    u8 mac[6];
    u16 status;
};
/// 5.1.6: before each frame
struct Header {
    u8 flags, gso_type;
    u16 hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
static_assert(sizeof(Header) == 12);

}  // namespace

VirtioNet::VirtioNet(mem::GuestRam& ram, NetBackend& backend, const MacAddress& mac)
    : VirtioDevice(ram, kNetDevice, {kQueueSize, kQueueSize}),
      backend_(backend),
      mac_(mac),
      worker_("virtio-net", [this] { work(); }) {}

u64 VirtioNet::device_features() const { return kMac | kStatus; }

u64 VirtioNet::config(u64 offset, unsigned bytes) const {
    Config c{};
    std::copy(mac_.begin(), mac_.end(), c.mac);
    c.status = link_ ? kLinkUp : 0;
    return bytes_at(c, offset, bytes);
}

void VirtioNet::set_link(bool up) {
    change_config([&] { link_ = up; });
}

void VirtioNet::on_notify(unsigned queue) {
    if (queue == kTransmit) return worker_.kick();
    backend_.receive_possible();
}

bool VirtioNet::drop() {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return false;
}

// ---- to the guest

/// 5.1.6.3.1: without offloads a driver's buffers hold the longest frame; one that is too short is an error.
bool VirtioNet::receive(std::span<const u8> frame) {
    if (!running() || frame.size() > kMaxFrame) return drop();
    const std::lock_guard lock(receive_mutex_);
    auto chain = take_or_listen(kReceive);
    if (!chain) return drop();
    const Parts room = chain->writable();
    if (bytes_of(room) < sizeof(Header) + frame.size()) {
        reject(kReceive, std::move(*chain));
        return drop();
    }
    Header header{};
    header.num_buffers = 1;
    copy_to(room, 0, &header, sizeof header);
    copy_to(room, sizeof header, frame.data(), frame.size());
    complete(kReceive, std::move(*chain), sizeof header + frame.size(), frame.size());
    return true;
}

// ---- from the guest, on the worker's thread

void VirtioNet::work() {
    drain(kTransmit, [&](Chain chain) { transmit(std::move(chain)); });
}

/// The header asks for nothing, as no offload was offered.
void VirtioNet::transmit(Chain chain) {
    const u64 bytes = bytes_of(chain.readable());
    if (bytes < sizeof(Header)) return reject(kTransmit, std::move(chain));
    const u64 n = bytes - sizeof(Header);
    std::array<u8, kMaxFrame> frame;
    const bool fits = n != 0 && n <= kMaxFrame;
    if (fits) copy_from(chain.readable(), sizeof(Header), frame.data(), n);
    complete(kTransmit, std::move(chain), 0, fits ? n : 0);
    if (fits)
        backend_.send(std::span(frame).first(n));
    else
        drop();
}

}  // namespace vm::device
