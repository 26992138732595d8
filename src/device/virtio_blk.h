// virtio block device (virtio 1.2, section 5.2). Each queue has a thread, which starts its requests in order;
// they end in the order in which the disk is done with them.
#pragma once

#include <string>

#include "device/disk.h"
#include "device/virtio.h"
#include "device/worker.h"

namespace vm::device {

class VirtioBlk final : public VirtioDevice {
  public:
    static constexpr unsigned kMostQueues = 64;
    /// `serial`: what the guest gets as the disk's identity, its first 20 bytes. `queues`: 1 to kMostQueues.
    VirtioBlk(mem::GuestRam& ram, std::unique_ptr<Disk> disk, std::string serial, unsigned queues = 1);
    ~VirtioBlk() override;

    u64 failed() const { return failed_.load(std::memory_order_relaxed); }  ///< requests that the disk failed
    void collect(MetricSink& sink, const std::string& name) const override;
    std::string last_error() const;  ///< empty: none

  private:
    u64 device_features() const override;
    u64 config(u64 offset, unsigned bytes) const override;
    void on_notify(unsigned queue) override { workers_[queue]->kick(); }

    struct Outcome {
        u8 status;
        u64 written = 0, bytes = 0;  ///< into the guest before the status; moved
    };
    void work(unsigned queue);
    void serve(unsigned queue, Chain chain);
    void finish(unsigned queue, Chain chain, const Outcome& o);
    void transfer(unsigned queue, bool in, u64 sector, Chain chain);
    void start(unsigned queue, Chain chain, DiskOperation operation, u64 offset, std::vector<iovec> parts,
               Outcome good);
    Outcome execute(u32 type, const Chain& chain);
    Outcome get_id(const Chain& chain);
    Outcome erase(u32 type, const Chain& chain);
    Outcome outcome(const Result<void>& r, u64 written, u64 bytes);

    std::unique_ptr<Disk> disk_;
    const std::string serial_;
    std::atomic<u64> failed_ = 0;
    mutable std::mutex error_mutex_;
    std::string last_error_;
    std::vector<std::unique_ptr<Worker>> workers_;  ///< one a queue
};

}  // namespace vm::device
