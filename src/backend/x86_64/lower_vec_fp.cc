// Vector floating-point arithmetic and comparisons, lanes of 32 and 64 bits. MXCSR is the guest's, as for
// scalars. The host's result is the guest's unless a lane is NaN (which NaN depends on the guest) or, for
// Arm, which judges tininess before it rounds, the smallest normal number: then C++ does the whole operation
// again. What C++ adds to the sticky flags contains what the host has raised.
#include "backend/x86_64/lowering.h"
#include "backend/x86_64/vec_consts.h"

namespace vm::backend::x86_64 {

using ir::FpSem;
using ir::Round;

namespace {

/// Instructions on lanes of f64 and f32.
struct Pair {
    HostOp wide, single;
    const HostOp& of(bool is_single) const { return is_single ? single : wide; }
};
constexpr Pair kAnd{hop::andpd, hop::andps}, kOr{hop::orpd, hop::orps}, kCmp{hop::cmppd, hop::cmpps};
constexpr Pair kGreater{hop::pcmpgtq, hop::pcmpgtd};

/// Predicates of cmpps; those above 7 have VEX forms only.
enum Predicate : u32 { kEq, kLt, kUnordered = 3, kEqOrUnordered = 8 };

x86::Mem abs_mask(bool single) { return constant(single ? Const::AbsF32x4 : Const::AbsF64x2, 16); }
/// One of two neighbouring constants.
x86::Mem by_lane(VecConst single, bool is_single) { return constant(single, is_single ? 0 : 1); }

}  // namespace

Lowering::VecFp Lowering::vec_fp(const Inst& in) const {
    return {in.mtype == Type::F32, ir::fp_sem(in.aux), ir::fp_round(in.aux)};
}

bool Lowering::lower_vec_fp(u32 i) {
    const Inst& in = inst(i);
    if (in.op < Op::VFAdd || in.op > Op::VBfMatMul || (in.aux & ir::kFpFlush)) return false;
    if (in.op == Op::VFmaWide) return vec_fma_wide(i);
    if (lower_vec_fcvt(i)) return true;
    if (in.mtype != Type::F32 && in.mtype != Type::F64) return false;
    switch (in.op) {
        case Op::VFCmp: vec_fcmp(i); return true;
        case Op::VFAdd:
        case Op::VFSub:
        case Op::VFMul:
        case Op::VFDiv: return vec_farith(i);
        case Op::VFSqrt: return vec_fsqrt(i);
        case Op::VFma: return vec_fma(i);
        case Op::VFMin:
        case Op::VFMax:
        case Op::VFMinNum:
        case Op::VFMaxNum: return vec_fminmax(i);
        case Op::VFMulX:
        case Op::VFRecpStep:
        case Op::VFRsqrtStep: return vec_fstep(i);
        default: return false;
    }
}

// Result d of instruction i is right unless a lane is NaN or, if that matters, perhaps was tiny.
void Lowering::vec_fcheck(u32 i, u8 d, bool tiny, const std::array<Operand, 3>& operands) {
    const bool single = inst(i).mtype != Type::F64;
    const HostOp cmp = kCmp.of(single);
    const u8 t = alloc_xmm();
    if (!tiny) {
        v2(cmp, t, d, xr(d), kUnordered);
    } else {
        v2(kAnd.of(single), t, d, abs_mask(single));
        v2(cmp, t, t, by_lane(VecConst::MinNormalF32, single), cpu_.avx ? kEqOrUnordered : kEq);
        if (!cpu_.avx) {
            const u8 u = alloc_xmm();
            v2(cmp, u, d, xr(d), kUnordered);
            v2(hop::orps, t, t, u);
            locked_ &= ~mask_of(u);
        }
    }
    v1(hop::ptest, t, xr(t));
    cold_soft(Cc::Ne, i, d, operands);
    locked_ &= ~mask_of(t);
}

// The same of a sum or a root, the instruction at `at`: if invalid operations trap, no other lane is to be
// done otherwise. A NaN that comes from an operand is the right one.
void Lowering::vec_fnan(u32 i, u8 d, u32 at, const std::array<Operand, 3>& operands) {
    if (!trapping() || ir::fp_sem(inst(i).aux) != FpSem::Arm) return vec_fcheck(i, d, false, operands);
    cold_trap(at, {.kind = ColdKind::VecSoft, .imm = soft_.size()});
    soft_.push_back({&inst(i), d, operands});
}

bool Lowering::vec_farith(u32 i) {
    static constexpr Pair kOps[] = {{hop::addpd, hop::addps},
                                    {hop::subpd, hop::subps},
                                    {hop::mulpd, hop::mulps},
                                    {hop::divpd, hop::divps}};
    const Inst& in = inst(i);
    const VecFp f = vec_fp(in);
    if (f.round != Round::Dyn) return false;
    const HostOp o = kOps[static_cast<unsigned>(in.op) - static_cast<unsigned>(Op::VFAdd)].of(f.single);
    if (f.sem == FpSem::X86) return vec_binary(i, o), true;
    const Operand y = cpu_.avx ? use_vsrc(arg(in, 1)) : use_vmem(arg(in, 1), 3 + scratch_for(arg(in, 0)));
    const u8 x = use_xmm(arg(in, 0));
    consume();
    const u8 d = define_xmm(i, 0, mask_of(x) | mask_of(reg_of(y)));
    locked_ |= mask_of(d);
    const u32 at = a.pos();
    v2(o, d, x, y);
    if (in.op == Op::VFAdd || in.op == Op::VFSub) {
        vec_fnan(i, d, at, {xr(x), y, Operand{}});
    } else {
        vec_fcheck(i, d, f.arm(), {xr(x), y, Operand{}});
    }
    defined(i, d);
    return true;
}

bool Lowering::vec_fsqrt(u32 i) {
    const Inst& in = inst(i);
    const VecFp f = vec_fp(in);
    if (f.round != Round::Dyn) return false;
    const HostOp o = f.single ? hop::sqrtps : hop::sqrtpd;
    if (f.sem == FpSem::X86) return vec_unary(i, o), true;
    const Operand x = use_vsrc(arg(in, 0));
    consume();
    const u8 d = define_xmm(i, 0, mask_of(reg_of(x)));
    locked_ |= mask_of(d);
    const u32 at = a.pos();
    v1(o, d, x);
    vec_fnan(i, d, at, {x, Operand{}, Operand{}});
    defined(i, d);
    return true;
}

bool Lowering::vec_fma(u32 i) {
    static constexpr u32 kIds[2][4] = {
        {HInst::kIdVfmadd231pd, HInst::kIdVfnmadd231pd, HInst::kIdVfmsub231pd, HInst::kIdVfnmsub231pd},
        {HInst::kIdVfmadd231ps, HInst::kIdVfnmadd231ps, HInst::kIdVfmsub231ps, HInst::kIdVfnmsub231ps}};
    const Inst& in = inst(i);
    const VecFp f = vec_fp(in);
    if (f.round != Round::Dyn || !cpu_.fma) return false;
    const unsigned form = (in.aux & ir::kFmaNegProduct ? 1 : 0) | (in.aux & ir::kFmaNegAddend ? 2 : 0);
    const unsigned more = 2 + scratch_for(arg(in, 0));
    const Operand y = use_vmem(arg(in, 1), more), z = use_vmem(arg(in, 2), more);
    const u8 x = use_xmm(arg(in, 0));
    consume();
    const u8 d = define_xmm(i, 0, mask_of(x) | mask_of(reg_of(y)) | mask_of(reg_of(z)));
    locked_ |= mask_of(d);
    vload(d, z);
    a.emit(kIds[f.single][form], xr(d), xr(x), y);
    vec_fcheck(i, d, f.arm(), {xr(x), y, z});
    defined(i, d);
    return true;
}

// Jumps to the cold path if any lanes of x and y are unordered. minps would raise invalid for quiet NaNs.
void Lowering::vec_funordered(u32 i, u8 d, u8 x, u8 y) {
    const u8 t = alloc_xmm();
    v2(kCmp.of(inst(i).mtype == Type::F32), t, x, xr(y), kUnordered);
    v1(hop::ptest, t, xr(t));
    cold_soft(Cc::Ne, i, d, {xr(x), xr(y), Operand{}});
    locked_ &= ~mask_of(t);
}

// minps gives its second operand where the two are equal, zeros of either sign: both orders together give the
// right sign.
bool Lowering::vec_fminmax(u32 i) {
    const Inst& in = inst(i);
    const VecFp f = vec_fp(in);
    const bool max = in.op == Op::VFMax || in.op == Op::VFMaxNum;
    const bool number = in.op == Op::VFMinNum || in.op == Op::VFMaxNum;
    const HostOp o = f.single ? (max ? hop::maxps : hop::minps) : (max ? hop::maxpd : hop::minpd);
    if (f.sem == FpSem::X86) return !number && (vec_binary(i, o), true);
    const u8 x = use_xmm(arg(in, 0)), y = use_xmm(arg(in, 1));
    consume();
    if (number && cpu_.avx512) {  // one quiet NaN gives the other operand
        const u8 d = define_xmm(i, 0, mask_of(x) | mask_of(y));
        locked_ |= mask_of(d);
        a.emit(f.single ? HInst::kIdVrangeps : HInst::kIdVrangepd, xr(d), xr(x), xr(y),
               asmjit::Imm(4 | u32{max}));
        vec_fcheck(i, d, false, {xr(x), xr(y), Operand{}});
        defined(i, d);
        return true;
    }
    const u8 d = define_xmm(i, mask_of(x), cpu_.avx || x == y ? 0 : mask_of(y));
    locked_ |= mask_of(d);
    const u8 t = alloc_xmm();
    locked_ &= ~mask_of(t);
    vec_funordered(i, d, x, y);
    if (cpu_.avx512) {
        a.emit(f.single ? HInst::kIdVrangeps : HInst::kIdVrangepd, xr(d), xr(x), xr(y),
               asmjit::Imm(4 | u32{max}));
    } else {
        v2(o, t, y, x);
        v2(o, d, x, y);
        v2((max ? kAnd : kOr).of(f.single), d, d, t);
    }
    cold_.back().back = a.pos();
    defined(i, d);
    return true;
}

void Lowering::vec_fcmp(u32 i) {
    static constexpr u32 kQuiet[] = {0, 0x11, 0x12, 3}, kSignaling[] = {0x10, 1, 2, 0x13};  // by FpCond
    const Inst& in = inst(i);
    const bool signaling = in.aux & 8;
    const auto c = static_cast<ir::FpCond>(in.aux & 7);
    const HostOp cmp = kCmp.of(in.mtype == Type::F32);
    const u8 x = use_xmm(arg(in, 0));
    if (cpu_.avx) {
        const Operand y = use_vsrc(arg(in, 1));
        consume();
        return vresult(i, cmp, x, y, (signaling ? kSignaling : kQuiet)[static_cast<unsigned>(c)]);
    }
    const Operand y = use_vmem(arg(in, 1), 3);
    consume();
    const u32 predicate = kQuiet[static_cast<unsigned>(c)] & 3;
    const bool less = c == ir::FpCond::Lt || c == ir::FpCond::Le;  // SSE has them signaling, the others quiet
    if (less == signaling) return vresult(i, cmp, x, y, predicate);
    const u8 t = alloc_xmm();
    if (signaling) {
        v2(cmp, t, x, y, kLt);
        return vresult(i, cmp, x, y, predicate);
    }
    const u8 u = alloc_xmm(), v = alloc_xmm();  // zeros instead of what is unordered
    v2(cmp, t, x, y, kUnordered);
    v2(hop::andnps, u, t, xr(x));
    v2(hop::andnps, v, t, y);
    v2(cmp, u, u, xr(v), predicate);
    vresult(i, hop::andnps, t, u);
}

// Products in which zero times infinity is a number: what has an operand that is not finite is left to C++
// before the host could raise invalid.
bool Lowering::vec_fstep(u32 i) {
    const Inst& in = inst(i);
    const VecFp f = vec_fp(in);
    const bool rsqrt = in.op == Op::VFRsqrtStep, product = in.op == Op::VFMulX;
    if (f.round != Round::Dyn || !f.arm() || !(product || cpu_.fma)) return false;
    const Operand y = use_vmem(arg(in, 1), 3 + scratch_for(arg(in, 0)));
    const u8 x = use_xmm(arg(in, 0));
    consume();
    const u8 d = define_xmm(i, 0, mask_of(x) | mask_of(reg_of(y)));
    locked_ |= mask_of(d);
    const u8 t = alloc_xmm(), u = alloc_xmm();
    const HostOp greater = kGreater.of(f.single), both = kAnd.of(f.single);
    v2(both, t, x, abs_mask(f.single));
    if (rsqrt) {  // x is halved: it must not be tiny either, but may be zero, as what is above 64-bit vectors
        vload(u, constant(VecConst::Zero));
        v2(f.single ? hop::pcmpeqd : hop::pcmpeqq, u, u, t);
        v2(f.single ? hop::paddd : hop::paddq, t, t, by_lane(VecConst::StepBiasF32, f.single));
        v2(greater, t, t, by_lane(VecConst::StepLimitF32, f.single));
        v2(hop::pandn, t, u, t);
    } else {
        v2(greater, t, t, by_lane(VecConst::MaxFiniteF32, f.single));
    }
    vload(d, y);
    v2(both, d, d, abs_mask(f.single));
    v2(greater, d, d, by_lane(VecConst::MaxFiniteF32, f.single));
    v2(hop::por, t, t, d);
    v1(hop::ptest, t, xr(t));
    const size_t cold = cold_.size();
    cold_soft(Cc::Ne, i, d, {xr(x), y, Operand{}});
    const u32 fnmadd = f.single ? HInst::kIdVfnmadd231ps : HInst::kIdVfnmadd231pd;
    const HostOp mul = f.single ? hop::mulps : hop::mulpd;
    if (product) {
        v2(mul, d, x, y);
        locked_ &= ~(mask_of(t) | mask_of(u));
        vec_fcheck(i, d, true, {xr(x), y, Operand{}});
    } else if (rsqrt) {  // 3/2 - x/2 * y
        v2(mul, t, x, by_lane(VecConst::HalfF32, f.single));
        vload(d, by_lane(VecConst::ThreeHalvesF32, f.single));
        a.emit(fnmadd, xr(d), xr(t), y);
    } else {
        vload(d, by_lane(VecConst::TwoF32, f.single));
        a.emit(fnmadd, xr(d), xr(x), y);
    }
    cold_[cold].back = a.pos();
    defined(i, d);
    return true;
}

// FMLAL: products of f16 are exact in f32.
bool Lowering::vec_fma_wide(u32 i) {
    const Inst& in = inst(i);
    const VecFp f = vec_fp(in);
    if (f.round != Round::Dyn || !cpu_.fma || !cpu_.f16c || (in.aux & ir::kVFmaFlushHalf)) return false;
    const Operand x = use_vmem(arg(in, 0), 3), y = use_vmem(arg(in, 1), 3), z = use_vmem(arg(in, 2), 3);
    consume();
    const u8 d = define_xmm(i, 0, mask_of(reg_of(x)) | mask_of(reg_of(y)) | mask_of(reg_of(z)));
    locked_ |= mask_of(d);
    const u8 p = alloc_xmm(), q = alloc_xmm();
    const auto widen = [&](u8 to, Operand from) {
        if (in.aux & ir::kVFmaHigh) {
            v1(hop::pshufd, to, from, 0xee);
            from = xr(to);
        }
        a.emit(HInst::kIdVcvtph2ps, xr(to), from);
    };
    widen(p, y);
    widen(q, z);
    vload(d, x);
    a.emit(in.aux & ir::kFmaNegProduct ? HInst::kIdVfnmadd231ps : HInst::kIdVfmadd231ps, xr(d), xr(p), xr(q));
    locked_ &= ~(mask_of(p) | mask_of(q));
    vec_fcheck(i, d, f.arm(), {x, y, z});
    defined(i, d);
    return true;
}

}  // namespace vm::backend::x86_64
