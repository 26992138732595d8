// Scalar floating point with the host's SSE/AVX. MXCSR is the guest's, so rounding and sticky flags need no
// code.
//
// RISC-V's NaN rule (every NaN result is the canonical one) is kept lazily: results wait in pending_nan_
// until somebody could see them (an exit, a store, a move to integer registers …); then one unordered compare
// tests two of them, and the cold path repairs all. A result that went into a later one needs no test of its
// own: NaN goes through arithmetic.
//
// F32 values of a block that boxes any are boxed in their registers at all times; scalar instructions keep
// the upper bits of their first source, so that is mostly free.
#include <algorithm>

#include "backend/x86_64/lowering.h"

namespace vm::backend::x86_64 {

using ir::FpSem;
using ir::Round;

bool Lowering::lower_fp(u32 i) {
    const Inst& in = inst(i);
    const bool fp = ir::effects(in.op) & ir::kEffectFP;
    // Other guests' rules may let the payload of a NaN through.
    if (fp && ir::fp_sem(in.aux) != FpSem::RiscV)
        for (unsigned k = 0; k < ir::info(in.op).nargs; k++) nan_observed(arg(in, k));
    if (fp && in.op >= Op::FAdd && in.op <= Op::FRoundInt && in.op != Op::FCmp && lower_fp_arm(i))
        return true;
    switch (in.op) {
        case Op::FAdd: f_arith(i, 0); return true;
        case Op::FSub: f_arith(i, 1); return true;
        case Op::FMul: f_arith(i, 2); return true;
        case Op::FDiv: f_arith(i, 3); return true;
        case Op::FSqrt: f_sqrt(i); return true;
        case Op::Fma: fma(i); return true;
        case Op::FMinNum:
        case Op::FMin: f_minmax(i, false); return true;
        case Op::FMaxNum:
        case Op::FMax: f_minmax(i, true); return true;
        case Op::FNeg:
        case Op::FAbs:
        case Op::FCopySign: f_sign(i); return true;
        case Op::FCmp: f_cmp(i); return true;
        case Op::FClass: f_class(i); return true;
        case Op::FToIntMod:
        case Op::URecpEst:
        case Op::URsqrtEst: fp_helper(i); return true;
        case Op::FRound: f_round(i); return true;
        case Op::FToInt: f_to_int(i); return true;
        case Op::IntToF: int_to_f(i); return true;
        case Op::FToF: f_to_f(i); return true;
        case Op::NanBox: nan_box16(i); return true;
        case Op::NanUnbox: nan_unbox(i); return true;
        case Op::Bitcast: bitcast(i); return true;
        default: return false;
    }
}

void Lowering::fp_helper(u32 i) {
    const Inst& in = inst(i);
    call_helper(i, HelperId::SoftFp, helper_code(in.op, in.type, arg_type(in, 0), in.aux));
}

// Whether host instructions under the guest's MXCSR do what `in` on type t wants, NaN results aside.
bool Lowering::native_fp(const Inst& in, Type t) const {
    const Round r = ir::fp_round(in.aux);
    return (t == Type::F32 || t == Type::F64) && r == Round::Dyn;
}

void Lowering::xmov(u8 to, const x86::Mem& m, unsigned bytes) {
    if (bytes == 4) {
        cpu_.avx ? a.vmovd(xr(to), m) : a.movd(xr(to), m);
    } else {
        cpu_.avx ? a.vmovq(xr(to), m) : a.movq(xr(to), m);
    }
}

// Upper half of an f32's register becomes all ones.
void Lowering::box(u8 x) {
    if (an_.boxes) fbin(HInst::kIdVorps, HInst::kIdOrps, x, x, constant(Const::BoxMask, 16));
}

// d = x op y; without AVX, d must not be y's register.
void Lowering::fbin(u32 vex, u32 sse, u8 d, u8 x, const Operand& y) {
    if (cpu_.avx) {
        a.emit(vex, xr(d), xr(x), y);
        return;
    }
    if (d != x) a.movaps(xr(d), xr(x));
    a.emit(sse, xr(d), y);
}

// --- NaN results
void Lowering::nan_cover(Value operand, Value root) {
    for (PendingNan& p : pending_nan_)
        if (p.root == operand) p.root = root;
}

// `i` is an arithmetic result: it may be a NaN that is not canonical.
void Lowering::nan_result(u32 i) {
    const Inst& in = inst(i);
    if (ir::fp_sem(in.aux) != FpSem::RiscV) return;
    for (unsigned k = 0; k < ir::info(in.op).nargs; k++) nan_cover(arg(in, k), i);
    pending_nan_.push_back({i, i});
    if (!on(JitOpt::LazyNan)) nan_flush();
}

// Stub numbers for every register that holds a pending value, appended to canon_.
u32 Lowering::collect_pending(u32* n) {
    const u32 first = static_cast<u32>(canon_.size());
    for (const PendingNan& p : pending_nan_) {
        const Stub s = inst(p.value).type == Type::F32 ? Stub::CanonF32 : Stub::CanonF64;
        for (u32 m = loc_[p.value].regs >> 16; m; m &= m - 1)
            canon_.push_back(static_cast<u8>(static_cast<u32>(s) + static_cast<u32>(std::countr_zero(m))));
    }
    *n = static_cast<u32>(canon_.size()) - first;
    return first;
}

void Lowering::nan_flush() {
    if (pending_nan_.empty()) return;
    u32 n = 0;
    const u32 first = collect_pending(&n);
    // What to test: the roots that are still there, else the value itself.
    std::array<u8, kHostRegs> tests[2];
    unsigned count[2] = {0, 0};
    u32 seen = 0;
    for (const PendingNan& p : pending_nan_) {
        if (in_xmm(p.value) == kNoReg) continue;
        const u8 root = in_xmm(p.root);
        const Value tested = root != kNoReg ? p.root : p.value;
        const u8 r = in_xmm(tested);
        if (seen & mask_of(r)) continue;
        seen |= mask_of(r);
        const unsigned t = inst(tested).type == Type::F32;
        tests[t][count[t]++] = r;
    }
    pending_nan_.clear();
    for (unsigned t = 0; t < 2; t++) {
        for (unsigned k = 0; k < count[t]; k += 2) {
            const u8 x = tests[t][k], y = tests[t][k + 1 < count[t] ? k + 1 : k];
            if (t) {
                cpu_.avx ? a.vucomiss(xr(x), xr(y)) : a.ucomiss(xr(x), xr(y));
            } else {
                cpu_.avx ? a.vucomisd(xr(x), xr(y)) : a.ucomisd(xr(x), xr(y));
            }
            cold_jcc(Cc::P, {.kind = ColdKind::CanonNan, .n = static_cast<u8>(n), .imm = first});
        }
    }
    for (u8 r : kPinnedVector) dirty_open_[r] = -1;
}

// Somebody is about to look at the bits of `v`.
void Lowering::nan_observed(Value v) {
    for (const PendingNan& p : pending_nan_)
        if (p.value == v) return nan_flush();
}

// Memory homes must be right at every fault; pinned registers are repaired by fault recovery.
void Lowering::nan_before_state(Value v, bool pinned) {
    if (!pinned) nan_observed(v);
}

// The access emitted since `begin` may fault: tell recovery which pinned registers wait for their NaN test.
void Lowering::nan_mark_dirty(u32 begin) {
    for (const PendingNan& p : pending_nan_) {
        const bool single = inst(p.value).type == Type::F32;
        for (u32 m = loc_[p.value].regs & 0xfff00000; m; m &= m - 1) {
            const u8 r = static_cast<u8>(std::countr_zero(m));
            if (pins_.slot_of[r] < 0) continue;
            if (dirty_open_[r] >= 0) {
                out_->dirty[static_cast<size_t>(dirty_open_[r])].host_end = a.pos();
                continue;
            }
            dirty_open_[r] = static_cast<i32>(out_->dirty.size());
            out_->dirty.push_back({begin, a.pos(), static_cast<u16>(pins_.slot_of[r]),
                                   static_cast<u8>(r | (single ? kDirtyCanonF32 : kDirtyCanonF64))});
        }
    }
}

// --- arithmetic
void Lowering::f_arith(u32 i, u32 k) {
    static constexpr u32 kVex[2][4] = {
        {HInst::kIdVaddsd, HInst::kIdVsubsd, HInst::kIdVmulsd, HInst::kIdVdivsd},
        {HInst::kIdVaddss, HInst::kIdVsubss, HInst::kIdVmulss, HInst::kIdVdivss}};
    static constexpr u32 kSse[2][4] = {{HInst::kIdAddsd, HInst::kIdSubsd, HInst::kIdMulsd, HInst::kIdDivsd},
                                       {HInst::kIdAddss, HInst::kIdSubss, HInst::kIdMulss, HInst::kIdDivss}};
    const Inst& in = inst(i);
    if (!native_fp(in, in.type)) return fp_helper(i);
    const bool single = in.type == Type::F32;
    const u8 x = use_xmm(arg(in, 0));
    const Operand y = use_xsrc(arg(in, 1), single ? 4 : 8);
    consume();
    const u8 yreg = y.isReg() ? static_cast<u8>(y.id() + kXmm0) : kNoReg;
    const u8 d =
        define_xmm(i, mask_of(x) | (cpu_.avx ? mask_of(yreg) : 0), cpu_.avx || yreg == x ? 0 : mask_of(yreg));
    fbin(kVex[single][k], kSse[single][k], d, x, y);
    defined(i, d);
    nan_result(i);
}

void Lowering::f_sqrt(u32 i) {
    const Inst& in = inst(i);
    if (!native_fp(in, in.type)) return fp_helper(i);
    const bool single = in.type == Type::F32;
    const u8 x = use_xmm(arg(in, 0));
    consume();
    const u8 d = define_xmm(i, mask_of(x));
    if (cpu_.avx) {
        a.emit(single ? HInst::kIdVsqrtss : HInst::kIdVsqrtsd, xr(d), xr(x), xr(x));
    } else {
        if (d != x) a.movaps(xr(d), xr(x));
        a.emit(single ? HInst::kIdSqrtss : HInst::kIdSqrtsd, xr(d), xr(d));
    }
    defined(i, d);
    nan_result(i);
}

// The NaN test comes at once: infinity times zero plus a quiet NaN is invalid for RISC-V but not for the
// host, and the cold path wants the factors for that.
void Lowering::fma(u32 i) {
    const Inst& in = inst(i);
    if (!native_fp(in, in.type) || !cpu_.fma || ir::fp_sem(in.aux) != FpSem::RiscV) return fp_helper(i);
    const bool single = in.type == Type::F32;
    static constexpr u32 kIds[2][4] = {
        {HInst::kIdVfmadd231sd, HInst::kIdVfnmadd231sd, HInst::kIdVfmsub231sd, HInst::kIdVfnmsub231sd},
        {HInst::kIdVfmadd231ss, HInst::kIdVfnmadd231ss, HInst::kIdVfmsub231ss, HInst::kIdVfnmsub231ss}};
    const unsigned form = (in.aux & ir::kFmaNegProduct ? 1 : 0) | (in.aux & ir::kFmaNegAddend ? 2 : 0);
    const u8 x = use_xmm(arg(in, 0)), y = use_xmm(arg(in, 1)), z = use_xmm(arg(in, 2));
    consume();
    const u8 d = define_xmm(i, mask_of(z), mask_of(x) | mask_of(y));
    copy(d, z);
    a.emit(kIds[single][form], xr(d), xr(x), xr(y));
    defined(i, d);
    for (unsigned k = 0; k < 3; k++) nan_cover(arg(in, k), i);
    single ? a.vucomiss(xr(d), xr(d)) : a.vucomisd(xr(d), xr(d));
    // Values that this test covers are repaired with it and need no other.
    Cold cold{.kind = ColdKind::FmaNan, .r = {d, x, y, single}, .imm = canon_.size()};
    std::vector<PendingNan> rest;
    for (const PendingNan& p : pending_nan_) {
        if (p.root != i) {
            rest.push_back(p);
            continue;
        }
        const Stub s = inst(p.value).type == Type::F32 ? Stub::CanonF32 : Stub::CanonF64;
        for (u32 m = loc_[p.value].regs >> 16; m; m &= m - 1)
            canon_.push_back(static_cast<u8>(static_cast<u32>(s) + static_cast<u32>(std::countr_zero(m))));
    }
    if (rest.size() != pending_nan_.size()) pending_nan_.swap(rest);
    cold.n = static_cast<u8>(canon_.size() - cold.imm);
    cold_jcc(Cc::P, cold);
}

// minsd does what is wanted unless the operands are equal (zeros) or unordered: ucomisd sets ZF for both.
void Lowering::f_minmax(u32 i, bool max) {
    const Inst& in = inst(i);
    const bool single = in.type == Type::F32;
    if ((in.type != Type::F32 && in.type != Type::F64) || ir::fp_sem(in.aux) != FpSem::RiscV)
        return fp_helper(i);
    const bool number = in.op == Op::FMinNum || in.op == Op::FMaxNum;
    const u8 x = use_xmm(arg(in, 0)), y = use_xmm(arg(in, 1));
    consume();
    const u8 d = define_xmm(i, mask_of(x), mask_of(y));
    if (single) {
        cpu_.avx ? a.vucomiss(xr(x), xr(y)) : a.ucomiss(xr(x), xr(y));
    } else {
        cpu_.avx ? a.vucomisd(xr(x), xr(y)) : a.ucomisd(xr(x), xr(y));
    }
    cold_jcc(Cc::E, {.kind = ColdKind::MinMax, .r = {d, x, y, single, static_cast<u8>(max | number << 1)}});
    const u32 vex =
        single ? (max ? HInst::kIdVmaxss : HInst::kIdVminss) : (max ? HInst::kIdVmaxsd : HInst::kIdVminsd);
    const u32 sse =
        single ? (max ? HInst::kIdMaxss : HInst::kIdMinss) : (max ? HInst::kIdMaxsd : HInst::kIdMinsd);
    fbin(vex, sse, d, x, xr(y));
    cold_.back().back = a.pos();
    defined(i, d);
}

void Lowering::f_sign(u32 i) {
    const Inst& in = inst(i);
    if (in.type == Type::F16) return in.op == Op::FCopySign ? fp_helper(i) : f_sign_half(i);
    for (unsigned k = 0; k < ir::info(in.op).nargs; k++) nan_observed(arg(in, k));
    const bool single = in.type == Type::F32;
    const x86::Mem sign = constant(single ? Const::SignF32 : Const::SignF64, 16);
    const x86::Mem rest = constant(single ? Const::AbsF32 : Const::AbsF64, 16);
    const u8 x = use_xmm(arg(in, 0));
    if (in.op == Op::FCopySign) {
        const u8 y = use_xmm(arg(in, 1));
        consume();
        const u8 t = alloc_xmm();
        fbin(HInst::kIdVandps, HInst::kIdAndps, t, y, sign);
        const u8 d = define_xmm(i, mask_of(x));
        fbin(HInst::kIdVandps, HInst::kIdAndps, d, x, rest);
        fbin(HInst::kIdVorps, HInst::kIdOrps, d, d, xr(t));
        return defined(i, d);
    }
    consume();
    const u8 d = define_xmm(i, mask_of(x));
    if (in.op == Op::FNeg) {
        fbin(HInst::kIdVxorps, HInst::kIdXorps, d, x, sign);
    } else {
        fbin(HInst::kIdVandps, HInst::kIdAndps, d, x, rest);
    }
    set_zero_from(i, zero_from(arg(in, 0)));
    defined(i, d);
}

void Lowering::f_round(u32 i) {
    const Inst& in = inst(i);
    const Round r = ir::fp_round(in.aux);
    const bool single = in.type == Type::F32;
    if ((!single && in.type != Type::F64) || r == Round::Rmm || !cpu_.sse41) return fp_helper(i);
    constexpr u32 kRc[] = {0, 3, 1, 2};
    const u32 imm = (r == Round::Dyn ? 4 : kRc[static_cast<u8>(r)]) | (in.aux & ir::kFpExact ? 0 : 8);
    const u8 x = use_xmm(arg(in, 0));
    consume();
    const u8 d = define_xmm(i, mask_of(x));
    if (cpu_.avx) {
        a.emit(single ? HInst::kIdVroundss : HInst::kIdVroundsd, xr(d), xr(x), xr(x), asmjit::Imm(imm));
    } else {
        if (d != x) a.movaps(xr(d), xr(x));
        a.emit(single ? HInst::kIdRoundss : HInst::kIdRoundsd, xr(d), xr(d), asmjit::Imm(imm));
    }
    defined(i, d);
    nan_result(i);
}

// --- conversions
// Signed: the host's "integer indefinite" is the smallest integer; subtracting 1 from it overflows. Unsigned:
// what is not below 2^32 or 2^63 by its exponent goes to the cold path before anything could raise a flag.
// Doubled, the number is without its sign, and three comparisons tell zero, subnormal, normal and infinity
// apart: 0 to 3, plus
// 4. With the sign the order is the other way round. NaN: 8, or 9 if quiet.
void Lowering::f_class(u32 i) {
    const Inst& in = inst(i);
    const bool single = arg_type(in, 0) == Type::F32;
    if (arg_type(in, 0) == Type::F16) return fp_helper(i);
    const unsigned bits = single ? 32 : 64, fraction = single ? 24 : 53;  // of the doubled number
    const u64 infinity = vm::zext(~u64{0} << fraction, bits);
    const u8 x = alloc_gpr();
    load_gpr(x, arg(in, 0));
    consume();
    const u8 d = define_gpr(i), t = alloc_gpr(), limit = alloc_gpr();
    const auto count_if_at_least = [&](u64 bound) {
        load_const(limit, bound);
        a.cmp(gpr(t, bits), gpr(limit, bits));
        a.sbb(r32(d), -1);
    };
    a.lea(gpr(t, bits), x86::ptr(r64(x), r64(x)));
    a.mov(r32(d), 4);
    a.cmp(gpr(t, bits), 1);
    a.sbb(r32(d), -1);
    count_if_at_least(u64{1} << fraction);
    count_if_at_least(infinity);
    a.cmp(gpr(t, bits), gpr(limit, bits));
    const u32 number = a.jcc_short(Cc::Be);
    a.mov(r32(d), 8);
    count_if_at_least(infinity | u64{1} << (fraction - 1));
    const u32 nan = a.jmp_short();
    a.land(number);
    a.sar(gpr(x, bits), bits - 1);
    a.and_(r32(x), 7);
    a.xor_(r32(d), r32(x));
    a.land(nan);
    a.xor_(r32(t), r32(t));
    a.bts(r64(t), r64(d));
    a.mov(r64(d), r64(t));
    defined(i, d);
}

void Lowering::f_to_int(u32 i) {
    const Inst& in = inst(i);
    const Type from = arg_type(in, 0);
    const Round r = ir::fp_round(in.aux);
    const bool single = from == Type::F32, is_unsigned = in.aux & ir::kFpUnsigned,
               wide = in.type == Type::I64;
    const bool int_ok = in.type == Type::I32 || wide;
    const bool round_first =
        r != Round::Dyn && r != Round::Rtz && r != Round::Rmm && wide && !is_unsigned && cpu_.sse41;
    const bool native = r == Round::Rtz || (r == Round::Dyn && !is_unsigned) || round_first;
    if (from == Type::F16 || !int_ok || !native || ir::fp_sem(in.aux) != FpSem::RiscV) return fp_helper(i);
    u8 x = use_xmm(arg(in, 0));
    consume();
    const u8 d = define_gpr(i);
    const u8 t = alloc_xmm();
    const u32 cvtt = single ? (cpu_.avx ? HInst::kIdVcvttss2si : HInst::kIdCvttss2si)
                            : (cpu_.avx ? HInst::kIdVcvttsd2si : HInst::kIdCvttsd2si);
    const u32 cvt = single ? (cpu_.avx ? HInst::kIdVcvtss2si : HInst::kIdCvtss2si)
                           : (cpu_.avx ? HInst::kIdVcvtsd2si : HInst::kIdCvtsd2si);
    if (round_first) {  // a number too large for i64 is integral, so this raises nothing that it should not
        constexpr u32 kRc[] = {0, 3, 1, 2};
        const asmjit::Imm imm(kRc[static_cast<u8>(r)]);
        if (cpu_.avx) {
            a.emit(single ? HInst::kIdVroundss : HInst::kIdVroundsd, xr(t), xr(x), xr(x), imm);
        } else {
            a.movaps(xr(t), xr(x));
            a.emit(single ? HInst::kIdRoundss : HInst::kIdRoundsd, xr(t), xr(t), imm);
        }
        x = t;
    }
    Cold cold{.kind = ColdKind::FToInt, .r = {d, x, t, single, static_cast<u8>(wide | is_unsigned << 1)}};
    if (!is_unsigned) {
        a.emit(r == Round::Dyn ? cvt : cvtt, gpr(d, wide ? 64 : 32), xr(x));
        a.cmp(gpr(d, wide ? 64 : 32), 1);
        cold_jcc(Cc::O, cold);
    } else {
        if (single) {
            cpu_.avx ? a.vmovd(r32(d), xr(x)) : a.movd(r32(d), xr(x));
            a.shr(r32(d), 23);
            a.cmp(r32(d), 127 + (wide ? 63 : 32));
        } else {
            cpu_.avx ? a.vmovq(r64(d), xr(x)) : a.movq(r64(d), xr(x));
            a.shr(r64(d), 52);
            a.cmp(r32(d), 1023 + (wide ? 63 : 32));
        }
        cold_jcc(Cc::Ae, cold);
        a.emit(cvtt, r64(d), xr(x));
        cold_.back().back = a.pos();
    }
    defined(i, d);
}

void Lowering::int_to_f(u32 i) {
    const Inst& in = inst(i);
    const Type from = arg_type(in, 0);
    const bool single = in.type == Type::F32, is_unsigned = in.aux & ir::kFpUnsigned,
               wide = from == Type::I64;
    const bool exact = from == Type::I32 && in.type == Type::F64;
    const Round round = exact ? Round::Dyn : ir::fp_round(in.aux);
    const bool fixed = round != Round::Dyn;
    if ((!single && in.type != Type::F64) || (from != Type::I32 && !wide) || round == Round::Rmm ||
        (fixed && is_unsigned && wide))
        return fp_helper(i);
    const u8 x = use_gpr(arg(in, 0));
    const u8 t = fixed ? alloc_gpr() : kNoReg;
    u8 source = x;
    if (is_unsigned) {
        source = alloc_gpr();
        a.mov(gpr(source, wide ? 64 : 32), gpr(x, wide ? 64 : 32));
    }
    consume();
    const u8 d = define_xmm(i);
    // Breaks the dependency on what d held, and boxes an f32.
    if (single && an_.boxes) {
        cpu_.avx ? a.vpcmpeqd(xr(d), xr(d), xr(d)) : a.pcmpeqd(xr(d), xr(d));
    } else {
        cpu_.avx ? a.vxorps(xr(d), xr(d), xr(d)) : a.xorps(xr(d), xr(d));
    }
    if (is_unsigned && wide) {
        a.test(r64(source), r64(source));
        cold_jcc(Cc::S, {.kind = ColdKind::U64ToF, .r = {d, source, 0, single}});
    }
    const unsigned bits = wide || is_unsigned ? 64 : 32;
    if (fixed) {
        // A number that the fraction holds converts exactly, whatever the rounding.
        bits == 64 ? a.mov(r64(t), r64(source)) : a.movsxd(r64(t), r32(source));
        a.sar(r64(t), single ? 24 : 53);
        a.inc(r64(t));
        a.cmp(r64(t), 1);
        cold_jcc(Cc::A, {.kind = ColdKind::IntToF,
                         .n = static_cast<u8>(bits),
                         .r = {d, source, t, single, static_cast<u8>(round)}});
    }
    convert_int(d, gpr(source, bits), single);
    if (fixed || (is_unsigned && wide)) cold_.back().back = a.pos();
    if (const unsigned fraction = ir::fp_fraction_bits(in.aux); fraction != 0)
        scale(d, single, -static_cast<int>(fraction));
    if (!single || !an_.boxes) set_zero_from(i, single ? 32 : 64);
    defined(i, d);
}

void Lowering::convert_int(u8 d, const x86::Gp& source, bool single) {
    if (cpu_.avx) {
        a.emit(single ? HInst::kIdVcvtsi2ss : HInst::kIdVcvtsi2sd, xr(d), xr(d), source);
    } else {
        a.emit(single ? HInst::kIdCvtsi2ss : HInst::kIdCvtsi2sd, xr(d), source);
    }
}

void Lowering::f_to_f(u32 i) {
    const Inst& in = inst(i);
    const Type from = arg_type(in, 0);
    const bool widen = from == Type::F32 && in.type == Type::F64;
    const bool narrow = from == Type::F64 && in.type == Type::F32;
    if ((!widen && !narrow) || (narrow && ir::fp_round(in.aux) != Round::Dyn)) return fp_helper(i);
    const u8 x = use_xmm(arg(in, 0));
    consume();
    const u8 d = define_xmm(i, mask_of(x));
    if (cpu_.avx) {
        a.emit(widen ? HInst::kIdVcvtss2sd : HInst::kIdVcvtsd2ss, xr(d), xr(x), xr(x));
    } else {
        if (d != x) a.movaps(xr(d), xr(x));
        a.emit(widen ? HInst::kIdCvtss2sd : HInst::kIdCvtsd2ss, xr(d), xr(d));
    }
    if (narrow) box(d);
    defined(i, d);
    nan_result(i);
}

// --- boxing and moves
// Only f16 gets here: f32 values are boxed in place.
void Lowering::nan_box16(u32 i) {
    const Inst& in = inst(i);
    const Type from = arg_type(in, 0);
    if (from != Type::F16) return unsupported(in);
    const u8 t = alloc_gpr();
    load_gpr(t, arg(in, 0));
    consume();
    a.or_(r64(t), -65536);
    const u8 d = define_xmm(i);
    cpu_.avx ? a.vmovq(xr(d), r64(t)) : a.movq(xr(d), r64(t));
    defined(i, d);
}

void Lowering::nan_unbox(u32 i) {
    const Inst& in = inst(i);
    const Value x = arg(in, 0);
    nan_observed(x);
    if (in.type == Type::F16) {
        const u8 t = alloc_gpr();
        load_gpr(t, x);
        consume();
        const u8 d = define_gpr(i);
        a.movzx(r32(d), r16(t));
        a.sar(r64(t), 16);
        a.cmp(r64(t), -1);
        const u32 ok = a.jcc_short(Cc::E);
        a.mov(r32(d), 0x7e00);
        a.land(ok);
        return defined(i, d);
    }
    if (in.type != Type::F32) return unsupported(in);
    if (inst(x).type == Type::F32) {  // without fold-state: boxed by its register, if the block boxes at all
        const u8 s = use_xmm(x);
        consume();
        const u8 d = define_xmm(i, mask_of(s));
        copy(d, s);
        return defined(i, d);
    }
    if (in_xmm(x) == kNoReg && in_memory(x) && memory_bytes(x) == 8) {
        x86::Mem high = memory_of(x, 4);
        high.addOffset(4);
        const x86::Mem low = memory_of(x, 8);
        consume();
        const u8 d = define_xmm(i);
        xmov(d, low, 8);
        a.cmp(high, -1);
        cold_jcc(Cc::Ne, {.kind = ColdKind::Unbox, .r = {d}});
        return defined(i, d);
    }
    const u8 s = use_xmm(x);
    consume();
    const u8 d = define_xmm(i, mask_of(s));
    copy(d, s);
    if (cpu_.sse41) {
        cpu_.avx ? a.vptest(xr(s), constant(Const::BoxMask, 16))
                 : a.ptest(xr(s), constant(Const::BoxMask, 16));
        cold_jcc(Cc::Ae, {.kind = ColdKind::Unbox, .r = {d}});
    } else {
        const u8 t = alloc_gpr();
        a.movq(r64(t), xr(s));
        a.shr(r64(t), 32);
        a.cmp(r32(t), -1);
        cold_jcc(Cc::Ne, {.kind = ColdKind::Unbox, .r = {d}});
    }
    defined(i, d);
}

void Lowering::bitcast(u32 i) {
    const Inst& in = inst(i);
    const Value x = arg(in, 0);
    if (ir::width(in.type) > 64) return lower_wide_bitcast(i);
    if (is_vec(x)) nan_observed(x);
    if (is_vec(i)) {
        const u8 d = define_late_xmm(i, x);
        if (in.type == Type::F32) box(d);
        return defined(i, d);
    }
    // To an integer: low bits of whatever register, or memory, it is in.
    const u8 from = in_gpr(x) == kNoReg ? in_xmm(x) : kNoReg;
    if (from != kNoReg) {
        consume();
        const u8 d = define_gpr(i);
        if (ir::width(in.type) == 64) {
            cpu_.avx ? a.vmovq(r64(d), xr(from)) : a.movq(r64(d), xr(from));
        } else {
            cpu_.avx ? a.vmovd(r32(d), xr(from)) : a.movd(r32(d), xr(from));
        }
        return defined(i, d);
    }
    const u8 t = alloc_gpr();
    load_gpr(t, x);
    consume();
    const u8 d = define_gpr(i, mask_of(t));
    if (d != t) a.mov(r64(d), r64(t));
    defined(i, d);
}

// Register for vector-class `i` filled with the bits of x.
u8 Lowering::define_late_xmm(u32 i, Value x) {
    const u8 from_xmm = in_xmm(x), from_gpr = in_gpr(x);
    if (from_xmm == kNoReg && from_gpr == kNoReg && !in_memory(x)) {  // a constant
        const u8 t = alloc_gpr();
        load_gpr(t, x);
        consume();
        const u8 d = define_xmm(i);
        cpu_.avx ? a.vmovq(xr(d), r64(t)) : a.movq(xr(d), r64(t));
        return d;
    }
    if (from_xmm != kNoReg) locked_ |= mask_of(from_xmm);
    if (from_gpr != kNoReg) locked_ |= mask_of(from_gpr);
    const bool in_mem = from_xmm == kNoReg && from_gpr == kNoReg;
    u8 t = kNoReg;
    if (in_mem && memory_bytes(x) < 8) {
        t = alloc_gpr();
        load_gpr(t, x);
    }
    consume();
    const u8 d = define_xmm(i, mask_of(from_xmm));
    if (from_xmm != kNoReg) {
        copy(d, from_xmm);
    } else if (from_gpr != kNoReg || t != kNoReg) {
        const u8 g = t != kNoReg ? t : from_gpr;
        cpu_.avx ? a.vmovq(xr(d), r64(g)) : a.movq(xr(d), r64(g));
    } else {
        xmov(d, memory_of(x, 8), 8);
    }
    return d;
}

// Both values known to be zero from there on.
unsigned Lowering::zero_from_both(Value y, Value z) const {
    return zero_from(y) != 0 && zero_from(z) != 0 ? std::max(zero_from(y), zero_from(z)) : 0;
}

// By a mask, if a comparison of floats that nobody else wants decides and its mask covers the result.
bool Lowering::select_by_mask(u32 i) {
    constexpr u32 kPredicate[4][2] = {
        {0x00, 0x10}, {0x11, 0x01}, {0x12, 0x02}, {0x03, 0x13}};  // quiet, signaling
    const Inst& in = inst(i);
    Value cond = arg(in, 0), y = arg(in, 1), z = arg(in, 2);
    while (an_.info[cond].deferred && inst(cond).op == Op::Not) {
        cond = arg(inst(cond), 0);
        std::swap(y, z);
    }
    const Inst& cmp = inst(cond);
    if (!cpu_.avx || !an_.info[cond].deferred || cmp.op != Op::FCmp || in.type == Type::V128 ||
        ir::width(in.type) > ir::width(arg_type(cmp, 0)))
        return false;
    const bool single = in.type == Type::F32, single_cmp = arg_type(cmp, 0) == Type::F32;
    const u8 t = alloc_xmm();
    {
        const u8 p = use_xmm(arg(cmp, 0));
        const Operand q = use_xsrc(arg(cmp, 1), single_cmp ? 4 : 8);
        a.emit(single_cmp ? HInst::kIdVcmpss : HInst::kIdVcmpsd, xr(t), xr(p), q,
               asmjit::Imm(kPredicate[cmp.aux & 7][cmp.aux >> 3 & 1]));
        locked_ = mask_of(t);
    }
    const u8 ry = use_xmm(y), rz = use_xmm(z);
    const unsigned zeros = zero_from_both(y, z);
    consume();
    const u8 d = define_xmm(i, mask_of(ry) | mask_of(rz) | mask_of(t));
    a.emit(single ? HInst::kIdVblendvps : HInst::kIdVblendvpd, xr(d), xr(rz), xr(ry), xr(t));
    set_zero_from(i, zeros);
    defined(i, d);
    return true;
}

void Lowering::select_xmm(u32 i) {
    const Inst& in = inst(i);
    const Value y = arg(in, 1), z = arg(in, 2);
    nan_observed(y);
    nan_observed(z);
    if (select_by_mask(i)) return;
    const u8 ty = use_xmm(y);
    const u8 d = alloc_xmm();
    load_xmm(d, z);
    u32 start = 0;
    const Cc c = condition(arg(in, 0), &start);
    consume();
    const u32 skip = a.jcc_short(invert(c));
    copy(d, ty);
    a.land(skip);
    set_zero_from(i, zero_from_both(y, z));
    defined(i, d);
}

}  // namespace vm::backend::x86_64
