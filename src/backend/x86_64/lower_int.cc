// Integer arithmetic and logic. Registers of I8 and I16 values have undefined upper bits, I1 values are 0 or
// 1 in the whole register; 32-bit host operations serve every width up to 32.
#include "backend/x86_64/lowering.h"

namespace vm::backend::x86_64 {

bool Lowering::lower_int(u32 i) {
    const Inst& in = inst(i);
    if (in.op == Op::Select && is_vec(i)) return select_xmm(i), true;
    if (in.op == Op::Select && (in.type == Type::Flags || in.type == Type::F16)) return select(i), true;
    if (in.op == Op::Icmp && ir::width(arg_type(in, 0)) <= 64) return icmp(i), true;
    if (!is_gpr_type(in.type) || (ir::info(in.op).nargs && ir::width(arg_type(in, 0)) > 64)) return false;
    const bool narrow = in.type == Type::I8 || in.type == Type::I16 || in.type == Type::I1;
    switch (in.op) {
        case Op::Add: add(i); break;
        case Op::Sub: sub(i); break;
        case Op::And: and_(i); break;
        case Op::Or:
            if (!set_bit(i)) alu(i, HInst::kIdOr, true);
            break;
        case Op::Xor: alu(i, HInst::kIdXor, true); break;
        case Op::AndNot: and_not(i); break;
        case Op::Mul: mul(i); break;
        case Op::Neg: unary(i, HInst::kIdNeg); break;
        case Op::Not: unary(i, HInst::kIdNot); break;
        case Op::MulHiS:
        case Op::MulHiU:
        case Op::MulHiSU: narrow ? int_helper(i) : mul_high(i); break;
        case Op::DivS:
        case Op::DivU:
        case Op::RemS:
        case Op::RemU: narrow ? int_helper(i) : divide(i); break;
        case Op::Shl:
        case Op::Lshr:
        case Op::Ashr:
        case Op::Rotr: shift(i); break;
        case Op::Clz:
        case Op::Ctz:
        case Op::Popcnt: narrow ? int_helper(i) : count_bits(i); break;
        case Op::Bswap: narrow ? int_helper(i) : bswap(i); break;
        case Op::OrcB: narrow ? int_helper(i) : or_bytes(i); break;
        case Op::ClmulLo:
        case Op::ClmulHi: in.type == Type::I64&& cpu_.pclmul ? carryless(i) : int_helper(i); break;
        case Op::DivWideS:
        case Op::DivWideU:
        case Op::RemWideS:
        case Op::RemWideU:
        case Op::Pdep:
        case Op::Pext: int_helper(i); break;
        case Op::Bitrev: bit_reverse(i); break;
        case Op::Crc32: crc(i); break;
        case Op::Zext:
        case Op::Sext: extend(i); break;
        case Op::Trunc: trunc_bit(i); break;
        case Op::Select: select(i); break;
        default: return false;
    }
    // I1 arithmetic works modulo 2.
    if (in.type == Type::I1 &&
        (in.op == Op::Add || in.op == Op::Sub || in.op == Op::Not || in.op == Op::AndNot)) {
        const u8 d = in_gpr(i);
        if (d != kNoReg) a.and_(r32(d), 1);
    }
    return true;
}

// d = x op y for two-operand instructions.
void Lowering::alu(u32 i, u32 id, bool commutative) {
    const Inst& in = inst(i);
    const unsigned bits = op_bits(in.type);
    Value x = arg(in, 0), y = arg(in, 1);
    if (commutative) {
        // Constants and what is in memory go to the right; so does what is already where the result is wanted
        // on the left.
        const u8 want = an_.info[i].hint_ok ? an_.info[i].hint : kNoReg;
        const bool y_wanted =
            want != kNoReg && (loc_[y].regs & mask_of(want)) && !(loc_[x].regs & mask_of(want));
        const bool y_dies =
            uses_left(y) == 1 && in_gpr(y) != kNoReg && mask_of(in_gpr(y)) & 0x807 && uses_left(x) > 1;
        if (is_const(x) || (!is_const(y) && (y_wanted || (want == kNoReg && y_dies) || in_gpr(x) == kNoReg)))
            std::swap(x, y);
    }
    const Operand src = use_src(y, bits);
    if (in_gpr(x) == kNoReg && uses_left(x) > 1 && x != y) use_gpr(x);
    const u8 xreg = in_gpr(x);
    if (xreg != kNoReg) locked_ |= mask_of(xreg);
    consume();
    const u8 yreg = src.isReg() ? static_cast<u8>(src.id()) : kNoReg;
    const bool same = yreg != kNoReg && yreg == xreg;
    const u8 d = define_gpr(i, mask_of(xreg), same ? 0 : mask_of(yreg));
    if (xreg != kNoReg) {
        if (d != xreg) a.mov(gpr(d, bits), gpr(xreg, bits));
    } else {
        load_gpr(d, x);
    }
    a.emit(id, gpr(d, bits), same ? gpr(d, bits) : src);
    defined(i, d);
}

// x | one bit of the upper half, which no immediate operand of `or` reaches
bool Lowering::set_bit(u32 i) {
    const Inst& in = inst(i);
    const unsigned k = is_const(arg(in, 0)) ? 0 : 1;
    if (in.type != Type::I64 || !is_const(arg(in, k)) || is_const(arg(in, 1 - k))) return false;
    const u64 bit = const_value(arg(in, k));
    if (!std::has_single_bit(bit) || bit < u64{1} << 31) return false;
    const u8 x = use_gpr(arg(in, 1 - k));
    consume();
    const u8 d = define_gpr(i, mask_of(x));
    if (d != x) a.mov(r64(d), r64(x));
    a.bts(r64(d), static_cast<u32>(std::countr_zero(bit)));
    defined(i, d);
    return true;
}

void Lowering::add(u32 i) {
    const Inst& in = inst(i);
    const unsigned bits = op_bits(in.type);
    if (sum_with_carry(i) || value_with_flags(i) || lea_shift(i)) return;
    Value x = arg(in, 0), y = arg(in, 1);
    if (is_const(x)) std::swap(x, y);
    const u8 xreg = in_gpr(x);
    u8 yreg = in_gpr(y);
    const u8 want = an_.info[i].hint_ok ? an_.info[i].hint : kNoReg;
    const bool in_place = want != kNoReg ? want == xreg || (want == yreg && !is_const(y))
                                         : (uses_left(x) == 1 && (mask_of(xreg) & 0x807)) ||
                                               (uses_left(y) == 1 && (mask_of(yreg) & 0x807));
    const bool y_imm = is_const(y) && fits_signed(static_cast<i64>(const_value(y)), 32);
    if (!in_place && xreg != kNoReg && yreg == kNoReg && !y_imm && uses_left(y) > 1 && x != y) {
        locked_ |= mask_of(xreg);
        yreg = use_gpr(y);
    }
    if (in_place || xreg == kNoReg || (yreg == kNoReg && !y_imm) || !on(JitOpt::FoldAddress))
        return alu(i, HInst::kIdAdd, true);
    // Three operands: lea.
    locked_ |= mask_of(xreg) | mask_of(y_imm ? kNoReg : yreg);
    consume();
    const u8 d = define_gpr(i);
    if (y_imm) {
        a.lea(gpr(d, bits), x86::ptr(r64(xreg), static_cast<i32>(const_value(y))));
    } else {
        // rbp and r13 as base would need a displacement byte.
        const bool bad_base = (xreg & 7) == 5;
        a.lea(gpr(d, bits), bad_base ? x86::ptr(r64(yreg), r64(xreg)) : x86::ptr(r64(xreg), r64(yreg)));
    }
    defined(i, d);
}

// a + (b << n), n = 1..3, the shift deferred
bool Lowering::lea_shift(u32 i) {
    const Inst& in = inst(i);
    for (unsigned k = 0; k < 2; k++) {
        const Value s = arg(in, k);
        if (!an_.info[s].deferred) continue;
        const Inst& shl = inst(s);
        const u8 index = use_gpr(arg(shl, 0));
        const u8 base = use_gpr(arg(in, 1 - k));
        const u32 n = static_cast<u32>(const_value(arg(shl, 1)));
        consume();
        const u8 d = define_gpr(i, mask_of(base) | mask_of(index));
        a.lea(gpr(d, op_bits(in.type)), x86::ptr(r64(base), r64(index), n));
        defined(i, d);
        return true;
    }
    return false;
}

void Lowering::and_(u32 i) {
    if (value_with_flags(i)) return;
    const Inst& in = inst(i);
    Value x = arg(in, 0), y = arg(in, 1);
    if (is_const(x)) std::swap(x, y);
    if (is_const(y) && !is_const(x)) {
        const u64 m = vm::zext(const_value(y), ir::width(in.type));
        if (m == 0xff || m == 0xffff || m == 0xffffffff) {
            const Operand src = use_src(x, m == 0xff ? 8 : m == 0xffff ? 16 : 32);
            consume();
            const u8 d = define_gpr(i, mask_of(src.isReg() ? static_cast<u8>(src.id()) : kNoReg));
            a.emit(m == 0xffffffff ? HInst::kIdMov : HInst::kIdMovzx, r32(d), src);
            return defined(i, d);
        }
        if (in.type == Type::I64 && fits_unsigned(m, 31)) {
            const u8 s = use_gpr(x);
            consume();
            const u8 d = define_gpr(i, mask_of(s));
            if (d != s) a.mov(r32(d), r32(s));
            a.and_(r32(d), static_cast<i32>(m));
            return defined(i, d);
        }
    }
    alu(i, HInst::kIdAnd, true);
}

void Lowering::sub(u32 i) {
    if (sum_with_carry(i) || value_with_flags(i)) return;
    const Inst& in = inst(i);
    const unsigned bits = op_bits(in.type);
    const Value x = arg(in, 0), y = arg(in, 1);
    const u8 want = an_.info[i].hint_ok ? an_.info[i].hint : kNoReg;
    const bool y_there = want != kNoReg && x != y && (loc_[y].regs & mask_of(want)) &&
                         !(loc_[x].regs & mask_of(want)) && uses_left(y) == 1 && reg_val_[want] == y;
    if (!y_there) return alu(i, HInst::kIdSub, false);
    // y is where the difference goes: -y + x
    locked_ |= mask_of(want);
    const Operand src = use_src(x, bits);
    consume();
    if (define_gpr(i) != want) return unsupported(in, "lost register");
    a.neg(gpr(want, bits));
    a.emit(HInst::kIdAdd, gpr(want, bits), src);
    defined(i, want);
}

void Lowering::and_not(u32 i) {
    if (value_with_flags(i)) return;
    const Inst& in = inst(i);
    const unsigned bits = op_bits(in.type);
    const Value x = arg(in, 0), y = arg(in, 1);
    const u8 yr = use_gpr(y);
    if (cpu_.bmi1) {
        const Operand src = use_src(x, bits, false);
        consume();
        const u8 d = define_gpr(i, mask_of(yr) | mask_of(src.isReg() ? static_cast<u8>(src.id()) : kNoReg));
        a.emit(HInst::kIdAndn, gpr(d, bits), gpr(yr, bits), src);
        return defined(i, d);
    }
    const u8 x_reg = use_gpr(x);
    consume();
    const u8 d = define_gpr(i, mask_of(yr), mask_of(x_reg));
    if (d != yr) a.mov(gpr(d, bits), gpr(yr, bits));
    a.not_(gpr(d, bits));
    a.and_(gpr(d, bits), x == y ? gpr(yr, bits) : gpr(x_reg, bits));
    if (x == y) a.xor_(r32(d), r32(d));
    defined(i, d);
}

void Lowering::unary(u32 i, u32 id) {
    const Inst& in = inst(i);
    const unsigned bits = op_bits(in.type);
    const u8 x = use_gpr(arg(in, 0));
    consume();
    const u8 d = define_gpr(i, mask_of(x));
    if (d != x) a.mov(gpr(d, bits), gpr(x, bits));
    a.emit(id, gpr(d, bits));
    defined(i, d);
}

// d = x with `bits` significant bits, extended to 32 or more
void Lowering::widen_narrow(u8 d, Value x, unsigned bits, bool sign) {
    const Operand src = bits == 1 ? Operand(r32(use_gpr(x))) : use_src(x, bits, false);
    if (bits == 1) {
        a.emit(HInst::kIdMov, r32(d), src);
        if (sign) a.neg(r32(d));
    } else {
        a.emit(sign ? HInst::kIdMovsx : HInst::kIdMovzx, r32(d), src);
    }
}

void Lowering::shift_const(u32 i, unsigned n) {
    const Inst& in = inst(i);
    const unsigned bits = op_bits(in.type);
    const Value x = arg(in, 0);
    if (in.op == Op::Rotr) return rotate_const(i, n);
    const u8 s = use_gpr(x);
    consume();
    const u8 d = define_gpr(i, mask_of(s));
    if (in.op == Op::Shl && d != s && n >= 1 && n <= 3 && on(JitOpt::FoldAddress)) {
        if (n == 1 && (s & 7) != 5) {
            a.lea(gpr(d, bits), x86::ptr(r64(s), r64(s)));
        } else {
            a.lea(gpr(d, bits), x86::ptr(0, r64(s), n));
        }
        return defined(i, d);
    }
    if (d != s || (n == 0 && bits == 32)) a.mov(gpr(d, bits), gpr(s, bits));
    if (n)
        a.emit(in.op == Op::Shl    ? HInst::kIdShl
               : in.op == Op::Lshr ? HInst::kIdShr
                                   : HInst::kIdSar,
               gpr(d, bits), asmjit::Imm(n));
    defined(i, d);
}

void Lowering::rotate_const(u32 i, unsigned n) {
    const Inst& in = inst(i);
    const unsigned bits = op_bits(in.type);
    const u8 s = use_gpr(arg(in, 0));
    consume();
    const u8 d = define_gpr(i, mask_of(s));
    if (d != s && cpu_.bmi2 && n) {
        a.rorx(gpr(d, bits), gpr(s, bits), n);
    } else {
        if (d != s || (n == 0 && bits == 32)) a.mov(gpr(d, bits), gpr(s, bits));
        if (n) a.ror(gpr(d, bits), n);
    }
    defined(i, d);
}

void Lowering::shift(u32 i) {
    const Inst& in = inst(i);
    const unsigned width = ir::width(in.type), bits = op_bits(in.type);
    const Value x = arg(in, 0), y = arg(in, 1);
    if (width == 1) {  // the amount is 0 modulo 1
        const u8 s = use_gpr(x);
        consume();
        const u8 d = define_gpr(i, mask_of(s));
        if (d != s) a.mov(r32(d), r32(s));
        return defined(i, d);
    }
    if (is_const(y) && width >= 32 && !is_const(x))
        return shift_const(i, static_cast<unsigned>(const_value(y) & (width - 1)));
    if (width >= 32 && cpu_.bmi2 && in.op != Op::Rotr) {
        const u8 count = use_gpr(y);
        const Operand src = use_src(x, bits, false);
        consume();
        const u8 d =
            define_gpr(i, mask_of(src.isReg() ? static_cast<u8>(src.id()) : kNoReg) | mask_of(count));
        const u32 id = in.op == Op::Shl    ? HInst::kIdShlx
                       : in.op == Op::Lshr ? HInst::kIdShrx
                                           : HInst::kIdSarx;
        a.emit(id, gpr(d, bits), src, gpr(count, bits));
        return defined(i, d);
    }
    take(kRcx);
    const u8 d = alloc_gpr();
    if (width >= 32) {
        load_gpr(d, x);
    } else {
        widen_narrow(d, x, width, in.op == Op::Ashr);
    }
    load_gpr(kRcx, y);
    consume();
    if (width < 32) a.and_(x86::ecx, width - 1);
    const x86::Gp operand = in.op == Op::Rotr ? gpr(d, width) : gpr(d, bits);
    const u32 id = in.op == Op::Shl    ? HInst::kIdShl
                   : in.op == Op::Lshr ? HInst::kIdShr
                   : in.op == Op::Ashr ? HInst::kIdSar
                                       : HInst::kIdRor;
    a.emit(id, operand, x86::cl);
    defined(i, d);
}

void Lowering::extend(u32 i) {
    const Inst& in = inst(i);
    const unsigned from = ir::width(arg_type(in, 0)), to = ir::width(in.type);
    const Value x = arg(in, 0);
    const bool sign = in.op == Op::Sext;
    if (from == 1) {
        const u8 s = use_gpr(x);
        consume();
        const u8 d = define_gpr(i, mask_of(s));
        if (d != s) a.mov(r32(d), r32(s));
        if (sign) a.neg(r64(d));
        return defined(i, d);
    }
    const Operand src = use_src(x, from, false);
    consume();
    const u8 d = define_gpr(i, mask_of(src.isReg() ? static_cast<u8>(src.id()) : kNoReg));
    if (from == 32) {
        sign ? a.emit(HInst::kIdMovsxd, r64(d), src) : a.emit(HInst::kIdMov, r32(d), src);
    } else {
        a.emit(sign ? HInst::kIdMovsx : HInst::kIdMovzx, sign ? gpr(d, to == 64 ? 64 : 32) : r32(d), src);
    }
    defined(i, d);
    // The narrow value may leave its register when others need it: this one has it, too.
    if (!sign && inst(x).type == arg_type(in, 0) && !is_const(x) && !an_.info[x].aliased)
        an_.info[x].twin = i;
}

void Lowering::trunc_bit(u32 i) {
    const u8 s = use_gpr(arg(inst(i), 0));
    consume();
    const u8 d = define_gpr(i, mask_of(s));
    if (d != s) a.mov(r32(d), r32(s));
    a.and_(r32(d), 1);
    defined(i, d);
}

// --- comparison. Emits the compare and says which condition holds; *start = where its code begins.
namespace {
Cc host_cond(ir::Cond c) {
    constexpr Cc cc[] = {Cc::E, Cc::Ne, Cc::L, Cc::Ge, Cc::Le, Cc::G, Cc::B, Cc::Ae, Cc::Be, Cc::A};
    return cc[static_cast<u8>(c)];
}
ir::Cond swap_operands(ir::Cond c) {
    using enum ir::Cond;
    constexpr ir::Cond s[] = {Eq, Ne, GtS, LeS, GeS, LtS, GtU, LeU, GeU, LtU};
    return s[static_cast<u8>(c)];
}
}  // namespace

Cc Lowering::compare(Value cmp, u32* start) {
    const Inst& in = inst(cmp);
    const auto c = static_cast<ir::Cond>(in.aux);
    const unsigned width = ir::width(arg_type(in, 0));
    if (const Value d = an_.info[cmp].instead; d != kNone) {
        const u8 r = use_gpr(d);
        *start = a.pos();
        a.test(gpr(r, width), gpr(r, width));
        return host_cond(c);
    }
    if (an_.info[arg(in, 0)].deferred) return test_and(c, arg(in, 0), start);
    return compare_values(c, arg(in, 0), arg(in, 1), width, start);
}

Cc Lowering::compare_values(ir::Cond c, Value x, Value y, unsigned bits, u32* start) {
    if (bits == 1) {  // kept as 0 and 1, but signed they are 0 and -1
        using enum ir::Cond;
        constexpr ir::Cond flipped[] = {Eq, Ne, GtU, LeU, GeU, LtU, LtU, GeU, LeU, GtU};
        c = flipped[static_cast<u8>(c)];
        bits = 32;
    }
    if (is_const(x) && !is_const(y)) {
        std::swap(x, y);
        c = swap_operands(c);
    }
    if (is_const(y) && vm::zext(const_value(y), bits) == 0 && in_gpr(x) != kNoReg) {
        const u8 r = use_gpr(x);
        *start = a.pos();
        a.test(gpr(r, bits), gpr(r, bits));
        return host_cond(c);
    }
    // One operand may be in memory.
    Operand right = use_src(y, bits);
    Operand left = right.isMem() || is_const(x) ? Operand(gpr(use_gpr(x), bits)) : use_src(x, bits, false);
    *start = a.pos();
    a.emit(HInst::kIdCmp, left, right);
    return host_cond(c);
}

// x & y compared with zero
Cc Lowering::test_and(ir::Cond c, Value conj, u32* start) {
    const Inst& in = inst(conj);
    const unsigned bits = op_bits(in.type);
    Value x = arg(in, 0), y = arg(in, 1);
    if (is_const(x)) std::swap(x, y);
    const u64 m = is_const(y) ? vm::zext(const_value(y), bits) : 0;
    if (is_const(y) && !is_const(x)) {
        const u8 r = use_gpr(x);
        *start = a.pos();
        if (fits_unsigned(m, 7) || (m <= 0xff && (r < 4))) {
            a.test(r8(r), static_cast<i32>(m));
            return host_cond(c);
        }
        if (m <= 0xff || fits_unsigned(m, 31)) {
            a.test(r32(r), static_cast<i32>(m));
            return host_cond(c);
        }
        if (std::has_single_bit(m)) {
            a.bt(gpr(r, bits), std::countr_zero(m));
            return c == ir::Cond::Eq ? Cc::Ae : Cc::B;
        }
    }
    const u8 r = use_gpr(x);
    Operand src = use_src(y, bits);
    if (src.isMem()) {
        *start = a.pos();
        a.emit(HInst::kIdTest, src, gpr(r, bits));
    } else {
        *start = a.pos();
        a.emit(HInst::kIdTest, gpr(r, bits), src);
    }
    return host_cond(c);
}

// Condition of an i1 operand, compared here if its comparison was left to us.
Cc Lowering::condition(Value cond, u32* start) {
    if (an_.info[cond].deferred) {
        if (inst(cond).op == Op::Icmp) return compare(cond, start);
        if (inst(cond).op == Op::Not) return invert(condition(arg(inst(cond), 0), start));
        return inst(cond).op == Op::FCmp ? fcmp_condition(cond, start) : flags_condition(cond, start);
    }
    const u8 r = use_gpr(cond);
    *start = a.pos();
    a.test(r32(r), r32(r));
    return Cc::Ne;
}

void Lowering::icmp(u32 i) {
    u32 start = 0;
    const Inst& in = inst(i);
    // The hint's register may be an operand, so zero it only when it is not.
    const ValueInfo& info = an_.info[i];
    u8 d = kNoReg;
    if (info.hint_ok && reg_val_[info.hint] != arg(in, 0) && reg_val_[info.hint] != arg(in, 1) &&
        !an_.info[arg(in, 0)].deferred && info.instead == kNone &&
        (reg_val_[info.hint] == kNone || uses_left(reg_val_[info.hint]) == 0)) {
        d = info.hint;
        drop_reg(d);
        locked_ |= mask_of(d);
        // operands first: making them must not come between xor and setcc, but may use flags
        const unsigned width = ir::width(arg_type(in, 0));
        if (in_gpr(arg(in, 0)) == kNoReg && !is_const(arg(in, 0)) && !in_memory(arg(in, 0)))
            use_gpr(arg(in, 0));
        a.xor_(r32(d), r32(d));
        const Cc c = compare_values(static_cast<ir::Cond>(in.aux), arg(in, 0), arg(in, 1), width, &start);
        consume();
        a.setcc(c, r8(d));
        return defined(i, d);
    }
    const Cc c = compare(i, &start);
    consume();
    d = define_gpr(i);
    a.setcc(c, r8(d));
    a.movzx(r32(d), r8(d));
    defined(i, d);
}

// d = cond ? y : z. The destination gets z first, before the flags are made.
void Lowering::select(u32 i) {
    const Inst& in = inst(i);
    const unsigned bits = op_bits(in.type);
    const Value cond = arg(in, 0);
    Value y = arg(in, 1), z = arg(in, 2);
    bool inverted = false;
    // What sits in a register that dies, or where the result is wanted, is better kept than moved.
    const ValueInfo& info =
        an_.info[i];  // of an f16, the hint may be the vector register of what it goes into
    const u8 want = info.hint_ok && info.hint < kXmm0 ? info.hint : kNoReg;
    if ((want != kNoReg && (loc_[y].regs & mask_of(want))) || (is_const(y) && !is_const(z))) {
        std::swap(y, z);
        inverted = true;
    }
    const u8 yr = use_gpr(y);
    // A register of its own for the result: compare's operands must survive until the compare.
    u8 d = kNoReg;
    const bool in_place = want != kNoReg && reg_val_[want] == z && uses_left(z) == 1;
    if (in_place) {
        d = want;
        locked_ |= mask_of(d);
    } else if (want != kNoReg && (reg_val_[want] == kNone || uses_left(reg_val_[want]) == 0)) {
        d = want;
        drop_reg(d);
        locked_ |= mask_of(d);
        load_gpr(d, z);
    } else {
        d = alloc_gpr();
        load_gpr(d, z);
    }
    u32 start = 0;
    Cc c = condition(cond, &start);
    if (inverted) c = invert(c);
    consume();
    if (in_place && define_gpr(i) != d) return unsupported(in, "lost register");
    a.cmovcc(c, gpr(d, bits), gpr(yr, bits));
    defined(i, d);
}

// --- what a C++ function does
void Lowering::int_helper(u32 i) {
    const Inst& in = inst(i);
    const u32 aux = in.op == Op::Crc32 ? in.aux | static_cast<u32>(in.imm) << 14 : in.aux;
    call_helper(i, HelperId::IntOp, helper_code(in.op, in.type, arg_type(in, 0), aux));
}

// Arguments in rax, rcx, rdx, described by `code` in scratch[0]; the result in rax.
void Lowering::call_helper(u32 i, HelperId id, u32 code) {
    const Inst& in = inst(i);
    constexpr u8 regs[] = {kRax, kRcx, kRdx};
    forbid_swaps();
    evict_scratch();
    const unsigned nargs = ir::info(in.op).nargs;
    for (unsigned k = 0; k < nargs; k++) {
        const Value v = arg(in, k);
        load_gpr(regs[k], v);
        locked_ |= mask_of(regs[k]);
        if (arg_type(in, k) == Type::F32) {
            a.mov(r32(regs[k]), r32(regs[k]));
        } else if (arg_type(in, k) == Type::I8) {
            a.movzx(r32(regs[k]), r8(regs[k]));
        } else if (arg_type(in, k) == Type::I16 || arg_type(in, k) == Type::F16) {
            a.movzx(r32(regs[k]), r16(regs[k]));
        } else if (arg_type(in, k) == Type::I32) {
            a.mov(r32(regs[k]), r32(regs[k]));
        }
    }
    consume();
    a.mov(state_mem(static_cast<i32>(offsetof(VcpuState, scratch)), 8), static_cast<i32>(code));
    call_stub(Stub::Helper0, static_cast<unsigned>(id));
    if (uses_left(i) == 0) return;
    if (!is_vec(i)) return set_reg(i, kRax);
    locked_ = mask_of(kRax);
    const u8 d = define_xmm(i);
    cpu_.avx ? a.vmovq(xr(d), x86::rax) : a.movq(xr(d), x86::rax);
    if (in.type == Type::F32) box(d);
    if (in.type == Type::F64 || (in.type == Type::F32 && !an_.boxes)) set_zero_from(i, ir::width(in.type));
    defined(i, d);
}

}  // namespace vm::backend::x86_64
