#include "mem/numa.h"

#include <gtest/gtest.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mem/guest_ram.h"

namespace vm::mem {
namespace {

using Nodes = std::vector<unsigned>;

TEST(Numa, ListsOfNodes) {
    EXPECT_EQ(parse_nodes("0"), Nodes{0});
    EXPECT_EQ(parse_nodes("0-2,5,1023"), (Nodes{0, 1, 2, 5, 1023}));
    EXPECT_EQ(parse_nodes("3,1,1-2"), (Nodes{1, 2, 3}));
    EXPECT_EQ(parse_nodes(""), Nodes{});
    for (const char* bad :
         {"x", "1-", "-1", "2-1", "1,", ",1", "1,,2", "1024", "0-9999", " 1", "1 ", "0x1", "99999999999"})
        EXPECT_FALSE(parse_nodes(bad)) << bad;
}

TEST(Numa, Policies) {
    const auto bind = parse_numa("bind=0-1,3");
    ASSERT_TRUE(bind);
    EXPECT_EQ(bind->kind, NumaPolicy::Kind::Bind);
    EXPECT_EQ(bind->nodes, (Nodes{0, 1, 3}));
    EXPECT_EQ(numa_text(*bind), "bind=0-1,3");
    EXPECT_EQ(numa_text(*parse_numa("interleave=4,2,3,0")), "interleave=0,2-4");
    EXPECT_EQ(numa_text(*parse_numa("preferred=7")), "preferred=7");
    for (const char* bad :
         {"", "bind", "bind=", "local=0", "=0", "preferred=0-1", "preferred=", "bind=0;1", "Bind=0"})
        EXPECT_FALSE(parse_numa(bad)) << bad;
}

TEST(Numa, NodesThatAreNotThere) {
    const NumaPolicy policy{NumaPolicy::Kind::Interleave, {0, 2}};
    const Nodes three{0, 1, 2}, two{0, 1};
    EXPECT_TRUE(check_nodes(policy, three, three));
    const auto absent = check_nodes(policy, two, two), forbidden = check_nodes(policy, three, two),
               none = check_nodes(policy, {}, {});
    ASSERT_FALSE(absent || forbidden || none);
    EXPECT_EQ(absent.error().message, "this host has no NUMA node 2 with memory, but 0-1");
    EXPECT_EQ(forbidden.error().message, "this process may not use NUMA node 2 (its cpuset allows 0-1)");
    EXPECT_EQ(none.error().message, "this host's kernel knows no NUMA nodes");
}

/// The policy of a page, as the kernel tells it.
int policy_at(const void* address, unsigned long* mask) {
    int mode = -1;
    return ::syscall(SYS_get_mempolicy, &mode, mask, kMostNodes, address, MPOL_F_ADDR) == 0 ? mode : -1;
}

TEST(Numa, GuestMemoryHasIts) {
    unsigned long allowed[kMostNodes / 64] = {};
    if (::syscall(SYS_get_mempolicy, nullptr, allowed, kMostNodes, nullptr, MPOL_F_MEMS_ALLOWED) != 0)
        GTEST_SKIP() << "this host tells of no NUMA nodes";
    unsigned node = 0;
    while (!(allowed[node / 64] >> node % 64 & 1)) ++node;
    for (const auto& [kind, mode] : {std::pair(NumaPolicy::Kind::Bind, int{MPOL_BIND}),
                                     {NumaPolicy::Kind::Interleave, MPOL_INTERLEAVE},
                                     {NumaPolicy::Kind::Preferred, MPOL_PREFERRED}}) {
        const NumaPolicy policy{kind, {node}};
        const auto ram = GuestRam::create(0x8000'0000, 16 * kPage, &policy);
        if (!ram && ram.error().kind == ErrorKind::Unsupported) GTEST_SKIP() << ram.error().message;
        ASSERT_TRUE(ram) << ram.error().message;
        unsigned long mask[kMostNodes / 64] = {};
        EXPECT_EQ(policy_at((*ram)->host() + 15 * kPage, mask), mode);
        EXPECT_EQ(mask[node / 64], 1ul << node % 64);
        (*ram)->host()[15 * kPage] = 1;
    }
    const NumaPolicy absent{NumaPolicy::Kind::Bind, {kMostNodes - 1}};
    EXPECT_FALSE(GuestRam::create(0x8000'0000, 16 * kPage, &absent));
}

}  // namespace
}  // namespace vm::mem
