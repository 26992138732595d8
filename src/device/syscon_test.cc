#include "device/syscon.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "device/fakes_test.h"

namespace vm::device {
namespace {

using Requests = std::vector<std::pair<Syscon::Request, u32>>;

TEST(Syscon, TellsWhatTheGuestAsksFor) {
    Requests seen;
    Syscon syscon([&](Syscon::Request r, u32 code) { seen.emplace_back(r, code); });
    const OneDevice bus(syscon, Syscon::kSize);
    bus.write(0, 4, 0x5555);
    bus.write(0, 4, 0x7777);
    bus.write(0, 4, u64{42} << 16 | 0x3333);
    bus.write(0, 4, 0xffff3333);
    bus.write(0, 2, 0x5555);
    bus.write(0, 8, u64{1} << 32 | 0x3333);
    EXPECT_EQ(seen, (Requests{{Syscon::Request::PowerOff, 0},
                              {Syscon::Request::Reset, 0},
                              {Syscon::Request::Fail, 42},
                              {Syscon::Request::Fail, 0xffff},
                              {Syscon::Request::PowerOff, 0},
                              {Syscon::Request::Fail, 0}}));
    EXPECT_EQ(syscon.requests(), 6u);
    EXPECT_EQ(bus.read(0, 4), 0u);
}

TEST(Syscon, IgnoresTheRest) {
    unsigned seen = 0;
    Syscon syscon([&](Syscon::Request, u32) { seen++; });
    const OneDevice bus(syscon, Syscon::kSize);
    bus.write(0, 4, 0x5556);
    bus.write(0, 1, 0x55);
    bus.write(4, 4, 0x5555);
    bus.write(1, 4, 0x5555);
    bus.touch_everything(0, 16);
    EXPECT_EQ(seen, 0u);
}

}  // namespace
}  // namespace vm::device
