// Meaning of the pure integer ops on values of at most 64 bits: one definition for constant folding and the
// interpreter.
#pragma once

#include "base/bits.h"
#include "ir/ir.h"

namespace vm::ir {

/// True for the ops that eval_int knows: integer arithmetic and logic, Zext, Sext, Trunc, Bitcast, Icmp,
/// Select.
constexpr bool is_eval_int(Op op) {
    return (op >= Op::Add && op <= Op::Bitcast) || op == Op::Icmp || op == Op::Select;
}
/// Result of `in`, zero-extended. x, y, z: operands, zero-extended; `w`: width of operand 0 in bits (1..64).
/// Total: divwide outside its stated domain gives the wrapped quotient, 0 for a zero divisor.
u64 eval_int(const Inst& in, unsigned w, u64 x, u64 y, u64 z);
/// The same for i128 results or i128 operands (add … rotr, clz, ctz, popcnt, zext, sext, trunc, icmp,
/// select).
u128 eval_int128(const Inst& in, unsigned w, u128 x, u128 y, u128 z);
/// `cond` between x and y, both zero-extended, of width w <= 64.
constexpr bool eval_cond(Cond c, unsigned w, u64 x, u64 y) {
    const i64 sx = sext(x, w), sy = sext(y, w);
    switch (c) {
        case Cond::Eq: return x == y;
        case Cond::Ne: return x != y;
        case Cond::LtS: return sx < sy;
        case Cond::GeS: return sx >= sy;
        case Cond::LeS: return sx <= sy;
        case Cond::GtS: return sx > sy;
        case Cond::LtU: return x < y;
        case Cond::GeU: return x >= y;
        case Cond::LeU: return x <= y;
        case Cond::GtU: return x > y;
    }
    return false;
}
/// The condition with its operands exchanged.
constexpr Cond swapped(Cond c) {
    switch (c) {
        case Cond::LtS: return Cond::GtS;
        case Cond::GeS: return Cond::LeS;
        case Cond::LeS: return Cond::GeS;
        case Cond::GtS: return Cond::LtS;
        case Cond::LtU: return Cond::GtU;
        case Cond::GeU: return Cond::LeU;
        case Cond::LeU: return Cond::GeU;
        case Cond::GtU: return Cond::LtU;
        default: return c;
    }
}

}  // namespace vm::ir
