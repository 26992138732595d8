// Translations on disk: images are mapped when code first runs in a file, and written when a process ends.
#include <algorithm>
#include <tuple>

#include "jit/background.h"
#include "jit/image_space.h"
#include "jit/jit.h"
#include "osal/guarded.h"
#include "osal/host.h"

namespace vm::jit {
namespace {

/// Saving costs about what translating a dozen blocks does; and a file that grows is written as a whole.
constexpr u32 kFewFresh = 12, kFreshShare = 32;
/// What a region counts for: its code ran for a while, and would again.
constexpr u32 kRegionIsFresh = kFewFresh;

bool inside(const Translation& t, const ImageKey& key) {
    return std::ranges::all_of(t.ranges,
                               [&](const GuestRange& r) { return r.begin >= key.begin && r.end <= key.end; });
}

}  // namespace

/// What is to be written of one file mapping.
struct Harvest {
    std::vector<BlockRef> blocks;
    std::vector<u64> pages;  ///< guest pages with bytes of them; some several times
    void add(const BlockRef& block, std::span<const GuestRange> ranges) {
        blocks.push_back(block);
        for (const GuestRange& r : ranges)
            for (u64 page = r.begin / kPage; page <= (r.end - 1) / kPage; page++)
                if (pages.empty() || pages.back() != page) pages.push_back(page);
    }
    void sort() {
        // A region goes before the block at its head, and what was just translated before what the file has.
        std::ranges::sort(blocks, {}, [](const BlockRef& b) {
            return std::tuple(b.pc, b.mode, !b.region, b.image != nullptr);
        });
        blocks.erase(std::ranges::unique(blocks).begin(), blocks.end());
        std::ranges::sort(pages);
        pages.erase(std::ranges::unique(pages).begin(), pages.end());
    }
};

// ---------------------------------------------------------------------------------------------- reading

Translation* Jit::lookup_on_disk(u64 pc, u32 mode) {
    if (!images_) return nullptr;
    const auto lock = vcpu_lock();
    Attempt* a = images_->attempt(pc);
    if (a == nullptr) {
        frontend::CodeFile file;
        if (!source_.code_file(pc, file)) return nullptr;
        attach(file);
        a = images_->attempt(pc);
    }
    if (a == nullptr || a->image == nullptr) return nullptr;
    const Image& image = a->image->image();
    const u32 i = image.find(pc, mode);
    return i != image.block_count() ? adopt(*a->image, i) : nullptr;
}

bool Jit::make_key(const frontend::CodeFile& file, ImageKey& key) const {
    const u64 first = file.begin / kPage;
    const auto hash = hash_guest_pages({&first, 1});
    if (!hash) return false;
    key = images_->key();
    key.first_page = *hash;
    key.file_size = file.size;
    key.file_mtime_ns = file.mtime_ns;
    key.begin = file.begin;
    key.end = file.end;
    key.offset = file.offset;
    key.alone = u64{alone_.load()} | u64{traps()} << 1;
    key.guarded = file.guarded;
    return true;
}

/// Notes that `file` was looked up, with its image if there is one.
void Jit::attach(const frontend::CodeFile& file) {
    const u64 start = osal::monotonic_ns();
    // From here on a change of the mapping leads to invalidate(), which waits for our lock; so if the mapping
    // is still there after this, we hear of its end.
    source_.note_code(file.begin, file.end);
    frontend::CodeFile again;
    Attempt a;
    if (!source_.code_file(file.begin, again) || again != file || !make_key(file, a.key)) return;
    images_->forget(file.begin, file.end);
    if (images_->may_try(a.key)) a.image = load_image(a.key);
    images_->attempts().insert_or_assign(file.begin, a);
    stats_.load_ns += osal::monotonic_ns() - start;
}

LoadedImage* Jit::load_image(const ImageKey& key) {
    auto stored = images_->store().load(key);
    if (!stored) {
        stats_.images_rejected += stored.error().kind != ErrorKind::NotFound;
        return nullptr;
    }
    const Image& image = stored->image;
    const std::vector<u8>& stubs = host_.stub_code();
    LoadedImage* loaded = nullptr;
    if (image.stub_bytes() == stubs.size() &&
        std::memcmp(stored->file.data() + image.code_at(), stubs.data(), stubs.size()) == 0 &&
        hash_guest_pages(image.pages()) == image.guest_hash())
        loaded = images_->map(std::move(*stored), cache_.memory());
    if (loaded == nullptr) {
        stats_.images_rejected++;
        return nullptr;
    }
    stats_.images_loaded++;
    stats_.image_blocks += loaded->image().block_count();
    return loaded;
}

/// A translation for the block, so that others can be linked to it. In the map unless the image was dropped.
Translation* Jit::adopt(LoadedImage& loaded, u32 index) {
    const Image& image = loaded.image();
    const ImageBlock& b = image.block(index);
    if (Translation* t = map_.find(b.pc, b.mode); t != nullptr && t->image == &loaded) return t;
    Translation& t = loaded.arena.array<Translation>(1)[0];
    t.pc = b.pc;
    t.mode = b.mode;
    t.guest_insns = b.guest_insns;
    t.code_offset = loaded.code_offset + b.code;
    t.code_size = image.code_size(index);
    t.entry = cache_.memory().rx() + t.code_offset + b.entry;
    t.region = b.region != 0;
    t.ranges = image.ranges(index);
    t.side = image.side(index);
    t.dirty = image.dirty(index);
    t.image = &loaded;
    const std::span<const ImageLink> links = image.links(index);
    t.links = loaded.arena.array<Link>(
        static_cast<u64>(std::ranges::count_if(links, [](const ImageLink& l) { return l.slot != kLinked; })));
    u64 n = 0;
    for (const ImageLink& l : links)
        if (l.slot != kLinked)
            t.links[n++] = Link{&t,
                                nullptr,
                                nullptr,
                                nullptr,
                                l.target_pc,
                                l.disp_offset,
                                l.stub_offset,
                                l.stub_return,
                                loaded.slots + l.slot};
    loaded.adopted.push_back(&t);
    stats_.adopted++;
    if (loaded.dropped || map_.find(b.pc, b.mode) != nullptr) {
        t.valid = false;
        return &t;
    }
    publish(t);
    return &t;
}

/// Jumps inside the image stay: who is in it leaves at its next safepoint, and nobody enters it again.
void Jit::drop_image(LoadedImage& image) {
    for (Translation* t : image.adopted) {
        if (t->valid) drop(*t);
        for (Link& l : t->links)
            if (l.to != nullptr) set_target(l, nullptr);
    }
    image.dropped = true;
    stats_.images_dropped++;
    announce(true);
    image.dropped_epoch = epochs_.now();
}

void Jit::drop_images_in(u64 begin, u64 end) {
    for (auto& [at, a] : images_->attempts())
        if (a.image != nullptr && a.key.begin < end && begin < a.key.end) drop_image(*a.image);
    images_->forget(begin, end);
}

// ---------------------------------------------------------------------------------------------- writing

void Jit::note_fresh(const Translation& t) {
    if (Attempt* a = images_->attempt(t.pc); a != nullptr && inside(t, a->key))
        a->fresh += t.region ? kRegionIsFresh : 1;
}

Saved Jit::save_images() {
    if (!images_) return {};
    const u64 start = osal::monotonic_ns();
    const auto seen = background_ ? background_->take_samples() : std::vector<SampledPlace>();
    const std::lock_guard lock(mutex_);
    save_profiles(seen);
    const Saved saved = save_all();
    stats_.save_ns += osal::monotonic_ns() - start;
    return saved;
}

Saved Jit::save_all() {
    std::map<const Attempt*, Harvest> worth;
    for (const auto& [begin, a] : images_->attempts()) {
        const u32 had = a.image != nullptr ? a.image->image().block_count() : 0;
        if (a.fresh >= std::max(kFewFresh, had / kFreshShare)) worth[&a];
    }
    if (worth.empty()) return {};
    const Attempt* last = nullptr;
    Harvest* harvest = nullptr;
    for (const auto& s : cache_.segments())
        for (u32 i = 0; i < s->index.size(); i++) {
            const Translation& t = *s->index[i];
            if (!t.valid) continue;
            if (last == nullptr || !last->key.contains(t.pc)) {
                last = images_->attempt(t.pc);
                const auto it = worth.find(last);
                harvest = it != worth.end() ? &it->second : nullptr;
            }
            if (last == nullptr || harvest == nullptr || !inside(t, last->key) || !unchanged(t)) continue;
            harvest->add(BlockRef::of(t, cache_.memory().rx()), t.ranges);
        }
    Saved saved;
    for (auto& [a, h] : worth) {
        if (!save_image(a->key, h)) {
            saved.failed++;
            continue;
        }
        images_->attempt(a->key.begin)->fresh = 0;
        saved.written++;
    }
    if (saved.written != 0) (void)images_->store().prune();
    return saved;
}

u32 Jit::profiled_weight(u64 pc, u32 mode) {
    if (!images_) return 0;
    const auto lock = vcpu_lock();
    Attempt* a = images_->attempt(pc);
    if (a == nullptr) return 0;
    if (!a->profile_read) {
        a->profile_read = true;
        if (auto profile = images_->store().load_profile(a->key)) {
            a->profile = std::move(*profile);
            stats_.profiles_loaded++;
        }
    }
    return a->profile ? a->profile->weight(pc, mode) : 0;
}

void Jit::save_profiles(std::span<const SampledPlace> seen) {
    std::map<Attempt*, std::vector<SampledPlace>> by_file;
    for (const SampledPlace& s : seen)
        if (Attempt* a = images_->attempt(s.pc)) by_file[a].push_back(s);
    for (const auto& [a, places] : by_file) {
        auto profile = images_->store().load_profile(a->key);  // others may have written it meanwhile
        if (!profile) profile = Profile(a->key);
        if (profile->add(places) && images_->store().save(*profile)) stats_.profiles_saved++;
        a->profile = std::move(*profile);
        a->profile_read = true;
    }
}

/// Adds what the file on disk has by now, and puts the image in its place.
bool Jit::save_image(const ImageKey& key, Harvest& harvest) {
    const auto stored = images_->store().load(key);
    if (stored && hash_guest_pages(stored->image.pages()) == stored->image.guest_hash()) {
        const Image& image = stored->image;
        for (u32 i = 0; i < image.block_count(); i++) harvest.add(BlockRef::of(image, i), image.ranges(i));
    }
    harvest.sort();
    const auto hash = hash_guest_pages(harvest.pages);
    if (!hash) return false;
    const ImageHost host{
        host_.stub_code(),
        [](const void* h, u32 stub) { return static_cast<const Host*>(h)->stub_offset(stub); }, &host_,
        cache_.memory().rx()};
    auto file = images_->store().begin(key);
    if (!file) return false;
    write_image(key, host, harvest.blocks, harvest.pages, *hash, *file);
    if (!file->publish()) return false;
    stats_.images_saved++;
    return true;
}

}  // namespace vm::jit
