#include "device/aclint.h"

#include <cassert>
#include <utility>

#include "device/metrics.h"
#include "device/registers.h"

namespace vm::device {
namespace {

// SiFive's CLINT (FU540-C000 Manual, chapter 9), which has MSWI (ACLINT 3.1) at its start and MTIMER
// (2.1, 2.2) at 0x4000.
constexpr u64 kMsip = 0, kMtimecmp = 0x4000, kMtime = 0xbff8;
constexpr size_t kMostHarts = 4095;
/// Farther away than this (146 years) an alarm is not set: nanoseconds would overflow.
constexpr u64 kFarTicks = (u64{1} << 62) / kNsPerTick;

/// `bytes` of `value` that begin at `offset % 8`, which is aligned.
u64 part(u64 value, u64 offset, unsigned bytes) { return zext(value >> offset % 8 * 8, bytes * 8); }
/// `old` with `value` in place of these.
u64 with_part(u64 old, u64 offset, unsigned bytes, u64 value) {
    const u64 mask = zext(~u64{0}, bytes * 8) << offset % 8 * 8;
    return (old & ~mask) | (value << offset % 8 * 8 & mask);
}

}  // namespace

Aclint::Aclint(std::vector<HartLines> harts, std::function<u64()> ticks, osal::Timers& timers)
    : ticks_(std::move(ticks)), timers_(timers) {
    assert(harts.size() <= kMostHarts);
    state_.harts.resize(harts.size());
    for (size_t i = 0; i < harts.size(); i++)
        outputs_.push_back({harts[i], false, timers.timer([this, i] { on_alarm(i); })});
}

/// No callback touches an alarm any more when these go.
Aclint::~Aclint() { set_running(false); }

// ---- reset

void Aclint::reset() {
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < state_.harts.size(); i++) {
        set_msip(i, false);
        state_.harts[i].mtimecmp = ~u64{0};
        update_timer(i);
    }
}

// ---- read

u64 Aclint::read(u64 offset, unsigned bytes) {
    const std::lock_guard lock(mutex_);
    if (offset < kMtimecmp)
        return read_words(offset, bytes, [this](u64 at) -> u32 {
            const u64 hart = (at - kMsip) / 4;
            return hart < state_.harts.size() && state_.harts[hart].msip;
        });
    if (bytes < 4 || offset % bytes != 0) return 0;
    if (offset >= kMtime) return part(time(), offset, bytes);
    const u64 hart = (offset - kMtimecmp) / 8;
    return hart < state_.harts.size() ? part(state_.harts[hart].mtimecmp, offset, bytes) : 0;
}

u64 Aclint::time() const { return ticks_() + time_offset(); }

// ---- write

void Aclint::write(u64 offset, unsigned bytes, u64 value) {
    const std::lock_guard lock(mutex_);
    if (offset < kMtimecmp)
        return write_words(offset, bytes, value, [this](u64 at, u32 v) {
            const u64 hart = (at - kMsip) / 4;
            if (hart < state_.harts.size()) set_msip(hart, bit(v, 0));
        });
    if (bytes < 4 || offset % bytes != 0) return;
    if (offset >= kMtime) return write_time(offset, bytes, value);
    const u64 hart = (offset - kMtimecmp) / 8;
    if (hart >= state_.harts.size()) return;
    u64& compare = state_.harts[hart].mtimecmp;
    compare = with_part(compare, offset, bytes, value);
    update_timer(hart);
}

void Aclint::write_time(u64 offset, unsigned bytes, u64 value) {
    const u64 ticks = ticks_();
    state_.time_offset = with_part(ticks + state_.time_offset, offset, bytes, value) - ticks;
    offset_.store(state_.time_offset, std::memory_order_relaxed);
    for (size_t i = 0; i < state_.harts.size(); i++) update_timer(i);
}

// ---- interrupts

void Aclint::set_msip(size_t hart, bool high) {
    if (state_.harts[hart].msip == high) return;
    state_.harts[hart].msip = high;
    counters_.software_interrupts += high;
    outputs_[hart].lines.msip->set(high);
}

void Aclint::on_alarm(size_t hart) {
    const std::lock_guard lock(mutex_);
    if (running_) update_timer(hart);
}

/// MTIP is whether mtime >= mtimecmp (2.2); until then an alarm waits. One that comes too early is set again.
void Aclint::update_timer(size_t hart) {
    Outputs& out = outputs_[hart];
    const u64 now = time(), compare = state_.harts[hart].mtimecmp;
    const bool high = now >= compare;
    if (high || !running_ || compare - now > kFarTicks)
        out.alarm->disarm();
    else
        out.alarm->arm(timers_.now_ns() + (compare - now) * kNsPerTick);
    if (high == out.mtip) return;
    out.mtip = high;
    counters_.timer_interrupts += high;
    out.lines.mtip->set(high);
}

void Aclint::set_running(bool running) {
    const std::lock_guard lock(mutex_);
    running_ = running;
    for (size_t i = 0; i < state_.harts.size(); i++) update_timer(i);
}

Aclint::Counters Aclint::counters() const {
    const std::lock_guard lock(mutex_);
    return counters_;
}

// ---- SSWI

u64 AclintSswi::read(u64, unsigned) { return 0; }

void AclintSswi::write(u64 offset, unsigned bytes, u64 value) {
    const std::lock_guard lock(mutex_);
    write_words(offset, bytes, value, [this](u64 at, u32 v) {
        if (at / 4 >= ssip_.size() || !bit(v, 0)) return;
        interrupts_.fetch_add(1, std::memory_order_relaxed);
        ssip_[at / 4]->set(true);
        ssip_[at / 4]->set(false);
    });
}

void Aclint::collect(MetricSink& sink, const std::string& name) const {
    const Counters c = counters();
    DeviceMetrics m(sink, name);
    m.put({.name = "vm_device_timer_interrupts_total",
           .key = "timer_interrupts",
           .help = "Times that a timer of a hart ran out."},
          c.timer_interrupts);
    m.put({.name = "vm_device_software_interrupts_total",
           .key = "software_interrupts",
           .help = "Interrupts from one hart to another through the device."},
          c.software_interrupts);
}

}  // namespace vm::device
