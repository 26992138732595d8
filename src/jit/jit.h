// The jit: translations of one guest program, their code cache, lookup, links and life cycle. Shared by all
// vCPUs.
//
// Locking: one mutex guards every change (install, link, invalidate, evict). Lookup, find() and running code
// take none. Memory of evicted code and metadata is used again only when every executor has passed quiesce()
// or is inactive. What is evicted, gc::Collector decides (jit_collect.cc).
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "backend/vcpu_state.h"
#include "base/result.h"
#include "frontend/guest_isa.h"
#include "gc/collector.h"
#include "gc/epochs.h"
#include "jit/call_target.h"
#include "jit/code_cache.h"
#include "jit/host.h"
#include "jit/lookup_map.h"
#include "jit/stats.h"
#include "jit/translation.h"
#include "optimizers/region_policy.h"
#include "osal/host.h"

namespace vm::jit {

/// Bits of VcpuState::safepoint_request.
inline constexpr u32 kRequestOwner = 1;   ///< somebody outside wants run() to return
inline constexpr u32 kRequestSync = 2;    ///< the jit wants quiesce()
inline constexpr u32 kRequestSample = 4;  ///< Background wants to know where the executor is

/// Granularity of change tracking, independent of the guest's page size.
inline constexpr u64 kPage = 4096;

/// Options::disabled_opts: back-end optimizations (backend::JitOpt) below this bit, IR passes
/// (ir::tier1_passes) from it on.
inline constexpr unsigned kPassOptShift = 32;

struct Options {
    u64 code_cache_bytes = u64{256} << 20;
    gc::Policy cache_policy = gc::Policy::Generations;
    u64 features = ~u64{0};  ///< TranslateRequest::features
    u64 disabled_opts = 0;
    bool system = false;  ///< blocks of a machine: frontend::TranslateRequest::system
    bool count_instructions = false;
    bool timings = true;                          ///< measure how long translating takes
    bool background = false;                      ///< hot loops are compiled by tier 2
    optimizers::RegionPolicy region_policy = {};  ///< which loops
    bool dump_guest = false, dump_ir = false, dump_host = false;
    bool dump_regions = false;  ///< what the policy decided by, a line for each loop
    u64 dump_addr = 0;
    bool perf_map = false, jitdump = false;
    std::string image_dir;  ///< where translations are kept between processes; empty = nowhere
    u64 image_limit = 0;    ///< bytes of all images together
};

/// Guest code bytes, from the owner of guest memory; see engine::GuestMemory.
class CodeSource {
  public:
    virtual ~CodeSource() = default;
    virtual u64 fetch(u64 pc, void* out, u64 size) = 0;
    /// As frontend::TranslateRequest::guarded.
    virtual bool guarded(u64) { return false; }
    virtual void note_code(u64 begin, u64 end) = 0;
    /// The first address behind `pc` where a block that begins at `pc` must end (a debugger's breakpoint).
    virtual u64 limit_behind(u64) { return ~u64{0}; }
    /// The block at `pc` was not used for a while: its translation was given up. Under the jit's lock.
    virtual void cold(u64) {}
    /// The file mapping that `pc` lies in. False: there is none, or its bytes may differ from the file's.
    virtual bool code_file(u64, frontend::CodeFile&) { return false; }
};

/// One thread that runs generated code. Registered with the jit for as long as it exists.
/// Active: it may hold pointers into the jit or be inside generated code.
struct Executor : gc::Participant {
    backend::VcpuState* state = nullptr;
    ReturnStack return_stack;
    u64 flush_seen = 0, evict_seen = 0, roots_seen = 0;
    u64 quiesced = 0;    ///< grows whenever pointers into the jit became stale
    Histogram pause_ns;  ///< written by its own thread
};

class Worker;
class Observer;
class ImageSpace;
class Background;

struct SampledPlace;
struct LoadedImage;
struct Harvest;
struct ImageKey;

class Jit : private gc::Heap {
  public:
    static Result<std::unique_ptr<Jit>> create(const frontend::GuestIsa& isa, CodeSource& source,
                                               const Options& options);
    ~Jit() override;
    Jit(const Jit&) = delete;
    Jit& operator=(const Jit&) = delete;

    // --- lookup: lock-free, async-signal-safe
    Translation* lookup(u64 pc, u32 mode) const { return may_begin(pc) ? map_.find(pc, mode) : nullptr; }
    /// What code `host_pc` lies in. False: in none.
    bool find(u64 host_pc, CodeSite& site) const;
    /// False: no translation was ever made of a block at `pc`. Cheap.
    bool may_begin(u64 pc) const {
        const u64 b = pc / 2 % kStartBits;
        return starts_[b / 64].load(std::memory_order_relaxed) >> b % 64 & 1;
    }
    bool contains(u64 host_pc) const { return cache_.contains(host_pc); }
    const Host& host() const { return host_; }
    u64 code_base() const { return reinterpret_cast<u64>(cache_.memory().rx()); }

    // --- making and linking translations, from an active executor
    /// Translates, compiles and installs the block at (pc, mode), or finds that another thread did. nullptr:
    /// this block must be interpreted (the back end cannot lower it, or its first instruction cannot be
    /// fetched). May wait for other executors, so `self` may have been quiesced.
    Translation* translate(Worker& worker, Executor& self, u64 pc, u32 mode);
    /// The translation of the block at (pc, mode) that is on probation, which ends it: it is used. nullptr:
    /// there is none. May wait as translate() does.
    Translation* revive(Executor& self, u64 pc, u32 mode);
    /// `t` is entered from the run loop or by an indirect branch. Any thread that may hold it.
    void touch(Translation& t) const {
        const u32 period = collector_.period();
        if (t.used.load(std::memory_order_relaxed) != period) t.used.store(period, std::memory_order_relaxed);
    }
    /// The loop whose head is at (pc, mode) as a region, in place of the block there. False: there is no
    /// loop, or not now. From any thread; makes no room in the code cache. `loop`: see
    /// Worker::compile_region.
    bool optimize(Worker& worker, u64 pc, u32 mode, bool loop = true, u32 made_before = 0,
                  std::span<const CallTarget> targets = {}, bool anew = false);
    /// What calls it from time to time. nullptr: Options::background is off.
    Background* background() const { return background_.get(); }
    /// Executors that run leave at their next safepoint and call Background::sampled(). False: none runs.
    bool ask_for_samples();
    /// The exit whose stub returns to `exit_site`. Valid until the next quiesce().
    Link* exit_link(u64 exit_site);
    void link(Link& link, Translation& to);

    // --- translations on disk (jit_images.cc)
    /// The translation of the block at (pc, mode) from an image, mapping the image that goes with the file at
    /// `pc` if that was not tried yet; nullptr if there is none.
    Translation* lookup_on_disk(u64 pc, u32 mode);
    /// Writes images of the files that enough was translated of since they were read, and what was sampled in
    /// them. At the end of a process. What became of the images.
    Saved save_images();
    /// What earlier processes saw of (pc, mode), as HotPlace::weight.
    u32 profiled_weight(u64 pc, u32 mode);

    // --- changes of guest code, from any thread
    void invalidate(u64 begin, u64 end);
    void invalidate_all();
    /// See engine::Engine::memory_is_shared.
    void memory_is_shared();
    /// The same where only translations with bytes on these pages may have changed.
    void sync_pages(std::span<const u64> pages);
    /// What executors do now is over when grace_over() says so of the result.
    u64 begin_grace();
    bool grace_over(u64 epoch) const;
    bool alone() const { return alone_.load(std::memory_order_acquire); }
    /// backend::CompileOptions::trap_nan of what is made now: until too many operations trapped.
    bool traps() const { return traps_.load(std::memory_order_acquire); }
    /// From the fault handler: one more. True: it was the last that is allowed.
    bool count_trap() { return traps_left_.fetch_sub(1, std::memory_order_relaxed) == 1; }
    bool too_many_traps() const { return traps_left_.load(std::memory_order_relaxed) <= 0 && traps(); }
    /// Drops all translations. Who leaves generated code then goes on without traps.
    void stop_traps();
    /// The guest announced changed code: drops every translation whose bytes differ from memory now.
    void sync_code();
    /// The same for code in [begin, end).
    void sync_code(u64 begin, u64 end);

    // --- executors
    void add(Executor& e);
    void remove(Executor& e);
    /// Around a stay in the run loop. enter() makes the executor's view current.
    void enter(Executor& e);
    void leave(Executor& e) { gc::Epochs::leave(e); }
    /// From the run loop with no pointer into the jit held: flushes what became stale.
    void quiesce(Executor& e);
    /// Forgets predictions of this executor (mode change): per-thread table and return stack.
    void reset_predictions(Executor& e) const;

    // --- fork(2)
    Result<void> fork_prepare();
    void fork_parent();
    Result<void> fork_child(Executor& survivor);

    Stats stats() const;
    u64 live_translations() const { return map_.size(); }
    u64 used_code_bytes() const;
    /// The counters themselves, for another process to read.
    const Stats& live_stats() const { return stats_; }
    const u64& live_code_bytes() const { return cache_.used_bytes(); }
    const Options& options() const { return options_; }
    const frontend::GuestIsa& isa() const { return isa_; }

  private:
    friend class Worker;
    /// Nanoseconds, if anybody wants to know: reading the clock is 1.5 % of a program's start.
    u64 clock() const { return options_.timings ? osal::monotonic_ns() : 0; }
    Jit(const frontend::GuestIsa& isa, CodeSource& source, const Options& options);
    static constexpr unsigned kPageGens = 1024;
    std::atomic<u32>& page_gen(u64 page) { return page_gens_[(page ^ page >> 10) % kPageGens]; }
    const std::atomic<u32>& page_gen(u64 page) const { return page_gens_[(page ^ page >> 10) % kPageGens]; }

    enum class Publish : u8 { Done, Stale, Full, TooBig };
    /// The lock, for a vCPU.
    std::unique_lock<std::mutex> vcpu_lock();
    Publish install(Worker& w, u64 pc, u32 mode, Translation** out, bool region = false, bool anew = false);
    bool still_current(const Worker& w) const;
    Translation* emplace(Worker& w, u64 pc, u32 mode, u32 offset, bool region);
    void publish(Translation& t);
    void replace(Translation& old, Translation& by);
    void relocate(Worker& w, u32 offset) const;
    void relocate_stub_call(u8* code, u32 offset, const StubCall& call) const;
    Translation& make(u32 offset, u32 size);
    void enroll(Translation& t);
    void index_pages(Translation& t);
    void unindex_pages(Translation& t);

    // under mutex_
    void set_target(Link& l, Translation* to);
    void aim(const Link& l, const Translation* to);
    void drop(Translation& t);
    std::vector<Translation*> translations_in(u64 begin, u64 end);
    void drop_all(const std::vector<Translation*>& found);
    void drop_rewritten(const std::vector<Translation*>& found);
    void announce(bool code_goes_away, std::span<const Translation* const> dropped = {});
    void forget_stale(Executor& e);
    void request_sync();

    // collection (jit_collect.cc), under mutex_ but for make_room and report_roots
    static constexpr u32 kSlice = 24;  ///< translations that are dealt with at a time
    gc::Space space_of(bool lasting) const;
    u32 room(gc::Space space, u32 size);
    Translation& promote(Translation& from, u32 offset);
    void collect(Executor& self);
    void retire_dead();
    void free_retired();
    void make_room(Executor& self);
    static void pause();
    void report_roots(Executor& e);
    u32 node_count(const gc::Area& a) const override;
    gc::Node& node(const gc::Area& a, u32 i) override;
    void suspend(gc::Node& n) override;
    void finalize(gc::Node& n) override;
    u64 announce() override;
    u32 trace(gc::Node& n, gc::Marker& marker) override;
    bool is_root(const gc::Node& n) const override;
    void ask_for_roots() override;
    bool reach_roots(gc::Marker& marker, u32 budget) override;
    void release(gc::Area& a) override;

    // images, under mutex_
    void attach(const frontend::CodeFile& file);
    LoadedImage* load_image(const ImageKey& key);
    bool make_key(const frontend::CodeFile& file, ImageKey& key) const;
    Translation* adopt(LoadedImage& image, u32 index);
    void drop_image(LoadedImage& image);
    void drop_images_in(u64 begin, u64 end);
    void note_fresh(const Translation& t);
    Saved save_all();
    void save_profiles(std::span<const SampledPlace> seen);
    bool save_image(const ImageKey& key, Harvest& harvest);

    const frontend::GuestIsa& isa_;
    CodeSource& source_;
    Options options_;
    Host host_;
    CodeCache cache_;
    LookupMap map_;
    gc::Epochs epochs_;
    gc::Collector collector_;
    LookupMap parked_;                  ///< translations on probation; only under mutex_
    std::atomic<u64> parked_count_{0};  ///< of them
    std::vector<u64> root_addresses_;   ///< host addresses that executors hold, for the marker
    u64 open_ns_ = 0;                   ///< spent in room() and not yet counted as a pause
    u64 roots_epoch_ = 0;               ///< who has seen it has reported
    std::atomic<u64> roots_generation_{0};
    static constexpr u64 kStartBits = u64{1} << 19;
    std::array<std::atomic<u64>, kStartBits / 64> starts_{};  ///< where blocks begin, hashed
    std::atomic<bool> alone_{true};
    /// A trap costs a few microseconds, dropping all code milliseconds.
    static constexpr i32 kMostTraps = 64;
    std::atomic<i32> traps_left_{kMostTraps};
    std::atomic<bool> traps_, traps_stopped_{false};
    std::atomic<bool> trap_free_;      ///< no code that needs them can be reached
    std::atomic<bool> shared_{false};  ///< memory_is_shared() is through
    mutable std::mutex mutex_;
    std::unordered_map<u64, std::vector<Translation*>>
        pages_;  ///< guest page number → translations with bytes in it
    std::array<std::atomic<u32>, kPageGens> page_gens_{};  ///< changes of code on pages with this hash
    std::atomic<u64> sync_generation_{0};
    std::vector<Executor*> executors_;
    std::atomic<u64> flush_generation_{0}, evict_generation_{0};
    /// An entry of the per-thread tables that a drop made stale.
    struct StaleEntry {
        u64 generation = 0;  ///< flush_generation_ since then
        u64 pc = 0;
        const u8* entry = nullptr;
    };
    static constexpr size_t kStaleEntries = 32;
    std::mutex stale_mutex_;  ///< taken last; guards what follows, and flush_generation_ grows under it
    std::array<StaleEntry, kStaleEntries> stale_{};  ///< a ring
    u64 stale_count_ = 0;
    u64 all_stale_ = 0;            ///< tables of older generations are stale as a whole
    bool region_dropped_ = false;  ///< since the last announce(); under the lock
    struct OldTable {
        u64 epoch;
        LookupMap::TablePtr table;
    };
    std::vector<OldTable> old_tables_;
    std::vector<std::unique_ptr<Observer>> observers_;
    std::unique_ptr<ImageSpace> images_;  ///< nullptr: translations are not kept
    void count_sync() { std::atomic_ref(stats_.syncs).fetch_add(1, std::memory_order_relaxed); }
    Stats stats_;
    bool forked_copy_ = false;
    std::unique_ptr<Background> background_;  ///< last: its thread uses all of the above
};

}  // namespace vm::jit
