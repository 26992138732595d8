#include <algorithm>
#include <cassert>

#include "base/format.h"
#include "engine/engine_impl.h"
#include "jit/background.h"
#include "osal/host.h"

namespace vm::engine {
namespace {

u64 read_time_helper(backend::VcpuState*, u64 which, u64, u64) { return read_time(static_cast<u32>(which)); }

jit::Options jit_options(const EngineOptions& o) {
    jit::Options j;
    j.code_cache_bytes = o.code_cache_bytes;
    j.cache_policy = o.cache_policy;
    j.features = o.cpu_features;
    j.disabled_opts = o.disabled_opts;
    j.count_instructions = o.exact_icount;
    j.timings = o.timings;
    j.background = o.tier == Tier::Auto && !o.system && o.control == nullptr;
    j.system = o.system;
    j.region_policy = o.region_policy;
    j.dump_regions = o.dump_regions;
    j.dump_guest = o.dump_guest;
    j.dump_ir = o.dump_ir;
    j.dump_host = o.dump_host;
    j.dump_addr = o.dump_addr;
    const bool plain = !o.dump_guest && !o.dump_ir && !o.dump_host && !o.dump_regions &&
                       o.perf == EngineOptions::Perf::None && o.control == nullptr;
    if (plain && (o.tier == Tier::One || o.tier == Tier::Auto) && !o.system) j.image_dir = o.image_dir;
    j.image_limit = o.image_limit;
    j.perf_map = o.perf == EngineOptions::Perf::Map;
    j.jitdump = o.perf == EngineOptions::Perf::Jitdump;
    return j;
}

}  // namespace

// ---------------------------------------------------------------------------------------------- code page
// filter

void CodePageFilter::note(u64 begin, u64 end) {
    for (u64 page = begin / kPage; page <= (end - 1) / kPage; page++) {
        const u64 b = page % kBits;
        words_[b / 64].fetch_or(u64{1} << b % 64, std::memory_order_relaxed);
    }
}

bool CodePageFilter::may_contain(u64 begin, u64 end) const {
    const u64 first = begin / kPage, last = (end - 1) / kPage;
    if (last - first >= kBits) return true;
    for (u64 page = first; page <= last; page++) {
        const u64 b = page % kBits;
        if (words_[b / 64].load(std::memory_order_relaxed) >> b % 64 & 1) return true;
    }
    return false;
}

// ---------------------------------------------------------------------------------------------- engine

Result<std::unique_ptr<Engine>> Engine::create(const frontend::GuestIsa& isa, GuestMemory& memory,
                                               const EngineOptions& options) {
    auto engine = std::make_unique<EngineImpl>(isa, memory, options);
    if (auto r = engine->start(); !r) return std::unexpected(r.error());
    return engine;
}

EngineImpl::EngineImpl(const frontend::GuestIsa& isa, GuestMemory& memory, const EngineOptions& options)
    : isa_(isa), memory_(memory), options_(options) {
    if (options.control != nullptr) limits_.store(std::make_shared<BlockLimits>(options.system));
}
EngineImpl::~EngineImpl() = default;

bool fault_hook(const osal::Fault& fault, osal::MachineContext& context);  // vcpu.cc

Result<void> EngineImpl::start() {
    const bool wants_code = options_.dump_guest || options_.dump_ir || options_.dump_host ||
                            options_.perf != EngineOptions::Perf::None;
    if (options_.tier == Tier::Interp && wants_code)
        return fail(ErrorKind::InvalidArgument,
                    "dumps and profiler maps show compiled blocks; the interpreter tier makes none (use "
                    "--tier auto or 1)");
    auto jit = jit::Jit::create(isa_, *this, jit_options(options_));
    if (!jit) return std::unexpected(jit.error());
    jit_ = std::move(*jit);
    helpers_ = backend::make_helper_table(&VcpuImpl::lookup_indirect, &read_time_helper, &VcpuImpl::tlb_miss);
    expose();
    return osal::install_fault_handlers(&fault_hook);
}

void EngineImpl::expose() {
    const auto address = [](const auto& of) { return reinterpret_cast<u64>(&of); };
    ExposedEngine e;
    e.jit_stats = address(jit_->live_stats());
    if (jit_->background() != nullptr) e.places = address(jit_->background()->places());
    e.code_bytes = address(jit_->live_code_bytes());
    e.code_limit = options_.code_cache_bytes;
    e.ended_stats = address(retired_stats_);
    e.ended_icount = address(retired_icount_);
    std::string_view(isa_.name).copy(e.isa, sizeof e.isa);
    e.tier = options_.tier;
    e.timings = options_.timings;
    e.exact_icount = options_.exact_icount;
    exposure_.take(e);
}

Result<std::unique_ptr<Vcpu>> EngineImpl::make_vcpu(HartMemory* hart) {
    assert((hart != nullptr) == options_.system);
    if (created_.exchange(true)) memory_is_shared();
    auto vcpu = std::make_unique<VcpuImpl>(*this, hart);
    if (auto r = vcpu->start(); !r) return std::unexpected(r.error());
    return vcpu;
}

void EngineImpl::note_code(u64 begin, u64 end) {
    code_pages_.note(begin, end);
    if (!memory_.note_code(begin, end)) return;
    std::atomic_thread_fence(std::memory_order_seq_cst);  // TranslatedMemory::find() has the other half
    const std::lock_guard lock(mutex_);
    for (VcpuImpl* v : vcpus_) v->forbid_stores(begin, end);
    if (vcpus_.size() == 1) return;
    fresh_code_.push_back({begin & ~(backend::kTlbPage - 1), jit_->begin_grace()});
    fresh_count_.store(fresh_code_.size());
}

/// The pages to compare at a FENCE.I: those that were written, and those that another vCPU may just be
/// writing to because it looked before they were watched.
bool EngineImpl::pages_to_compare(std::vector<u64>& pages) {
    if (!memory_.written_code(pages)) return false;
    if (fresh_count_.load() == 0) return true;
    const std::lock_guard lock(mutex_);
    std::erase_if(fresh_code_, [&](const FreshCode& f) {
        pages.push_back(f.page);
        return jit_->grace_over(f.epoch);
    });
    fresh_count_.store(fresh_code_.size());
    return true;
}

/// It starts anew in the interpreter: another translation pays only if it runs more than once or twice.
void EngineImpl::cold(u64 pc) { counter(pc).store(0, std::memory_order_relaxed); }

unsigned EngineImpl::count_execution(u64 pc) {
    auto& c = counter(pc);
    const u8 n = c.load(std::memory_order_relaxed);
    if (n != 0xff) c.store(static_cast<u8>(n + 1), std::memory_order_relaxed);
    return n;
}

void EngineImpl::invalidate(u64 begin, u64 end) {
    // Pairs with note_code(): either we see the page noted, or its reader sees the bytes that changed before
    // this call.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (begin >= end || !code_pages_.may_contain(begin, end)) return;
    interp_generation_.fetch_add(1);
    jit_->invalidate(begin, end);
}

void EngineImpl::invalidate_all() {
    interp_generation_.fetch_add(1);
    jit_->invalidate_all();
}

// Where no page with code was written this takes no lock. fetch_add() stands between the guest's stores and
// the look at what others have noted.
void EngineImpl::code_changed() {
    interp_generation_.fetch_add(1);
    if (options_.tier == Tier::Interp) return;
    std::vector<u64> pages;
    if (pages_to_compare(pages))
        jit_->sync_pages(pages);
    else
        jit_->sync_code();
}

void EngineImpl::memory_is_shared() {
    const bool was_alone = jit_->alone();
    jit_->memory_is_shared();
    if (was_alone) interp_generation_.fetch_add(1);  // blocks were decoded for a program that is alone
}

std::shared_ptr<const Points> EngineImpl::follow(u64* version) {
    const std::shared_ptr<const Points> points = options_.control->points(version);
    const std::lock_guard lock(points_mutex_);
    auto limits = std::make_shared<BlockLimits>(*limits_.load());
    if (points->forget && !limits->empty()) {
        limits = std::make_shared<BlockLimits>(options_.system);
        limits_.store(limits);
        invalidate_all();
        return points;
    }
    std::vector<u64> fresh;
    for (const u64 pc : points->breaks)
        if (limits->add(pc)) fresh.push_back(pc);
    limits_.store(limits);
    if (fresh.empty()) return points;
    if (options_.system) {
        invalidate_all();  // where it lies is not known
    } else {
        for (const u64 pc : fresh) invalidate(pc, pc + 1);
    }
    return points;
}

void EngineImpl::stop_background(bool for_good) {
    if (jit_->background() != nullptr) jit_->background()->stop(for_good);
}
int EngineImpl::background_tid() const {
    return jit_->background() != nullptr ? jit_->background()->tid() : 0;
}

void EngineImpl::fork_prepare() {
    mutex_.lock();
    fork_failed_ = !jit_->fork_prepare().has_value();
}

void EngineImpl::fork_parent() {
    if (!fork_failed_) jit_->fork_parent();
    mutex_.unlock();
}

Result<void> EngineImpl::fork_child(Vcpu& survivor) {
    VcpuImpl& v = static_cast<VcpuImpl&>(survivor);
    vcpus_.assign(1, &v);
    ExposedChange(exposure_).forked(v.stats_, v.state_->icount);
    mutex_.unlock();
    if (fork_failed_) return fail(ErrorKind::Resource, "no memory object for the forked process's code");
    return jit_->fork_child(v.executor_);
}

void EngineImpl::collect(MetricSink& sink) const {
    Figures f;
    {
        const std::lock_guard lock(mutex_);
        f.run = retired_stats_;
        f.icount = retired_icount_;
        for (const VcpuImpl* v : vcpus_) {
            // Its thread may be counting.
            for (const auto& c : run_counters())
                f.run.*c.member +=
                    std::atomic_ref(const_cast<u64&>(v->stats_.*c.member)).load(std::memory_order_relaxed);
            f.icount += v->icount();
        }
    }
    f.jit = jit_->stats();
    f.live_translations = jit_->live_translations();
    f.code_bytes = jit_->used_code_bytes();
    f.code_limit = options_.code_cache_bytes;
    f.timings = options_.timings;
    f.exact_icount = options_.exact_icount;
    f.system = options_.system;
    engine::collect(f, sink);
}

std::string EngineImpl::stats_json() const {
    MetricsJson json;
    collect(json);
    return json.text();
}

void EngineImpl::list_devices(std::span<const ListedDevice> devices) {
    const std::lock_guard lock(mutex_);
    ExposedChange(exposure_).list(devices);
}

}  // namespace vm::engine
