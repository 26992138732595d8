// virtio network device (virtio 1.2, section 5.1): one pair of queues. What is on the other end of the wire
// is a NetBackend.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "device/virtio.h"
#include "device/worker.h"

namespace vm::device {

/// 5.1.3: features that depend on what the back end can do. "Guest" are those of frames for the guest.
enum NetFeature : u64 {
    kNetCsum = 1 << 0,       ///< the guest leaves checksums to us
    kNetGuestCsum = 1 << 1,  ///< the guest takes frames whose checksum is not there, or was checked
    kNetMtu = 1 << 3,
    kNetGuestTso4 = 1 << 7,
    kNetGuestTso6 = 1 << 8,
    kNetHostTso4 = 1 << 11,
    kNetHostTso6 = 1 << 12,
};

/// 5.1.6: before each frame, what is left to be done about its checksum and its length. Little-endian.
struct NetHeader {
    static constexpr u8 kNeedsCsum = 1, kDataValid = 2;            // flags
    static constexpr u8 kGsoNone = 0, kGsoTcp4 = 1, kGsoTcp6 = 4;  // gso_type
    u8 flags, gso_type;
    u16 hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
static_assert(sizeof(NetHeader) == 12);

/// The card, as its back end sees it. On any thread.
class NetPort {
  public:
    virtual ~NetPort() = default;
    /// A frame for the guest; num_buffers of the header is not looked at. False: the guest has no buffer for
    /// it now, so the caller keeps it until receive_possible() of the back end is called. True: it is done
    /// with, or was dropped.
    virtual bool receive(const NetHeader& header, std::span<const u8> frame) = 0;
    virtual void set_link(bool up) = 0;
};

/// The other end of the wire. Frames are Ethernet's, from the destination's address on, without its checksum.
class NetBackend {
  public:
    virtual ~NetBackend() = default;
    /// NetFeatures that it can do with.
    virtual u64 features() const { return 0; }
    /// For kNetMtu: bytes of a frame without its Ethernet header.
    virtual u16 mtu() const { return 0; }
    /// Frames go to `port` from now on.
    virtual void connect(NetPort& port) = 0;
    /// `port` is not used any more when this returns.
    virtual void disconnect() = 0;
    /// A driver is there and accepted these features. Before the first frame of it.
    virtual void start(u64 /*features*/) {}
    /// A frame from the guest, of up to kMaxNetFrame bytes, which may be changed. Its header asks for nothing
    /// that start() did not allow, but is not checked otherwise. On the device's thread.
    virtual void send(const NetHeader& header, std::span<u8> frame) = 0;
    /// The driver made buffers available: receive() may take frames again. On any thread.
    virtual void receive_possible() {}
};

using MacAddress = std::array<u8, 6>;

inline constexpr size_t kNetFrameHeader = 18;  ///< of Ethernet, with a VLAN's tag
inline constexpr size_t kMaxNetFrame = 65535 + kNetFrameHeader;

class VirtioNet final : public VirtioDevice, private NetPort {
  public:
    /// `backend` outlives it.
    VirtioNet(mem::GuestRam& ram, NetBackend& backend, const MacAddress& mac);
    ~VirtioNet() override;
    void collect(MetricSink& sink, const std::string& name) const override;
    u64 dropped() const { return dropped_.load(std::memory_order_relaxed); }  ///< frames, both directions

  private:
    bool receive(const NetHeader& header, std::span<const u8> frame) override;
    void set_link(bool up) override;
    u64 device_features() const override;
    u64 config(u64 offset, unsigned bytes) const override;
    void on_start() override;
    void on_notify(unsigned queue) override;
    size_t longest(bool segmented) const;
    bool gather(u64 bytes);
    bool take_room(u64 bytes);
    void work();
    void transmit(Chain chain);
    bool allowed(NetHeader& header) const;
    bool drop();

    NetBackend& backend_;
    const MacAddress mac_;
    bool link_ = true;  ///< under change_config's lock
    std::mutex receive_mutex_;
    std::vector<Chain> room_;   ///< for the frame that is received now
    std::vector<u32> written_;  ///< of each of them
    std::vector<u8> sent_;      ///< the worker's
    std::atomic<u64> dropped_ = 0;
    Worker worker_;  ///< last: its thread ends first
};

}  // namespace vm::device
