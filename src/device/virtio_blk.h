// virtio block device (virtio 1.2, section 5.2): one queue, requests done one by one on a thread of its own.
#pragma once

#include <string>

#include "device/disk.h"
#include "device/virtio.h"
#include "device/worker.h"

namespace vm::device {

class VirtioBlk final : public VirtioDevice {
  public:
    /// `serial`: what the guest gets as the disk's identity, its first 20 bytes.
    VirtioBlk(mem::GuestRam& ram, std::unique_ptr<Disk> disk, std::string serial);

    u64 failed() const { return failed_.load(std::memory_order_relaxed); }  ///< requests that the disk failed
    std::string last_error() const;                                         ///< empty: none

  private:
    u64 device_features() const override;
    u64 config(u64 offset, unsigned bytes) const override;
    void on_notify(unsigned) override { worker_.kick(); }

    struct Outcome {
        u8 status;
        u64 written = 0, bytes = 0;  ///< into the guest before the status; moved
    };
    void work();
    void serve(Chain chain);
    Outcome execute(u32 type, u64 sector, const Chain& chain);
    Outcome transfer(bool in, u64 sector, const Chain& chain);
    Outcome get_id(const Chain& chain);
    Outcome erase(u32 type, const Chain& chain);
    Outcome outcome(const Result<void>& r, u64 written, u64 bytes);

    const std::unique_ptr<Disk> disk_;
    const std::string serial_;
    std::atomic<u64> failed_ = 0;
    mutable std::mutex error_mutex_;
    std::string last_error_;
    Worker worker_;  ///< last: its thread ends first
};

}  // namespace vm::device
