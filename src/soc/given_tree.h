// A device tree that somebody else wrote, in place of the board's own.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/bits.h"
#include "base/result.h"

namespace vm::soc {

/// `blob`, whose origin nobody vouches for, with what the boot decides: the command line (not if `append` is
/// empty: it keeps its own) and the place of the initial RAM disk (none if they are the same) in /chosen.
/// Fails if it is no well-formed tree of `most` bytes or less.
Result<std::vector<u8>> adopt_tree(std::span<const u8> blob, const std::string& append, u64 initrd_begin,
                                   u64 initrd_end, u64 most);

}  // namespace vm::soc
