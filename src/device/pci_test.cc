#include "device/pci.h"

#include <gtest/gtest.h>

#include "device/fakes_test.h"
#include "device/pci_host.h"
#include "device/pci_test.h"

namespace vm::device {
namespace {

using testing::FakeFunction;
using testing::FakeSink;
using testing::PciMachine;

class PciTest : public ::testing::Test {
  protected:
    static constexpr u64 kCommand = 4, kStatus = 6, kBar0 = 0x10, kBar1 = 0x14, kBar2 = 0x18, kBar4 = 0x20,
                         kBar5 = 0x24;
    PciTest() { EXPECT_TRUE(m.host.add(1, 0, f)); }
    u64 get(u64 offset, unsigned bytes = 4) { return m.config(1, 0, offset, bytes); }
    void put(u64 offset, u64 value, unsigned bytes = 4) { m.set_config(1, 0, offset, bytes, value); }
    /// What the guest reads there, or all ones.
    u64 load(u64 address, unsigned bytes = 4) { return m.load(address, bytes); }

    PciMachine m;
    FakeSink sink;
    FakeFunction f{&sink};
};

// ---- configuration space

TEST_F(PciTest, Header) {
    EXPECT_EQ(get(0), 0x56781234u);
    EXPECT_EQ(get(0, 2), 0x1234u);
    EXPECT_EQ(get(3, 1), 0x56u);
    EXPECT_EQ(get(8), 0x02000007u);
    EXPECT_EQ(get(0x2c), 0xdef0abcdu);
    EXPECT_EQ(get(0x3d, 1), 1u);
    EXPECT_EQ(get(0x0e, 1), 0u);
    EXPECT_EQ(get(0, 8), get(0) | get(4) << 32);
    put(0, 0);
    put(8, 0);
    put(0x2c, 0);
    put(0x3c, 0xffffffff);
    EXPECT_EQ(get(0), 0x56781234u) << "read-only";
    EXPECT_EQ(get(8), 0x02000007u);
    EXPECT_EQ(get(0x2c), 0xdef0abcdu);
    EXPECT_EQ(get(0x3c), 0x01ffu) << "the line may be written, the pin not";
    EXPECT_EQ(get(0x100), 0u) << "no extended capability";
    EXPECT_EQ(get(0xffc), 0u);
}

TEST_F(PciTest, WhatIsNotThereReadsAsOnes) {
    EXPECT_EQ(m.config(2, 0, 0, 4), 0xffffffffu);
    EXPECT_EQ(m.config(2, 0, 0, 2), 0xffffu);
    EXPECT_EQ(m.config(1, 1, 0, 4), 0xffffffffu);
    EXPECT_EQ(m.config(1, 0, 1, 2), 0xffffu) << "unaligned";
    EXPECT_EQ(m.load(PciMachine::kEcam + PciHost::kBusBytes, 4), 0xffffffffu) << "another bus";
    m.set_config(2, 0, 0, 4, 1);
    m.set_config(1, 0, 5, 4, ~u64{0});
    EXPECT_EQ(get(kCommand, 2), 0u);
}

TEST_F(PciTest, PlacesOfFunctions) {
    FakeFunction a{nullptr}, b{nullptr}, c{nullptr};
    EXPECT_FALSE(m.host.add(1, 0, a)) << "taken";
    EXPECT_FALSE(m.host.add(2, 1, a)) << "no function 0";
    EXPECT_FALSE(m.host.add(32, 0, a));
    EXPECT_FALSE(m.host.add(1, 8, a));
    EXPECT_TRUE(m.host.add(31, 0, b));
    EXPECT_EQ(m.config(31, 0, 0x0e, 1), 0u);
    EXPECT_TRUE(m.host.add(31, 7, c));
    EXPECT_EQ(m.config(31, 0, 0x0e, 1), 0x80u) << "guests look for more";
    EXPECT_EQ(m.config(31, 7, 0, 4), 0x56781234u);
}

TEST_F(PciTest, Capabilities) {
    EXPECT_NE(get(kStatus, 2) & 0x10, 0u);
    std::vector<u64> ids;
    for (u64 at = get(0x34, 1); at != 0 && ids.size() < 10; at = get(at + 1, 1)) {
        EXPECT_EQ(at % 4, 0u);
        ids.push_back(get(at, 1));
    }
    EXPECT_EQ(ids, (std::vector<u64>{9, 0x11, 0x10}));
    const u64 own = get(0x34, 1);
    put(own, 0xffffffff);
    put(own + 4, 0xffffffff);
    EXPECT_EQ(get(own) & 0xffff, 0x09u | m.capability(1, 0x11) << 8);
    EXPECT_EQ(get(own + 2, 1), 0xaau);
    EXPECT_EQ(get(own + 4, 1), 0xfcu) << "writable as it was said: the rest stays";
    EXPECT_EQ(get(own + 5, 1), 0xddu);
}

// ---- base address registers

TEST_F(PciTest, SizesOfBars) {
    put(kBar0, 0xffffffff);
    put(kBar1, 0xffffffff);
    put(kBar2, 0xffffffff);
    put(kBar4, 0xffffffff);
    put(kBar5, 0xffffffff);
    EXPECT_EQ(get(kBar0), 0xfffff000u) << "4 KiB, 32 bits";
    EXPECT_EQ(get(kBar1), 0xfffffff1u) << "16 ports: the low bits are an address from bit 2 on";
    EXPECT_EQ(get(kBar2), 0xfffff000u) << "MSI-X";
    EXPECT_EQ(get(kBar4), 0x0000000cu) << "8 GiB, 64 bits, prefetchable";
    EXPECT_EQ(get(kBar5), 0xfffffffeu);
    put(0x1c, 0xffffffff);
    EXPECT_EQ(get(0x1c), 0u) << "no BAR 3";
    put(0x30, 0xffffffff);
    EXPECT_EQ(get(0x30), 0u) << "no expansion ROM";
}

TEST_F(PciTest, BarsAnswerWhereTheyAre) {
    put(kBar0, 0x40010000);
    EXPECT_EQ(load(0x40010004), 0xffffffffu) << "the command register does not let it";
    put(kCommand, 2, 2);
    EXPECT_EQ(load(0x40010004), 4u);
    EXPECT_EQ(f.last_bar, 0u);
    EXPECT_EQ(load(0x40010ffc), 0xffcu);
    EXPECT_EQ(load(0x40010ffc, 8), ~u64{0}) << "not inside";
    EXPECT_EQ(load(0x40011000), 0xffffffffu);
    m.store(0x40010008, 2, 77);
    EXPECT_EQ(f.writes, (std::vector<u64>{0, 8, 2, 77}));
    m.store(0x40011008, 2, 78);
    EXPECT_EQ(f.writes.size(), 4u);
    put(kBar0, 0x7ffff000);
    EXPECT_EQ(load(0x40010004), 0xffffffffu);
    EXPECT_EQ(load(0x7ffff010), 0x10u);
    put(kBar0, 0x80000000);
    EXPECT_EQ(load(0x7ffff010), 0xffffffffu) << "outside of the window";
    put(kCommand, 0, 2);
    put(kBar0, 0x40010000);
    EXPECT_EQ(load(0x40010004), 0xffffffffu);
}

TEST_F(PciTest, BarsAbove4GiB) {
    put(kCommand, 2, 2);
    put(kBar5, 4);
    put(kBar4, 0);
    EXPECT_EQ(load(0x4'0000'0010), 0x10u);
    EXPECT_EQ(load(0x5'ffff'fffc), 0x1'ffff'fffcu & 0xffffffff);
    EXPECT_EQ(f.last_bar, 4u);
    put(kBar5, 6);
    EXPECT_EQ(load(0x4'0000'0010), 0xffffffffu);
    EXPECT_EQ(load(0x6'0000'0010), 0x10u);
    put(kBar5, 0xffffffff);
    put(kBar4, 0xffffffff);
    EXPECT_EQ(load(0x6'0000'0010), 0xffffffffu) << "while it is sized";
}

TEST_F(PciTest, PortsStartAt0) {
    put(kCommand, 1, 2);
    put(kBar1, 0x1230);
    EXPECT_EQ(load(PciMachine::kIo + 0x1234), 4u);
    EXPECT_EQ(f.last_bar, 1u);
    EXPECT_EQ(load(PciMachine::kIo + 0x1240), 0xffffffffu);
    put(kBar1, 0x40010000);
    EXPECT_EQ(load(0x40010000), 0xffffffffu) << "ports are no memory";
}

TEST_F(PciTest, OneOfTwoBarsAtAPlaceAnswers) {
    FakeFunction g{nullptr};
    ASSERT_TRUE(m.host.add(2, 0, g));
    put(kCommand, 2, 2);
    m.set_config(2, 0, kCommand, 2, 2);
    put(kBar0, 0x40010000);
    m.set_config(2, 0, kBar0, 4, 0x40010000);
    EXPECT_EQ(load(0x40010004), 4u);
    EXPECT_EQ(g.reads, 0u);
    put(kBar0, 0x40020000);
    EXPECT_EQ(load(0x40010004), 4u);
    EXPECT_EQ(g.reads, 1u);
}

// ---- interrupt pins

TEST_F(PciTest, InterruptPin) {
    const auto status = [&] { return get(kStatus, 2) & 8; };
    f.interrupt(true);
    EXPECT_TRUE(m.lines[1].high) << "slot 1, INTA";
    EXPECT_NE(status(), 0u);
    put(kCommand, 0x400, 2);
    EXPECT_FALSE(m.lines[1].high);
    EXPECT_NE(status(), 0u) << "what the device wants";
    put(kCommand, 0, 2);
    EXPECT_TRUE(m.lines[1].high);
    f.interrupt(false);
    EXPECT_FALSE(m.lines[1].high);
    EXPECT_EQ(status(), 0u);
}

TEST_F(PciTest, LinesAreSharedAndSwizzled) {
    FakeFunction five{nullptr}, two{nullptr, 4};
    ASSERT_TRUE(m.host.add(5, 0, five));
    ASSERT_TRUE(m.host.add(2, 0, two));  // (2 + 4 - 1) % 4
    f.interrupt(true);
    five.interrupt(true);
    five.interrupt(true);
    two.interrupt(true);
    EXPECT_EQ(m.lines[1].raised, 1u);
    f.interrupt(false);
    two.interrupt(false);
    EXPECT_TRUE(m.lines[1].high);
    five.interrupt(false);
    EXPECT_FALSE(m.lines[1].high);
    EXPECT_EQ(PciHost::line_of(0, 1), 0u);
    EXPECT_EQ(PciHost::line_of(3, 2), 0u);
}

// ---- MSI-X

class MsixTest : public PciTest {
  protected:
    static constexpr u64 kTable = 0x40020000, kPending = kTable + 16 * FakeFunction::kVectors;
    MsixTest() {
        put(kBar2, kTable);
        put(kCommand, 6, 2);
        for (unsigned n = 0; n < FakeFunction::kVectors; ++n) {
            m.store(kTable + 16 * n, 4, 0xfee00003 + 0x1000 * n);
            m.store(kTable + 16 * n + 4, 4, 1);
            m.store(kTable + 16 * n + 8, 4, 100 + n);
        }
    }
    void control(u64 value) { put(m.capability(1, 0x11) + 2, value, 2); }
    void unmask(unsigned n) { m.store(kTable + 16 * n + 12, 4, 0); }
    static constexpr u64 kEnable = 0x8000, kMask = 0x4000;
};

TEST_F(MsixTest, CapabilityAndTable) {
    const u64 at = m.capability(1, 0x11);
    EXPECT_EQ(get(at + 2, 2), FakeFunction::kVectors - 1u);
    EXPECT_EQ(get(at + 4), 2u) << "BAR 2, offset 0";
    EXPECT_EQ(get(at + 8), 2u | 16 * FakeFunction::kVectors);
    control(0xffff);
    EXPECT_EQ(get(at + 2, 2), 0xc000u | (FakeFunction::kVectors - 1));
    EXPECT_EQ(load(kTable + 16), 0xfee01000u) << "bits 0 and 1 of an address are 0";
    EXPECT_EQ(load(kTable + 16, 8), 0x1fee01000u);
    EXPECT_EQ(load(kTable + 24, 8), 0x1'0000'0065u) << "masked at power-on";
    m.store(kTable + 24, 8, 0xfffffffe'00000007);
    EXPECT_EQ(load(kTable + 24, 8), 7u) << "only the mask of the control word is there";
    EXPECT_EQ(load(kTable + 16, 2), 0u);
    EXPECT_EQ(load(kPending + 8, 8), 0u);
    EXPECT_EQ(load(kTable + 0xff8, 8), 0u);
    m.store(kPending, 8, ~u64{0});
    EXPECT_EQ(load(kPending, 8), 0u) << "read-only";
}

TEST_F(MsixTest, Messages) {
    f.trigger(0);
    EXPECT_TRUE(sink.sent.empty()) << "not enabled";
    control(kEnable);
    EXPECT_TRUE(sink.sent.empty()) << "and not remembered";
    unmask(3);
    f.trigger(3);
    ASSERT_EQ(sink.sent.size(), 1u);
    EXPECT_EQ(sink.sent[0], (std::pair<u64, u32>(0x1'fee03000, 103)));
    f.trigger(FakeFunction::kVectors);
    f.trigger(0xffff);
    EXPECT_EQ(sink.sent.size(), 1u);
}

TEST_F(MsixTest, MaskedVectorsArePending) {
    control(kEnable);
    f.trigger(2);
    f.trigger(2);
    EXPECT_TRUE(sink.sent.empty());
    EXPECT_EQ(load(kPending, 8), 4u);
    EXPECT_EQ(load(kPending), 4u);
    unmask(2);
    EXPECT_EQ(sink.sent.size(), 1u) << "once";
    EXPECT_EQ(load(kPending, 8), 0u);
    control(kEnable | kMask);
    f.trigger(2);
    EXPECT_EQ(sink.sent.size(), 1u);
    EXPECT_EQ(load(kPending, 8), 4u);
    control(kEnable);
    EXPECT_EQ(sink.sent.size(), 2u);
}

TEST_F(MsixTest, MessagesNeedTheBus) {
    control(kEnable);
    unmask(1);
    put(kCommand, 2, 2);
    f.trigger(1);
    EXPECT_TRUE(sink.sent.empty());
    put(kCommand, 6, 2);
    EXPECT_EQ(sink.sent.size(), 1u);
}

TEST_F(MsixTest, NoPinWhileEnabled) {
    f.interrupt(true);
    EXPECT_TRUE(m.lines[1].high);
    control(kEnable);
    EXPECT_FALSE(m.lines[1].high);
    control(0);
    EXPECT_TRUE(m.lines[1].high);
}

TEST(Msix, MoreThan64Vectors) {
    FakeSink sink;
    Msix x(130, sink);
    EXPECT_EQ(x.pending_bytes(), 24u);
    x.control(true, false);
    x.trigger(129);
    x.trigger(64);
    EXPECT_EQ(x.read_pending(16, 8), 2u);
    EXPECT_EQ(x.read_pending(8, 4), 1u);
    EXPECT_EQ(x.read_pending(12, 4), 0u);
    EXPECT_EQ(x.state().pending[1], 1u);
}

// ---- resets

TEST_F(MsixTest, FunctionLevelReset) {
    control(kEnable);
    unmask(0);
    f.interrupt(true);
    const u64 express = m.capability(1, 0x10);
    EXPECT_EQ(get(express + 2, 2), 0x92u);
    EXPECT_NE(get(express + 4) & 1u << 28, 0u);
    put(express + 8, 0xffff, 2);
    EXPECT_EQ(get(express + 8, 2), 0x2810u) << "as after power-on";
    EXPECT_EQ(f.resets, 1);
    EXPECT_EQ(get(kCommand, 2), 0u);
    EXPECT_EQ(get(kBar2), 0u);
    EXPECT_EQ(get(m.capability(1, 0x11) + 2, 2), FakeFunction::kVectors - 1u);
    EXPECT_EQ(load(kTable), 0xffffffffu);
    EXPECT_FALSE(m.lines[1].high);
    put(express + 8, 0x7fff, 2);
    EXPECT_EQ(f.resets, 1);
    EXPECT_EQ(get(express + 8, 2), 0x78ffu);
    put(express + 9, 0x80, 1);
    EXPECT_EQ(f.resets, 2);
    put(express + 8, 0x80, 1);
    EXPECT_EQ(f.resets, 2);
}

// ---- threads

TEST_F(PciTest, BarsMoveWhileTheyAreRead) {
    put(kCommand, 2, 2);
    std::atomic<bool> ends = false;
    std::thread reader([&] {
        while (!ends)
            for (u64 page = 0; page < 4; ++page) {
                const u64 v = load(0x40010000 + 0x1000 * page + 8);
                EXPECT_TRUE(v == 8 || v == 0xffffffff) << v;
            }
    });
    std::thread mover([&] {
        for (u32 n = 0; n < 5000; ++n) put(kBar0, 0x40010000 + 0x1000 * (n % 4));
    });
    for (u32 n = 0; n < 5000; ++n) put(kBar4, 0x10000000 * n);
    mover.join();
    ends = true;
    reader.join();
    put(kBar0, 0x40012000);
    EXPECT_EQ(load(0x40012008), 8u);
}

}  // namespace
}  // namespace vm::device
