// Buffers in several parts: what a chain of descriptors is to a device, and what preadv and pwritev take.
#pragma once

#include <sys/uio.h>

#include <span>
#include <vector>

#include "base/bits.h"

namespace vm::device {

using Parts = std::span<const iovec>;

u64 bytes_of(Parts parts);
/// [offset, offset + bytes) of them; less where they end before.
std::vector<iovec> slice(Parts parts, u64 offset, u64 bytes);
/// Copies from byte `offset` of the parts on; returns how many bytes there were, at most `bytes`.
u64 copy_from(Parts parts, u64 offset, void* to, u64 bytes);
/// Copies to byte `offset` of the parts on; returns how many bytes fit, at most `bytes`.
u64 copy_to(Parts parts, u64 offset, const void* from, u64 bytes);
void fill_zero(Parts parts);

}  // namespace vm::device
