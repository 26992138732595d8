// Accesses to devices whose registers are 32-bit words: how other widths and alignments are taken apart.
#pragma once

#include "base/bits.h"

namespace vm::device {

/// `word(offset)` for an aligned access of 4 bytes; of 8: the low word's first. Every other reads 0, and
/// nothing is done: part of a register that acts when it is read means nothing.
template <class Word>
u64 read_words(u64 offset, unsigned bytes, Word word) {
    if (bytes < 4 || offset % bytes != 0) return 0;
    const u64 low = u32{word(offset)};
    return bytes == 4 ? low : low | u64{u32{word(offset + 4)}} << 32;
}

/// `word(offset, value)` for an aligned access of 4 bytes; of 8: the low word's first. Others do nothing.
template <class Word>
void write_words(u64 offset, unsigned bytes, u64 value, Word word) {
    if (bytes < 4 || offset % bytes != 0) return;
    word(offset, static_cast<u32>(value));
    if (bytes == 8) word(offset + 4, static_cast<u32>(value >> 32));
}

}  // namespace vm::device
