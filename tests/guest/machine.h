// A guest for tests: code and data pages at fixed addresses, and a machine of any tier and any guest ISA to
// run code on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/vcpu.h"
#include "test_guest.h"

namespace vm::test {

inline constexpr u64 kPage = 4096;
enum class Access { All, ReadOnly, None };

/// Maps the pages while it lives.
class Arena : public engine::GuestMemory {
  public:
    /// Bytes are multiples of a page.
    struct Map {
        u64 code, code_bytes, data, data_bytes;
    };
    explicit Arena(const Map& map);
    ~Arena() override;
    /// Why the pages could not be mapped, or empty.
    const std::string& error() const { return error_; }
    const Map& map() const { return map_; }
    void protect(u64 page, Access a);
    /// Makes `code` the guest's code. The number grows whenever that changes bytes, also those that the guest
    /// wrote itself.
    u64 place(const std::vector<u8>& code);
    u8* data() const { return reinterpret_cast<u8*>(map_.data); }

    u64 fetch(u64 pc, void* out, u64 size) override;
    bool note_code(u64, u64) override { return false; }
    bool handle_host_fault(u64, bool) override { return false; }

  private:
    Map map_;
    std::string error_;
    u64 generation_ = 1;
};

/// All that a program can see: registers in the order of TestGuest::registers, memory.
struct Snapshot {
    std::vector<RegisterValue> registers;
    std::vector<u8> memory;
    bool operator==(const Snapshot&) const = default;
};
/// One line a difference: "x5 = 12, not 13". `data`: guest address of the memory.
std::string difference(const TestGuest& guest, u64 data, const Snapshot& actual, const Snapshot& expected);

/// Engine with one vCPU on the calling thread.
class Machine {
  public:
    static Result<std::unique_ptr<Machine>> create(const TestGuest& guest, Arena& arena,
                                                   const engine::EngineOptions& options);
    /// Code and state for a fresh run from the first byte of the code. Every page must be accessible.
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
    const TestGuest* guest_ = nullptr;
    Arena* arena_ = nullptr;
    u64 generation_ = 0;  ///< of the code that the engine has seen
    std::unique_ptr<engine::Engine> engine_;
    std::unique_ptr<engine::Vcpu> cpu_;
    u64 icount_ = 0;
};

}  // namespace vm::test
