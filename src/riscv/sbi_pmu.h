// SBI 2.0, "Performance Monitoring Unit Extension": a kernel's way to mhpmevent and mcountinhibit, and
// counters of what the firmware itself does.
//
// Counter n below kFirstHpm + kHpmCounters is the CSR cycle + n; 1, the time, is none. Those behind count
// firmware events. An event that nobody counts is refused.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "riscv/hart.h"
#include "riscv/sbi_result.h"

namespace vm::riscv {

/// "Firmware Events". Those of exceptions are the hart's, which the kernel handles itself.
enum class FirmwareEvent : u8 {
    MisalignedLoad = 0,
    MisalignedStore = 1,
    AccessLoad = 2,
    AccessStore = 3,
    IllegalInstruction = 4,
    SetTimer = 5,
    IpiSent = 6,
    IpiReceived = 7,
    FenceISent = 8,
    FenceIReceived = 9,
    SfenceVmaSent = 10,
    SfenceVmaReceived = 11,
    SfenceVmaAsidSent = 12,
    SfenceVmaAsidReceived = 13,
    Count_
};

class SbiPmu {
  public:
    static constexpr unsigned kFirmwareCounters = 16, kFirstFirmware = kFirstHpm + kHpmCounters,
                              kCounters = kFirstFirmware + kFirmwareCounters;

    /// A call of `hart`, on its thread. `ids`: of all harts, always the same.
    SbiResult call(Hart& hart, std::span<const u64> ids, u64 function, const u64 (&a)[6]);
    /// It happened to hart `id`. From any thread.
    void count(std::span<const u64> ids, u64 id, FirmwareEvent event);
    /// As it is for a hart that starts. On its thread.
    void reset(Hart& hart, std::span<const u64> ids);

  private:
    struct Firmware {
        FirmwareEvent event{};
        bool runs = false;
        u64 value = 0;    ///< when it was started or stopped last
        u64 started = 0;  ///< the event's tally then
    };
    struct Unit {
        std::array<std::atomic<u64>, static_cast<size_t>(FirmwareEvent::Count_)> tallies{};
        std::array<Firmware, kFirmwareCounters> firmware{};
        u64 claimed = 0;  ///< counters that have an event
    };
    struct Wanted;
    Unit& unit(std::span<const u64> ids, u64 id);
    SbiResult info(u64 counter) const;
    SbiResult match(Hart& hart, Unit& unit, const u64 (&a)[6]) const;
    SbiResult start(Hart& hart, Unit& unit, const u64 (&a)[6]) const;
    SbiResult stop(Hart& hart, Unit& unit, const u64 (&a)[6]) const;
    SbiResult firmware_value(const Hart& hart, const Unit& unit, u64 counter) const;

    std::once_flag made_;
    std::vector<std::unique_ptr<Unit>> units_;  ///< in the order of `ids`
};

}  // namespace vm::riscv
