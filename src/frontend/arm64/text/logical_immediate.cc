#include "frontend/arm64/logical_immediate.h"

namespace vm::frontend::arm64 {

// A run of S + 1 ones, rotated right by R within an element of 2..64 bits, repeated. The element's size is
// what the leading ones of N:~imms leave.
bool logical_immediate(unsigned sf, u32 imm13, u64* mask) {
    const u32 n = imm13 >> 12, r = imm13 >> 6 & 63, s = imm13 & 63;
    if (!sf && n) return false;
    const u32 pattern = n << 6 | (~s & 63);
    if (pattern < 2) return false;
    const unsigned size = u32{1} << (31 - std::countl_zero(pattern));
    const unsigned ones = (s & (size - 1)) + 1, rotate = r & (size - 1);
    if (ones == size) return false;
    u64 element = zext(~u64{0}, ones);
    element = zext(element >> rotate | (rotate ? element << (size - rotate) : 0), size);
    for (unsigned width = size; width < 64; width *= 2) element |= element << width;
    *mask = sf ? element : element & 0xffffffff;
    return true;
}

}  // namespace vm::frontend::arm64
