// virtio console (virtio 1.2, section 5.3): one port, with the size of the terminal and emergency writes.
#pragma once

#include <span>
#include <vector>

#include "device/virtio.h"
#include "device/worker.h"

namespace vm::device {

/// The host's side of a console.
class ConsoleHost {
  public:
    virtual ~ConsoleHost() = default;
    /// On the console's thread. While it blocks the guest's output waits; a reset of the guest does not.
    virtual void output(std::span<const u8> bytes) = 0;
    /// There is room again after input() took less than it was given. On any thread, with the lock of input()
    /// held: it does not call the console.
    virtual void input_possible() {}
};

class VirtioConsole final : public VirtioDevice {
  public:
    static constexpr size_t kMaxInput = 1 << 16;  ///< bytes that wait for the guest

    /// `host` outlives it, and has stopped blocking when it is destroyed. A terminal of 0 columns: unknown.
    VirtioConsole(mem::GuestRam& ram, ConsoleHost& host, u16 columns, u16 rows);
    /// From the host to the guest, kept until the driver takes it. Returns how many bytes were taken.
    size_t input(std::span<const u8> bytes);
    void resize(u16 columns, u16 rows);
    void collect(MetricSink& sink, const std::string& name) const override;
    u64 bytes_in() const { return bytes_in_.load(std::memory_order_relaxed); }
    u64 bytes_out() const { return bytes_out_.load(std::memory_order_relaxed); }

  private:
    u64 device_features() const override;
    u64 config(u64 offset, unsigned bytes) const override;
    void set_config(u64 offset, unsigned bytes, u64 value) override;
    void on_notify(unsigned queue) override;
    void deliver();
    void work();
    void print(std::span<const u8> bytes);

    ConsoleHost& host_;
    u16 columns_, rows_;  ///< under change_config's lock
    std::mutex input_mutex_;
    std::vector<u8> input_;  ///< from input_at_ on
    size_t input_at_ = 0;
    bool refused_ = false;  ///< input() took less than it was given
    std::mutex emergency_mutex_;
    std::vector<u8> emergency_;
    std::atomic<u64> bytes_in_ = 0, bytes_out_ = 0;
    Worker worker_;  ///< last: its thread ends first
};

}  // namespace vm::device
