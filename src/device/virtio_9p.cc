#include "device/virtio_9p.h"

namespace vm::device {
namespace {

constexpr u32 k9pDevice = 9;       // 5: device id
constexpr u16 k9pQueueSize = 128;  // Linux makes chains as long as that
constexpr u64 kMountTag = 1 << 0;  // 5.9.3: features

/// 5.9.4
struct TagConfig {
    u16 bytes;
    char tag[Virtio9p::kMaxTag];
};

}  // namespace

Virtio9p::Virtio9p(mem::GuestRam& ram, p9::Files files, std::string tag)
    : VirtioDevice(ram, k9pDevice, {k9pQueueSize}),
      tag_(std::move(tag)),
      server_(std::move(files)),
      worker_("virtio-9p", [this] { work(); }) {}

u64 Virtio9p::device_features() const { return kMountTag; }

u64 Virtio9p::config(u64 offset, unsigned bytes) const {
    TagConfig c{};
    c.bytes = static_cast<u16>(tag_.copy(c.tag, sizeof c.tag));
    return bytes_at(c, offset, bytes);
}

void Virtio9p::on_reset() {
    const std::lock_guard lock(mutex_);
    server_.reset();
}

void Virtio9p::work() {
    drain(0, [&](Chain chain) {
        const std::lock_guard lock(mutex_);
        const size_t n = server_.serve(chain.readable(), chain.writable());
        if (n == 0) return reject(0, std::move(chain));
        complete(0, std::move(chain), n, n);
    });
}

}  // namespace vm::device
