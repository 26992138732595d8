// A guest for tests: one code page and eight data pages at fixed addresses, and a machine of any tier to run
// it on.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "engine/vcpu.h"

namespace vm::test {

inline constexpr u64 kCode = 0x100000, kPage = 4096, kData = 0x200000;
inline constexpr unsigned kPages = 8;

enum class Access { All, ReadOnly, None };

/// Maps the pages while it lives.
class Arena : public engine::GuestMemory {
  public:
    Arena();
    ~Arena() override;
    /// Why the pages could not be mapped, or empty.
    const std::string& error() const { return error_; }
    void protect(unsigned page, Access a);
    /// Makes `code` the guest's code. The number grows whenever that changes bytes, also those that the guest
    /// wrote itself.
    u64 place(const std::vector<u8>& code);
    static u8* data() { return reinterpret_cast<u8*>(kData); }

    u64 fetch(u64 pc, void* out, u64 size) override;
    void note_code(u64, u64) override {}
    bool handle_host_fault(u64, bool) override { return false; }

  private:
    std::string error_;
    u64 generation_ = 1;
};

/// All that a program can see: registers, floating-point environment, memory.
struct Snapshot {
    std::array<u64, 32> x{}, f{};
    u8 flags = 0, rounding = 0;
    std::vector<u8> memory = std::vector<u8>(kPages * kPage);
    bool operator==(const Snapshot&) const = default;
};
/// One line a difference: "x5 = 12, not 13".
std::string difference(const Snapshot& actual, const Snapshot& expected);

/// Engine with one vCPU on the calling thread.
class Machine {
  public:
    static Result<std::unique_ptr<Machine>> create(Arena& arena, const engine::EngineOptions& options);
    /// Code and state for a fresh run from kCode. Every page must be accessible.
    void reset(const std::vector<u8>& code, const Snapshot& state);
    void memory_is_shared() { engine_->memory_is_shared(); }
    /// To the next exit other than a hint to wait.
    engine::Exit run();
    /// The same by single steps of the interpreter; `*steps` grows by the instructions that were completed.
    engine::Exit step_to_exit(u64* steps);
    /// Exactly so many instructions.
    void step(u64 count);
    Snapshot snapshot();
    u64 icount() const { return cpu_->icount() - icount_; }

  private:
    Arena* arena_ = nullptr;
    u64 generation_ = 0;  ///< of the code that the engine has seen
    std::unique_ptr<engine::Engine> engine_;
    std::unique_ptr<engine::Vcpu> cpu_;
    u64 icount_ = 0;
};

}  // namespace vm::test
