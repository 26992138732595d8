// Decompression of files that nobody vouches for.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/bits.h"
#include "base/result.h"

namespace vm::boot {

enum class Packing : u8 { None, Gzip, Zstd, Xz };
std::string_view packing_name(Packing packing);

/// What the first bytes say; None also if they say nothing.
Packing packing_of(std::span<const u8> data);

/// The bytes that `data` packs, which are no more than `most`; what follows the packed bytes is left alone.
/// Packing::None copies. Errors are one clause: "it is damaged", "it unpacks to more than N bytes" ...
Result<std::vector<u8>> unpack(Packing packing, std::span<const u8> data, u64 most);

}  // namespace vm::boot
