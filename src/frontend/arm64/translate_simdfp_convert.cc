// Advanced SIMD floating point: rounding to integral values, conversions to and from integers, fixed point
// and other formats.
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {

using ir::Round;

namespace {
constexpr u32 fraction(unsigned bits) { return bits << 9; }
constexpr u32 sign_of(const Decoded& d) { return d.mode ? ir::kFpUnsigned : 0; }
constexpr Round rounding_of(const Decoded& d) { return static_cast<Round>(d.opt); }
/// Of the fixed-point encodings.
constexpr unsigned fraction_of(const Decoded& d) { return (8u << d.size) - d.amount; }
}  // namespace

// --- integral values
bool Translator::FRINTN_v(const Decoded& d) {
    if (!lanes_valid(d)) return false;
    const Type t = fp_type(d.size);
    const u32 aux = fp(t, rounding_of(d), d.mode ? ir::kFpExact : 0);
    return set_vq(d.q, d.rd, vec(Op::VFRound, t, vq(d.q, d.rn), ir::kNone, aux));
}

bool Translator::FRINT32Z_v(const Decoded& d) {
    if (!lanes_valid(d)) return false;
    constexpr u32 kTo64 = 1u << 9;
    const Type t = fp_type(d.size);
    const u32 aux = fp(t, rounding_of(d), d.mode ? kTo64 : 0);
    const auto rounded = [&](Value x) { return b.unary(Op::FRoundInt, x, aux); };
    return set_v(d.rd, each_lane(t, lane_count(d), v(d.rn), rounded));
}

// --- integers and fixed point, as wide as the lanes
bool Translator::lanes_to_int(const Decoded& d, Round rounding, unsigned fraction_bits) {
    if (!lanes_valid(d)) return false;
    const Type t = fp_type(d.size);
    const u32 aux = fp(t, rounding, sign_of(d) | fraction(fraction_bits));
    return set_vq(d.q, d.rd, vec(Op::VFToInt, t, vq(d.q, d.rn), ir::kNone, aux));
}
bool Translator::lane0_to_int(const Decoded& d, Round rounding, unsigned fraction_bits) {
    const Type t = fp_type(d.size);
    const u32 aux = fp(t, rounding, sign_of(d) | fraction(fraction_bits));
    return set_scalar(d.rd, b.convert(Op::FToInt, mem_type(d.size), scalar(t, d.rn), aux));
}
bool Translator::lanes_to_fp(const Decoded& d, unsigned fraction_bits) {
    if (!lanes_valid(d)) return false;
    const Type t = fp_type(d.size);
    return set_vq(d.q, d.rd,
                  fp_vec(Op::VIntToF, t, vq(d.q, d.rn), ir::kNone, sign_of(d) | fraction(fraction_bits)));
}
bool Translator::lane0_to_fp(const Decoded& d, unsigned fraction_bits) {
    const Type t = fp_type(d.size);
    const u32 aux = fp(t, Round::Dyn, sign_of(d) | fraction(fraction_bits));
    return set_scalar(d.rd, b.convert(Op::IntToF, t, scalar(mem_type(d.size), d.rn), aux));
}

bool Translator::FCVTNS_v(const Decoded& d) { return lanes_to_int(d, rounding_of(d), 0); }
bool Translator::FCVTNS_s(const Decoded& d) { return lane0_to_int(d, rounding_of(d), 0); }
bool Translator::FCVTZS_i(const Decoded& d) { return lanes_to_int(d, Round::Rtz, fraction_of(d)); }
bool Translator::FCVTZS_is(const Decoded& d) { return lane0_to_int(d, Round::Rtz, fraction_of(d)); }
bool Translator::SCVTF_v(const Decoded& d) { return lanes_to_fp(d, 0); }
bool Translator::SCVTF_s(const Decoded& d) { return lane0_to_fp(d, 0); }
bool Translator::SCVTF_i(const Decoded& d) { return lanes_to_fp(d, fraction_of(d)); }
bool Translator::SCVTF_is(const Decoded& d) { return lane0_to_fp(d, fraction_of(d)); }

// --- other formats
/// aux of a conversion between the format of `narrow_size` and the next wider one. FZ16 has no part in it.
u32 Translator::between_formats(unsigned narrow_size, Round rounding) const {
    const bool alternative = narrow_size == 1 && request_.mode & kModeAhp;
    return fp(fp_type(narrow_size + 1), rounding, alternative ? ir::kFpAltHalf : 0);
}

/// Lanes in the low half of `narrow`, whose high half is zero, become Vd or, of the `2` forms, its high half.
bool Translator::set_narrowed(const Decoded& d, Value narrow) {
    return set_v(d.rd, d.q ? low_halves(v(d.rd), narrow) : narrow);
}

/// Halves are never subnormal in single precision, so FZ has no part in widening them.
bool Translator::FCVTL_v(const Decoded& d) {
    u32 aux = between_formats(d.size) | (d.q ? ir::kVFHigh : 0);
    if (d.size == 1) aux &= ~ir::kFpFlush;
    return set_v(d.rd, vec(Op::VFWiden, fp_type(d.size), v(d.rn), ir::kNone, aux));
}
bool Translator::FCVTN_v(const Decoded& d) {
    return set_narrowed(d, vec(Op::VFNarrow, fp_type(d.size), v(d.rn), ir::kNone, between_formats(d.size)));
}
bool Translator::FCVTXN_v(const Decoded& d) {
    const u32 aux = between_formats(d.size, Round::Odd);
    return set_narrowed(d, vec(Op::VFNarrow, Type::F32, v(d.rn), ir::kNone, aux));
}
bool Translator::FCVTXN_s(const Decoded& d) {
    const u32 aux = between_formats(d.size, Round::Odd);
    return set_scalar(d.rd, b.convert(Op::FToF, Type::F32, scalar(Type::F64, d.rn), aux));
}
bool Translator::BFCVTN_v(const Decoded& d) {
    const u32 aux = fp(Type::F32);
    const auto narrow = [&](Value x) { return b.convert(Op::FToBf16, Type::I16, x, aux); };
    return set_narrowed(d, each_lane(Type::F32, 4, v(d.rn), narrow));
}

}  // namespace vm::frontend::arm64
