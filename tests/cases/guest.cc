#include "guest.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/format.h"
#include "frontend/riscv64/riscv64.h"
#include "frontend/riscv64/state.h"

namespace vm::test {

namespace rv = frontend::riscv64;
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

Arena::Arena() {
    std::signal(SIGALRM, out_of_patience);
    error_ = map(kCode, kPage);
    if (error_.empty()) error_ = map(kData, kPages * kPage);
}

Arena::~Arena() {
    munmap(reinterpret_cast<void*>(kCode), kPage);
    munmap(reinterpret_cast<void*>(kData), kPages * kPage);
}

void Arena::protect(unsigned page, Access a) {
    const int bits = a == Access::All        ? PROT_READ | PROT_WRITE
                     : a == Access::ReadOnly ? PROT_READ
                                             : PROT_NONE;
    mprotect(data() + page * kPage, kPage, bits);
}

u64 Arena::place(const std::vector<u8>& code) {
    auto* at = reinterpret_cast<u8*>(kCode);
    if (std::memcmp(at, code.data(), code.size()) != 0) {
        std::memcpy(at, code.data(), code.size());
        generation_++;
    }
    return generation_;
}

u64 Arena::fetch(u64 pc, void* out, u64 size) {
    if (pc < kCode || pc >= kCode + kPage) return 0;
    const u64 n = std::min(size, kCode + kPage - pc);
    std::memcpy(out, reinterpret_cast<const void*>(pc), n);
    return n;
}

std::string difference(const Snapshot& actual, const Snapshot& expected) {
    std::string out;
    for (unsigned n = 0; n < 32; n++) {
        if (actual.x[n] != expected.x[n])
            out += fmt::format("  x{} = {:x}, not {:x}\n", n, actual.x[n], expected.x[n]);
        if (actual.f[n] != expected.f[n])
            out += fmt::format("  f{} = {:x}, not {:x}\n", n, actual.f[n], expected.f[n]);
    }
    if (actual.flags != expected.flags)
        out += fmt::format("  fflags = {:x}, not {:x}\n", actual.flags, expected.flags);
    if (actual.rounding != expected.rounding)
        out += fmt::format("  frm = {}, not {}\n", actual.rounding, expected.rounding);
    for (u64 i = 0; i < actual.memory.size(); i++)
        if (actual.memory[i] != expected.memory[i])
            out += fmt::format("  byte at {:x} = {:02x}, not {:02x}\n", kData + i, actual.memory[i],
                               expected.memory[i]);
    return out;
}

Result<std::unique_ptr<Machine>> Machine::create(Arena& arena, const engine::EngineOptions& options) {
    auto m = std::make_unique<Machine>();
    m->arena_ = &arena;
    auto e = engine::Engine::create(rv::kRiscv64, arena, options);
    if (!e) return std::unexpected(e.error());
    m->engine_ = std::move(*e);
    auto v = m->engine_->create_vcpu();
    if (!v) return std::unexpected(v.error());
    m->cpu_ = std::move(*v);
    return m;
}

void Machine::reset(const std::vector<u8>& code, const Snapshot& s) {
    if (const u64 now = arena_->place(code); now != generation_) {
        engine_->invalidate(kCode, kCode + kPage);
        generation_ = now;
    }
    std::memcpy(Arena::data(), s.memory.data(), s.memory.size());
    for (unsigned n = 1; n < 32; n++) cpu_->set_reg(rv::x_offset(n), s.x[n]);
    for (unsigned n = 0; n < 32; n++) cpu_->set_reg(rv::f_offset(n), s.f[n]);
    cpu_->fp() = {.flags = s.flags, .rounding = s.rounding};
    cpu_->state_changed();
    cpu_->clear_reservation();
    cpu_->set_pc(kCode);
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
    for (unsigned n = 0; n < 32; n++) {
        s.x[n] = cpu_->reg(rv::x_offset(n));
        s.f[n] = cpu_->reg(rv::f_offset(n));
    }
    s.flags = cpu_->fp().flags;
    s.rounding = cpu_->fp().rounding;
    std::memcpy(s.memory.data(), Arena::data(), s.memory.size());
    return s;
}

}  // namespace vm::test
