#include "device/net_tap.h"

#include <gtest/gtest.h>

namespace vm::device {
namespace {

// What an interface carries is tested end to end (tests/machine-net), in a network of its own.

Error refusal(const std::string& interface) {
    auto r = NetTap::open(interface, [](const std::string&) {});
    return r ? Error{} : r.error();
}

TEST(NetTap, RefusesNames) {
    EXPECT_EQ(refusal("").kind, ErrorKind::InvalidArgument);
    EXPECT_EQ(refusal("a-name-that-is-too-long").kind, ErrorKind::InvalidArgument);
    EXPECT_EQ(refusal("nonesuch0").kind, ErrorKind::NotFound);
    EXPECT_NE(refusal("nonesuch0").message.find("ip tuntap add dev nonesuch0"), std::string::npos);
    EXPECT_NE(refusal("lo").message.find("lo"), std::string::npos) << "no tap interface";
}

}  // namespace
}  // namespace vm::device
