// Advanced SIMD, integers: results twice or half as wide as operands. Manual: "Advanced SIMD three
// different", "two-register miscellaneous" (XTN …), "vector x indexed element".
//
// Long forms read the upper half of their narrow operands with q, narrow forms write it.
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {

/// op on widened Rm and Rn (or Rn as it is).
bool Translator::add_long(const Decoded& d, Op widen, Op op, bool wide_n) {
    const Type t = mem_type(d.size), wide = wide_type(d.size);
    const u32 half = d.q ? ir::kVHigh : 0;
    const Value n = wide_n ? v(d.rn) : vec(widen, t, v(d.rn), ir::kNone, half);
    return set_v(d.rd, vec(op, wide, n, vec(widen, t, v(d.rm), ir::kNone, half)));
}
bool Translator::SADDL_v(const Decoded& d) { return add_long(d, Op::VWidenS, Op::VAdd, false); }
bool Translator::UADDL_v(const Decoded& d) { return add_long(d, Op::VWidenU, Op::VAdd, false); }
bool Translator::SSUBL_v(const Decoded& d) { return add_long(d, Op::VWidenS, Op::VSub, false); }
bool Translator::USUBL_v(const Decoded& d) { return add_long(d, Op::VWidenU, Op::VSub, false); }
bool Translator::SADDW_v(const Decoded& d) { return add_long(d, Op::VWidenS, Op::VAdd, true); }
bool Translator::UADDW_v(const Decoded& d) { return add_long(d, Op::VWidenU, Op::VAdd, true); }
bool Translator::SSUBW_v(const Decoded& d) { return add_long(d, Op::VWidenS, Op::VSub, true); }
bool Translator::USUBW_v(const Decoded& d) { return add_long(d, Op::VWidenU, Op::VSub, true); }

/// `narrow` has its lanes in the low half, and zeros above: with q they go above the low half of Rd.
bool Translator::put_narrow(const Decoded& d, Value narrow) {
    return set_v(d.rd, d.q ? vec(Op::VZip1, Type::I64, v(d.rd), narrow) : narrow);
}

/// The upper halves of sums or differences.
bool Translator::add_narrow(const Decoded& d, Op op, bool rounded) {
    const Type t = mem_type(d.size), wide = wide_type(d.size);
    const unsigned width = ir::width(t);
    Value r = vec(op, wide, v(d.rn), v(d.rm));
    if (rounded) r = vec(Op::VAdd, wide, r, lanes(wide, u64{1} << (width - 1)));
    return put_narrow(d, vec(Op::VUzp2, t, r, zero_vector()));
}
bool Translator::ADDHN_v(const Decoded& d) { return add_narrow(d, Op::VAdd, false); }
bool Translator::SUBHN_v(const Decoded& d) { return add_narrow(d, Op::VSub, false); }
bool Translator::RADDHN_v(const Decoded& d) { return add_narrow(d, Op::VAdd, true); }
bool Translator::RSUBHN_v(const Decoded& d) { return add_narrow(d, Op::VSub, true); }

bool Translator::difference_long(const Decoded& d, bool is_signed, bool accumulate) {
    const Type t = mem_type(d.size);
    const Value narrow = difference(t, is_signed, v(d.rn), v(d.rm));
    const Value wide = vec(Op::VWidenU, t, narrow, ir::kNone, d.q ? ir::kVHigh : 0);
    return set_v(d.rd, accumulate ? vec(Op::VAdd, wide_type(d.size), v(d.rd), wide) : wide);
}
bool Translator::SABDL_v(const Decoded& d) { return difference_long(d, true, false); }
bool Translator::UABDL_v(const Decoded& d) { return difference_long(d, false, false); }
bool Translator::SABAL_v(const Decoded& d) { return difference_long(d, true, true); }
bool Translator::UABAL_v(const Decoded& d) { return difference_long(d, false, true); }

// --- multiplication
bool Translator::multiply_wide(const Decoded& d, Value m, Op op, Accumulate how) {
    const Type wide = wide_type(d.size);
    const Value product = vec(op, mem_type(d.size), v(d.rn), m, d.q ? ir::kVHigh : 0);
    if (how == Accumulate::None) return set_v(d.rd, product);
    return set_v(d.rd, vec(how == Accumulate::Add ? Op::VAdd : Op::VSub, wide, v(d.rd), product));
}
#define MULTIPLY_WIDE(NAME, OP, HOW)                                  \
    bool Translator::NAME##_v(const Decoded& d) {                     \
        return multiply_wide(d, v(d.rm), Op::OP, Accumulate::HOW);    \
    }                                                                 \
    bool Translator::NAME##_e(const Decoded& d) {                     \
        return multiply_wide(d, element(d), Op::OP, Accumulate::HOW); \
    }
MULTIPLY_WIDE(SMULL, VMulWideS, None)
MULTIPLY_WIDE(UMULL, VMulWideU, None)
MULTIPLY_WIDE(SMLAL, VMulWideS, Add)
MULTIPLY_WIDE(UMLAL, VMulWideU, Add)
MULTIPLY_WIDE(SMLSL, VMulWideS, Subtract)
MULTIPLY_WIDE(UMLSL, VMulWideU, Subtract)
#undef MULTIPLY_WIDE

bool Translator::PMULL_v(const Decoded& d) {
    return set_v(d.rd, vec(Op::VClmulWide, Type::I8, v(d.rn), v(d.rm), d.q ? ir::kVHigh : 0));
}
bool Translator::PMULL_q(const Decoded& d) {
    return set_v(d.rd, vec(Op::VClmulWide, Type::I64, v(d.rn), v(d.rm), d.q ? ir::kVHigh : 0));
}

/// Twice the product, saturated; then added to or subtracted from Rd, saturated again.
bool Translator::doubling_wide(const Decoded& d, Value m, Accumulate how) {
    const Type wide = wide_type(d.size);
    const bool high = d.q && !d.mode;
    const auto keep = [&](Value r) {
        if (!d.mode) return r;
        return b.emit({.op = Op::VScalar,
                       .type = Type::V128,
                       .mtype = wide,
                       .args = {b.vextract(wide, r, 0), ir::kNone, ir::kNone}});
    };
    const Value product = vec(Op::VMulWideS, mem_type(d.size), v(d.rn), m, high ? ir::kVHigh : 0);
    // The one product whose double is too large wraps to the smallest number: one less is the largest.
    const Value twice = vec(Op::VAdd, wide, product, product);
    Value wrapped = vec(Op::VCmpEq, wide, twice, sign_bits(wide));
    Value r = vec(Op::VAdd, wide, twice, wrapped);
    if (how != Accumulate::None) {
        const Value a = v(d.rd), doubled = r;
        const bool add = how == Accumulate::Add;
        r = vec(add ? Op::VAddSatS : Op::VSubSatS, wide, a, doubled);
        wrapped = b.or_(wrapped, b.xor_(r, vec(add ? Op::VAdd : Op::VSub, wide, a, doubled)));
    }
    saturated(keep(wrapped));
    return set_v(d.rd, keep(r));
}
#define DOUBLING_WIDE(NAME, HOW)                                                                       \
    bool Translator::NAME##_v(const Decoded& d) { return doubling_wide(d, v(d.rm), Accumulate::HOW); } \
    bool Translator::NAME##_e(const Decoded& d) { return doubling_wide(d, element(d), Accumulate::HOW); }
DOUBLING_WIDE(SQDMULL, None)
DOUBLING_WIDE(SQDMLAL, Add)
DOUBLING_WIDE(SQDMLSL, Subtract)
#undef DOUBLING_WIDE

// --- narrowing
bool Translator::XTN_v(const Decoded& d) {
    return put_narrow(d, vec(Op::VUzp1, mem_type(d.size), v(d.rn), zero_vector()));
}
bool Translator::SHLL_v(const Decoded& d) {
    const Type t = mem_type(d.size);
    const Value wide = vec(Op::VWidenU, t, v(d.rn), ir::kNone, d.q ? ir::kVHigh : 0);
    return set_v(d.rd, vec(Op::VShlImm, wide_type(d.size), wide, ir::kNone, 0, ir::width(t)));
}

/// Lanes of `wide` to type t. What does not widen back to what it was has saturated.
bool Translator::narrow_saturated(const Decoded& d, Type t, Value wide, Op narrow, Op widen) {
    const Value r = vec(narrow, t, wide, zero_vector());
    const Value lost = b.xor_(vec(widen, t, r), wide);
    if (!d.mode) {
        saturated(lost);
        return put_narrow(d, r);
    }
    const Type twice = static_cast<Type>(static_cast<u8>(t) + 1);
    saturated(kept(d, twice, lost));
    return put(d, t, r);
}
bool Translator::SQXTN_v(const Decoded& d) {
    return narrow_saturated(d, mem_type(d.size), v(d.rn), Op::VNarrowSatS, Op::VWidenS);
}
bool Translator::SQXTUN_v(const Decoded& d) {
    return narrow_saturated(d, mem_type(d.size), v(d.rn), Op::VNarrowSatSU, Op::VWidenU);
}
bool Translator::UQXTN_v(const Decoded& d) {
    return narrow_saturated(d, mem_type(d.size), v(d.rn), Op::VNarrowSatU, Op::VWidenU);
}

}  // namespace vm::frontend::arm64
