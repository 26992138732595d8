#include "device/htif.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace vm::device {
namespace {

constexpr u64 kRam = 0x8000'0000, kToHost = kRam + 0x1000, kFromHost = kRam + 0x1040, kCall = kRam + 0x2000,
              kText = kRam + 0x3000;

struct Machine {
    Machine() {
        auto h = Htif::create(
            *ram, {kToHost, kFromHost}, [this](std::span<const u8> b) { printed.append(b.begin(), b.end()); },
            [this](u64 c) { code = c; });
        EXPECT_TRUE(h);
        htif = std::move(*h);
    }
    void put(u64 at, u64 value) { ram->write(at, &value, 8); }
    u64 get(u64 at) {
        u64 v = 0;
        ram->read(at, &v, 8);
        return v;
    }
    /// What is wrong with this request; "" if nothing is.
    std::string ask(u64 request) {
        put(kToHost, request);
        const auto r = htif->look();
        EXPECT_EQ(get(kToHost), 0u);
        return r ? "" : r.error().message;
    }
    i64 call(u64 number, u64 a, u64 b, u64 c) {
        put(kCall, number);
        put(kCall + 8, a);
        put(kCall + 16, b);
        put(kCall + 24, c);
        put(kFromHost, 0);
        EXPECT_EQ(ask(kCall), "");
        EXPECT_EQ(get(kFromHost), 1u);
        return static_cast<i64>(get(kCall));
    }
    std::unique_ptr<mem::GuestRam> ram = std::move(*mem::GuestRam::create(kRam, 1 << 20));
    std::string printed;
    std::optional<u64> code;
    std::unique_ptr<Htif> htif;
};

TEST(Htif, Exit) {
    Machine m;
    EXPECT_EQ(m.ask(0), "");
    EXPECT_FALSE(m.code);
    EXPECT_EQ(m.ask(1), "");
    EXPECT_EQ(m.code, 0u);
    EXPECT_EQ(m.ask(1337 << 1 | 1), "");
    EXPECT_EQ(m.code, 1337u);
}

TEST(Htif, Prints) {
    Machine m;
    for (const char c : std::string("ok\n"))
        EXPECT_EQ(m.ask(u64{1} << 56 | u64{1} << 48 | static_cast<u8>(c)), "");
    EXPECT_EQ(m.printed, "ok\n");
}

TEST(Htif, SystemCalls) {
    Machine m;
    m.ram->write(kText, "hello", 5);
    EXPECT_EQ(m.call(64, 1, kText, 5), 5);
    EXPECT_EQ(m.call(64, 2, kText, 2), 2);
    EXPECT_EQ(m.printed, "hellohe");
    EXPECT_EQ(m.call(64, 3, kText, 5), -EBADF);
    EXPECT_EQ(m.call(64, 1, 0x1000, 5), -EFAULT);
    EXPECT_EQ(m.call(64, 1, kText, ~u64{0}), -EFAULT);
    EXPECT_EQ(m.call(63, 0, kText, 5), -ENOSYS);
    m.put(kCall, 93);
    m.put(kCall + 8, 7);
    EXPECT_EQ(m.ask(kCall), "");
    EXPECT_EQ(m.code, 7u);
}

TEST(Htif, WhatItDoesNotKnow) {
    Machine m;
    EXPECT_EQ(m.ask(u64{2} << 56 | u64{5} << 48).substr(0, 43),
              "the program asks HTIF device 2 for command ");
    EXPECT_NE(m.ask(u64{1} << 56).find("device 1 for command 0;"), std::string::npos);
    EXPECT_NE(m.ask(0x1000).find("system call at 0x1000, where there is none"), std::string::npos);
    EXPECT_NE(m.ask(kCall + 2).find("where there is none"), std::string::npos);
    EXPECT_NE(m.ask(kRam + (1 << 20) - 8).find("where there is none"), std::string::npos);
}

TEST(Htif, WordsOutsideMemory) {
    Machine m;
    for (const Htif::Words& w : {Htif::Words{0x1000, {}}, Htif::Words{kToHost + 4, {}},
                                 Htif::Words{kToHost, 0x1000}, Htif::Words{kRam + (1 << 20), {}}})
        EXPECT_FALSE(Htif::create(*m.ram, w, {}, {}));
}

}  // namespace
}  // namespace vm::device
