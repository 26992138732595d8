// The platform-level interrupt controller: which device's interrupt goes to which hart.
#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <vector>

#include "base/metrics.h"
#include "device/bus.h"

namespace vm::device {

/// Source: RISC-V Platform-Level Interrupt Controller Specification 1.0.0; priorities have 3 bits, as on
/// QEMU's `virt` board. Accesses are aligned words or pairs of them. Thread-safe; outputs are set under the
/// device's lock, so they must not call the device.
class Plic final : public Mmio {
  public:
    static constexpr unsigned kSources = 96;  ///< with source 0, which is none
    /// A line for each context, by number; each outlives the device. On `virt` boards context 2n is hart n in
    /// M-mode, 2n + 1 in S-mode. At most 15872.
    explicit Plic(std::vector<IrqLine*> contexts);
    /// Bytes of its registers.
    u64 size() const;
    /// Level-triggered; 1 <= n < kSources. Lives as long as the device.
    IrqLine& source(unsigned n);

    u64 read(u64 offset, unsigned bytes) override;
    void write(u64 offset, unsigned bytes, u64 value) override;
    /// Levels of sources stay as they are.
    void reset();

    u64 claims() const { return claims_.load(std::memory_order_relaxed); }  ///< claimed interrupts
    const std::atomic<u64>& claims_counter() const { return claims_; }
    void collect(MetricSink& sink, const std::string& name) const;

  private:
    static constexpr unsigned kWords = kSources / 32;
    using Bits = std::array<u32, kWords>;  ///< one bit a source
    struct Context {
        Bits enabled{};
        u32 threshold = 0;
        bool high = false;  ///< its line
    };
    struct State {
        std::array<u8, kSources> priority{};
        Bits level{}, pending{};
        Bits busy{};  ///< claimed and not completed: the gateway holds the source back
        std::vector<Context> contexts;
    };
    class Source final : public IrqLine {
      public:
        void set(bool high) override { plic->set_level(number, high); }
        Plic* plic = nullptr;
        unsigned number = 0;
    };

    u32 read_word(u64 offset);
    void write_word(u64 offset, u32 value);
    void set_level(unsigned source, bool high);
    unsigned best(const Context& context) const;
    u32 claim(Context& context);
    void complete(const Context& context, u32 source);
    void latch();
    void update_lines();
    Context* context_at(u64 offset, u64 base, u64 stride);

    const std::vector<IrqLine*> lines_;
    std::array<Source, kSources> sources_;
    mutable std::mutex mutex_;
    State state_;
    std::atomic<u64> claims_ = 0;
};

}  // namespace vm::device
