#include "ir/interp_vec.h"

namespace vm::ir {
namespace {

/// Applies f to lanes of type T (unsigned); signed ops convert inside.
template <class T, class F>
u128 lanes(u128 x, u128 y, F f) {
    constexpr unsigned n = 16 / sizeof(T);
    T a[n], b[n];
    std::memcpy(a, &x, 16);
    std::memcpy(b, &y, 16);
    for (unsigned i = 0; i < n; ++i) a[i] = static_cast<T>(f(a[i], b[i]));
    u128 r;
    std::memcpy(&r, a, 16);
    return r;
}

template <class T>
u128 lane_op(const Inst& in, u128 x, u128 y) {
    using S = std::make_signed_t<T>;
    const auto s = [](T v) { return static_cast<S>(v); };
    constexpr T all = static_cast<T>(~T{0});
    switch (in.op) {
        case Op::VAdd: return lanes<T>(x, y, [](u64 a, u64 b) { return a + b; });
        case Op::VSub: return lanes<T>(x, y, [](u64 a, u64 b) { return a - b; });
        case Op::VMul: return lanes<T>(x, y, [](u64 a, u64 b) { return a * b; });
        case Op::VCmpEq: return lanes<T>(x, y, [](T a, T b) { return a == b ? all : T{0}; });
        case Op::VCmpGtS: return lanes<T>(x, y, [s](T a, T b) { return s(a) > s(b) ? all : T{0}; });
        case Op::VCmpGtU: return lanes<T>(x, y, [](T a, T b) { return a > b ? all : T{0}; });
        case Op::VMinS: return lanes<T>(x, y, [s](T a, T b) { return s(a) < s(b) ? a : b; });
        case Op::VMaxS: return lanes<T>(x, y, [s](T a, T b) { return s(a) > s(b) ? a : b; });
        case Op::VMinU: return lanes<T>(x, y, [](T a, T b) { return a < b ? a : b; });
        case Op::VMaxU: return lanes<T>(x, y, [](T a, T b) { return a > b ? a : b; });
        case Op::VShlImm: return lanes<T>(x, y, [n = in.imm](T a, T) { return u64{a} << n; });
        case Op::VLshrImm: return lanes<T>(x, y, [n = in.imm](T a, T) { return u64{a} >> n; });
        case Op::VAshrImm: return lanes<T>(x, y, [n = in.imm, s](T a, T) { return i64{s(a)} >> n; });
        case Op::VSplat: return lanes<T>(x, y, [c = static_cast<T>(x)](T, T) { return c; });
        default: break;
    }
    const unsigned at = static_cast<unsigned>(in.imm) * 8 * sizeof(T);
    if (in.op == Op::VExtract) return static_cast<T>(x >> at);
    return (x & ~(u128{all} << at)) | u128{static_cast<T>(y)} << at;  // VInsert
}

u128 table(u128 x, u128 y) {
    u8 values[16], index[16], out[16];
    std::memcpy(values, &x, 16);
    std::memcpy(index, &y, 16);
    for (unsigned i = 0; i < 16; ++i) out[i] = index[i] < 16 ? values[index[i]] : u8{0};
    u128 r;
    std::memcpy(&r, out, 16);
    return r;
}

}  // namespace

u128 interp_vec(const Inst& in, u128 x, u128 y) {
    if (in.op == Op::VTable) return table(x, y);
    switch (width(in.mtype)) {
        case 8: return lane_op<u8>(in, x, y);
        case 16: return lane_op<u16>(in, x, y);
        case 32: return lane_op<u32>(in, x, y);
        default: return lane_op<u64>(in, x, y);
    }
}

}  // namespace vm::ir
