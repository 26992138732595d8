// The parts of the jit that need no guest: lookup map, side tables, code cache, arena, histogram.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <thread>

#include "jit/arena.h"
#include "jit/code_cache.h"
#include "jit/host.h"
#include "jit/lookup_map.h"
#include "jit/side_table.h"
#include "jit/stats.h"

namespace vm::jit {
namespace {

TEST(LookupMap, FindsWhatWasInsertedByPcAndMode) {
    LookupMap map;
    std::vector<LookupMap::TablePtr> outgrown;
    constexpr u64 kCount = 20000;
    std::vector<Translation> all(kCount);
    for (u64 i = 0; i < kCount; i++) {
        all[i].pc = 0x10000 + i / 2 * 2;
        all[i].mode = i % 2;
        map.insert(&all[i], outgrown);
    }
    EXPECT_EQ(map.size(), kCount);
    EXPECT_FALSE(outgrown.empty());
    for (Translation& t : all) EXPECT_EQ(map.find(t.pc, t.mode), &t);
    EXPECT_EQ(map.find(0x10000, 2), nullptr);
    EXPECT_EQ(map.find(0x10001, 0), nullptr);
    for (u64 i = 0; i < kCount; i += 3) map.erase(&all[i]);
    for (u64 i = 0; i < kCount; i++)
        EXPECT_EQ(map.find(all[i].pc, all[i].mode), i % 3 == 0 ? nullptr : &all[i]);
    map.clear();
    EXPECT_EQ(map.size(), 0u);
    EXPECT_EQ(map.find(all[1].pc, all[1].mode), nullptr);
}

TEST(LookupMap, ErasedSlotsDoNotFillTheTable) {
    LookupMap map;
    std::vector<LookupMap::TablePtr> outgrown;
    Translation t;
    for (u64 i = 0; i < 100000; i++) {
        t.pc = i * 2;
        map.insert(&t, outgrown);
        ASSERT_EQ(map.find(i * 2, 0), &t);
        map.erase(&t);
        ASSERT_EQ(map.find(i * 2, 0), nullptr);
    }
    EXPECT_EQ(map.size(), 0u);
}

TEST(LookupMap, ReadersRunWhileAWriterChangesIt) {
    LookupMap map;
    std::vector<LookupMap::TablePtr> outgrown;  // kept: readers may be in them
    constexpr u64 kStable = 1000, kChanging = 4000;
    std::vector<Translation> all(kStable + kChanging);
    for (u64 i = 0; i < all.size(); i++) all[i].pc = 2 * i;
    for (u64 i = 0; i < kStable; i++) map.insert(&all[i], outgrown);
    std::atomic<bool> stop{false};
    std::atomic<u64> wrong{0}, reads{0};
    auto reader = [&] {
        std::minstd_rand random(7);
        while (!stop) {
            const u64 i = random() % all.size();
            const Translation* t = map.find(2 * i, 0);
            if (i < kStable ? t != &all[i] : t != nullptr && t != &all[i]) wrong++;
            reads++;
        }
    };
    std::thread a(reader), b(reader);
    while (reads == 0) std::this_thread::yield();
    for (int round = 0; round < 10; round++) {
        for (u64 i = kStable; i < all.size(); i++) map.insert(&all[i], outgrown);
        for (u64 i = kStable; i < all.size(); i++) map.erase(&all[i]);
    }
    stop = true;
    a.join();
    b.join();
    EXPECT_EQ(wrong, 0u);
}

TEST(SideTable, RoundTripsIncludingJumpsBackwards) {
    std::vector<backend::SideEntry> entries;
    std::minstd_rand random(3);
    u32 offset = 0;
    u64 pc = 0x7fff00001000;
    const u64 start = pc;
    for (u32 i = 0; i < 200; i++) {
        entries.push_back({offset, i, pc});
        offset += 1 + random() % 300;
        pc += i % 17 == 0 ? static_cast<u64>(-i64{0x4000}) : 2 + random() % 3;
    }
    std::vector<u8> encoded;
    encode_side_table(entries, start, encoded);
    EXPECT_LT(encoded.size(), entries.size() * 4);
    for (u64 i = 0; i < entries.size(); i++) {
        const u32 end = i + 1 < entries.size() ? entries[i + 1].host_offset : offset;
        for (const u32 at : {entries[i].host_offset, end - 1})
            EXPECT_EQ(side_table_pc(encoded, start, at), entries[i].guest_pc) << i;
    }
    EXPECT_EQ(side_table_pc({}, start, 10), start);
}

TEST(TranslationIndex, BinarySearch) {
    TranslationIndex index;
    std::vector<Translation> all(3000);
    EXPECT_EQ(index.find(5), nullptr);
    for (u32 i = 0; i < all.size(); i++) {
        all[i].code_offset = 100 + 32 * i;
        index.append(&all[i]);
    }
    EXPECT_EQ(index.find(99), nullptr);
    for (u32 i = 0; i < all.size(); i++) {
        EXPECT_EQ(index.find(100 + 32 * i), &all[i]);
        EXPECT_EQ(index.find(131 + 32 * i), &all[i]);
    }
    index.clear();
    EXPECT_EQ(index.find(500), nullptr);
}

TEST(CodeCache, FillsTheOpenSegmentOfASpace) {
    CodeCache cache;
    ASSERT_TRUE(cache.create(u64{1} << 20, 5000));
    const u64 count = cache.segments().size();
    ASSERT_GE(count, 4u);
    EXPECT_GE(cache.segments()[0]->begin, 5000u);
    EXPECT_LE(cache.memory().size(), u64{1} << 20);
    EXPECT_EQ(cache.allocate(gc::Space::Young, 16), ~0u);
    EXPECT_EQ(cache.open_segment(gc::Space::Old), nullptr);
    std::vector<u32> seen;
    for (auto& s : cache.segments()) {
        s->state = Segment::State::Open;
        cache.set_open(gc::Space::Young, *s);
        for (u32 at; (at = cache.allocate(gc::Space::Young, 1003)) != ~0u;) {
            EXPECT_EQ(at % 8, 0u);
            EXPECT_EQ(&cache.segment_at(at), s.get());
            if (!seen.empty()) {
                EXPECT_GE(at, seen.back() + 1003);
            }
            seen.push_back(at);
        }
    }
    EXPECT_EQ(seen.size(), count * (cache.segment_bytes() / 1008));
    EXPECT_EQ(cache.used_bytes(), seen.size() * 1008);
    Segment& first = *cache.segments()[0];
    cache.set_open(gc::Space::Young, first);
    const u32 next = first.begin + first.used;
    EXPECT_EQ(cache.allocate(gc::Space::Young, 16), next);
    cache.empty(first);
    EXPECT_EQ(cache.allocate(gc::Space::Young, 16), first.begin);
    // It was emptied and is filled with something else now.
    first.space = gc::Space::Old;
    EXPECT_EQ(cache.allocate(gc::Space::Young, 16), ~0u);
    first.space = gc::Space::Young;
    first.state = Segment::State::Retired;
    EXPECT_EQ(cache.allocate(gc::Space::Young, 16), ~0u);
}

TEST(CodeCache, FindGivesTheBlockThatContainsAnAddress) {
    CodeCache cache;
    ASSERT_TRUE(cache.create(u64{1} << 20, 100));
    Segment& s = *cache.segments()[0];
    s.state = Segment::State::Open;
    cache.set_open(gc::Space::Young, s);
    Translation t[3];
    for (Translation& x : t) {
        x.code_offset = cache.allocate(gc::Space::Young, 42);
        x.code_size = 42;
        s.index.append(&x);
    }
    const u64 rx = reinterpret_cast<u64>(cache.memory().rx());
    for (Translation& x : t) {
        EXPECT_EQ(cache.find(rx + x.code_offset), &x);
        EXPECT_EQ(cache.find(rx + x.code_offset + 41), &x);
        EXPECT_EQ(cache.find(rx + x.code_offset + 42), nullptr);  // alignment
    }
    EXPECT_EQ(cache.find(rx), nullptr);  // stubs
    EXPECT_EQ(cache.find(rx - 1), nullptr);
    EXPECT_EQ(cache.find(rx + cache.memory().size()), nullptr);
    EXPECT_FALSE(CodeCache().create(100, 10).has_value());
    EXPECT_FALSE(CodeCache().create(u64{1} << 40, 10).has_value());
}

TEST(ReturnStack, OverflowKeepsTheNewerHalf) {
    ReturnStack stack;
    ASSERT_TRUE(stack.create());
    u64 sp = stack.top();
    EXPECT_EQ(sp % 16, 0u);
    u64 value = 0, wraps = 0;
    auto push = [&](u64 v) {
        if (const u64 moved = stack.make_room(sp - 8, sp)) {
            sp = moved;
            wraps++;
        }
        sp -= 8;
        *reinterpret_cast<u64*>(sp) = v;
    };
    for (int i = 0; i < 100000; i++) {
        push(value + 1);
        push(value);
        value += 2;
    }
    EXPECT_GT(wraps, 2u);
    for (u64 i = 0; i < 4000; i++) {
        value -= 2;
        EXPECT_EQ(*reinterpret_cast<u64*>(sp), value);
        EXPECT_EQ(*reinterpret_cast<u64*>(sp + 8), value + 1);
        sp += 16;
    }
    EXPECT_EQ(stack.make_room(0x1000, sp), 0u);
}

TEST(Arena, AlignsAndFreesTogether) {
    Arena arena;
    arena.array<u8>(3);
    const auto words = arena.array<u64>(5);
    EXPECT_EQ(reinterpret_cast<u64>(words.data()) % 8, 0u);
    const auto big = arena.array<u8>(200000);
    EXPECT_EQ(big.size(), 200000u);
    EXPECT_TRUE(arena.array<u64>(0).empty());
    EXPECT_GE(arena.total(), 200000u);
    arena.clear();
    EXPECT_EQ(arena.total(), 0u);
}

TEST(Histogram, QuantilesAreWithinAnEighth) {
    Histogram h;
    EXPECT_EQ(h.quantile(0.5), 0u);
    for (u64 v = 1; v <= 10000; v++) h.add(v);
    EXPECT_NEAR(static_cast<double>(h.quantile(0.5)), 5000, 5000.0 / 8);
    EXPECT_NEAR(static_cast<double>(h.quantile(0.9)), 9000, 9000.0 / 8);
    EXPECT_EQ(h.count(), 10000u);
    EXPECT_EQ(h.sum(), 50005000u);
    u64 total = 0;
    h.each_octave([&](unsigned n, u64 count) {
        total += count;
        EXPECT_EQ(count, n == 14 ? 10000u - 8191u : u64{1} << (n - 1)) << n;
    });
    EXPECT_EQ(total, 10000u);
    Histogram both = h;
    both += h;
    EXPECT_EQ(both.count(), 20000u);
    EXPECT_EQ(both.quantile(0.5), h.quantile(0.5));
    Histogram one;
    one.add(u64{1} << 60);
    EXPECT_GT(one.quantile(1.0), u64{1} << 38);
}

}  // namespace
}  // namespace vm::jit
