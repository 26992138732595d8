#include "device/uart16550.h"

#include <utility>

#include "device/metrics.h"

namespace vm::device {
namespace {

// Registers, table II of the data sheet. Those at 0 and 1 are the divisor's while LCR bit 7 (DLAB) is set.
enum UartRegister : u64 {
    kRbrThr = 0,
    kDll = 0,
    kIer = 1,
    kDlm = 1,
    kIirFcr = 2,
    kLcr = 3,
    kMcr = 4,
    kLsr = 5,
    kMsr = 6,
    kScr = 7,
};

// Interrupt enable (8.7): received data, transmitter empty, line status, modem status.
constexpr u8 kIerRda = 1, kIerThre = 2, kIerLine = 4, kIerModem = 8, kIerAll = 15;
// Interrupt identification (8.6, table IV), highest priority first.
constexpr u8 kIirLine = 0x6, kIirRda = 0x4, kIirTimeout = 0xc, kIirThre = 0x2, kIirModem = 0, kIirNone = 0x1;
constexpr u8 kIirFifos = 0xc0;
// FIFO control (8.5).
constexpr u8 kFcrEnable = 1, kFcrClearReceived = 2, kFcrStays = 0xc9;
constexpr u8 kTriggerLevels[4] = {1, 4, 8, 14};
// Line control and status (8.2, 8.4).
constexpr u8 kLcrDlab = 0x80;
constexpr u8 kLsrReady = 1, kLsrOverrun = 2, kLsrThre = 0x20, kLsrEmpty = 0x40;
// Modem control and status (8.8, 8.9): DTR, RTS, OUT 1, OUT 2, loop; CTS, DSR, RI, DCD.
constexpr u8 kMcrDtr = 1, kMcrRts = 2, kMcrOut1 = 4, kMcrOut2 = 8, kMcrLoop = 0x10, kMcrAll = 0x1f;
constexpr u8 kMsrCts = 0x10, kMsrDsr = 0x20, kMsrRing = 0x40, kMsrDcd = 0x80;

}  // namespace

Uart16550::Uart16550(IrqLine& interrupt, Sink sink) : interrupt_(interrupt), sink_(std::move(sink)) {}

// ---- reset

void Uart16550::reset() {
    const std::lock_guard lock(mutex_);
    // The divisor and the scratch register stay (table III).
    State fresh;
    fresh.dll = state_.dll;
    fresh.dlm = state_.dlm;
    fresh.scr = state_.scr;
    fresh.full = state_.full;
    state_ = fresh;
    update_line();
}

// ---- read

u64 Uart16550::read(u64 offset, unsigned) {
    if (offset > kScr) return 0;
    bool room;
    u8 value;
    {
        const std::lock_guard lock(mutex_);
        value = read_register(offset);
        update_line();
        room = room_again();
    }
    if (room && on_room_) on_room_();
    return value;
}

u8 Uart16550::read_register(u64 reg) {
    const bool dlab = state_.lcr & kLcrDlab;
    switch (reg) {
        case kRbrThr: {
            if (dlab) return state_.dll;
            const u8 value = state_.fifo.pop();
            refill();
            return value;
        }
        case kIer: return dlab ? state_.dlm : state_.ier;
        case kIirFcr: return read_iir();
        case kLcr: return state_.lcr;
        case kMcr: return state_.mcr;
        case kLsr: return read_lsr();
        case kMsr: return modem_status() | std::exchange(state_.msr_delta, u8{0});
        default: return state_.scr;
    }
}

/// Reading it takes back the interrupt of an empty transmitter, if it tells of that one (table IV).
u8 Uart16550::read_iir() {
    const u8 id = interrupt_id();
    if (id == kIirThre) state_.thre_pending = false;
    return id | (state_.fcr & kFcrEnable ? kIirFifos : u8{0});
}

u8 Uart16550::read_lsr() {
    const u8 ready = state_.fifo.count != 0 ? kLsrReady : u8{0};
    const u8 overrun = std::exchange(state_.overrun, false) ? kLsrOverrun : u8{0};
    return kLsrThre | kLsrEmpty | ready | overrun;
}

u8 Uart16550::interrupt_id() const {
    const State& s = state_;
    if ((s.ier & kIerLine) && s.overrun) return kIirLine;
    if ((s.ier & kIerRda) && s.fifo.count != 0) {
        const bool fifos = s.fcr & kFcrEnable;
        return !fifos || s.fifo.count >= kTriggerLevels[s.fcr >> 6] ? kIirRda : kIirTimeout;
    }
    if ((s.ier & kIerThre) && s.thre_pending) return kIirThre;
    if ((s.ier & kIerModem) && s.msr_delta != 0) return kIirModem;
    return kIirNone;
}

/// MSR bits 7..4: somebody who is always there, or what the modem control register says (8.8, bit 4).
u8 Uart16550::modem_status() const {
    const u8 m = state_.mcr;
    if (!(m & kMcrLoop)) return kMsrCts | kMsrDsr | kMsrDcd;
    const unsigned status = (m & kMcrRts ? kMsrCts : 0u) | (m & kMcrDtr ? kMsrDsr : 0u) |
                            (m & kMcrOut1 ? kMsrRing : 0u) | (m & kMcrOut2 ? kMsrDcd : 0u);
    return static_cast<u8>(status);
}

// ---- write

void Uart16550::write(u64 offset, unsigned, u64 value) {
    if (offset > kScr) return;
    const u8 byte = static_cast<u8>(value);
    if (offset != kRbrThr) {
        const std::lock_guard lock(mutex_);
        write_control(offset, byte);
        return update_line();
    }
    const std::lock_guard order(sending_);
    {
        const std::lock_guard lock(mutex_);
        if (state_.lcr & kLcrDlab) {
            state_.dll = byte;
            return;
        }
        state_.thre_pending = true;
        if (state_.mcr & kMcrLoop) {
            loop_back(byte);
            return update_line();
        }
        bytes_++;
        update_line();
    }
    if (sink_) sink_({&byte, 1});
}

void Uart16550::write_control(u64 reg, u8 value) {
    switch (reg) {
        case kIer:
            if (state_.lcr & kLcrDlab) {
                state_.dlm = value;
                break;
            }
            // An empty transmitter interrupts when that is enabled (8.7), which Linux's driver relies on.
            if (value & ~state_.ier & kIerThre) state_.thre_pending = true;
            state_.ier = value & kIerAll;
            break;
        case kIirFcr: write_fcr(value); break;
        case kLcr: state_.lcr = value; break;
        case kMcr: write_mcr(value); break;
        case kScr: state_.scr = value; break;
        default: break;  // LSR and MSR are for factory tests
    }
}

/// 8.5: bits other than the enabling one are programmed only with it; a change of that one clears the FIFOs.
void Uart16550::write_fcr(u8 value) {
    if (((value ^ state_.fcr) & kFcrEnable) || (value & kFcrClearReceived)) state_.fifo = {};
    state_.fcr = value & kFcrEnable ? value & kFcrStays : u8{0};
    refill();
}

void Uart16550::write_mcr(u8 value) {
    const u8 before = modem_status();
    state_.mcr = value & kMcrAll;
    const u8 changed = (modem_status() ^ before) >> 4;
    // Ring counts when it ends (8.9, bit 2).
    const u8 ring_on = modem_status() >> 4 & 4;
    state_.msr_delta |= changed & static_cast<u8>(~ring_on);
    refill();
}

/// 8.8, bit 4: what is sent is received. A full FIFO loses it (8.4, bit 1).
void Uart16550::loop_back(u8 value) {
    const u32 most = state_.fcr & kFcrEnable ? kFifo : 1;
    if (state_.fifo.count < most)
        state_.fifo.push(value);
    else
        state_.overrun = true;
}

// ---- input

size_t Uart16550::receive(std::span<const u8> bytes) {
    const std::lock_guard lock(mutex_);
    size_t taken = 0;
    while (taken < bytes.size() && state_.backlog.push(bytes[taken])) taken++;
    refill();
    while (taken < bytes.size() && state_.backlog.push(bytes[taken])) taken++;
    if (taken < bytes.size()) state_.full = true;
    received_ += taken;
    bytes_ += taken;
    update_line();
    return taken;
}

size_t Uart16550::take(std::span<u8> bytes) {
    size_t taken = 0;
    bool room = false;
    {
        const std::lock_guard lock(mutex_);
        for (; taken < bytes.size() && state_.fifo.count != 0; taken++) {
            bytes[taken] = state_.fifo.pop();
            refill();
        }
        update_line();
        room = room_again();
    }
    if (room && on_room_) on_room_();
    return taken;
}

/// From the line into the FIFO; in a loop the line is cut off (8.8, bit 4).
void Uart16550::refill() {
    if (state_.mcr & kMcrLoop) return;
    const u32 most = state_.fcr & kFcrEnable ? kFifo : 1;
    while (state_.fifo.count < most && state_.backlog.count != 0) state_.fifo.push(state_.backlog.pop());
}

bool Uart16550::room_again() {
    if (!state_.full || state_.backlog.count > kBacklog / 2) return false;
    state_.full = false;
    return true;
}

void Uart16550::update_line() {
    const bool high = interrupt_id() != kIirNone;
    if (high == line_) return;
    line_ = high;
    interrupts_ += high;
    interrupt_.set(high);
}

Uart16550::Counters Uart16550::counters() const {
    const std::lock_guard lock(mutex_);
    return {.received = received_, .sent = bytes_ - received_, .interrupts = interrupts_};
}

void Uart16550::collect(MetricSink& sink, const std::string& name) const {
    const Counters c = counters();
    DeviceMetrics m(sink, name);
    m.put(kReceivedBytes, c.received);
    m.put(kSentBytes, c.sent);
    m.put(kInterrupts, c.interrupts);
}

}  // namespace vm::device
