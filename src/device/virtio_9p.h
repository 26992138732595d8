// virtio 9P transport (virtio 1.3, section 5.9 and Linux' net/9p/trans_virtio.c): a folder of the host for
// the guest: mount -t 9p -o trans=virtio,version=9p2000.L TAG /mnt
#pragma once

#include <string>

#include "device/p9_server.h"
#include "device/virtio.h"
#include "device/worker.h"

namespace vm::device {

class Virtio9p final : public VirtioDevice {
  public:
    static constexpr size_t kMaxTag = 64;
    /// `tag`: what the guest mounts, 1 to kMaxTag bytes.
    Virtio9p(mem::GuestRam& ram, p9::Files files, std::string tag);

  private:
    u64 device_features() const override;
    u64 config(u64 offset, unsigned bytes) const override;
    void on_notify(unsigned) override { worker_.kick(); }
    void on_reset() override;
    void work();

    const std::string tag_;
    std::mutex mutex_;  ///< of server_
    p9::Server server_;
    Worker worker_;  ///< last: its thread ends first
};

}  // namespace vm::device
