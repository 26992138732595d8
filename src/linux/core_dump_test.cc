#include "linux/core_dump.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace vm::linux {
namespace {

TEST(CoreDump, FileNameFollowsThePattern) {
    CoreName n;
    n.pid = 42;
    n.tid = 43;
    n.sig = 11;
    n.time = 1000;
    n.limit = 8192;
    n.comm = "a/b";
    n.exe = "/usr/bin/prog";
    n.host = "h";
    const auto name = [&](std::string pattern, bool uses_pid = false) {
        n.pattern = std::move(pattern);
        n.uses_pid = uses_pid;
        return core_file_name(n);
    };
    EXPECT_EQ(name("core"), "core");
    EXPECT_EQ(name("core", true), "core.42");
    EXPECT_EQ(name("core.%p", true), "core.42");
    EXPECT_EQ(name("/c/%e-%f-%E-%i-%s-%t-%h-%c-%d"), "/c/a!b-prog-!usr!bin!prog-43-11-1000-h-8192-1");
    EXPECT_EQ(name("%%%"), "%");
    EXPECT_EQ(name("x%zy"), "xy");
    EXPECT_EQ(name("%u.%g"), std::to_string(::getuid()) + "." + std::to_string(::getgid()));
}

TEST(CoreDump, SignalsThatDumpCore) {
    for (const int sig : {3, 4, 5, 6, 7, 8, 11, 24, 25, 31}) EXPECT_TRUE(signal_dumps_core(sig)) << sig;
    for (const int sig : {0, 1, 2, 9, 13, 15, 17, 19, 32, 64, 65})
        EXPECT_FALSE(signal_dumps_core(sig)) << sig;
}

}  // namespace
}  // namespace vm::linux
