// Advanced SIMD floating point: arithmetic on lanes, on lane 0, by element; pairs and reductions. Manual:
// "Advanced SIMD three same", "two-register miscellaneous", "vector x indexed element", "across lanes", and
// their scalar forms.
//
// Vectors of 64 bits are 128-bit ones with zeros above, which raise no flags; only a division needs other
// lanes there.
#include "frontend/arm64/fp_immediate.h"
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {

using ir::Round;

// --- two operands
bool Translator::fp_lanes(const Decoded& d, Op op, Value m) {
    if (!lanes_valid(d)) return false;
    return set_vq(d.q, d.rd, fp_vec(op, fp_type(d.size), vq(d.q, d.rn), m));
}
bool Translator::fp_lane0(const Decoded& d, Op op, Value m) {
    const Type t = fp_type(d.size);
    return set_scalar(d.rd, b.binary(op, scalar(t, d.rn), m, fp(t)));
}

bool Translator::FADD_v(const Decoded& d) { return fp_lanes(d, Op::VFAdd); }
bool Translator::FSUB_v(const Decoded& d) { return fp_lanes(d, Op::VFSub); }
bool Translator::FMUL_v(const Decoded& d) { return fp_lanes(d, Op::VFMul); }
bool Translator::FMUL_e(const Decoded& d) { return fp_lanes(d, Op::VFMul, fp_element(d)); }
bool Translator::FMUL_es(const Decoded& d) { return fp_lane0(d, Op::FMul, fp_scalar_element(d)); }
bool Translator::FMULX_v(const Decoded& d) { return fp_lanes(d, Op::VFMulX); }
bool Translator::FMULX_s(const Decoded& d) { return fp_lane0(d, Op::FMulX); }
bool Translator::FMULX_e(const Decoded& d) { return fp_lanes(d, Op::VFMulX, fp_element(d)); }
bool Translator::FMULX_es(const Decoded& d) { return fp_lane0(d, Op::FMulX, fp_scalar_element(d)); }
bool Translator::FMAX_v(const Decoded& d) { return fp_lanes(d, Op::VFMax); }
bool Translator::FMIN_v(const Decoded& d) { return fp_lanes(d, Op::VFMin); }
bool Translator::FMAXNM_v(const Decoded& d) { return fp_lanes(d, Op::VFMaxNum); }
bool Translator::FMINNM_v(const Decoded& d) { return fp_lanes(d, Op::VFMinNum); }
bool Translator::FRECPS_v(const Decoded& d) { return fp_lanes(d, Op::VFRecpStep); }
bool Translator::FRECPS_s(const Decoded& d) { return fp_lane0(d, Op::FRecpStep); }
bool Translator::FRSQRTS_v(const Decoded& d) { return fp_lanes(d, Op::VFRsqrtStep); }
bool Translator::FRSQRTS_s(const Decoded& d) { return fp_lane0(d, Op::FRsqrtStep); }

/// Above vectors of 64 bits, 0 is divided by 1.
bool Translator::FDIV_v(const Decoded& d) {
    constexpr u64 kOnes[] = {0, 0x3c003c003c003c00, 0x3f8000003f800000, 0};
    if (d.q) return fp_lanes(d, Op::VFDiv);
    if (!lanes_valid(d)) return false;
    const Value m = b.or_(low64(v(d.rm)), b.const128(Type::V128, 0, kOnes[d.size & 3]));
    return set_v(d.rd, fp_vec(Op::VFDiv, fp_type(d.size), low64(v(d.rn)), m));
}

// --- signs
bool Translator::FABS_v(const Decoded& d) {
    if (!lanes_valid(d)) return false;
    return set_vq(d.q, d.rd, magnitudes(fp_type(d.size), v(d.rn)));
}
bool Translator::FNEG_v(const Decoded& d) {
    if (!lanes_valid(d)) return false;
    return set_vq(d.q, d.rd, b.xor_(v(d.rn), signs(fp_type(d.size))));
}
bool Translator::FABD_v(const Decoded& d) {
    if (!lanes_valid(d)) return false;
    const Type t = fp_type(d.size);
    return set_vq(d.q, d.rd, magnitudes(t, fp_vec(Op::VFSub, t, vq(d.q, d.rn), vq(d.q, d.rm))));
}
bool Translator::FABD_s(const Decoded& d) {
    const Type t = fp_type(d.size);
    return set_scalar(d.rd, b.unary(Op::FAbs, b.binary(Op::FSub, scalar(t, d.rn), scalar(t, d.rm), fp(t))));
}

// --- multiplied and added
bool Translator::fp_multiply_add(const Decoded& d, Value m, u32 signs_of) {
    if (!lanes_valid(d)) return false;
    const Type t = fp_type(d.size);
    const u32 aux = fp(t, Round::Dyn, signs_of);
    return set_vq(d.q, d.rd, b.vector3(Op::VFma, t, vq(d.q, d.rn), m, vq(d.q, d.rd), aux));
}
bool Translator::fp_multiply_add_lane0(const Decoded& d, u32 signs_of) {
    const Type t = fp_type(d.size);
    const u32 aux = fp(t, Round::Dyn, signs_of);
    return set_scalar(d.rd, b.ternary(Op::Fma, scalar(t, d.rn), fp_scalar_element(d), scalar(t, d.rd), aux));
}
bool Translator::FMLA_v(const Decoded& d) { return fp_multiply_add(d, vq(d.q, d.rm), 0); }
bool Translator::FMLS_v(const Decoded& d) { return fp_multiply_add(d, vq(d.q, d.rm), ir::kFmaNegProduct); }
bool Translator::FMLA_e(const Decoded& d) { return fp_multiply_add(d, fp_element(d), 0); }
bool Translator::FMLS_e(const Decoded& d) { return fp_multiply_add(d, fp_element(d), ir::kFmaNegProduct); }
bool Translator::FMLA_es(const Decoded& d) { return fp_multiply_add_lane0(d, 0); }
bool Translator::FMLS_es(const Decoded& d) { return fp_multiply_add_lane0(d, ir::kFmaNegProduct); }

// --- pairs of the lanes of Rn, then of those of Rm
bool Translator::fp_pairs(const Decoded& d, Op op) {
    if (!lanes_valid(d)) return false;
    const Type lane = mem_type(d.size);
    const Value low = d.q ? v(d.rn) : low_halves(v(d.rn), v(d.rm)), high = d.q ? v(d.rm) : zero_vector();
    const Value even = vec(Op::VUzp1, lane, low, high), odd = vec(Op::VUzp2, lane, low, high);
    return set_vq(d.q, d.rd, fp_vec(op, fp_type(d.size), even, odd));
}
bool Translator::FADDP_v(const Decoded& d) { return fp_pairs(d, Op::VFAdd); }
bool Translator::FMAXP_v(const Decoded& d) { return fp_pairs(d, Op::VFMax); }
bool Translator::FMINP_v(const Decoded& d) { return fp_pairs(d, Op::VFMin); }
bool Translator::FMAXNMP_v(const Decoded& d) { return fp_pairs(d, Op::VFMaxNum); }
bool Translator::FMINNMP_v(const Decoded& d) { return fp_pairs(d, Op::VFMinNum); }

bool Translator::fp_pair(const Decoded& d, Op op) {
    const Type t = fp_type(d.size);
    return set_scalar(d.rd, b.binary(op, scalar(t, d.rn), b.vextract(t, v(d.rn), 1), fp(t)));
}
bool Translator::FADDP_s(const Decoded& d) { return fp_pair(d, Op::FAdd); }
bool Translator::FMAXP_s(const Decoded& d) { return fp_pair(d, Op::FMax); }
bool Translator::FMINP_s(const Decoded& d) { return fp_pair(d, Op::FMin); }
bool Translator::FMAXNMP_s(const Decoded& d) { return fp_pair(d, Op::FMaxNum); }
bool Translator::FMINNMP_s(const Decoded& d) { return fp_pair(d, Op::FMinNum); }

/// Neighbours first (pseudocode Reduce): the order decides between NaNs.
bool Translator::fp_across(const Decoded& d, Op op) {
    const Type t = fp_type(d.size), lane = mem_type(d.size);
    Value x = vq(d.q, d.rn);
    for (unsigned left = lane_count(d); left > 1; left /= 2) {
        const Value zeros = zero_vector();
        x = fp_vec(op, t, vec(Op::VUzp1, lane, x, zeros), vec(Op::VUzp2, lane, x, zeros));
    }
    return set_scalar(d.rd, b.vextract(t, x, 0));
}
bool Translator::FMAXV_v(const Decoded& d) { return fp_across(d, Op::VFMax); }
bool Translator::FMINV_v(const Decoded& d) { return fp_across(d, Op::VFMin); }
bool Translator::FMAXNMV_v(const Decoded& d) { return fp_across(d, Op::VFMaxNum); }
bool Translator::FMINNMV_v(const Decoded& d) { return fp_across(d, Op::VFMinNum); }

// --- one operand
bool Translator::FSQRT_v(const Decoded& d) {
    if (!lanes_valid(d)) return false;
    return set_vq(d.q, d.rd, fp_vec(Op::VFSqrt, fp_type(d.size), vq(d.q, d.rn)));
}

bool Translator::fp_estimate(const Decoded& d, Op op) {
    if (!lanes_valid(d)) return false;
    const Type t = fp_type(d.size);
    return set_v(d.rd, each_lane(t, lane_count(d), v(d.rn), [&](Value x) { return b.unary(op, x, fp(t)); }));
}
bool Translator::FRECPE_v(const Decoded& d) { return fp_estimate(d, Op::FRecpEst); }
bool Translator::FRSQRTE_v(const Decoded& d) { return fp_estimate(d, Op::FRsqrtEst); }

bool Translator::FRECPE_s(const Decoded& d) { return fp_unary(d, Op::FRecpEst, Round::Dyn); }
bool Translator::FRSQRTE_s(const Decoded& d) { return fp_unary(d, Op::FRsqrtEst, Round::Dyn); }
bool Translator::FRECPX_s(const Decoded& d) { return fp_unary(d, Op::FRecpX, Round::Dyn); }

bool Translator::FMOV_v(const Decoded& d) {
    const Type t = fp_type(d.size);
    return set_vq(d.q, d.rd, lanes(t, fp_immediate(d.size, static_cast<u8>(d.imm))));
}

}  // namespace vm::frontend::arm64
