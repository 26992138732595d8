// Softfloat against the processor's own SSE2, SSE4.1, FMA3, F16C and AVX-512 arithmetic: every result bit and
// every sticky flag, in the four rounding modes that MXCSR knows. Only on x86-64 hosts.
#if defined(__x86_64__)

#include <cpuid.h>
#include <gtest/gtest.h>
#include <xmmintrin.h>

#include <array>
#include <bit>

#include "base/format.h"
#include "base/softfloat.h"
#include "base/softfloat_samples.h"

namespace vm::softfloat {
namespace {
using testing::random_near;
using testing::random_value;
using testing::Rng;
using testing::special_values;

constexpr std::array kHostModes = {Round::Rne, Round::Rtz, Round::Rdn, Round::Rup};
constexpr unsigned kRandom = 100000;

/// One run of a host instruction: MXCSR before and after it.
struct Mxcsr {
    u32 before, after = 0, saved = _mm_getcsr();
    explicit Mxcsr(Round mode, u32 more = 0)
        : before(0x1f80 | std::array{0u, 3u, 1u, 2u}[static_cast<u8>(mode)] << 13 | more) {}
    u8 flags() const {
        const u32 m = after;
        return static_cast<u8>((m >> 5 & 1) * kInexact | (m >> 4 & 1) * kUnderflow |
                               (m >> 3 & 1) * kOverflow | (m >> 2 & 1) * kDivByZero | (m & 1) * kInvalid);
    }
};

// One assembly block per run, so that no compiler moves the arithmetic across the MXCSR changes.
#define VM_HOST_ASM(insn, outs, ...)                                                     \
    asm volatile("ldmxcsr %[before]\n\t" insn "\n\tstmxcsr %[after]\n\tldmxcsr %[saved]" \
                 : outs, [after] "=m"(m.after)                                           \
                 : [before] "m"(m.before), [saved] "m"(m.saved), __VA_ARGS__             \
                 : "cc")
#define VM_HOST_BINARY(name, insn)                                  \
    float name(float x, float y, Mxcsr& m) {                        \
        VM_HOST_ASM(insn "ss %[y], %[x]", [x] "+x"(x), [y] "x"(y)); \
        return x;                                                   \
    }                                                               \
    double name(double x, double y, Mxcsr& m) {                     \
        VM_HOST_ASM(insn "sd %[y], %[x]", [x] "+x"(x), [y] "x"(y)); \
        return x;                                                   \
    }
VM_HOST_BINARY(host_add, "add")
VM_HOST_BINARY(host_sub, "sub")
VM_HOST_BINARY(host_mul, "mul")
VM_HOST_BINARY(host_div, "div")
VM_HOST_BINARY(host_min, "min")
VM_HOST_BINARY(host_max, "max")
// The 213 form computes source2 * destination + source3; that is the order in which it looks for NaNs.
#define VM_HOST_FMA(name, insn)                                                       \
    float name(float x, float y, float z, Mxcsr& m) {                                 \
        VM_HOST_ASM(insn "ss %[z], %[x], %[y]", [y] "+x"(y), [x] "x"(x), [z] "x"(z)); \
        return y;                                                                     \
    }                                                                                 \
    double name(double x, double y, double z, Mxcsr& m) {                             \
        VM_HOST_ASM(insn "sd %[z], %[x], %[y]", [y] "+x"(y), [x] "x"(x), [z] "x"(z)); \
        return y;                                                                     \
    }
VM_HOST_FMA(host_fmadd, "vfmadd213")
VM_HOST_FMA(host_fmsub, "vfmsub213")
VM_HOST_FMA(host_fnmadd, "vfnmadd213")
VM_HOST_FMA(host_fnmsub, "vfnmsub213")
#define VM_HOST_CONVERT(name, insn, to, to_constraint, from, from_constraint) \
    to name(from x, Mxcsr& m) {                                               \
        to r{};                                                               \
        VM_HOST_ASM(insn, [r] "=&" to_constraint(r), [x] from_constraint(x)); \
        return r;                                                             \
    }
VM_HOST_CONVERT(host_sqrt, "sqrtss %[x], %[r]", float, "x", float, "x")
VM_HOST_CONVERT(host_sqrt, "sqrtsd %[x], %[r]", double, "x", double, "x")
VM_HOST_CONVERT(host_rint, "roundss $4, %[x], %[r]", float, "x", float, "x")
VM_HOST_CONVERT(host_rint, "roundsd $4, %[x], %[r]", double, "x", double, "x")
VM_HOST_CONVERT(host_rint_quiet, "roundss $12, %[x], %[r]", float, "x", float, "x")
VM_HOST_CONVERT(host_rint_quiet, "roundsd $12, %[x], %[r]", double, "x", double, "x")
VM_HOST_CONVERT(host_widen, "cvtss2sd %[x], %[r]", double, "x", float, "x")
VM_HOST_CONVERT(host_narrow, "cvtsd2ss %[x], %[r]", float, "x", double, "x")
VM_HOST_CONVERT(host_to_i32, "cvtss2si %[x], %[r]", u32, "r", float, "x")
VM_HOST_CONVERT(host_to_i32, "cvtsd2si %[x], %[r]", u32, "r", double, "x")
VM_HOST_CONVERT(host_to_i64, "cvtss2si %[x], %[r]", u64, "r", float, "x")
VM_HOST_CONVERT(host_to_i64, "cvtsd2si %[x], %[r]", u64, "r", double, "x")
VM_HOST_CONVERT(host_to_u32, "vcvtss2usi %[x], %[r]", u32, "r", float, "x")
VM_HOST_CONVERT(host_to_u32, "vcvtsd2usi %[x], %[r]", u32, "r", double, "x")
VM_HOST_CONVERT(host_to_u64, "vcvtss2usi %[x], %[r]", u64, "r", float, "x")
VM_HOST_CONVERT(host_to_u64, "vcvtsd2usi %[x], %[r]", u64, "r", double, "x")
VM_HOST_CONVERT(host_from_f16, "vmovd %[x], %[r]\n\tvcvtph2ps %[r], %[r]", float, "x", u32, "r")
u32 host_to_f16(float x, Mxcsr& m) {
    VM_HOST_ASM("vcvtps2ph $4, %[x], %[r]", [r] "=x"(x), [x] "x"(x));
    return std::bit_cast<u32>(x) & 0xffff;
}
template <class T>
T host_from_i32(u32 x, Mxcsr& m);
template <class T>
T host_from_i64(u64 x, Mxcsr& m);
template <class T>
T host_from_u32(u32 x, Mxcsr& m);
template <class T>
T host_from_u64(u64 x, Mxcsr& m);
template <>
VM_HOST_CONVERT(host_from_i32<float>, "cvtsi2ssl %[x], %[r]", float, "x", u32, "r")
template <>
VM_HOST_CONVERT(host_from_i32<double>, "cvtsi2sdl %[x], %[r]", double, "x", u32, "r")
template <>
VM_HOST_CONVERT(host_from_i64<float>, "cvtsi2ssq %[x], %[r]", float, "x", u64, "r")
template <>
VM_HOST_CONVERT(host_from_i64<double>, "cvtsi2sdq %[x], %[r]", double, "x", u64, "r")
template <>
VM_HOST_CONVERT(host_from_u32<float>, "vcvtusi2ssl %[x], %[r], %[r]", float, "x", u32, "r")
template <>
VM_HOST_CONVERT(host_from_u32<double>, "vcvtusi2sdl %[x], %[r], %[r]", double, "x", u32, "r")
template <>
VM_HOST_CONVERT(host_from_u64<float>, "vcvtusi2ssq %[x], %[r], %[r]", float, "x", u64, "r")
template <>
VM_HOST_CONVERT(host_from_u64<double>, "vcvtusi2sdq %[x], %[r], %[r]", double, "x", u64, "r")

/// EFLAGS image of (u)comis: unordered 7, less 1 (CF), equal 4 (ZF), greater 0, packed as ZF:PF:CF.
#define VM_HOST_COMPARE(name, insn, type)                                                   \
    unsigned name(type x, type y, Mxcsr& m) {                                               \
        u8 z = 0, p = 0, c = 0;                                                             \
        asm volatile("ldmxcsr %[before]\n\t" insn                                           \
                     " %[y], %[x]\n\tsetz %[z]\n\tsetp %[p]\n\tsetc %[c]\n\t"               \
                     "stmxcsr %[after]\n\tldmxcsr %[saved]"                                 \
                     : [z] "=&q"(z), [p] "=&q"(p), [c] "=&q"(c), [after] "=m"(m.after)      \
                     : [before] "m"(m.before), [saved] "m"(m.saved), [x] "x"(x), [y] "x"(y) \
                     : "cc");                                                               \
        return z * 4u + p * 2u + c;                                                         \
    }
VM_HOST_COMPARE(host_compare_quiet, "ucomiss", float) VM_HOST_COMPARE(host_compare_quiet, "ucomisd", double)
    VM_HOST_COMPARE(host_compare_signaling, "comiss", float)
        VM_HOST_COMPARE(host_compare_signaling, "comisd", double)

            template <Format F>
            struct HostTypeOf;
template <>
struct HostTypeOf<Format::F32> {
    using Type = float;
    using Bits = u32;
};
template <>
struct HostTypeOf<Format::F64> {
    using Type = double;
    using Bits = u64;
};
template <Format F>
using HostType = typename HostTypeOf<F>::Type;
template <Format F>
HostType<F> as_host(u64 a) {
    return std::bit_cast<HostType<F>>(static_cast<typename HostTypeOf<F>::Bits>(a));
}
u64 bits_of(float v) { return std::bit_cast<u32>(v); }
u64 bits_of(double v) { return std::bit_cast<u64>(v); }
u64 bits_of(u32 v) { return v; }
u64 bits_of(u64 v) { return v; }

/// Compares and counts; prints the first few differences of a test only.
class Checker {
  public:
    explicit Checker(const char* what) : what_(what) {}
    ~Checker() { EXPECT_EQ(differences_, 0u) << what_; }
    Checker(const Checker&) = delete;
    Checker& operator=(const Checker&) = delete;
    void check(Round mode, u64 got, u8 got_flags, u64 want, u8 want_flags, u64 a, u64 b = 0, u64 c = 0) {
        if (got == want && got_flags == want_flags) return;
        if (++differences_ > 5) return;
        ADD_FAILURE() << fmt::format(
            "{} mode {}: {:#x} {:#x} {:#x} -> {:#x} flags {:#x}, host {:#x} flags {:#x}", what_,
            static_cast<int>(mode), a, b, c, got, got_flags, want, want_flags);
    }

  private:
    const char* what_;
    unsigned differences_ = 0;
};

/// Runs soft(env, a...) and host(m, a...) in one mode and compares.
template <class Soft, class Host, class... Bits>
void compare_once(Checker& checker, Round mode, Soft soft, Host host, Bits... operands) {
    Env env = Env::of(Isa::X86, mode);
    Mxcsr m(mode);
    const u64 want = bits_of(host(m, operands...));
    const u64 got = soft(env, operands...);
    checker.check(mode, got, env.flags, want, m.flags(), operands...);
}

template <Format F, class Soft, class Host>
void compare_unary(const char* what, Soft soft, Host host) {
    Checker checker(what);
    Rng rng(1);
    for (const Round mode : kHostModes) {
        for (const u64 a : special_values<F>()) compare_once(checker, mode, soft, host, a);
        for (unsigned i = 0; i < kRandom; ++i) compare_once(checker, mode, soft, host, random_value<F>(rng));
    }
}

template <Format F, class Soft, class Host>
void compare_binary(const char* what, Soft soft, Host host) {
    Checker checker(what);
    Rng rng(2);
    const auto specials = special_values<F>();
    for (const Round mode : kHostModes) {
        for (const u64 a : specials) {
            for (const u64 b : specials) compare_once(checker, mode, soft, host, a, b);
        }
        for (unsigned i = 0; i < kRandom; ++i) {
            const u64 a = random_value<F>(rng);
            const u64 b = i & 1 ? random_value<F>(rng) : random_near<F>(a, rng);
            compare_once(checker, mode, soft, host, a, b);
        }
    }
}

#define VM_SOFT1(f) [](Env& env, u64 a) { return f; }
#define VM_SOFT2(f) [](Env& env, u64 a, u64 b) { return f; }
#define VM_HOST1(f) [](Mxcsr& m, u64 a) { return f(as_host<F>(a), m); }
#define VM_HOST2(f) [](Mxcsr& m, u64 a, u64 b) { return f(as_host<F>(a), as_host<F>(b), m); }

template <class T>
class SoftfloatHost : public ::testing::Test {
  public:
    static constexpr Format kFormat = T::value;
};
using HostFormats = ::testing::Types<std::integral_constant<Format, Format::F32>,
                                     std::integral_constant<Format, Format::F64>>;
TYPED_TEST_SUITE(SoftfloatHost, HostFormats);

TYPED_TEST(SoftfloatHost, Arithmetic) {
    constexpr Format F = TestFixture::kFormat;
    compare_binary<F>("add", VM_SOFT2(add<F>(a, b, env)), VM_HOST2(host_add));
    compare_binary<F>("sub", VM_SOFT2(sub<F>(a, b, env)), VM_HOST2(host_sub));
    compare_binary<F>("mul", VM_SOFT2(mul<F>(a, b, env)), VM_HOST2(host_mul));
    compare_binary<F>("div", VM_SOFT2(div<F>(a, b, env)), VM_HOST2(host_div));
    compare_unary<F>("sqrt", VM_SOFT1(sqrt<F>(a, env)), VM_HOST1(host_sqrt));
}

TYPED_TEST(SoftfloatHost, MinMax) {
    constexpr Format F = TestFixture::kFormat;
    compare_binary<F>("min", VM_SOFT2(min<F>(a, b, env)), VM_HOST2(host_min));
    compare_binary<F>("max", VM_SOFT2(max<F>(a, b, env)), VM_HOST2(host_max));
}

unsigned eflags_of(Order order) {
    switch (order) {
        case Order::Less: return 1;
        case Order::Equal: return 4;
        case Order::Greater: return 0;
        case Order::Unordered: return 7;
    }
    return ~0u;
}

TYPED_TEST(SoftfloatHost, Compare) {
    constexpr Format F = TestFixture::kFormat;
    compare_binary<F>("ucomis", VM_SOFT2(u64{eflags_of(compare<F>(a, b, false, env))}),
                      VM_HOST2(host_compare_quiet));
    compare_binary<F>("comis", VM_SOFT2(u64{eflags_of(compare<F>(a, b, true, env))}),
                      VM_HOST2(host_compare_signaling));
}

TYPED_TEST(SoftfloatHost, RoundToIntegral) {
    constexpr Format F = TestFixture::kFormat;
    if (!__builtin_cpu_supports("sse4.1")) GTEST_SKIP() << "host has no SSE4.1";
    compare_unary<F>("rint", VM_SOFT1(round_to_integral<F>(a, true, env)), VM_HOST1(host_rint));
    compare_unary<F>("nearbyint", VM_SOFT1(round_to_integral<F>(a, false, env)), VM_HOST1(host_rint_quiet));
}

TYPED_TEST(SoftfloatHost, SignedIntegers) {
    constexpr Format F = TestFixture::kFormat;
    using T = HostType<F>;
    compare_unary<F>("to i32", VM_SOFT1(to_int<F>(a, 32, false, env)), VM_HOST1(host_to_i32));
    compare_unary<F>("to i64", VM_SOFT1(to_int<F>(a, 64, false, env)), VM_HOST1(host_to_i64));
    // Random float patterns are as good integers as any: sparse, dense, near powers of two.
    compare_unary<Format::F64>("from i64", VM_SOFT1(from_int<F>(a, 64, false, env)),
                               [](Mxcsr& m, u64 a) { return host_from_i64<T>(a, m); });
    compare_unary<Format::F64>("from i32", VM_SOFT1(from_int<F>(a, 32, false, env)),
                               [](Mxcsr& m, u64 a) { return host_from_i32<T>(static_cast<u32>(a), m); });
}

TYPED_TEST(SoftfloatHost, UnsignedIntegers) {
    constexpr Format F = TestFixture::kFormat;
    using T = HostType<F>;
    if (!__builtin_cpu_supports("avx512f")) GTEST_SKIP() << "host has no AVX-512F";
    compare_unary<F>("to u32", VM_SOFT1(to_int<F>(a, 32, true, env)), VM_HOST1(host_to_u32));
    compare_unary<F>("to u64", VM_SOFT1(to_int<F>(a, 64, true, env)), VM_HOST1(host_to_u64));
    compare_unary<Format::F64>("from u64", VM_SOFT1(from_int<F>(a, 64, true, env)),
                               [](Mxcsr& m, u64 a) { return host_from_u64<T>(a, m); });
    compare_unary<Format::F64>("from u32", VM_SOFT1(from_int<F>(a, 32, true, env)),
                               [](Mxcsr& m, u64 a) { return host_from_u32<T>(static_cast<u32>(a), m); });
}

/// Addends that cancel most of the product, next to ordinary ones.
template <Format F>
u64 random_addend(u64 a, u64 b, Rng& rng) {
    Env env = Env::of(Isa::X86);
    const u64 product = mul<F>(a, b, env);
    return rng.next() & 1 ? random_near<F>(product, rng) : random_value<F>(rng);
}

TYPED_TEST(SoftfloatHost, FusedMultiplyAdd) {
    constexpr Format F = TestFixture::kFormat;
    if (!__builtin_cpu_supports("fma")) GTEST_SKIP() << "host has no FMA3";
    Checker checker("fma");
    Rng rng(3);
    const auto check = [&](Round mode, u64 x, u64 y, u64 z, unsigned form) {
        compare_once(
            checker, mode,
            [form](Env& env, u64 a, u64 b, u64 c) { return fma<F>(a, b, c, form & 2, form & 1, env); },
            [form](Mxcsr& m, u64 a, u64 b, u64 c) {
                const auto f = as_host<F>(a), g = as_host<F>(b), h = as_host<F>(c);
                if (form & 2) return form & 1 ? host_fnmsub(f, g, h, m) : host_fnmadd(f, g, h, m);
                return form & 1 ? host_fmsub(f, g, h, m) : host_fmadd(f, g, h, m);
            },
            x, y, z);
    };
    const auto specials = special_values<F>();
    unsigned form = 0;
    for (const u64 a : specials) {
        for (const u64 b : specials) {
            for (const u64 c : specials) {
                ++form;
                check(kHostModes[form >> 2 & 3], a, b, c, form & 3);
            }
        }
    }
    for (const Round mode : kHostModes) {
        for (unsigned i = 0; i < kRandom; ++i) {
            const u64 a = random_value<F>(rng), b = i & 2 ? random_near<F>(a, rng) : random_value<F>(rng);
            check(mode, a, b, random_addend<F>(a, b, rng), i & 3);
        }
    }
}

/// Flushing as the host does it with DAZ and FTZ, which differ from Arm in the flags, and in results that are
/// rounded up to the smallest normal number: the host judges after rounding.
template <Format F, class Soft, class Host, class... Bits>
void compare_flush(Checker& checker, Round mode, Soft soft, Host host, Bits... operands) {
    using T = Traits<F>;
    constexpr u32 kDazFtz = 0x8040;
    Env env = Env::of(Isa::X86, mode);
    env.flush = true;
    Mxcsr m(mode, kDazFtz);
    const u64 want = bits_of(host(m, operands...));
    const u64 got = soft(env, operands...);
    if ((want & ~T::kSign) == T::kFracMask + 1) return;
    const bool subnormal = (((operands & T::kInf) == 0 && (operands & T::kFracMask) != 0) || ...);
    u8 flags = m.flags() & kUnderflow ? u8{kUnderflow} : m.flags();
    if (subnormal) flags |= kInputDenormal;
    checker.check(mode, got, env.flags, want, flags, operands...);
}

TYPED_TEST(SoftfloatHost, Flushing) {
    constexpr Format F = TestFixture::kFormat;
    Checker adding("add"), multiplying("mul"), dividing("div"), rooting("sqrt"), fusing("fma");
    const bool has_fma = __builtin_cpu_supports("fma");
    Rng rng(4);
    for (const Round mode : kHostModes) {
        for (unsigned i = 0; i < kRandom; ++i) {
            const u64 v = random_value<F>(rng), w = i & 1 ? random_value<F>(rng) : random_near<F>(v, rng);
            compare_flush<F>(adding, mode, VM_SOFT2(add<F>(a, b, env)), VM_HOST2(host_add), v, w);
            compare_flush<F>(multiplying, mode, VM_SOFT2(mul<F>(a, b, env)), VM_HOST2(host_mul), v, w);
            compare_flush<F>(dividing, mode, VM_SOFT2(div<F>(a, b, env)), VM_HOST2(host_div), v, w);
            compare_flush<F>(rooting, mode, VM_SOFT1(sqrt<F>(a, env)), VM_HOST1(host_sqrt), v);
            if (!has_fma) continue;
            compare_flush<F>(
                fusing, mode,
                [](Env& env, u64 x, u64 y, u64 z) { return fma<F>(x, y, z, false, false, env); },
                [](Mxcsr& m, u64 x, u64 y, u64 z) {
                    return host_fmadd(as_host<F>(x), as_host<F>(y), as_host<F>(z), m);
                },
                v, w, random_addend<F>(v, w, rng));
        }
    }
}

TEST(SoftfloatHostConvert, SingleAndDouble) {
    compare_unary<Format::F32>("f32 to f64", VM_SOFT1((convert<Format::F64, Format::F32>(a, env))),
                               [](Mxcsr& m, u64 a) { return host_widen(as_host<Format::F32>(a), m); });
    compare_unary<Format::F64>("f64 to f32", VM_SOFT1((convert<Format::F32, Format::F64>(a, env))),
                               [](Mxcsr& m, u64 a) { return host_narrow(as_host<Format::F64>(a), m); });
}

TEST(SoftfloatHostConvert, Half) {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;  // Clang's __builtin_cpu_supports does not know F16C
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_F16C)) GTEST_SKIP() << "host has no F16C";
    Checker widening("f16 to f32");
    for (u32 a = 0; a < 0x10000; ++a) {
        compare_once(
            widening, Round::Rne, [](Env& env, u64 v) { return convert<Format::F32, Format::F16>(v, env); },
            [](Mxcsr& m, u64 v) { return host_from_f16(static_cast<u32>(v), m); }, a);
    }
    compare_unary<Format::F32>("f32 to f16", VM_SOFT1((convert<Format::F16, Format::F32>(a, env))),
                               [](Mxcsr& m, u64 a) { return host_to_f16(as_host<Format::F32>(a), m); });
}

}  // namespace
}  // namespace vm::softfloat

#endif  // __x86_64__
