#include "mem/numa.h"

#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <utility>

#include "base/format.h"
#include "osal/file.h"

namespace vm::mem {

namespace {

constexpr std::pair<std::string_view, NumaPolicy::Kind> kKinds[] = {
    {"bind", NumaPolicy::Kind::Bind},
    {"interleave", NumaPolicy::Kind::Interleave},
    {"preferred", NumaPolicy::Kind::Preferred}};

using Mask = std::array<unsigned long, kMostNodes / (8 * sizeof(unsigned long))>;
constexpr unsigned kMaskWord = 8 * sizeof(unsigned long);

std::string nodes_text(std::span<const unsigned> nodes) {
    std::string text;
    for (size_t n = 0; n < nodes.size(); ++n) {
        const size_t first = n;
        while (n + 1 < nodes.size() && nodes[n + 1] == nodes[n] + 1) ++n;
        text += fmt::format("{}{}", text.empty() ? "" : ",", nodes[first]);
        if (n != first) text += fmt::format("-{}", nodes[n]);
    }
    return text;
}

bool number(std::string_view text, unsigned* out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
    return error == std::errc() && end == text.data() + text.size() && *out < kMostNodes;
}

/// What the host says of its nodes; nothing: it knows none.
std::vector<unsigned> nodes_with_memory() {
    std::ifstream file("/sys/devices/system/node/has_memory");
    std::string line;
    std::getline(file, line);
    return parse_nodes(line).value_or(std::vector<unsigned>());
}

Result<std::vector<unsigned>> allowed_nodes() {
    Mask mask{};
    if (::syscall(SYS_get_mempolicy, nullptr, mask.data(), kMostNodes, nullptr, MPOL_F_MEMS_ALLOWED) != 0)
        return osal::fail_errno("this host does not tell its NUMA nodes");
    std::vector<unsigned> nodes;
    for (unsigned n = 0; n < kMostNodes; ++n)
        if (mask[n / kMaskWord] >> n % kMaskWord & 1) nodes.push_back(n);
    return nodes;
}

int mode_of(NumaPolicy::Kind kind) {
    return kind == NumaPolicy::Kind::Bind         ? MPOL_BIND
           : kind == NumaPolicy::Kind::Interleave ? MPOL_INTERLEAVE
                                                  : MPOL_PREFERRED;
}

}  // namespace

Result<std::vector<unsigned>> parse_nodes(std::string_view text) {
    std::vector<unsigned> nodes;
    const std::string_view whole = text;
    while (!text.empty()) {
        const size_t comma = text.find(',');
        const std::string_view part = text.substr(0, comma);
        const size_t dash = part.find('-');
        unsigned first = 0, last = 0;
        const bool good =
            number(part.substr(0, dash), &first) &&
            (dash == std::string_view::npos ? (last = first, true) : number(part.substr(dash + 1), &last));
        if (!good || last < first || (comma != std::string_view::npos && comma + 1 == text.size()))
            return fail(
                ErrorKind::InvalidArgument,
                fmt::format("'{}' are no NUMA nodes: numbers below {} as in 0-1,3", whole, kMostNodes));
        for (unsigned n = first; n <= last; ++n) nodes.push_back(n);
        text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    }
    std::ranges::sort(nodes);
    const auto twice = std::ranges::unique(nodes);
    nodes.erase(twice.begin(), twice.end());
    return nodes;
}

Result<NumaPolicy> parse_numa(std::string_view text) {
    const size_t equals = text.find('=');
    const auto* kind =
        std::ranges::find(kKinds, text.substr(0, equals), [](const auto& k) { return k.first; });
    if (equals == std::string_view::npos || kind == std::end(kKinds))
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("'{}' is none of bind=NODES, interleave=NODES, preferred=NODE", text));
    auto nodes = parse_nodes(text.substr(equals + 1));
    if (!nodes) return std::unexpected(nodes.error());
    if (nodes->empty()) return fail(ErrorKind::InvalidArgument, fmt::format("'{}' names no NUMA node", text));
    if (kind->second == NumaPolicy::Kind::Preferred && nodes->size() != 1)
        return fail(ErrorKind::InvalidArgument, fmt::format("'{}' is to name one NUMA node", text));
    return NumaPolicy{kind->second, std::move(*nodes)};
}

std::string numa_text(const NumaPolicy& policy) {
    const auto* kind = std::ranges::find(kKinds, policy.kind, [](const auto& k) { return k.second; });
    return fmt::format("{}={}", kind->first, nodes_text(policy.nodes));
}

Result<void> check_nodes(const NumaPolicy& policy, std::span<const unsigned> with_memory,
                         std::span<const unsigned> allowed) {
    if (with_memory.empty()) return fail(ErrorKind::Unsupported, "this host's kernel knows no NUMA nodes");
    for (const unsigned node : policy.nodes) {
        if (std::ranges::find(with_memory, node) == with_memory.end())
            return fail(ErrorKind::InvalidArgument,
                        fmt::format("this host has no NUMA node {} with memory, but {}", node,
                                    nodes_text(with_memory)));
        if (std::ranges::find(allowed, node) == allowed.end())
            return fail(ErrorKind::InvalidArgument,
                        fmt::format("this process may not use NUMA node {} (its cpuset allows {})", node,
                                    nodes_text(allowed)));
    }
    return {};
}

Result<void> set_numa_policy(void* begin, u64 bytes, const NumaPolicy& policy) {
    const std::vector<unsigned> with_memory = nodes_with_memory();
    if (with_memory.empty()) return check_nodes(policy, with_memory, {});
    const auto allowed = allowed_nodes();
    if (!allowed) return std::unexpected(allowed.error());
    if (auto r = check_nodes(policy, with_memory, *allowed); !r) return r;

    Mask mask{};
    for (const unsigned node : policy.nodes) mask[node / kMaskWord] |= 1ul << node % kMaskWord;
    // The kernel looks at one bit less than it is told.
    if (::syscall(SYS_mbind, begin, bytes, mode_of(policy.kind), mask.data(), kMostNodes + 1, 0) != 0)
        return osal::fail_errno(fmt::format("memory by {} cannot be had", numa_text(policy)));
    return {};
}

}  // namespace vm::mem
