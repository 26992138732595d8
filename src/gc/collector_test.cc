// Generations in a simulated heap: what stays, what goes, and when memory is used again.
#include <random>
#include <set>
#include <thread>

#include "gc/sim_heap_test.h"

namespace vm::gc::test {
namespace {

constexpr u64 kHot = 100;  // keys below it are entered all the time

/// `rounds` times twenty entries of hot keys and one of a key that is new.
void churn(SimHeap& h, u64 rounds, unsigned seed) {
    std::mt19937 random(seed);
    u64 cold = 1000;
    for (u64 i = 0; i < rounds; i++) {
        for (int n = 0; n < 20; n++) h.enter(random() % kHot);
        h.enter(cold++);
    }
}

/// How often hot keys were lost.
u64 hot_lost(const SimHeap& h) {
    u64 n = 0;
    for (const auto& [key, times] : h.forgotten)
        if (key < kHot) n += times;
    return n;
}

TEST(Collector, HotNodesAreKeptAndColdOnesGo) {
    SimHeap h(16, Policy::Generations);
    churn(h, 2000, 1);
    EXPECT_LT(hot_lost(h), kHot);
    EXPECT_GT(h.copied, kHot / 2);
    const u64 before = hot_lost(h), copied = h.copied;
    churn(h, 10000, 2);
    EXPECT_LT(hot_lost(h) - before, kHot);  // the old space holds them now
    EXPECT_LT(h.copied - copied, 10 * kHot);
    EXPECT_GT(h.collector.stats().collections, 200u);
    EXPECT_EQ(h.collector.stats().swept, h.finalized);
    EXPECT_EQ(h.collector.stats().swept_bytes, h.finalized * SimHeap::kCellBytes);
}

TEST(Collector, FifoAndFlushLoseThem) {
    for (const Policy policy : {Policy::Fifo, Policy::Flush}) {
        SimHeap h(16, policy);
        churn(h, 10000, 1);
        EXPECT_GT(hot_lost(h), 15 * kHot);
        EXPECT_EQ(h.copied, 0u);
        EXPECT_EQ(h.collector.stats().suspended, 0u);
    }
}

TEST(Collector, FlushEmptiesEverythingAndOnlyWhenFull) {
    SimHeap h(8, Policy::Flush);
    for (u64 key = 0; key < 8 * SimHeap::kCells; key++) h.enter(key);
    EXPECT_EQ(h.finalized, 0u);
    h.enter(5000);
    EXPECT_EQ(h.finalized, 8 * SimHeap::kCells);
    EXPECT_EQ(h.live.size(), 1u);
}

TEST(Collector, EveryNumberOfAreasWorks) {
    for (u32 n = 3; n <= 40; n++) {
        for (const Policy policy : {Policy::Generations, Policy::Fifo, Policy::Flush}) {
            SimHeap h(n, policy);
            churn(h, 3000, n);
            EXPECT_GT(h.released, 10u) << n;
        }
    }
}

TEST(Collector, AnAreaIsReleasedOnlyWhenEverybodySawTheEpoch) {
    for (const Policy policy : {Policy::Generations, Policy::Fifo, Policy::Flush}) {
        SimHeap h(8, policy);
        Participant holder;
        h.epochs.add(holder);
        Epochs::enter(holder);
        Epochs::saw(holder, h.epochs.now());
        // Everything fills up and nothing is released; force() says that it is a matter of epochs.
        u64 key = 0;
        for (bool full = false; !full;) {
            if (h.find(key) != nullptr) {
                key++;
                h.collector.step(8);
                continue;
            }
            full = !h.collector.force(8);
        }
        EXPECT_EQ(h.released, 0u);
        h.collector.reclaim(h.epochs.safe());
        EXPECT_EQ(h.find(key), nullptr);
        Epochs::saw(holder, h.epochs.now());
        h.collector.reclaim(h.epochs.safe());
        EXPECT_GT(h.released, 0u);
        EXPECT_NE(h.find(key), nullptr);
        Epochs::leave(holder);
        EXPECT_EQ(h.epochs.safe(), ~u64{0});
        h.epochs.remove(holder);
    }
}

TEST(Collector, SlicesAreBounded) {
    struct Counting : SimHeap {
        using SimHeap::SimHeap;
        void suspend(Node& n) override {
            SimHeap::suspend(n);
            worked++;
        }
        void finalize(Node& n) override {
            SimHeap::finalize(n);
            worked++;
        }
        u32 worked = 0;
    };
    Counting h(16, Policy::Generations);
    std::mt19937 random(3);
    for (u64 key = 1000; key < 20000; key++) {
        while (h.find(key) == nullptr) {
            h.collector.reclaim(h.epochs.safe());
            h.worked = 0;
            h.collector.force(4);
            EXPECT_LE(h.worked, 4u);
        }
        h.worked = 0;
        h.collector.step(4);
        EXPECT_LE(h.worked, 8u);  // of each kind
    }
}

/// In the old space the areas that nothing leads to go first, although they are the newer ones.
TEST(Collector, MarkingChoosesTheAreaThatIsLeastReached) {
    SimHeap h(16, Policy::Generations);
    constexpr u64 kHalf = 4 * SimHeap::kCells;
    for (u64 key = 0; key < 2 * kHalf; key++) ASSERT_NE(h.make(Space::Old, key), nullptr);
    // The first half is entered, the second never. Others become hot one by one, and the old space too small.
    const auto lost = [&](u64 from) {
        u64 n = 0;
        for (u64 key = from; key < from + kHalf; key++) n += h.forgotten.contains(key);
        return n;
    };
    u64 cold = 100000;
    for (u64 i = 0; i < 20000 && lost(kHalf) < kHalf / 2; i++) {
        for (u64 n = 0; n < 16; n++) {
            h.enter((16 * i + n) % kHalf);
            h.enter(1000 + (16 * i + n) % std::min(kHalf, i / 4 + 1));
        }
        h.enter(cold++);
    }
    EXPECT_GE(h.collector.stats().cycles, 1u);
    EXPECT_GE(lost(kHalf), kHalf / 2);
    EXPECT_LT(lost(0), kHalf / 8);  // by age it would be all of them before any of the others
}

/// Random entries, edges and evictions. Whatever is live can be found, and every edge leads to a live cell.
TEST(Collector, RandomOperationsKeepTheHeapConsistent) {
    for (unsigned seed = 0; seed < 30; seed++) {
        std::mt19937 random(seed);
        SimHeap h(6 + seed % 20, seed % 5 == 0 ? Policy::Fifo : Policy::Generations);
        const u64 keys = 50 + random() % 3000;
        for (int i = 0; i < 4000; i++) {
            const u64 key = random() % (random() % 2 ? keys : keys / 10 + 1);
            Cell& c = h.enter(key);
            ASSERT_EQ(c.key, key);
            ASSERT_TRUE(c.state == Cell::State::Live || c.state == Cell::State::Parked);
            const unsigned edge = random() % kEdges;
            Cell& to = h.enter(target(key, edge, keys));
            if (c.state == Cell::State::Live && c.key == key) h.link(c, edge, to);
            if (random() % 500 == 0) h.collector.evict(h.areas[to.area]);
            if (random() % 2000 == 0) h.collector.evict_all();
        }
        u64 live = 0;
        for (u32 a = 0; a < h.areas.size(); a++)
            for (u32 i = 0; i < h.used[a]; i++) {
                Cell& c = h.cells[a][i];
                if (c.state != Cell::State::Live) continue;
                live++;
                ASSERT_EQ(h.live.at(c.key), &c);
                for (auto& e : c.out)
                    if (const Cell* to = e.load()) {
                        ASSERT_EQ(to->state, Cell::State::Live);
                    }
            }
        EXPECT_EQ(live, h.live.size());
    }
}

/// Threads follow edges without a lock while areas are collected under them: nobody ever sees freed memory.
TEST(Collector, ThreadsFollowEdgesWhileAreasAreCollected) {
    for (const Policy policy : {Policy::Generations, Policy::Fifo, Policy::Flush}) {
        SimHeap h(12, policy);
        std::mutex lock;
        std::atomic<u64> stale{0};
        constexpr u64 kKeys = 2000;
        const auto mutator = [&](unsigned seed) {
            std::mt19937 random(seed);
            Participant me;
            {
                const std::lock_guard guard(lock);
                h.epochs.add(me);
            }
            const auto arrive = [&] {
                Epochs::enter(me);
                Epochs::saw(me, h.epochs.now());
            };
            const auto enter = [&](u64 key) -> Cell* {
                for (;;) {
                    {
                        const std::lock_guard guard(lock);
                        if (Cell* c = h.find(key)) {
                            c->used = h.collector.period();
                            h.collector.step(4);
                            return c;
                        }
                        h.collector.reclaim(h.epochs.safe());
                        if (h.collector.count(Area::State::Free) == 0 && h.collector.force(8)) continue;
                    }
                    Epochs::leave(me);
                    std::this_thread::yield();
                    arrive();
                }
            };
            arrive();
            for (int trip = 0; trip < 400; trip++) {
                // References are held from here …
                u64 key = random() % 4 ? random() % 50 : random() % kKeys;
                Cell* c = enter(key);
                for (int steps = 0; steps < 30; steps++) {
                    stale += c->key.load() != key;
                    const unsigned edge = random() % kEdges;
                    key = target(key, edge, kKeys);
                    Cell* next = c->out[edge].load();
                    if (next == nullptr) break;
                    c = next;
                }
                // … to here; the last step is made through the lock, as a miss is, and leaves an edge.
                Epochs::saw(me, h.epochs.now());
                const u64 from = random() % 4 ? random() % 50 : random() % kKeys;
                const unsigned edge = random() % kEdges;
                enter(target(from, edge, kKeys));
                const std::lock_guard guard(lock);
                const auto a = h.live.find(from), b = h.live.find(target(from, edge, kKeys));
                if (a != h.live.end() && b != h.live.end()) h.link(*a->second, edge, *b->second);
            }
            Epochs::leave(me);
            const std::lock_guard guard(lock);
            h.epochs.remove(me);
        };
        std::vector<std::thread> threads;
        for (unsigned n = 1; n <= 3; n++) threads.emplace_back(mutator, n);
        for (auto& t : threads) t.join();
        EXPECT_EQ(stale, 0u);
        EXPECT_GT(h.released, 5u);
    }
}

}  // namespace
}  // namespace vm::gc::test
