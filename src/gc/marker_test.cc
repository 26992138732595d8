// Marking against an oracle that stops everything and follows all edges.
#include "gc/marker.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace vm::gc {
namespace {

struct Thing : Node {
    std::vector<Thing*> to;
    bool gone = false;
};

/// A graph with roots whose owner changes both at random, as the rules of Marker allow.
struct Things : Graph {
    explicit Things(unsigned seed) : random(seed), all(300) {
        for (auto& t : all) t = std::make_unique<Thing>();
        for (auto& t : all)
            for (u64 n = random() % 3; n-- > 0;) t->to.push_back(any());
        for (int i = 0; i < 8; i++) roots.insert(any());
    }
    Thing* any() { return all[random() % all.size()].get(); }
    u32 trace(Node& n, Marker& m) override {
        Thing& t = static_cast<Thing&>(n);
        EXPECT_FALSE(t.gone);
        traced++;
        for (Thing* to : t.to) m.reach(*to);
        return static_cast<u32>(t.to.size());
    }
    std::set<Thing*> reachable() const {
        std::set<Thing*> seen;
        std::vector<Thing*> left(roots.begin(), roots.end());
        while (!left.empty()) {
            Thing* t = left.back();
            left.pop_back();
            if (!seen.insert(t).second) continue;
            left.insert(left.end(), t->to.begin(), t->to.end());
        }
        return seen;
    }
    /// One change by somebody who got where he is from the roots.
    void change(Marker& m) {
        const std::set<Thing*> seen = reachable();
        const std::vector<Thing*> here(seen.begin(), seen.end());
        Thing* from = here[random() % here.size()];
        switch (random() % 5) {
            case 0:
                if (!from->to.empty())
                    from->to.erase(from->to.begin() + static_cast<i64>(random() % from->to.size()));
                break;
            case 1: {
                Thing* to = here[random() % here.size()];
                from->to.push_back(to);
                m.reach(*to);
                break;
            }
            case 2: {  // a new one
                all.push_back(std::make_unique<Thing>());
                Thing* to = all.back().get();
                m.born(*to);
                from->to.push_back(to);
                m.reach(*to);
                break;
            }
            case 3:
                if (roots.size() > 1) roots.erase(roots.begin());
                break;
            default: roots.insert(from); m.reach(*from);
        }
    }
    /// Somebody outside knows that these are gone.
    void remove_unreachable(Marker& m) {
        const std::set<Thing*> seen = reachable();
        for (auto& t : all)
            if (!seen.contains(t.get()) && random() % 4 == 0) {
                m.forget(*t);
                t->to.clear();
                t->gone = true;
            }
        for (auto& t : all) std::erase_if(t->to, [](const Thing* x) { return x->gone; });
    }
    void begin(Marker& m) {
        m.begin();
        for (Thing* t : roots) m.reach(*t);
    }
    std::mt19937 random;
    std::vector<std::unique_ptr<Thing>> all;
    std::set<Thing*> roots;
    u64 traced = 0;
};

TEST(Marker, MarksExactlyWhatIsReachableWhenNothingChanges) {
    for (unsigned seed = 0; seed < 200; seed++) {
        Things g(seed);
        Marker m;
        g.begin(m);
        while (!m.step(g, 1 + seed % 50)) {
        }
        m.end();
        const std::set<Thing*> seen = g.reachable();
        EXPECT_EQ(g.traced, seen.size());
        EXPECT_EQ(m.total(), seen.size());
        for (auto& t : g.all) ASSERT_EQ(m.marked(*t), seen.contains(t.get())) << seed;
    }
}

TEST(Marker, NothingReachableIsMissedWhileTheGraphChanges) {
    for (unsigned seed = 0; seed < 200; seed++) {
        Things g(seed);
        Marker m;
        std::set<Thing*> ever = g.reachable();  // at any time of the cycle
        for (int cycle = 0; cycle < 3; cycle++) {
            g.begin(m);
            ever = g.reachable();
            do {
                for (u64 n = g.random() % 4; n-- > 0;) {
                    g.change(m);
                    ever.merge(g.reachable());
                }
                if (g.random() % 16 == 0) g.remove_unreachable(m);
            } while (!m.step(g, 1 + g.random() % 8));
            m.end();
            for (Thing* t : g.reachable()) ASSERT_TRUE(m.marked(*t)) << seed;
            for (auto& t : g.all)
                if (m.marked(*t)) {
                    ASSERT_TRUE(ever.contains(t.get())) << seed;
                }
        }
        // What became garbage in the last cycle is found by the next.
        g.begin(m);
        while (!m.step(g, 3)) {
        }
        m.end();
        const std::set<Thing*> seen = g.reachable();
        for (auto& t : g.all) ASSERT_EQ(m.marked(*t), seen.contains(t.get())) << seed;
    }
}

TEST(Marker, ASliceIsBoundedAndNothingHappensOutsideACycle) {
    Things g(1);
    Marker m;
    m.reach(*g.all[0]);
    EXPECT_TRUE(m.step(g, 100));
    EXPECT_EQ(g.traced, 0u);
    for (auto& t : g.all) {
        t->to.clear();
        for (int i = 0; i < 9; i++) t->to.push_back(g.any());
    }
    g.begin(m);
    u64 before = 0;
    while (!m.step(g, 20)) {
        EXPECT_LE(g.traced - before, 3u);  // ten edges and nodes each
        before = g.traced;
    }
    m.begin();  // given up in the middle
    m.reach(*g.all[5]);
    m.begin();
    EXPECT_TRUE(m.step(g, 100));
    EXPECT_FALSE(m.marked(*g.all[5]));
}

}  // namespace
}  // namespace vm::gc
