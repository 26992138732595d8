#include "jit/lookup_map.h"

#include <new>

namespace vm::jit {

/// nullptr: never used; kGone: erased, the search goes on.
struct LookupMap::Slot {
    std::atomic<u64> pc;  ///< of `translation`: a search touches only the translation that it finds
    std::atomic<Translation*> translation;
};

struct LookupMap::Table {
    u32 mask;
    u32 used;  ///< slots that are not nullptr
    Slot* slots;
};

namespace {

constexpr u32 kFirstCapacity = 32;
Translation* const kGone = reinterpret_cast<Translation*>(8);

/// Of the pc alone: few blocks exist in two modes, and a table can be rebuilt without looking at
/// translations.
u64 hash(u64 pc) {
    const u64 h = (pc >> 1) * 0x9e3779b97f4a7c15;
    return h ^ h >> 32;
}
unsigned shard_of(u64 h) { return static_cast<unsigned>(h >> 58); }

}  // namespace

void LookupMap::TableDeleter::operator()(Table* t) const {
    delete[] t->slots;
    delete t;
}

LookupMap::TablePtr LookupMap::make_table(u32 capacity) {
    return TablePtr(new Table{capacity - 1, 0, new Slot[capacity]()});
}

LookupMap::LookupMap() {
    for (auto& s : shards_) s = make_table(kFirstCapacity).release();
}

LookupMap::~LookupMap() {
    for (auto& s : shards_) TableDeleter{}(s.load());
}

Translation* LookupMap::find(u64 pc, u32 mode) const {
    const u64 h = hash(pc);
    const Table& t = *shards_[shard_of(h)].load(std::memory_order_acquire);
    for (u64 i = h;; i++) {
        const Slot& s = t.slots[i & t.mask];
        Translation* x = s.translation.load(std::memory_order_acquire);
        if (x == nullptr) return nullptr;
        if (s.pc.load(std::memory_order_relaxed) != pc || x == kGone) continue;
        if (x->pc == pc && x->mode == mode) return x;
    }
}

void LookupMap::insert(Translation* t, std::vector<TablePtr>& outgrown) {
    const u64 h = hash(t->pc);
    auto& shard = shards_[shard_of(h)];
    Table* table = shard.load(std::memory_order_relaxed);
    if ((table->used + 1) * 2 > table->mask + 1) {  // at most half full, so that a search always ends
        u32 live = 0;
        for (u32 i = 0; i <= table->mask; i++) {
            const Translation* x = table->slots[i].translation.load(std::memory_order_relaxed);
            live += x != nullptr && x != kGone;
        }
        const u32 capacity = table->mask + 1;
        const u32 growth = live * 4 <= capacity ? 1 : capacity <= kFirstCapacity ? 4 : 2;
        TablePtr bigger = make_table(capacity * growth);
        for (u32 i = 0; i <= table->mask; i++) {
            Translation* x = table->slots[i].translation.load(std::memory_order_relaxed);
            if (x == nullptr || x == kGone) continue;
            const u64 pc = table->slots[i].pc.load(std::memory_order_relaxed);
            u64 at = hash(pc);
            while (bigger->slots[at & bigger->mask].translation.load(std::memory_order_relaxed) != nullptr)
                at++;
            bigger->slots[at & bigger->mask].pc.store(pc, std::memory_order_relaxed);
            bigger->slots[at & bigger->mask].translation.store(x, std::memory_order_relaxed);
            bigger->used++;
        }
        outgrown.emplace_back(table);
        table = bigger.release();
        shard.store(table, std::memory_order_release);
    }
    u64 i = h;
    for (;; i++) {
        const Translation* x = table->slots[i & table->mask].translation.load(std::memory_order_relaxed);
        if (x == nullptr || x == kGone) {
            table->used += x == nullptr;
            break;
        }
    }
    table->slots[i & table->mask].pc.store(t->pc, std::memory_order_relaxed);
    table->slots[i & table->mask].translation.store(t, std::memory_order_release);
    size_++;
}

void LookupMap::erase(const Translation* t) {
    const u64 h = hash(t->pc);
    Table& table = *shards_[shard_of(h)].load(std::memory_order_relaxed);
    for (u64 i = h;; i++) {
        auto& slot = table.slots[i & table.mask].translation;
        const Translation* x = slot.load(std::memory_order_relaxed);
        if (x == nullptr) return;
        if (x == t) {
            slot.store(kGone, std::memory_order_release);
            size_--;
            return;
        }
    }
}

void LookupMap::clear() {
    for (auto& s : shards_) {
        Table& t = *s.load(std::memory_order_relaxed);
        for (u32 i = 0; i <= t.mask; i++)
            if (t.slots[i].translation.load(std::memory_order_relaxed) != nullptr)
                t.slots[i].translation.store(kGone, std::memory_order_release);
    }
    size_ = 0;
}

}  // namespace vm::jit
