#include "jit/code_cache.h"

#include <algorithm>

#include "base/format.h"

namespace vm::jit {
namespace {

constexpr u64 kSegment = u64{2} << 20;
constexpr u64 kSmallestSegment = u64{64} << 10;
constexpr u64 kSegments = 64;  // as many of a smaller size, where the limit allows less than kSegment each
constexpr u64 kLargestCache = u64{1} << 30;  // every call and jump inside the cache is a rel32
constexpr u32 kAlignment = 8;   ///< what the back end counts on: links are aligned words, entries skewed
constexpr u32 kLeastSize = 16;  ///< TranslationIndex has room for a segment full of these
constexpr u64 kLeastCommit = u64{16} << 10, kMostCommit = u64{128} << 10;

}  // namespace

void TranslationIndex::append(Translation* t) {
    const u32 n = count_.load(std::memory_order_relaxed);
    auto& chunk = chunks_[n / kChunk];
    if (!chunk) chunk = std::make_unique<Entry[]>(kChunk);
    chunk[n % kChunk] = Entry{t->code_offset, t};
    count_.store(n + 1, std::memory_order_release);
}

Translation* TranslationIndex::find(u32 offset) const {
    // What is looked for was mostly made a short while ago: steps that double lead back from the end.
    u32 lo = 0, hi = count_.load(std::memory_order_acquire);
    for (u32 step = 8; step < hi && lo == 0; step *= 2) {
        if (at(hi - step).offset <= offset)
            lo = hi - step;
        else
            hi -= step;
    }
    while (lo < hi) {
        const u32 mid = (lo + hi) / 2;
        if (at(mid).offset <= offset)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo == 0 ? nullptr : at(lo - 1).translation;
}

Result<void> CodeCache::create(u64 limit, u64 stub_bytes, u64 annex) {
    const u64 page = osal::page_size();
    const u64 first = align_up(stub_bytes, page);
    if (limit < first + 4 * kSmallestSegment || limit > kLargestCache)
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("the code cache limit of {} bytes is outside {} .. {}", limit,
                                first + 4 * kSmallestSegment, kLargestCache));
    const u64 segment = std::clamp(align_down((limit - first) / kSegments, page), kSmallestSegment, kSegment);
    const u64 count = (limit - first) / segment;
    if (auto r = memory_.create(first + count * segment, annex); !r) return r;
    first_ = static_cast<u32>(first);
    segment_bytes_ = static_cast<u32>(segment);
    for (u64 i = 0; i < count; i++) {
        segments_.push_back(std::make_unique<Segment>());
        segments_.back()->begin = static_cast<u32>(first + i * segment);
    }
    return {};
}

u32 CodeCache::allocate(gc::Space space, u32 bytes) {
    if (open_segment(space) == nullptr) return ~0u;
    Segment& s = *open_segment(space);
    const u32 size = std::max(static_cast<u32>(align_up(bytes, kAlignment)), kLeastSize);
    // It may have been emptied meanwhile, and have been opened for the other space.
    if (s.state != Segment::State::Open || s.space != space || size > segment_bytes_ - s.used) return ~0u;
    const u32 offset = s.begin + s.used;
    s.used += size;
    used_ += size;
    if (s.used > s.committed) commit(s);
    return offset;
}

/// Asks for memory ahead of its use: a little at first, then more at a time.
void CodeCache::commit(Segment& s) {
    const u64 page = osal::page_size();
    const u64 from = align_down(s.committed, page);
    const u64 ahead = std::clamp<u64>(s.used, kLeastCommit, kMostCommit);
    const u64 to = std::min<u64>(align_up(s.used + ahead, page), segment_bytes_);
    memory_.commit(s.begin + from, to - from);
    s.committed = static_cast<u32>(to);
}

void CodeCache::empty(Segment& s) {
    s.index.clear();
    s.arena.clear();
    used_ -= s.used;
    s.used = s.committed = 0;
    s.live = 0;
}

Translation* CodeCache::find(u64 host_pc) const {
    const u64 offset = host_pc - reinterpret_cast<u64>(memory_.rx());
    if (offset >= memory_.size() || offset < first_) return nullptr;
    const Segment& s = *segments_[(offset - first_) / segment_bytes_];
    Translation* t = s.index.find(static_cast<u32>(offset));
    return t != nullptr && offset < u64{t->code_offset} + t->code_size ? t : nullptr;
}

}  // namespace vm::jit
