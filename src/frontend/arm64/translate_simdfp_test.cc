// Advanced SIMD floating point, lane by lane: vectors, lane 0, one element, fixed point, pairs, across.
#include <sstream>

#include "frontend/arm64/simdfp_model_test.h"

namespace vm::frontend::arm64::test {
namespace {

using sf::Format, sf::Order, sf::Round;

struct NumberLane {
    unsigned width;
    u64 n, m, d;
    unsigned fraction;  ///< bits, of fixed point
    sf::Env& env;

    u64 sign() const { return u64{1} << (width - 1); }
    u64 magnitude(u64 x) const { return x & (sign() - 1); }
    u64 mask(bool holds) const { return holds ? zext(~u64{0}, width) : 0; }
    sf::Env& rounded(Round r) {
        env.rounding = r;
        return env;
    }
};

/// A lane function from an expression in l, its operands, and F, their format.
#define LANE(...) \
    [](NumberLane& l) -> u64 { return in_format(l.width, [&]<Format F>() -> u64 { return __VA_ARGS__; }); }

template <Format F>
bool less_or_equal(u64 x, u64 y, sf::Env& env) {
    const Order o = sf::compare<F>(x, y, true, env);
    return o == Order::Less || o == Order::Equal;
}
template <Format F>
bool less(u64 x, u64 y, sf::Env& env) {
    return sf::compare<F>(x, y, true, env) == Order::Less;
}
template <Format F>
u64 integral_in_range(u64 x, unsigned width, sf::Env& env) {
    if constexpr (F == Format::F16)
        return 0;
    else
        return sf::round_to_int_range<F>(x, width, env);
}

/// Forms: v, s, e, es, i, is as the names have them; Z stands for Z_v and Z_s, P for pairs (…P_v), p for one
/// pair (…P_s), A for across (…V_v).
struct NumberCase {
    const char* stem;
    const char* forms;
    u64 (*f)(NumberLane&);
    bool half = true;
};
#define TO_INTEGER(NAME, FORMS, ROUND)                                                                  \
    {NAME "S", FORMS, LANE(sf::to_int<F>(l.n, l.width, false, l.rounded(Round::ROUND), l.fraction))}, { \
        NAME "U", FORMS, LANE(sf::to_int<F>(l.n, l.width, true, l.rounded(Round::ROUND), l.fraction))   \
    }
const NumberCase kNumbers[] = {
    {"FADD", "v P p", LANE(sf::add<F>(l.n, l.m, l.env))},
    {"FSUB", "v", LANE(sf::sub<F>(l.n, l.m, l.env))},
    {"FMUL", "v e es", LANE(sf::mul<F>(l.n, l.m, l.env))},
    {"FMULX", "v s e es", LANE(sf::mul_extended<F>(l.n, l.m, l.env))},
    {"FDIV", "v", LANE(sf::div<F>(l.n, l.m, l.env))},
    {"FABD", "v s", LANE(l.magnitude(sf::sub<F>(l.n, l.m, l.env)))},
    {"FMLA", "v e es", LANE(sf::fma<F>(l.n, l.m, l.d, false, false, l.env))},
    {"FMLS", "v e es", LANE(sf::fma<F>(l.n ^ l.sign(), l.m, l.d, false, false, l.env))},
    {"FMAX", "v P p A", LANE(sf::max<F>(l.n, l.m, l.env))},
    {"FMIN", "v P p A", LANE(sf::min<F>(l.n, l.m, l.env))},
    {"FMAXNM", "v P p A", LANE(sf::max_num<F>(l.n, l.m, l.env))},
    {"FMINNM", "v P p A", LANE(sf::min_num<F>(l.n, l.m, l.env))},
    {"FRECPS", "v s", LANE(sf::recip_step<F>(l.n, l.m, l.env))},
    {"FRSQRTS", "v s", LANE(sf::rsqrt_step<F>(l.n, l.m, l.env))},
    {"FCMEQ", "v s Z", LANE(l.mask(sf::compare<F>(l.n, l.m, false, l.env) == Order::Equal))},
    {"FCMGE", "v s Z", LANE(l.mask(less_or_equal<F>(l.m, l.n, l.env)))},
    {"FCMGT", "v s Z", LANE(l.mask(less<F>(l.m, l.n, l.env)))},
    {"FCMLE", "Z", LANE(l.mask(less_or_equal<F>(l.n, l.m, l.env)))},
    {"FCMLT", "Z", LANE(l.mask(less<F>(l.n, l.m, l.env)))},
    {"FACGE", "v s", LANE(l.mask(less_or_equal<F>(l.magnitude(l.m), l.magnitude(l.n), l.env)))},
    {"FACGT", "v s", LANE(l.mask(less<F>(l.magnitude(l.m), l.magnitude(l.n), l.env)))},
    {"FABS", "v", LANE(l.magnitude(l.n))},
    {"FNEG", "v", LANE(l.n ^ l.sign())},
    {"FSQRT", "v", LANE(sf::sqrt<F>(l.n, l.env))},
    {"FRECPE", "v s", LANE(sf::recip_estimate<F>(l.n, l.env))},
    {"FRSQRTE", "v s", LANE(sf::rsqrt_estimate<F>(l.n, l.env))},
    {"FRECPX", "s", LANE(sf::recip_exponent<F>(l.n, l.env))},
    {"FRINTN", "v", LANE(sf::round_to_integral<F>(l.n, false, l.rounded(Round::Rne)))},
    {"FRINTM", "v", LANE(sf::round_to_integral<F>(l.n, false, l.rounded(Round::Rdn)))},
    {"FRINTP", "v", LANE(sf::round_to_integral<F>(l.n, false, l.rounded(Round::Rup)))},
    {"FRINTZ", "v", LANE(sf::round_to_integral<F>(l.n, false, l.rounded(Round::Rtz)))},
    {"FRINTA", "v", LANE(sf::round_to_integral<F>(l.n, false, l.rounded(Round::Rmm)))},
    {"FRINTX", "v", LANE(sf::round_to_integral<F>(l.n, true, l.env))},
    {"FRINTI", "v", LANE(sf::round_to_integral<F>(l.n, false, l.env))},
    {"FRINT32Z", "v", LANE(integral_in_range<F>(l.n, 32, l.rounded(Round::Rtz))), false},
    {"FRINT64Z", "v", LANE(integral_in_range<F>(l.n, 64, l.rounded(Round::Rtz))), false},
    {"FRINT32X", "v", LANE(integral_in_range<F>(l.n, 32, l.env)), false},
    {"FRINT64X", "v", LANE(integral_in_range<F>(l.n, 64, l.env)), false},
    TO_INTEGER("FCVTN", "v s", Rne),
    TO_INTEGER("FCVTM", "v s", Rdn),
    TO_INTEGER("FCVTP", "v s", Rup),
    TO_INTEGER("FCVTA", "v s", Rmm),
    TO_INTEGER("FCVTZ", "v s i is", Rtz),
    {"SCVTF", "v s i is", LANE(sf::from_int<F>(l.n, l.width, false, l.env, l.fraction))},
    {"UCVTF", "v s i is", LANE(sf::from_int<F>(l.n, l.width, true, l.env, l.fraction))},
};
#undef TO_INTEGER
#undef LANE

enum class Kind { Lanes, Lane0, Element, ElementLane0, Fixed, FixedLane0, Pairs, OnePair, Across };
struct NumberEncoding {
    std::string name;
    Kind kind;
    bool zero = false;   ///< compared with
    unsigned width = 0;  ///< 0: sz says it
};

/// The encodings of one row.
std::vector<NumberEncoding> encodings_of(const NumberCase& c) {
    std::vector<NumberEncoding> out;
    std::istringstream forms(c.forms);
    const std::string stem = c.stem;
    const auto add = [&](const std::string& name, Kind kind, bool zero = false) {
        const bool sized = kind == Kind::Element || kind == Kind::ElementLane0 || kind == Kind::Fixed ||
                           kind == Kind::FixedLane0;
        out.push_back({name, kind, zero, sized || kind == Kind::Across ? 32u : 0u});
        if (sized) out.push_back({name + "_d", kind, zero, 64});
        if (c.half) out.push_back({name + "_h", kind, zero, 16});
    };
    for (std::string form; forms >> form;) {
        if (form == "v") add(stem + "_v", Kind::Lanes);
        if (form == "s") add(stem + "_s", Kind::Lane0);
        if (form == "Z") add(stem + "_Z_v", Kind::Lanes, true), add(stem + "_Z_s", Kind::Lane0, true);
        if (form == "e") add(stem + "_e", Kind::Element);
        if (form == "es") add(stem + "_es", Kind::ElementLane0);
        if (form == "i") add(stem + "_i", Kind::Fixed);
        if (form == "is") add(stem + "_is", Kind::FixedLane0);
        if (form == "P") add(stem + "P_v", Kind::Pairs);
        if (form == "p") add(stem + "P_s", Kind::OnePair);
        if (form == "A") add(stem + "V_v", Kind::Across);
    }
    return out;
}

class NumberRun {
  public:
    NumberRun(const NumberCase& c, const NumberEncoding& e, Processor& p, Fields f)
        : f_(f), width_(e.width ? e.width : 32u << f.at(22, 1)), env_(p.env(width_)), function_(c.f) {
        n_ = p.v[f.rn()];
        d_ = p.v[f.rd()];
        m_ = e.zero ? Vector{} : p.v[f.rm()];
        if (e.kind == Kind::Element || e.kind == Kind::ElementLane0) {
            const unsigned r = width_ == 16 ? f.at(16, 4) : f.rm();
            const unsigned index = width_ == 16 ? f.hlm() : width_ == 32 ? f.hl() : f.at(11, 1);
            const u64 element = lane(p.v[r], width_, index);
            for (unsigned i = 0; i < 128 / width_; ++i) set_lane(m_, width_, i, element);
        }
        if (e.kind == Kind::Fixed || e.kind == Kind::FixedLane0) fraction_ = 2 * width_ - f.at(16, 7);
    }
    Vector result(Kind kind) {
        Vector out;
        const unsigned lanes = f_.lanes(width_);
        switch (kind) {
            case Kind::Lane0:
            case Kind::ElementLane0:
            case Kind::FixedLane0: set_lane(out, width_, 0, at(n_, 0, m_, 0, 0)); break;
            case Kind::OnePair: set_lane(out, width_, 0, at(n_, 0, n_, 1, 0)); break;
            case Kind::Across: set_lane(out, width_, 0, across(0, lanes)); break;
            case Kind::Pairs:
                for (unsigned i = 0; i < lanes; ++i) {
                    const Vector& from = 2 * i < lanes ? n_ : m_;
                    set_lane(out, width_, i, at(from, 2 * i % lanes, from, 2 * i % lanes + 1, i));
                }
                break;
            default:
                for (unsigned i = 0; i < lanes; ++i) set_lane(out, width_, i, at(n_, i, m_, i, i));
        }
        return out;
    }
    u8 flags() const { return env_.flags; }

  private:
    u64 at(const Vector& n, unsigned i, const Vector& m, unsigned j, unsigned k) {
        return apply(lane(n, width_, i), lane(m, width_, j), lane(d_, width_, k));
    }
    u64 apply(u64 n, u64 m, u64 d) {
        NumberLane l{width_, n, m, d, fraction_, env_};
        return zext(function_(l), width_);
    }
    u64 across(unsigned first, unsigned count) {
        if (count == 1) return lane(n_, width_, first);
        const u64 low = across(first, count / 2), high = across(first + count / 2, count / 2);
        return apply(low, high, 0);
    }

    Fields f_;
    unsigned width_, fraction_ = 0;
    sf::Env env_;
    u64 (*function_)(NumberLane&);
    Vector n_, m_, d_;
};

TEST(SimdFp, LaneByLane) {
    Random random;
    for (const NumberCase& c : kNumbers)
        for (const NumberEncoding& e : encodings_of(c))
            for (const unsigned width : {32u, 64u}) {  // of operands, where sz decides
                if (e.width != 0 && width != 32) continue;
                check_numbers(random, e.name, e.width ? e.width : width, [&](Processor& p, Fields f) {
                    NumberRun run(c, e, p, f);
                    const Vector out = run.result(e.kind);
                    p.flags = run.flags();
                    return out;
                });
            }
}

// Every encoding of a64_simd_fp.isa, the first to the last, is tested here or beside.
TEST(SimdFp, EveryEncodingIsTested) {
    std::set<std::string> tested;
    for (const auto& names : {names_of_number_tests(), names_of_product_tests(), names_of_structure_tests()})
        for (const std::string& name : names) {
            EXPECT_NE(by_name(name), Insn::Invalid);
            EXPECT_TRUE(tested.insert(name).second) << name << " twice";
        }
    for (auto i = static_cast<u16>(Insn::FMAXNM_v); i <= static_cast<u16>(Insn::LDnR_post); ++i)
        EXPECT_TRUE(tested.contains(std::string(info(static_cast<Insn>(i)).name)))
            << info(static_cast<Insn>(i)).name;
}

}  // namespace

std::vector<std::string> names_of_number_tests() {
    std::vector<std::string> names;
    for (const NumberCase& c : kNumbers)
        for (const NumberEncoding& e : encodings_of(c)) names.push_back(e.name);
    return names;
}

}  // namespace vm::frontend::arm64::test
