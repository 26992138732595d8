// Advanced SIMD, integers: three registers of one arrangement, two registers, one element, across. Manual:
// "Advanced SIMD three same", "two-register miscellaneous", "vector x indexed element", "across lanes", and
// their scalar forms.
//
// Handlers compute on whole registers; `put` keeps what the form wants. Tables give lanes of `size`.
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {

Value Translator::kept(const Decoded& d, Type t, Value r) {
    if (d.mode == 0) return d.q ? r : low64(r);
    return b.emit({.op = Op::VScalar,
                   .type = Type::V128,
                   .mtype = t,
                   .args = {b.vextract(t, r, 0), ir::kNone, ir::kNone}});
}

bool Translator::put_saturated(const Decoded& d, Type t, Value r, Value difference) {
    saturated(kept(d, t, difference));
    return put(d, t, r);
}

Value Translator::lanes(Type t, u64 v) {
    const unsigned width = ir::width(t);
    u64 all = zext(v, width);
    for (unsigned w = width; w < 64; w *= 2) all |= all << w;
    return b.const128(Type::V128, all, all);
}

/// The element of Rm that imm (H:L:M) and rm name, in every lane. M belongs to the register where lanes are
/// words.
Value Translator::element(const Decoded& d) {
    const unsigned r = d.size == 1 ? d.rm : d.rm | static_cast<unsigned>(d.imm & 1) << 4;
    const u64 index = static_cast<u64>(d.size == 1 ? d.imm : d.imm >> 1);
    return vec(Op::VDup, mem_type(d.size), v(r), ir::kNone, 0, index);
}

bool Translator::lanewise(const Decoded& d, Op op) {
    if (reserved(d)) return false;
    const Type t = mem_type(d.size);
    return put(d, t, vec(op, t, v(d.rn), v(d.rm)));
}
bool Translator::ADD_v(const Decoded& d) { return lanewise(d, Op::VAdd); }
bool Translator::SUB_v(const Decoded& d) { return lanewise(d, Op::VSub); }
bool Translator::SMAX_v(const Decoded& d) { return lanewise(d, Op::VMaxS); }
bool Translator::UMAX_v(const Decoded& d) { return lanewise(d, Op::VMaxU); }
bool Translator::SMIN_v(const Decoded& d) { return lanewise(d, Op::VMinS); }
bool Translator::UMIN_v(const Decoded& d) { return lanewise(d, Op::VMinU); }
bool Translator::PMUL_v(const Decoded& d) { return lanewise(d, Op::VClmul); }
bool Translator::URHADD_v(const Decoded& d) { return lanewise(d, Op::VAvgU); }

// --- comparisons
bool Translator::compare_lanes(const Decoded& d, Op op, Value n, Value m, bool inverted) {
    if (reserved(d)) return false;
    const Type t = mem_type(d.size);
    const Value holds = vec(op, t, n, m);
    return put(d, t, inverted ? b.not_(holds) : holds);
}
bool Translator::CMGT_v(const Decoded& d) { return compare_lanes(d, Op::VCmpGtS, v(d.rn), v(d.rm), false); }
bool Translator::CMGE_v(const Decoded& d) { return compare_lanes(d, Op::VCmpGtS, v(d.rm), v(d.rn), true); }
bool Translator::CMHI_v(const Decoded& d) { return compare_lanes(d, Op::VCmpGtU, v(d.rn), v(d.rm), false); }
/// n is the greater one of the two; hosts have no unsigned order, but maxima.
bool Translator::CMHS_v(const Decoded& d) {
    if (d.size == 3) return compare_lanes(d, Op::VCmpGtU, v(d.rm), v(d.rn), true);
    return compare_lanes(d, Op::VCmpEq, vec(Op::VMaxU, mem_type(d.size), v(d.rn), v(d.rm)), v(d.rn), false);
}
bool Translator::CMEQ_v(const Decoded& d) { return compare_lanes(d, Op::VCmpEq, v(d.rn), v(d.rm), false); }
bool Translator::CMTST_v(const Decoded& d) {
    return compare_lanes(d, Op::VCmpEq, b.and_(v(d.rn), v(d.rm)), zero_vector(), true);
}
bool Translator::CMGT_Z_v(const Decoded& d) {
    return compare_lanes(d, Op::VCmpGtS, v(d.rn), zero_vector(), false);
}
bool Translator::CMGE_Z_v(const Decoded& d) {
    return compare_lanes(d, Op::VCmpGtS, v(d.rn), lanes(Type::I64, ~u64{0}), false);
}
bool Translator::CMEQ_Z_v(const Decoded& d) {
    return compare_lanes(d, Op::VCmpEq, v(d.rn), zero_vector(), false);
}
bool Translator::CMLE_Z_v(const Decoded& d) {
    return compare_lanes(d, Op::VCmpGtS, lanes(mem_type(d.size), 1), v(d.rn), false);
}
bool Translator::CMLT_Z_v(const Decoded& d) {
    return compare_lanes(d, Op::VCmpGtS, zero_vector(), v(d.rn), false);
}

// --- halving. n + m = 2 (n & m) + (n ^ m), and n - m = (n ^ m) - 2 (~n & m), bit by bit.
bool Translator::halving(const Decoded& d, bool is_signed, bool subtract) {
    const Type t = mem_type(d.size);
    const Value n = v(d.rn), m = v(d.rm);
    const Value half = vec(is_signed ? Op::VAshrImm : Op::VLshrImm, t, b.xor_(n, m), ir::kNone, 0, 1);
    return put(
        d, t,
        subtract ? vec(Op::VSub, t, half, b.binary(Op::AndNot, m, n)) : vec(Op::VAdd, t, b.and_(n, m), half));
}
bool Translator::SHADD_v(const Decoded& d) { return halving(d, true, false); }
bool Translator::UHADD_v(const Decoded& d) { return halving(d, false, false); }
bool Translator::SHSUB_v(const Decoded& d) { return halving(d, true, true); }
bool Translator::UHSUB_v(const Decoded& d) { return halving(d, false, true); }
/// Unsigned, with the order of the numbers moved up by half of their range.
bool Translator::SRHADD_v(const Decoded& d) {
    const Type t = mem_type(d.size);
    const Value bias = sign_bits(t);
    return put(d, t, b.xor_(vec(Op::VAvgU, t, b.xor_(v(d.rn), bias), b.xor_(v(d.rm), bias)), bias));
}

// --- saturating: what differs from the wrapped result has saturated
bool Translator::saturating(const Decoded& d, Op op, Op wrapping) {
    if (reserved(d)) return false;
    const Type t = mem_type(d.size);
    const Value n = v(d.rn), m = v(d.rm), r = vec(op, t, n, m);
    return put_saturated(d, t, r, b.xor_(r, vec(wrapping, t, n, m)));
}
bool Translator::SQADD_v(const Decoded& d) { return saturating(d, Op::VAddSatS, Op::VAdd); }
bool Translator::UQADD_v(const Decoded& d) { return saturating(d, Op::VAddSatU, Op::VAdd); }
bool Translator::SQSUB_v(const Decoded& d) { return saturating(d, Op::VSubSatS, Op::VSub); }
bool Translator::UQSUB_v(const Decoded& d) { return saturating(d, Op::VSubSatU, Op::VSub); }

/// Numbers of both kinds, the accumulator moved by half of the range to be of the kind of the other.
bool Translator::add_biased(const Decoded& d, Op op) {
    if (reserved(d)) return false;
    const Type t = mem_type(d.size);
    const Value bias = sign_bits(t), a = b.xor_(v(d.rd), bias), n = v(d.rn);
    const Value sum = vec(op, t, a, n);
    return put_saturated(d, t, b.xor_(sum, bias), b.xor_(sum, vec(Op::VAdd, t, a, n)));
}
/// Signed accumulator plus unsigned number: an unsigned addition above the bias.
bool Translator::SUQADD_v(const Decoded& d) { return add_biased(d, Op::VAddSatU); }
/// Unsigned accumulator plus signed number: a signed addition below the bias.
bool Translator::USQADD_v(const Decoded& d) { return add_biased(d, Op::VAddSatS); }

/// The smallest number, which alone has no opposite, becomes the largest one: one less, modulo 2^width.
bool Translator::without_smallest(const Decoded& d, Value r) {
    const Type t = mem_type(d.size);
    const Value smallest = vec(Op::VCmpEq, t, r, sign_bits(t));
    return put_saturated(d, t, vec(Op::VAdd, t, r, smallest), smallest);
}
bool Translator::SQABS_v(const Decoded& d) {
    return !reserved(d) && without_smallest(d, vec(Op::VAbs, mem_type(d.size), v(d.rn)));
}
bool Translator::SQNEG_v(const Decoded& d) {
    return !reserved(d) && without_smallest(d, vec(Op::VSub, mem_type(d.size), zero_vector(), v(d.rn)));
}

// --- shifts by a register
bool Translator::register_shift(const Decoded& d, Op op, u32 how) {
    if (reserved(d)) return false;
    const Type t = mem_type(d.size);
    const Value n = v(d.rn), m = v(d.rm), r = vec(op, t, n, m, how);
    if (!(how & ir::kVSaturate)) return put(d, t, r);
    return put_saturated(d, t, r, vec(op, t, n, m, how | ir::kVOverflowMask));
}
bool Translator::SSHL_v(const Decoded& d) { return register_shift(d, Op::VShiftS, 0); }
bool Translator::USHL_v(const Decoded& d) { return register_shift(d, Op::VShiftU, 0); }
bool Translator::SRSHL_v(const Decoded& d) { return register_shift(d, Op::VShiftS, ir::kVRound); }
bool Translator::URSHL_v(const Decoded& d) { return register_shift(d, Op::VShiftU, ir::kVRound); }
bool Translator::SQSHL_v(const Decoded& d) { return register_shift(d, Op::VShiftS, ir::kVSaturate); }
bool Translator::UQSHL_v(const Decoded& d) { return register_shift(d, Op::VShiftU, ir::kVSaturate); }
bool Translator::SQRSHL_v(const Decoded& d) {
    return register_shift(d, Op::VShiftS, ir::kVRound | ir::kVSaturate);
}
bool Translator::UQRSHL_v(const Decoded& d) {
    return register_shift(d, Op::VShiftU, ir::kVRound | ir::kVSaturate);
}

// --- differences
Value Translator::difference(Type t, bool is_signed, Value n, Value m) {
    return vec(Op::VSub, t, vec(is_signed ? Op::VMaxS : Op::VMaxU, t, n, m),
               vec(is_signed ? Op::VMinS : Op::VMinU, t, n, m));
}
bool Translator::SABD_v(const Decoded& d) {
    return put(d, mem_type(d.size), difference(mem_type(d.size), true, v(d.rn), v(d.rm)));
}
bool Translator::UABD_v(const Decoded& d) {
    return put(d, mem_type(d.size), difference(mem_type(d.size), false, v(d.rn), v(d.rm)));
}
bool Translator::SABA_v(const Decoded& d) {
    const Type t = mem_type(d.size);
    return put(d, t, vec(Op::VAdd, t, v(d.rd), difference(t, true, v(d.rn), v(d.rm))));
}
bool Translator::UABA_v(const Decoded& d) {
    const Type t = mem_type(d.size);
    return put(d, t, vec(Op::VAdd, t, v(d.rd), difference(t, false, v(d.rn), v(d.rm))));
}

// --- multiplication
bool Translator::multiply_add(const Decoded& d, Value m, bool subtract) {
    const Type t = mem_type(d.size);
    return put(d, t, vec(subtract ? Op::VSub : Op::VAdd, t, v(d.rd), vec(Op::VMul, t, v(d.rn), m)));
}
bool Translator::MUL_v(const Decoded& d) { return lanewise(d, Op::VMul); }
bool Translator::MLA_v(const Decoded& d) { return multiply_add(d, v(d.rm), false); }
bool Translator::MLS_v(const Decoded& d) { return multiply_add(d, v(d.rm), true); }
bool Translator::MUL_e(const Decoded& d) {
    return put(d, mem_type(d.size), vec(Op::VMul, mem_type(d.size), v(d.rn), element(d)));
}
bool Translator::MLA_e(const Decoded& d) { return multiply_add(d, element(d), false); }
bool Translator::MLS_e(const Decoded& d) { return multiply_add(d, element(d), true); }

/// Where both are the smallest number: twice their product is the one that does not fit.
Value Translator::both_smallest(Type t, Value n, Value m) {
    const Value smallest = sign_bits(t);
    return b.and_(vec(Op::VCmpEq, t, n, smallest), vec(Op::VCmpEq, t, m, smallest));
}
bool Translator::doubling_high(const Decoded& d, Value m, bool rounded) {
    const Type t = mem_type(d.size);
    return put_saturated(d, t, vec(Op::VMulDblHi, t, v(d.rn), m, rounded ? ir::kVRound : 0),
                         both_smallest(t, v(d.rn), m));
}
bool Translator::SQDMULH_v(const Decoded& d) { return doubling_high(d, v(d.rm), false); }
bool Translator::SQRDMULH_v(const Decoded& d) { return doubling_high(d, v(d.rm), true); }
bool Translator::SQDMULH_e(const Decoded& d) { return doubling_high(d, element(d), false); }
bool Translator::SQRDMULH_e(const Decoded& d) { return doubling_high(d, element(d), true); }

/// With e bits a lane and p = 2 n m: (a 2^e ± p + 2^(e-1)) >> e, saturated, is a plus round(p / 2^e), or a
/// minus it, where a tie is rounded down instead of up. VMulDblHi gives that but for one too little where n
/// and m are the smallest number.
bool Translator::doubling_high_add(const Decoded& d, Value m, bool subtract) {
    const Type t = mem_type(d.size);
    const Value n = v(d.rn), a = v(d.rd), one_more = both_smallest(t, n, m);  // -1 there
    Value p = vec(Op::VMulDblHi, t, n, m, ir::kVRound);
    if (subtract) {
        const Value low = vec(Op::VMul, t, n, m);
        p = vec(Op::VAdd, t, p, vec(Op::VCmpEq, t, vec(Op::VAdd, t, low, low), sign_bits(t)));
    }
    const Op add = Op::VAdd, sub = Op::VSub, first = subtract ? sub : add, second = subtract ? add : sub;
    const auto saturating = [](Op op) { return op == Op::VAdd ? Op::VAddSatS : Op::VSubSatS; };
    const Value r = vec(saturating(second), t, vec(saturating(first), t, a, p), one_more);
    return put_saturated(d, t, r, b.xor_(r, vec(second, t, vec(first, t, a, p), one_more)));
}
bool Translator::SQRDMLAH_v(const Decoded& d) { return doubling_high_add(d, v(d.rm), false); }
bool Translator::SQRDMLSH_v(const Decoded& d) { return doubling_high_add(d, v(d.rm), true); }
bool Translator::SQRDMLAH_e(const Decoded& d) { return doubling_high_add(d, element(d), false); }
bool Translator::SQRDMLSH_e(const Decoded& d) { return doubling_high_add(d, element(d), true); }

// --- pairs: neighbours in n, then in m
bool Translator::pairwise(const Decoded& d, Op op) {
    if (reserved(d)) return false;
    const Type t = mem_type(d.size);
    Value n = v(d.rn), m = v(d.rm);
    if (d.size >= 2 && d.q) return put(d, t, vec(op, t, vec(Op::VUzp1, t, n, m), vec(Op::VUzp2, t, n, m)));
    // Each even lane with the odd one above it, which leaves nothing of use in the odd lanes.
    const auto pairs = [&](Value x) {
        return vec(op, t, x, vec(Op::VLshrImm, wide_type(d.size), x, ir::kNone, 0, ir::width(t)));
    };
    if (!d.q) return put(d, t, vec(Op::VUzp1, t, pairs(vec(Op::VZip1, Type::I64, n, m)), zero_vector()));
    const Value first = pairs(n);
    return put(d, t, vec(Op::VUzp1, t, first, d.rn == d.rm ? first : pairs(m)));
}
bool Translator::ADDP_v(const Decoded& d) { return pairwise(d, Op::VAdd); }
bool Translator::SMAXP_v(const Decoded& d) { return pairwise(d, Op::VMaxS); }
bool Translator::UMAXP_v(const Decoded& d) { return pairwise(d, Op::VMaxU); }
bool Translator::SMINP_v(const Decoded& d) { return pairwise(d, Op::VMinS); }
bool Translator::UMINP_v(const Decoded& d) { return pairwise(d, Op::VMinU); }
bool Translator::ADDP_d(const Decoded& d) {
    const Value n = v(d.rn);
    return set_scalar(d.rd, b.add(b.vextract(Type::I64, n, 0), b.vextract(Type::I64, n, 1)));
}

/// Pairs of lanes as one of twice the width: what stands in its upper half and what in its lower.
bool Translator::add_pairs_long(const Decoded& d, bool is_signed, bool accumulate) {
    const Type t = wide_type(d.size);
    const unsigned width = 8u << d.size;
    const Op right = is_signed ? Op::VAshrImm : Op::VLshrImm;
    const Value n = v(d.rn);
    const Value lower = is_signed
                            ? vec(right, t, vec(Op::VShlImm, t, n, ir::kNone, 0, width), ir::kNone, 0, width)
                            : b.and_(n, lanes(t, zext(~u64{0}, width)));
    const Value sum = vec(Op::VAdd, t, lower, vec(right, t, n, ir::kNone, 0, width));
    return put(d, t, accumulate ? vec(Op::VAdd, t, v(d.rd), sum) : sum);
}
bool Translator::SADDLP_v(const Decoded& d) { return add_pairs_long(d, true, false); }
bool Translator::UADDLP_v(const Decoded& d) { return add_pairs_long(d, false, false); }
bool Translator::SADALP_v(const Decoded& d) { return add_pairs_long(d, true, true); }
bool Translator::UADALP_v(const Decoded& d) { return add_pairs_long(d, false, true); }

// --- across all lanes: each step folds the register onto itself
Value Translator::fold_lanes(Op op, Type t, Value n) {
    for (unsigned step = 8; step >= ir::width(t) / 8; step /= 2)
        n = vec(op, t, n, vec(Op::VExt, Type::I8, n, n, 0, step));
    return n;
}
/// The sum of bytes that CNT made is a count of bits (where compilers want that of a general register, they
/// go this way); else kNone.
Value Translator::counted_bits(const Decoded& d, Value n) {
    const bool low_half = b.at(n).op == Op::VLow64;
    const ir::Inst made = b.at(low_half ? b.at(n).args[0] : n);
    if (d.size != 0 || made.op != Op::VPopcnt) return ir::kNone;
    const Value x = made.args[0];
    const ir::Inst source = b.at(x);
    const bool scalar = source.op == Op::VScalar && source.mtype == Type::I64;
    const Value low = b.unary(Op::Popcnt, scalar ? source.args[0] : b.vextract(Type::I64, x, 0));
    if (!d.q || low_half) return low;
    return b.add(low, b.unary(Op::Popcnt, b.vextract(Type::I64, x, 1)));
}

bool Translator::across(const Decoded& d, Op op) {
    const Type t = mem_type(d.size);
    if (d.size == 2 && !d.q) return false;
    Value n = v(d.rn);
    if (const Value bits = op == Op::VAdd ? counted_bits(d, n) : ir::kNone; bits != ir::kNone)
        return set_scalar(d.rd, bits);
    // Doubled, the low half changes no extreme; a sum wants the other half to be zero.
    if (!d.q) n = op == Op::VAdd ? low64(n) : vec(Op::VZip1, Type::I64, n, n);
    return set_scalar(d.rd, b.vextract(t, fold_lanes(op, t, n), 0));
}
bool Translator::ADDV_v(const Decoded& d) { return across(d, Op::VAdd); }
bool Translator::SMAXV_v(const Decoded& d) { return across(d, Op::VMaxS); }
bool Translator::UMAXV_v(const Decoded& d) { return across(d, Op::VMaxU); }
bool Translator::SMINV_v(const Decoded& d) { return across(d, Op::VMinS); }
bool Translator::UMINV_v(const Decoded& d) { return across(d, Op::VMinU); }

bool Translator::across_long(const Decoded& d, Op widen) {
    const Type t = mem_type(d.size), wide = wide_type(d.size);
    if (d.size == 2 && !d.q) return false;
    const Value n = v(d.rn);
    if (const Value bits = widen == Op::VWidenU ? counted_bits(d, n) : ir::kNone; bits != ir::kNone)
        return set_scalar(d.rd, bits);
    Value sum = vec(widen, t, n);
    if (d.q) sum = vec(Op::VAdd, wide, sum, vec(widen, t, n, ir::kNone, ir::kVHigh));
    return set_scalar(d.rd, b.vextract(wide, fold_lanes(Op::VAdd, wide, sum), 0));
}
bool Translator::SADDLV_v(const Decoded& d) { return across_long(d, Op::VWidenS); }
bool Translator::UADDLV_v(const Decoded& d) { return across_long(d, Op::VWidenU); }

// --- one operand
bool Translator::ABS_v(const Decoded& d) {
    return !reserved(d) && put(d, mem_type(d.size), vec(Op::VAbs, mem_type(d.size), v(d.rn)));
}
bool Translator::NEG_v(const Decoded& d) {
    return !reserved(d) && put(d, mem_type(d.size), vec(Op::VSub, mem_type(d.size), zero_vector(), v(d.rn)));
}
bool Translator::CLZ_v(const Decoded& d) {
    return put(d, mem_type(d.size), vec(Op::VClz, mem_type(d.size), v(d.rn)));
}
/// Leading bits, after the first, that equal the first.
bool Translator::CLS_v(const Decoded& d) {
    const Type t = mem_type(d.size);
    const Value n = v(d.rn), changes = b.xor_(n, vec(Op::VAshrImm, t, n, ir::kNone, 0, 1));
    return put(d, t, vec(Op::VSub, t, vec(Op::VClz, t, changes), lanes(t, 1)));
}
bool Translator::CNT_v(const Decoded& d) { return put(d, Type::I8, vec(Op::VPopcnt, Type::I8, v(d.rn))); }
bool Translator::RBIT_v(const Decoded& d) { return put(d, Type::I8, vec(Op::VBitrev, Type::I8, v(d.rn))); }
bool Translator::NOT_v(const Decoded& d) { return put(d, Type::I8, b.not_(v(d.rn))); }
bool Translator::REV64_v(const Decoded& d) {
    return put(d, Type::I8, vec(Op::VRev, mem_type(d.size), v(d.rn), ir::kNone, 0, 64));
}
bool Translator::REV32_v(const Decoded& d) {
    return put(d, Type::I8, vec(Op::VRev, mem_type(d.size), v(d.rn), ir::kNone, 0, 32));
}
bool Translator::REV16_v(const Decoded& d) {
    return put(d, Type::I8, vec(Op::VRev, mem_type(d.size), v(d.rn), ir::kNone, 0, 16));
}
bool Translator::URECPE_v(const Decoded& d) {
    Value r = v(d.rn);
    for (unsigned i = 0; i < (d.q ? 4u : 2u); i++)
        r = vec(Op::VInsert, Type::I32, r, b.unary(Op::URecpEst, b.vextract(Type::I32, r, i)), 0, i);
    return put(d, Type::I32, r);
}
bool Translator::URSQRTE_v(const Decoded& d) {
    Value r = v(d.rn);
    for (unsigned i = 0; i < (d.q ? 4u : 2u); i++)
        r = vec(Op::VInsert, Type::I32, r, b.unary(Op::URsqrtEst, b.vextract(Type::I32, r, i)), 0, i);
    return put(d, Type::I32, r);
}

// --- logic
bool Translator::AND_v(const Decoded& d) { return put(d, Type::I8, b.and_(v(d.rn), v(d.rm))); }
bool Translator::BIC_v(const Decoded& d) { return put(d, Type::I8, b.binary(Op::AndNot, v(d.rn), v(d.rm))); }
bool Translator::ORR_v(const Decoded& d) {
    return put(d, Type::I8, d.rn == d.rm ? v(d.rn) : b.or_(v(d.rn), v(d.rm)));
}
bool Translator::ORN_v(const Decoded& d) { return put(d, Type::I8, b.or_(v(d.rn), b.not_(v(d.rm)))); }
bool Translator::EOR_v(const Decoded& d) { return put(d, Type::I8, b.xor_(v(d.rn), v(d.rm))); }
bool Translator::BSL_v(const Decoded& d) { return put(d, Type::I8, bit_select(v(d.rd), v(d.rn), v(d.rm))); }
bool Translator::BIT_v(const Decoded& d) { return put(d, Type::I8, bit_select(v(d.rm), v(d.rn), v(d.rd))); }
bool Translator::BIF_v(const Decoded& d) { return put(d, Type::I8, bit_select(v(d.rm), v(d.rd), v(d.rn))); }

}  // namespace vm::frontend::arm64
