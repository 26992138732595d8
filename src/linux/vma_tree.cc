#include "linux/vma_tree.h"

#include <algorithm>

namespace vm::linux {

Vma* VmaTree::find(u64 addr) {
    auto it = map_.upper_bound(addr);
    if (it == map_.begin()) return nullptr;
    --it;
    return it->second.end > addr ? &it->second : nullptr;
}

VmaTree::Map::iterator VmaTree::first_after(u64 addr) {
    auto it = map_.upper_bound(addr);
    if (it != map_.begin()) {
        auto before = std::prev(it);
        if (before->second.end > addr) return before;
    }
    return it;
}

u64 VmaTree::first_hole(u64 begin, u64 end) {
    u64 at = begin;
    for (auto it = first_after(begin); it != map_.end() && it->second.begin <= at && at < end; ++it)
        at = it->second.end;
    return std::min(at, end);
}

u64 VmaTree::covered(u64 begin, u64 end) {
    u64 sum = 0;
    for (auto it = first_after(begin); it != map_.end() && it->second.begin < end; ++it)
        sum += std::min(end, it->second.end) - std::max(begin, it->second.begin);
    return sum;
}

void VmaTree::split(u64 addr) {
    Vma* v = find(addr);
    if (!v || v->begin == addr) return;
    Vma upper = *v;
    upper.begin = addr;
    if (upper.file_id) upper.offset += addr - v->begin;
    v->end = addr;
    map_.emplace(addr, std::move(upper));
}

bool VmaTree::erase(u64 begin, u64 end) {
    split(begin);
    split(end);
    bool code = false, any = false;
    auto it = first_after(begin);
    while (it != map_.end() && it->second.begin < end) {
        code |= it->second.has_code;
        bytes_ -= it->second.end - it->second.begin;
        it = map_.erase(it);
        any = true;
    }
    if (any && end > cursor_) {
        const u64 hole_begin = it == map_.begin() ? low_ : std::prev(it)->second.end;
        const u64 hole_end = it == map_.end() ? top_ : std::min(it->second.begin, top_);
        if (hole_end > hole_begin) cached_hole_ = std::max(cached_hole_, hole_end - hole_begin);
    }
    return code;
}

bool VmaTree::mergeable(const Vma& a, const Vma& b) {
    return a.end == b.begin && a.prot == b.prot && a.flags == b.flags && a.file_id == b.file_id &&
           a.dying == b.dying && (a.file_id == 0 || a.offset + (a.end - a.begin) == b.offset) &&
           a.path == b.path;
}

void VmaTree::insert(Vma v) {
    const u64 begin = v.begin, end = v.end;
    bytes_ += end - begin;
    peak_ = std::max(peak_, bytes_);
    map_.emplace(begin, std::move(v));
    merge(begin, end);
}

void VmaTree::merge(u64 begin, u64 end) {
    auto it = first_after(begin);
    if (it == map_.end()) return;
    if (it != map_.begin()) --it;
    while (it != map_.end() && it->second.begin <= end) {
        auto next = std::next(it);
        if (next == map_.end()) break;
        if (mergeable(it->second, next->second)) {
            it->second.end = next->second.end;
            it->second.has_code |= next->second.has_code;
            map_.erase(next);
        } else {
            it = next;
        }
    }
}

bool VmaTree::reserved(u64 begin, u64 end) const {
    return std::any_of(reserved_.begin(), reserved_.end(),
                       [&](const Range& r) { return r.begin < end && begin < r.end; });
}

u64 VmaTree::choose(u64 len, u64 align) {
    if (len == 0 || len > top_ - low_) return 0;
    if (len <= cached_hole_ || align > 4096) {
        cursor_ = top_;
        cached_hole_ = 0;
    }
    u64 hole_end = cursor_;
    auto it = map_.lower_bound(hole_end);  // first mapping at or beyond the hole's end
    for (;;) {
        u64 hole_begin = low_;
        auto before = map_.end();
        if (it != map_.begin()) {
            before = std::prev(it);
            hole_begin = std::max(low_, before->second.end);
        }
        if (hole_end > hole_begin && hole_end - hole_begin >= len) {
            u64 at = align_down(hole_end - len, align);
            while (at >= hole_begin && at < hole_end) {
                const auto clash = std::find_if(reserved_.begin(), reserved_.end(), [&](const Range& r) {
                    return r.begin < at + len && at < r.end;
                });
                if (clash == reserved_.end()) {
                    if (align <= 4096)
                        cursor_ = at;
                    else
                        cached_hole_ = hole_end - hole_begin;
                    return at;
                }
                if (clash->begin < hole_begin + len) break;
                at = align_down(clash->begin - len, align);
            }
        }
        if (hole_end > hole_begin) cached_hole_ = std::max(cached_hole_, hole_end - hole_begin);
        if (before == map_.end() || before->second.begin <= low_) break;
        hole_end = std::min(hole_end, before->second.begin);
        it = before;
    }
    if (cursor_ == top_) return 0;
    cursor_ = top_;  // holes above the cursor may have been forgotten: look once more, everywhere
    cached_hole_ = 0;
    return choose(len, align);
}

}  // namespace vm::linux
