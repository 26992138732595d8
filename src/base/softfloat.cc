// Arithmetic of clause 5.4.1: addition, multiplication, division, square root, fused multiply-add.
#include "base/softfloat.h"

#include "base/softfloat_detail.h"

namespace vm::softfloat {
namespace {
using namespace detail;

/// Signed magnitude with room for a carry: sig / 2^126 * 2^exp, sig < 2^127.
struct Wide {
    bool sign;
    int exp;
    u128 sig;
};

constexpr Wide widen(const Number& n) { return {n.sign, n.exp, u128{n.sig} << 63}; }

constexpr bool exact_zero_sign(Round mode) { return mode == Round::Rdn; }

/// a + b for values that are not zero. Bits of the smaller operand that do not fit are jammed: operands have
/// at most 106 significant bits and their top bit at 126 or 125, so that happens only when no cancellation
/// can bring it near the rounding point.
template <Format F>
u64 add_wide(Wide a, Wide b, Env& env) {
    if (a.exp < b.exp) std::swap(a, b);
    b.sig = shift_right_jam(b.sig, static_cast<unsigned>(a.exp - b.exp));
    if (a.sign == b.sign) return normalize_round_pack<F>(a.sign, a.exp + 1, a.sig + b.sig, env);
    if (a.sig == b.sig) return signed_zero<F>(exact_zero_sign(env.rounding));
    const bool swap = a.sig < b.sig;
    return normalize_round_pack<F>(swap ? b.sign : a.sign, a.exp + 1, swap ? b.sig - a.sig : a.sig - b.sig,
                                   env);
}

template <Format F>
u64 add_signed(u64 a, u64 b, bool negate_b, Env& env) {
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
    const Number x = unpack<F>(a), y = unpack<F>(b);
    Number z = unpack<F>(c);
    const bool any_inf = x.kind == Kind::Inf || y.kind == Kind::Inf;
    const bool any_zero = x.kind == Kind::Zero || y.kind == Kind::Zero;
    if (x.kind == Kind::Nan || y.kind == Kind::Nan || z.kind == Kind::Nan) {
        // Clause 7.2 leaves inf * 0 + quiet NaN open: RISC-V and Arm raise invalid, Arm gives the default
        // NaN, x86 neither.
        const bool inf_times_zero = any_inf && any_zero;
        if (env.isa != Isa::Arm) {
            if (inf_times_zero && env.isa == Isa::RiscV) env.flags |= kInvalid;
            return propagate_nan<F>(env, a, b, c);
        }
        return inf_times_zero && !is_signaling_nan<F>(c) ? invalid<F>(env) : propagate_nan<F>(env, c, a, b);
    }
    const bool sign = (x.sign != y.sign) != negate_product;
    z.sign ^= negate_addend;
    if (any_inf) {
        const bool cancels = z.kind == Kind::Inf && z.sign != sign;
        return any_zero || cancels ? invalid<F>(env) : signed_inf<F>(sign);
    }
    if (z.kind == Kind::Inf) return signed_inf<F>(z.sign);
    if (any_zero) {
        if (z.kind != Kind::Zero) return round_pack<F>(z.sign, z.exp, z.sig, env);
        return signed_zero<F>(sign == z.sign ? sign : exact_zero_sign(env.rounding));
    }
    const u128 product = u128{x.sig} * y.sig;  // top bit 127 or 126, at least 22 zero bits below
    const int exp = x.exp + y.exp;
    if (z.kind == Kind::Zero) return normalize_round_pack<F>(sign, exp + 1, product, env);
    return add_wide<F>({sign, exp + 1, product >> 1}, widen(z), env);
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
