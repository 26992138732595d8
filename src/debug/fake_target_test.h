// A target without a guest, for tests of the protocol.
#pragma once

#include <cstring>

#include "debug/target.h"

namespace vm::debug::test {

/// Two threads with four registers each, 256 bytes of memory at 0x1000. Stops when it is told to.
class FakeTarget : public Target {
  public:
    FakeTarget() {
        set_.architecture = "fake";
        for (const char* name : {"a", "b", "pc"})
            set_.registers.push_back({.name = name, .type = "int", .feature = "org.fake.core"});
        set_.registers.push_back({.name = "v", .bits = 128, .type = "uint128", .feature = "org.fake.extra"});
        set_.general = 3;
        set_.told = {2};
    }
    const RegisterSet& registers() const override { return set_; }
    std::vector<u64> threads() const override { return {1, 0x2a}; }
    std::string thread_text(u64 thread) const override { return thread == 1 ? "one" : "two"; }
    bool read_register(u64 thread, size_t number, u8* out) override {
        if (runs) return false;
        std::memcpy(out, at(thread, number), set_.registers[number].bytes());
        return true;
    }
    bool write_register(u64 thread, size_t number, const u8* in) override {
        if (runs) return false;
        std::memcpy(at(thread, number), in, set_.registers[number].bytes());
        return true;
    }
    size_t read_memory(u64, u64 address, std::span<u8> out) override {
        size_t n = 0;
        for (; n < out.size() && address + n - kMemory < sizeof memory; n++)
            out[n] = memory[address + n - kMemory];
        return n;
    }
    bool write_memory(u64, u64 address, std::span<const u8> in) override {
        if (address - kMemory > sizeof memory || in.size() > sizeof memory - (address - kMemory))
            return false;
        std::memcpy(memory + (address - kMemory), in.data(), in.size());
        return true;
    }
    void attach() override {
        attached = true;
        pending = RunControl::Event{1, {}};
        runs = false;
    }
    void detach() override { attached = false; }
    void stop() override {
        stops++;
        pending = RunControl::Event{1, {}};
    }
    void resume(const std::map<u64, RunControl::Action>& a, const RunControl::Action& r) override {
        actions = a;
        rest = r;
        runs = true;
    }
    void set_points(engine::Points p) override { points = std::move(p); }
    std::optional<RunControl::Event> event() override {
        if (pending) runs = false;
        return std::exchange(pending, std::nullopt);
    }
    std::optional<RunControl::Ended> ended_as() override { return ended; }
    void ended_was_told() override { ended.reset(); }
    void kill() override { killed = true; }
    bool was_running() const override { return false; }
    void pass_signals(u64 set) override { passed = set; }
    std::optional<std::string> object(std::string_view name) override {
        if (name != "auxv") return std::nullopt;
        return std::string("a}#$*b");
    }
    std::vector<Command> commands() const override { return {{"echo WORD", "says it"}}; }
    std::optional<std::string> command(u64, std::span<const std::string> words) override {
        if (words.size() != 2 || words[0] != "echo") return std::nullopt;
        return words[1] + "\n";
    }

    static constexpr u64 kMemory = 0x1000;
    u8 memory[256] = {};
    u8 values[2][4][16] = {};
    bool attached = false, killed = false, runs = false;
    int stops = 0;
    u64 passed = 0;
    engine::Points points;
    std::map<u64, RunControl::Action> actions;
    RunControl::Action rest;
    std::optional<RunControl::Event> pending;
    std::optional<RunControl::Ended> ended;

  private:
    u8* at(u64 thread, size_t number) { return values[thread == 1 ? 0 : 1][number]; }
    RegisterSet set_;
};

}  // namespace vm::debug::test
