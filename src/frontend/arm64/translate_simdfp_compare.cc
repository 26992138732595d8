// Advanced SIMD floating-point comparisons: all ones where they hold. Only equality leaves quiet NaNs in
// peace.
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {

using ir::FpCond;

namespace {
/// aux of the comparison `c`; the rounding in `mode` gives way to it.
constexpr u32 comparison(u32 mode, FpCond c) { return (mode & ~7u) | ir::fcmp_aux(c, c != FpCond::Eq); }
}  // namespace

bool Translator::fp_compare_lanes(const Decoded& d, FpCond c, Value p, Value q) {
    if (!lanes_valid(d)) return false;
    const Type t = fp_type(d.size);
    return set_vq(d.q, d.rd, vec(Op::VFCmp, t, p, q, comparison(fp(t), c)));
}
bool Translator::fp_compare_lane0(const Decoded& d, FpCond c, Value p, Value q) {
    const Value holds = b.binary(Op::FCmp, p, q, comparison(fp(fp_type(d.size)), c));
    return set_scalar(d.rd, b.sext(mem_type(d.size), holds));
}

bool Translator::FCMEQ_v(const Decoded& d) {
    return fp_compare_lanes(d, FpCond::Eq, vq(d.q, d.rn), vq(d.q, d.rm));
}
bool Translator::FCMGE_v(const Decoded& d) {
    return fp_compare_lanes(d, FpCond::Le, vq(d.q, d.rm), vq(d.q, d.rn));
}
bool Translator::FCMGT_v(const Decoded& d) {
    return fp_compare_lanes(d, FpCond::Lt, vq(d.q, d.rm), vq(d.q, d.rn));
}
bool Translator::FACGE_v(const Decoded& d) {
    const Type t = fp_type(d.size);
    return fp_compare_lanes(d, FpCond::Le, magnitudes(t, vq(d.q, d.rm)), magnitudes(t, vq(d.q, d.rn)));
}
bool Translator::FACGT_v(const Decoded& d) {
    const Type t = fp_type(d.size);
    return fp_compare_lanes(d, FpCond::Lt, magnitudes(t, vq(d.q, d.rm)), magnitudes(t, vq(d.q, d.rn)));
}

bool Translator::FCMEQ_Z_v(const Decoded& d) {
    return fp_compare_lanes(d, FpCond::Eq, vq(d.q, d.rn), zero_vector());
}
bool Translator::FCMGE_Z_v(const Decoded& d) {
    return fp_compare_lanes(d, FpCond::Le, zero_vector(), vq(d.q, d.rn));
}
bool Translator::FCMGT_Z_v(const Decoded& d) {
    return fp_compare_lanes(d, FpCond::Lt, zero_vector(), vq(d.q, d.rn));
}
bool Translator::FCMLE_Z_v(const Decoded& d) {
    return fp_compare_lanes(d, FpCond::Le, vq(d.q, d.rn), zero_vector());
}
bool Translator::FCMLT_Z_v(const Decoded& d) {
    return fp_compare_lanes(d, FpCond::Lt, vq(d.q, d.rn), zero_vector());
}

bool Translator::FCMEQ_s(const Decoded& d) {
    const Type t = fp_type(d.size);
    return fp_compare_lane0(d, FpCond::Eq, scalar(t, d.rn), scalar(t, d.rm));
}
bool Translator::FCMGE_s(const Decoded& d) {
    const Type t = fp_type(d.size);
    return fp_compare_lane0(d, FpCond::Le, scalar(t, d.rm), scalar(t, d.rn));
}
bool Translator::FCMGT_s(const Decoded& d) {
    const Type t = fp_type(d.size);
    return fp_compare_lane0(d, FpCond::Lt, scalar(t, d.rm), scalar(t, d.rn));
}
bool Translator::FACGE_s(const Decoded& d) {
    const Type t = fp_type(d.size);
    const Value n = b.unary(Op::FAbs, scalar(t, d.rn)), m = b.unary(Op::FAbs, scalar(t, d.rm));
    return fp_compare_lane0(d, FpCond::Le, m, n);
}
bool Translator::FACGT_s(const Decoded& d) {
    const Type t = fp_type(d.size);
    const Value n = b.unary(Op::FAbs, scalar(t, d.rn)), m = b.unary(Op::FAbs, scalar(t, d.rm));
    return fp_compare_lane0(d, FpCond::Lt, m, n);
}

bool Translator::FCMEQ_Z_s(const Decoded& d) {
    const Type t = fp_type(d.size);
    return fp_compare_lane0(d, FpCond::Eq, scalar(t, d.rn), b.constant(t, 0));
}
bool Translator::FCMGE_Z_s(const Decoded& d) {
    const Type t = fp_type(d.size);
    return fp_compare_lane0(d, FpCond::Le, b.constant(t, 0), scalar(t, d.rn));
}
bool Translator::FCMGT_Z_s(const Decoded& d) {
    const Type t = fp_type(d.size);
    return fp_compare_lane0(d, FpCond::Lt, b.constant(t, 0), scalar(t, d.rn));
}
bool Translator::FCMLE_Z_s(const Decoded& d) {
    const Type t = fp_type(d.size);
    return fp_compare_lane0(d, FpCond::Le, scalar(t, d.rn), b.constant(t, 0));
}
bool Translator::FCMLT_Z_s(const Decoded& d) {
    const Type t = fp_type(d.size);
    return fp_compare_lane0(d, FpCond::Lt, scalar(t, d.rn), b.constant(t, 0));
}

}  // namespace vm::frontend::arm64
