// virtio network device (virtio 1.2, section 5.1): one pair of queues, no offloads. What is on the other end
// of the wire is a NetBackend.
#pragma once

#include <array>
#include <span>

#include "device/virtio.h"
#include "device/worker.h"

namespace vm::device {

/// The other end of the wire. Frames are Ethernet's, from the destination's address on, without checksum.
class NetBackend {
  public:
    virtual ~NetBackend() = default;
    /// A frame from the guest, of up to VirtioNet::kMaxFrame bytes. On the device's thread.
    virtual void send(std::span<const u8> frame) = 0;
    /// The driver made buffers available: receive() may take frames again. On any thread.
    virtual void receive_possible() {}
};

using MacAddress = std::array<u8, 6>;

class VirtioNet final : public VirtioDevice {
  public:
    static constexpr size_t kMaxFrame = 1518;  ///< with a VLAN's tag

    /// `backend` outlives it.
    VirtioNet(mem::GuestRam& ram, NetBackend& backend, const MacAddress& mac);
    /// A frame for the guest. False: the guest has no buffer for it now, or it is too long; the caller drops
    /// or keeps it. On any thread.
    bool receive(std::span<const u8> frame);
    void set_link(bool up);
    u64 dropped() const { return dropped_.load(std::memory_order_relaxed); }  ///< frames, both directions

  private:
    u64 device_features() const override;
    u64 config(u64 offset, unsigned bytes) const override;
    void on_notify(unsigned queue) override;
    void work();
    void transmit(Chain chain);
    bool drop();

    NetBackend& backend_;
    const MacAddress mac_;
    bool link_ = true;  ///< under change_config's lock
    std::mutex receive_mutex_;
    std::atomic<u64> dropped_ = 0;
    Worker worker_;  ///< last: its thread ends first
};

}  // namespace vm::device
