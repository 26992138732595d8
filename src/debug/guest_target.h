// What machines and programs have in common for a debugger: vCPUs under a RunControl.
#pragma once

#include "debug/cpu_registers.h"
#include "debug/target.h"

namespace vm::debug {

class GuestTarget : public Target {
  public:
    /// `control` outlives this object; its members' ids are the threads' numbers.
    GuestTarget(RunControl& control, const CpuRegisters& cpu) : control_(control), cpu_(cpu) {}

    const RegisterSet& registers() const override { return cpu_.set; }
    std::vector<u64> threads() const override { return control_.ids(); }
    bool read_register(u64 thread, size_t number, u8* out) override {
        return control_.with(thread, [&](engine::Vcpu& v) { cpu_.read(v, number, out); });
    }
    bool write_register(u64 thread, size_t number, const u8* in) override {
        return control_.with(thread, [&](engine::Vcpu& v) { cpu_.write(v, number, in); });
    }
    void attach() override { control_.attach(); }
    void detach() override { control_.detach(); }
    void stop() override { control_.stop(); }
    void resume(const std::map<u64, RunControl::Action>& actions, const RunControl::Action& rest) override {
        control_.resume(actions, rest);
    }
    void set_points(engine::Points points) override { control_.set_points(std::move(points)); }
    std::optional<RunControl::Event> event() override { return control_.event(); }
    std::optional<RunControl::Ended> ended_as() override { return control_.ended_as(); }
    void ended_was_told() override { control_.ended_was_told(); }

  protected:
    RunControl& control_;
    const CpuRegisters& cpu_;
};

}  // namespace vm::debug
