// A riscv64 machine for the GDB server: its harts are threads 1, 2, …
#pragma once

#include <mutex>

#include "debug/guest_target.h"
#include "debug/riscv_csrs.h"
#include "soc/riscv_hart.h"
#include "soc/riscv_virt.h"

namespace vm::debug {

/// Lives longer than each life of the machine: a reset makes another board.
class Machine final : public GuestTarget {
  public:
    explicit Machine(RunControl& control);
    /// nullptr: there is none for now; returns when nobody uses it any more.
    void set_board(soc::RiscvVirt* board);

    const RegisterSet& registers() const override { return set_; }
    std::string thread_text(u64 thread) const override;
    bool read_register(u64 thread, size_t number, u8* out) override;
    bool write_register(u64 thread, size_t number, const u8* in) override;
    size_t read_memory(u64 thread, u64 address, std::span<u8> out) override;
    bool write_memory(u64 thread, u64 address, std::span<const u8> in) override;
    void kill() override;
    bool was_running() const override { return true; }
    std::vector<Command> commands() const override;
    std::optional<std::string> command(u64 thread, std::span<const std::string> words) override;

  private:
    soc::RiscvHart* hart(u64 thread) const;
    /// Where `address` is for `thread`; nothing: nowhere.
    std::optional<u64> physical(u64 thread, u64 address) const;
    std::string reset();
    std::string info_registers(u64 thread);
    std::string info_harts() const;
    std::string info_memory(u64 thread) const;
    std::string info_devices() const;
    std::string translate(u64 thread, const std::string& address) const;

    RegisterSet set_;
    std::vector<CsrName> csrs_;
    size_t first_csr_ = 0, privilege_ = 0;
    bool physical_ = false;  ///< addresses of memory are physical ones
    mutable std::mutex mutex_;
    soc::RiscvVirt* board_ = nullptr;
    u64 lives_ = 0;  ///< boards that there were
};

}  // namespace vm::debug
