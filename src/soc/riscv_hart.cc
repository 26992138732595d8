#include "soc/riscv_hart.h"

#include <utility>

#include "base/format.h"
#include "frontend/riscv64/hart_area.h"
#include "osal/host.h"

namespace vm::soc {

using frontend::riscv64::hart_offset;
using frontend::riscv64::HartField;
using riscv::HartStatus;

namespace {
constexpr u32 kEcall = 0x73;
constexpr u64 kPage = backend::kTlbPage;
/// Contexts that have a number at a time; more, and all translations are forgotten.
constexpr u32 kMostNumbers = 4000;
/// Pages of a remote fence that are forgotten one by one.
constexpr u64 kFewPages = 64;

thread_local RiscvHart* current_hart = nullptr;

riscv::Access access_of(engine::HartMemory::Access a) {
    return a == engine::HartMemory::Access::Fetch  ? riscv::Access::Fetch
           : a == engine::HartMemory::Access::Load ? riscv::Access::Load
                                                   : riscv::Access::Store;
}
}  // namespace

RiscvHart::RiscvHart(const Board& board, const riscv::HartOptions& options)
    : board_(board),
      hart_(options,
            riscv::HartClocks{
                .time = board.ticks,
                .cycle = &osal::monotonic_ns,  // 1 GHz
                .instret = [this] { return instret(); },
                .timer_changed = [this] { arm_timer(); },
                .look_at_counters = [this](u64 ns) { counter_timer_->arm(board_.timers->now_ns() + ns); }}),
      walker_(*board.ram, hart_),
      timer_(board.timers->timer([this] { kick(); })),
      sbi_timer_(board.timers->timer([this] { line(riscv::kIrqSti, true); })),
      counter_timer_(board.timers->timer([this] {
          counters_due_ = true;
          kick();
      })) {
    counters_.id = options.hart_id;
    if (board.control != nullptr)
        member_.emplace(
            *board.control, id() + 1, [this] { wake(); }, [this] { return idle(); });
}

RiscvHart::~RiscvHart() = default;

RiscvHart* RiscvHart::current() { return current_hart; }

void RiscvHart::report_stores(u64 physical, std::function<Result<void>()> stored) {
    reported_page_ = board_.ram->at(physical & ~(kPage - 1), kPage);
    stored_ = std::move(stored);
}

// ---------------------------------------------------------------------------------------------- other
// threads

HartStatus RiscvHart::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

bool RiscvHart::start(const Start& start) {
    std::unique_lock lock(mutex_);
    if (status_ != HartStatus::Stopped) return false;
    status_ = HartStatus::StartPending;
    start_ = start;
    changed_.notify_all();
    lock.unlock();
    if (member_) board_.control->arrives(*member_);
    return true;
}

void RiscvHart::stop() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    kick();
}

void RiscvHart::kick() {
    wake();
    if (member_) board_.control->poke(*member_);
}

/// Wherever its thread is, it comes to its loop soon.
void RiscvHart::wake() {
    const std::lock_guard lock(mutex_);
    kicked_ = true;
    attention_ = true;
    if (vcpu_) vcpu_->request_safepoint();
    changed_.notify_all();
}

void RiscvHart::line(unsigned irq, bool high) {
    if (hart_.set_line(irq, high)) kick();
}

void RiscvHart::set_timer(u64 ticks) {
    line(riscv::kIrqSti, false);
    const u64 now = board_.ticks();
    const u64 to_go = ticks > now ? ticks - now : 0;
    constexpr u64 kForever = u64{1} << 50;
    if (to_go > kForever)
        sbi_timer_->disarm();
    else
        sbi_timer_->arm(board_.timers->now_ns() + to_go * board_.ns_per_tick);
}

u64 RiscvHart::post(const riscv::RemoteFence& fence) {
    u64 ticket = 0;
    {
        const std::lock_guard lock(mutex_);
        fences_.push_back(fence);
        ticket = ++posted_;
    }
    kick();
    return ticket;
}

bool RiscvHart::served(u64 ticket) const {
    const std::lock_guard lock(mutex_);
    return served_ >= ticket || status_ == HartStatus::Stopped || stop_;
}

// ---------------------------------------------------------------------------------------------- own thread

void RiscvHart::serve() {
    std::vector<riscv::RemoteFence> todo;
    u64 upto = 0;
    {
        const std::lock_guard lock(mutex_);
        todo.swap(fences_);
        upto = posted_;
    }
    for (const riscv::RemoteFence& f : todo) {
        if (f.code)
            board_.engine->code_changed();
        else
            flush_range(f);
    }
    const std::lock_guard lock(mutex_);
    served_ = upto;
}

void RiscvHart::halt() {
    const std::lock_guard lock(mutex_);
    status_ = HartStatus::Stopped;
    counters_.started = 0;
    attention_ = true;
}

bool RiscvHart::wait_for_start() {
    if (member_) board_.control->away(*member_);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stop_ || status_ == HartStatus::StartPending; });
    if (stop_) return false;
    status_ = HartStatus::Started;
    counters_.started = 1;
    const Start s = start_;
    lock.unlock();
    if (member_) board_.control->arrives(*member_);
    u8* const regs = vcpu_->guest();
    vcpu_->set_pc(s.machine_mode ? hart_.reset_for_firmware(s.entry, s.arguments, regs, vcpu_->fp())
                                 : hart_.reset_for_kernel(s.entry, s.arguments[0], regs, vcpu_->fp()));
    vcpu_->flush_tlb();
    update_context();
    return true;
}

Result<void> RiscvHart::run() {
    auto vcpu = board_.engine->create_vcpu(*this);
    if (!vcpu) return std::unexpected(vcpu.error());
    {
        const std::lock_guard lock(mutex_);
        vcpu_ = std::move(*vcpu);
    }
    hart_.live_in(vcpu_->guest());
    current_hart = this;
    if (member_) board_.control->enter(*member_, *vcpu_);
    auto r = live();
    if (member_) board_.control->leave(*member_);
    hart_.live_in(nullptr);
    const std::lock_guard lock(mutex_);
    vcpu_.reset();
    return r;
}

Result<void> RiscvHart::live() {
    while (wait_for_start()) {
        for (;;) {
            if (attention_.exchange(false)) {
                {
                    const std::lock_guard lock(mutex_);
                    if (stop_ || status_ != HartStatus::Started) break;
                    kicked_ = false;
                }
                serve();
                if (counters_due_.exchange(false)) hart_.check_counters();
                if (std::exchange(has_stored_, false))
                    if (auto r = stored_(); !r) return r;
                take_interrupt();
            }
            const engine::Exit e = member_ ? board_.control->run(*member_) : vcpu_->run();
            counters_.exits++;
            counters_.traps += vcpu_->reg(hart_offset(HartField::Traps));
            set_field(HartField::Traps, 0);
            switch (e.reason) {
                case ir::ExitReason::Illegal: execute(e.pc); break;
                case ir::ExitReason::FetchFault: fetch_fault(e); break;
                case ir::ExitReason::MemoryFault: memory_fault(e); break;
                case ir::ExitReason::Misaligned: misaligned(e); break;
                case ir::ExitReason::Unsupported:
                    return fail(ErrorKind::Unsupported,
                                fmt::format("hart {}: this build cannot execute the instruction at {:#x}",
                                            id(), e.pc));
                default: break;  // Safepoint, Wait
            }
        }
    }
    return {};
}

/// A debugger wants it to stand. False: it is to end.
bool RiscvHart::idle() {
    serve();
    const std::lock_guard lock(mutex_);
    return !stop_;
}

void RiscvHart::take_interrupt() {
    const bool any = hart_.may_wake();
    set_field(HartField::Interrupts, any ? ~u64{0} : 0);
    if (!any) return;
    if (masks_interrupts()) {
        attention_ = true;
        return;
    }
    if (const auto cause = hart_.pending_interrupt()) trap(*cause, 0, vcpu_->pc());
}

void RiscvHart::trap(u64 cause, u64 value, u64 pc) {
    (cause & riscv::kInterrupt ? counters_.interrupts : counters_.traps)++;
    vcpu_->set_pc(hart_.take_trap(cause, value, pc));
    update_context();
}

bool RiscvHart::fetch(u64 pc, u32* insn, unsigned* bytes, u64* fault) {
    *insn = 0;
    *bytes = 2;
    for (unsigned at = 0; at < *bytes; at += 2) {
        Page page;
        *fault = pc + at;
        if (!find_page(pc + at, Access::Fetch, 2, &page) || page.host == nullptr) return false;
        *insn |= u32{load_raw<u16>(page.host + (pc + at) % kPage)} << 8 * at;
        if (at == 0 && (*insn & 3) == 3) *bytes = 4;
    }
    return true;
}

/// ECALL that the built-in firmware serves.
bool RiscvHart::is_call(u32 insn) const {
    return insn == kEcall && board_.sbi != nullptr && hart_.privilege() == riscv::Privilege::Supervisor;
}

/// Inside run(): what need not wait for anybody.
bool RiscvHart::execute(u64 pc, u32 bits, unsigned bytes) {
    constexpr u32 kWfi = 0x10500073;
    if (is_call(bits) || bits == kWfi) return false;
    privileged(bits, pc, bytes);
    return true;
}

/// An instruction that only the privileged architecture knows, or nobody.
void RiscvHart::execute(u64 pc) {
    u32 insn = 0;
    unsigned bytes = 0;
    u64 fault = 0;
    if (!fetch(pc, &insn, &bytes, &fault)) return fetch_fault({.pc = pc, .value = fault});
    if (is_call(insn)) {
        vcpu_->set_pc(pc + 4);
        counters_.sbi_calls++;
        if (counting_) not_retired_++;
        const riscv::SbiOutcome o = board_.sbi->handle(hart_, vcpu_->guest());
        follow_counting();
        if (o.action == riscv::SbiAction::Wait) sleep();
        if (o.action == riscv::SbiAction::Suspend) {
            vcpu_->set_pc(o.entry);
            update_context();
            suspend();
        }
        attention_ = true;
        return;
    }
    privileged(insn, pc, bytes);
}

void RiscvHart::privileged(u32 insn, u64 pc, unsigned bytes) {
    counters_.privileged++;
    in_instruction_ = counting_ ? 1 : 0;
    const bool wanted = hart_.state().instret_wanted;
    const riscv::Outcome o = hart_.execute(insn, pc, pc + bytes, vcpu_->guest(), vcpu_->fp());
    not_retired_ += o.trap ? in_instruction_ : 0;
    // The first to ask is the first that counts.
    if (!counting_ && hart_.state().instret_wanted && !wanted) not_retired_--;
    in_instruction_ = 0;
    after(o);
}

void RiscvHart::after(const riscv::Outcome& o) {
    vcpu_->set_pc(o.pc);
    flush(o.flush, o.address);
    if (o.context_changed || o.fp_changed || o.trap) update_context();
    if (o.trap) {
        counters_.traps++;
        vcpu_->clear_reservation();
    }
    if (o.wait) sleep();
    const bool none = o.only_enables && vcpu_->reg(hart_offset(HartField::Interrupts)) == 0;
    if ((o.check_interrupts && !none) || o.wait) take_interrupt();
}

void RiscvHart::fetch_fault(const engine::Exit& e) {
    const auto t = walker_.translate(e.value, riscv::Access::Fetch);
    trap(t.ok() ? u64{riscv::kCauseFetchAccess} : t.fault, e.value, e.pc);
}

/// cbo.inval, cbo.clean, cbo.flush: their faults are those of stores ("Cache-Block Management Instructions").
bool RiscvHart::is_cache_operation(u64 pc) {
    constexpr u32 kMask = 0x7fff, kCbo = 2 << 12 | 0x0f;  // without rd
    u32 insn = 0;
    unsigned bytes = 0;
    u64 fault = 0;
    return fetch(pc, &insn, &bytes, &fault) && (insn & kMask) == kCbo;
}

void RiscvHart::memory_fault(const engine::Exit& e) {
    const auto t = walker_.translate(e.value, e.write ? riscv::Access::Store : riscv::Access::Load);
    u64 cause = t.fault;
    if (t.ok()) cause = e.write ? u64{riscv::kCauseStoreAccess} : u64{riscv::kCauseLoadAccess};
    if (!e.write && is_cache_operation(e.pc)) {  // what it was not allowed to load from it may not store to
        if (cause == riscv::kCauseLoadPage) cause = riscv::kCauseStorePage;
        if (cause == riscv::kCauseLoadAccess) cause = riscv::kCauseStoreAccess;
    }
    if (counting_) not_retired_++;
    trap(cause, e.value, e.pc);
}

void RiscvHart::misaligned(const engine::Exit& e) {
    u32 insn = 0;
    unsigned bytes = 0;
    u64 fault = 0;
    if (!fetch(e.pc, &insn, &bytes, &fault)) return fetch_fault({.pc = e.pc, .value = fault});
    if (counting_) not_retired_++;
    constexpr u32 kLoadReserved = 2;  // funct5
    trap(insn >> 27 == kLoadReserved ? riscv::kCauseLoadMisaligned : riscv::kCauseStoreMisaligned, e.value,
         e.pc);
}

/// WFI: until an interrupt is pending or somebody wants something. Ending early is allowed.
void RiscvHart::sleep() {
    if (masks_interrupts()) return;
    std::unique_lock lock(mutex_);
    counters_.waits++;
    counters_.waiting_since = osal::monotonic_ns();
    changed_.wait(lock, [&] { return stop_ || kicked_ || hart_.may_wake(); });
    counters_.wait_ns += osal::monotonic_ns() - std::exchange(counters_.waiting_since, 0);
    attention_ = true;
}

/// Until an interrupt is pending and enabled, not earlier. A debugger sees a hart that is not there.
void RiscvHart::suspend() {
    if (member_) board_.control->away(*member_);
    for (bool waits = true; waits;) {
        {
            std::unique_lock lock(mutex_);
            counters_.waits++;
            counters_.waiting_since = osal::monotonic_ns();
            status_ = HartStatus::Suspended;
            changed_.wait(lock, [&] { return stop_ || kicked_ || hart_.may_wake(); });
            kicked_ = false;
            waits = !stop_ && !hart_.may_wake();
            if (!waits) status_ = HartStatus::Started;
            counters_.wait_ns += osal::monotonic_ns() - std::exchange(counters_.waiting_since, 0);
        }
        serve();
        if (counters_due_.exchange(false)) hart_.check_counters();
    }
    attention_ = true;
    if (member_) board_.control->arrives(*member_);
}

bool RiscvHart::write_csr(u16 number, u64 value) {
    if (!hart_.write_csr(number, value, vcpu_->fp())) return false;
    vcpu_->flush_tlb();
    update_context();
    attention_ = true;
    return true;
}

void RiscvHart::set_privilege(riscv::Privilege privilege) {
    riscv::HartState state = hart_.save();
    state.privilege = privilege;
    hart_.load(state);
    update_context();
    attention_ = true;
}

void RiscvHart::arm_timer() {
    const u64 deadline = hart_.timer_deadline();
    if (deadline == ~u64{0}) return timer_->disarm();
    const u64 now = board_.ticks();
    const u64 to_go = deadline > now ? deadline - now : 0;
    constexpr u64 kForever = u64{1} << 50;
    if (to_go > kForever) return timer_->disarm();
    timer_->arm(board_.timers->now_ns() + to_go * board_.ns_per_tick);
}

// ---------------------------------------------------------------------------------------------- translation

u32 RiscvHart::data_number(u64 satp, u32 context) {
    Number& last = last_data_[context];
    if (last.satp != satp || last.number == 0)
        last = {satp, data_numbers_.try_emplace({satp, context}, static_cast<u32>(data_numbers_.size() + 1))
                          .first->second};
    return last.number;
}

u32 RiscvHart::code_number(u64 satp, u32 context, u32 mode) {
    Number& last = last_code_[context];
    if (last.satp != satp || last.mode != mode || last.number == 0)
        last = {
            satp,
            code_numbers_.try_emplace({satp, context | mode << 8}, static_cast<u32>(code_numbers_.size() + 1))
                .first->second,
            mode};
    return last.number;
}

void RiscvHart::update_context() {
    using riscv::Privilege;
    counting_ = hart_.counts_instructions();
    const riscv::HartState& s = hart_.state();
    if (s.privilege == Privilege::Machine || (s.mstatus & riscv::kStatusMprv)) {
        make_room_for_numbers();
        set_field(HartField::CacheRights, hart_.cache_rights());
        set_field(HartField::SlowTraps, 1);
        const engine::Vcpu::Context now = vcpu_context(hart_.context(), hart_.fetch_context());
        return vcpu_->set_context(now, now);
    }
    const Modes modes{s.satp, s.menvcfg, s.senvcfg, hart_.context_in(Privilege::User) & riscv::kContextMxr,
                      counting_};
    if (modes != modes_) look_at(modes);
    const bool user = s.privilege == Privilege::User;
    set_field(HartField::CacheRights,
              vcpu_->reg(hart_offset(user ? HartField::RightsUser : HartField::RightsSupervisor)));
    set_field(HartField::SlowTraps, hart_.traps_plainly() && !counting_ ? 0 : 1);
    engine::Vcpu::Context supervisor = in_supervisor_;
    supervisor.data = static_cast<u32>(vcpu_->reg(
        hart_offset((s.mstatus & riscv::kStatusSum) ? HartField::ContextSum : HartField::ContextNoSum)));
    vcpu_->set_context(user ? in_user_ : supervisor, user ? supervisor : in_user_);
}

/// Tells generated code what U and S-mode are like.
void RiscvHart::look_at(const Modes& modes) {
    using riscv::Privilege;
    make_room_for_numbers();
    modes_ = modes;
    const u32 supervisor = hart_.context_in(Privilege::Supervisor) & ~riscv::kContextSum;
    in_user_ = vcpu_context(hart_.context_in(Privilege::User), static_cast<u32>(Privilege::User));
    in_supervisor_ = vcpu_context(supervisor, static_cast<u32>(Privilege::Supervisor));
    set_field(HartField::ContextNoSum, in_supervisor_.data);
    set_field(HartField::ContextSum, data_number(modes.satp, supervisor | riscv::kContextSum));
    set_field(HartField::ContextUser, in_user_.data);
    set_field(HartField::CodeUser, engine::Vcpu::code_tag(in_user_));
    set_field(HartField::CodeSupervisor, engine::Vcpu::code_tag(in_supervisor_));
    set_field(HartField::RightsUser, hart_.cache_rights(Privilege::User));
    set_field(HartField::RightsSupervisor, hart_.cache_rights(Privilege::Supervisor));
}

void RiscvHart::make_room_for_numbers() {
    constexpr u32 kAtATime = 3;
    if (data_numbers_.size() < kMostNumbers &&
        code_numbers_.size() + kAtATime <= engine::Vcpu::kMostCodeContexts)
        return;
    data_numbers_.clear();
    code_numbers_.clear();
    last_data_ = last_code_ = {};
    modes_ = {.known = false};
    vcpu_->flush_tlb();
}

engine::Vcpu::Context RiscvHart::vcpu_context(u32 context, u32 fetches) {
    const bool supervisor = riscv::context_privilege(fetches) == riscv::Privilege::Supervisor;
    const u32 mode =
        (supervisor ? u32{frontend::riscv64::kModeSupervisor} : 0) | (counting_ ? frontend::kModeCounts : 0);
    return {.data = data_number(hart_.satp_of(context), context),
            .code = code_number(hart_.satp_of(fetches), fetches, mode),
            .mode = mode};
}

void RiscvHart::flush(riscv::Flush what, u64 address) {
    switch (what) {
        case riscv::Flush::None: return;
        case riscv::Flush::Address:
        case riscv::Flush::AddressAsid: return vcpu_->flush_tlb(address);
        case riscv::Flush::All:
        case riscv::Flush::Asid: return vcpu_->flush_tlb();
    }
}

void RiscvHart::flush_range(const riscv::RemoteFence& f) {
    const bool one = f.flush == riscv::Flush::Address || f.flush == riscv::Flush::AddressAsid;
    if (!one || f.size / kPage > kFewPages) return vcpu_->flush_tlb();
    for (u64 at = f.start & ~(kPage - 1); at - f.start < f.size || at == (f.start & ~(kPage - 1));
         at += kPage)
        vcpu_->flush_tlb(at);
}

/// What the vCPU's TLB has not. Devices never are in it.
bool RiscvHart::page(u64 address, Access access, unsigned bytes, Page* out) {
    const bool found = find_page(address, access, bytes, out);
    if (!found || out->host != nullptr) hart_.count_tlb_miss(access_of(access));
    return found;
}

bool RiscvHart::find_page(u64 address, Access access, unsigned bytes, Page* out) {
    const auto t = walker_.translate(address, access_of(access), bytes);
    if (!t.ok()) return false;
    *out = {};
    out->physical = t.physical & ~(kPage - 1);
    out->host = board_.ram->at(out->physical, kPage);
    out->load = t.keeps(riscv::Access::Load);
    out->store = t.keeps(riscv::Access::Store);
    out->keep = t.page >= kPage;
    if (access == Access::Fetch && !out->keep && out->host != nullptr && address % kPage < kPage - 2) {
        const bool is_long = (out->host[address % kPage] & 3) == 3;
        if (is_long && !walker_.translate(address + 2, riscv::Access::Fetch, 2).ok()) return false;
    }
    if (access != Access::Store || out->host == nullptr) return true;
    if (is_code(out->host)) store_to_code(out->host);
    return true;
}

/// Translations of the page are compared at the next FENCE.I; or go now, if it seems to be used for data.
void RiscvHart::store_to_code(const u8* page) {
    if (page == reported_page_) {
        has_stored_ = true;
        kick();
    }
    if (!board_.ram->watched(page) || !board_.ram->stored(page)) return;
    board_.ram->forget(page);
    const u64 begin = reinterpret_cast<u64>(page);
    board_.engine->invalidate(begin, begin + kPage);
}

bool RiscvHart::device_load(u64 physical, unsigned bytes, u64* out) {
    return board_.bus->read(physical, bytes, out);
}
bool RiscvHart::device_store(u64 physical, unsigned bytes, u64 value) {
    return board_.bus->write(physical, bytes, value);
}

}  // namespace vm::soc
