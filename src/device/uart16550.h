// The serial port: an NS16550A, as PCs and QEMU's `virt` boards have it.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <mutex>
#include <span>

#include "base/metrics.h"
#include "device/bus.h"

namespace vm::device {

/// A first-in, first-out queue of at most N bytes; plain data.
template <unsigned N>
struct ByteQueue {
    std::array<u8, N> bytes{};
    u32 head = 0, count = 0;
    bool push(u8 b) {
        if (count == N) return false;
        bytes[(head + count++) % N] = b;
        return true;
    }
    u8 pop() {  ///< 0 if it is empty
        if (count == 0) return 0;
        const u8 b = bytes[head];
        head = (head + 1) % N;
        count--;
        return b;
    }
};

/// Source: National Semiconductor, PC16550D data sheet (June 1995), section 8. Bytes take no time on the
/// line: the transmitter is always empty, and received bytes below the FIFO's trigger level count as timed
/// out at once. Registers lie a byte apart; an access of any width is one of the register at its offset
/// alone. Thread-safe.
class Uart16550 final : public Mmio {
  public:
    /// Takes what the guest sends, in order and one call at a time. Runs on the thread of the hart that
    /// writes, without the device's lock: it may block, and call receive(), but not write().
    using Sink = std::function<void(std::span<const u8>)>;
    /// `interrupt` outlives the device.
    Uart16550(IrqLine& interrupt, Sink sink);

    /// Bytes for the guest. Returns how many there was room for; after fewer than all, `on_room` is called
    /// once when half of the queue is free again.
    size_t receive(std::span<const u8> bytes);
    /// Takes received bytes as a driver's reads of RBR do: for firmware that shares the port. How many there
    /// were; does not wait.
    size_t take(std::span<u8> bytes);
    /// Runs on the thread of the hart that reads, without the device's lock. Set before the machine runs.
    void set_on_room(std::function<void()> on_room) { on_room_ = std::move(on_room); }

    u64 read(u64 offset, unsigned bytes) override;
    void write(u64 offset, unsigned bytes, u64 value) override;
    /// As the pin MR does (section 8.1); what waits to be received goes, too.
    void reset();

    struct Counters {
        u64 received = 0, sent = 0;  ///< bytes
        u64 interrupts = 0;          ///< times that the line went high
    };
    Counters counters() const;
    /// For `vm top`: both directions; times that the line went high.
    const std::atomic<u64>& bytes_counter() const { return bytes_; }
    const std::atomic<u64>& interrupts_counter() const { return interrupts_; }
    void collect(MetricSink& sink, const std::string& name) const;

  private:
    static constexpr unsigned kFifo = 16, kBacklog = 4096;
    struct State {
        u8 ier = 0, fcr = 0, lcr = 0, mcr = 0, scr = 0;
        u8 dll = 0x0c, dlm = 0;  ///< 9600 baud of 1.8432 MHz
        u8 msr_delta = 0;        ///< MSR bits 3..0
        bool overrun = false;    ///< LSR bit 1
        bool thre_pending = false;
        ByteQueue<kFifo> fifo;        ///< received; one byte of it if FIFOs are off
        ByteQueue<kBacklog> backlog;  ///< what comes behind, on the line
        bool full = false;            ///< receive() turned bytes away
    };
    u8 interrupt_id() const;
    u8 modem_status() const;
    u8 read_register(u64 reg);
    u8 read_iir();
    u8 read_lsr();
    void write_control(u64 reg, u8 value);
    void write_fcr(u8 value);
    void write_mcr(u8 value);
    void loop_back(u8 value);
    void refill();
    bool room_again();
    void update_line();

    IrqLine& interrupt_;
    const Sink sink_;
    std::function<void()> on_room_;
    std::mutex sending_;  ///< keeps what is sent in order; taken before mutex_
    mutable std::mutex mutex_;
    State state_;
    bool line_ = false;
    u64 received_ = 0;
    std::atomic<u64> bytes_ = 0, interrupts_ = 0;  ///< changed under the lock, read without
};

}  // namespace vm::device
