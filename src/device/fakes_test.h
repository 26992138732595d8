// For tests of devices: an interrupt line that counts, timers with a clock that stands until it is moved, and
// a bus with one device.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "device/bus.h"
#include "osal/timer.h"

namespace vm::device {

struct FakeLine final : IrqLine {
    std::atomic<bool> high = false;
    std::atomic<unsigned> raised = 0;  ///< edges from low to high
    void set(bool level) override {
        if (!high.exchange(level) && level) raised++;
    }
};

class FakeTimers final : public osal::Timers {
  public:
    u64 now_ns() const override { return now_; }
    std::unique_ptr<osal::Timer> timer(std::function<void()> callback) override {
        auto t = std::make_unique<One>(*this, std::move(callback));
        timers_.push_back(t.get());
        return t;
    }
    /// Moves the clock, and calls what is due.
    void advance(u64 ns) {
        now_ += ns;
        for (size_t i = 0; i < timers_.size(); i++) {
            One& t = *timers_[i];
            if (t.deadline > now_) continue;
            t.deadline = kNever;
            t.callback();
        }
    }
    /// Deadlines that are set.
    std::vector<u64> armed() const {
        std::vector<u64> all;
        for (const One* t : timers_)
            if (t->deadline != kNever) all.push_back(t->deadline);
        return all;
    }

  private:
    static constexpr u64 kNever = ~u64{0};
    struct One final : osal::Timer {
        One(FakeTimers& all, std::function<void()> f) : owner(all), callback(std::move(f)) {}
        ~One() override { std::erase(owner.timers_, this); }
        void arm(u64 deadline_ns) override { deadline = deadline_ns; }
        void disarm() override { deadline = kNever; }
        FakeTimers& owner;
        std::function<void()> callback;
        u64 deadline = kNever;
    };
    u64 now_ = 1'000'000'000;
    std::vector<One*> timers_;
};

/// A bus with one device at 0x1000'0000.
class OneDevice {
  public:
    OneDevice(Mmio& device, u64 size) { EXPECT_TRUE(bus_.add(kBase, size, device, "device")); }
    u64 read(u64 offset, unsigned bytes) const {
        u64 value = ~u64{0};
        EXPECT_TRUE(bus_.read(kBase + offset, bytes, &value));
        return value;
    }
    void write(u64 offset, unsigned bytes, u64 value) const {
        EXPECT_TRUE(bus_.write(kBase + offset, bytes, value));
    }
    /// Every offset and width, reads and writes of a few values: for the sanitizers.
    void touch_everything(u64 from, u64 to) const {
        for (u64 at = from; at < to; at++)
            for (const unsigned bytes : {1u, 2u, 4u, 8u}) {
                u64 value;
                if (!bus_.read(kBase + at, bytes, &value)) continue;
                EXPECT_EQ(zext(value, 8 * bytes), value) << "offset " << at << ", " << bytes << " bytes";
                for (const u64 v : {u64{0}, ~u64{0}, u64{0x5a5a5a5a5a5a5a5a}})
                    bus_.write(kBase + at, bytes, v);
            }
    }

  private:
    static constexpr u64 kBase = 0x1000'0000;
    Bus bus_;
};

}  // namespace vm::device
