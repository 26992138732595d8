#include "ir/interp_fp.h"

#include <algorithm>

#include "ir/eval.h"

namespace vm::ir {
namespace {
namespace sf = softfloat;
using sf::Format;

static_assert(static_cast<u8>(sf::Round::Rmm) == static_cast<u8>(Round::Rmm) &&
              static_cast<u8>(sf::Round::Odd) == static_cast<u8>(Round::Odd) &&
              static_cast<u8>(sf::Isa::X86) == static_cast<u8>(FpSem::X86));
static_assert(sf::kInexact == +kInexact && sf::kUnderflow == +kUnderflow && sf::kOverflow == +kOverflow &&
              sf::kDivByZero == +kDivByZero && sf::kInvalid == +kInvalid &&
              sf::kInputDenormal == +kInputDenormal);

bool holds(FpCond cond, sf::Order order) {
    switch (cond) {
        case FpCond::Eq: return order == sf::Order::Equal;
        case FpCond::Lt: return order == sf::Order::Less;
        case FpCond::Le: return order == sf::Order::Less || order == sf::Order::Equal;
        case FpCond::Unordered: return order == sf::Order::Unordered;
    }
    return false;
}

/// As Arm FCMP has them.
Nzcv flags_of(sf::Order order) {
    switch (order) {
        case sf::Order::Less: return {0b1000};
        case sf::Order::Equal: return {0b0110};
        case sf::Order::Greater: return {0b0010};
        case sf::Order::Unordered: break;
    }
    return {0b0011};
}

template <Format F>
u64 compare(const Inst& in, u64 x, u64 y, FpEnv& fp) {
    sf::Env env;
    env.flush = in.aux & kFpFlush;
    const sf::Order order = sf::compare<F>(x, y, in.aux & 8, env);
    interp_fp_raise(env, fp);
    if (in.op == Op::FlagsFCmp) return flags_of(order).bits;
    return holds(static_cast<FpCond>(in.aux & 7), order);
}

/// Ops whose operands and result are all of format F.
template <Format F>
u64 arithmetic(Op op, u32 aux, u64 x, u64 y, u64 z, sf::Env& env) {
    constexpr u64 kSign = sf::Traits<F>::kSign;
    switch (op) {
        case Op::FAdd: return sf::add<F>(x, y, env);
        case Op::FSub: return sf::sub<F>(x, y, env);
        case Op::FMul: return sf::mul<F>(x, y, env);
        case Op::FDiv: return sf::div<F>(x, y, env);
        case Op::FSqrt: return sf::sqrt<F>(x, env);
        case Op::Fma: return sf::fma<F>(x, y, z, aux & kFmaNegProduct, aux & kFmaNegAddend, env);
        case Op::FMinNum: return sf::min_num<F>(x, y, env);
        case Op::FMaxNum: return sf::max_num<F>(x, y, env);
        case Op::FMin: return sf::min<F>(x, y, env);
        case Op::FMax: return sf::max<F>(x, y, env);
        case Op::FNeg: return x ^ kSign;
        case Op::FAbs: return x & ~kSign;
        case Op::FCopySign: return (x & ~kSign) | (y & kSign);
        case Op::FRound: return sf::round_to_integral<F>(x, aux & kFpExact, env);
        case Op::FMulX: return sf::mul_extended<F>(x, y, env);
        case Op::FRecpStep: return sf::recip_step<F>(x, y, env);
        case Op::FRsqrtStep: return sf::rsqrt_step<F>(x, y, env);
        case Op::FRecpEst: return sf::recip_estimate<F>(x, env);
        case Op::FRsqrtEst: return sf::rsqrt_estimate<F>(x, env);
        case Op::FRecpX: return sf::recip_exponent<F>(x, env);
        default: break;
    }
    if constexpr (F != Format::F16)
        if (op == Op::FRoundInt) return sf::round_to_int_range<F>(x, bit(aux, 9) ? 64 : 32, env);
    return 0;
}

template <Format F>
u64 convert_to(const Inst& in, u64 x, sf::Env& env) {
    env.alt_half = in.aux & kFpAltHalf;
    if (fp_round(in.aux) == Round::Odd) env.rounding = sf::Round::Odd;
    switch (in.type) {
        case Type::F16: return sf::convert<Format::F16, F>(x, env);
        case Type::F32: return sf::convert<Format::F32, F>(x, env);
        case Type::F64: return sf::convert<Format::F64, F>(x, env);
        default: return 0;
    }
}

unsigned int_width(Type t) { return std::clamp(width(t), 1u, 64u); }

u64 nan_box(const Inst& in, u64 x, unsigned own_width) {
    return (zext(~u64{0}, width(in.type)) & ~zext(~u64{0}, own_width)) | x;
}

u64 nan_unbox(const Inst& in, u64 x, unsigned own_width) {
    const unsigned narrow = width(in.type);
    const bool boxed = (x | zext(~u64{0}, narrow)) == zext(~u64{0}, own_width);
    const u64 canonical = in.type == Type::F16 ? sf::default_nan<Format::F16>(sf::Isa::RiscV)
                                               : sf::default_nan<Format::F32>(sf::Isa::RiscV);
    return boxed ? zext(x, narrow) : canonical;
}

/// Ops on a float operand 0 of format F.
template <Format F>
u64 from_float(const Inst& in, u64 x, u64 y, u64 z, FpEnv& fp) {
    // Comparisons have no Round and FpSem in aux: results do not depend on them.
    if (in.op == Op::FCmp || in.op == Op::FlagsFCmp) return compare<F>(in, x, y, fp);
    sf::Env env = interp_fp_env(in.aux, fp);
    u64 result = 0;
    switch (in.op) {
        case Op::FClass: return u64{1} << sf::classify<F>(x);
        case Op::NanBox: return nan_box(in, x, sf::Traits<F>::kWidth);
        case Op::NanUnbox: return nan_unbox(in, x, sf::Traits<F>::kWidth);
        case Op::FToInt:
            result =
                sf::to_int<F>(x, int_width(in.type), in.aux & kFpUnsigned, env, fp_fraction_bits(in.aux));
            break;
        case Op::FToIntMod: result = sf::to_int_modular<F>(x, 32, env); break;
        case Op::FToF: result = convert_to<F>(in, x, env); break;
        case Op::FToBf16:
            if constexpr (F == Format::F32) result = sf::convert<Format::BF16, F>(x, env);
            break;
        default: result = arithmetic<F>(in.op, in.aux, x, y, z, env); break;
    }
    interp_fp_raise(env, fp);
    return result;
}

u64 int_to_float(const Inst& in, Type xtype, u64 x, FpEnv& fp) {
    sf::Env env = interp_fp_env(in.aux, fp);
    const unsigned w = int_width(xtype), fraction = fp_fraction_bits(in.aux);
    const bool is_unsigned = in.aux & kFpUnsigned;
    u64 result = 0;
    switch (in.type) {
        case Type::F16: result = sf::from_int<Format::F16>(x, w, is_unsigned, env, fraction); break;
        case Type::F32: result = sf::from_int<Format::F32>(x, w, is_unsigned, env, fraction); break;
        case Type::F64: result = sf::from_int<Format::F64>(x, w, is_unsigned, env, fraction); break;
        default: break;
    }
    interp_fp_raise(env, fp);
    return result;
}

}  // namespace

/// Reserved rounding modes are never executed by a correct front end; here they act as number 0.
sf::Env interp_fp_env(u32 aux, const FpEnv& fp) {
    const u8 wanted = fp_round(aux) == Round::Dyn ? fp.rounding : static_cast<u8>(fp_round(aux));
    const auto rounding = static_cast<sf::Round>(wanted <= static_cast<u8>(Round::Rmm) ? wanted : 0);
    const FpSem sem = fp_sem(aux);
    sf::Env env = sf::Env::of(sem == FpSem::ArmDn ? sf::Isa::Arm : static_cast<sf::Isa>(static_cast<u8>(sem)),
                              rounding);
    env.default_nan = sem == FpSem::ArmDn;
    env.flush = aux & kFpFlush;
    return env;
}

void interp_fp_raise(const sf::Env& env, FpEnv& fp) {
    fp.flags |= env.flags & 31;
    fp.input_denormal |= env.flags & kInputDenormal;
}

u64 interp_fp_scalar(const Inst& in, Type xtype, u64 x, u64 y, u64 z, FpEnv& fp) {
    switch (in.op) {
        case Op::IntToF: return int_to_float(in, xtype, x, fp);
        case Op::URecpEst: return sf::unsigned_recip_estimate(static_cast<u32>(x));
        case Op::URsqrtEst: return sf::unsigned_rsqrt_estimate(static_cast<u32>(x));
        default: break;
    }
    switch (xtype) {
        case Type::F16: return from_float<Format::F16>(in, x, y, z, fp);
        case Type::F32: return from_float<Format::F32>(in, x, y, z, fp);
        case Type::F64: return from_float<Format::F64>(in, x, y, z, fp);
        default: return 0;
    }
}

u128 interp_fp(const Inst& in, Type xtype, u128 x, u128 y, u128 z, FpEnv& fp) {
    if (in.op >= Op::VFAdd && in.op <= Op::VBfMatMul) return interp_fp_vector(in, x, y, z, fp);
    return interp_fp_scalar(in, xtype, static_cast<u64>(x), static_cast<u64>(y), static_cast<u64>(z), fp);
}

}  // namespace vm::ir
