// Engine and vCPU behind engine/vcpu.h.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <mutex>
#include <unordered_set>
#include <vector>

#include "engine/block_cache.h"
#include "engine/exposed.h"
#include "engine/guarded_memory.h"
#include "engine/hart_memory.h"
#include "engine/run_control.h"
#include "engine/stats.h"
#include "engine/vcpu.h"
#include "jit/jit.h"
#include "jit/worker.h"
#include "osal/fault.h"

namespace vm::engine {

class VcpuImpl;

/// What ir::Op::ReadTime gives: 0 = the guest's time base, 10 MHz; 1 = nanoseconds (`cycle`); 2 =
/// HartMemory's time of the vCPU that runs on this thread.
inline constexpr u32 kTimeOfHart = 2;
u64 read_time(u32 which);

/// Which guest pages code was read from (hashed): lets the interpreter's caches ignore changes of data.
class CodePageFilter {
  public:
    void note(u64 begin, u64 end);
    bool may_contain(u64 begin, u64 end) const;

  private:
    static constexpr u64 kPage = 4096, kBits = 1 << 16;
    std::array<std::atomic<u64>, kBits / 64> words_{};
};

class EngineImpl final : public Engine, private jit::CodeSource {
  public:
    EngineImpl(const frontend::GuestIsa& isa, GuestMemory& memory, const EngineOptions& options);
    ~EngineImpl() override;
    Result<void> start();

    Result<std::unique_ptr<Vcpu>> create_vcpu() override { return make_vcpu(nullptr); }
    Result<std::unique_ptr<Vcpu>> create_vcpu(HartMemory& hart) override { return make_vcpu(&hart); }
    void invalidate(u64 begin, u64 end) override;
    void invalidate_all() override;
    void code_changed() override;
    void memory_is_shared() override;
    jit::Saved save_translations() override { return jit_->save_images(); }
    void set_quick_calls(const QuickCalls& calls) override { quick_calls_ = calls; }
    void stop_background(bool for_good) override;
    int background_tid() const override;
    void fork_prepare() override;
    void fork_parent() override;
    Result<void> fork_child(Vcpu& survivor) override;
    void collect(MetricSink& sink) const override;
    std::string stats_json() const override;
    void list_devices(std::span<const ListedDevice> devices) override;
    const frontend::GuestIsa& isa() const override { return isa_; }

  private:
    friend class VcpuImpl;
    Result<std::unique_ptr<Vcpu>> make_vcpu(HartMemory* hart);
    bool pages_to_compare(std::vector<u64>& pages);
    u64 fetch(u64 pc, void* out, u64 size) override { return memory_.fetch(pc, out, size); }
    bool guarded(u64 pc) override { return memory_.guarded(pc); }
    void note_code(u64 begin, u64 end) override;
    u64 limit_behind(u64 pc) override {
        return options_.control == nullptr ? ~u64{0} : limits_.load()->next(pc);
    }
    /// What the debugger wants now, and its number; blocks and translations are such that it works.
    std::shared_ptr<const Points> follow(u64* version);
    void cold(u64 pc) override;
    void expose();
    bool code_file(u64 pc, frontend::CodeFile& file) override { return memory_.code_file(pc, file); }
    /// How often the block was met before (saturating; blocks may share a counter).
    unsigned count_execution(u64 pc);
    std::atomic<u8>& counter(u64 pc) { return counters_[(pc >> 1 ^ pc >> 16) % kCounters]; }

    const frontend::GuestIsa& isa_;
    GuestMemory& memory_;
    EngineOptions options_;
    QuickCalls quick_calls_;
    std::unique_ptr<jit::Jit> jit_;
    backend::HelperTable helpers_{};
    CodePageFilter code_pages_;
    std::atomic<u64> interp_generation_{0};  ///< grows when decoded blocks may be stale
    static constexpr u64 kCounters = 1 << 15;
    std::array<std::atomic<u8>, kCounters> counters_{};
    std::atomic<bool> created_{false};  ///< a vCPU was
    mutable std::mutex mutex_;          ///< guards the three below; taken before the jit's lock
    std::vector<VcpuImpl*> vcpus_;
    struct FreshCode {
        u64 page, epoch;
    };
    std::vector<FreshCode> fresh_code_;    ///< of a machine with several vCPUs
    std::atomic<size_t> fresh_count_ = 0;  ///< how many
    Stats retired_stats_;                  ///< of vCPUs that are gone
    u64 retired_icount_ = 0;
    bool fork_failed_ = false;
    std::mutex points_mutex_;
    std::atomic<std::shared_ptr<const BlockLimits>> limits_;  ///< with a debugger
    Exposure exposure_;
};

class VcpuImpl final : public Vcpu {
  public:
    VcpuImpl(EngineImpl& engine, HartMemory* hart);
    ~VcpuImpl() override;
    Result<void> start();

    Exit run() override;
    Exit step(bool watched) override;
    void request_safepoint() override;
    u64 pc() const override { return state_->pc; }
    void set_pc(u64 pc) override { state_->pc = pc; }
    u8* guest() override { return state_->guest; }
    ir::FpEnv& fp() override { return state_->fp; }
    void state_changed() override;
    u64 icount() const override { return state_->icount; }
    void clear_reservation() override { state_->reservation = {}; }
    u64 translate_ahead(std::span<const u64> starts, u64 begin, u64 end) override;
    void set_context(const Context& context, const Context& other) override;
    void flush_tlb() override;
    void flush_tlb(u64 address) override;
    u64 hart_time() { return hart_->time(); }
    /// From any thread: stores to these host addresses are not in the TLB any more.
    void forbid_stores(u64 begin, u64 end) {
        if (translated_) translated_->forbid_stores(begin, end);
    }

    static u64 tlb_miss(backend::VcpuState* state, u64 address, u64 how, u64);
    static u64 lookup_indirect(backend::VcpuState* state, u64 pc, u64, u64);
    /// Signal handler of the thread: true if the fault is in generated code and was dealt with.
    bool host_fault(const osal::Fault& fault, osal::MachineContext& context);

  private:
    friend class EngineImpl;
    enum class Next : u8 { GoOn, Return };

    const frontend::GuestIsa& isa() const { return engine_.isa_; }
    void bind_to_thread();
    Exit loop();
    bool arrive(u64* pc);
    /// Where the code at virtual address `pc` lies, as the jit knows it. False: it cannot be fetched. Sets
    /// cut_page_.
    bool locate(u64 pc, u64* place);
    bool cut_page_ = false;  ///< perhaps not all of its page may be executed: each instruction is asked for
    void forget_code();
    void follow_points();
    Exit step_one();
    /// Programs that are watched are interpreted.
    bool interprets() const { return engine_.options_.tier == Tier::Interp || memory_.watch.active(); }
    bool watch_hit();
    static u64 code_hash(u64 address) {
        const u64 page = address / backend::kTlbPage;
        return (page ^ page >> 13) % 8192;
    }
    void follow_context();
    u64 target_of(const jit::Link& link) const;
    bool execute(u64 pc);
    Next interpret_one(u64 pc, Exit& out);
    Next straddling(u64 pc, Exit& out);
    Next after_interpreting(const ir::InterpResult& r, bool fresh, Exit& out);
    Next requests(Exit& out);
    unsigned hot_threshold() const;
    jit::Translation* hot_translation(u64 pc);
    bool is_new(u64 pc);
    Next run_generated(const u8* entry, Exit& out);
    const u8* entry_at_hand();
    Next run_interpreted(u64 pc, Exit& out);
    const ir::Block& block_to_interpret(u64 pc);
    ir::InterpResult interpret(const ir::Block& block);
    Next handle(ir::ExitReason reason, u64 pc, u64 value, bool fresh, Exit& out);
    Next memory_fault(u64 pc, Exit& out);
    bool retry_fault();
    void code_changed(u64 where);

    EngineImpl& engine_;
    jit::Jit& jit_;
    jit::Executor executor_;
    std::unique_ptr<backend::VcpuState> state_;
    jit::Worker worker_;
    GuardedMemory memory_;
    std::unique_ptr<TranslatedMemory> translated_;  ///< of a machine, in place of memory_
    HartMemory* const hart_;                        ///< of a machine
    u32 mode_ = 0;
    u32 system_mode_ = 0;  ///< what the machine adds to it
    u64 code_delta_ = 0;   ///< virtual address less place of the block that ran last
    struct CodePage {
        u64 tag = backend::kNoTlbTag;  ///< page and code context
        u64 place = 0;
    };
    static constexpr u64 kCodePages = 128;
    std::array<std::array<CodePage, 2>, kCodePages> code_pages_{};  ///< the one that was asked for last first
    Context context_, other_context_;
    std::bitset<8192> code_filter_;  ///< pages that the fast lookup may have entries of, hashed
    bool at_safepoint_ = false;      ///< the last thing that generated code did was to leave at a safepoint
    bool distrust_ = false;          ///< decode afresh and interpret once (a fetch fault may be out of date)
    jit::Link* pending_link_ = nullptr;  ///< exit that led here, to be linked to the next translation
    u64 pending_quiesced_ = 0;           ///< executor_.quiesced when it was found
    osal::MemFault fault_;               ///< the fault that ended generated code or interpretation
    struct ColdBlock {
        u64 pc, first, second;  ///< second: of its bytes
        bool operator==(const ColdBlock&) const = default;
    };
    static constexpr size_t kColdBlocks = 64;
    std::array<ColdBlock, kColdBlocks> cold_{};  ///< of a machine: what was interpreted last, by pc
    std::unordered_set<u64> uncompilable_;
    std::shared_ptr<const Points> points_;  ///< with a debugger
    u64 points_version_ = 0;
    std::shared_ptr<const BlockLimits> limits_;
    BlockCache blocks_;
    u64 blocks_generation_ = 0;
    Stats stats_;
};

}  // namespace vm::engine
