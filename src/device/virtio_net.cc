#include "device/virtio_net.h"

#include <cstddef>

#include "device/metrics.h"

namespace vm::device {
namespace {

constexpr u32 kNetDevice = 1;  // 5: device id
constexpr u16 kQueueSize = 256;
constexpr unsigned kReceive = 0, kTransmit = 1;                           // 5.1.2: queues
constexpr u64 kMac = 1 << 5, kMergeBuffers = 1 << 15, kStatus = 1 << 16;  // 5.1.3: features
constexpr u16 kLinkUp = 1;                                                // 5.1.4
constexpr size_t kUsualMtu = 1500;

/// 5.1.4
struct Config {
    u8 mac[6];
    u16 status, max_virtqueue_pairs, mtu;
};

}  // namespace

VirtioNet::VirtioNet(mem::GuestRam& ram, NetBackend& backend, const MacAddress& mac)
    : VirtioDevice(ram, kNetDevice, {kQueueSize, kQueueSize}),
      backend_(backend),
      mac_(mac),
      sent_(kMaxNetFrame),
      worker_("virtio-net", [this] { work(); }) {
    backend_.connect(*this);
}

VirtioNet::~VirtioNet() { backend_.disconnect(); }

u64 VirtioNet::device_features() const { return kMac | kStatus | kMergeBuffers | backend_.features(); }

u64 VirtioNet::config(u64 offset, unsigned bytes) const {
    Config c{};
    std::copy(mac_.begin(), mac_.end(), c.mac);
    c.status = link_ ? kLinkUp : 0;
    c.mtu = backend_.mtu();
    return bytes_at(c, offset, bytes);
}

void VirtioNet::set_link(bool up) {
    change_config([&] { link_ = up; });
}

void VirtioNet::on_start() { backend_.start(accepted()); }

void VirtioNet::on_notify(unsigned queue) {
    if (queue == kTransmit) return worker_.kick();
    backend_.receive_possible();
}

bool VirtioNet::drop() {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return true;
}

// ---- to the guest

/// 5.1.6.3.1: what a driver's buffers must have room for, too.
size_t VirtioNet::longest(bool segmented) const {
    if (segmented) return kMaxNetFrame;
    return kNetFrameHeader + (has(kNetMtu) ? backend_.mtu() : kUsualMtu);
}

bool VirtioNet::receive(const NetHeader& header, std::span<const u8> frame) {
    if (!running() || frame.size() > longest(has(kNetGuestTso4 | kNetGuestTso6))) return drop();
    const std::lock_guard lock(receive_mutex_);
    if (!gather(sizeof header + frame.size())) return false;
    if (room_.empty()) return drop();
    NetHeader first = header;
    if (!has(kNetGuestCsum)) first.flags = 0;
    first.num_buffers = static_cast<u16>(room_.size());
    written_.clear();
    size_t done = 0;
    for (const Chain& chain : room_) {
        const u64 skip = written_.empty() ? copy_to(chain.writable(), 0, &first, sizeof first) : 0;
        const u64 n = copy_to(chain.writable(), skip, frame.data() + done, frame.size() - done);
        done += n;
        written_.push_back(static_cast<u32>(skip + n));
    }
    complete(kReceive, room_, written_, frame.size());
    return true;
}

/// Takes buffers for so many bytes into room_. False: there are too few now. None taken: the driver is
/// broken.
bool VirtioNet::gather(u64 bytes) {
    for (;;) {
        if (take_room(bytes)) return true;
        while (!room_.empty()) {
            queue(kReceive).put_back(std::move(room_.back()));
            room_.pop_back();
        }
        if (!queue(kReceive).listen_for_more()) return false;
    }
}

/// 5.1.6.3.1: a buffer has room for the header at least, and for the whole frame unless buffers are merged.
bool VirtioNet::take_room(u64 bytes) {
    const u64 least = has(kMergeBuffers) ? sizeof(NetHeader) : bytes;
    for (u64 room = 0; room < bytes;) {
        auto chain = take(kReceive);
        if (!chain) return false;
        const u64 n = bytes_of(chain->writable());
        if (n < least) {
            reject(kReceive, std::move(*chain));
            room_.clear();
            return true;
        }
        room += n;
        room_.push_back(std::move(*chain));
    }
    return true;
}

// ---- from the guest, on the worker's thread

void VirtioNet::work() {
    drain(kTransmit, [&](Chain chain) { transmit(std::move(chain)); });
}

/// 5.1.6.2: false if the header asks for what was not negotiated. Without kNetCsum its fields mean nothing.
bool VirtioNet::allowed(NetHeader& header) const {
    if (!has(kNetCsum)) header = NetHeader{};
    header.num_buffers = 0;
    header.flags &= NetHeader::kNeedsCsum;
    switch (header.gso_type) {
        case NetHeader::kGsoNone: return true;
        case NetHeader::kGsoTcp4: return has(kNetHostTso4) && header.flags != 0;
        case NetHeader::kGsoTcp6: return has(kNetHostTso6) && header.flags != 0;
        default: return false;
    }
}

void VirtioNet::transmit(Chain chain) {
    NetHeader header{};
    if (copy_from(chain.readable(), 0, &header, sizeof header) != sizeof header)
        return reject(kTransmit, std::move(chain));
    const u64 n = bytes_of(chain.readable()) - sizeof header;
    const bool good = allowed(header) && n != 0 && n <= longest(header.gso_type != NetHeader::kGsoNone);
    if (good) copy_from(chain.readable(), sizeof header, sent_.data(), n);
    complete(kTransmit, std::move(chain), 0, good ? n : 0);
    if (good)
        backend_.send(header, std::span(sent_).first(n));
    else
        drop();
}

void VirtioNet::collect(MetricSink& sink, const std::string& name) const {
    VirtioDevice::collect(sink, name);
    DeviceMetrics(sink, name)
        .put({.name = "vm_device_dropped_frames_total",
              .key = "dropped_frames",
              .help = "Frames that were dropped, both directions."},
             dropped());
}

}  // namespace vm::device
