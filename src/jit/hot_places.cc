#include "jit/hot_places.h"

#include <algorithm>
#include <atomic>

namespace vm::jit {

HotPlacesEdit::HotPlacesEdit(HotPlaces& places) : p_(places) {
    std::atomic_ref<u32>(p_.sequence).store(p_.sequence | 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
}

HotPlacesEdit::~HotPlacesEdit() {
    std::atomic_ref<u32>(p_.sequence).store(p_.sequence + 1, std::memory_order_release);
}

HotPlace* HotPlacesEdit::find(u64 pc, u32 mode) {
    HotPlace* const end = p_.places + p_.count;
    HotPlace* const at =
        std::find_if(p_.places, end, [&](const HotPlace& h) { return h.pc == pc && h.mode == mode; });
    return at != end ? at : nullptr;
}

void HotPlacesEdit::sample(const HotPlace& known) {
    p_.samples++;
    p_.weight += kSampleWeight;
    if (HotPlace* h = find(known.pc, known.mode)) {
        h->samples++;
        h->weight += kSampleWeight;
        h->region = known.region;
        return;
    }
    HotPlace added = known;
    added.samples++;
    added.weight += kSampleWeight;
    if (p_.count < HotPlaces::kMost) {
        p_.places[p_.count++] = added;
        return;
    }
    HotPlace* const least = std::ranges::min_element(p_.places, {}, &HotPlace::weight);
    if (least->weight < added.weight) *least = added;
}

void HotPlacesEdit::decay() {
    p_.weight -= p_.weight / 8;
    for (u32 i = 0; i < p_.count; i++) p_.places[i].weight -= p_.places[i].weight / 8;
}

void HotPlacesEdit::compiled(u64 pc, u32 mode) {
    if (HotPlace* h = find(pc, mode)) h->region = 1;
}

void HotPlacesEdit::thread(BackgroundState state, i32 tid, u64 pending) {
    p_.state = state;
    p_.tid = tid;
    p_.pending = static_cast<u32>(pending);
}

void HotPlacesEdit::clear() {
    const u32 sequence = p_.sequence;
    p_ = {};
    p_.sequence = sequence;
}

}  // namespace vm::jit
