// For tests: runs one block natively, outside of jit and engine, and compares what it did with the
// interpreter.
#pragma once

#include <asm/prctl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>

#include "backend/x86_64/recover.h"
#include "backend/x86_64/stubs.h"
#include "backend/x86_64/x86_64.h"
#include "base/format.h"
#include "ir/random_block.h"
#include "ir/text.h"

namespace vm::backend::x86_64::testing {

using ir::testing::Outcome;
using ir::testing::TestMemory;

/// random_state, remembering the last one.
inline void seeded_state(u64 seed, std::vector<u8>& guest, std::vector<u8>& memory) {
    static u64 last = ~u64{0};
    static std::vector<u8> g, m;
    if (last != seed || g.size() != guest.size()) {
        g.resize(guest.size());
        m.resize(memory.size());
        ir::testing::random_state(last = seed, g, m);
    }
    guest = g;
    memory = m;
}

/// A machine that can run one compiled block at a time: code memory, guest memory at TestMemory::kBase, a
/// vCPU state, and a fault handler. One instance per process.
class NativeMachine {
  public:
    static constexpr size_t kCode = 1 << 20, kStack = 1 << 16;

    NativeMachine() {
        const int fd = memfd_create("code", MFD_CLOEXEC);
        if (fd < 0 || ftruncate(fd, kCode) != 0) throw std::runtime_error("memfd_create failed");
        code_ = static_cast<u8*>(mmap(nullptr, kCode, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0));
        write_ = static_cast<u8*>(mmap(nullptr, kCode, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
        if (code_ == MAP_FAILED || write_ == MAP_FAILED) throw std::runtime_error("mmap failed");
        close(fd);
        stack_ = static_cast<u8*>(map(nullptr, kStack));
        map(reinterpret_cast<void*>(TestMemory::kBase), TestMemory::kSize);
        state_.reset(new (std::align_val_t{64}) VcpuState{});
        alt_.resize(1 << 16);
        stack_t alt{.ss_sp = alt_.data(), .ss_flags = 0, .ss_size = alt_.size()};
        sigaltstack(&alt, nullptr);
        struct sigaction sa {};
        sa.sa_sigaction = &NativeMachine::on_fault;
        sa.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigaction(SIGSEGV, &sa, nullptr);
        sigaction(SIGBUS, &sa, nullptr);
        self() = this;
    }

    static NativeMachine& get() {
        static NativeMachine m;
        return m;
    }

    struct Start {
        u64 seed = 0;
        u32 safepoint = 0;
        ir::FpEnv fp{};
        bool link = true;                        ///< direct exits between the blocks are linked
        const std::vector<u8>* guest = nullptr;  ///< guest area instead of the seed's
    };
    /// Runs one block from the state that the seed gives.
    Outcome run(const CompiledBlock& block, const ir::StateLayout& layout, u64 seed, ir::FpEnv fp = {}) {
        return run_program({&block}, layout, {.seed = seed, .fp = fp});
    }
    /// Starts the first of several blocks, which find each other by the PC of their first instruction.
    Outcome run_program(const std::vector<const CompiledBlock*>& blocks, const ir::StateLayout& layout,
                        const Start& start) {
        install(blocks, layout, start.link);
        Outcome o;
        VcpuState& s = *state_;
        s.fp = start.fp;
        if (misses != 0 || s.self == 0) init_vcpu_state(s);
        s.guest_mxcsr = mxcsr_from_fpenv(s.fp);
        misses = 0;
        s.reservation = {};
        s.icount = 0;
        s.safepoint_request = start.safepoint;
        table_ = make_helper_table([](VcpuState*, u64 pc, u64, u64) { return self()->lookup(pc); },
                                   [](VcpuState*, u64 which, u64, u64) -> u64 { return 0x1000 + which; });
        s.helpers = table_.data();
        s.return_top = reinterpret_cast<u64>(stack_ + kStack - 16 * kReturnSentinels);
        s.return_sp = s.return_top;
        auto* sentinel = reinterpret_cast<u64*>(s.return_top);
        for (unsigned i = 0; i < kReturnSentinels; i++) sentinel[2 * i + 1] = kNoPc;
        std::vector<u8> guest(layout.size + 16u), memory(TestMemory::kSize);
        seeded_state(start.seed, guest, memory);
        if (start.guest) guest = *start.guest;
        std::memcpy(s.guest, guest.data(), guest.size());
        std::memcpy(reinterpret_cast<void*>(TestMemory::kBase), memory.data(), memory.size());
        syscall(SYS_arch_prctl, ARCH_SET_GS, &s);
        reinterpret_cast<EnterFn>(code_ + stubs_.enter)(&s, code_ + placed_[0].at + blocks[0]->entry_offset);
        o.result.reason = static_cast<ir::ExitReason>(s.exit_reason);
        o.result.pc = s.pc;
        o.result.value = s.exit_value;
        if (s.exit_site) link_exit(o);
        o.guest.assign(s.guest, s.guest + guest.size());
        o.memory.assign(reinterpret_cast<u8*>(TestMemory::kBase),
                        reinterpret_cast<u8*>(TestMemory::kBase) + TestMemory::kSize);
        fpenv_from_mxcsr(s.guest_mxcsr, s.fp);
        o.fp = s.fp;
        o.reservation = s.reservation;
        o.icount = s.icount;
        return o;
    }
    VcpuState& state() { return *state_; }
    unsigned misses = 0;  ///< calls of LookupIndirect in the last run
    /// Guest PC on top of the return stack after run().
    u64 top_return_pc() const { return reinterpret_cast<u64*>(state_->return_sp)[1]; }

  private:
    struct Free {
        void operator()(VcpuState* s) const { operator delete (s, std::align_val_t{64}); }
    };
    static NativeMachine*& self() {
        static NativeMachine* m = nullptr;
        return m;
    }
    static void* map(void* at, size_t size) {
        void* p = mmap(at, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED_NOREPLACE : 0), -1, 0);
        if (p == MAP_FAILED) throw std::runtime_error("mmap failed");
        return p;
    }
    struct Placed {
        u32 at;
        const CompiledBlock* block;
        u64 pc() const { return block->side.empty() ? kNoPc : block->side[0].guest_pc; }
    };
    void install(const std::vector<const CompiledBlock*>& blocks, const ir::StateLayout& layout, bool link) {
        layout_ = &layout;
        pins_.emplace(layout);  // here, because on_fault must not allocate
        if (layout.pin_int != stub_pins_[0] || layout.pin_vector != stub_pins_[1] || stub_bytes_ == 0) {
            stub_pins_[0] = layout.pin_int;
            stub_pins_[1] = layout.pin_vector;
            std::vector<u8> stubs;
            emit_stubs(layout, HostFeatures::detect(), stubs, stubs_);
            std::memcpy(write_, stubs.data(), stubs.size());
            stub_bytes_ = stubs.size();
        }
        size_t at = stub_bytes_;
        placed_.clear();
        for (const CompiledBlock* b : blocks) {
            at = align_up(at, 64);
            placed_.push_back({static_cast<u32>(at), b});
            std::memcpy(write_ + at, b->code.data(), b->code.size());
            at += b->code.size();
        }
        for (const Placed& p : placed_) {
            for (const Relocation& r : p.block->relocations)
                if (r.kind == Relocation::Kind::StubRel32)
                    store_raw<u32>(write_ + p.at + r.offset, stubs_.stub[r.target] - (p.at + r.offset + 4));
            for (const LinkSite& l : p.block->links) {
                if (l.disp_offset % 4) throw std::runtime_error("link site is not aligned");
                for (const Placed& to : placed_)
                    if (link && to.pc() == l.target_pc)
                        store_raw<u32>(write_ + p.at + l.disp_offset,
                                       to.at + to.block->entry_offset - (p.at + l.disp_offset + 4));
            }
        }
    }
    u64 lookup(u64 pc) {
        misses++;
        for (const Placed& p : placed_) {
            if (p.pc() != pc) continue;
            const u64 entry = reinterpret_cast<u64>(code_) + p.at + p.block->entry_offset;
            state_->lookup[lookup_index(pc, layout_->pc_alignment)] = {pc,
                                                                       reinterpret_cast<const void*>(entry)};
            return entry;
        }
        return 0;
    }
    void link_exit(Outcome& o) const {
        for (const Placed& p : placed_)
            for (const LinkSite& l : p.block->links)
                if (reinterpret_cast<u64>(code_) + p.at + l.stub_return == state_->exit_site)
                    o.result.pc = l.target_pc;
    }
    static void on_fault(int sig, siginfo_t* info, void* uc) {
        NativeMachine& m = *self();
        auto& r = static_cast<ucontext_t*>(uc)->uc_mcontext;
        const u64 pc = static_cast<u64>(r.gregs[REG_RIP]);
        const u64 in_code = pc - reinterpret_cast<u64>(m.code_);
        const Placed* p = nullptr;
        for (const Placed& c : m.placed_)
            if (in_code - c.at < c.block->code.size()) p = &c;
        if (!p) {
            char text[96];
            const int n = std::snprintf(text, sizeof text, "fault outside the block: code%+lld\n",
                                        static_cast<long long>(in_code));
            if (write(2, text, static_cast<size_t>(n)) < 0) _exit(2);
            signal(sig, SIG_DFL);
            return;
        }
        constexpr int order[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                 REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
        HostContext ctx{};
        for (int i = 0; i < 16; i++) ctx.gpr[i] = static_cast<u64>(r.gregs[order[i]]);
        std::memcpy(ctx.xmm, r.fpregs->_xmm, sizeof ctx.xmm);
        ctx.mxcsr = r.fpregs->mxcsr;
        const u32 offset = static_cast<u32>(in_code) - p->at;
        recover_state(*m.state_, *m.layout_, *m.pins_, ctx, p->block->dirty, offset);
        VcpuState& s = *m.state_;
        s.exit_reason = static_cast<u64>(ir::ExitReason::MemoryFault);
        s.exit_value = reinterpret_cast<u64>(info->si_addr);
        s.exit_site = 0;
        s.pc = 0;
        for (const SideEntry& e : p->block->side)
            if (e.host_offset <= offset) s.pc = e.guest_pc;
        r.gregs[REG_RIP] = static_cast<greg_t>(reinterpret_cast<u64>(m.code_) + m.stubs_.fault_exit);
    }

    u8* code_ = nullptr;   ///< executable
    u8* write_ = nullptr;  ///< the same memory, writable
    std::vector<u16> stub_pins_[2];
    size_t stub_bytes_ = 0;
    u8* stack_ = nullptr;
    std::vector<u8> alt_;
    std::unique_ptr<VcpuState, Free> state_;
    HelperTable table_{};
    StubTable stubs_{};
    std::vector<Placed> placed_;
    const ir::StateLayout* layout_ = nullptr;
    std::optional<PinMap> pins_;
};

/// Interprets `block` from the state that `seed` gives; as long as it goes on at its own start, again. False
/// if that does not end soon.
inline bool interpret_loop(const ir::Block& block, const ir::StateLayout& layout, u64 seed, Outcome& o,
                           ir::FpEnv fp = {}) {
    TestMemory memory;
    o.fp = fp;
    o.guest.resize(layout.size + 16u);
    seeded_state(seed, o.guest, memory.bytes);
    ir::InterpContext ctx{.guest = o.guest.data(),
                          .fp = &o.fp,
                          .reservation = &o.reservation,
                          .icount = &o.icount,
                          .memory = &memory,
                          .read_time = [](u32 which) { return u64{0x1000} + which; }};
    unsigned turns = 0;
    do {
        if (turns++ == 40) return false;
        o.result = ir::interpret(block, layout, ctx);
    } while (o.result.reason == ir::ExitReason::Next && o.result.pc == block.start_pc);
    o.memory = std::move(memory.bytes);
    return true;
}

/// What differs between the interpreter's outcome and the native one; empty if nothing.
inline std::string difference(const Outcome& want, const Outcome& got, const ir::StateLayout& layout) {
    std::string d;
    const auto say = [&](std::string_view what, u64 w, u64 g) {
        if (w != g) d += fmt::format("{}: interpreter {:#x}, native {:#x}\n", what, w, g);
    };
    say("reason", static_cast<u64>(want.result.reason), static_cast<u64>(got.result.reason));
    say("pc", want.result.pc, got.result.pc);
    const auto r = want.result.reason;
    if (r != ir::ExitReason::MemoryFault && r != ir::ExitReason::Next)
        say("value", want.result.value, got.result.value);
    for (const ir::StateSlot& s : layout.slots) {
        for (unsigned at = 0; at < std::max(1u, ir::width(s.type) / 8); at += 8)
            say(at ? s.name + ".hi" : s.name, ir::testing::slot_bits(s, want.guest, at),
                ir::testing::slot_bits(s, got.guest, at));
    }
    say("flags", want.fp.flags, got.fp.flags);
    say("input denormal", want.fp.input_denormal, got.fp.input_denormal);
    say("rounding", want.fp.rounding, got.fp.rounding);
    say("icount", want.icount, got.icount);
    say("reservation", want.reservation.size, got.reservation.size);
    for (size_t i = 0; want.memory != got.memory && i < want.memory.size(); i++)
        if (want.memory[i] != got.memory[i])
            say(fmt::format("memory[{:#x}]", i), want.memory[i], got.memory[i]);
    return d;
}

}  // namespace vm::backend::x86_64::testing
