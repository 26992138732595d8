// What an atomic update makes of the old value, in C++.
#pragma once

#include "base/bits.h"
#include "ir/ir.h"

namespace vm::engine {

/// Of `size` bytes; the upper bits of the result are not cleared.
inline u64 apply_rmw(ir::RmwOp op, unsigned size, u64 old, u64 x) {
    const unsigned bits = size * 8;
    const i64 so = sext(old, bits), sx = sext(x, bits);
    const u64 uo = zext(old, bits), ux = zext(x, bits);
    switch (op) {
        case ir::RmwOp::Xchg: return x;
        case ir::RmwOp::Add: return old + x;
        case ir::RmwOp::And: return old & x;
        case ir::RmwOp::Or: return old | x;
        case ir::RmwOp::Xor: return old ^ x;
        case ir::RmwOp::MinS: return so < sx ? old : x;
        case ir::RmwOp::MaxS: return so > sx ? old : x;
        case ir::RmwOp::MinU: return uo < ux ? old : x;
        case ir::RmwOp::MaxU: return uo > ux ? old : x;
        case ir::RmwOp::AndNot: return old & ~x;
    }
    return x;
}

}  // namespace vm::engine
