// Where the host's memory for a guest comes from: NUMA policies, mbind(2).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bits.h"
#include "base/result.h"

namespace vm::mem {

struct NumaPolicy {
    enum class Kind : u8 {
        Bind,        ///< from these nodes only; the guest's process is killed when they have none left
        Interleave,  ///< from these nodes by turns
        Preferred,   ///< from this node while it has any
    };
    Kind kind = Kind::Bind;
    std::vector<unsigned> nodes;  ///< ascending, at least one; Preferred: one
};

/// Highest node that can be named.
inline constexpr unsigned kMostNodes = 1024;

/// "bind=NODES", "interleave=NODES" or "preferred=NODE"; NODES is "0-1,3".
Result<NumaPolicy> parse_numa(std::string_view text);
/// The same as text.
std::string numa_text(const NumaPolicy& policy);
/// Nodes as the kernel and parse_numa() list them; "" is none.
Result<std::vector<unsigned>> parse_nodes(std::string_view text);
/// An error names the node of the policy that is not among those with memory, or that is not allowed.
Result<void> check_nodes(const NumaPolicy& policy, std::span<const unsigned> with_memory,
                         std::span<const unsigned> allowed);

/// For the pages of [begin, begin + bytes) that are not there yet. Error: a node has no memory, this process
/// may not use it (cpuset(7)), or the host knows no NUMA.
Result<void> set_numa_policy(void* begin, u64 bytes, const NumaPolicy& policy);

}  // namespace vm::mem
