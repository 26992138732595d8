// Data processing of general registers. Manual: "Data Processing -- Immediate", "Data Processing --
// Register".
#include "frontend/arm64/logical_immediate.h"
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {

using ir::Cond;

// --- add and subtract
bool Translator::add_sub(const Decoded& d, Value p, Value q, bool sub, bool set_nzcv, bool to_sp) {
    const Value result = sub ? b.sub(p, q) : b.add(p, q);

    if (set_nzcv) set_flags(sub ? sub_flags(p, q) : add_flags(p, q, b.constant(Type::I1, 0)));
    return to_sp ? set_reg_sp(d.rd, result) : set_reg(d.rd, result);
}

#define ADD_SUB(NAME, SUB, FLAGS)                                                       \
    bool Translator::NAME##_imm(const Decoded& d) {                                     \
        const u64 imm = static_cast<u64>(d.imm) << (d.amount ? 12 : 0);                 \
        return add_sub(d, reg_sp(d.sf, d.rn), constant(d.sf, imm), SUB, FLAGS, !FLAGS); \
    }                                                                                   \
    bool Translator::NAME##_shift(const Decoded& d) {                                   \
        if (!shift_valid(d)) return false;                                              \
        const Value q = shifted(d, d.opt);                                              \
        return add_sub(d, reg(d.sf, d.rn), q, SUB, FLAGS, false);                       \
    }                                                                                   \
    bool Translator::NAME##_ext(const Decoded& d) {                                     \
        return add_sub(d, reg_sp(d.sf, d.rn), extended(d), SUB, FLAGS, !FLAGS);         \
    }
ADD_SUB(ADD, false, false)
ADD_SUB(ADDS, false, true)
ADD_SUB(SUB, true, false)
ADD_SUB(SUBS, true, true)
#undef ADD_SUB

/// Rm shifted by the constant `amount`: kind 0 LSL, 1 LSR, 2 ASR, 3 ROR.
Value Translator::shifted(const Decoded& d, unsigned kind) {
    constexpr Op ops[] = {Op::Shl, Op::Lshr, Op::Ashr, Op::Rotr};
    const Value m = reg(d.sf, d.rm);
    return d.amount == 0 ? m : b.binary(ops[kind], m, constant(d.sf, d.amount));
}

/// Rm extended as `opt` says (UXTB … SXTX), then shifted left by `amount`.
Value Translator::extended(const Decoded& d) {
    const Type t = int_type(d.sf);
    const Type narrow = mem_type(d.opt & 3);
    Value m = reg(d.sf, d.rm);
    if (ir::width(narrow) < ir::width(t))
        m = b.convert(d.opt & 4 ? Op::Sext : Op::Zext, t, b.trunc(narrow, m));
    return d.amount == 0 ? m : b.shl(m, b.constant(t, d.amount));
}

bool Translator::with_carry(const Decoded& d, bool sub, bool set_nzcv) {
    const Value p = reg(d.sf, d.rn), q = reg(d.sf, d.rm);
    const Value c = carry();
    const Value in = b.zext(int_type(d.sf), sub ? b.not_(c) : c);

    const Value result = sub ? b.sub(b.sub(p, q), in) : b.add(b.add(p, q), in);

    if (set_nzcv) set_flags(sub ? sub_flags(p, q, b.not_(c)) : add_flags(p, q, c));
    return set_reg(d.rd, result);
}

bool Translator::ADC(const Decoded& d) { return with_carry(d, false, false); }
bool Translator::ADCS(const Decoded& d) { return with_carry(d, false, true); }
bool Translator::SBC(const Decoded& d) { return with_carry(d, true, false); }
bool Translator::SBCS(const Decoded& d) { return with_carry(d, true, true); }

// --- logic
bool Translator::logical_imm(const Decoded& d, Op op, bool set_nzcv) {
    u64 mask = 0;
    if (!logical_immediate(d.sf, static_cast<u32>(d.imm), &mask)) return false;

    const Value result = b.binary(op, reg(d.sf, d.rn), constant(d.sf, mask));

    if (!set_nzcv) return set_reg_sp(d.rd, result);
    set_flags(b.unary(Op::FlagsLogic, result));
    return set_reg(d.rd, result);
}

bool Translator::AND_imm(const Decoded& d) { return logical_imm(d, Op::And, false); }
bool Translator::ORR_imm(const Decoded& d) { return logical_imm(d, Op::Or, false); }
bool Translator::EOR_imm(const Decoded& d) { return logical_imm(d, Op::Xor, false); }
bool Translator::ANDS_imm(const Decoded& d) { return logical_imm(d, Op::And, true); }

bool Translator::logical_shift(const Decoded& d, Op op, bool set_nzcv) {
    if (!shift_valid(d)) return false;

    const Value result = b.binary(op, reg(d.sf, d.rn), shifted(d, d.opt));

    if (set_nzcv) set_flags(b.unary(Op::FlagsLogic, result));
    return set_reg(d.rd, result);
}

bool Translator::AND_shift(const Decoded& d) { return logical_shift(d, Op::And, false); }
bool Translator::BIC_shift(const Decoded& d) { return logical_shift(d, Op::AndNot, false); }
bool Translator::ORR_shift(const Decoded& d) { return logical_shift(d, Op::Or, false); }
bool Translator::EOR_shift(const Decoded& d) { return logical_shift(d, Op::Xor, false); }
bool Translator::ANDS_shift(const Decoded& d) { return logical_shift(d, Op::And, true); }
bool Translator::BICS_shift(const Decoded& d) { return logical_shift(d, Op::AndNot, true); }

bool Translator::ORN_shift(const Decoded& d) {
    if (!shift_valid(d)) return false;
    return set_reg(d.rd, b.or_(reg(d.sf, d.rn), b.not_(shifted(d, d.opt))));
}
bool Translator::EON_shift(const Decoded& d) {
    if (!shift_valid(d)) return false;
    return set_reg(d.rd, b.xor_(reg(d.sf, d.rn), b.not_(shifted(d, d.opt))));
}

// --- moves of constants, addresses
bool Translator::MOVN(const Decoded& d) {
    if (!d.sf && d.amount > 1) return false;
    return set_reg(d.rd, constant(d.sf, ~(static_cast<u64>(d.imm) << 16 * d.amount)));
}
bool Translator::MOVZ(const Decoded& d) {
    if (!d.sf && d.amount > 1) return false;
    return set_reg(d.rd, constant(d.sf, static_cast<u64>(d.imm) << 16 * d.amount));
}
bool Translator::MOVK(const Decoded& d) {
    if (!d.sf && d.amount > 1) return false;
    const unsigned at = 16 * d.amount;
    const Value rest = b.and_(reg(d.sf, d.rd), constant(d.sf, ~(u64{0xffff} << at)));
    return set_reg(d.rd, b.or_(rest, constant(d.sf, static_cast<u64>(d.imm) << at)));
}

bool Translator::ADR(const Decoded& d) { return set_reg(d.rd, literal(d)); }
bool Translator::ADRP(const Decoded& d) {
    return set_reg(d.rd, b.guest_addr((b.pc() & ~u64{0xfff}) + static_cast<u64>(d.imm)));
}

// --- bit fields: imm = immr, amount = imms
/// The field of Rn, put in place and extended with zeros or copies of its top bit.
bool Translator::bit_field(const Decoded& d, bool is_signed) {
    const unsigned width = d.sf ? 64 : 32, r = static_cast<unsigned>(d.imm), s = d.amount;
    if (r >= width || s >= width) return false;
    const Value n = reg(d.sf, d.rn);
    const Op right = is_signed ? Op::Ashr : Op::Lshr;
    if (s >= r) {  // bits s..r of Rn to the bottom
        const unsigned length = s - r + 1;
        if (!is_signed && length < width && (r == 0 || length <= 32))
            return set_reg(
                d.rd, b.and_(r ? b.lshr(n, constant(d.sf, r)) : n, constant(d.sf, zext(~u64{0}, length))));
        if (r == 0 && (length == 8 || length == 16 || length == 32) && length < width)
            return set_reg(d.rd, b.sext(int_type(d.sf), b.trunc(mem_type(length / 16), n)));
        const Value top = s + 1 == width ? n : b.shl(n, constant(d.sf, width - 1 - s));
        const unsigned down = width - length;
        return set_reg(d.rd, down ? b.binary(right, top, constant(d.sf, down)) : top);
    }
    // bits s..0 of Rn to position width - r
    const unsigned at = width - r, length = s + 1;
    const Value top = b.shl(n, constant(d.sf, width - length));
    const unsigned down = width - length - at;
    if (!is_signed && at + length == width) return set_reg(d.rd, b.shl(n, constant(d.sf, at)));
    if (!is_signed)
        return set_reg(d.rd, b.shl(b.and_(n, constant(d.sf, zext(~u64{0}, length))), constant(d.sf, at)));
    return set_reg(d.rd, b.shl(b.ashr(top, constant(d.sf, down + at)), constant(d.sf, at)));
}

bool Translator::SBFM(const Decoded& d) { return bit_field(d, true); }
bool Translator::UBFM(const Decoded& d) { return bit_field(d, false); }

bool Translator::BFM(const Decoded& d) {
    const unsigned width = d.sf ? 64 : 32, r = static_cast<unsigned>(d.imm), s = d.amount;
    if (r >= width || s >= width) return false;
    const unsigned length = s >= r ? s - r + 1 : s + 1, at = s >= r ? 0 : width - r;
    const u64 mask = zext(~u64{0}, length) << at;
    const Value n = reg(d.sf, d.rn);
    Value field = s >= r ? b.lshr(n, constant(d.sf, r)) : b.shl(n, constant(d.sf, at));
    field = b.and_(field, constant(d.sf, mask));
    return set_reg(d.rd, b.or_(b.and_(reg(d.sf, d.rd), constant(d.sf, ~mask)), field));
}

bool Translator::EXTR(const Decoded& d) {
    const unsigned width = d.sf ? 64 : 32;
    if (d.amount >= width) return false;
    const Value high = reg(d.sf, d.rn), low = reg(d.sf, d.rm);
    if (d.amount == 0) return set_reg(d.rd, low);
    if (d.rn == d.rm) return set_reg(d.rd, b.binary(Op::Rotr, low, constant(d.sf, d.amount)));
    return set_reg(
        d.rd, b.or_(b.lshr(low, constant(d.sf, d.amount)), b.shl(high, constant(d.sf, width - d.amount))));
}

// --- shifts by a register (modulo the width), division, bits
bool Translator::variable_shift(const Decoded& d, Op op) {
    return set_reg(d.rd, b.binary(op, reg(d.sf, d.rn), reg(d.sf, d.rm)));
}
bool Translator::LSLV(const Decoded& d) { return variable_shift(d, Op::Shl); }
bool Translator::LSRV(const Decoded& d) { return variable_shift(d, Op::Lshr); }
bool Translator::ASRV(const Decoded& d) { return variable_shift(d, Op::Ashr); }
bool Translator::RORV(const Decoded& d) { return variable_shift(d, Op::Rotr); }

bool Translator::divide(const Decoded& d, Op op) {
    return set_reg(d.rd, b.binary(op, reg(d.sf, d.rn), reg(d.sf, d.rm), static_cast<u32>(ir::DivSem::Arm)));
}
bool Translator::UDIV(const Decoded& d) { return divide(d, Op::DivU); }
bool Translator::SDIV(const Decoded& d) { return divide(d, Op::DivS); }

bool Translator::RBIT(const Decoded& d) { return set_reg(d.rd, b.unary(Op::Bitrev, reg(d.sf, d.rn))); }
bool Translator::CLZ(const Decoded& d) { return set_reg(d.rd, b.unary(Op::Clz, reg(d.sf, d.rn))); }
bool Translator::REV_w(const Decoded& d) { return set_reg(d.rd, b.unary(Op::Bswap, w(d.rn))); }
bool Translator::REV_x(const Decoded& d) { return set_reg(d.rd, b.unary(Op::Bswap, x(d.rn))); }

/// Bytes of each halfword exchanged.
bool Translator::REV16(const Decoded& d) {
    const Value n = reg(d.sf, d.rn), eight = constant(d.sf, 8);
    const Value even = constant(d.sf, 0x00ff00ff00ff00ff);
    return set_reg(d.rd, b.or_(b.shl(b.and_(n, even), eight), b.and_(b.lshr(n, eight), even)));
}
bool Translator::REV32(const Decoded& d) {
    return set_reg(d.rd, b.binary(Op::Rotr, b.unary(Op::Bswap, x(d.rn)), b.c64(32)));
}

/// Leading bits, after the first, that equal the first.
bool Translator::CLS(const Decoded& d) {
    const Value n = reg(d.sf, d.rn);
    const Value changes = b.xor_(n, b.ashr(n, constant(d.sf, 1)));
    return set_reg(d.rd, b.sub(b.unary(Op::Clz, changes), constant(d.sf, 1)));
}

bool Translator::CRC32(const Decoded& d) {
    const Value data = d.size == 3 ? x(d.rm) : b.zext(Type::I64, w(d.rm));
    return set_reg(d.rd, b.emit({.op = Op::Crc32,
                                 .type = Type::I32,
                                 .args = {w(d.rn), data, ir::kNone},
                                 .aux = 8u << d.size,
                                 .imm = 0}));
}
bool Translator::CRC32C(const Decoded& d) {
    const Value data = d.size == 3 ? x(d.rm) : b.zext(Type::I64, w(d.rm));
    return set_reg(d.rd, b.emit({.op = Op::Crc32,
                                 .type = Type::I32,
                                 .args = {w(d.rn), data, ir::kNone},
                                 .aux = 8u << d.size,
                                 .imm = 1}));
}

// --- multiplication
bool Translator::MADD(const Decoded& d) {
    return set_reg(d.rd, b.add(reg(d.sf, d.ra), b.mul(reg(d.sf, d.rn), reg(d.sf, d.rm))));
}
bool Translator::MSUB(const Decoded& d) {
    return set_reg(d.rd, b.sub(reg(d.sf, d.ra), b.mul(reg(d.sf, d.rn), reg(d.sf, d.rm))));
}
bool Translator::multiply_long(const Decoded& d, Op widen, bool subtract) {
    const Value product = b.mul(b.convert(widen, Type::I64, w(d.rn)), b.convert(widen, Type::I64, w(d.rm)));
    return set_reg(d.rd, subtract ? b.sub(x(d.ra), product) : b.add(x(d.ra), product));
}
bool Translator::SMADDL(const Decoded& d) { return multiply_long(d, Op::Sext, false); }
bool Translator::SMSUBL(const Decoded& d) { return multiply_long(d, Op::Sext, true); }
bool Translator::UMADDL(const Decoded& d) { return multiply_long(d, Op::Zext, false); }
bool Translator::UMSUBL(const Decoded& d) { return multiply_long(d, Op::Zext, true); }
bool Translator::SMULH(const Decoded& d) { return set_reg(d.rd, b.binary(Op::MulHiS, x(d.rn), x(d.rm))); }
bool Translator::UMULH(const Decoded& d) { return set_reg(d.rd, b.binary(Op::MulHiU, x(d.rn), x(d.rm))); }

// --- conditions
bool Translator::conditional_compare(const Decoded& d, Value q, bool negative) {
    const Value p = reg(d.sf, d.rn);
    const Value holds = condition(d.cond);
    const Value compared = negative ? add_flags(p, q, b.constant(Type::I1, 0)) : sub_flags(p, q);
    return set_flags(b.select(holds, compared, flags_constant(d.nzcv)));
}
bool Translator::CCMN_reg(const Decoded& d) { return conditional_compare(d, reg(d.sf, d.rm), true); }
bool Translator::CCMP_reg(const Decoded& d) { return conditional_compare(d, reg(d.sf, d.rm), false); }
bool Translator::CCMN_imm(const Decoded& d) {
    return conditional_compare(d, constant(d.sf, static_cast<u64>(d.imm)), true);
}
bool Translator::CCMP_imm(const Decoded& d) {
    return conditional_compare(d, constant(d.sf, static_cast<u64>(d.imm)), false);
}

bool Translator::conditional_select(const Decoded& d, Value otherwise) {
    const Value n = reg(d.sf, d.rn);
    return set_reg(d.rd, b.select(condition(d.cond), n, otherwise));
}
bool Translator::CSEL(const Decoded& d) { return conditional_select(d, reg(d.sf, d.rm)); }
bool Translator::CSINV(const Decoded& d) { return conditional_select(d, b.not_(reg(d.sf, d.rm))); }
bool Translator::CSNEG(const Decoded& d) { return conditional_select(d, b.unary(Op::Neg, reg(d.sf, d.rm))); }
bool Translator::CSINC(const Decoded& d) {
    // CSET: without a select
    if (d.rn == 31 && d.rm == 31)
        return set_reg(d.rd, b.zext(int_type(d.sf), b.xor_(condition(d.cond), b.constant(Type::I1, 1))));
    return conditional_select(d, b.add(reg(d.sf, d.rm), constant(d.sf, 1)));
}

// --- FlagM
/// Bits 3..0 of Rn rotated right replace the flags that the mask names.
bool Translator::RMIF(const Decoded& d) {
    const Value rotated = d.amount ? b.binary(Op::Rotr, x(d.rn), b.c64(d.amount)) : x(d.rn);
    const Value fresh = b.and_(b.shl(b.trunc(Type::I32, rotated), b.c32(28)), b.c32(u32{d.nzcv} << 28));
    const Value kept = b.and_(b.convert(Op::FlagsUnpack, Type::I32, flags()), b.c32(~(u32{d.nzcv} << 28)));
    return set_flags(b.unary(Op::FlagsPack, b.or_(fresh, kept)));
}

/// N, Z and V of the low `bits` bits of Rn as if shifted to the top; C stays.
bool Translator::set_flag_width(const Decoded& d, unsigned bits) {
    const Value n = w(d.rn);
    const Value top = b.shl(n, b.c32(32 - bits));
    const Value negative = b.and_(top, b.c32(1u << 31));
    const Value zero = b.shl(b.zext(Type::I32, b.icmp(Cond::Eq, top, b.c32(0))), b.c32(30));
    const Value carry_bit = b.and_(b.convert(Op::FlagsUnpack, Type::I32, flags()), b.c32(1u << 29));
    const Value differs = b.and_(b.xor_(b.lshr(n, b.c32(bits)), b.lshr(n, b.c32(bits - 1))), b.c32(1));
    const Value overflow = b.shl(differs, b.c32(28));
    return set_flags(b.unary(Op::FlagsPack, b.or_(b.or_(negative, zero), b.or_(carry_bit, overflow))));
}
bool Translator::SETF8(const Decoded& d) { return set_flag_width(d, 8); }
bool Translator::SETF16(const Decoded& d) { return set_flag_width(d, 16); }

}  // namespace vm::frontend::arm64
