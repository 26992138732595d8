// A heap for tests: cells with a key and edges to other cells, as translations have a guest address and
// links.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "gc/collector.h"
#include "gc/epochs.h"

namespace vm::gc::test {

constexpr unsigned kEdges = 4;
constexpr u64 kDead = 0xdeaddeaddeaddead;

struct Cell : Node {
    enum class State : u8 { None, Live, Parked, Final } state = State::None;
    std::atomic<u64> key{kDead};  ///< kDead while the cell's memory is free
    std::array<std::atomic<Cell*>, kEdges> out{};
    std::vector<std::pair<Cell*, unsigned>> in;
};

/// Where the edges of a key lead.
inline u64 target(u64 key, unsigned edge, u64 keys) {
    u64 h = (key * kEdges + edge + 1) * 0x9e3779b97f4a7c15;
    return (h ^ h >> 29) % keys;
}

struct SimHeap : Heap {
    static constexpr u32 kCells = 32, kCellBytes = 10;  ///< of an area
    SimHeap(u32 count, Policy policy) : areas(count), cells(count), used(count), collector(*this, policy) {
        std::vector<Area*> all;
        for (u32 i = 0; i < count; i++) {
            all.push_back(&areas[i]);
            cells[i] = std::make_unique<Cell[]>(kCells);
        }
        collector.manage(all);
    }

    // --- Heap
    u32 node_count(const Area& a) const override { return used[a.number]; }
    Node& node(const Area& a, u32 i) override { return cells[a.number][i]; }
    u32 trace(Node& n, Marker& m) override {
        u32 edges = 0;
        for (auto& e : static_cast<Cell&>(n).out)
            if (Cell* to = e.load()) {
                m.reach(*to);
                edges++;
            }
        return edges;
    }
    void cut(Cell& c) {
        for (auto& [from, edge] : c.in) from->out[edge].store(nullptr);
        c.in.clear();
    }
    void suspend(Node& n) override {
        Cell& c = static_cast<Cell&>(n);
        if (c.state != Cell::State::Live) return;
        c.state = Cell::State::Parked;
        live.erase(c.key);
        parked[c.key] = &c;
        cut(c);
    }
    void finalize(Node& n) override {
        Cell& c = static_cast<Cell&>(n);
        ASSERT_TRUE(c.state == Cell::State::Live || c.state == Cell::State::Parked ||
                    c.state == Cell::State::None);
        if (c.state == Cell::State::Live) live.erase(c.key);
        if (c.state == Cell::State::Parked) parked.erase(c.key);
        if (c.state != Cell::State::None) forgotten[c.key]++;
        cut(c);
        for (unsigned e = 0; e < kEdges; e++) unlink(c, e);
        c.state = Cell::State::Final;
        finalized++;
    }
    u64 announce() override { return epochs.advance(); }
    void release(Area& a) override {
        for (u32 i = 0; i < used[a.number]; i++) {
            Cell& c = cells[a.number][i];
            ASSERT_EQ(c.state, Cell::State::Final);
            ASSERT_TRUE(c.in.empty());
            ASSERT_EQ(c.grey, 0u);
            c.key = kDead;
            c.state = Cell::State::None;
        }
        used[a.number] = 0;
        released++;
    }

    // --- the mutator's side, under the lock
    void unlink(Cell& from, unsigned edge) {
        Cell* to = from.out[edge].load();
        if (to == nullptr) return;
        std::erase(to->in, std::pair(&from, edge));
        from.out[edge].store(nullptr);
    }
    void link(Cell& from, unsigned edge, Cell& to) {
        if (from.state != Cell::State::Live || to.state != Cell::State::Live ||
            from.out[edge].load() != nullptr)
            return;
        from.out[edge].store(&to);
        to.in.emplace_back(&from, edge);
        collector.marker().reach(to);
    }
    /// nullptr: no area is free.
    Cell* make(Space space, u64 key) {
        Area*& open_area = open[static_cast<unsigned>(space)];
        if (open_area == nullptr || open_area->state != Area::State::Open || open_area->space != space ||
            used[open_area->number] == kCells) {
            collector.reclaim(epochs.safe());
            Area* a = collector.open(space, open_area);
            if (a == nullptr) return nullptr;
            open_area = a;
        }
        Cell& c = cells[open_area->number][used[open_area->number]++];
        c.area = open_area->number;
        c.bytes = kCellBytes;
        c.mark = c.grey = 0;
        c.used = 0;
        c.key = key;
        c.state = Cell::State::Live;
        collector.add(c);
        live[key] = &c;
        made += space == Space::Young;
        return &c;
    }
    /// The cell of `key`, whether it is live, on probation or has to be made. nullptr: no area is free.
    Cell* find(u64 key) {
        if (const auto it = live.find(key); it != live.end()) return it->second;
        const auto it = parked.find(key);
        if (it == parked.end()) return make(Space::Young, key);
        Cell* old = it->second;
        Cell* copy = make(Space::Old, key);
        if (copy == nullptr) return nullptr;
        old->state = Cell::State::None;  // to be finalized, but nothing was lost
        parked.erase(key);
        copied++;
        return copy;
    }
    /// As find(), with whatever it takes. The caller holds no reference.
    Cell& enter(u64 key) {
        for (;;) {
            if (Cell* c = find(key)) {
                c->used = collector.period();
                collector.step(8);
                return *c;
            }
            collector.reclaim(epochs.safe());
            if (collector.count(Area::State::Free) == 0) collector.force(8);
        }
    }

    std::vector<Area> areas;
    std::vector<std::unique_ptr<Cell[]>> cells;
    std::vector<u32> used;
    Epochs epochs;
    Collector collector;
    Area* open[2] = {};
    std::unordered_map<u64, Cell*> live, parked;
    std::unordered_map<u64, u64> forgotten;  ///< how often a key was lost
    u64 finalized = 0, released = 0, made = 0, copied = 0;
};

}  // namespace vm::gc::test
