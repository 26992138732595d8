// How translations end: changed guest code, epochs, fork. See jit.h for the rules.
#include <algorithm>
#include <utility>

#include "jit/background.h"
#include "jit/image_space.h"
#include "jit/jit.h"
#include "jit/observer.h"
#include "osal/guarded.h"
#include "osal/host.h"

namespace vm::jit {
namespace {

constexpr u64 kMaxForkCopy =
    u64{24} << 20;  // beyond this a child starts with an empty cache: copying would cost more

bool overlaps(const Translation& t, u64 begin, u64 end) {
    return std::ranges::any_of(t.ranges, [&](const GuestRange& r) { return r.begin < end && begin < r.end; });
}

/// Is it entered, or would be?
bool usable(const Translation& t) { return t.valid || t.parked; }

}  // namespace

/// Between two looks at what other threads have to do.
void Jit::pause() {
    static constexpr u64 kPauseNs = 20'000;
    const std::atomic<u32> nobody{0};
    osal::futex_wait(nobody, 0, kPauseNs);
}

bool unchanged(const Translation& t) {
    const u8* bytes = t.guest_bytes.data();
    for (const GuestRange& r : t.ranges) {
        if (!osal::guarded_equal(r.begin, bytes, r.end - r.begin)) return false;
        bytes += r.end - r.begin;
    }
    return true;
}

// ---------------------------------------------------------------------------------------------- changed code

/// Nothing reaches `t` any more: not the map, not the page index, no link. Its own exits stay linked: a
/// thread may be in it.
void Jit::drop(Translation& t) {
    region_dropped_ |= t.region;
    if (t.parked) {
        t.parked = false;
        parked_.erase(&t);
        parked_count_.fetch_sub(1, std::memory_order_relaxed);
    } else {
        t.valid = false;
        map_.erase(&t);
    }
    if (t.image == nullptr) {
        unindex_pages(t);
        cache_.segment_at(t.code_offset).live--;
    }
    while (t.incoming != nullptr) set_target(*t.incoming, nullptr);
}

/// Asks every executor to quiesce(): their per-thread tables are stale, and so are return stacks if code
/// memory goes away or a region was dropped, for returns arrive inside it with no link between. After the
/// drop: who quiesced before it may have entered the region again.
/// `dropped`: what alone went, if that is known; else the tables are stale as a whole.
void Jit::announce(bool code_goes_away, std::span<const Translation* const> dropped) {
    {
        const std::lock_guard lock(stale_mutex_);
        const u64 generation = flush_generation_.load() + 1;
        const bool few = !dropped.empty() && dropped.size() <= kStaleEntries && !region_dropped_;
        if (!few) all_stale_ = generation;
        for (size_t n = 0; few && n < dropped.size(); n++) {
            StaleEntry& s = stale_[stale_count_++ % kStaleEntries];
            all_stale_ = std::max(all_stale_, s.generation);  // who has not seen that one clears all
            s = {generation, dropped[n]->pc, dropped[n]->entry};
        }
        flush_generation_.store(generation);
    }
    if (std::exchange(region_dropped_, false) || code_goes_away) evict_generation_.fetch_add(1);
    request_sync();
}

/// A new epoch, which executors see soon.
void Jit::request_sync() {
    epochs_.advance();
    for (Executor* e : executors_) std::atomic_ref<u32>(e->state->safepoint_request).fetch_or(kRequestSync);
}

/// Translations of code in [begin, end) by the page index, some of them twice. From now on a translation in
/// the making that read this code is not published.
std::vector<Translation*> Jit::translations_in(u64 begin, u64 end) {
    const u64 first = begin / kPage, last = (end - 1) / kPage;
    std::vector<Translation*> hit;
    auto collect = [&](const std::vector<Translation*>& list) {
        for (Translation* t : list)
            if (overlaps(*t, begin, end)) hit.push_back(t);
    };
    if (last - first < kPageGens) {
        for (u64 page = first; page <= last; page++) page_gen(page).fetch_add(1, std::memory_order_release);
    } else {
        for (auto& g : page_gens_) g.fetch_add(1, std::memory_order_release);
    }
    if (last - first < pages_.size()) {
        for (u64 page = first; page <= last; page++)
            if (const auto it = pages_.find(page); it != pages_.end()) collect(it->second);
    } else {
        for (const auto& [page, list] : pages_)
            if (page >= first && page <= last) collect(list);
    }
    return hit;
}

/// Takes out of the table of `e` what has been dropped since it looked last.
void Jit::forget_stale(Executor& e) {
    const std::lock_guard lock(stale_mutex_);
    const u64 seen = std::exchange(e.flush_seen, flush_generation_.load());
    if (all_stale_ > seen) return host_.clear_fast_lookup(*e.state);
    for (const StaleEntry& s : stale_)
        if (s.generation > seen) host_.forget_fast_lookup(*e.state, s.pc, s.entry);
}

/// Drops those of `found` that are still valid, and tells the executors.
void Jit::drop_all(const std::vector<Translation*>& found) {
    std::vector<const Translation*> dropped;
    for (Translation* t : found) {
        if (!usable(*t)) continue;
        drop(*t);
        dropped.push_back(t);
        stats_.invalidated++;
    }
    // A region that was replaced is in no index, but returns may still arrive in it.
    if (found.empty() && !region_dropped_) return;
    announce(false, dropped);
    retire_dead();
}

/// Code that was written anew may be so again: it has to be hot again before it is translated.
void Jit::drop_rewritten(const std::vector<Translation*>& found) {
    for (const Translation* t : found) source_.cold(t->pc);
    drop_all(found);
}

void Jit::invalidate(u64 begin, u64 end) {
    if (begin >= end) return;
    const std::lock_guard lock(mutex_);
    drop_all(translations_in(begin, end));
    if (images_) drop_images_in(begin, end);
}

void Jit::invalidate_all() { invalidate(0, ~u64{0}); }

void Jit::stop_traps() {
    if (traps_stopped_.exchange(true)) return;
    save_images();
    traps_.store(false);
    invalidate_all();
    const std::lock_guard lock(mutex_);
    announce(false);
    trap_free_.store(true);
    request_sync();  // who synchronized between the two has not seen it
}

void Jit::memory_is_shared() {
    if (shared_.load(std::memory_order_acquire)) return;
    save_images();
    alone_.store(false);
    invalidate_all();
    u64 announced = 0;
    {
        const std::lock_guard lock(mutex_);
        announce(false);  // also to who runs code that was dropped before
        announced = epochs_.now();
    }
    for (;; pause()) {
        const std::lock_guard lock(mutex_);
        if (epochs_.safe() >= announced) break;
    }
    shared_.store(true, std::memory_order_release);
}

void Jit::sync_code() {
    const std::lock_guard lock(mutex_);
    // A translation in the making may have read its bytes already: its publication compares them again.
    sync_generation_.fetch_add(1, std::memory_order_release);
    count_sync();
    std::vector<Translation*> changed;
    for (auto& s : cache_.segments()) {
        for (u32 i = 0; i < s->index.size(); i++)
            if (Translation& t = *s->index[i]; usable(t) && !unchanged(t)) changed.push_back(&t);
    }
    drop_rewritten(changed);
}

void Jit::sync_pages(std::span<const u64> pages) {
    sync_generation_.fetch_add(1, std::memory_order_release);
    count_sync();
    if (pages.empty()) return;
    const std::lock_guard lock(mutex_);
    std::vector<Translation*> changed;
    for (const u64 page : pages) {
        const auto on_page = pages_.find(page / kPage);
        if (on_page == pages_.end()) continue;
        for (Translation* t : on_page->second)
            if (usable(*t) && !unchanged(*t)) changed.push_back(t);
    }
    drop_rewritten(changed);
}

u64 Jit::begin_grace() {
    const std::lock_guard lock(mutex_);
    announce(false);
    return epochs_.now();
}

bool Jit::grace_over(u64 epoch) const {
    const std::lock_guard lock(mutex_);
    return epochs_.safe() >= epoch;
}

void Jit::sync_code(u64 begin, u64 end) {
    const std::lock_guard lock(mutex_);
    count_sync();
    std::vector<Translation*> changed = translations_in(begin, end);
    std::erase_if(changed, [](const Translation* t) { return !usable(*t) || unchanged(*t); });
    drop_rewritten(changed);
}

// ---------------------------------------------------------------------------------------------- executors

bool Jit::ask_for_samples() {
    const std::lock_guard lock(mutex_);
    bool any = false;
    for (Executor* e : executors_) {
        if (!e->active.load()) continue;
        std::atomic_ref<u32>(e->state->safepoint_request).fetch_or(kRequestSample);
        any = true;
    }
    return any;
}

void Jit::add(Executor& e) {
    const std::lock_guard lock(mutex_);
    reset_predictions(e);
    e.flush_seen = flush_generation_;
    e.evict_seen = evict_generation_;
    e.roots_seen = roots_generation_;
    executors_.push_back(&e);
    epochs_.add(e);
}

void Jit::remove(Executor& e) {
    const std::lock_guard lock(mutex_);
    std::erase(executors_, &e);
    epochs_.remove(e);
    stats_.pause_ns += e.pause_ns;
}

void Jit::enter(Executor& e) {
    gc::Epochs::enter(e);
    quiesce(e);
}

void Jit::quiesce(Executor& e) {
    const u64 epoch = epochs_.now();
    const bool trap_free = trap_free_.load();
    if (roots_generation_.load() != e.roots_seen) report_roots(e);
    if (flush_generation_.load() != e.flush_seen) forget_stale(e);
    if (const u64 g = evict_generation_.load(); g != e.evict_seen) {
        e.evict_seen = g;
        e.state->return_sp = e.state->return_top;
    }
    e.state->trap_nan = !trap_free;
    if (epoch != e.epoch_seen.load(std::memory_order_relaxed)) {
        e.quiesced++;
        gc::Epochs::saw(e, epoch);
    }
}

void Jit::reset_predictions(Executor& e) const {
    host_.clear_fast_lookup(*e.state);
    e.state->return_sp = e.state->return_top;
}

// ---------------------------------------------------------------------------------------------- fork

Result<void> Jit::fork_prepare() {
    mutex_.lock();
    stale_mutex_.lock();
    forked_copy_ = cache_.used_bytes() <= kMaxForkCopy;
    if (auto r = cache_.memory().begin_fork(); !r) {
        stale_mutex_.unlock();
        mutex_.unlock();
        return r;
    }
    cache_.memory().copy_for_fork(0, host_.stub_code().size());
    if (forked_copy_)
        for (auto& s : cache_.segments()) cache_.memory().copy_for_fork(s->begin, s->used);
    return {};
}

void Jit::fork_parent() {
    cache_.memory().end_fork_parent();
    stale_mutex_.unlock();
    mutex_.unlock();
}

Result<void> Jit::fork_child(Executor& survivor) {
    stale_mutex_.unlock();
    executors_.assign(1, &survivor);
    epochs_.only(survivor);
    if (auto r = cache_.memory().end_fork_child(); !r) return r;
    if (!forked_copy_) collector_.evict_all();
    for (auto& o : observers_) o->forked();
    if (background_) background_->forked();
    if (images_) images_->forked();
    mutex_.unlock();
    if (!survivor.active.load()) return {};
    quiesce(survivor);
    return {};
}

}  // namespace vm::jit
