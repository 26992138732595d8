#include <gtest/gtest.h>

#include "ir/random_block.h"
#include "ir/text.h"

namespace vm::ir {
namespace {

using testing::kLayout;

/// Values of every type, which the broken lines below use.
constexpr std::string_view kValues =
    "%1 = const i1 1\n%8 = const i8 1\n%16 = const i16 1\n%32 = get i32 $w0\n%64 = get i64 $x0\n"
    "%128 = make128 i128 %64, %64\n%99 = const f16 0\n%132 = const f32 0\n%164 = get f64 $f0\n%200 = get "
    "v128 $v0\n"
    "%300 = flags.logic flags %64\n%400 = const i64 0x44\n";

struct Broken {
    std::string_view line, problem;
};
constexpr Broken kBroken[] = {
    {"%500 = const i128 0", "type cannot be a const"},
    {"%500 = const flags 0", "type cannot be a const"},
    {"%500 = const void 0", "no usable type"},
    {"%500 = const i8 0x100", "bits above"},
    {"%500 = const128 i64 0", "i128 or v128"},
    {"%500 = gaddr i32 0", "i64"},
    {"%500 = get i64 77", "unknown state slot"},
    {"%500 = get f64 $x0", "slot's type"},
    {"%500 = get i64 $w0", "slot's type"},
    {"%500 = get i1 $w0", "slot's type"},
    {"set $x0, %32", "slot's type"},
    {"set $w0, %64", "slot's type"},
    {"%500 = add i64 %64, %32", "one type"},
    {"%500 = add i32 %64, %64", "type of operand 0"},
    {"%500 = add f64 %164, %164", "integers"},
    {"%500 = add i1 %1, %1", "integers"},
    {"%500 = mulhs i128 %128, %128", "i8..i64"},
    {"%500 = divs i64 %64, %64, aux=2", "DivSem"},
    {"%500 = divwides i64 %64, %64, %32", "one type"},
    {"%500 = neg i1 %1", "i8..i128"},
    {"%500 = and i64 %64, %32", "one type"},
    {"%500 = and f64 %164, %164", "integers or v128"},
    {"%500 = not f32 %132", "integers or v128"},
    {"%500 = shl i64 %64, %1", "amount"},
    {"%500 = shl i64 %64, %128", "amount"},
    {"%500 = bswap i128 %128", "i8..i64"},
    {"%500 = crc32 i32 %32, %32, aux=64", "wrong operand types"},
    {"%500 = crc32 i32 %32, %32, aux=7", "8, 16, 32 or 64"},
    {"%500 = crc32 i32 %32, %32, 2, aux=8", "imm must be 0 or 1"},
    {"%500 = zext i32 %64", "wider"},
    {"%500 = sext i64 %64", "wider"},
    {"%500 = sext f64 %32", "wider"},
    {"%500 = trunc i64 %32", "narrower"},
    {"%500 = trunc i32 %164", "narrower"},
    {"%500 = bitcast f64 %32", "one width"},
    {"%500 = bitcast flags %32", "one width"},
    {"%500 = lo128 i64 %64", "taken from"},
    {"%500 = make128 i128 %64, %32", "two i64"},
    {"%500 = icmp i64 %64, %64, eq", "i1"},
    {"%500 = icmp i1 %64, %32, eq", "one type"},
    {"%500 = icmp i1 %164, %164, eq", "one type"},
    {"%500 = icmp i1 %64, %64, aux=10", "no Cond"},
    {"%500 = select i64 %64, %64, %64", "i1 and two"},
    {"%500 = select i64 %1, %64, %32", "i1 and two"},
    {"%500 = flags.add flags %64, %64, %64", "i1"},
    {"%500 = flags.add i64 %64, %64, %1", "flags"},
    {"%500 = flags.sub flags %64, %64, %1, aux=2", "CarrySem"},
    {"%500 = flags.logic flags %164", "i8..i64"},
    {"%500 = flags.pack flags %64", "i32"},
    {"%500 = flags.unpack i64 %300", "i32"},
    {"%500 = flags.test i1 %64, eq", "flags"},
    {"%500 = flags.test i1 %300, aux=14", "FlagCond"},
    {"%500 = load i64 %32, mem=i64", "address"},
    {"%500 = load i32 %64, mem=i64", "narrower than memory"},
    {"%500 = load i64 %64, mem=f64", "another kind"},
    {"%500 = load f64 %64, mem=f32", "another kind"},
    {"%500 = load i64 %64", "cannot be accessed"},
    {"%500 = load i64 %64, mem=i1", "cannot be accessed"},
    {"%500 = load i64 %64, mem=i64, aux=0x50", "MemOrder"},
    {"store %64, %32, mem=i64", "narrower than memory"},
    {"store %64, %164, mem=i64", "another kind"},
    {"%500 = rmw i64 %64, %64, 8, mem=i64, add", "imm must be 0"},
    {"%500 = rmw i128 %64, %128, mem=i64, add", "result is narrower"},
    {"%500 = rmw i64 %64, %64, mem=i64, aux=0xa00", "RmwOp"},
    {"%500 = cas i64 %64, %64, %32, mem=i64", "narrower than memory"},
    {"%500 = loadres i64 %64, mem=i128", "result is narrower"},
    {"%500 = rmw i64 %64, %64, mem=i128, add", "cannot be accessed"},
    {"%500 = storecond i1 %64, %64, 8, mem=i64", "imm must be 0"},
    {"fence aux=7", "FenceKind"},
    {"prefetch %32", "address"},
    {"%500 = fadd f64 %164, %132, dyn, riscv", "one type"},
    {"%500 = fadd i64 %64, %64, dyn, riscv", "float"},
    {"%500 = fadd f64 %164, %164, aux=5", "no Round"},
    {"%500 = fadd f64 %164, %164, rne, riscv, flush", "semantics of Arm"},
    {"%500 = fadd f64 %164, %164, odd, arm", "no Round"},
    {"%500 = ftof f32 %164, aux=6", "no Round"},
    {"%500 = fma f64 %164, %164, %132, dyn, riscv", "one type"},
    {"%500 = fsqrt i64 %64, dyn, riscv", "float"},
    {"%500 = fcmp i1 %164, %132, eq", "one type"},
    {"%500 = fcmp i1 %164, %164, aux=4", "FpCond"},
    {"%500 = fclass i32 %164", "i64 is made"},
    {"%500 = ftoi f64 %164, rtz, riscv", "integer is made"},
    {"%500 = ftoimod i64 %164, rtz, riscv", "i32"},
    {"%500 = itof i64 %64, rtz, riscv", "float is made"},
    {"%500 = ftof i64 %164, rtz, riscv", "float"},
    {"%500 = nanbox f32 %132", "f64 is made"},
    {"%500 = nanunbox f64 %164", "f16 or f32"},
    {"%500 = fpflags.get i32", "i64"},
    {"fpround.set %32", "i64"},
    {"%500 = vadd v128 %200, %200, mem=f32", "lane type"},
    {"%500 = vadd v128 %200, %200", "lane type"},
    {"%500 = vadd v128 %200, %64, mem=i8", "v128"},
    {"%500 = vadd i64 %64, %64, mem=i8", "v128"},
    {"%500 = vshli v128 %200, 8, mem=i8", "lane width"},
    {"%500 = vsplat v128 %64, mem=i32", "lane type"},
    {"%500 = vinsert v128 %200, %64, 2, mem=i64", "no lane"},
    {"%500 = vinsert v128 %200, %32, 1, mem=i64", "lane type"},
    {"%500 = vextract i64 %200, 2, mem=i64", "no lane"},
    {"%500 = vextract i64 %200, 1, mem=i32", "lane type"},
    {"%500 = vtable v128 %200, %64", "v128"},
    {"%500 = vfadd v128 %200, %200, mem=i32, dyn, riscv", "lane type"},
    {"%500 = vfadd v128 %200, %200, mem=f32, aux=5", "Round"},
    {"%500 = vfadd v128 %200, %200, mem=f32, odd, arm", "Round"},
    {"%500 = vfadd v128 %200, %200, mem=f32, rne, x86, flush", "semantics of Arm"},
    {"%500 = flags.fcmp flags %164, %132, eq", "one type"},
    {"%500 = flags.fcmp i1 %164, %164, eq", "flags"},
    {"%500 = flags.fcmp flags %164, %164, aux=4", "FpCond"},
    {"%500 = ftobf16 i16 %164, rne, arm", "made from f32"},
    {"%500 = ftobf16 i32 %132, rne, arm", "i16 is made"},
    {"%500 = fmulx f64 %164, %132, rne, arm", "one type"},
    {"%500 = frecps i64 %64, %64, rne, arm", "float"},
    {"%500 = frsqrte i32 %32, rne, arm", "float"},
    {"%500 = urecpe i64 %64", "i32"},
    {"%500 = ursqrte f32 %132", "i32"},
    {"%500 = froundint f16 %99, rne, arm", "f32 or f64"},
    {"%500 = ftoi i64 %164, rtz, arm, fraction=65", "fraction bits"},
    {"%500 = itof f64 %64, rne, arm, fraction=127", "fraction bits"},
    {"%500 = vftoi v128 %200, mem=f32, rtz, arm, fraction=65", "fraction bits"},
    {"%500 = vfcmp v128 %200, %200, mem=f64, aux=4", "FpCond"},
    {"%500 = vfcmp v128 %200, %200, mem=i64, eq", "lane type"},
    {"%500 = vfwiden v128 %200, mem=f64, rne, arm", "lane type"},
    {"%500 = vfnarrow v128 %200, mem=f32, aux=0x117", "mean nothing"},
    {"%500 = vfmawide v128 %200, %200, %200, mem=f32, rne, arm", "lane type"},
    {"%500 = vfma v128 %200, %200, %64, mem=f32, rne, arm", "v128"},
    {"%500 = vbfdot v128 %200, %200, %200, mem=f32, aux=1", "mean nothing"},
    {"%500 = vscalar v128 %64, mem=i32", "lane type"},
    {"%500 = vscalar i128 %64, mem=i64", "lane type"},
    {"%500 = vdup v128 %200, 4, mem=i32", "no lane"},
    {"%500 = vdup v128 %200, 0, mem=v128", "lane type"},
    {"%500 = vlow64 v128 %200, mem=i32", "lane type"},
    {"%500 = vselect v128 %200, %200, %64, mem=i8", "v128"},
    {"%500 = vselect v128 %200, %200, %200, mem=i16", "lane type"},
    {"%500 = vavgu v128 %200, %200, mem=i64", "lane type"},
    {"%500 = vmuldblhi v128 %200, %200, mem=i8", "lane type"},
    {"%500 = vmulwides v128 %200, %200, mem=i64", "lane type"},
    {"%500 = vmulwides v128 %200, %200, mem=i8, aux=2", "mean nothing"},
    {"%500 = vadd v128 %200, %200, mem=i8, aux=1", "mean nothing"},
    {"%500 = vclmulwide v128 %200, %200, mem=i16", "lane type"},
    {"%500 = vshifts v128 %200, %200, mem=i8, aux=16", "mean nothing"},
    {"%500 = vext v128 %200, %200, 16, mem=i8", "less than 16"},
    {"%500 = vrev v128 %200, 8, mem=i8", "16, 32 or 64"},
    {"%500 = vrev v128 %200, 32, mem=i32", "wider than a lane"},
    {"%500 = vaese v128 %200, %200, mem=i8", "lane type"},
    {"%500 = vsha256h v128 %200, %200, %128", "v128"},
    {"%500 = get i8 $nzcv", "slot's type"},
    {"set $nzcv, %16", "slot's type"},
    {"%500 = bitcast i16 %300", "one width"},
    {"%500 = icount.get i32", "i64"},
    {"exit_if %64, 0x10", "condition"},
    {"trap_if %1, %32, misaligned", "i1 and i64"},
    {"trap_if %1, %64, aux=99", "ExitReason"},
    {"goto 0x10\ngoto 0x20", "before the end"},
};

TEST(Verify, EveryBrokenLineIsFound) {
    for (const Broken& c : kBroken) {
        const auto block = parse(std::string(kValues) + std::string(c.line) + "\ngoto 0x10\n", kLayout);
        ASSERT_TRUE(block) << c.line << ": " << block.error().message;
        const auto result = verify(*block, kLayout);
        ASSERT_FALSE(result) << c.line;
        EXPECT_NE(result.error().message.find(c.problem), std::string::npos)
            << c.line << ": " << result.error().message;
        EXPECT_NE(result.error().message.find("IR at 12: "), std::string::npos) << result.error().message;
    }
}

TEST(Verify, BrokenTerminators) {
    constexpr Broken kCases[] = {
        {"", "no terminator"},
        {"nop\n", "no terminator"},
        {"call %64, 0x10\n", "constant i64"},
        {"call_ind %32, %400\n", "target"},
        {"call_ind %64, %64\n", "constant i64"},
        {"jump_ind %32\n", "target"},
        {"ret %164\n", "target"},
        {"exit 0x10, aux=16\n", "ExitReason"},
    };
    for (const Broken& c : kCases) {
        const auto block = parse(std::string(kValues) + std::string(c.line), kLayout);
        ASSERT_TRUE(block) << block.error().message;
        const auto result = verify(*block, kLayout);
        ASSERT_FALSE(result) << c.line;
        EXPECT_NE(result.error().message.find(c.problem), std::string::npos) << result.error().message;
    }
}

/// What the text form cannot express.
TEST(Verify, BrokenOperands) {
    const auto problem = [](std::initializer_list<Inst> insts) {
        Block block;
        block.insts = insts;
        const auto r = verify(block, kLayout);
        return r ? std::string() : r.error().message;
    };
    const Inst zero{.op = Op::Const, .type = Type::I64}, end{.op = Op::Goto};
    EXPECT_NE(problem({}).find("empty"), std::string::npos);
    EXPECT_EQ(problem({zero, {.op = Op::Not, .type = Type::I64, .args = {0, kNone, kNone}}, end}), "");
    const std::string late = "before its use", many = "too many operands";
    EXPECT_NE(problem({zero, {.op = Op::Not, .type = Type::I64, .args = {1, kNone, kNone}}, end}).find(late),
              std::string::npos);
    EXPECT_NE(problem({zero, {.op = Op::Not, .type = Type::I64, .args = {2, kNone, kNone}}, end}).find(late),
              std::string::npos);
    EXPECT_NE(problem({zero, {.op = Op::Not, .type = Type::I64}, end}).find(late), std::string::npos);
    EXPECT_NE(problem({zero, {.op = Op::Not, .type = Type::I64, .args = {0, 0, kNone}}, end}).find(many),
              std::string::npos);
    EXPECT_NE(problem({{.op = Op::Nop}, {.op = Op::Not, .type = Type::I64, .args = {0, kNone, kNone}}, end})
                  .find("no value"),
              std::string::npos);
    EXPECT_NE(problem({{.op = Op::Count_}, end}).find("unknown operation"), std::string::npos);
    EXPECT_NE(problem({{.op = Op::Nop, .type = Type::I64}, end}).find("no result"), std::string::npos);
}

TEST(Verify, AcceptsWhatTheGeneratorMakes) {
    for (u64 seed = 1; seed < 300; ++seed) {
        const Block block = testing::RandomBlock(seed, kLayout, {}).make();
        const auto ok = verify(block, kLayout);
        ASSERT_TRUE(ok) << ok.error().message;
    }
}

}  // namespace
}  // namespace vm::ir
