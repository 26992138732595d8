// Side tables: host offset → guest PC, kept as pairs of LEB128 deltas (about three bytes a guest
// instruction).
#pragma once

#include <span>
#include <vector>

#include "backend/compiler.h"

namespace vm::jit {

/// Appends the encoding of `entries` (ascending host offsets) to `out`. PCs are relative to `start_pc`.
void encode_side_table(std::span<const backend::SideEntry> entries, u64 start_pc, std::vector<u8>& out);
/// Guest PC of the last entry at or before `host_offset`; start_pc if there is none. Async-signal-safe.
u64 side_table_pc(std::span<const u8> encoded, u64 start_pc, u32 host_offset);

}  // namespace vm::jit
