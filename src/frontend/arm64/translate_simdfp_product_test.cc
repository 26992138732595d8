// Advanced SIMD whose lanes have neighbours: conversions between formats, complex numbers, products of half
// precision and bfloat16 in single precision, dot products and matrices of bytes; immediates.
#include "frontend/arm64/simdfp_model_test.h"

namespace vm::frontend::arm64::test {
namespace {

using sf::Format, sf::Round;
constexpr Format H = Format::F16, S = Format::F32, D = Format::F64;

u64 sign_of(unsigned width) { return u64{1} << (width - 1); }

// --- other formats
/// FPCR.AHP is about halves.
sf::Env between_formats(const Processor& p, unsigned narrow) {
    sf::Env env = p.env(2 * narrow);
    env.alt_half = narrow == 16 && p.is(kFpcrAhp);
    return env;
}
template <class F>
Vector narrowed(Processor& p, Fields f, unsigned narrow, sf::Env env, F convert) {
    Vector out = f.q() ? Vector{p.v[f.rd()].low, 0} : Vector{};
    const unsigned count = 64 / narrow;
    for (unsigned i = 0; i < count; ++i)
        set_lane(out, narrow, i + (f.q() ? count : 0), convert(lane(p.v[f.rn()], 2 * narrow, i), env));
    p.flags = env.flags;
    return out;
}
Vector fcvtl(Processor& p, Fields f) {
    const unsigned narrow = 16u << f.at(22, 1), count = 64 / narrow;
    sf::Env env = between_formats(p, narrow);
    Vector out;
    for (unsigned i = 0; i < count; ++i) {
        const u64 x = lane(p.v[f.rn()], narrow, i + (f.q() ? count : 0));
        set_lane(out, 2 * narrow, i, narrow == 16 ? sf::convert<S, H>(x, env) : sf::convert<D, S>(x, env));
    }
    p.flags = env.flags;
    return out;
}
Vector fcvtn(Processor& p, Fields f) {
    const unsigned narrow = 16u << f.at(22, 1);
    return narrowed(p, f, narrow, between_formats(p, narrow), [&](u64 x, sf::Env& env) {
        return narrow == 16 ? sf::convert<H, S>(x, env) : sf::convert<S, D>(x, env);
    });
}
sf::Env to_odd(sf::Env env) {
    env.rounding = Round::Odd;
    return env;
}
Vector fcvtxn(Processor& p, Fields f) { return narrowed(p, f, 32, to_odd(p.env(64)), sf::convert<S, D>); }
Vector fcvtxn_lane0(Processor& p, Fields f) {
    sf::Env env = to_odd(p.env(64));
    const u64 r = sf::convert<S, D>(p.v[f.rn()].low, env);
    p.flags = env.flags;
    return {r, 0};
}
Vector bfcvtn(Processor& p, Fields f) { return narrowed(p, f, 16, p.env(32), sf::convert<Format::BF16, S>); }

// --- complex numbers: the formulas of the manual for each rotation
Vector complex_sum(Processor& p, Fields f, unsigned width) {
    sf::Env env = p.env(width);
    const Vector &n = p.v[f.rn()], &m = p.v[f.rm()];
    const bool three_quarters = f.at(12, 1);
    Vector out;
    for (unsigned i = 0; i < f.lanes(width); i += 2) {
        u64 re = lane(m, width, i + 1), im = lane(m, width, i);
        (three_quarters ? im : re) ^= sign_of(width);
        in_format(width, [&]<Format F>() -> u64 {
            set_lane(out, width, i, sf::add<F>(lane(n, width, i), re, env));
            set_lane(out, width, i + 1, sf::add<F>(lane(n, width, i + 1), im, env));
            return 0;
        });
    }
    p.flags = env.flags;
    return out;
}
Vector complex_product(Processor& p, Fields f, unsigned width, unsigned rotation, const Vector& m,
                       int index) {
    sf::Env env = p.env(width);
    const Vector &n = p.v[f.rn()], &d = p.v[f.rd()];
    Vector out;
    for (unsigned i = 0; i < f.lanes(width); i += 2) {
        const unsigned k = index < 0 ? i : 2 * static_cast<unsigned>(index);
        const u64 n_part = lane(n, width, i + rotation % 2);
        u64 re = lane(m, width, k + rotation % 2), im = lane(m, width, k + 1 - rotation % 2);
        if (rotation == 1 || rotation == 2) re ^= sign_of(width);
        if (rotation == 2 || rotation == 3) im ^= sign_of(width);
        in_format(width, [&]<Format F>() -> u64 {
            set_lane(out, width, i, sf::fma<F>(n_part, re, lane(d, width, i), false, false, env));
            set_lane(out, width, i + 1, sf::fma<F>(n_part, im, lane(d, width, i + 1), false, false, env));
            return 0;
        });
    }
    p.flags = env.flags;
    return out;
}
Vector fcadd(Processor& p, Fields f) { return complex_sum(p, f, 8u << f.size()); }
Vector fcmla(Processor& p, Fields f) {
    return complex_product(p, f, 8u << f.size(), f.at(11, 2), p.v[f.rm()], -1);
}
Vector fcmla_element(Processor& p, Fields f) {
    const unsigned index = f.size() == 1 ? f.hl() : f.at(11, 1);
    return complex_product(p, f, 8u << f.size(), f.at(13, 2), p.v[f.rm()], static_cast<int>(index));
}

// --- half precision into single
Vector long_product(Processor& p, Fields f, bool upper, bool negated, const Vector& m, int index) {
    sf::Env env = p.env(32);
    const unsigned count = f.lanes(32), first = upper ? count : 0;
    Vector out;
    for (unsigned i = 0; i < count; ++i) {
        const u64 x = lane(p.v[f.rn()], 16, first + i),
                  y = lane(m, 16, index < 0 ? first + i : static_cast<unsigned>(index));
        set_lane(out, 32, i, sf::fma_widening(x, y, lane(p.v[f.rd()], 32, i), negated, p.is(kFpcrFz16), env));
    }
    p.flags = env.flags;
    return out;
}
Vector fmlal(Processor& p, Fields f) { return long_product(p, f, f.at(29, 1), f.at(23, 1), p.v[f.rm()], -1); }
Vector fmlal_element(Processor& p, Fields f) {
    return long_product(p, f, f.at(29, 1), f.at(14, 1), p.v[f.at(16, 4)], static_cast<int>(f.hlm()));
}

// --- bytes
i64 byte(const Vector& v, unsigned i, bool is_signed) {
    const u64 b = lane(v, 8, i);
    return is_signed ? sext(b, 8) : static_cast<i64>(b);
}
Vector dot(Processor& p, Fields f, bool n_signed, bool m_signed, int index) {
    Vector out;
    for (unsigned i = 0; i < f.lanes(32); ++i) {
        i64 sum = static_cast<i64>(lane(p.v[f.rd()], 32, i));
        for (unsigned k = 0; k < 4; ++k) {
            const unsigned word = index < 0 ? i : static_cast<unsigned>(index);
            sum += byte(p.v[f.rn()], 4 * i + k, n_signed) * byte(p.v[f.rm()], 4 * word + k, m_signed);
        }
        set_lane(out, 32, i, static_cast<u64>(sum));
    }
    return out;
}
template <bool NSigned, bool MSigned>
Vector dot_vector(Processor& p, Fields f) {
    return dot(p, f, NSigned, MSigned, -1);
}
template <bool NSigned, bool MSigned>
Vector dot_element(Processor& p, Fields f) {
    return dot(p, f, NSigned, MSigned, static_cast<int>(f.hl()));
}
template <bool NSigned, bool MSigned>
Vector byte_matrix(Processor& p, Fields f) {
    Vector out;
    for (unsigned row = 0; row < 2; ++row)
        for (unsigned column = 0; column < 2; ++column) {
            i64 sum = static_cast<i64>(lane(p.v[f.rd()], 32, 2 * row + column));
            for (unsigned k = 0; k < 8; ++k)
                sum += byte(p.v[f.rn()], 8 * row + k, NSigned) * byte(p.v[f.rm()], 8 * column + k, MSigned);
            set_lane(out, 32, 2 * row + column, static_cast<u64>(sum));
        }
    return out;
}

// --- bfloat16
u64 pair_sum(u64 sum, const Vector& n, unsigned i, const Vector& m, unsigned k) {
    return sf::bfloat_dot(static_cast<u32>(sum), static_cast<u32>(lane(n, 32, i)),
                          static_cast<u32>(lane(m, 32, k)));
}
Vector bfdot(Processor& p, Fields f) {
    Vector out;
    for (unsigned i = 0; i < f.lanes(32); ++i)
        set_lane(out, 32, i, pair_sum(lane(p.v[f.rd()], 32, i), p.v[f.rn()], i, p.v[f.rm()], i));
    return out;
}
Vector bfdot_element(Processor& p, Fields f) {
    Vector out;
    for (unsigned i = 0; i < f.lanes(32); ++i)
        set_lane(out, 32, i, pair_sum(lane(p.v[f.rd()], 32, i), p.v[f.rn()], i, p.v[f.rm()], f.hl()));
    return out;
}
Vector bfmmla(Processor& p, Fields f) {
    Vector out;
    for (unsigned row = 0; row < 2; ++row)
        for (unsigned column = 0; column < 2; ++column) {
            u64 sum = lane(p.v[f.rd()], 32, 2 * row + column);
            for (unsigned k = 0; k < 2; ++k)
                sum = pair_sum(sum, p.v[f.rn()], 2 * row + k, p.v[f.rm()], 2 * column + k);
            set_lane(out, 32, 2 * row + column, sum);
        }
    return out;
}
/// bit 30 says whether the odd elements are taken.
Vector bfmlal(Processor& p, Fields f, const Vector& m, int index) {
    sf::Env env = p.env(32);
    Vector out;
    for (unsigned i = 0; i < 4; ++i) {
        const unsigned k = 2 * i + f.q();
        const u64 x = lane(p.v[f.rn()], 16, k) << 16,
                  y = lane(m, 16, index < 0 ? k : static_cast<unsigned>(index)) << 16;
        set_lane(out, 32, i, sf::fma<S>(x, y, lane(p.v[f.rd()], 32, i), false, false, env));
    }
    p.flags = env.flags;
    return out;
}
Vector bfmlal_vector(Processor& p, Fields f) { return bfmlal(p, f, p.v[f.rm()], -1); }
Vector bfmlal_element(Processor& p, Fields f) {
    return bfmlal(p, f, p.v[f.at(16, 4)], static_cast<int>(f.hlm()));
}

// --- immediates: sign, three bits of the exponent, four of the fraction
template <unsigned Width>
Vector fmov(Processor&, Fields f) {
    const unsigned imm8 = f.at(16, 3) << 5 | f.at(5, 5);
    const int power = (imm8 >> 6 & 1 ? 0 : 4) + static_cast<int>(imm8 >> 4 & 3) - 3;
    const u64 sixteenths = 16 + (imm8 & 15);
    sf::Env env;  // in units of 2^-7, so that all are integers
    const u64 scaled = sixteenths << (power + 3);
    const u64 value = in_format(Width, [&]<Format F>() { return sf::from_int<F>(scaled, 64, true, env, 7); });
    Vector out;
    for (unsigned i = 0; i < f.lanes(Width); ++i)
        set_lane(out, Width, i, value | u64{imm8 >> 7 & 1} << (Width - 1));
    return out;
}

struct ProductCase {
    const char* name;
    unsigned width;  ///< of lanes of operands
    Vector (*model)(Processor&, Fields);
};
constexpr ProductCase kProducts[] = {
    {"FCVTL_v", 16, fcvtl},
    {"FCVTN_v", 32, fcvtn},
    {"FCVTXN_v", 64, fcvtxn},
    {"FCVTXN_s", 64, fcvtxn_lane0},
    {"BFCVTN_v", 32, bfcvtn},
    {"FCADD_v", 32, fcadd},
    {"FCADD_v_h", 16, fcadd},
    {"FCMLA_v", 32, fcmla},
    {"FCMLA_v_h", 16, fcmla},
    {"FCMLA_e", 32, fcmla_element},
    {"FCMLA_e_h", 16, fcmla_element},
    {"FMLAL_v", 16, fmlal},
    {"FMLSL_v", 16, fmlal},
    {"FMLAL2_v", 16, fmlal},
    {"FMLSL2_v", 16, fmlal},
    {"FMLAL_e", 16, fmlal_element},
    {"FMLSL_e", 16, fmlal_element},
    {"FMLAL2_e", 16, fmlal_element},
    {"FMLSL2_e", 16, fmlal_element},
    {"SDOT_v", 16, dot_vector<true, true>},
    {"UDOT_v", 16, dot_vector<false, false>},
    {"USDOT_v", 16, dot_vector<false, true>},
    {"SDOT_e", 16, dot_element<true, true>},
    {"UDOT_e", 16, dot_element<false, false>},
    {"USDOT_e", 16, dot_element<false, true>},
    {"SUDOT_e", 16, dot_element<true, false>},
    {"SMMLA_v", 16, byte_matrix<true, true>},
    {"UMMLA_v", 16, byte_matrix<false, false>},
    {"USMMLA_v", 16, byte_matrix<false, true>},
    {"BFDOT_v", 32, bfdot},
    {"BFDOT_e", 32, bfdot_element},
    {"BFMMLA_v", 32, bfmmla},
    {"BFMLALB_v", 32, bfmlal_vector},
    {"BFMLALT_v", 32, bfmlal_vector},
    {"BFMLALB_e", 32, bfmlal_element},
    {"BFMLALT_e", 32, bfmlal_element},
    {"FMOV_v", 32, fmov<32>},
    {"FMOV_v_d", 64, fmov<64>},
    {"FMOV_v_h", 16, fmov<16>},
};

TEST(SimdFp, Products) {
    Random random;
    for (const ProductCase& c : kProducts)
        for (const unsigned width : {c.width, 2 * c.width > 64 ? 64 : 2 * c.width})  // sz doubles some
            check_numbers(random, c.name, width, c.model, 120);
}

}  // namespace

std::vector<std::string> names_of_product_tests() {
    std::vector<std::string> names;
    for (const ProductCase& c : kProducts) names.push_back(c.name);
    return names;
}

}  // namespace vm::frontend::arm64::test
