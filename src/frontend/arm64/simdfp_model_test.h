// For tests of Advanced SIMD on numbers: an encoding's random words on random registers and FPCR against a
// model of the instruction, which reads the word's fields itself and computes lanes with softfloat. Flags are
// those of the lanes that the model computes: others must not raise any.
#pragma once

#include "base/softfloat.h"
#include "frontend/arm64/simd_lanes_test.h"

namespace vm::frontend::arm64::test {

namespace sf = softfloat;

/// A word's fields, by the manual's names.
struct Fields {
    u32 word;
    unsigned at(unsigned low, unsigned bits) const { return word >> low & ((1u << bits) - 1); }
    unsigned rd() const { return at(0, 5); }
    unsigned rn() const { return at(5, 5); }
    unsigned rm() const { return at(16, 5); }
    bool q() const { return at(30, 1); }
    unsigned size() const { return at(22, 2); }
    unsigned hl() const { return at(11, 1) << 1 | at(21, 1); }
    unsigned hlm() const { return hl() << 1 | at(20, 1); }
    /// Of vectors of lanes of `width`.
    unsigned lanes(unsigned width) const { return (q() ? 128 : 64) / width; }
};

/// What a model sees of the processor and leaves in it.
struct Processor {
    std::array<Vector, 32> v;
    u64 fpcr;
    u8 flags = 0;

    bool is(u64 fpcr_bit) const { return (fpcr & fpcr_bit) != 0; }
    /// For operations on lanes of `width`.
    sf::Env env(unsigned width) const {
        sf::Env e = sf::Env::of(sf::Isa::Arm, static_cast<sf::Round>(round_of_fpcr(fpcr)));
        e.default_nan = is(kFpcrDn);
        e.flush = is(width == 16 ? kFpcrFz16 : kFpcrFz);
        return e;
    }
};
/// Rd after the instruction.
using NumberModel = std::function<Vector(Processor&, Fields)>;

inline u64 random_number(Random& random, unsigned width) {
    const unsigned fraction = width == 16 ? 10 : width == 32 ? 23 : 52, exponent = width - 1 - fraction;
    const u64 infinity = zext(~u64{0}, exponent) << fraction, one = infinity >> (fraction + 1) << fraction;
    const u64 sign = random.below(2) << (width - 1);
    const u64 any_fraction = zext(random.next(), fraction);
    switch (random.below(12)) {
        case 0: return sign;
        case 1: return sign | one;
        case 2: return sign | random.below(16);
        case 3: return sign | infinity;
        case 4: return sign | (infinity - 1 - random.below(2));
        case 5: return sign | infinity | u64{1} << (fraction - 1) | random.below(16);
        case 6: return sign | infinity | (1 + random.below(15));
        case 7: return sign | ((u64{1} << fraction) + random.below(3) - 1);
        case 8: return sign | (one + ((random.below(width) - width / 4) << fraction)) | any_fraction;
        case 9: {  // a small integer, or half of one
            const u64 bits = random.below(8);
            return sign | (one + (random.below(7) << fraction)) | bits << (fraction - 3);
        }
        case 10: return zext(random.value(width), width);
        default: return sign | zext(random.next(), width);
    }
}
inline Vector random_numbers(Random& random, unsigned width) {
    Vector v;
    for (unsigned i = 0; i < 128 / width; ++i) set_lane(v, width, i, random_number(random, width));
    return v;
}

/// `width`: of lanes, for the operands.
inline void check_numbers(Random& random, const std::string& name, unsigned width, const NumberModel& model,
                          unsigned words = 60) {
    constexpr u64 kModes[] = {kFpcrFz16, u64{1} << 22, u64{1} << 23, kFpcrFz, kFpcrDn, kFpcrAhp};
    u64 state = random.next();
    unsigned defined = 0;
    for (unsigned n = 0; n < words; ++n) {
        const Fields f{random_encoding(by_name(name), &state)};
        Processor p;
        p.fpcr = 0;
        for (const u64 bit : kModes)
            if (random.below(3) == 0) p.fpcr |= bit;
        Machine m;
        m.set_fpcr(p.fpcr);
        if (m.undefined(f.word)) continue;
        ++defined;
        for (unsigned k = 0; k < 6; ++k) {
            for (unsigned r = 0; r < 32; ++r) m.set_v(r, random_numbers(random, width));
            for (unsigned r = 0; r < 32; ++r) p.v[r] = m.v(r);
            m.fp.flags = m.fp.input_denormal = p.flags = 0;
            const Vector want = model(p, f);
            auto rest = m.guest;
            m.interpret();
            const auto where = [&] {
                return fmt::format("{} {:#010x} fpcr {:#x}: {}", name, f.word, p.fpcr,
                                   disassemble(decode(f.word, ~u64{0}), 0));
            };
            ASSERT_EQ(m.v(f.rd()), want)
                << where() << "\nd " << p.v[f.rd()] << "\nn " << p.v[f.rn()] << "\nm " << p.v[f.rm()];
            ASSERT_EQ(m.fp.flags | m.fp.input_denormal, p.flags)
                << where() << "\nd " << p.v[f.rd()] << "\nn " << p.v[f.rn()] << "\nm " << p.v[f.rm()];
            std::memcpy(&rest[v_offset(f.rd())], &m.guest[v_offset(f.rd())], 16);
            ASSERT_EQ(m.guest, rest) << where();
        }
    }
    EXPECT_GT(defined, words / 4) << name;
}

// What the files test; together, all of a64_simd_fp.isa.
std::vector<std::string> names_of_number_tests();
std::vector<std::string> names_of_product_tests();
std::vector<std::string> names_of_structure_tests();

/// f.operator()<F>() with the format of `width` bits.
template <class F>
u64 in_format(unsigned width, F f) {
    switch (width) {
        case 16: return f.template operator()<sf::Format::F16>();
        case 32: return f.template operator()<sf::Format::F32>();
        default: return f.template operator()<sf::Format::F64>();
    }
}

}  // namespace vm::frontend::arm64::test
