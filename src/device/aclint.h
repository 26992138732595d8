// The harts' timers and the interrupts that they send each other: MTIMER, MSWI and SSWI.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/metrics.h"
#include "device/bus.h"
#include "osal/timer.h"

namespace vm::device {

/// Ticks of mtime a second, as on QEMU's `virt` board, and nanoseconds of one.
constexpr u64 kTimebaseHz = 10'000'000, kNsPerTick = 100;

/// MTIMER and MSWI at the addresses of SiFive's CLINT. Source: RISC-V ACLINT Specification 1.0-rc4, chapters
/// 2 and 3. mtimecmp and mtime take accesses of 4 and 8 bytes, msip of 4. Thread-safe; lines are set under
/// the device's lock, so they must not call the device.
class Aclint final : public Mmio {
  public:
    static constexpr u64 kSize = 0x1'0000;
    /// Of a hart; each outlives the device.
    struct HartLines {
        IrqLine* msip = nullptr;
        IrqLine* mtip = nullptr;
    };
    /// At most 4095 harts. `ticks`: how many there were so far, never fewer than before; called from any
    /// thread, under the device's lock. `timers` outlives the device.
    Aclint(std::vector<HartLines> harts, std::function<u64()> ticks, osal::Timers& timers);
    ~Aclint() override;

    u64 read(u64 offset, unsigned bytes) override;
    void write(u64 offset, unsigned bytes, u64 value) override;
    /// mtimecmp is never reached, mtime stays as it is.
    void reset();

    /// mtime: `ticks` plus time_offset(), which is 0 until a guest writes mtime.
    u64 time() const;
    u64 time_offset() const { return offset_.load(std::memory_order_relaxed); }
    /// False while `ticks` stands still: alarms would come too early again and again.
    void set_running(bool running);

    struct Counters {
        u64 timer_interrupts = 0, software_interrupts = 0;  ///< times that a line went high
    };
    Counters counters() const;
    void collect(MetricSink& sink, const std::string& name) const;

  private:
    struct State {
        struct Hart {
            u64 mtimecmp = ~u64{0};
            bool msip = false;
        };
        std::vector<Hart> harts;
        u64 time_offset = 0;
    };
    struct Outputs {
        HartLines lines;
        bool mtip = false;
        std::unique_ptr<osal::Timer> alarm;  ///< calls update_timer
    };
    void write_time(u64 offset, unsigned bytes, u64 value);
    void set_msip(size_t hart, bool high);
    void on_alarm(size_t hart);
    void update_timer(size_t hart);

    const std::function<u64()> ticks_;
    osal::Timers& timers_;
    std::atomic<u64> offset_ = 0;  ///< State::time_offset, to be read without the lock
    mutable std::mutex mutex_;
    State state_;
    bool running_ = true;
    Counters counters_;
    std::vector<Outputs> outputs_;
};

/// SSWI: each word sends one hart a supervisor software interrupt. Source: chapter 4 of the same. It has no
/// state: a hart keeps SSIP itself. Its line is edge-triggered, and gets a pulse.
class AclintSswi final : public Mmio {
  public:
    static constexpr u64 kSize = 0x4000;
    /// A line for each hart, at most 4095; each outlives the device and is thread-safe.
    explicit AclintSswi(std::vector<IrqLine*> ssip) : ssip_(std::move(ssip)) {}
    u64 read(u64 offset, unsigned bytes) override;
    void write(u64 offset, unsigned bytes, u64 value) override;
    u64 interrupts() const { return interrupts_.load(std::memory_order_relaxed); }  ///< that were sent

  private:
    const std::vector<IrqLine*> ssip_;
    std::mutex mutex_;  ///< pulses do not overlap
    std::atomic<u64> interrupts_ = 0;
};

}  // namespace vm::device
