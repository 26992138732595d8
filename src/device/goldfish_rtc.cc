#include "device/goldfish_rtc.h"

#include <algorithm>
#include <utility>

#include "device/registers.h"

namespace vm::device {
namespace {

// Registers; the document's names.
enum RtcRegister : u64 {
    kTimeLow = 0x00,   ///< read before TIME_HIGH, which it latches
    kTimeHigh = 0x04,  ///< written before TIME_LOW
    kAlarmLow = 0x08,  ///< written after ALARM_HIGH; arms
    kAlarmHigh = 0x0c,
    kIrqEnabled = 0x10,
    kClearAlarm = 0x14,      ///< write: disarms
    kAlarmStatus = 0x18,     ///< 1: armed
    kClearInterrupt = 0x1c,  ///< write: the interrupt is no longer pending
};
/// The host's time may jump, so an alarm is looked at this often at least: every ten minutes.
constexpr u64 kLongestWait = 600'000'000'000;

u64 with_low(u64 v, u32 low) { return (v >> 32 << 32) | low; }
u64 with_high(u64 v, u32 high) { return u64{high} << 32 | static_cast<u32>(v); }

}  // namespace

GoldfishRtc::GoldfishRtc(IrqLine& interrupt, std::function<u64()> host_time, osal::Timers& timers)
    : interrupt_(interrupt),
      host_time_(std::move(host_time)),
      timers_(timers),
      timer_(timers.timer([this] { on_alarm(); })) {}

/// No callback touches the timer any more when it goes.
GoldfishRtc::~GoldfishRtc() {
    const std::lock_guard lock(mutex_);
    closing_ = true;
}

// ---- reset

void GoldfishRtc::reset() {
    const std::lock_guard lock(mutex_);
    state_ = {.time_offset = state_.time_offset};
    update();
}

// ---- read

u64 GoldfishRtc::read(u64 offset, unsigned bytes) {
    const std::lock_guard lock(mutex_);
    return read_words(offset, bytes, [this](u64 at) { return read_word(at); });
}

u32 GoldfishRtc::read_word(u64 offset) {
    switch (offset) {
        case kTimeLow: {
            const u64 now = time();
            state_.latched_high = static_cast<u32>(now >> 32);
            return static_cast<u32>(now);
        }
        case kTimeHigh: return state_.latched_high;
        case kAlarmLow: return static_cast<u32>(state_.alarm);
        case kAlarmHigh: return static_cast<u32>(state_.alarm >> 32);
        case kIrqEnabled: return state_.enabled;
        case kAlarmStatus: return state_.armed;
        default: return 0;
    }
}

// ---- write

void GoldfishRtc::write(u64 offset, unsigned bytes, u64 value) {
    const std::lock_guard lock(mutex_);
    write_words(offset, bytes, value, [this](u64 at, u32 v) { write_word(at, v); });
    update();
}

void GoldfishRtc::write_word(u64 offset, u32 value) {
    switch (offset) {
        case kTimeLow: set_time(with_low(time(), value)); break;
        case kTimeHigh: set_time(with_high(time(), value)); break;
        case kAlarmLow:
            state_.alarm = with_low(state_.alarm, value);
            state_.armed = true;
            break;
        case kAlarmHigh: state_.alarm = with_high(state_.alarm, value); break;
        case kIrqEnabled: state_.enabled = value & 1; break;
        case kClearAlarm: state_.armed = false; break;
        case kClearInterrupt: state_.pending = false; break;
        default: break;
    }
}

void GoldfishRtc::set_time(u64 time) { state_.time_offset = time - host_time_(); }

// ---- alarm

void GoldfishRtc::on_alarm() {
    const std::lock_guard lock(mutex_);
    if (!closing_) update();
}

/// An alarm whose time has come is disarmed and pending; else the timer waits for it.
void GoldfishRtc::update() {
    const u64 now = state_.armed ? time() : 0;
    if (state_.armed && state_.alarm <= now) {
        state_.armed = false;
        state_.pending = true;
    }
    if (state_.armed)
        timer_->arm(timers_.now_ns() + std::min(state_.alarm - now, kLongestWait));
    else
        timer_->disarm();
    const bool high = state_.pending && state_.enabled;
    if (high == line_) return;
    line_ = high;
    interrupts_ += high;
    interrupt_.set(high);
}

u64 GoldfishRtc::interrupts() const {
    const std::lock_guard lock(mutex_);
    return interrupts_;
}

}  // namespace vm::device
