#include "ir/interp_fp.h"

#include <algorithm>

#include "base/softfloat.h"

namespace vm::ir {
namespace {
namespace sf = softfloat;
using sf::Format;

static_assert(static_cast<u8>(sf::Round::Rmm) == static_cast<u8>(Round::Rmm) &&
              static_cast<u8>(sf::Isa::X86) == static_cast<u8>(FpSem::X86));
static_assert(sf::kInexact == +kInexact && sf::kUnderflow == +kUnderflow && sf::kOverflow == +kOverflow &&
              sf::kDivByZero == +kDivByZero && sf::kInvalid == +kInvalid);

/// Reserved rounding modes and semantics are never executed by a correct front end; here they act as number
/// 0.
sf::Env environment(u32 aux, const FpEnv& fp) {
    const u8 wanted = fp_round(aux) == Round::Dyn ? fp.rounding : static_cast<u8>(fp_round(aux));
    const auto rounding = static_cast<sf::Round>(wanted <= static_cast<u8>(Round::Rmm) ? wanted : 0);
    const auto sem = static_cast<u8>(fp_sem(aux));
    return sf::Env::of(static_cast<sf::Isa>(sem <= static_cast<u8>(FpSem::X86) ? sem : 0), rounding);
}

template <Format F>
bool holds(FpCond cond, u64 x, u64 y, bool signaling, sf::Env& env) {
    const sf::Order order = sf::compare<F>(x, y, signaling, env);
    switch (cond) {
        case FpCond::Eq: return order == sf::Order::Equal;
        case FpCond::Lt: return order == sf::Order::Less;
        case FpCond::Le: return order == sf::Order::Less || order == sf::Order::Equal;
        case FpCond::Unordered: return order == sf::Order::Unordered;
    }
    return false;
}

/// Ops whose operands and result are all of format F.
template <Format F>
u64 arithmetic(Op op, u32 aux, u64 x, u64 y, u64 z, sf::Env& env) {
    constexpr u64 kSign = sf::Traits<F>::kSign;
    switch (op) {
        case Op::FAdd:
        case Op::VFAdd: return sf::add<F>(x, y, env);
        case Op::FSub:
        case Op::VFSub: return sf::sub<F>(x, y, env);
        case Op::FMul:
        case Op::VFMul: return sf::mul<F>(x, y, env);
        case Op::FDiv:
        case Op::VFDiv: return sf::div<F>(x, y, env);
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
        default: return 0;
    }
}

template <Format F>
u64 convert_to(Type to, u64 x, sf::Env& env) {
    switch (to) {
        case Type::F16: return sf::convert<Format::F16, F>(x, env);
        case Type::F32: return sf::convert<Format::F32, F>(x, env);
        case Type::F64: return sf::convert<Format::F64, F>(x, env);
        default: return 0;
    }
}

unsigned int_width(Type t) { return std::clamp(width(t), 1u, 64u); }

/// Ops on a float operand 0 of format F.
template <Format F>
u64 from_float(const Inst& in, u64 x, u64 y, u64 z, FpEnv& fp) {
    const unsigned own_width = sf::Traits<F>::kWidth;
    if (in.op == Op::FCmp) {  // no Round and FpSem in aux: results do not depend on them
        sf::Env env;
        const bool result = holds<F>(static_cast<FpCond>(in.aux & 7), x, y, in.aux & 8, env);
        fp.flags |= env.flags;
        return result;
    }
    sf::Env env = environment(in.aux, fp);
    u64 result = 0;
    switch (in.op) {
        case Op::FClass: result = u64{1} << sf::classify<F>(x); break;
        case Op::FToInt: result = sf::to_int<F>(x, int_width(in.type), in.aux & kFpUnsigned, env); break;
        case Op::FToIntMod: result = sf::to_int_modular<F>(x, 32, env); break;
        case Op::FToF: result = convert_to<F>(in.type, x, env); break;
        case Op::NanBox:
            result = zext(~u64{0}, width(in.type)) & ~zext(~u64{0}, own_width);
            result |= x;
            break;
        case Op::NanUnbox: {
            const unsigned narrow = width(in.type);
            const bool boxed = (x | zext(~u64{0}, narrow)) == zext(~u64{0}, own_width);
            const u64 canonical = in.type == Type::F16 ? sf::default_nan<Format::F16>(sf::Isa::RiscV)
                                                       : sf::default_nan<Format::F32>(sf::Isa::RiscV);
            result = boxed ? zext(x, narrow) : canonical;
            break;
        }
        default: result = arithmetic<F>(in.op, in.aux, x, y, z, env); break;
    }
    fp.flags |= env.flags;
    return result;
}

u64 int_to_float(const Inst& in, Type xtype, u64 x, FpEnv& fp) {
    sf::Env env = environment(in.aux, fp);
    const unsigned w = int_width(xtype);
    const bool is_unsigned = in.aux & kFpUnsigned;
    u64 result = 0;
    switch (in.type) {
        case Type::F16: result = sf::from_int<Format::F16>(x, w, is_unsigned, env); break;
        case Type::F32: result = sf::from_int<Format::F32>(x, w, is_unsigned, env); break;
        case Type::F64: result = sf::from_int<Format::F64>(x, w, is_unsigned, env); break;
        default: break;
    }
    fp.flags |= env.flags;
    return result;
}

u64 scalar(const Inst& in, Type xtype, u64 x, u64 y, u64 z, FpEnv& fp) {
    switch (xtype) {
        case Type::F16: return from_float<Format::F16>(in, x, y, z, fp);
        case Type::F32: return from_float<Format::F32>(in, x, y, z, fp);
        case Type::F64: return from_float<Format::F64>(in, x, y, z, fp);
        default: return 0;
    }
}

}  // namespace

u128 interp_fp(const Inst& in, Type xtype, u128 x, u128 y, u128 z, FpEnv& fp) {
    if (in.op == Op::IntToF) return int_to_float(in, xtype, static_cast<u64>(x), fp);
    if (in.op < Op::VFAdd || in.op > Op::VBfMatMul) {
        return scalar(in, xtype, static_cast<u64>(x), static_cast<u64>(y), static_cast<u64>(z), fp);
    }
    const unsigned lane = width(in.mtype);
    if (!is_float(in.mtype)) return 0;
    u128 result = 0;
    for (unsigned at = 0; at < 128; at += lane) {
        const u64 value = scalar(in, in.mtype, zext(static_cast<u64>(x >> at), lane),
                                 zext(static_cast<u64>(y >> at), lane), 0, fp);
        result |= u128{value} << at;
    }
    return result;
}

}  // namespace vm::ir
