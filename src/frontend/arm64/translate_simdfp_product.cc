// Advanced SIMD: complex numbers, products of half precision and bfloat16 added in single precision, dot
// products and matrices of bytes.
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {

using ir::Round;

// --- complex numbers: the real part in the even lane, the imaginary one in the odd lane after it
/// m, whose real and imaginary parts change places where the number of quarter turns is odd, with the signs
/// that a multiplication of real (even turns) or imaginary parts of the other operand needs.
Value Translator::turned(const Decoded& d, Value m, unsigned quarters) {
    const Type lane = mem_type(d.size);
    const unsigned width = 8u << d.size;
    const u64 sign = u64{1} << (width - 1);
    if (quarters & 1)
        m = d.size == 3 ? vec(Op::VExt, Type::I8, m, m, 0, 8)
                        : vec(Op::VRev, lane, m, ir::kNone, 0, 2 * width);
    if (quarters == 0) return m;
    if (quarters == 2) return b.xor_(m, lanes(lane, sign));
    const bool odd_lanes = quarters == 3;
    if (d.size == 3) return b.xor_(m, b.const128(Type::V128, odd_lanes ? 0 : sign, odd_lanes ? sign : 0));
    return b.xor_(m, lanes(wide_type(d.size), odd_lanes ? sign << width : sign));
}

bool Translator::FCADD_v(const Decoded& d) {
    if (!lanes_valid(d)) return false;
    const Value m = turned(d, vq(d.q, d.rm), d.opt ? 3 : 1);
    return set_vq(d.q, d.rd, fp_vec(Op::VFAdd, fp_type(d.size), vq(d.q, d.rn), m));
}

bool Translator::complex_multiply_add(const Decoded& d, Value m) {
    if (!lanes_valid(d)) return false;
    const Type t = fp_type(d.size);
    const Value n = vq(d.q, d.rn);
    const Value part = vec(d.opt & 1 ? Op::VTrn2 : Op::VTrn1, mem_type(d.size), n, n);
    const Value sum = b.vector3(Op::VFma, t, part, turned(d, m, d.opt), vq(d.q, d.rd), fp(t));
    return set_vq(d.q, d.rd, sum);
}
bool Translator::FCMLA_v(const Decoded& d) { return complex_multiply_add(d, vq(d.q, d.rm)); }
/// imm counts complex numbers; a vector of 64 bits has two of half precision.
bool Translator::FCMLA_e(const Decoded& d) {
    if (!d.q && d.imm > 1) return false;
    return complex_multiply_add(d, dup_lane(d.q, wide_type(d.size), d.rm, d.imm));
}

// --- half precision into single: the lower or (mode 1) the upper half of a vector of q
bool Translator::fp_multiply_add_long(const Decoded& d, Value m) {
    u32 aux = fp(Type::F32, Round::Dyn, d.opt ? ir::kFmaNegProduct : 0);
    if (request_.mode & kModeFz16) aux |= ir::kVFmaFlushHalf;
    if (d.q) {
        if (d.mode) aux |= ir::kVFmaHigh;
        return set_v(d.rd, b.vector3(Op::VFmaWide, Type::F16, v(d.rd), v(d.rn), m, aux));
    }
    // Two lanes of each, and zeros above.
    const auto pair = [&](Value x) {
        return d.mode ? vec(Op::VLshrImm, Type::I64, low64(x), ir::kNone, 0, 32)
                      : b.and_(x, b.const128(Type::V128, 0xffffffff, 0));
    };
    const Value sum = b.vector3(Op::VFmaWide, Type::F16, low64(v(d.rd)), pair(v(d.rn)), pair(m), aux);
    return set_vq(0, d.rd, sum);
}
bool Translator::FMLAL_v(const Decoded& d) { return fp_multiply_add_long(d, v(d.rm)); }
bool Translator::FMLAL_e(const Decoded& d) {
    return fp_multiply_add_long(d, dup_lane(1, Type::F16, d.rm, d.imm));
}

// --- bytes
bool Translator::dot(const Decoded& d, Op op, Value m) {
    const u32 aux = (d.opt & 1 ? ir::kVDotSignedX : 0) | (d.opt & 2 ? ir::kVDotSignedY : 0);
    return set_vq(d.q, d.rd, b.vector3(op, Type::I8, v(d.rd), v(d.rn), m, aux));
}
bool Translator::SDOT_v(const Decoded& d) { return dot(d, Op::VDot, v(d.rm)); }
bool Translator::SDOT_e(const Decoded& d) { return dot(d, Op::VDot, dup_lane(1, Type::I32, d.rm, d.imm)); }
bool Translator::SMMLA_v(const Decoded& d) { return dot(d, Op::VMatMul, v(d.rm)); }

// --- bfloat16
bool Translator::BFDOT_v(const Decoded& d) {
    return set_vq(d.q, d.rd, b.vector3(Op::VBfDot, Type::F32, v(d.rd), v(d.rn), v(d.rm)));
}
bool Translator::BFDOT_e(const Decoded& d) {
    const Value m = dup_lane(1, Type::I32, d.rm, d.imm);
    return set_vq(d.q, d.rd, b.vector3(Op::VBfDot, Type::F32, v(d.rd), v(d.rn), m));
}
bool Translator::BFMMLA_v(const Decoded& d) {
    return set_v(d.rd, b.vector3(Op::VBfMatMul, Type::F32, v(d.rd), v(d.rn), v(d.rm)));
}

/// The even or (opt 1) odd elements of n and m are numbers of single precision without their lower halves.
bool Translator::bfloat_multiply_add(const Decoded& d, Value m) {
    const auto widened = [&](Value x) {
        return d.opt ? b.and_(x, lanes(Type::I32, 0xffff0000))
                     : vec(Op::VShlImm, Type::I32, x, ir::kNone, 0, 16);
    };
    const Value sum = b.vector3(Op::VFma, Type::F32, widened(v(d.rn)), widened(m), v(d.rd), fp(Type::F32));
    return set_v(d.rd, sum);
}
bool Translator::BFMLALB_v(const Decoded& d) { return bfloat_multiply_add(d, v(d.rm)); }
bool Translator::BFMLALB_e(const Decoded& d) {
    return bfloat_multiply_add(d, dup_lane(1, Type::I16, d.rm, d.imm));
}

}  // namespace vm::frontend::arm64
