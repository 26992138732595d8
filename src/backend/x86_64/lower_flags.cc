// Flags of arithmetic: a word with N in bit 15, Z 14, C 8, V 0, as LAHF and SETO AL make it, in a register or
// in the home of its slot. Bits in between, and above 15, mean nothing.
//
// An addition, subtraction or conjunction whose flags the block wants too is one host instruction for both. A
// test of flags that nobody else looks at becomes the comparison itself; any other test looks at the word.
#include <algorithm>

#include "backend/x86_64/lowering.h"
#include "ir/eval.h"

namespace vm::backend::x86_64 {

using ir::FlagCond;

namespace {
/// IR instructions between a value and its flags.
constexpr u32 kPairDistance = 8;

constexpr u32 kWordN = 1u << 15, kWordZ = 1u << 14, kWordC = 1u << 8, kWordV = 1u << 0;
constexpr u32 kWordBits = kWordN | kWordZ | kWordC | kWordV;

/// The host condition for `c` after an instruction whose carry is C (or, `inverted`, its opposite).
Cc host_flag_cond(FlagCond c, bool inverted) {
    switch (c) {
        case FlagCond::Eq: return Cc::E;
        case FlagCond::Ne: return Cc::Ne;
        case FlagCond::Cs: return inverted ? Cc::Ae : Cc::B;
        case FlagCond::Cc: return inverted ? Cc::B : Cc::Ae;
        case FlagCond::Mi: return Cc::S;
        case FlagCond::Pl: return Cc::Ns;
        case FlagCond::Vs: return Cc::O;
        case FlagCond::Vc: return Cc::No;
        case FlagCond::Hi: return Cc::A;   // inverted only
        case FlagCond::Ls: return Cc::Be;  // inverted only
        case FlagCond::Ge: return Cc::Ge;
        case FlagCond::Lt: return Cc::L;
        case FlagCond::Gt: return Cc::G;
        case FlagCond::Le: return Cc::Le;
    }
    return Cc::E;
}

bool is_not_borrow(const Inst& in) { return in.aux == static_cast<u32>(ir::CarrySem::NotBorrow); }
}  // namespace

bool Lowering::lower_flags(u32 i) {
    const Inst& in = inst(i);
    switch (in.op) {
        case Op::FlagsAdd:
        case Op::FlagsSub:
        case Op::FlagsLogic: flags_of(i); return true;
        case Op::FlagsFCmp: flags_fcmp(i); return true;
        case Op::FlagsPack: flags_pack(i); return true;
        case Op::FlagsUnpack: flags_unpack(i); return true;
        case Op::FlagsTest: flags_test(i); return true;
        default: return false;
    }
}

// --- flags of integer operations
bool Lowering::no_carry_in(const Inst& in) const {
    return in.op == Op::FlagsLogic || (is_const(arg(in, 2)) && const_value(arg(in, 2)) == 0);
}

// The host instruction that makes flags `f`, its operands made available; emit_flags() emits it.
Lowering::FlagsOp Lowering::prepare_flags(Value f) {
    const Inst& in = inst(f);
    const unsigned bits = ir::width(arg_type(in, 0));
    const Value x = arg(in, 0);
    FlagsOp o{.inverted = in.op == Op::FlagsSub && is_not_borrow(in)};
    if (in.op == Op::FlagsLogic) return prepare_logic(x, bits);
    const Value y = arg(in, 1);
    if (no_carry_in(in) && in.op == Op::FlagsSub) {
        if (is_const(y) && vm::zext(const_value(y), bits) == 0 && in_gpr(x) != kNoReg) {
            const x86::Gp r = gpr(use_gpr(x), bits);
            o.id = HInst::kIdTest, o.x = r, o.y = r;
            return o;
        }
        o.id = HInst::kIdCmp;
        o.y = use_src(y, bits);
        o.x = o.y.isMem() || is_const(x) ? Operand(gpr(use_gpr(x), bits)) : use_src(x, bits, false);
        return o;
    }
    // These write their first operand.
    o.y = use_src(y, bits);
    if (!no_carry_in(in)) o.carry = carry_in(f, 2);
    const u8 t = alloc_gpr();
    load_gpr(t, x);
    o.x = gpr(t, bits);
    const bool carry = !no_carry_in(in);
    o.id = in.op == Op::FlagsAdd ? (carry ? HInst::kIdAdc : HInst::kIdAdd) : HInst::kIdSbb;
    return o;
}

Lowering::FlagsOp Lowering::prepare_logic(Value x, unsigned bits) {
    FlagsOp o{.id = HInst::kIdTest};
    if (!an_.info[x].deferred) {
        o.x = o.y = gpr(use_gpr(x), bits);
        return o;
    }
    Value p = arg(inst(x), 0), q = arg(inst(x), 1);
    if (is_const(p)) std::swap(p, q);
    o.x = gpr(use_gpr(p), bits);
    o.y = use_src(q, bits);
    if (o.y.isMem()) std::swap(o.x, o.y);
    return o;
}

void Lowering::emit_flags(const FlagsOp& o) {
    set_carry(o.carry);
    a.emit(o.id, o.x, o.y);
}

// Operand k of v, an addend of 0 or 1, made available.
Lowering::CarryIn Lowering::carry_in(Value v, unsigned k) {
    const ValueInfo& info = an_.info[v];
    if (info.carry_arg != k) return {.source = r32(use_gpr(arg(inst(v), k)))};
    const Value flags = info.instead;
    const Operand word = in_gpr(flags) == kNoReg && in_memory(flags) ? Operand(memory_of(flags, 2))
                                                                     : Operand(r32(use_gpr(flags)));
    return {.source = word, .bit = std::countr_zero(kWordC), .inverted = info.carry_inverted};
}

void Lowering::set_carry(const CarryIn& c) {
    if (c.source.isNone()) return;
    a.emit(HInst::kIdBt, c.source, asmjit::Imm(c.bit));
    if (c.inverted) a.cmc();
}

// The host's flags as a word in rax, which take(kRax) has emptied; registers `keep` stay as they are.
void Lowering::flags_to_word(bool inverted, u32 keep) {
    if (inverted) a.cmc();
    if (cpu_.lahf) {
        a.lahf();
        a.seto(x86::al);
        return;
    }
    locked_ = mask_of(kRax) | keep;
    const u8 n = alloc_gpr(), z = alloc_gpr();
    a.sets(r8(n));
    a.sete(r8(z));
    a.seto(x86::al);
    a.setb(x86::ah);
    a.shl(r32(n), 15);
    a.shl(r32(z), 14);
    a.or_(x86::eax, r32(n));
    a.or_(x86::eax, r32(z));
}

void Lowering::flags_of(u32 i) {
    if (const Value v = value_of_flags(i); v != kNone) return arithmetic_with_flags(i, v, i);
    const FlagsOp o = prepare_flags(i);
    consume();
    take(kRax);  // what was there keeps standing in it, too, until the word is made
    emit_flags(o);
    flags_to_word(o.inverted, 0);
    defined(i, kRax);
}

// --- a value and its flags
// An instruction soon after i that can be made together with it and for which `match` holds.
template <class F>
Value Lowering::soon_after(u32 i, F match) const {
    const u32 end = std::min(static_cast<u32>(block_->insts.size()), i + kPairDistance);
    for (u32 j = i + 1; j < end; j++) {
        const Op op = inst(j).op;
        const ValueInfo& v = an_.info[j];
        if (!v.live || v.rep != j) continue;
        if (is_barrier(op) || op == Op::GetState) return kNone;
        if (!v.deferred && !v.made && match(inst(j))) return j;
    }
    return kNone;
}

bool Lowering::same_sum(const Inst& value, const Inst& flags) const {
    const bool right_op = flags.op == Op::FlagsAdd ? value.op == Op::Add : value.op == Op::Sub;
    if (!right_op || flags.op == Op::FlagsLogic || value.type != arg_type(flags, 0) || !no_carry_in(flags))
        return false;
    const Value x = arg(flags, 0), y = arg(flags, 1);
    if (value.op == Op::Add && arg(value, 0) == y && arg(value, 1) == x) return true;
    return arg(value, 0) == x && arg(value, 1) == y;
}

// The sum or difference that is wanted besides flags i.
Value Lowering::value_of_flags(u32 i) const {
    const Inst& in = inst(i);
    if (in.op == Op::FlagsLogic || op_bits(arg_type(in, 0)) != ir::width(arg_type(in, 0))) return kNone;
    return soon_after(i, [&](const Inst& v) { return same_sum(v, in); });
}

// The flags that are wanted besides value i, made with it.
bool Lowering::value_with_flags(u32 i) {
    const Inst& in = inst(i);
    if (!an_.flags || op_bits(in.type) != ir::width(in.type)) return false;
    const bool logic = in.op == Op::And || in.op == Op::AndNot;
    const Value f = soon_after(i, [&](const Inst& v) {
        if (logic) return v.op == Op::FlagsLogic && arg(v, 0) == i;
        return v.type == Type::Flags && (v.op == Op::FlagsAdd || v.op == Op::FlagsSub) && same_sum(in, v);
    });
    if (f == kNone) return false;
    arithmetic_with_flags(i, i, f);
    return true;
}

// Value and flags of x op y; i is the first of the two.
void Lowering::arithmetic_with_flags(u32 i, Value value, Value flags) {
    const Inst& in = inst(value);
    const unsigned bits = op_bits(in.type);
    const Value x = arg(in, 0), y = arg(in, 1);
    bool inverted = inst(flags).op == Op::FlagsSub && is_not_borrow(inst(flags));
    u32 id = in.op == Op::Add ? HInst::kIdAdd : in.op == Op::Sub ? HInst::kIdSub : HInst::kIdAnd;
    count_uses_now(value == i ? flags : value);
    const bool complement = in.op == Op::AndNot;
    Operand src = complement ? Operand(gpr(use_gpr(y), bits)) : use_src(y, bits);
    // Adding the opposite of a constant carries exactly where subtracting it does not borrow.
    if (inverted && src.isImm()) {
        const i64 c = src.as<asmjit::Imm>().value();
        if (c != 0 && fits_signed(-c, 32) && c != vm::sext(u64{1} << (bits - 1), bits)) {
            src = asmjit::Imm(-c);
            id = HInst::kIdAdd;
            inverted = false;
        }
    }
    if (in_gpr(x) == kNoReg && (complement || (uses_left(x) > 1 && x != y))) use_gpr(x);
    const u8 xreg = in_gpr(x);
    if (xreg != kNoReg) locked_ |= mask_of(xreg);
    consume();
    const u8 yreg = src.isReg() ? static_cast<u8>(src.id()) : kNoReg;
    const bool same = yreg != kNoReg && yreg == xreg;
    const u8 d = define_gpr(value, mask_of(xreg),
                            mask_of(kRax) | (complement ? mask_of(xreg)
                                             : same     ? 0
                                                        : mask_of(yreg)));
    locked_ |= mask_of(d);
    const u8 first = complement ? yreg : xreg;
    if (first == kNoReg) {
        load_gpr(d, x);
    } else if (d != first && !(complement && cpu_.bmi1)) {
        a.mov(gpr(d, bits), gpr(first, bits));
    }
    take(kRax);
    if (complement && cpu_.bmi1) {
        a.andn(gpr(d, bits), gpr(yreg, bits), gpr(xreg, bits));
    } else if (complement) {
        a.not_(gpr(d, bits));
        a.and_(gpr(d, bits), gpr(xreg, bits));
    } else {
        a.emit(id, gpr(d, bits), same ? gpr(d, bits) : src);
    }
    flags_to_word(inverted, mask_of(d));
    defined(value, d);
    defined(flags, kRax);
}

// A sum or difference one of whose operands is the C of flags: with the carry of the host, and together with
// the flags of the same sum. Mostly it is (x + y) + C, the inner sum left to us; else the other operand is x,
// and y 0.
bool Lowering::sum_with_carry(u32 i) {
    const Inst& in = inst(i);
    const ValueInfo& info = an_.info[i];
    if (info.carry_arg == kNoReg) return false;
    const unsigned bits = op_bits(in.type);
    const Value rest = arg(in, 1u - info.carry_arg);
    const bool both = an_.info[rest].deferred;
    const Value x = both ? arg(inst(rest), 0) : rest, y = both ? arg(inst(rest), 1) : kNone;
    const Value f = soon_after(i, [&](const Inst& v) { return same_sum_with_carry(i, x, y, v); });
    if (f != kNone) count_uses_now(f);
    const Operand src = both ? use_src(y, bits) : Operand(asmjit::Imm(0));
    CarryIn c = carry_in(i, info.carry_arg);
    if (in_gpr(x) == kNoReg && !is_const(x) && uses_left(x) > 1 && x != y) use_gpr(x);
    const u8 xreg = in_gpr(x);
    if (xreg != kNoReg) locked_ |= mask_of(xreg);
    consume();
    if (f != kNone && c.source.isReg() && all_scratch_locked(mask_of(kRax)) &&
        (xreg == kNoReg || uses_left(x) > 0)) {  // no register for the sum: the old flags wait in memory
        x86::Mem word = wide_mem(0);
        word.setSize(2);
        a.mov(word, r16(c.source.id()));
        locked_ &= ~mask_of(c.source.id());
        c.source = word;
    }
    const u32 read = (src.isReg() ? mask_of(src.id()) : 0) | (c.source.isReg() ? mask_of(c.source.id()) : 0);
    const u8 d = define_gpr(i, mask_of(xreg), (f != kNone ? mask_of(kRax) : 0) | (read & ~mask_of(xreg)));
    locked_ |= mask_of(d);
    if (xreg == kNoReg) {
        load_gpr(d, x);
    } else if (d != xreg) {
        a.mov(gpr(d, bits), gpr(xreg, bits));
    }
    if (f != kNone) take(kRax);
    set_carry(c);
    a.emit(in.op == Op::Add ? HInst::kIdAdc : HInst::kIdSbb, gpr(d, bits),
           src.isReg() && src.id() == xreg ? Operand(gpr(d, bits)) : src);
    if (f != kNone) {
        flags_to_word(inst(f).op == Op::FlagsSub && is_not_borrow(inst(f)), mask_of(d));
        defined(f, kRax);
    }
    defined(i, d);
    return true;
}

bool Lowering::all_scratch_locked(u32 more) const {
    for (const u8 r : kScratchInt)
        if (!((locked_ | more) & mask_of(r))) return false;
    return true;
}

// Whether `flags` are those of sum i, which is x and y (kNone: 0) with a carry.
bool Lowering::same_sum_with_carry(u32 i, Value x, Value y, const Inst& flags) const {
    const Op wanted = inst(i).op == Op::Add ? Op::FlagsAdd : Op::FlagsSub;
    if (flags.op != wanted || arg_type(flags, 0) != inst(i).type) return false;
    const ValueInfo& sum = an_.info[i];
    const ValueInfo& other = an_.info[static_cast<u32>(&flags - block_->insts.data())];
    if (other.instead != sum.instead || other.carry_inverted != sum.carry_inverted) return false;
    const Value p = arg(flags, 0), q = arg(flags, 1);
    if (y == kNone) return p == x && is_const(q) && const_value(q) == 0;
    return (p == x && q == y) || (wanted == Op::FlagsAdd && p == y && q == x);
}

// Instruction j is made now: what it reads is read.
void Lowering::count_uses_now(Value j) {
    const Inst& in = inst(j);
    ValueInfo& info = an_.info[j];
    info.made = true;
    for (unsigned k = 0; k < ir::arg_count(in.op); k++)
        an_.info[k == info.carry_arg ? info.instead : arg(in, k)].uses--;
}

// Instruction i was made together with an earlier one.
void Lowering::skip_made(u32 i) {
    begin_inst(i);
    consumed_ = true;
    for (unsigned k = 0; k < cur_count_; k++) an_.info[cur_uses_[k].value].next = cur_uses_[k].next;
}

// --- flags of floating-point comparisons
// After cmc the comparison leaves in AH 0x02 for less, 0x43 for equal, 0x03 for greater and 0x46 for
// unordered, and setp makes AL 1 for the last. The product has the four words of FlagsFCmp in bits 15, 14, 8
// and 0.
void Lowering::flags_fcmp(u32 i) {
    constexpr u32 kToWord = 0xab59;
    const Inst& in = inst(i);
    if (!native_fcmp(in)) return wide_helper(i);
    const FcmpOp o = prepare_fcmp(in, false);
    consume();
    if (uses_left(i) == 0) return emit_fcmp(o);  // for its exceptions
    take(kRax);
    emit_fcmp(o);
    if (cpu_.lahf) {
        a.cmc();
        a.lahf();
        a.setp(x86::al);
        a.imul(x86::eax, x86::eax, kToWord);
    } else {
        fcmp_to_word();
    }
    defined(i, kRax);
}

// The same without lahf.
void Lowering::fcmp_to_word() {
    const u8 t = alloc_gpr();
    a.setp(x86::al);
    a.setb(x86::ah);
    a.sete(r8(t));
    a.xor_(x86::ah, x86::al);  // carry, zero and parity are set for unordered
    a.xor_(r8(t), x86::al);
    a.shl(r32(t), 14);
    a.movzx(x86::eax, x86::ax);
    a.or_(r32(t), x86::eax);  // Z in bit 14, `less` in bit 8, V in bit 0
    a.and_(x86::eax, 0x100);
    a.shl(x86::eax, 7);
    a.or_(x86::eax, r32(t));
    a.xor_(x86::eax, 0x100);
}

// --- words
// The four bits, shifted down, times this: at 12..15, 7..10 and 0..3.
void Lowering::flags_pack(u32 i) {
    constexpr u32 kSpread = 1u << 12 | 1u << 7 | 1;
    const Value x = arg(inst(i), 0);
    if (is_const(x)) return consume();  // made where it is used, by load_gpr()
    const u8 s = use_gpr(x);
    consume();
    const u8 d = define_gpr(i, mask_of(s));
    if (d != s) a.mov(r32(d), r32(s));
    a.shr(r32(d), 28);
    a.imul(r32(d), r32(d), kSpread);
    defined(i, d);
}

bool Lowering::is_const_flags(Value v) const {
    return inst(v).op == Op::FlagsPack && is_const(arg(inst(v), 0));
}
u64 Lowering::const_flags(Value v) const {
    return ir::Nzcv{static_cast<u8>(vm::zext(const_value(arg(inst(v), 0)), 32) >> 28)}.word();
}

// Times 1 + 2^5 + 2^12 bits 15, 14, 8 and 0 stand at 15..12; shifted up by 16 as well, nothing else is above
// bit 27.
void Lowering::flags_unpack(u32 i) {
    constexpr u32 kGather = (1u << 12 | 1u << 5 | 1) << 16;
    const u8 s = use_gpr(arg(inst(i), 0));
    consume();
    const u8 d = define_gpr(i, mask_of(s));
    if (d != s) a.mov(r32(d), r32(s));
    a.and_(r32(d), kWordBits);
    a.imul(r32(d), r32(d), kGather);
    a.and_(r32(d), static_cast<i32>(0xf0000000));
    defined(i, d);
}

// --- tests
void Lowering::flags_test(u32 i) {
    u32 start = 0;
    const Cc c = flags_condition(i, &start);
    consume();
    const u8 d = define_gpr(i);
    a.setcc(c, r8(d));
    a.movzx(r32(d), r8(d));
    defined(i, d);
}

Cc Lowering::flags_condition(Value cond, u32* start) {
    const Inst& in = inst(cond);
    const auto c = static_cast<FlagCond>(in.aux);
    const Value f = arg(in, 0);
    if (!an_.info[f].deferred) return word_condition(c, f, start);
    if (inst(f).op == Op::FlagsFCmp) return fcmp_flag_condition(c, f, start);
    FlagsOp o = prepare_flags(f);
    *start = a.pos();
    emit_flags(o);
    if (!o.inverted && (c == FlagCond::Hi || c == FlagCond::Ls)) {
        a.cmc();
        o.inverted = true;
    }
    return host_flag_cond(c, o.inverted);
}

// One bit of a word: in its byte, in a register or in memory.
void Lowering::test_word_bit(Value f, u32 bit) {
    const bool high = bit > 0xff;
    const i32 imm = static_cast<i32>(high ? bit >> 8 : bit);
    if (in_gpr(f) == kNoReg && in_memory(f)) {
        x86::Mem m = memory_of(f, 1);
        m.addOffset(high);
        a.test(m, imm);
        return;
    }
    const u8 r = use_gpr(f);
    if (!high) {
        a.test(r8(r), imm);
    } else if (r <= kRbx) {
        a.test(x86::gpb_hi(r), imm);
    } else {
        a.test(r32(r), static_cast<i32>(bit));
    }
}

Cc Lowering::word_condition(FlagCond c, Value f, u32* start) {
    *start = a.pos();
    const auto single = [&](u32 bit, Cc cc) {
        if (in_gpr(f) == kNoReg && !in_memory(f)) use_gpr(f);
        *start = a.pos();
        test_word_bit(f, bit);
        return cc;
    };
    switch (c) {
        case FlagCond::Eq: return single(kWordZ, Cc::Ne);
        case FlagCond::Ne: return single(kWordZ, Cc::E);
        case FlagCond::Cs: return single(kWordC, Cc::Ne);
        case FlagCond::Cc: return single(kWordC, Cc::E);
        case FlagCond::Mi: return single(kWordN, Cc::Ne);
        case FlagCond::Pl: return single(kWordN, Cc::E);
        case FlagCond::Vs: return single(kWordV, Cc::Ne);
        case FlagCond::Vc: return single(kWordV, Cc::E);
        default: break;
    }
    const u8 w = use_gpr(f);
    const u8 t = alloc_gpr();
    *start = a.pos();
    if (c == FlagCond::Hi || c == FlagCond::Ls) {  // C and not Z
        a.mov(r32(t), r32(w));
        a.and_(r32(t), kWordZ | kWordC);
        a.cmp(r32(t), kWordC);
        return c == FlagCond::Hi ? Cc::E : Cc::Ne;
    }
    // V added to N: bit 15 is N != V, bit 14 still Z.
    const bool with_zero = c == FlagCond::Gt || c == FlagCond::Le;
    a.imul(r32(t), r32(w), 1u << 15 | 1);
    a.test(r32(t), with_zero ? kWordN | kWordZ : kWordN);
    return c == FlagCond::Ge || c == FlagCond::Gt ? Cc::E : Cc::Ne;
}

}  // namespace vm::backend::x86_64
