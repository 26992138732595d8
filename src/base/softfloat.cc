// Arithmetic of clause 5.4.1: addition, multiplication, division, square root, fused multiply-add.
#include "base/softfloat.h"

#include "base/softfloat_detail.h"

namespace vm::softfloat {
namespace {
using namespace detail;

template <Format F>
u64 add_signed(u64 a, u64 b, bool negate_b, Env& env) {
    a = operand<F>(a, env), b = operand<F>(b, env);
    const Number x = unpack<F>(a);
    Number y = unpack<F>(b);
    if (x.kind == Kind::Nan || y.kind == Kind::Nan) return propagate_nan<F>(env, a, b);
    y.sign ^= negate_b;
    if (x.kind == Kind::Inf) {
        return y.kind == Kind::Inf && x.sign != y.sign ? invalid<F>(env) : signed_inf<F>(x.sign);
    }
    if (y.kind == Kind::Inf) return signed_inf<F>(y.sign);
    if (x.kind == Kind::Zero && y.kind == Kind::Zero) {
        return signed_zero<F>(x.sign == y.sign ? x.sign : exact_zero_sign(env.rounding));
    }
    if (x.kind == Kind::Zero) return round_pack<F>(y.sign, y.exp, y.sig, env);
    if (y.kind == Kind::Zero) return round_pack<F>(x.sign, x.exp, x.sig, env);
    return add_wide<F>(widen(x), widen(y), env);
}

/// Largest r with r * r <= v, for v < 2^126, and whether v is not a square.
std::pair<u64, bool> integer_sqrt(u128 v) {
    u64 root = 0;
    u128 rest = v;  // v - root * root
    for (int i = 62; i >= 0; --i) {
        const u128 step = (u128{root} << (i + 1)) + (u128{1} << (2 * i));  // (root + 2^i)^2 - root^2
        if (rest < step) continue;
        rest -= step;
        root |= u64{1} << i;
    }
    return {root, rest != 0};
}

}  // namespace

template <Format F>
u64 add(u64 a, u64 b, Env& env) {
    return add_signed<F>(a, b, false, env);
}
template <Format F>
u64 sub(u64 a, u64 b, Env& env) {
    return add_signed<F>(a, b, true, env);
}

template <Format F>
u64 mul(u64 a, u64 b, Env& env) {
    a = operand<F>(a, env), b = operand<F>(b, env);
    const Number x = unpack<F>(a), y = unpack<F>(b);
    if (x.kind == Kind::Nan || y.kind == Kind::Nan) return propagate_nan<F>(env, a, b);
    const bool sign = x.sign != y.sign;
    const bool any_zero = x.kind == Kind::Zero || y.kind == Kind::Zero;
    if (x.kind == Kind::Inf || y.kind == Kind::Inf) return any_zero ? invalid<F>(env) : signed_inf<F>(sign);
    if (any_zero) return signed_zero<F>(sign);
    return normalize_round_pack<F>(sign, x.exp + y.exp + 1, u128{x.sig} * y.sig, env);
}

template <Format F>
u64 div(u64 a, u64 b, Env& env) {
    a = operand<F>(a, env), b = operand<F>(b, env);
    const Number x = unpack<F>(a), y = unpack<F>(b);
    if (x.kind == Kind::Nan || y.kind == Kind::Nan) return propagate_nan<F>(env, a, b);
    const bool sign = x.sign != y.sign;
    if (x.kind == Kind::Inf) return y.kind == Kind::Inf ? invalid<F>(env) : signed_inf<F>(sign);
    if (y.kind == Kind::Inf) return signed_zero<F>(sign);
    if (y.kind == Kind::Zero) {
        if (x.kind == Kind::Zero) return invalid<F>(env);
        env.flags |= kDivByZero;
        return signed_inf<F>(sign);
    }
    if (x.kind == Kind::Zero) return signed_zero<F>(sign);
    // Quotient in (2^62, 2^64): 63 or 64 significant bits, far more than any precision here.
    const u128 dividend = u128{x.sig} << 63;
    const u64 quotient = static_cast<u64>(dividend / y.sig) | (dividend % y.sig != 0);
    return normalize_round_pack<F>(sign, x.exp - y.exp, u128{quotient} << 64, env);
}

template <Format F>
u64 sqrt(u64 a, Env& env) {
    a = operand<F>(a, env);
    const Number x = unpack<F>(a);
    if (x.kind == Kind::Nan) return propagate_nan<F>(env, a);
    if (x.kind == Kind::Zero) return signed_zero<F>(x.sign);
    if (x.sign) return invalid<F>(env);
    if (x.kind == Kind::Inf) return signed_inf<F>(false);
    // x = m * 2^(2 * half - 124) with m in [2^124, 2^126): root in [2^62, 2^63).
    const int half = x.exp >> 1;
    const u128 m = u128{x.sig} << (x.exp & 1 ? 62 : 61);
    const auto [root, inexact] = integer_sqrt(m);
    return round_pack<F>(false, half, root << 1 | inexact, env);
}

template <Format F>
u64 fma(u64 a, u64 b, u64 c, bool negate_product, bool negate_addend, Env& env) {
    if (env.isa == Isa::Arm) {
        a ^= std::exchange(negate_product, false) ? Traits<F>::kSign : 0;
        c ^= std::exchange(negate_addend, false) ? Traits<F>::kSign : 0;
    }
    a = operand<F>(a, env), b = operand<F>(b, env), c = operand<F>(c, env);
    const Number x = unpack<F>(a), y = unpack<F>(b);
    Number z = unpack<F>(c);
    if (x.kind == Kind::Nan || y.kind == Kind::Nan || z.kind == Kind::Nan) {
        // Clause 7.2 leaves inf * 0 + quiet NaN open: RISC-V and Arm raise invalid, Arm gives the default
        // NaN, x86 neither.
        const bool inf_times_zero =
            (x.kind == Kind::Inf && y.kind == Kind::Zero) || (x.kind == Kind::Zero && y.kind == Kind::Inf);
        if (env.isa != Isa::Arm) {
            if (inf_times_zero && env.isa == Isa::RiscV) env.flags |= kInvalid;
            return propagate_nan<F>(env, a, b, c);
        }
        return inf_times_zero && !is_signaling_nan<F>(c) ? invalid<F>(env) : propagate_nan<F>(env, c, a, b);
    }
    z.sign ^= negate_addend;
    return fused<F>(x, y, z, negate_product, env);
}

#define VM_INSTANTIATE(F)                \
    template u64 add<F>(u64, u64, Env&); \
    template u64 sub<F>(u64, u64, Env&); \
    template u64 mul<F>(u64, u64, Env&); \
    template u64 div<F>(u64, u64, Env&); \
    template u64 sqrt<F>(u64, Env&);     \
    template u64 fma<F>(u64, u64, u64, bool, bool, Env&);
VM_INSTANTIATE(Format::F16)
VM_INSTANTIATE(Format::F32)
VM_INSTANTIATE(Format::F64)
#undef VM_INSTANTIATE

}  // namespace vm::softfloat
