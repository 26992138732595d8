// Vector floating point: the scalar op on every lane, and products of narrow lanes.
#include "ir/interp_fp.h"
#include "ir/interp_vec.h"

namespace vm::ir {
namespace {
namespace sf = softfloat;

/// The scalar op that a vector op does on every lane; Nop if there is none.
Op scalar_op(Op op) {
    switch (op) {
        case Op::VFAdd: return Op::FAdd;
        case Op::VFSub: return Op::FSub;
        case Op::VFMul: return Op::FMul;
        case Op::VFDiv: return Op::FDiv;
        case Op::VFSqrt: return Op::FSqrt;
        case Op::VFma: return Op::Fma;
        case Op::VFMinNum: return Op::FMinNum;
        case Op::VFMaxNum: return Op::FMaxNum;
        case Op::VFMin: return Op::FMin;
        case Op::VFMax: return Op::FMax;
        case Op::VFCmp: return Op::FCmp;
        case Op::VFRound: return Op::FRound;
        case Op::VFToInt: return Op::FToInt;
        case Op::VIntToF: return Op::IntToF;
        case Op::VFWiden:
        case Op::VFNarrow: return Op::FToF;
        case Op::VFMulX: return Op::FMulX;
        case Op::VFRecpStep: return Op::FRecpStep;
        case Op::VFRsqrtStep: return Op::FRsqrtStep;
        default: return Op::Nop;
    }
}

/// Lane i of width w.
u64 lane(u128 v, unsigned w, unsigned i) { return zext(static_cast<u64>(v >> (w * i)), w); }

Type wider(Type t) { return t == Type::F16 ? Type::F32 : Type::F64; }
Type int_of_width(unsigned w) { return w == 16 ? Type::I16 : w == 32 ? Type::I32 : Type::I64; }

u128 by_lane(const Inst& in, u128 x, u128 y, u128 z, FpEnv& fp) {
    const unsigned w = width(in.mtype);
    Inst scalar{.op = scalar_op(in.op), .type = in.mtype, .aux = in.aux};
    if (in.op == Op::VFToInt) scalar.type = int_of_width(w);
    const Type from = in.op == Op::VIntToF ? int_of_width(w) : in.mtype;
    u128 result = 0;
    for (unsigned i = 0; i < 128 / w; ++i) {
        u64 v = interp_fp_scalar(scalar, from, lane(x, w, i), lane(y, w, i), lane(z, w, i), fp);
        if (in.op == Op::VFCmp) v = zext(0 - v, w);
        result |= u128{v} << (w * i);
    }
    return result;
}

u128 change_width(const Inst& in, u128 x, FpEnv& fp) {
    const bool widen = in.op == Op::VFWiden;
    const Type wide = wider(in.mtype), from = widen ? in.mtype : wide;
    const Inst scalar{.op = Op::FToF, .type = widen ? wide : in.mtype, .aux = in.aux};
    const unsigned n = 128 / width(wide), first = widen && (in.aux & kVFHigh) ? n : 0;
    u128 result = 0;
    for (unsigned i = 0; i < n; ++i) {
        const u64 v = interp_fp_scalar(scalar, from, lane(x, width(from), first + i), 0, 0, fp);
        result |= u128{v} << (width(scalar.type) * i);
    }
    return result;
}

u128 fma_widening(const Inst& in, u128 x, u128 y, u128 z, FpEnv& fp) {
    sf::Env env = interp_fp_env(in.aux, fp);
    auto sums = lanes_of<u32>(x);
    const auto a = lanes_of<u16>(y), b = lanes_of<u16>(z);
    const size_t first = in.aux & kVFmaHigh ? 4 : 0;
    for (size_t i = 0; i < 4; ++i)
        sums[i] = static_cast<u32>(sf::fma_widening(a[first + i], b[first + i], sums[i],
                                                    in.aux & kFmaNegProduct, in.aux & kVFmaFlushHalf, env));
    interp_fp_raise(env, fp);
    return vector_of<u32>(sums);
}

u128 bfloat_products(Op op, u128 x, u128 y, u128 z) {
    auto sums = lanes_of<u32>(x);
    const auto a = lanes_of<u32>(y), b = lanes_of<u32>(z);  // pairs
    for (size_t i = 0; i < 4; ++i) {
        if (op == Op::VBfDot) {
            sums[i] = sf::bfloat_dot(sums[i], a[i], b[i]);
        } else {
            const size_t row = i / 2 * 2, column = i % 2 * 2;
            sums[i] = sf::bfloat_dot(sums[i], a[row], b[column]);
            sums[i] = sf::bfloat_dot(sums[i], a[row + 1], b[column + 1]);
        }
    }
    return vector_of<u32>(sums);
}

}  // namespace

u128 interp_fp_vector(const Inst& in, u128 x, u128 y, u128 z, FpEnv& fp) {
    switch (in.op) {
        case Op::VFWiden:
        case Op::VFNarrow: return change_width(in, x, fp);
        case Op::VFmaWide: return fma_widening(in, x, y, z, fp);
        case Op::VBfDot:
        case Op::VBfMatMul: return bfloat_products(in.op, x, y, z);
        default: return is_float(in.mtype) ? by_lane(in, x, y, z, fp) : 0;
    }
}

}  // namespace vm::ir
