#include "machine.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/format.h"

namespace vm::test {

using ir::ExitReason;

namespace {

/// A case that runs for so many seconds or steps never ends: it is stopped and reported.
constexpr unsigned kPatience = 5;
constexpr u64 kManySteps = 100000;
engine::Vcpu* running = nullptr;
void out_of_patience(int) { running->request_safepoint(); }

std::string map(u64 at, u64 bytes) {
    void* p = mmap(reinterpret_cast<void*>(at), bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (p == reinterpret_cast<void*>(at)) return {};
    return fmt::format("cannot map {:#x}: {}", at, std::strerror(errno));
}

}  // namespace

Arena::Arena(const Map& m) : map_(m) {
    std::signal(SIGALRM, out_of_patience);
    error_ = vm::test::map(map_.code, map_.code_bytes);
    if (error_.empty()) error_ = vm::test::map(map_.data, map_.data_bytes);
}

Arena::~Arena() {
    munmap(reinterpret_cast<void*>(map_.code), map_.code_bytes);
    munmap(reinterpret_cast<void*>(map_.data), map_.data_bytes);
}

void Arena::protect(u64 page, Access a) {
    const int bits = a == Access::All        ? PROT_READ | PROT_WRITE
                     : a == Access::ReadOnly ? PROT_READ
                                             : PROT_NONE;
    mprotect(data() + page * kPage, kPage, bits);
}

u64 Arena::place(const std::vector<u8>& code) {
    auto* at = reinterpret_cast<u8*>(map_.code);
    if (std::memcmp(at, code.data(), code.size()) != 0) {
        std::memcpy(at, code.data(), code.size());
        generation_++;
    }
    return generation_;
}

u64 Arena::fetch(u64 pc, void* out, u64 size) {
    const u64 end = map_.code + map_.code_bytes;
    if (pc < map_.code || pc >= end) return 0;
    const u64 n = std::min(size, end - pc);
    std::memcpy(out, reinterpret_cast<const void*>(pc), n);
    return n;
}

std::string difference(const TestGuest& guest, u64 data, const Snapshot& actual, const Snapshot& expected) {
    const auto text = [](const RegisterValue& v, unsigned bytes) {
        return bytes == 16 ? fmt::format("{:016x}{:016x}", v[1], v[0]) : fmt::format("{:x}", v[0]);
    };
    std::string out;
    for (size_t i = 0; i < guest.registers.size(); i++) {
        const TestGuest::Register& r = guest.registers[i];
        if (actual.registers[i] != expected.registers[i])
            out += fmt::format("  {} = {}, not {}\n", r.name, text(actual.registers[i], r.bytes),
                               text(expected.registers[i], r.bytes));
    }
    unsigned shown = 0;
    for (u64 i = 0; i < actual.memory.size() && shown < 16; i++)
        if (actual.memory[i] != expected.memory[i] && ++shown)
            out += fmt::format("  byte at {:x} = {:02x}, not {:02x}\n", data + i, actual.memory[i],
                               expected.memory[i]);
    return out;
}

Result<std::unique_ptr<Machine>> Machine::create(const TestGuest& guest, Arena& arena,
                                                 const engine::EngineOptions& options) {
    auto m = std::make_unique<Machine>();
    m->guest_ = &guest;
    m->arena_ = &arena;
    auto e = engine::Engine::create(*guest.isa, arena, options);
    if (!e) return std::unexpected(e.error());
    m->engine_ = std::move(*e);
    auto v = m->engine_->create_vcpu();
    if (!v) return std::unexpected(v.error());
    m->cpu_ = std::move(*v);
    return m;
}

void Machine::reset(const std::vector<u8>& code, const Snapshot& s) {
    const Arena::Map& map = arena_->map();
    if (const u64 now = arena_->place(code); now != generation_) {
        engine_->invalidate(map.code, map.code + map.code_bytes);
        generation_ = now;
    }
    std::memcpy(arena_->data(), s.memory.data(), s.memory.size());
    guest_->set(*cpu_, s.registers);
    cpu_->state_changed();
    cpu_->clear_reservation();
    cpu_->set_pc(map.code);
    icount_ = cpu_->icount();
}

engine::Exit Machine::run() {
    engine::Exit e;
    running = cpu_.get();
    alarm(kPatience);
    do e = cpu_->run();
    while (e.reason == ExitReason::Wait);
    alarm(0);
    return e;
}

engine::Exit Machine::step_to_exit(u64* steps) {
    for (;;) {
        const engine::Exit e = cpu_->step();
        if (e.reason != ExitReason::Next && e.reason != ExitReason::Wait) return e;
        if (++*steps == kManySteps) return {.reason = ExitReason::Safepoint};
    }
}

void Machine::step(u64 count) {
    for (; count != 0; count--) cpu_->step();
}

Snapshot Machine::snapshot() {
    Snapshot s;
    s.registers.resize(guest_->registers.size());
    guest_->get(*cpu_, s.registers);
    s.memory.assign(arena_->data(), arena_->data() + arena_->map().data_bytes);
    return s;
}

}  // namespace vm::test
