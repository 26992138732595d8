// The clock of day, with an alarm.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "device/bus.h"
#include "osal/timer.h"

namespace vm::device {

/// Google's goldfish RTC: nanoseconds since 1970. Source: GOLDFISH-VIRTUAL-HARDWARE.TXT of the Android
/// emulator, "Goldfish RTC", and how drivers/rtc/rtc-goldfish.c of Linux uses it. Accesses are aligned words
/// or pairs of them. Thread-safe; the line is set under the device's lock, so it must not call the device.
class GoldfishRtc final : public Mmio {
  public:
    static constexpr u64 kSize = 0x1000;
    /// `interrupt` and `timers` outlive the device. `host_time`: nanoseconds since 1970; it may jump. Called
    /// from any thread, under the device's lock.
    GoldfishRtc(IrqLine& interrupt, std::function<u64()> host_time, osal::Timers& timers);
    ~GoldfishRtc() override;

    u64 read(u64 offset, unsigned bytes) override;
    void write(u64 offset, unsigned bytes, u64 value) override;
    /// The time stays.
    void reset();

    u64 interrupts() const;  ///< times that the line went high

  private:
    struct State {
        u64 time_offset = 0;  ///< to the host's time, modulo 2^64
        u64 alarm = 0;
        u32 latched_high = 0;  ///< TIME_HIGH, as it was when TIME_LOW was read
        bool armed = false, pending = false, enabled = false;
    };
    u32 read_word(u64 offset);
    void write_word(u64 offset, u32 value);
    void set_time(u64 time);
    void on_alarm();
    void update();
    u64 time() const { return host_time_() + state_.time_offset; }

    IrqLine& interrupt_;
    const std::function<u64()> host_time_;
    osal::Timers& timers_;
    mutable std::mutex mutex_;
    State state_;
    bool line_ = false, closing_ = false;
    u64 interrupts_ = 0;
    std::unique_ptr<osal::Timer> timer_;
};

}  // namespace vm::device
