// rv64_*.txt, a64_*.txt: one case a line. README.md describes the format, make.py writes it.
#pragma once

#include <string>
#include <vector>

#include "guest/machine.h"

namespace vm::test {

inline constexpr u64 kCode = 0x100000, kData = 0x200000;
inline constexpr unsigned kPages = 8;
inline constexpr Arena::Map kCaseMap{kCode, kPage, kData, kPages* kPage};

struct MemoryAccess {
    bool write;
    unsigned size;
    u64 addr;
    unsigned page() const { return static_cast<unsigned>((addr - kData) / kPage); }
};

struct Case {
    std::string line;  ///< as it stands in the file
    std::string name;
    std::vector<u8> code;  ///< ends with the guest's system call, which the line leaves out
    Snapshot before, after;
    bool known = false;  ///< `after` comes from an oracle; else the tiers are compared with each other
    std::vector<MemoryAccess> accesses;  ///< the first ones to their pages, in order
};

/// `*error` names the line that does not parse.
std::vector<Case> read_cases(const TestGuest& guest, const std::string& path, std::string* error);

}  // namespace vm::test
