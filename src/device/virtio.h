// A virtio 1.2 device without its transport: status, features, queues, configuration. A transport
// (virtio-mmio, later virtio-pci) turns accesses to its registers into calls of this interface.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "device/virtqueue.h"

namespace vm::device {

inline constexpr u64 kVirtioVersion1 = u64{1} << 32;  // 6: VIRTIO_F_VERSION_1

/// Device status bits (2.1).
enum VirtioStatus : u8 {
    kAcknowledge = 1,
    kDriver = 2,
    kDriverOk = 4,
    kFeaturesOk = 8,
    kNeedsReset = 64,
    kFailed = 128,
};

/// What a device asks of its transport. Called from any thread, with locks of the device held: it does not
/// call the device.
class VirtioTransport {
  public:
    virtual ~VirtioTransport() = default;
    virtual void queue_interrupt(unsigned queue) = 0;
    virtual void config_interrupt() = 0;
};

/// Thread-safe. A derived class says what it offers and does the requests; it stops its threads in its
/// destructor.
class VirtioDevice {
  public:
    struct State {
        u8 status = 0;
        u64 driver_features = 0;
        u32 config_generation = 0;
    };

    virtual ~VirtioDevice() = default;
    VirtioDevice(const VirtioDevice&) = delete;
    VirtioDevice& operator=(const VirtioDevice&) = delete;

    // -- for the transport
    /// Before the guest runs.
    void attach(VirtioTransport& transport) { transport_ = &transport; }
    /// After it ran: resets, and calls the transport no more.
    void detach();
    u32 id() const { return id_; }  ///< section 5
    u64 offered() const { return device_features() | kVirtioVersion1 | kRingIndirectDesc | kRingEventIdx; }
    /// 32 bits of the features that the driver accepts. Nothing once FEATURES_OK is set.
    void set_driver_features(unsigned word, u32 value);
    unsigned queues() const { return static_cast<unsigned>(queues_.size()); }
    Virtqueue& queue(unsigned n) { return *queues_[n]; }
    u8 status() const { return status_.load(std::memory_order_acquire); }
    /// 2.1.2, 3.1: bits are only added, FEATURES_OK only if we can do with the features. 0 resets, and
    /// returns when no request runs any more.
    void set_status(u8 value);
    /// The driver made buffers available. Returns at once.
    void notify(unsigned queue);
    u32 config_generation() const;
    u64 read_config(u64 offset, unsigned bytes) const;
    void write_config(u64 offset, unsigned bytes, u64 value);

    State state() const;
    /// What it counts, under the label `device`.
    virtual void collect(MetricSink& sink, const std::string& name) const;
    /// The same for `vm top`.
    const std::atomic<u64>& requests_counter() const { return requests_; }
    const std::atomic<u64>& bytes_counter() const { return bytes_; }
    const std::atomic<u64>& interrupts_counter() const { return interrupts_; }
    u64 requests() const { return requests_.load(std::memory_order_relaxed); }
    u64 bytes() const { return bytes_.load(std::memory_order_relaxed); }  ///< of data, both directions
    u64 interrupts() const {
        return interrupts_.load(std::memory_order_relaxed);
    }  ///< asked of the transport

  protected:
    VirtioDevice(mem::GuestRam& ram, u32 id, const std::vector<u16>& queue_sizes);
    bool has(u64 feature) const { return (driver_features_.load(std::memory_order_relaxed) & feature) != 0; }
    u64 accepted() const { return driver_features_.load(std::memory_order_relaxed); }
    bool running() const { return (status() & kDriverOk) != 0; }
    /// The next chain of a queue.
    std::optional<Chain> take(unsigned queue) { return queues_[queue]->pop(); }
    /// The next chain; if there is none, the driver notifies when there is.
    std::optional<Chain> take_or_listen(unsigned queue);
    /// serve(Chain) for each chain of a queue, until the driver has been told to notify of the next.
    template <class F>
    void drain(unsigned queue, F serve) {
        Virtqueue& q = *queues_[queue];
        do {
            q.hush();
            while (auto chain = q.pop()) serve(std::move(*chain));
        } while (q.listen());
    }
    /// Hands a chain back, and interrupts if the driver wants that.
    void complete(unsigned queue, Chain chain, u64 written, u64 bytes);
    /// Several of them, which the driver sees all at once; they are gone afterwards.
    void complete(unsigned queue, std::vector<Chain>& chains, std::span<const u32> written, u64 bytes);
    /// What is in a chain breaks the device's protocol: the chain is dropped, the driver must reset.
    void reject(unsigned queue, Chain chain);
    /// Runs `change`, which changes the configuration, and tells the driver.
    template <class F>
    void change_config(F change) {
        {
            const std::lock_guard lock(config_mutex_);
            change();
            ++config_generation_;
        }
        if (running()) config_interrupt();
    }

    virtual u64 device_features() const = 0;
    /// Bytes [offset, offset + bytes) of the configuration, 0 behind its end. The lock of change_config is
    /// held.
    virtual u64 config(u64 offset, unsigned bytes) const = 0;
    virtual void set_config(u64 /*offset*/, unsigned /*bytes*/, u64 /*value*/) {}
    /// The driver is there (DRIVER_OK); a notification of each queue follows.
    virtual void on_start() {}
    /// On a hart's thread, several at a time.
    virtual void on_notify(unsigned queue) = 0;
    /// No chain lives, no queue is ready.
    virtual void on_reset() {}

  private:
    void reset();
    void needs_reset();
    void count(unsigned queue, u64 bytes, bool interrupt);
    void config_interrupt();

    const u32 id_;
    std::vector<std::unique_ptr<Virtqueue>> queues_;
    std::atomic<VirtioTransport*> transport_ = nullptr;
    std::mutex lifecycle_;  ///< one change of status at a time
    std::atomic<u8> status_ = 0;
    std::atomic<u64> driver_features_ = 0;
    mutable std::mutex config_mutex_;
    u32 config_generation_ = 0;
    std::atomic<u64> requests_ = 0, bytes_ = 0, interrupts_ = 0;
};

/// `bytes` bytes at `offset` of a structure, 0 behind its end.
template <class T>
u64 bytes_at(const T& layout, u64 offset, unsigned bytes) {
    u64 v = 0;
    if (offset < sizeof layout)
        std::memcpy(&v, reinterpret_cast<const u8*>(&layout) + offset,
                    std::min<u64>(bytes, sizeof layout - offset));
    return v;
}

}  // namespace vm::device
