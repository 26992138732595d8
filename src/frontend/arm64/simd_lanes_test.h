// Vectors as lanes, for tests of Advanced SIMD: tables say in exact arithmetic what one lane gets, and each
// row is run in all its forms.
#pragma once

#include <functional>
#include <random>

#include "frontend/arm64/machine_test.h"

namespace vm::frontend::arm64::test {

inline constexpr u32 kQ = u32{1} << 30;
constexpr u32 lane_size(unsigned log2) { return log2 << 22; }
constexpr u32 shift_field(unsigned immh_immb) { return immh_immb << 16; }

// --- lanes. Their letters b, h, s, d stand for 8, 16, 32, 64 bits, size 0 … 3.
inline u64 lane(const Vector& v, unsigned width, unsigned i) {
    return zext((i * width < 64 ? v.low : v.high) >> i * width % 64, width);
}
inline void set_lane(Vector& v, unsigned width, unsigned i, u64 x) {
    u64& half = i * width < 64 ? v.low : v.high;
    const unsigned at = i * width % 64;
    half = (half & ~(zext(~u64{0}, width) << at)) | zext(x, width) << at;
}
/// Of any integer the lowest 64 bits.
constexpr u64 low(i128 v) { return static_cast<u64>(v); }
constexpr i128 signed_of(i128 v, unsigned width) { return sext(low(v), width); }
constexpr i128 unsigned_of(i128 v, unsigned width) { return zext(low(v), width); }
inline bool has_size(std::string_view letters, unsigned size) {
    return letters.find("bhsd"[size]) != letters.npos;
}

// --- operands: a half of the lanes next to powers of two and to 0, some small, the others anything
class Random {
  public:
    u64 next() { return engine_(); }
    u64 below(u64 n) { return engine_() % n; }
    u64 value(unsigned width) {
        const u64 near = (u64{1} << below(width)) + below(3) - 1;
        switch (below(8)) {
            case 0: return 0;
            case 1: return below(2 * width + 2);
            case 2: return -below(2 * width + 2);
            case 3: return near;
            case 4: return -near;
            case 5: return u64{1} << (width - 1);
            default: return next();
        }
    }
    /// Of lanes of this width, or of twice the width.
    Vector vector(unsigned width) {
        if (width < 64 && below(2) != 0) width *= 2;
        Vector v;
        for (unsigned i = 0; i < 128 / width; ++i) set_lane(v, width, i, value(width));
        return v;
    }

  private:
    std::mt19937_64 engine_{20250101};
};

// --- one instruction word on many operands
struct Operands {
    Vector d, n, m, a;  ///< Rd (before), Rn, Rm, Ra
};
struct Outcome {
    Vector d;
    bool qc = false;
};
using Model = std::function<Outcome(const Operands&)>;

inline bool qc(const Machine& m) {
    return (load_raw<u64>(&m.guest[kQcOffset]) | load_raw<u64>(&m.guest[kQcOffset + 8])) != 0;
}

struct RegisterFields {
    unsigned d, n, m, a;
};
/// Apart, and in each way the same.
inline constexpr RegisterFields kRegisterFields[] = {{0, 1, 2, 3},     {4, 31, 23, 30}, {7, 7, 12, 13},
                                                     {15, 11, 15, 10}, {8, 9, 9, 9},    {6, 6, 6, 6}};
struct Encoded {
    std::string name;
    u32 word;          ///< registers 0
    unsigned sources;  ///< Rn alone; with Rm; with Ra
    unsigned width;    ///< of lanes, for the operands
    unsigned rounds = 24;
    bool low_rm = false;  ///< v0 … v15 only
};

/// Rd and QC after each run are what `model` says; all other state stays.
inline void compare(Random& random, const Encoded& e, const Model& model) {
    for (const RegisterFields& r : kRegisterFields) {
        if (e.low_rm && r.m > 15) continue;
        Machine m;
        m.put(e.word | rd(r.d) | rn(r.n) | (e.sources > 1 ? rm(r.m) : 0) | (e.sources > 2 ? ra(r.a) : 0));
        m.request.max_insns = 1;
        m.translate();
        ASSERT_FALSE(m.ends_undefined()) << e.name << fmt::format(" {:#010x}", e.word);
        for (unsigned k = 0; k < e.rounds; ++k) {
            for (unsigned i = 0; i < 32; ++i) m.set_v(i, {random.next(), random.next()});
            for (const unsigned i : {r.d, r.n, r.m, r.a}) m.set_v(i, random.vector(e.width));
            store_raw(&m.guest[kQcOffset], u64{0});
            store_raw(&m.guest[kQcOffset + 8], u64{0});
            const Operands in{m.v(r.d), m.v(r.n), m.v(r.m), m.v(r.a)};
            const Outcome want = model(in);
            auto rest = m.guest;
            m.interpret();
            ASSERT_EQ(m.v(r.d), want.d) << fmt::format("{} {:#010x}", e.name, e.word) << "\nd " << in.d
                                        << "\nn " << in.n << "\nm " << in.m << "\na " << in.a;
            ASSERT_EQ(qc(m), want.qc) << fmt::format("{} {:#010x}", e.name, e.word) << "\nd " << in.d
                                      << "\nn " << in.n << "\nm " << in.m;
            std::memcpy(&rest[v_offset(r.d)], &m.guest[v_offset(r.d)], 16);
            std::memcpy(&rest[kQcOffset], &m.guest[kQcOffset], 16);
            ASSERT_EQ(m.guest, rest) << e.name;
            ASSERT_EQ(m.fp.flags, 0) << e.name;
        }
    }
}
inline void expect_undefined(const std::string& name, u32 w) {
    EXPECT_TRUE(Machine().undefined(w)) << name << fmt::format(" {:#010x}", w);
}

// --- tables of lane functions
/// What becomes of an exact result that its lane does not hold.
enum class Finish { Wrap, Saturate, SaturateToUnsigned };
/// Which lanes have twice the width that `size` says. Long: of Rd; Wide: of Rd and Rn; Narrow: of Rn and Rm.
/// Of narrow registers q takes the upper half.
enum class Shape { Same, Long, Wide, Narrow };

constexpr bool in_range(i128 v, unsigned width, bool is_signed) {
    const i128 end = i128{1} << (is_signed ? width - 1 : width);
    return v < end && v >= (is_signed ? -end : 0);
}
constexpr i128 clamped(i128 v, unsigned width, bool is_signed) {
    const i128 end = i128{1} << (is_signed ? width - 1 : width);
    return v >= end ? end - 1 : v < (is_signed ? -end : 0) ? (is_signed ? -end : 0) : v;
}
struct Lane {
    i128 a, n, m;    ///< of Rd (before), Rn, Rm: with a sign in the row's first name, without in its second
    unsigned width;  ///< what `size` says
    unsigned left, right;  ///< of shifts by a constant
    bool saturated = false;

    /// For results that saturate on the way.
    i128 clamp(i128 v, unsigned to) {
        saturated |= !in_range(v, to, true);
        return clamped(v, to, true);
    }
};
struct LaneCase {
    const char *signed_name, *unsigned_name;  ///< without _v, _s, …; "" where there is none
    std::string_view sizes, scalar_sizes;
    Shape shape;
    Finish finish;
    i128 (*f)(Lane&);
    bool by_element = false;
};

struct Form {
    bool is_signed, scalar, q;
    unsigned size, shift = 0;  ///< shift: immh:immb
    int element = -1;          ///< of Rm
};

inline Outcome run_model(const LaneCase& c, const Form& f, const Operands& in) {
    const unsigned width = 8u << f.size, count = f.scalar                        ? 1
                                                 : c.shape == Shape::Same && f.q ? 128 / width
                                                                                 : 64 / width;
    const unsigned upper = c.shape != Shape::Same && f.q && !f.scalar ? count : 0;
    const bool wide_d = c.shape == Shape::Long || c.shape == Shape::Wide;
    const bool wide_n = c.shape == Shape::Wide || c.shape == Shape::Narrow, wide_m = c.shape == Shape::Narrow;
    const auto value = [&](const Vector& v, bool wide, unsigned i) -> i128 {
        const unsigned w = wide ? 2 * width : width;
        const u64 x = lane(v, w, wide ? i : i + upper);
        return f.is_signed ? signed_of(x, w) : i128{x};
    };
    const unsigned result_width = wide_d ? 2 * width : width;
    const bool to_signed = f.is_signed && c.finish != Finish::SaturateToUnsigned;
    Outcome out{.d = {wide_m && upper ? in.d.low : 0, 0}};
    for (unsigned i = 0; i < count; ++i) {
        Lane l{.a = value(in.d, wide_d, i),
               .n = value(in.n, wide_n, i),
               .m = f.element < 0 ? value(in.m, wide_m, i)
                                  : value(in.m, false, static_cast<unsigned>(f.element) - upper),
               .width = width,
               .left = f.shift - width,
               .right = 2 * width - f.shift};
        i128 r = c.f(l);
        if (c.finish != Finish::Wrap) {
            l.saturated |= !in_range(r, result_width, to_signed);
            r = clamped(r, result_width, to_signed);
        }
        out.qc |= l.saturated;
        set_lane(out.d, result_width, wide_d ? i : i + upper, low(r));
    }
    return out;
}

inline const InsnInfo& insn(const std::string& name) { return info(by_name(name)); }
inline bool free_bit(const std::string& name, unsigned n) { return !(insn(name).mask >> n & 1); }
inline unsigned size_of_letter(char c) { return static_cast<unsigned>(std::string_view("bhsd").find(c)); }

/// Registers (NAME_v, NAME_s): every size and q.
inline void run_registers(Random& random, const LaneCase& c, const std::string& stem, bool is_signed,
                          bool scalar) {
    const std::string name = stem + (scalar ? "_s" : "_v");
    const std::string_view sizes = scalar ? c.scalar_sizes : c.sizes;
    const bool sized = free_bit(name, 22);
    for (const bool q : {false, true})
        for (unsigned size = 0; size < 4; ++size) {
            if (scalar && q) continue;
            if (!sized && size != size_of_letter(sizes[0])) continue;
            const u32 w = word(name) | (sized ? lane_size(size) : 0) | (q ? kQ : 0);
            if (!has_size(sizes, size) || (size == 3 && !q && !scalar)) {
                expect_undefined(name, w);
                continue;
            }
            const Form f{.is_signed = is_signed, .scalar = scalar, .q = q, .size = size};
            compare(random, {name, w, free_bit(name, 16) ? 2u : 1u, 8u << size},
                    [&](const Operands& in) { return run_model(c, f, in); });
        }
}
/// One element of Rm (NAME_e, NAME_es): every size, q and element.
inline void run_elements(Random& random, const LaneCase& c, const std::string& stem, bool is_signed,
                         bool scalar) {
    const std::string name = stem + (scalar ? "_es" : "_e");
    for (const bool q : {false, true})
        for (unsigned size = 0; size < 4; ++size) {
            if (scalar && q) continue;
            const u32 w = word(name) | lane_size(size) | (q ? kQ : 0);
            if (size == 0 || size == 3) {
                expect_undefined(name, w);
                continue;
            }
            for (unsigned k = 0; k < (size == 1 ? 8u : 4u); ++k) {
                const unsigned hlm = size == 1 ? k : k << 1;  // M is Rm's fifth bit where lanes are words
                const u32 fields = (hlm >> 2 & 1) << 11 | (hlm >> 1 & 1) << 21 | (hlm & 1) << 20;
                const Form f{.is_signed = is_signed,
                             .scalar = scalar,
                             .q = q,
                             .size = size,
                             .element = static_cast<int>(k)};
                compare(random, {name, w | fields, 2, 8u << size, 8, size == 1},
                        [&](const Operands& in) { return run_model(c, f, in); });
            }
        }
}
/// Shifts by a constant (NAME_i, NAME_is): every immh:immb. Vectors with immh = 0 are other instructions.
inline void run_constant_shifts(Random& random, const LaneCase& c, const std::string& stem, bool is_signed,
                                bool scalar) {
    const std::string name = stem + (scalar ? "_is" : "_i");
    const std::string_view sizes = scalar ? c.scalar_sizes : c.sizes;
    for (const bool q : {false, true})
        for (unsigned j = scalar ? 0 : 8; j < 128; ++j) {
            if (scalar && q) continue;
            const unsigned size = static_cast<unsigned>(std::bit_width(j | 4)) - 4;
            const u32 w = (word(name) & ~shift_field(127)) | shift_field(j) | (q ? kQ : 0);
            if (j < 8 || !has_size(sizes, size) || (size == 3 && !q && !scalar)) {
                expect_undefined(name, w);
                continue;
            }
            const Form f{.is_signed = is_signed, .scalar = scalar, .q = q, .size = size, .shift = j};
            compare(random, {name, w, 1, 8u << size, 6},
                    [&](const Operands& in) { return run_model(c, f, in); });
        }
}

/// The encodings that a row runs: stems with these suffixes.
inline void add_names(std::vector<std::string>& names, const LaneCase& c, const std::string& vector,
                      const std::string& scalar) {
    for (const std::string stem : {c.signed_name, c.unsigned_name}) {
        if (stem.empty()) continue;
        names.push_back(stem + vector);
        if (!c.scalar_sizes.empty()) names.push_back(stem + scalar);
        if (!c.by_element) continue;
        names.push_back(stem + "_e");
        if (!c.scalar_sizes.empty()) names.push_back(stem + "_es");
    }
}

// What the files test; together, all of a64_simd.isa.
std::vector<std::string> names_of_lane_tests();
std::vector<std::string> names_of_shift_tests();
std::vector<std::string> names_of_shuffle_tests();
std::vector<std::string> names_of_crypto_tests();

}  // namespace vm::frontend::arm64::test
