// The run loop.
#include <algorithm>

#include "engine/engine_impl.h"
#include "jit/background.h"
#include "osal/host.h"

namespace vm::engine {
namespace {

constexpr unsigned kInterpretInsns = 64;  ///< block size of the interpreter tier
constexpr unsigned kColdInsns = 32;       ///< … of a block that may never run again
constexpr u64 kMaxUncompilable = 4096;
/// A program that has come to so many translations goes on for a while: translate one execution earlier.
constexpr u64 kPatientBlocks = 1024;
/// Lookups of this thread between two looks at whether tier 2 is awake: short processes need none.
constexpr u64 kWakeEvery = 128;

// Reached from the fault handler of the thread.
thread_local VcpuImpl* current_vcpu = nullptr;
thread_local osal::SignalStack* signal_stack = nullptr;

/// The alternate signal stack belongs to the thread, not to a vCPU: it must outlive them all.
Result<void> need_signal_stack() {
    thread_local osal::SignalStack stack;
    if (signal_stack != nullptr) return {};
    if (auto r = stack.install(); !r) return r;
    signal_stack = &stack;
    return {};
}

/// An instruction of `block` reads and writes memory as one (AMO, compare-and-exchange).
bool updates_memory(const ir::Block& block) {
    constexpr u16 kBoth = ir::kEffectRM | ir::kEffectWM;
    return std::ranges::any_of(block.insts,
                               [](const ir::Inst& i) { return (info(i.op).effects & kBoth) == kBoth; });
}

}  // namespace

u64 read_time(u32 which) {
    if (which == kTimeOfHart) return current_vcpu->hart_time();
    const u64 ns = osal::monotonic_ns();
    return which == 0 ? ns / 100 : ns;
}

bool fault_hook(const osal::Fault& fault, osal::MachineContext& context) {
    VcpuImpl* v = current_vcpu;
    return v != nullptr && v->host_fault(fault, context);
}

VcpuImpl::VcpuImpl(EngineImpl& engine, HartMemory* hart)
    : engine_(engine),
      jit_(*engine.jit_),
      state_(std::make_unique<backend::VcpuState>()),
      worker_(jit_),
      memory_(engine.memory_),
      hart_(hart) {
    if (hart != nullptr) translated_ = std::make_unique<TranslatedMemory>(*state_, *hart, stats_);
}

VcpuImpl::~VcpuImpl() {
    if (executor_.state == nullptr) return;
    jit_.remove(executor_);
    const std::lock_guard lock(engine_.mutex_);
    std::erase(engine_.vcpus_, this);
    const ExposedChange change(engine_.exposure_);
    change.remove(stats_);
    engine_.retired_stats_ += stats_;
    engine_.retired_icount_ += state_->icount;
    if (current_vcpu == this) current_vcpu = nullptr;
}

Result<void> VcpuImpl::start() {
    if (auto r = need_signal_stack(); !r) return r;
    if (auto r = executor_.return_stack.create(); !r) return r;
    jit_.host().init_state(*state_);
    if (hart_ != nullptr) backend::clear_tlb(*state_);
    state_->helpers = engine_.helpers_.data();
    state_->owner = this;
    state_->return_top = executor_.return_stack.top();
    executor_.state = state_.get();
    jit_.add(executor_);
    mode_ = engine_.isa_.mode_of(state_->guest, state_->fp);
    bind_to_thread();
    const std::lock_guard lock(engine_.mutex_);
    engine_.vcpus_.push_back(this);
    ExposedChange(engine_.exposure_)
        .add(stats_, state_->icount, hart_ != nullptr ? hart_->counters() : nullptr);
    return {};
}

void VcpuImpl::bind_to_thread() { current_vcpu = this; }

// Reached from signal handlers that ThreadSanitizer does not know of. Its atomics take locks, which the
// interrupted code may hold (seen: a deadlock within seconds of tests/stress), so this one operation is
// hidden from it.
__attribute__((no_sanitize("thread"))) void VcpuImpl::request_safepoint() {
    __atomic_fetch_or(&state_->safepoint_request, jit::kRequestOwner, __ATOMIC_SEQ_CST);
}

void VcpuImpl::state_changed() {
    const u32 mode = engine_.isa_.mode_of(state_->guest, state_->fp) | system_mode_;
    if (mode == mode_) return;
    mode_ = mode;
    jit_.reset_predictions(executor_);
}

/// The debugger's points are to be those that it has set last.
void VcpuImpl::follow_points() {
    const RunControl* const control = engine_.options_.control;
    if (control == nullptr || control->points_version() == points_version_) return;
    points_ = engine_.follow(&points_version_);
    limits_ = engine_.limits_.load();
    const std::vector<Watch>* const watches = points_->watches.empty() ? nullptr : &points_->watches;
    memory_.watch.set(hart_ == nullptr ? watches : nullptr);
    if (translated_) {
        translated_->watch.set(watches);
        translated_->flush();
    }
}

/// The access that just failed was one that is watched.
bool VcpuImpl::watch_hit() {
    WatchGuard& watch = translated_ ? translated_->watch : memory_.watch;
    const auto hit = watch.take_hit();
    if (hit) fault_ = {.addr = hit->address, .write = hit->write};
    return hit.has_value();
}

Exit VcpuImpl::run() {
    bind_to_thread();
    follow_points();
    stats_.runs++;
    jit_.enter(executor_);
    const Exit e = loop();
    jit_.leave(executor_);
    state_->pc = e.pc;
    return e;
}

Exit VcpuImpl::loop() {
    Exit out;
    for (;;) {
        if (std::atomic_ref<u32>(state_->safepoint_request).load(std::memory_order_acquire) != 0) [[unlikely]]
            if (requests(out) == Next::Return) return out;
        if (!arrive(&state_->pc)) return out = Exit{ir::ExitReason::Illegal, state_->pc, isa().bad_branch};
        if (points_ && points_->breaks_at(state_->pc))
            return out = Exit{ir::ExitReason::DebugBreak, state_->pc};
        if (const u8* const entry = entry_at_hand()) {
            if (run_generated(entry, out) == Next::Return) return out;
            continue;
        }
        u64 pc = state_->pc;
        if (!locate(pc, &pc)) return out = Exit{ir::ExitReason::FetchFault, pc, pc};
        if (cut_page_) [[unlikely]] {
            pending_link_ = nullptr;
            if (interpret_one(state_->pc, out) == Next::Return) return out;
            continue;
        }
        const bool interpreted = interprets() || distrust_ || (limits_ && limits_->contains(pc));
        const jit::Translation* t = interpreted ? nullptr : hot_translation(pc);
        if (t != nullptr && hart_ != nullptr && !(t->mode & jit::kModeUngrouped))
            jit_.host().fill_fast_lookup(*state_, state_->pc, t->entry);
        if ((t != nullptr ? run_generated(t->entry, out) : run_interpreted(pc, out)) == Next::Return)
            return out;
    }
}

/// Takes the marks of an indirect branch off `*pc`; where it may not go, they stay: the guest is told of
/// them.
bool VcpuImpl::arrive(u64* pc) {
    if (!(*pc & isa().branch_marks)) [[likely]]
        return true;
    u64 address = *pc;
    if (!worker_.arrive(&address)) return false;
    *pc = address;
    return true;
}

bool VcpuImpl::locate(u64 pc, u64* place) {
    if (hart_ == nullptr) return true;
    const u64 page = pc & ~(backend::kTlbPage - 1);
    const u64 tag = page | context_.code;
    auto& ways = code_pages_[(code_hash(pc) ^ context_.code * 29) % kCodePages];
    CodePage& c = ways[0];
    cut_page_ = false;
    if (c.tag != tag) std::swap(c, ways[1]);
    if (c.tag != tag) {
        HartMemory::Page found;
        if (!hart_->page(pc, HartMemory::Access::Fetch, 2, &found) || found.host == nullptr) return false;
        code_filter_.set(code_hash(pc));
        cut_page_ = !found.keep;
        c = {found.keep ? tag : backend::kNoTlbTag, reinterpret_cast<u64>(found.host)};
    }
    state_->code_page = page;
    code_delta_ = page - c.place;
    *place = pc - code_delta_;
    return true;
}

/// The instruction at `pc` begins on one page and ends on the next, which may be anywhere.
VcpuImpl::Next VcpuImpl::straddling(u64 pc, Exit& out) {
    u64 first = 0, second = 0;
    if (!locate(pc + 2, &second)) {
        out = Exit{ir::ExitReason::FetchFault, pc, pc + 2};
        return Next::Return;
    }
    u8 bytes[4];
    if (!locate(pc, &first) || engine_.fetch(first, bytes, 2) != 2 ||
        engine_.fetch(second, bytes + 2, 2) != 2) {
        out = Exit{ir::ExitReason::FetchFault, pc, pc};
        return Next::Return;
    }
    const ir::InterpResult r = interpret(worker_.decode_bytes(first, mode_, bytes));
    return after_interpreting(r, true, out);
}

void VcpuImpl::set_context(const Context& c, const Context& other) {
    store_raw(state_->guest + ir::kTlbContextOffset, u64{c.data});
    other_context_ = other;
    if (c.code != context_.code) {
        store_raw(state_->guest + ir::kCodeContextOffset, code_tag(c));
        // Who returns would believe what was pushed before.
        state_->return_sp = state_->return_top;
    }
    context_ = c;
    mode_ = (mode_ & ~system_mode_) | c.mode;
    system_mode_ = c.mode;
    state_changed();
}

/// Guest code was run, and may have changed to the other context.
void VcpuImpl::follow_context() {
    if (backend::code_context(*state_) == code_tag(context_)) [[likely]]
        return;
    std::swap(context_, other_context_);
    mode_ = (mode_ & ~system_mode_) | context_.mode;
    system_mode_ = context_.mode;
}

void VcpuImpl::flush_tlb() {
    translated_->flush();
    forget_code();
}

void VcpuImpl::flush_tlb(u64 address) {
    translated_->flush(address);
    if (code_filter_[code_hash(address)]) forget_code();
}

void VcpuImpl::forget_code() {
    code_pages_.fill({});
    code_filter_.reset();
    jit_.reset_predictions(executor_);
}

VcpuImpl::Next VcpuImpl::requests(Exit& out) {
    const std::atomic_ref<u32> word(state_->safepoint_request);
    const u32 bits = word.fetch_and(~(jit::kRequestSync | jit::kRequestOwner | jit::kRequestSample));
    if (jit_.too_many_traps()) jit_.stop_traps();
    if (bits & jit::kRequestSync) jit_.quiesce(executor_);
    if ((bits & jit::kRequestSample) && at_safepoint_) {
        jit_.background()->sampled(state_->pc, mode_, {state_->call_site, state_->call_target});
        state_->call_site = 0;
    }
    at_safepoint_ = false;
    if (!(bits & jit::kRequestOwner)) return Next::GoOn;
    stats_.safepoints++;
    out = Exit{ir::ExitReason::Safepoint, state_->pc};
    return Next::Return;
}

unsigned VcpuImpl::hot_threshold() const {
    const unsigned n = engine_.options_.hot_threshold;
    return n > 1 && jit_.live_translations() > kPatientBlocks ? n - 1 : n;
}

/// The translation for `pc`, made now if the block has run often enough; linked to the exit that led here.
jit::Translation* VcpuImpl::hot_translation(u64 pc) {
    stats_.lookups++;
    jit::Background* const background = jit_.background();
    if (background != nullptr && stats_.lookups % kWakeEvery == 0) background->wake();
    const bool ungrouped = pending_link_ != nullptr && pending_link_->ungrouped;
    const u32 mode = mode_ | (ungrouped ? jit::kModeUngrouped : 0);
    jit::Translation* t = jit_.lookup(pc, mode);
    if (t == nullptr) t = jit_.revive(executor_, pc, mode);
    if (t == nullptr) t = jit_.lookup_on_disk(pc, mode);
    if (t == nullptr) {
        if (engine_.options_.tier == Tier::Auto) {
            // Code that is rewritten before each run does not become hotter by running.
            if (hart_ != nullptr && is_new(pc)) engine_.cold(pc);
            if (engine_.count_execution(pc) < hot_threshold()) return nullptr;
        }
        if (!uncompilable_.empty() && uncompilable_.contains(pc)) return nullptr;
        if (engine_.options_.tier == Tier::Two && jit_.optimize(worker_, pc, mode_, false)) {
            jit_.quiesce(executor_);
            t = jit_.lookup(pc, mode_);
        }
        if (t == nullptr) t = jit_.translate(worker_, executor_, pc, mode);
        if (t == nullptr) {
            if (uncompilable_.size() >= kMaxUncompilable) uncompilable_.clear();
            uncompilable_.insert(pc);
            return nullptr;
        }
        if (background != nullptr && worker_.loops()) background->wake();  // perhaps nothing else is to come
    }
    // The caller of run() may have set another pc or mode since (a signal handler).
    if (pending_link_ != nullptr && pending_quiesced_ == executor_.quiesced &&
        pending_link_->target_pc == pc && jit::target_mode(*pending_link_) == t->mode &&
        (hart_ == nullptr || (pending_link_->from->pc ^ pc) / backend::kTlbPage == 0))
        jit_.link(*pending_link_, *t);
    jit_.touch(*t);
    return t;
}

u64 VcpuImpl::translate_ahead(std::span<const u64> starts, u64 begin, u64 end) {
    if (engine_.options_.tier != Tier::Auto && engine_.options_.tier != Tier::One) return 0;
    const u64 room = engine_.options_.code_cache_bytes - engine_.options_.code_cache_bytes / 8;
    std::vector<u64> todo(starts.rbegin(), starts.rend());
    std::unordered_set<u64> seen;
    u64 made = 0;
    jit_.enter(executor_);
    while (!todo.empty() && jit_.used_code_bytes() < room) {
        const u64 pc = todo.back();
        todo.pop_back();
        if (pc - begin >= end - begin || !seen.insert(pc).second) continue;
        const jit::Translation* t = jit_.lookup(pc, mode_);
        if (t == nullptr) t = jit_.lookup_on_disk(pc, mode_);
        if (t == nullptr) {
            t = jit_.translate(worker_, executor_, pc, mode_);
            if (t == nullptr) continue;
            made++;
        }
        for (const jit::Link& l : t->links) todo.push_back(l.target_pc);
    }
    jit_.leave(executor_);
    return made;
}

/// Does other code begin at `pc` than when it was interpreted last? Only the first instructions are looked
/// at, and not known is not new.
bool VcpuImpl::is_new(u64 pc) {
    u64 words[2] = {};
    std::memcpy(words, reinterpret_cast<const void*>(pc),
                std::min(sizeof words, backend::kTlbPage - pc % backend::kTlbPage));
    ColdBlock& c = cold_[pc / 2 % kColdBlocks];
    const ColdBlock now{pc, words[0], words[1]};
    const bool differs = c.pc == pc && c != now;
    c = now;
    return differs;
}

/// Where an exit that was just left through leads. Of a machine, code may have gone to other pages since it
/// was entered.
u64 VcpuImpl::target_of(const jit::Link& link) const {
    if (hart_ == nullptr) return link.target_pc;
    return state_->code_page + (link.target_pc - (link.from->pc & ~(backend::kTlbPage - 1)));
}

/// Of a machine, the entry at pc if the table of indirect branches has it: kernels come and go by exits.
const u8* VcpuImpl::entry_at_hand() {
    if (hart_ == nullptr || pending_link_ != nullptr || distrust_) return nullptr;
    const u8* const entry = jit_.host().fast_lookup(*state_, state_->pc);
    if (entry != nullptr) state_->code_page = state_->pc & ~(backend::kTlbPage - 1);
    return entry;
}

VcpuImpl::Next VcpuImpl::run_generated(const u8* entry, Exit& out) {
    pending_link_ = nullptr;
    stats_.enters++;
    at_safepoint_ = false;
    // A sample that was asked for while something else was done would say nothing of the code.
    const std::atomic_ref<u32> word(state_->safepoint_request);
    if (word.load(std::memory_order_relaxed) & jit::kRequestSample) [[unlikely]]
        word.fetch_and(~jit::kRequestSample);
    jit_.host().enter(*state_, entry);
    follow_context();
    const auto reason = static_cast<ir::ExitReason>(state_->exit_reason);
    if (reason == ir::ExitReason::Next) {
        if (state_->exit_site == 0) return Next::GoOn;
        pending_link_ = jit_.exit_link(state_->exit_site);
        pending_quiesced_ = executor_.quiesced;
        state_->pc = target_of(*pending_link_);
        return Next::GoOn;
    }
    return handle(reason, state_->pc, state_->exit_value, false, out);
}

const ir::Block& VcpuImpl::block_to_interpret(u64 pc) {
    if (!interprets()) return worker_.decode(pc, mode_, kColdInsns);
    const u64 generation = engine_.interp_generation_.load();
    if (generation != blocks_generation_ || distrust_) {
        if (!blocks_.empty()) blocks_.clear();
        blocks_generation_ = generation;
    }
    if (const ir::Block* b = blocks_.find(pc, mode_)) return *b;
    return *blocks_.insert(pc, mode_, worker_.decode(pc, mode_, kInterpretInsns, jit::Worker::Use::Cached));
}

ir::InterpResult VcpuImpl::interpret(const ir::Block& block) {
    ir::InterpContext context{.guest = state_->guest,
                              .fp = &state_->fp,
                              .reservation = &state_->reservation,
                              .icount = &state_->icount,
                              .memory = &memory_,
                              .code_delta = code_delta_,
                              .read_time = &read_time};
    if (translated_) context.memory = translated_.get();
    const u64 repeated = memory_.repeated;
    ir::InterpResult r = ir::interpret(block, *engine_.isa_.layout, context);
    stats_.repeated_faults += memory_.repeated - repeated;
    stats_.interpreted++;
    stats_.interpreted_insns += r.insns;
    if (backend::code_context(*state_) != code_tag(context_)) {
        state_->return_sp = state_->return_top;  // as generated code does it
        follow_context();
    }
    if (r.reason != ir::ExitReason::MemoryFault) return r;
    if (watch_hit()) {
        r.reason = ir::ExitReason::DebugWatch;
        r.value = fault_.addr;
        return r;
    }
    fault_ = memory_.fault();
    if (translated_)
        fault_ = {.addr = translated_->fault_addr, .signal = SIGSEGV, .write = translated_->fault_write};
    return r;
}

VcpuImpl::Next VcpuImpl::run_interpreted(u64 pc, Exit& out) {
    pending_link_ = nullptr;
    const bool fresh = distrust_ || !interprets();
    const ir::InterpResult r = interpret(block_to_interpret(pc));
    distrust_ = false;
    return after_interpreting(r, fresh, out);
}

VcpuImpl::Next VcpuImpl::after_interpreting(const ir::InterpResult& r, bool fresh, Exit& out) {
    state_->pc = r.pc;
    if (r.reason == ir::ExitReason::MemoryFault) {  // the owner has been asked already
        if (retry_fault()) return Next::GoOn;
        stats_.faults++;
        out = Exit{r.reason, r.pc, fault_.addr, fault_.write, fault_.signal, fault_.code};
        return Next::Return;
    }
    return handle(r.reason, r.pc, r.value, fresh, out);
}

/// `fresh`: the block was decoded for this very execution.
VcpuImpl::Next VcpuImpl::handle(ir::ExitReason reason, u64 pc, u64 value, bool fresh, Exit& out) {
    state_->pc = pc;
    switch (reason) {
        case ir::ExitReason::Next: return Next::GoOn;
        case ir::ExitReason::Safepoint: at_safepoint_ = true; return Next::GoOn;
        case ir::ExitReason::CodeSync: code_changed(value); return Next::GoOn;
        case ir::ExitReason::ModeChange:
            stats_.mode_changes++;
            state_changed();
            return Next::GoOn;
        case ir::ExitReason::FetchFault:
            // Blocks of a machine end where their page does.
            if (hart_ != nullptr) return straddling(pc, out);
            // The page may have been mapped since the block was made: look again before telling the guest.
            if (!fresh) {
                distrust_ = true;
                return Next::GoOn;
            }
            break;
        case ir::ExitReason::Illegal:
            if (hart_ != nullptr && execute(pc)) return Next::GoOn;
            break;
        case ir::ExitReason::Interpret:
            if (engine_.options_.exact_icount || (mode_ & frontend::kModeCounts))
                state_->icount--;  // it is counted already
            return interpret_one(pc, out);
        case ir::ExitReason::MemoryFault: return memory_fault(pc, out);
        case ir::ExitReason::Syscall: {
            const QuickCalls& quick = engine_.quick_calls_;
            if (pc - quick.begin < quick.end - quick.begin && quick.answer(quick.owner, state_->guest))
                return Next::GoOn;
            break;
        }
        default: break;
    }
    out = Exit{reason, pc, value};
    out.write = reason == ir::ExitReason::DebugWatch && fault_.write;
    return Next::Return;
}

/// Lets the machine execute the instruction at `pc`. False: it must do so outside run().
bool VcpuImpl::execute(u64 pc) {
    u64 place = 0;
    if (!locate(pc, &place)) return false;
    u32 bits = load_raw<u16>(reinterpret_cast<const u8*>(place));
    if ((bits & 3) != 3) return hart_->execute(pc, bits, 2);
    if (pc % backend::kTlbPage == backend::kTlbPage - 2) return false;
    return hart_->execute(pc, load_raw<u32>(reinterpret_cast<const u8*>(place)), 4);
}

/// The instruction at `pc`, which generated code left to the interpreter.
VcpuImpl::Next VcpuImpl::interpret_one(u64 pc, Exit& out) {
    u64 place = 0;
    if (!locate(pc, &place)) {
        out = Exit{ir::ExitReason::FetchFault, pc, pc};
        return Next::Return;
    }
    return after_interpreting(interpret(worker_.decode(place, mode_, 1)), true, out);
}

/// `where`: the value of a CodeSync exit.
void VcpuImpl::code_changed(u64 where) {
    const u64 begin = where & ~u64{63};
    if (hart_ != nullptr) {
        engine_.code_changed();
        return;
    }
    if (interprets()) blocks_.clear();
    if (engine_.options_.tier == Tier::Interp) return;
    if (where == 0)
        jit_.sync_code();
    else
        jit_.sync_code(begin, begin + (u64{1} << (where & 63)));
}

/// Can the access that faulted go another way (GuestIsa::retry_fault)? Then the guest goes on at the same
/// instruction.
bool VcpuImpl::retry_fault() {
    const auto retry = engine_.isa_.retry_fault;
    if (retry == nullptr || !retry(state_->guest, fault_.addr)) return false;
    stats_.mode_changes++;
    state_changed();
    return true;
}

/// A fault in generated code, state recovered. Asks the owner, then tells the caller.
VcpuImpl::Next VcpuImpl::memory_fault(u64 pc, Exit& out) {
    // An atomic update that begins with a plain read on this host is a store all the same.
    if (!fault_.write) fault_.write = updates_memory(worker_.decode(pc, mode_, 1));
    if (fault_.code == SI_KERNEL) {
        // A non-canonical address: the host does not say which. The interpreter knows.
        const ir::InterpResult r = interpret(worker_.decode(pc, mode_, 1));
        if (r.reason != ir::ExitReason::MemoryFault) return handle(r.reason, r.pc, r.value, true, out);
    } else if (engine_.memory_.handle_host_fault(fault_.addr, fault_.write)) {
        stats_.repeated_faults++;
        return Next::GoOn;
    }
    if (retry_fault()) return Next::GoOn;
    stats_.faults++;
    out = Exit{ir::ExitReason::MemoryFault, pc, fault_.addr, fault_.write, fault_.signal, fault_.code};
    return Next::Return;
}

Exit VcpuImpl::step(bool watched) {
    bind_to_thread();
    if (watched) {
        follow_points();
        return step_one();
    }
    memory_.watch.set(nullptr);
    if (translated_) translated_->watch.set(nullptr);
    const Exit e = step_one();
    points_version_ = 0;  // they are set again
    return e;
}

Exit VcpuImpl::step_one() {
    jit_.enter(executor_);
    if (!arrive(&state_->pc)) {
        jit_.leave(executor_);
        return {ir::ExitReason::Illegal, state_->pc, isa().bad_branch};
    }
    Exit out{ir::ExitReason::Next, state_->pc};
    u64 place = state_->pc;
    if (!locate(place, &place)) {
        jit_.leave(executor_);
        return {ir::ExitReason::FetchFault, state_->pc, state_->pc};
    }
    const ir::InterpResult r = interpret(worker_.decode(place, mode_, 1));
    state_->pc = r.pc;
    if (r.reason == ir::ExitReason::MemoryFault) {
        stats_.faults++;
        out = Exit{r.reason, r.pc, fault_.addr, fault_.write, fault_.signal, fault_.code};
    } else if (handle(r.reason, r.pc, r.value, true, out) == Next::GoOn) {
        out = Exit{ir::ExitReason::Next, state_->pc};
    }
    jit_.leave(executor_);
    return out;
}

u64 VcpuImpl::tlb_miss(backend::VcpuState* state, u64 address, u64 how, u64) {
    VcpuImpl& v = *static_cast<VcpuImpl*>(state->owner);
    const u64 bytes = how % backend::kTlbMissStore;
    if (address % backend::kTlbPage + bytes > backend::kTlbPage) return 0;
    if (v.translated_->watch.on_page(address, backend::kTlbPage)) return 0;
    HartMemory::Page page;
    const bool store = how & backend::kTlbMissStore, group = how & backend::kTlbMissGroup;
    if (!v.translated_->find(address, static_cast<unsigned>(bytes), store, &page) || page.host == nullptr ||
        (group && !page.keep))
        return 0;
    return reinterpret_cast<u64>(page.host) + address % backend::kTlbPage;
}

u64 VcpuImpl::lookup_indirect(backend::VcpuState* state, u64 pc, u64, u64) {
    VcpuImpl& v = *static_cast<VcpuImpl*>(state->owner);
    v.stats_.indirect_lookups++;
    v.follow_context();
    u64 address = pc;
    jit::Translation* t = nullptr;
    if (v.arrive(&address) && v.locate(address, &address) && !v.cut_page_) {
        t = v.jit_.lookup(address, v.mode_);
        if (t == nullptr) t = v.jit_.lookup_on_disk(address, v.mode_);
    }
    if (t == nullptr) {
        v.stats_.indirect_misses++;
        return 0;
    }
    v.jit_.touch(*t);
    v.jit_.host().fill_fast_lookup(*state, pc, t->entry);
    return reinterpret_cast<u64>(t->entry);
}

bool VcpuImpl::host_fault(const osal::Fault& fault, osal::MachineContext& context) {
    if (!jit_.contains(fault.pc)) return false;
    jit::CodeSite site;
    if (fault.signal == SIGFPE) {
        if (!jit_.find(fault.pc, site)) return false;
        jit_.host().invalid_operation(site, jit_.code_base(), context);
        if (jit_.count_trap()) std::atomic_ref<u32>(state_->safepoint_request).fetch_or(jit::kRequestSync);
        return true;
    }
    if (fault.signal == SIGTRAP && fault.code == TRAP_TRACE) {
        jit_.host().masked_step_done(context);
        return true;
    }
    if (fault.signal != SIGSEGV && fault.signal != SIGBUS) return false;
    if (const u64 sp = executor_.return_stack.make_room(fault.addr, fault.sp)) {
        context.set_sp(sp);
        return true;
    }
    if (!jit_.find(fault.pc, site)) return false;
    fault_ = {fault.addr, fault.signal, fault.code, fault.write};
    jit_.host().leave_by_fault(*state_, site, jit_.code_base(), context);
    state_->exit_reason = static_cast<u64>(ir::ExitReason::MemoryFault);
    state_->exit_value = fault.addr;
    state_->exit_site = 0;
    return true;
}

}  // namespace vm::engine
