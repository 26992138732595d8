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

/// The condition that holds exactly when `c` does not.
constexpr Cond inverted(Cond c) {
    switch (c) {
        case Cond::Eq: return Cond::Ne;
        case Cond::Ne: return Cond::Eq;
        case Cond::LtS: return Cond::GeS;
        case Cond::GeS: return Cond::LtS;
        case Cond::LeS: return Cond::GtS;
        case Cond::GtS: return Cond::LeS;
        case Cond::LtU: return Cond::GeU;
        case Cond::GeU: return Cond::LtU;
        case Cond::LeU: return Cond::GtU;
        case Cond::GtU: return Cond::LeU;
    }
    return c;
}

/// Flags as bits: 3 N, 2 Z, 1 C, 0 V. In a state slot they are a word (ir_ops.def): word(), of_word().
struct Nzcv {
    u8 bits;
    constexpr u16 word() const { return static_cast<u16>((bits & 12) << 12 | (bits & 2) << 7 | (bits & 1)); }
    static constexpr Nzcv of_word(u16 w) {
        return {static_cast<u8>((w >> 12 & 12) | (w >> 7 & 2) | (w & 1))};
    }
    constexpr bool n() const { return bits & 8; }
    constexpr bool z() const { return bits & 4; }
    constexpr bool c() const { return bits & 2; }
    constexpr bool v() const { return bits & 1; }
};
/// Flags of x + y + carry in width w <= 64, operands zero-extended. Subtraction is x + ~y + !borrow; C is
/// then "no borrow".
constexpr Nzcv flags_of_add(unsigned w, u64 x, u64 y, bool carry) {
    const u128 wide = u128{x} + y + carry;
    const u64 sum = zext(static_cast<u64>(wide), w);
    const u64 overflow = (x ^ sum) & (y ^ sum);
    return {static_cast<u8>(bit(sum, w - 1) << 3 | (sum == 0) << 2 | static_cast<u8>(wide >> w) << 1 |
                            bit(overflow, w - 1))};
}
/// Result of FlagsAdd, FlagsSub, FlagsLogic or FlagsPack; w: width of operand 0, operands zero-extended.
constexpr Nzcv eval_flags(const Inst& in, unsigned w, u64 x, u64 y, u64 z) {
    switch (in.op) {
        case Op::FlagsAdd: return flags_of_add(w, x, y, z);
        case Op::FlagsSub: {
            const Nzcv f = flags_of_add(w, x, zext(~y, w), !z);
            return in.aux == static_cast<u32>(CarrySem::NotBorrow) ? f : Nzcv{static_cast<u8>(f.bits ^ 2)};
        }
        case Op::FlagsLogic: return {static_cast<u8>(bit(x, w - 1) << 3 | (x == 0) << 2)};
        default: return {static_cast<u8>(x >> 28 & 15)};
    }
}
constexpr bool flag_cond(FlagCond c, Nzcv f) {
    switch (c) {
        case FlagCond::Eq: return f.z();
        case FlagCond::Ne: return !f.z();
        case FlagCond::Cs: return f.c();
        case FlagCond::Cc: return !f.c();
        case FlagCond::Mi: return f.n();
        case FlagCond::Pl: return !f.n();
        case FlagCond::Vs: return f.v();
        case FlagCond::Vc: return !f.v();
        case FlagCond::Hi: return f.c() && !f.z();
        case FlagCond::Ls: return !f.c() || f.z();
        case FlagCond::Ge: return f.n() == f.v();
        case FlagCond::Lt: return f.n() != f.v();
        case FlagCond::Gt: return !f.z() && f.n() == f.v();
        case FlagCond::Le: return f.z() || f.n() != f.v();
    }
    return false;
}

}  // namespace vm::ir
