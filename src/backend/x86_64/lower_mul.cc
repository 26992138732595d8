// Products and quotients.
#include <algorithm>

#include "backend/x86_64/lowering.h"

namespace vm::backend::x86_64 {

namespace {
/// IR instructions between the two halves of a product.
constexpr u32 kPairDistance = 32;
}  // namespace

// The other half of the 64-bit product i, if it is made within the next few instructions.
Value Lowering::other_half(u32 i) const {
    const Inst& in = inst(i);
    if (in.type != Type::I64 || in.op == Op::MulHiSU) return kNone;
    const Value x = arg(in, 0), y = arg(in, 1);
    const u32 end = std::min(static_cast<u32>(block_->insts.size()), i + kPairDistance);
    for (u32 j = i + 1; j < end; j++) {
        const Inst& other = inst(j);
        const bool high = other.op == Op::MulHiU || other.op == Op::MulHiS;
        if (in.op == Op::Mul ? !high : other.op != Op::Mul) continue;
        if (other.type != Type::I64 || !an_.info[j].live || an_.info[j].rep != j) continue;
        const Value p = arg(other, 0), q = arg(other, 1);
        if (((p == x && q == y) || (p == y && q == x)) && std::ranges::find(early_, j) == early_.end())
            return j;
    }
    return kNone;
}

// Both halves of a product by one instruction. Instruction j will find its result made.
void Lowering::mul_both(u32 i, Value j) {
    const Value hi = inst(i).op == Op::Mul ? j : i, lo = inst(i).op == Op::Mul ? i : j;
    const Value x = arg(inst(i), 0), y = arg(inst(i), 1);
    early_.push_back(j);
    if (inst(hi).op == Op::MulHiU && cpu_.bmi2) {
        take(kRdx);
        load_gpr(kRdx, x);
        const Operand src = use_src(y, 64, false);
        consume();
        locked_ &= ~mask_of(kRdx);
        const u8 first = define_gpr(i);
        locked_ |= mask_of(first);
        const u8 second = alloc_gpr();
        a.emit(HInst::kIdMulx, r64(hi == i ? first : second), r64(hi == i ? second : first), src);
        defined(i, first);
        return defined(j, second);
    }
    locked_ |= mask_of(kRax) | mask_of(kRdx);
    take(kRax);
    take(kRdx);
    load_gpr(kRax, x);
    const Operand src = use_src(y, 64, false);
    consume();
    a.emit(inst(hi).op == Op::MulHiS ? HInst::kIdImul : HInst::kIdMul, x86::rdx, x86::rax, src);
    defined(hi, kRdx);
    defined(lo, kRax);
}

void Lowering::mul(u32 i) {
    const Inst& in = inst(i);
    if (std::ranges::find(early_, i) != early_.end()) return consume();
    if (const Value j = other_half(i); j != kNone) return mul_both(i, j);
    const unsigned bits = op_bits(in.type);
    Value x = arg(in, 0), y = arg(in, 1);
    if (is_const(x)) std::swap(x, y);
    const i64 c = bits == 32 ? vm::sext(const_value(y), 32) : static_cast<i64>(const_value(y));
    if (!is_const(y) || !fits_signed(c, 32)) return alu(i, HInst::kIdImul, true);
    const Operand src = use_src(x, bits, false);
    consume();
    const u8 d = define_gpr(i, mask_of(src.isReg() ? static_cast<u8>(src.id()) : kNoReg));
    a.emit(HInst::kIdImul, gpr(d, bits), src, asmjit::Imm(c));
    defined(i, d);
}

void Lowering::mul_high(u32 i) {
    const Inst& in = inst(i);
    const unsigned bits = op_bits(in.type);
    const Value x = arg(in, 0), y = arg(in, 1);
    if (std::ranges::find(early_, i) != early_.end()) return consume();
    if (const Value j = other_half(i); j != kNone) return mul_both(i, j);
    locked_ |= mask_of(kRax) | mask_of(kRdx);
    if (in.op == Op::MulHiSU) {
        // high(signed x * y) = high(unsigned x * y) - (x < 0 ? y : 0)
        take(kRax);
        take(kRdx);
        const u8 p = use_gpr(x), q = use_gpr(y);
        consume();
        a.mov(gpr(kRax, bits), gpr(p, bits));
        a.mul(gpr(q, bits));
        a.mov(gpr(kRax, bits), gpr(p, bits));
        a.sar(gpr(kRax, bits), bits - 1);
        a.and_(gpr(kRax, bits), gpr(q, bits));
        a.sub(gpr(kRdx, bits), gpr(kRax, bits));
        return defined(i, kRdx);
    }
    take(kRax);
    take(kRdx);
    load_gpr(kRax, x);
    const Operand src = use_src(y, bits, false);
    consume();
    a.emit(in.op == Op::MulHiS ? HInst::kIdImul : HInst::kIdMul, gpr(kRdx, bits), gpr(kRax, bits), src);
    defined(i, kRdx);
}

// Division with zero and overflow as the instruction wants; both checks jump over the division.
void Lowering::divide(u32 i) {
    const Inst& in = inst(i);
    const unsigned bits = op_bits(in.type);
    const Value x = arg(in, 0), y = arg(in, 1);
    const bool is_signed = in.op == Op::DivS || in.op == Op::RemS;
    const bool rem = in.op == Op::RemS || in.op == Op::RemU;
    const bool arm = static_cast<ir::DivSem>(in.aux) == ir::DivSem::Arm;
    locked_ |= mask_of(kRax) | mask_of(kRdx);
    take(kRax);
    take(kRdx);
    const u8 d = use_gpr(y, mask_of(kRax) | mask_of(kRdx));
    load_gpr(kRax, x);
    consume();
    const bool known = is_const(y);
    const u64 c = known ? vm::zext(const_value(y), bits) : 0;
    u32 not_zero = 0, done = 0, ordinary = 0, done2 = 0;
    if (!known || c == 0) {
        a.test(gpr(d, bits), gpr(d, bits));
        not_zero = a.jcc_short(Cc::Ne);
        if (rem) {
            a.mov(gpr(kRdx, bits), gpr(kRax, bits));
        } else if (arm) {
            a.xor_(x86::eax, x86::eax);
        } else {
            a.or_(gpr(kRax, bits), -1);
        }
        done = a.jmp_short();
        a.land(not_zero);
    }
    if (is_signed && (!known || c == vm::zext(~u64{0}, bits))) {
        // x / -1 = -x, also for the smallest x; remainder 0
        a.cmp(gpr(d, bits), -1);
        ordinary = a.jcc_short(Cc::Ne);
        rem ? a.xor_(x86::edx, x86::edx) : a.neg(gpr(kRax, bits));
        done2 = a.jmp_short();
        a.land(ordinary);
    }
    divide_emit(d, bits, is_signed);
    if (done) a.land(done);
    if (done2) a.land(done2);
    defined(i, rem ? kRdx : kRax);
}

// 64-bit division of small unsigned numbers is much faster as a 32-bit one on many hosts.
void Lowering::divide_emit(u8 d, unsigned bits, bool is_signed) {
    if (!is_signed) {
        a.xor_(x86::edx, x86::edx);
        a.div(gpr(kRdx, bits), gpr(kRax, bits), gpr(d, bits));
    } else {
        bits == 64 ? a.cqo(x86::rdx, x86::rax) : a.cdq(x86::edx, x86::eax);
        a.idiv(gpr(kRdx, bits), gpr(kRax, bits), gpr(d, bits));
    }
}

}  // namespace vm::backend::x86_64
