#include "device/bus.h"

#include <gtest/gtest.h>

namespace vm::device {
namespace {

struct Register final : Mmio {
    u64 value = 0, offset = 0;
    u64 read(u64 at, unsigned) override {
        offset = at;
        return value;
    }
    void write(u64 at, unsigned, u64 v) override {
        offset = at;
        value = v;
    }
};

TEST(Bus, FindsTheDeviceOfAnAddress) {
    Register a, b;
    Bus bus;
    ASSERT_TRUE(bus.add(0x1000, 0x100, a, "a"));
    ASSERT_TRUE(bus.add(0x1100, 0x100, b, "b"));
    EXPECT_TRUE(bus.write(0x1104, 4, 7));
    EXPECT_EQ(b.value, 7u);
    EXPECT_EQ(b.offset, 4u);
    u64 value = 1;
    EXPECT_TRUE(bus.read(0x10ff, 1, &value));
    EXPECT_EQ(value, 0u);
    EXPECT_EQ(a.offset, 0xffu);
    EXPECT_FALSE(bus.read(0xfff, 1, &value)) << "before the first";
    EXPECT_FALSE(bus.read(0x1200, 1, &value)) << "behind the last";
    EXPECT_FALSE(bus.read(0x10fe, 4, &value)) << "over its end";
}

TEST(Bus, RangesMustBeFree) {
    Register a;
    Bus bus;
    ASSERT_TRUE(bus.add(0x1000, 0x100, a, "a"));
    const auto r = bus.add(0x10ff, 1, a, "b");
    ASSERT_FALSE(r);
    EXPECT_NE(r.error().message.find("lies where a is"), std::string::npos) << r.error().message;
    EXPECT_FALSE(bus.add(0xff0, 0x20, a, "c"));
    EXPECT_FALSE(bus.add(0x2000, 0, a, "empty"));
    EXPECT_FALSE(bus.add(~u64{0} - 10, 100, a, "round the end"));
}

}  // namespace
}  // namespace vm::device
