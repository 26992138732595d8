// The register by which a guest switches its machine off.
#pragma once

#include <atomic>
#include <functional>

#include "device/bus.h"

namespace vm::device {

/// SiFive's test finisher ("sifive,test0", "sifive,test1", "syscon"): what Linux's syscon-poweroff and
/// syscon-reboot and OpenSBI write to. It has no state: it reads as 0, so that Linux's regmap_update_bits(),
/// which writes only what differs, always writes. Thread-safe.
class Syscon final : public Mmio {
  public:
    static constexpr u64 kSize = 0x1000;
    enum class Request : u8 { PowerOff, Fail, Reset };
    /// `code`: of Fail, 0 to 65535; else 0. Runs on the thread of the hart that writes; several may at a
    /// time.
    using Callback = std::function<void(Request request, u32 code)>;
    explicit Syscon(Callback callback) : callback_(std::move(callback)) {}

    u64 read(u64 offset, unsigned bytes) override;
    /// The register is at offset 0; 2 bytes of it are enough.
    void write(u64 offset, unsigned bytes, u64 value) override;

    u64 requests() const { return requests_.load(std::memory_order_relaxed); }

  private:
    const Callback callback_;
    std::atomic<u64> requests_ = 0;
};

}  // namespace vm::device
