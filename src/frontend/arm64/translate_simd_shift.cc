// Advanced SIMD, integers: shifts by a constant. Manual: "Advanced SIMD shift by immediate" and its scalar
// form.
//
// imm = immh:immb: its highest set bit tells the lane size (of the narrow lanes where two sizes are named);
// what stands below it, the shift: right by 2 * width - imm, left by imm - width.
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {
namespace {
struct Shift {
    unsigned size, width, right, left;
    explicit Shift(i64 imm)
        : size(static_cast<unsigned>(std::bit_width(static_cast<u64>(imm))) - 4),
          width(8u << size),
          right(2 * width - static_cast<unsigned>(imm)),
          left(static_cast<unsigned>(imm) - width) {}
    /// 64-bit lanes need q, but for scalars.
    bool reserved(const Decoded& d) const { return size == 3 && !d.q && !d.mode; }
};
}  // namespace

/// By 1 … width. Rounded: half of the last bit is added first.
Value Translator::shifted_right(Type t, Value n, unsigned by, bool is_signed, bool rounded) {
    const unsigned width = ir::width(t);
    if (rounded) return vec(is_signed ? Op::VShiftS : Op::VShiftU, t, n, lanes(t, -u64{by}), ir::kVRound);
    if (is_signed) return vec(Op::VAshrImm, t, n, ir::kNone, 0, std::min(by, width - 1));
    return by == width ? zero_vector() : vec(Op::VLshrImm, t, n, ir::kNone, 0, by);
}

bool Translator::shift_right(const Decoded& d, bool is_signed, bool rounded, bool accumulate) {
    const Shift s(d.imm);
    if (s.reserved(d)) return false;
    const Type t = mem_type(s.size);
    const Value r = shifted_right(t, v(d.rn), s.right, is_signed, rounded);
    return put(d, t, accumulate ? vec(Op::VAdd, t, v(d.rd), r) : r);
}
bool Translator::SSHR_i(const Decoded& d) { return shift_right(d, true, false, false); }
bool Translator::USHR_i(const Decoded& d) { return shift_right(d, false, false, false); }
bool Translator::SSRA_i(const Decoded& d) { return shift_right(d, true, false, true); }
bool Translator::USRA_i(const Decoded& d) { return shift_right(d, false, false, true); }
bool Translator::SRSHR_i(const Decoded& d) { return shift_right(d, true, true, false); }
bool Translator::URSHR_i(const Decoded& d) { return shift_right(d, false, true, false); }
bool Translator::SRSRA_i(const Decoded& d) { return shift_right(d, true, true, true); }
bool Translator::URSRA_i(const Decoded& d) { return shift_right(d, false, true, true); }

bool Translator::SHL_i(const Decoded& d) {
    const Shift s(d.imm);
    if (s.reserved(d)) return false;
    const Type t = mem_type(s.size);
    return put(d, t, vec(Op::VShlImm, t, v(d.rn), ir::kNone, 0, s.left));
}
/// Inserting: bits that the shift vacates stay as Rd has them.
bool Translator::SLI_i(const Decoded& d) {
    const Shift s(d.imm);
    if (s.reserved(d)) return false;
    const Type t = mem_type(s.size);
    const Value stay = b.and_(v(d.rd), lanes(t, zext(~u64{0}, s.left)));
    return put(d, t, b.or_(vec(Op::VShlImm, t, v(d.rn), ir::kNone, 0, s.left), stay));
}
bool Translator::SRI_i(const Decoded& d) {
    const Shift s(d.imm);
    if (s.reserved(d)) return false;
    const Type t = mem_type(s.size);
    const u64 moved = s.right == s.width ? 0 : zext(~u64{0}, s.width) >> s.right;
    return put(d, t,
               b.or_(shifted_right(t, v(d.rn), s.right, false, false), b.and_(v(d.rd), lanes(t, ~moved))));
}

/// What comes back from the left as it was has not saturated; the rest becomes the bound of its sign.
bool Translator::SQSHL_i(const Decoded& d) {
    const Shift s(d.imm);
    if (s.reserved(d)) return false;
    const Type t = mem_type(s.size);
    const Value n = v(d.rn);
    if (s.left == 0) return put(d, t, n);
    const Value r = vec(Op::VShlImm, t, n, ir::kNone, 0, s.left),
                back = vec(Op::VAshrImm, t, r, ir::kNone, 0, s.left);
    const Value negative = vec(Op::VCmpGtS, t, zero_vector(), n),
                bound = b.xor_(negative, lanes(t, zext(~u64{0}, s.width - 1)));
    return put_saturated(d, t, bit_select(vec(Op::VCmpEq, t, back, n), r, bound), b.xor_(back, n));
}
/// n, unsigned; `from` is what it was made of: where it was not the same, that has saturated too.
bool Translator::shift_saturated(const Decoded& d, Type t, unsigned left, Value n, Value from) {
    if (left == 0) return put_saturated(d, t, n, b.xor_(n, from));
    const Value r = vec(Op::VShlImm, t, n, ir::kNone, 0, left),
                back = vec(Op::VLshrImm, t, r, ir::kNone, 0, left);
    const Value lost = b.not_(vec(Op::VCmpEq, t, back, n));
    return put_saturated(d, t, b.or_(r, lost), b.xor_(back, from));
}
bool Translator::UQSHL_i(const Decoded& d) {
    const Shift s(d.imm);
    if (s.reserved(d)) return false;
    const Type t = mem_type(s.size);
    return s.left ? shift_saturated(d, t, s.left, v(d.rn), v(d.rn)) : put(d, t, v(d.rn));
}
/// Signed numbers to unsigned ones: negative ones become 0.
bool Translator::SQSHLU_i(const Decoded& d) {
    const Shift s(d.imm);
    if (s.reserved(d)) return false;
    const Type t = mem_type(s.size);
    const Value n = v(d.rn), negative = vec(Op::VCmpGtS, t, zero_vector(), n);
    return shift_saturated(d, t, s.left, b.binary(Op::AndNot, n, negative), n);
}

// --- narrowing, widening
/// Bits that are cut off say nothing of an overflow of the rounding.
bool Translator::shift_narrow(const Decoded& d, bool rounded) {
    const Shift s(d.imm);
    const Type wide = wide_type(s.size);
    Value n = v(d.rn);
    if (rounded) n = vec(Op::VAdd, wide, n, lanes(wide, u64{1} << (s.right - 1)));
    const Value r = shifted_right(wide, n, s.right, false, false);
    return put_narrow(d, vec(Op::VUzp1, mem_type(s.size), r, zero_vector()));
}
bool Translator::SHRN_i(const Decoded& d) { return shift_narrow(d, false); }
bool Translator::RSHRN_i(const Decoded& d) { return shift_narrow(d, true); }

bool Translator::shift_narrow_saturated(const Decoded& d, bool is_signed, bool rounded, Op narrow, Op widen) {
    const Shift s(d.imm);
    const Value r = shifted_right(wide_type(s.size), v(d.rn), s.right, is_signed, rounded);
    return narrow_saturated(d, mem_type(s.size), r, narrow, widen);
}
bool Translator::SQSHRN_i(const Decoded& d) {
    return shift_narrow_saturated(d, true, false, Op::VNarrowSatS, Op::VWidenS);
}
bool Translator::SQRSHRN_i(const Decoded& d) {
    return shift_narrow_saturated(d, true, true, Op::VNarrowSatS, Op::VWidenS);
}
bool Translator::SQSHRUN_i(const Decoded& d) {
    return shift_narrow_saturated(d, true, false, Op::VNarrowSatSU, Op::VWidenU);
}
bool Translator::SQRSHRUN_i(const Decoded& d) {
    return shift_narrow_saturated(d, true, true, Op::VNarrowSatSU, Op::VWidenU);
}
bool Translator::UQSHRN_i(const Decoded& d) {
    return shift_narrow_saturated(d, false, false, Op::VNarrowSatU, Op::VWidenU);
}
bool Translator::UQRSHRN_i(const Decoded& d) {
    return shift_narrow_saturated(d, false, true, Op::VNarrowSatU, Op::VWidenU);
}

bool Translator::shift_long(const Decoded& d, Op widen) {
    const Shift s(d.imm);
    const Value wide = vec(widen, mem_type(s.size), v(d.rn), ir::kNone, d.q ? ir::kVHigh : 0);
    return set_v(d.rd, s.left ? vec(Op::VShlImm, wide_type(s.size), wide, ir::kNone, 0, s.left) : wide);
}
bool Translator::SSHLL_i(const Decoded& d) { return shift_long(d, Op::VWidenS); }
bool Translator::USHLL_i(const Decoded& d) { return shift_long(d, Op::VWidenU); }

}  // namespace vm::frontend::arm64
