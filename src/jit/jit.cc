#include "jit/jit.h"

#include <algorithm>

#include "backend/options.h"
#include "jit/background.h"
#include "jit/image_space.h"
#include "jit/observer.h"
#include "jit/worker.h"
#include "osal/guarded.h"
#include "osal/host.h"

namespace vm::jit {
namespace {

/// A guest address as the code must see it: guest memory is identity mapped in user mode.
u64 resolve(u64 guest_addr) { return guest_addr; }

}  // namespace

Jit::Jit(const frontend::GuestIsa& isa, CodeSource& source, const Options& options)
    : isa_(isa),
      source_(source),
      options_(options),
      host_(*isa.layout),
      collector_(*this, options.cache_policy),
      traps_(isa.nans_pass && !options.system &&
             !(options.disabled_opts & backend::opt_bit(backend::JitOpt::TrapNan))),
      trap_free_(!traps_) {}
Jit::~Jit() = default;

Result<std::unique_ptr<Jit>> Jit::create(const frontend::GuestIsa& isa, CodeSource& source,
                                         const Options& options) {
    std::unique_ptr<Jit> jit(new Jit(isa, source, options));
    const std::vector<u8>& stubs = jit->host_.stub_code();
    jit->images_ = ImageSpace::make(jit->host_, isa, options);
    const u64 annex = jit->images_ ? ImageSpace::kBytes : 0;
    auto created = jit->cache_.create(options.code_cache_bytes, stubs.size(), annex);
    if (!created && annex != 0) {  // little address space: do without images
        jit->images_.reset();
        created = jit->cache_.create(options.code_cache_bytes, stubs.size(), 0);
    }
    if (!created) return std::unexpected(created.error());
    std::vector<gc::Area*> areas;
    for (auto& segment : jit->cache_.segments()) areas.push_back(segment.get());
    jit->collector_.manage(std::move(areas));
    std::memcpy(jit->cache_.memory().rw(), stubs.data(), stubs.size());
    jit->host_.place_stubs(jit->cache_.memory().rx());
    auto observers = make_observers(isa, jit->options_);
    if (!observers) return std::unexpected(observers.error());
    jit->observers_ = std::move(*observers);
    if (options.background) jit->background_ = std::make_unique<Background>(*jit);
    return jit;
}

// ---------------------------------------------------------------------------------------------- making
// translations

Translation* Jit::translate(Worker& worker, Executor& self, u64 pc, u32 mode) {
    for (;;) {
        const u64 start = clock();
        if (!worker.compile(pc, mode)) {
            const std::lock_guard lock(mutex_);
            stats_.refused++;
            return nullptr;
        }
        Translation* t = nullptr;
        Publish p;
        while ((p = install(worker, pc, mode, &t)) == Publish::Full) make_room(self);
        if (p == Publish::Done) {
            const u64 ns = clock() - start;
            const std::lock_guard lock(mutex_);
            if (options_.timings) {
                stats_.block_ns.add(ns);
                if (t->guest_insns != 0) stats_.insn_ps.add(ns * 1000 / t->guest_insns);
                stats_.install_ns += ns - worker.decode_ns_ - worker.passes_ns_ - worker.compile_ns_;
            }
            collect(self);
            return t;
        }
        if (p == Publish::TooBig) return nullptr;
        const std::lock_guard lock(mutex_);
        stats_.retried++;
    }
}

bool Jit::optimize(Worker& worker, u64 pc, u32 mode, bool loop, u32 made_before,
                   std::span<const CallTarget> targets, bool anew) {
    if (const Translation* t = lookup(pc, mode); t != nullptr && t->region && !anew) return true;
    const u64 start = clock();
    if (!worker.compile_region(pc, mode, loop, made_before, targets)) return false;
    Translation* t = nullptr;
    if (install(worker, pc, mode, &t, true, anew) != Publish::Done) return false;
    const u64 ns = clock() - start;
    const std::lock_guard lock(mutex_);
    stats_.regions++;
    stats_.inlined_calls += worker.inlined_;
    if (options_.timings) stats_.region_ns.add(ns);
    open_ns_ = 0;  // that was not a vCPU's time
    collector_.step(kSlice);
    announce(false);  // who is in the block's own loop comes out, and goes on in the region
    return true;
}

bool Jit::still_current(const Worker& w) const {
    for (const Worker::NotedPage& n : w.pages_)
        if (page_gen(n.page).load(std::memory_order_acquire) != n.gen) return false;
    if (sync_generation_.load(std::memory_order_acquire) == w.sync_generation_) return true;
    const u8* bytes = w.guest_bytes_.data();
    for (const auto& [begin, end] : w.block_.ranges) {
        if (!osal::guarded_equal(begin, bytes, end - begin)) return false;
        bytes += end - begin;
    }
    return true;
}

std::unique_lock<std::mutex> Jit::vcpu_lock() {
    std::unique_lock lock(mutex_, std::try_to_lock);
    u64 waited = 0;
    if (!lock.owns_lock()) {
        const u64 start = clock();
        lock.lock();
        waited = clock() - start;
    }
    if (options_.timings) stats_.lock_wait_ns.add(waited);
    return lock;
}

Jit::Publish Jit::install(Worker& w, u64 pc, u32 mode, Translation** out, bool region, bool anew) {
    const std::unique_lock lock = region ? std::unique_lock(mutex_) : vcpu_lock();
    if (Translation* existing = lookup(pc, mode);
        existing != nullptr && !anew && (!region || existing->region)) {  // another thread was faster
        *out = existing;
        return Publish::Done;
    }
    if (!still_current(w)) return Publish::Stale;
    if (w.code_.code.size() > cache_.segment_bytes()) return Publish::TooBig;
    const u32 size = static_cast<u32>(w.code_.code.size());
    const u32 offset = room(space_of(region), size);
    if (offset == ~0u) return Publish::Full;
    *out = emplace(w, pc, mode, offset, region);
    return Publish::Done;
}

Translation* Jit::emplace(Worker& w, u64 pc, u32 mode, u32 offset, bool region) {
    relocate(w, offset);
    std::memcpy(cache_.memory().rw() + offset, w.code_.code.data(), w.code_.code.size());

    Translation& t = make(offset, static_cast<u32>(w.code_.code.size()));
    Arena& arena = cache_.segment_at(offset).arena;
    t.pc = pc;
    t.mode = mode;
    t.guest_insns = w.block_.guest_insns;
    t.region = region;
    t.entry = cache_.memory().rx() + offset + w.code_.entry_offset;
    const std::span<GuestRange> ranges = arena.array<GuestRange>(w.block_.ranges.size());
    for (u64 i = 0; i < ranges.size(); i++) ranges[i] = {w.block_.ranges[i].first, w.block_.ranges[i].second};
    t.ranges = ranges;
    t.guest_bytes = arena.copy<u8>(w.guest_bytes_);
    t.side = arena.copy<u8>(w.side_);
    t.dirty = arena.copy<backend::DirtySlot>(w.code_.dirty);
    if (images_ || collector_.policy() == gc::Policy::Generations) {  // it may be moved or written to disk
        const auto is_stub_call = [](const backend::Relocation& r) {
            return r.kind == backend::Relocation::Kind::StubRel32;
        };
        const auto n = std::ranges::count_if(w.code_.relocations, is_stub_call);
        const std::span<StubCall> calls = arena.array<StubCall>(static_cast<u64>(n));
        u64 i = 0;
        for (const backend::Relocation& r : w.code_.relocations)
            if (is_stub_call(r)) calls[i++] = {r.offset, r.target};
        t.stub_calls = calls;
    }
    t.links = arena.array<Link>(w.code_.links.size());
    for (u64 i = 0; i < t.links.size(); i++) {
        const backend::LinkSite& s = w.code_.links[i];
        t.links[i] = Link{&t,          nullptr,       nullptr,       nullptr,
                          s.target_pc, s.disp_offset, s.stub_offset, s.stub_return,
                          nullptr,     s.ungrouped};
    }
    enroll(t);
    if (Translation* old = region ? lookup(pc, mode) : nullptr)
        replace(*old, t);
    else
        publish(t);
    if (images_) note_fresh(t);

    stats_.translations++;
    stats_.guest_insns += t.guest_insns;
    stats_.guest_bytes += t.guest_bytes.size();
    stats_.host_bytes += t.code_size;
    stats_.side_bytes += t.side.size();
    stats_.decode_ns += w.decode_ns_;
    stats_.passes_ns += w.passes_ns_;
    stats_.compile_ns += w.compile_ns_;
    for (auto& o : observers_) o->installed(t, cache_.memory().rx() + offset, w.decoded_, w.block_);
    return &t;
}

/// To be filled in; its code lies at `offset`.
Translation& Jit::make(u32 offset, u32 size) {
    Segment& segment = cache_.segment_at(offset);
    Translation& t = segment.arena.array<Translation>(1)[0];
    t.code_offset = offset;
    t.code_size = size;
    t.area = segment.number;
    t.bytes = size;
    return t;
}

/// It is complete but for the targets of its links.
void Jit::enroll(Translation& t) {
    Segment& segment = cache_.segment_at(t.code_offset);
    segment.index.append(&t);
    segment.live++;
    collector_.add(t);
    index_pages(t);
}

/// Into the map, and its exits to what is there already. It takes the place of a translation on probation.
void Jit::publish(Translation& t) {
    std::vector<LookupMap::TablePtr> outgrown;
    map_.insert(&t, outgrown);
    const u64 start = t.pc / 2 % kStartBits;
    starts_[start / 64].fetch_or(u64{1} << start % 64, std::memory_order_relaxed);
    for (auto& table : outgrown) old_tables_.push_back({epochs_.advance(), std::move(table)});
    for (Link& l : t.links)
        if (Translation* to = lookup(l.target_pc, target_mode(l))) set_target(l, to);
    if (parked_count_.load(std::memory_order_relaxed) == 0) return;
    Translation* parked = parked_.find(t.pc, t.mode);
    if (parked == nullptr) return;
    for (Link *l = parked->incoming, *next = nullptr; l != nullptr; l = next) {
        next = l->next;
        if (l->from->valid) set_target(*l, &t);
    }
    drop(*parked);
}

/// `by` takes the place of `old`, which is still good but slower.
void Jit::replace(Translation& old, Translation& by) {
    std::vector<Link*> incoming;
    for (Link* l = old.incoming; l != nullptr; l = l->next) incoming.push_back(l);
    drop(old);
    publish(by);
    for (Link* l : incoming)
        if (l->to == nullptr && l->from->valid) set_target(*l, &by);
}

void Jit::relocate(Worker& w, u32 offset) const {
    std::vector<u8>& code = w.code_.code;
    for (const backend::Relocation& r : w.code_.relocations) {
        u8* field = code.data() + r.offset;
        switch (r.kind) {
            case backend::Relocation::Kind::StubRel32:
                relocate_stub_call(code.data(), offset, {r.offset, r.target});
                break;
            case backend::Relocation::Kind::GuestAddr64: store_raw(field, resolve(r.value)); break;
            case backend::Relocation::Kind::GuestAddr32:
                store_raw(field, static_cast<u32>(resolve(r.value)));
                break;
        }
    }
}

/// `code` is to lie at `offset` of the code memory.
void Jit::relocate_stub_call(u8* code, u32 offset, const StubCall& call) const {
    store_raw(code + call.offset,
              static_cast<u32>(host_.stub_address(call.stub) - (code_base() + offset + call.offset + 4)));
}

void Jit::index_pages(Translation& t) {
    for (const GuestRange& r : t.ranges)
        for (u64 page = r.begin / kPage; page <= (r.end - 1) / kPage; page++) {
            auto& list = pages_[page];
            if (list.empty() || list.back() != &t) list.push_back(&t);
        }
}

void Jit::unindex_pages(Translation& t) {
    for (const GuestRange& r : t.ranges)
        for (u64 page = r.begin / kPage; page <= (r.end - 1) / kPage; page++) {
            const auto it = pages_.find(page);
            if (it == pages_.end()) continue;
            std::erase(it->second, &t);
            if (it->second.empty()) pages_.erase(it);
        }
}

// ---------------------------------------------------------------------------------------------- links

bool Jit::find(u64 host_pc, CodeSite& site) const {
    if (const Translation* t = cache_.find(host_pc)) {
        site = {t->pc, t->code_offset, t->side, t->dirty};
        return true;
    }
    return images_ && images_->find(host_pc - code_base(), site);
}

Link* Jit::exit_link(u64 exit_site) {
    // The return address may be the first byte after the block's code.
    Translation* t = cache_.find(exit_site - 1);
    if (t == nullptr && images_) {
        const std::lock_guard lock(mutex_);
        u32 index = 0;
        if (LoadedImage* image = images_->find_block(exit_site - 1 - code_base(), &index))
            t = adopt(*image, index);
    }
    if (t == nullptr) return nullptr;
    const u32 offset = static_cast<u32>(exit_site - code_base() - t->code_offset);
    for (Link& l : t->links)
        if (l.stub_return == offset) return &l;
    return nullptr;
}

void Jit::link(Link& link, Translation& to) {
    const auto lock = vcpu_lock();
    if (link.to == nullptr && link.from->valid && to.valid) set_target(link, &to);
}

/// Points the exit at `to`'s entry, or at its own stub.
void Jit::set_target(Link& l, Translation* to) {
    if (l.to != nullptr) {
        (l.prev != nullptr ? l.prev->next : l.to->incoming) = l.next;
        if (l.next != nullptr) l.next->prev = l.prev;
        stats_.unlinks++;
    }
    l.to = to;
    l.prev = nullptr;
    l.next = nullptr;
    if (to != nullptr) {
        l.next = to->incoming;
        if (l.next != nullptr) l.next->prev = &l;
        to->incoming = &l;
        if (to->image == nullptr) collector_.marker().reach(*to);
        stats_.links++;
    }
    aim(l, to);
}

/// The code's part of it. One aligned store: other threads may be running it.
void Jit::aim(const Link& l, const Translation* to) {
    const u32 field = l.from->code_offset + l.disp_offset;
    const u32 target = to != nullptr ? static_cast<u32>(reinterpret_cast<u64>(to->entry) - code_base())
                                     : l.from->code_offset + l.stub_offset;
    if (l.slot != nullptr) {
        std::atomic_ref<u64>(*l.slot).store(code_base() + target, std::memory_order_release);
        return;
    }
    std::atomic_ref<u32>(*reinterpret_cast<u32*>(cache_.memory().rw() + field))
        .store(target - (field + 4), std::memory_order_release);
}

u64 Jit::used_code_bytes() const {
    const std::lock_guard lock(mutex_);
    return cache_.used_bytes();
}

Stats Jit::stats() const {
    const std::lock_guard lock(mutex_);
    Stats s = stats_;
    const gc::CollectorStats& c = collector_.stats();
    s.collections = c.collections;
    s.suspended = c.suspended;
    s.swept = c.swept;
    s.swept_bytes = c.swept_bytes;
    s.mark_cycles = c.cycles;
    s.marked = collector_.marked();
    for (const Executor* e : executors_) s.pause_ns += e->pause_ns;
    return s;
}

}  // namespace vm::jit
