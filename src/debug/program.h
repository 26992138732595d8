// A program for the GDB server: its threads by their numbers in Linux.
#pragma once

#include "debug/guest_target.h"
#include "debug/host_files.h"
#include "linux/process.h"

namespace vm::debug {

class Program final : public GuestTarget {
  public:
    /// `process` runs by `control` and outlives this object.
    Program(RunControl& control, linux::Process& process);

    const RegisterSet& registers() const override { return set_; }
    std::string thread_text(u64 thread) const override;
    size_t read_memory(u64 thread, u64 address, std::span<u8> out) override;
    bool write_memory(u64 thread, u64 address, std::span<const u8> in) override;
    void resume(const std::map<u64, RunControl::Action>& actions, const RunControl::Action& rest) override;
    void kill() override;
    bool was_running() const override { return false; }
    void pass_signals(u64 set) override { control_.passed_signals = set; }
    std::optional<std::string> object(std::string_view name) override;
    std::vector<Command> commands() const override;
    std::optional<std::string> command(u64 thread, std::span<const std::string> words) override;
    std::optional<std::string> file(std::string_view packet) override { return files_(packet); }

  private:
    std::string info_registers(u64 thread);

    linux::Process& process_;
    RegisterSet set_;
    HostFiles files_;
};

}  // namespace vm::debug
