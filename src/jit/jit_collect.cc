// What the collector (src/gc) does to translations, and how executors wait for it.
#include <utility>

#include "jit/image_space.h"
#include "jit/jit.h"
#include "jit/observer.h"
#include "osal/host.h"

namespace vm::jit {
namespace {

Translation& translation(gc::Node& n) { return static_cast<Translation&>(n); }

}  // namespace

// ---------------------------------------------------------------------------------------------- room

/// Regions outlast blocks: they were hot when they were made.
gc::Space Jit::space_of(bool lasting) const {
    return lasting && collector_.policy() == gc::Policy::Generations ? gc::Space::Old : gc::Space::Young;
}

/// Where `size` bytes of code may go; ~0u: no segment is free.
u32 Jit::room(gc::Space space, u32 size) {
    u32 offset = cache_.allocate(space, size);
    if (offset != ~0u) return offset;
    const u64 start = clock();
    free_retired();
    gc::Area* opened = collector_.open(space, cache_.open_segment(space));
    open_ns_ += clock() - start;
    if (opened == nullptr) return ~0u;
    cache_.set_open(space, static_cast<Segment&>(*opened));
    return cache_.allocate(space, size);
}

void Jit::free_retired() {
    const u64 safe = epochs_.safe();
    collector_.reclaim(safe);
    std::erase_if(old_tables_, [&](const OldTable& t) { return t.epoch <= safe; });
    if (images_) images_->free_dropped(safe, cache_.memory());
}

/// Segments in which nothing lives any more: programs that write code anew all the time would fill the cache
/// to its limit, and their descriptions as much memory again.
void Jit::retire_dead() {
    for (auto& s : cache_.segments())
        if (s->state == Segment::State::Full && s->live == 0) collector_.evict(*s);
}

/// A slice of what there is to collect, on the vCPU that made it necessary.
void Jit::collect(Executor& self) {
    const u64 opening = std::exchange(open_ns_, 0);
    if (opening == 0 && !collector_.busy()) return;
    const u64 start = clock();
    collector_.step(kSlice);
    if (options_.timings) self.pause_ns.add(opening + clock() - start);
}

/// Until a segment is free. The lock is held for a slice at a time; where only the other executors are to be
/// waited for, not at all.
void Jit::make_room(Executor& self) {
    static constexpr u32 kLargeSlice = 256;
    const u64 start = clock();
    leave(self);
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            free_retired();
            if (collector_.count(gc::Area::State::Free) != 0) break;
            if (collector_.force(kLargeSlice)) continue;
        }
        pause();
    }
    enter(self);
    if (options_.timings) self.pause_ns.add(clock() - start);
}

// ---------------------------------------------------------------------------------------------- probation

Translation* Jit::revive(Executor& self, u64 pc, u32 mode) {
    if (parked_count_.load(std::memory_order_relaxed) == 0) return nullptr;
    for (;;) {
        {
            const u64 start = clock();
            const std::lock_guard lock(mutex_);
            if (Translation* t = lookup(pc, mode)) return t;  // another thread was faster
            Translation* const from = parked_.find(pc, mode);
            if (from == nullptr) return nullptr;
            const u32 offset = room(gc::Space::Old, from->code_size);
            if (offset != ~0u) {
                Translation& t = promote(*from, offset);
                if (options_.timings) stats_.promote_ns.add(clock() - start);
                collect(self);
                return &t;
            }
        }
        make_room(self);
    }
}

/// Copies a translation on probation, whose place the copy takes.
Translation& Jit::promote(Translation& from, u32 offset) {
    u8* const code = cache_.memory().rw() + offset;
    std::memcpy(code, cache_.memory().rw() + from.code_offset, from.code_size);
    for (const StubCall& call : from.stub_calls) relocate_stub_call(code, offset, call);

    Translation& t = make(offset, from.code_size);
    Arena& arena = cache_.segment_at(offset).arena;
    t.pc = from.pc;
    t.mode = from.mode;
    t.guest_insns = from.guest_insns;
    t.region = from.region;
    t.entry = cache_.memory().rx() + offset + (from.entry - (cache_.memory().rx() + from.code_offset));
    t.ranges = arena.copy<GuestRange>(from.ranges);
    t.guest_bytes = arena.copy<u8>(from.guest_bytes);
    t.side = arena.copy<u8>(from.side);
    t.dirty = arena.copy<backend::DirtySlot>(from.dirty);
    t.stub_calls = arena.copy<StubCall>(from.stub_calls);
    t.links = arena.array<Link>(from.links.size());
    for (u64 i = 0; i < t.links.size(); i++) {
        const Link& l = from.links[i];
        t.links[i] = Link{&t,          nullptr,       nullptr,       nullptr,
                          l.target_pc, l.disp_offset, l.stub_offset, l.stub_return,
                          nullptr,     l.ungrouped};
        aim(t.links[i], nullptr);
    }
    enroll(t);
    publish(t);
    stats_.promoted++;
    stats_.promoted_bytes += t.code_size;
    for (auto& o : observers_) o->moved(from, t, cache_.memory().rx() + offset);
    return t;
}

// ---------------------------------------------------------------------------------------------- gc::Heap

u32 Jit::node_count(const gc::Area& a) const { return static_cast<const Segment&>(a).index.size(); }
gc::Node& Jit::node(const gc::Area& a, u32 i) { return *static_cast<const Segment&>(a).index[i]; }

/// Not in the map, and its incoming links lead to the dispatcher, but still stand in its list: whoever wants
/// to go there comes to revive(), which makes them lead to the copy.
void Jit::suspend(gc::Node& n) {
    Translation& t = translation(n);
    if (!t.valid) return;
    t.valid = false;
    map_.erase(&t);
    t.parked = true;
    std::vector<LookupMap::TablePtr> outgrown;  // nobody reads parked_ without the lock
    parked_.insert(&t, outgrown);
    parked_count_.fetch_add(1, std::memory_order_relaxed);
    for (const Link* l = t.incoming; l != nullptr; l = l->next) aim(*l, nullptr);
}

void Jit::finalize(gc::Node& n) {
    Translation& t = translation(n);
    if (t.valid || t.parked) {
        drop(t);
        stats_.evicted++;
        if (collector_.policy() == gc::Policy::Generations) source_.cold(t.pc);
    }
    for (Link& l : t.links)
        if (l.to != nullptr) set_target(l, nullptr);
    for (auto& o : observers_) o->removed(t, cache_.memory().rx() + t.code_offset);
}

u64 Jit::announce() {
    announce(true);
    return epochs_.now();
}

void Jit::release(gc::Area& a) {
    cache_.empty(static_cast<Segment&>(a));
    stats_.evicted_segments++;
}

// ---------------------------------------------------------------------------------------------- marking

/// Along the links that code can take. Code of images is no node: see is_root().
u32 Jit::trace(gc::Node& n, gc::Marker& marker) {
    Translation& t = translation(n);
    for (const Link& l : t.links)
        if (l.to != nullptr && !l.to->parked && l.to->image == nullptr) marker.reach(*l.to);
    return static_cast<u32>(t.links.size());
}

bool Jit::is_root(const gc::Node& n) const {
    for (const Link* l = static_cast<const Translation&>(n).incoming; l != nullptr; l = l->next)
        if (l->from->image != nullptr) return true;
    return false;
}

void Jit::ask_for_roots() {
    root_addresses_.clear();
    roots_generation_.fetch_add(1);
    request_sync();
    roots_epoch_ = epochs_.now();
}

/// Where the per-thread tables and return stacks of an executor lead. Its pc is a root when it is entered.
void Jit::report_roots(Executor& e) {
    const u64 start = clock();
    std::vector<u64> found;
    host_.code_addresses(*e.state, found);
    {
        const std::lock_guard lock(mutex_);
        e.roots_seen = roots_generation_;
        root_addresses_.insert(root_addresses_.end(), found.begin(), found.end());
    }
    if (options_.timings) e.pause_ns.add(clock() - start);
}

bool Jit::reach_roots(gc::Marker& marker, u32 budget) {
    for (; !root_addresses_.empty() && budget != 0; budget--) {
        // What lay there may have been replaced since: then something is kept that need not be.
        Translation* t = cache_.find(root_addresses_.back());
        root_addresses_.pop_back();
        if (t != nullptr && t->valid) marker.reach(*t);
    }
    return root_addresses_.empty() && epochs_.safe() >= roots_epoch_;
}

}  // namespace vm::jit
