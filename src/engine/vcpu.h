// vCPU: runs guest code until something happens that its caller must handle, and says what, as a value.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/vcpu_state.h"
#include "base/metrics.h"
#include "base/result.h"
#include "frontend/guest_isa.h"
#include "gc/policy.h"
#include "jit/stats.h"
#include "optimizers/region_policy.h"

namespace vm::engine {

class RunControl;  // engine/run_control.h

/// Auto: interpreter, then tier 1, hot loops by tier 2 in the background. Two: all code by tier 2 from its
/// first execution on, for tests.
enum class Tier : u8 { Auto, Interp, One, Two };

/// Options of one engine; the same for all its vCPUs.
struct EngineOptions {
    Tier tier = Tier::Auto;
    u64 code_cache_bytes = u64{256} << 20;              ///< limit
    gc::Policy cache_policy = gc::Policy::Generations;  ///< what happens when it is reached
    bool exact_icount = false;
    /// Of a whole machine: guest addresses are virtual ones, and vCPUs belong to a HartMemory. GuestMemory's
    /// pcs are then host addresses of its RAM.
    bool system = false;
    bool timings = true;  ///< stats_json() says how long translating took
    u64 cpu_features = ~u64{0};
    u64 disabled_opts = 0;  ///< optimizations switched off: low half backend::JitOpt, high half IR passes
    /// Tier::Auto: executions in the interpreter before tier 1; one fewer in programs that have translated
    /// much.
    unsigned hot_threshold = 2;
    optimizers::RegionPolicy region_policy = {};  ///< Tier::Auto: which hot loops become regions
    bool dump_guest = false, dump_ir = false, dump_host = false, dump_regions = false;
    u64 dump_addr = 0;  ///< 0 = every block
    enum class Perf : u8 { None, Map, Jitdump } perf = Perf::None;
    /// A debugger's; the vCPUs are run by it. Without tier 2 and translations on disk. Outlives the engine.
    RunControl* control = nullptr;
    std::string image_dir =
        {};  ///< translations on disk; empty = none. With tiers Auto and One; not with dumps or perf
    u64 image_limit = u64{1} << 30;  ///< bytes of all of them
};

/// The engine's questions about guest memory, answered by its owner (user-mode address space or machine).
/// All functions may be called from any vCPU thread.
class GuestMemory {
  public:
    virtual ~GuestMemory() = default;
    /// As frontend::FetchFn.
    virtual u64 fetch(u64 pc, void* out, u64 size) = 0;
    /// As frontend::TranslateRequest::guarded. When a page's answer changes, Engine::invalidate() must
    /// follow.
    virtual bool guarded(u64) { return false; }
    /// Translations of [begin, end) are about to be made: from now on a change of these bytes must lead to
    /// Engine::invalidate(). Called before the bytes are read.
    /// True, of a machine: stores to some of it went unnoticed until now.
    virtual bool note_code(u64 begin, u64 end) = 0;
    /// Of a machine: which pages with code may have been written since the last call. False: not known, so
    /// all are compared.
    virtual bool written_code(std::vector<u64>&) { return false; }
    /// A host fault at `addr` while guest code ran. True: the owner changed something (e.g. unprotected a
    /// code page) and the access is to be repeated. False: it is the guest's fault.
    virtual bool handle_host_fault(u64 addr, bool write) = 0;
    /// The file mapping that `pc` lies in: its translations may be kept on disk. False: there is none, or its
    /// bytes may differ from the file's. If such a mapping becomes writable, Engine::invalidate() must
    /// follow.
    virtual bool code_file(u64, frontend::CodeFile&) { return false; }
};

/// What ended Vcpu::run. pc and value: see ir::ExitReason.
struct Exit {
    ir::ExitReason reason = ir::ExitReason::None;
    u64 pc = 0;
    u64 value = 0;
    bool write = false;   ///< MemoryFault: it was a store
    int host_signal = 0;  ///< MemoryFault: SIGSEGV or SIGBUS as the host saw it
    int host_code = 0;    ///< its si_code
};

struct Stats;  // engine/stats.h
struct ListedDevice;

class Engine;
class HartMemory;  // engine/hart_memory.h

/// One virtual processor, bound to the host thread that calls run().
class Vcpu {
  public:
    virtual ~Vcpu() = default;
    /// Runs from pc() until an exit that the caller must handle (Syscall, Breakpoint, Illegal, MemoryFault,
    /// FetchFault, Misaligned, Safepoint, Wait, Unsupported; with a debugger DebugBreak, DebugWatch; CodeSync
    /// and ModeChange are handled inside).
    /// Guest state is complete and precise when it returns. All asynchronous requests arrive as Safepoint.
    virtual Exit run() = 0;
    /// Executes exactly one guest instruction (in the interpreter), whether there is a breakpoint or not.
    /// `watched`: it stops before an access that a watchpoint waits for.
    virtual Exit step(bool watched = true) = 0;
    /// Async-signal-safe, any thread: run() returns Safepoint soon. Sticky until a run() has returned it.
    virtual void request_safepoint() = 0;

    virtual u64 pc() const = 0;
    virtual void set_pc(u64 pc) = 0;
    /// Guest register file; slot offsets from GuestIsa::layout.
    virtual u8* guest() = 0;
    virtual ir::FpEnv& fp() = 0;
    /// To be called after registers that decide the mode (rounding) were changed from outside.
    virtual void state_changed() = 0;
    virtual u64 icount() const = 0;
    virtual void clear_reservation() = 0;
    /// Of a machine: what memory is seen through. What was found under a number stays true until flush_tlb().
    struct Context {
        u32 data = 0;  ///< a number of page tables and privilege for loads and stores, below 4095
        u32 code = 0;  ///< of page tables, privilege and mode for fetches, at most kMostCodeContexts
        u32 mode = 0;  ///< bits of the block key that the machine knows (the front end's Mode)
    };
    static constexpr u32 kMostCodeContexts = 126;
    /// `other`: what generated code may change to and back from by itself, with code_tag() of it in
    /// ir::kCodeContextOffset.
    virtual void set_context(const Context& context, const Context& other) = 0;
    /// Addresses of all page table formats have their seven highest bits alike.
    static constexpr u64 code_tag(const Context& c) { return u64{c.code} << 57; }
    /// Of a machine: forgets all virtual addresses, or those on the page of `address`.
    virtual void flush_tlb() = 0;
    virtual void flush_tlb(u64 address) = 0;
    /// Translates the blocks at `starts` and those that direct jumps and calls lead to from there, as far as
    /// they lie in [begin, end), without running them. Ends early when the code cache is nearly full. How
    /// many it made. Not with tiers Interp and Two.
    virtual u64 translate_ahead(std::span<const u64> starts, u64 begin, u64 end) = 0;

    u64 reg(u16 slot_offset) { return load_raw<u64>(guest() + slot_offset); }
    void set_reg(u16 slot_offset, u64 v) { store_raw(guest() + slot_offset, v); }
};

/// System calls that their owner answers inside run(), without an exit: those made by code in [begin, end).
struct QuickCalls {
    u64 begin = 0, end = 0;
    void* owner = nullptr;
    /// True: done, the result is in the register file `guest`. False: it becomes an ordinary exit. Any
    /// thread.
    bool (*answer)(void* owner, u8* guest) = nullptr;
};

/// Everything that the vCPUs of one guest share: translations, lookup, options, counters.
class Engine {
  public:
    static Result<std::unique_ptr<Engine>> create(const frontend::GuestIsa& isa, GuestMemory& memory,
                                                  const EngineOptions& options);
    virtual ~Engine() = default;
    /// A vCPU for the calling thread: installs its alternate signal stack. Destroy on the same
    /// thread.
    virtual Result<std::unique_ptr<Vcpu>> create_vcpu() = 0;
    /// The same for a processor of a machine (EngineOptions::system), which sees memory as `hart` says.
    virtual Result<std::unique_ptr<Vcpu>> create_vcpu(HartMemory& hart) = 0;
    /// Drops every translation that contains a byte of [begin, end). Other vCPUs leave them at their next
    /// safepoint.
    virtual void invalidate(u64 begin, u64 end) = 0;
    virtual void invalidate_all() = 0;
    /// What FENCE.I of a vCPU does: every translation whose bytes have changed is dropped.
    virtual void code_changed() = 0;
    /// Guest memory is about to become visible to another thread or process (a guest thread, a writable
    /// shared mapping). Until then generated code leaves out what only others could notice: lock prefixes and
    /// fences. Returns when no vCPU runs such code any more; not to be called from inside run(). Creating a
    /// second vCPU does it. Not undone; thread-safe.
    virtual void memory_is_shared() = 0;
    /// Keeps on disk what was translated of mapped files, if EngineOptions::image_dir says so and it is worth
    /// it. At the end of the process or before it becomes another program; no vCPU of this thread is inside
    /// run(). What became of the files that were worth it.
    virtual jit::Saved save_translations() = 0;
    /// Before the first run().
    virtual void set_quick_calls(const QuickCalls& calls) = 0;
    /// Ends the thread of tier 2, if there is one, until a vCPU runs for a while again: for system calls that
    /// a process with several threads may not make. `for_good`: there will be none again.
    virtual void stop_background(bool for_good = false) = 0;
    /// The host's id of that thread, 0 if there is none.
    virtual int background_tid() const = 0;
    /// fork(2): call prepare before it, then parent or child after it. In the child only the calling thread's
    /// vCPU lives on.
    virtual void fork_prepare() = 0;
    virtual void fork_parent() = 0;
    virtual Result<void> fork_child(Vcpu& survivor) = 0;
    /// Everything that is counted here, at any time, on any thread.
    virtual void collect(MetricSink& sink) const = 0;
    /// The same as JSON (what `--stats` writes).
    virtual std::string stats_json() const = 0;
    /// Of a machine: the devices that `vm top` finds, in place of those before. They count while they are
    /// listed.
    virtual void list_devices(std::span<const ListedDevice> devices) = 0;
    virtual const frontend::GuestIsa& isa() const = 0;
};

}  // namespace vm::engine
