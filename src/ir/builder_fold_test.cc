// Foldings of flags and vectors by the builder and the fold pass: the value stays, and where it should,
// nothing is made.
#include <gtest/gtest.h>

#include <functional>

#include "base/format.h"
#include "ir/builder.h"
#include "ir/interp.h"
#include "ir/passes/passes.h"
#include "ir/random_block.h"
#include "ir/text.h"

namespace vm::ir {
namespace {

using testing::kLayout;
constexpr u16 kF0 = 8, kV0 = 12, kNzcv = 16;

struct Result {
    std::vector<u8> guest = std::vector<u8>(512);
    FpEnv fp;
    u64 slot(u16 n, unsigned half = 0) const {
        return load_raw<u64>(guest.data() + kLayout.slots[n].offset + 8 * half);
    }
};

/// Runs a block without memory accesses.
Result run(const Block& block, std::array<u64, 3> x) {
    const auto ok = verify(block, kLayout);
    EXPECT_TRUE(ok) << ok.error().message << "\n" << print(block, kLayout);
    Result r;
    for (u16 i = 0; i < 3; ++i) store_raw(r.guest.data() + kLayout.slots[i].offset, x[i]);
    InterpContext ctx{
        .guest = r.guest.data(), .fp = &r.fp, .reservation = {}, .icount = {}, .memory = {}, .read_time = {}};
    if (ok) interpret(block, kLayout, ctx);
    return r;
}

/// Operand n of type t: slot xn, or a constant.
Value operand(Builder& b, u16 n, Type t, u64 v, bool constant) {
    if (constant) return b.constant(t, zext(v, width(t)));
    const Value x = b.get(n);
    if (t == Type::I64) return x;
    return is_float(t) ? b.bitcast(t, t == Type::F64 ? x : b.trunc(t == Type::F32 ? Type::I32 : Type::I16, x))
                       : b.trunc(t, x);
}

constexpr u64 kInts[] = {0,          1,          2,           0x7f,        0x80,    0xff,        0x7fffffff,
                         0x80000000, 0xffffffff, ~u64{0} / 2, ~u64{0} - 1, ~u64{0}, u64{1} << 63};

using Make = std::function<Value(Builder&, Type, u64 x, u64 y, unsigned shape)>;

/// Every condition on what `make` makes, folded by the builder, by the fold pass, and as it is.
void check_conditions(const Make& make, Type t, std::span<const u64> values, unsigned shapes) {
    for (u32 c = 0; c < 14; ++c)
        for (unsigned shape = 0; shape < shapes; ++shape)
            for (const u64 x : values)
                for (const u64 y : values) {
                    Block folded, plain;
                    for (Block* block : {&folded, &plain}) {
                        Builder b(*block, kLayout);
                        const Value f = make(b, t, x, y, shape);
                        const Value truth = block == &folded ? b.flags_test(static_cast<FlagCond>(c), f)
                                                             : b.emit({.op = Op::FlagsTest,
                                                                       .type = Type::I1,
                                                                       .args = {f, kNone, kNone},
                                                                       .aux = c});
                        b.set(3, b.zext(Type::I64, truth));
                        b.jump(0);
                    }
                    Block passed = plain;
                    run_tier1_passes(passed, kLayout, 0);
                    const Result want = run(plain, {x, y, 1});
                    for (const Block* block : {&folded, &passed}) {
                        const Result got = run(*block, {x, y, 1});
                        ASSERT_EQ(got.slot(3), want.slot(3))
                            << print(*block, kLayout) << std::hex << x << " " << y;
                        ASSERT_EQ(got.fp.flags, want.fp.flags)
                            << print(*block, kLayout) << std::hex << x << " " << y;
                        ASSERT_EQ(got.fp.input_denormal, want.fp.input_denormal);
                    }
                }
}

Make compare_of(Op op, u32 aux, bool carry) {
    return [=](Builder& b, Type t, u64 x, u64 y, unsigned shape) {
        const Value px = operand(b, 0, t, x, shape & 1), py = operand(b, 1, t, y, shape & 2);
        return b.ternary(op, px, py, b.constant(Type::I1, carry), aux);
    };
}

TEST(BuilderFlags, ConditionsAfterAdditionAndSubtraction) {
    for (const Type t : {Type::I64, Type::I32, Type::I8})
        for (const bool carry : {false, true}) {
            check_conditions(compare_of(Op::FlagsAdd, 0, carry), t, kInts, 4);
            for (u32 sem = 0; sem < 2; ++sem)
                check_conditions(compare_of(Op::FlagsSub, sem, carry), t, kInts, 4);
        }
}

TEST(BuilderFlags, ConditionsAfterLogicAndOfPackedFlags) {
    const Make logic = [](Builder& b, Type t, u64 x, u64, unsigned shape) {
        return b.unary(Op::FlagsLogic, operand(b, 0, t, x, shape & 1));
    };
    for (const Type t : {Type::I64, Type::I32, Type::I16}) check_conditions(logic, t, kInts, 2);
    std::vector<u64> all(16);
    for (u64 f = 0; f < 16; ++f) all[f] = f << 28;
    const Make packed = [](Builder& b, Type, u64 x, u64, unsigned shape) {
        return b.unary(Op::FlagsPack, operand(b, 0, Type::I32, x, shape & 1));
    };
    check_conditions(packed, Type::I32, all, 2);
}

TEST(BuilderFlags, ConditionsAfterFloatComparison) {
    constexpr u64 kFloats[] = {0,
                               1,
                               u64{1} << 63,
                               0x3ff0000000000000,
                               0xbff0000000000000,
                               0x7ff0000000000000,
                               0x7ff8000000000000,
                               0x7ff0000000000001,
                               0x800fffffffffffff};
    for (const bool signaling : {false, true})
        for (const u32 flush : {0u, kFpFlush}) {
            const Make compare = [=](Builder& b, Type t, u64 x, u64 y, unsigned shape) {
                return b.binary(Op::FlagsFCmp, operand(b, 0, t, x, shape & 1), operand(b, 1, t, y, shape & 2),
                                fcmp_aux(FpCond::Eq, signaling) | flush);
            };
            check_conditions(compare, Type::F64, kFloats, 4);
        }
}

// A comparison raises its exceptions once, before sticky flags are written, and its flags are tested behind.
TEST(BuilderFlags, SticksToWhatWasWrittenAfterTheComparison) {
    constexpr u64 kSignalingNan = 0x7ff0000000000001;
    for (u32 c = 0; c < 14; ++c)
        for (const bool selected : {false, true}) {
            Block block;
            Builder b(block, kLayout);
            const Value x = operand(b, 0, Type::F64, 0, false), y = operand(b, 1, Type::F64, 0, false);
            Value f = b.binary(Op::FlagsFCmp, x, y, fcmp_aux(FpCond::Eq, false));
            if (selected) {
                const Value p = b.icmp(Cond::Ne, b.get(1), b.c64(0));
                f = b.emit({.op = Op::Select,
                            .type = Type::Flags,
                            .args = {p, f, b.unary(Op::FlagsPack, b.c32(0))}});
            }
            b.emit({.op = Op::FpSetFlags, .args = {b.c64(kInexact), kNone, kNone}});
            b.set(2, b.zext(Type::I64, b.unary(Op::FlagsTest, f, c)));
            b.jump(0);
            const Result r = run(block, {kSignalingNan, 0x3ff0000000000000, 0});
            EXPECT_EQ(r.fp.flags, kInexact) << c;
            const u64 unordered = flag_cond(static_cast<FlagCond>(c), Nzcv{0b0011});
            EXPECT_EQ(r.slot(2), unordered) << c;
        }
}

/// Conditional compares: flags of one comparison if an earlier condition holds, else a constant.
TEST(BuilderFlags, ConditionsAfterConditionalCompare) {
    for (u32 constant = 0; constant < 16; ++constant)
        for (const bool swapped : {false, true}) {
            const Make chained = [=](Builder& b, Type t, u64 x, u64 y, unsigned) {
                const Value px = operand(b, 0, t, x, false), py = operand(b, 1, t, y, false);
                const Value first = b.flags_test(FlagCond::Gt, b.flags_sub(px, b.constant(t, 1)));
                const Value second = b.flags_sub(px, py),
                            fixed = b.flags_constant({static_cast<u8>(constant)});
                const Value f = b.select(first, swapped ? fixed : second, swapped ? second : fixed);
                const Value third = b.flags_test(FlagCond::Ne, b.unary(Op::FlagsLogic, py));
                return b.select(third, b.flags_add(py, px), f);
            };
            check_conditions(chained, Type::I32, kInts, 1);
        }
}

TEST(BuilderFlags, CommonConditionsAreOneComparison) {
    Block block;
    Builder b(block, kLayout);
    const Value x = b.get(0), y = b.get(1), low = b.trunc(Type::I32, x);
    const Value f = b.flags_sub(x, y), bits = b.unary(Op::FlagsLogic, low);
    const auto text = [&](FlagCond c, Value flags) {
        const Value v = b.flags_test(c, flags);
        return print(block.insts[v], 0, kLayout);
    };
    using enum FlagCond;
    EXPECT_EQ(text(Eq, f), "%0 = icmp i1 %0, %1, eq");
    EXPECT_EQ(text(Hi, f), "%0 = icmp i1 %0, %1, gtu");
    EXPECT_EQ(text(Le, f), "%0 = icmp i1 %0, %1, les");
    EXPECT_EQ(text(Cc, f), "%0 = icmp i1 %0, %1, ltu");
    EXPECT_TRUE(b.is_const(b.flags_test(Vs, bits), 0));
    EXPECT_TRUE(b.is_const(b.flags_test(Ls, bits), 1));
    EXPECT_EQ(text(Mi, bits), fmt::format("%0 = icmp i1 %2, %{}, lts", b.c32(0)));
    EXPECT_EQ(text(Vs, f), "%0 = flags.test i1 %4, vs") << "nothing simpler";
    EXPECT_EQ(print(block.insts[b.convert(Op::FlagsUnpack, Type::I32, b.flags_constant({5}))], 0, kLayout),
              "%0 = const i32 0x50000000");
    EXPECT_EQ(b.unary(Op::FlagsPack, b.convert(Op::FlagsUnpack, Type::I32, f)), f);
}

TEST(BuilderFlags, SlotsKeepThemAsWords) {
    Block block;
    Builder b(block, kLayout);
    b.forward_state();
    const Value f = b.flags_sub(b.get(0), b.get(1));
    b.set(kNzcv, f);
    EXPECT_EQ(b.get(kNzcv), f);
    b.jump(0);
    EXPECT_EQ(run(block, {5, 5, 0}).slot(kNzcv), 0x4100u);
    EXPECT_EQ(run(block, {u64{1} << 63, 1, 0}).slot(kNzcv), 0x101u);
    EXPECT_EQ(run(block, {0, 1, 0}).slot(kNzcv), 0x8000u);
    for (unsigned bits = 0; bits < 16; ++bits) {
        const Nzcv flags{static_cast<u8>(bits)};
        EXPECT_EQ(Nzcv::of_word(flags.word()).bits, bits);
        EXPECT_EQ(Nzcv::of_word(static_cast<u16>(flags.word() | 0x3efe)).bits, bits);
    }
}

// --- vectors

struct BuilderVectors : ::testing::Test {
    Block block;
    Builder b{block, kLayout};
    std::string text(Value v) const { return print(block.insts[v], v, kLayout); }
    std::string tail(Value v) const {  // without "%N = "
        const std::string t = text(v);
        return t.substr(t.find('=') + 2);
    }
};

TEST_F(BuilderVectors, PartsOfWhatWasMadeOfParts) {
    const Value x = b.get(0), y = b.get(1), w = b.trunc(Type::I32, x), d = b.get(kF0), v = b.get(kV0);
    EXPECT_EQ(b.vextract(Type::I64, b.vscalar(x), 0), x);
    EXPECT_EQ(b.convert(Op::Lo128, Type::I64, b.vscalar(x)), x);
    EXPECT_TRUE(b.is_const(b.vextract(Type::I64, b.vscalar(x), 1), 0));
    EXPECT_TRUE(b.is_const(b.vextract(Type::I8, b.vscalar(w), 5), 0));
    EXPECT_EQ(tail(b.vextract(Type::F64, b.vscalar(x), 0)), "bitcast f64 %0");
    EXPECT_EQ(b.vextract(Type::F64, b.vscalar(d), 0), d);
    EXPECT_EQ(tail(b.convert(Op::Lo128, Type::I64, b.vscalar(w))), "zext i64 %2");
    EXPECT_EQ(tail(b.vextract(Type::I16, b.vscalar(x), 0)), "trunc i16 %0");
    EXPECT_EQ(tail(b.vextract(Type::I16, b.vscalar(x), 1)).substr(0, 12), "vextract i16");
    EXPECT_EQ(b.vextract(Type::I32, b.vsplat(Type::I32, w), 3), w);
    EXPECT_EQ(b.vextract(Type::I64, b.make128(Type::V128, x, y), 1), y);
    const Value inserted = b.vector(Op::VInsert, Type::I64, v, y, 0, 1);
    EXPECT_EQ(b.vextract(Type::I64, inserted, 1), y);
    EXPECT_EQ(tail(b.vextract(Type::I64, inserted, 0)), "vextract i64 %4, 0x0, mem=i64");
    EXPECT_EQ(b.vector(Op::VInsert, Type::I64, v, b.vextract(Type::I64, v, 1), 0, 1), v);
    const Value low = b.vector(Op::VLow64, Type::I64, v);
    EXPECT_EQ(tail(b.vextract(Type::I32, low, 1)), "vextract i32 %4, 0x1, mem=i32");
    EXPECT_TRUE(b.is_const(b.convert(Op::Hi128, Type::I64, low), 0));
}

TEST_F(BuilderVectors, WholeFromParts) {
    const Value x = b.get(0), d = b.get(kF0), v = b.get(kV0);
    const Value scalar = b.vscalar(x), low = b.vector(Op::VLow64, Type::I64, v);
    EXPECT_EQ(b.vector(Op::VLow64, Type::I64, scalar), scalar);
    EXPECT_EQ(b.vector(Op::VLow64, Type::I64, low), low);
    EXPECT_EQ(tail(b.vscalar(b.vextract(Type::F64, v, 0))), "vlow64 v128 %2, mem=i64");
    EXPECT_EQ(tail(b.vscalar(b.bitcast(Type::F64, x))), "vscalar v128 %0, mem=i64");
    EXPECT_EQ(tail(b.vsplat(Type::I16, b.vextract(Type::I16, v, 3))), "vdup v128 %2, 0x3, mem=i16");
    EXPECT_EQ(tail(b.vsplat(Type::I64, b.convert(Op::Hi128, Type::I64, v))), "vdup v128 %2, 0x1, mem=i64");
    EXPECT_EQ(tail(b.vdup(Type::I64, scalar, 0)), "vsplat v128 %0, mem=i64");
    EXPECT_EQ(tail(b.vector(Op::VLow64, Type::I64, b.make128(Type::V128, x, x))), "vscalar v128 %0, mem=i64");
    EXPECT_EQ(tail(b.vsplat(Type::I16, b.constant(Type::I16, 0x1234))),
              "const128 v128 0x1234123412341234, hi=0x1234123412341234");
    EXPECT_EQ(tail(b.vscalar(b.constant(Type::F32, 0x3f800000))), "const128 v128 0x3f800000, hi=0x0");
    EXPECT_EQ(b.vector(Op::VExt, Type::I8, v, scalar), v);
    EXPECT_EQ(b.vector(Op::VShlImm, Type::I8, v), v);
    EXPECT_EQ(tail(b.vector3(Op::VSelect, Type::I8, v, low, scalar)),
              fmt::format("vselect v128 %2, %{}, %{}, mem=i8", low, scalar));
    (void)d;
}

/// What the folds above stand on, for every pair of an op that makes a vector and one that reads a part.
TEST(BuilderVectorFolds, AgreeWithTheInterpreter) {
    testing::Rng rng(4);
    constexpr Type kScalars[] = {Type::I8, Type::I16, Type::I32, Type::I64, Type::F16, Type::F32, Type::F64};
    const auto made = [](Builder& b, unsigned kind, Type t, u64 c) -> Value {
        const Value v = b.get(kV0), s = b.vextract(t, b.get(kV0 + 1), 0), x = b.get(0);
        switch (kind) {
            case 0: return b.vscalar(s);
            case 1: return b.vsplat(t, s);
            case 2: return b.vector(Op::VInsert, t, v, s, 0, c % (128 / width(t)));
            case 3: return b.vector(Op::VLow64, Type::I64, v);
            case 4: return b.make128(Type::V128, x, b.get(1));
            case 5: return b.vdup(t, v, static_cast<unsigned>(c % (128 / width(t))));
            case 6: return b.const128(Type::V128, c, ~c * 3);
            case 7: return b.vscalar(b.constant(t, zext(c, width(t))));
            default: return b.vector(Op::VFNarrow, Type::F32, v, kNone, fp_aux(Round::Rne, FpSem::Arm));
        }
    };
    for (unsigned n = 0; n < 20000; ++n) {
        const auto kind = static_cast<unsigned>(rng.below(9));
        const Type t = kScalars[rng.below(7)], part = kScalars[rng.below(7)];
        const u64 c = rng.edge(), index = rng.below(128 / width(part)), reader = rng.below(6);
        Block folded, plain;
        for (Block* block : {&folded, &plain}) {
            Builder b(*block, kLayout);
            const Value v = made(b, kind, t, c);
            const auto make = [&](const Inst& in) -> Value {
                if (block == &plain) return b.emit(in);
                if (in.op == Op::Lo128 || in.op == Op::Hi128) return b.convert(in.op, in.type, v);
                if (in.op == Op::VExtract) return b.vextract(in.mtype, v, static_cast<unsigned>(in.imm));
                return b.vector(in.op, in.mtype, v, kNone, 0, in.imm);
            };
            const std::array<Value, 3> args{v, kNone, kNone};
            if (reader < 2) {
                b.set(3, make({.op = reader ? Op::Hi128 : Op::Lo128, .type = Type::I64, .args = args}));
            } else if (reader == 2) {
                b.set(kV0, make({.op = Op::VLow64, .type = Type::V128, .mtype = Type::I64, .args = args}));
            } else if (reader == 3) {
                b.set(kV0,
                      make({.op = Op::VDup, .type = Type::V128, .mtype = part, .args = args, .imm = index}));
            } else {
                const Value s =
                    make({.op = Op::VExtract, .type = part, .mtype = part, .args = args, .imm = index});
                b.set(kV0, reader == 4 ? b.emit({.op = Op::VScalar,
                                                 .type = Type::V128,
                                                 .mtype = part,
                                                 .args = {s, kNone, kNone}})
                                       : b.vsplat(part, s));
            }
            b.jump(0);
        }
        std::array<u64, 3> x{rng.edge(), rng.edge(), 0};
        const auto outcome = [&](const Block& block) {
            const auto ok = verify(block, kLayout);
            EXPECT_TRUE(ok) << ok.error().message << "\n" << print(block, kLayout);
            Result r;
            testing::Rng fill(n);
            for (size_t i = 0; i < 512; i += 8) store_raw(r.guest.data() + i, fill.edge());
            store_raw(r.guest.data(), x);
            InterpContext ctx{.guest = r.guest.data(),
                              .fp = &r.fp,
                              .reservation = {},
                              .icount = {},
                              .memory = {},
                              .read_time = {}};
            interpret(block, kLayout, ctx);
            return r.guest;
        };
        ASSERT_EQ(outcome(folded), outcome(plain)) << print(folded, kLayout) << print(plain, kLayout);
        Block passed = plain;
        run_tier1_passes(passed, kLayout, 0);
        ASSERT_EQ(outcome(passed), outcome(plain)) << print(passed, kLayout) << print(plain, kLayout);
    }
}

TEST(BuilderState, NarrowReadsOfKnownVectors) {
    Block block;
    Builder b(block, kLayout);
    b.forward_state();
    const Value x = b.get(0);
    b.set(kV0, b.vscalar(x));
    EXPECT_EQ(b.get(kV0, Type::I64), x);
    EXPECT_EQ(block.insts[b.get(kV0, Type::I16)].op, Op::Trunc);
    const Value v = b.get(kV0 + 1);
    const Value low = b.get(kV0 + 1, Type::I32);
    EXPECT_EQ(print(block.insts[low], low, kLayout),
              fmt::format("%{} = vextract i32 %{}, 0x0, mem=i32", low, v));
}

}  // namespace
}  // namespace vm::ir
