#include "device/virtio_rng.h"

#include <sys/random.h>

#include <cerrno>

namespace vm::device {
namespace {

constexpr u32 kEntropyDevice = 4;  // 5: device id
constexpr u16 kRngQueueSize = 16;
constexpr u64 kMaxEntropy = u64{1} << 16;  // of one request. 5.4.6.2: a device may give less than asked for.

bool fill_random(const iovec& part) {
    for (size_t done = 0; done < part.iov_len;) {
        const ssize_t n = ::getrandom(static_cast<u8*>(part.iov_base) + done, part.iov_len - done, 0);
        if (n < 0 && errno != EINTR) return false;
        if (n > 0) done += static_cast<size_t>(n);
    }
    return true;
}

}  // namespace

VirtioRng::VirtioRng(mem::GuestRam& ram)
    : VirtioDevice(ram, kEntropyDevice, {kRngQueueSize}), worker_("virtio-rng", [this] { work(); }) {}

void VirtioRng::work() {
    drain(0, [&](Chain chain) {
        u64 filled = 0;
        for (const iovec& part : slice(chain.writable(), 0, kMaxEntropy)) {
            if (!fill_random(part)) break;
            filled += part.iov_len;
        }
        complete(0, std::move(chain), filled, filled);
    });
}

}  // namespace vm::device
