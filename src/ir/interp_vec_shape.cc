// Lanes that change their place or width: permutations, widening, narrowing, products of double width.
#include <limits>

#include "ir/interp_vec.h"

namespace vm::ir {
namespace {

template <class T>
struct Wider;
template <>
struct Wider<u8> {
    using Type = u16;
};
template <>
struct Wider<u16> {
    using Type = u32;
};
template <>
struct Wider<u32> {
    using Type = u64;
};
template <>
struct Wider<u64> {
    using Type = u128;
};
template <class T>
using Wide = typename Wider<T>::Type;

template <class T>
i64 as_signed(T v) {
    return static_cast<std::make_signed_t<T>>(v);
}

/// Wide lane i of the result = f(lane i of the chosen half of x and of y).
template <class T, class F>
u128 widening(const Inst& in, u128 x, u128 y, F f) {
    const auto a = lanes_of<T>(x), b = lanes_of<T>(y);
    LaneArray<Wide<T>> r{};
    const size_t from = in.aux & kVHigh ? r.size() : 0;
    for (size_t i = 0; i < r.size(); ++i) r[i] = static_cast<Wide<T>>(f(a[from + i], b[from + i]));
    return vector_of<Wide<T>>(r);
}

u128 carryless(u64 x, u64 y) {
    u128 r = 0;
    for (unsigned i = 0; i < 64; ++i)
        if (bit(y, i)) r ^= u128{x} << i;
    return r;
}

/// Narrow lanes from the wide lanes of x, then of y.
template <class T, class F>
u128 narrowing(u128 x, u128 y, F f) {
    const auto a = lanes_of<Wide<T>>(x), b = lanes_of<Wide<T>>(y);
    LaneArray<T> r{};
    for (size_t i = 0; i < a.size(); ++i) {
        r[i] = static_cast<T>(f(a[i]));
        r[a.size() + i] = static_cast<T>(f(b[i]));
    }
    return vector_of<T>(r);
}

template <class V>
V clamp(i64 v) {
    constexpr i64 low = std::numeric_limits<V>::min(), high = std::numeric_limits<V>::max();
    return static_cast<V>(v < low ? low : v > high ? high : v);
}

/// Ops for which lanes of 64 bits have no wider type, or which no ISA has for them.
template <class T>
u128 width_op(const Inst& in, u128 x, u128 y) {
    using S = std::make_signed_t<T>;
    using W = Wide<T>;
    switch (in.op) {
        case Op::VMulWideS:
            return widening<T>(in, x, y, [](T a, T b) { return as_signed(a) * as_signed(b); });
        case Op::VMulWideU: return widening<T>(in, x, y, [](T a, T b) { return u64{a} * b; });
        case Op::VWidenS: return widening<T>(in, x, x, [](T a, T) { return as_signed(a); });
        case Op::VWidenU: return widening<T>(in, x, x, [](T a, T) { return a; });
        case Op::VNarrowSatS: return narrowing<T>(x, y, [](W a) { return clamp<S>(as_signed(a)); });
        case Op::VNarrowSatSU: return narrowing<T>(x, y, [](W a) { return clamp<T>(as_signed(a)); });
        default:  // VNarrowSatU
            return narrowing<T>(x, y, [](W a) {
                return a > std::numeric_limits<T>::max() ? std::numeric_limits<T>::max() : a;
            });
    }
}

/// Lane i of the result = lane from(i) of x followed by y, whose lanes have numbers from N = r.size() on.
template <class T, class F>
u128 permuted(u128 x, u128 y, F from) {
    const auto a = lanes_of<T>(x), b = lanes_of<T>(y);
    LaneArray<T> r{};
    for (size_t i = 0; i < r.size(); ++i) {
        const size_t k = from(i);
        r[i] = k < r.size() ? a[k] : b[k - r.size()];
    }
    return vector_of<T>(r);
}

template <class T>
u128 permutation(const Inst& in, u128 x, u128 y) {
    constexpr size_t n = 16 / sizeof(T);
    switch (in.op) {
        case Op::VUzp1: return permuted<T>(x, y, [](size_t i) { return 2 * i; });
        case Op::VUzp2: return permuted<T>(x, y, [](size_t i) { return 2 * i + 1; });
        case Op::VZip1: return permuted<T>(x, y, [](size_t i) { return i / 2 + i % 2 * n; });
        case Op::VZip2: return permuted<T>(x, y, [](size_t i) { return n / 2 + i / 2 + i % 2 * n; });
        case Op::VTrn1: return permuted<T>(x, y, [](size_t i) { return i / 2 * 2 + i % 2 * n; });
        case Op::VTrn2: return permuted<T>(x, y, [](size_t i) { return i / 2 * 2 + 1 + i % 2 * n; });
        case Op::VRev: {
            const size_t group = std::max<size_t>(in.imm / (8 * sizeof(T)), 1);
            return permuted<T>(x, y,
                               [group](size_t i) { return i / group * group + (group - 1 - i % group); });
        }
        default: return permuted<T>(x, y, [at = in.imm % n](size_t) { return at; });  // VDup
    }
}

u128 table(u128 x, u128 y) {
    const auto values = lanes_of<u8>(x);
    auto r = lanes_of<u8>(y);
    for (u8& v : r) v = v < 16 ? values[v] : u8{0};
    return vector_of<u8>(r);
}

i32 byte(u8 v, bool is_signed) { return is_signed ? static_cast<i8>(v) : v; }

u128 dot(const Inst& in, u128 x, u128 y, u128 z) {
    auto sums = lanes_of<u32>(x);
    const auto a = lanes_of<u8>(y), b = lanes_of<u8>(z);
    for (size_t i = 0; i < 16; ++i)
        sums[i / 4] +=
            static_cast<u32>(byte(a[i], in.aux & kVDotSignedX) * byte(b[i], in.aux & kVDotSignedY));
    return vector_of<u32>(sums);
}

u128 matrix_product(const Inst& in, u128 x, u128 y, u128 z) {
    auto sums = lanes_of<u32>(x);
    const auto a = lanes_of<u8>(y), b = lanes_of<u8>(z);
    for (size_t row = 0; row < 2; ++row)
        for (size_t column = 0; column < 2; ++column)
            for (size_t k = 0; k < 8; ++k)
                sums[2 * row + column] += static_cast<u32>(byte(a[8 * row + k], in.aux & kVDotSignedX) *
                                                           byte(b[8 * column + k], in.aux & kVDotSignedY));
    return vector_of<u32>(sums);
}

}  // namespace

u128 interp_vec_shape(const Inst& in, u128 x, u128 y, u128 z) {
    switch (in.op) {
        case Op::VTable: return table(x, y);
        case Op::VDot: return dot(in, x, y, z);
        case Op::VMatMul: return matrix_product(in, x, y, z);
        case Op::VClmulWide:
            if (in.mtype == Type::I8) return widening<u8>(in, x, y, carryless);
            return widening<u64>(in, x, y, carryless);
        case Op::VExt: return permuted<u8>(x, y, [n = in.imm % 16](size_t i) { return n + i; });
        default: break;
    }
    const bool permutes = in.op == Op::VDup || (in.op >= Op::VUzp1 && in.op <= Op::VRev);
    switch (width(in.mtype)) {
        case 8: return permutes ? permutation<u8>(in, x, y) : width_op<u8>(in, x, y);
        case 16: return permutes ? permutation<u16>(in, x, y) : width_op<u16>(in, x, y);
        case 32: return permutes ? permutation<u32>(in, x, y) : width_op<u32>(in, x, y);
        default: return permutes ? permutation<u64>(in, x, y) : 0;
    }
}

}  // namespace vm::ir
