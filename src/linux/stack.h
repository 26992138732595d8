// The initial stack of a program: what execve leaves above the stack pointer (psABI; Linux fs/binfmt_elf.c
// lays it out so).
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "linux/address_space.h"

namespace vm::linux {

struct StackRequest {
    u64 top = 0, size = 0;  ///< the mapped stack is [top - size, top)
    std::vector<std::string> argv, env;
    std::string exec_name;  ///< AT_EXECFN
    std::string platform;   ///< AT_PLATFORM, empty = none
    std::array<u8, 16> random{};
    /// Entries in order; those with a pointer into the stack (AT_RANDOM, AT_EXECFN, AT_PLATFORM) and AT_NULL
    /// are added.
    std::vector<std::pair<u64, u64>> auxv;
};
struct InitialStack {
    u64 sp = 0;
    u64 arg_start = 0, arg_end = 0, env_start = 0, env_end = 0, auxv_addr = 0;
    std::vector<u64> auxv;  ///< as it lies in memory, AT_NULL included
};
/// Writes it. Resource: the arguments take more than a quarter of the stack.
Result<InitialStack> build_stack(AddressSpace& mm, const StackRequest& r);

}  // namespace vm::linux
