// Bit-field helpers. All functions are constexpr, total for the stated ranges and free of undefined
// behaviour.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace vm {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i8 = std::int8_t;
using i16 = std::int16_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
__extension__ using u128 = unsigned __int128;
__extension__ using i128 = __int128;

/// Bits [hi:lo] of `v`, right aligned. 0 <= lo <= hi < 64.
constexpr u64 bits(u64 v, unsigned hi, unsigned lo) {
    const unsigned n = hi - lo + 1;
    return (v >> lo) & (n >= 64 ? ~u64{0} : (u64{1} << n) - 1);
}
/// Bit `n` of `v`. n < 64.
constexpr bool bit(u64 v, unsigned n) { return (v >> n) & 1; }
/// The low `n` bits of `v`, sign-extended to 64. 1 <= n <= 64.
constexpr i64 sext(u64 v, unsigned n) { return static_cast<i64>(v << (64 - n)) >> (64 - n); }
/// The low `n` bits of `v`, zero-extended. 0 <= n <= 64.
constexpr u64 zext(u64 v, unsigned n) { return n >= 64 ? v : v & ((u64{1} << n) - 1); }
constexpr bool fits_signed(i64 v, unsigned n) { return sext(static_cast<u64>(v), n) == v; }
constexpr bool fits_unsigned(u64 v, unsigned n) { return zext(v, n) == v; }
constexpr u64 align_up(u64 v, u64 pow2) { return (v + pow2 - 1) & ~(pow2 - 1); }
constexpr u64 align_down(u64 v, u64 pow2) { return v & ~(pow2 - 1); }

/// Unaligned native-endian access through memcpy.
template <class T>
requires std::is_trivially_copyable_v<T>
inline T load_raw(const void* p) {
    T v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
template <class T>
requires std::is_trivially_copyable_v<T>
inline void store_raw(void* p, T v) { std::memcpy(p, &v, sizeof v); }

}  // namespace vm
