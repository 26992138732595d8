// Lane by lane: operands and results of one lane type.
#include "ir/interp_vec.h"

#include <limits>

#include "ir/vec_ops.h"

namespace vm::ir {
namespace {

template <class T, class F>
u128 map(u128 x, F f) {
    auto a = lanes_of<T>(x);
    for (T& v : a) v = static_cast<T>(f(v));
    return vector_of<T>(a);
}
template <class T, class F>
u128 map(u128 x, u128 y, F f) {
    auto a = lanes_of<T>(x);
    const auto b = lanes_of<T>(y);
    for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<T>(f(a[i], b[i]));
    return vector_of<T>(a);
}

/// The nearest value of type T.
template <class T>
T saturated(i128 v) {
    constexpr i128 low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
    return static_cast<T>(v < low ? low : v > high ? high : v);
}

/// x * 2^n by the signed low byte n of `amount`; V says whether x is signed.
template <class V>
V shift(V x, u64 amount, u32 aux) {
    constexpr int w = 8 * sizeof(V);
    int n = static_cast<i8>(amount);
    i128 exact = x;
    if (n >= w) {  // all of x leaves on the left; its sign still says to which bound
        exact = exact == 0 ? 0 : exact < 0 ? -(i128{1} << 126) : i128{1} << 126;
    } else if (n >= 0) {
        exact = static_cast<i128>(static_cast<u128>(exact) << n);
    } else {
        n = n < -w ? w + 1 : -n;
        exact = (exact + (aux & kVRound ? i128{1} << (n - 1) : 0)) >> n;
    }
    const V bounded = saturated<V>(exact);
    if (aux & kVOverflowMask) return bounded == exact ? V{0} : static_cast<V>(~V{0});
    return aux & kVSaturate ? bounded : static_cast<V>(exact);
}

template <class T>
T clmul_low(T a, T b) {
    T r = 0;
    for (unsigned i = 0; i < 8 * sizeof(T); ++i)
        if (bit(b, i)) r = static_cast<T>(r ^ (a << i));
    return r;
}

u8 reverse_bits(u8 v) {
    u8 r = 0;
    for (unsigned i = 0; i < 8; ++i) r = static_cast<u8>(r | bit(v, i) << (7 - i));
    return r;
}

/// Ops with saturation, and others whose lanes need more than plain 64-bit arithmetic.
template <class T>
u128 arithmetic(const Inst& in, u128 x, u128 y) {
    using S = std::make_signed_t<T>;
    const auto s = [](T v) { return i128{static_cast<S>(v)}; };
    const auto u = [](T v) { return static_cast<i128>(v); };
    constexpr unsigned w = 8 * sizeof(T);
    switch (in.op) {
        case Op::VAbs: return map<T>(x, [s](T a) { return s(a) < 0 ? -s(a) : s(a); });
        case Op::VAddSatS: return map<T>(x, y, [s](T a, T b) { return saturated<S>(s(a) + s(b)); });
        case Op::VAddSatU: return map<T>(x, y, [u](T a, T b) { return saturated<T>(u(a) + u(b)); });
        case Op::VSubSatS: return map<T>(x, y, [s](T a, T b) { return saturated<S>(s(a) - s(b)); });
        case Op::VSubSatU: return map<T>(x, y, [u](T a, T b) { return saturated<T>(u(a) - u(b)); });
        case Op::VAvgU: return map<T>(x, y, [u](T a, T b) { return (u(a) + u(b) + 1) >> 1; });
        case Op::VMulDblHi:
            return map<T>(x, y, [s, half = i128{in.aux & kVRound ? 1 : 0} << (w - 1)](T a, T b) {
                return saturated<S>((2 * s(a) * s(b) + half) >> w);
            });
        case Op::VClmul: return map<T>(x, y, clmul_low<T>);
        case Op::VShiftS:
            return map<T>(x, y, [aux = in.aux](T a, T n) { return shift<S>(static_cast<S>(a), n, aux); });
        case Op::VShiftU: return map<T>(x, y, [aux = in.aux](T a, T n) { return shift<T>(a, n, aux); });
        default: return map<T>(x, [](T a) { return std::countl_zero(a); });  // VClz
    }
}

template <class T>
u128 lane_op(const Inst& in, u128 x, u128 y) {
    using S = std::make_signed_t<T>;
    const auto s = [](T v) { return static_cast<S>(v); };
    constexpr T all = static_cast<T>(~T{0});
    switch (in.op) {
        case Op::VAdd: return map<T>(x, y, [](u64 a, u64 b) { return a + b; });
        case Op::VSub: return map<T>(x, y, [](u64 a, u64 b) { return a - b; });
        case Op::VMul: return map<T>(x, y, [](u64 a, u64 b) { return a * b; });
        case Op::VCmpEq: return map<T>(x, y, [](T a, T b) { return a == b ? all : T{0}; });
        case Op::VCmpGtS: return map<T>(x, y, [s](T a, T b) { return s(a) > s(b) ? all : T{0}; });
        case Op::VCmpGtU: return map<T>(x, y, [](T a, T b) { return a > b ? all : T{0}; });
        case Op::VMinS: return map<T>(x, y, [s](T a, T b) { return s(a) < s(b) ? a : b; });
        case Op::VMaxS: return map<T>(x, y, [s](T a, T b) { return s(a) > s(b) ? a : b; });
        case Op::VMinU: return map<T>(x, y, [](T a, T b) { return a < b ? a : b; });
        case Op::VMaxU: return map<T>(x, y, [](T a, T b) { return a > b ? a : b; });
        case Op::VShlImm: return map<T>(x, [n = in.imm](T a) { return u64{a} << n; });
        case Op::VLshrImm: return map<T>(x, [n = in.imm](T a) { return u64{a} >> n; });
        case Op::VAshrImm: return map<T>(x, [n = in.imm, s](T a) { return i64{s(a)} >> n; });
        case Op::VSplat: return map<T>(x, [c = static_cast<T>(x)](T) { return c; });
        case Op::VScalar: return static_cast<T>(x);
        case Op::VExtract: return lanes_of<T>(x)[in.imm % (16 / sizeof(T))];
        case Op::VInsert: {
            auto lanes = lanes_of<T>(x);
            lanes[in.imm % lanes.size()] = static_cast<T>(y);
            return vector_of<T>(lanes);
        }
        default: return arithmetic<T>(in, x, y);
    }
}

}  // namespace

u128 interp_vec(const Inst& in, u128 x, u128 y, u128 z) {
    if (is_vector_crypto(in.op)) return interp_crypto(in.op, x, y, z);
    if (is_vec_shape(in.op)) return interp_vec_shape(in, x, y, z);
    switch (in.op) {
        case Op::VLow64: return static_cast<u64>(x);
        case Op::VSelect: return (x & y) | (~x & z);
        case Op::VBitrev: return map<u8>(x, reverse_bits);
        case Op::VPopcnt: return map<u8>(x, [](u8 a) { return std::popcount(a); });
        default: break;
    }
    switch (width(in.mtype)) {
        case 8: return lane_op<u8>(in, x, y);
        case 16: return lane_op<u16>(in, x, y);
        case 32: return lane_op<u32>(in, x, y);
        default: return lane_op<u64>(in, x, y);
    }
}

}  // namespace vm::ir
