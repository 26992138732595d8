// Random blocks, native against the interpreter, with features and optimizations switched at random.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>

#include "backend/x86_64/native_harness.h"
#include "base/format.h"
#include "ir/passes/passes.h"

namespace vm::backend::x86_64 {
namespace {

using namespace testing;
using ir::testing::RandomBlock;
using ir::testing::Rng;

ir::StateLayout layout_variant(unsigned kind) {
    ir::StateLayout l = ir::testing::test_layout();
    if (kind == 1) l.pin_int.clear(), l.pin_vector.clear();
    if (kind == 2) l.pin_int = {0, 1, 2, 3, 4, 5, 6, 7}, l.pin_vector = {8, 9, 10, 11, 12, 13};
    if (kind == 3) l.pin_int = {7, 5}, l.pin_vector = {11};
    return l;
}

struct Config {
    unsigned layout = 0;
    u64 disabled = 0;
    HostFeatures features;
    u64 state_seed = 0;
    bool alone = false;
    bool passes = false;  ///< what is compiled went through the passes; the interpreter runs the block as it
                          ///< was, but unrolled
};

/// A wild access that would not fault here: the sanitizer keeps its shadow memory where it goes.
bool hits_shadow([[maybe_unused]] const ir::InterpResult& r) {
#if defined(VM_SANITIZE_address)
    return r.reason == ir::ExitReason::MemoryFault && r.value >= 0x7fff'8000 && r.value < 0x1000'7fff'8000;
#elif defined(VM_SANITIZE_thread)  // shadow and meta shadow
    return r.reason == ir::ExitReason::MemoryFault && r.value >= 0x100'0000'0000 &&
           r.value < 0x4000'0000'0000;
#else
    return false;
#endif
}

std::string check(const ir::Block& b, const Config& c, std::string* unsupported = nullptr) {
    const ir::StateLayout layout = layout_variant(c.layout);
    auto compiler = make_compiler(layout, {.disabled_opts = c.disabled, .alone = c.alone}, c.features);
    CompiledBlock out;
    ir::Block compiled = b;
    if (c.passes) ir::run_tier1_passes(compiled, layout, 0);
    if (auto r = compiler->compile(compiled, out); !r) {
        if (r.error().kind != ErrorKind::Unsupported) return r.error().message + "\n";
        if (unsupported) *unsupported = r.error().message;
        return {};
    }
    Outcome want;
    ir::Block reference = b;
    ir::PassScratch scratch;
    if (c.passes) ir::unroll(reference, layout, scratch);
    if (!interpret_loop(reference, layout, c.state_seed, want)) return {};
    if (hits_shadow(want.result)) return {};
    const Outcome got = NativeMachine::get().run(out, layout, c.state_seed);
    return difference(want, got, layout);
}

// Takes out what the difference does not need.
ir::Block shrink(ir::Block b, const Config& c) {
    for (bool again = true; again;) {
        again = false;
        for (size_t i = b.insts.size() - 1; i-- > 0;) {
            if (b.insts[i].op == ir::Op::Nop || b.insts[i].op == ir::Op::Insn ||
                b.insts[i].op == ir::Op::Icount)
                continue;
            const ir::Inst old = b.insts[i];
            b.insts[i] = {.op = ir::Op::Nop};
            if (ir::verify(b, layout_variant(c.layout)) && !check(b, c).empty()) {
                again = true;
                continue;
            }
            if (ir::info(old.op).result == 'V' || ir::width(old.type) > 64 || ir::width(old.type) == 0) {
                b.insts[i] = old;
                continue;
            }
            b.insts[i] = {
                .op = ir::Op::Const, .type = old.type, .imm = 5 & vm::zext(~u64{0}, ir::width(old.type))};
            if (old.op != ir::Op::Const && ir::verify(b, layout_variant(c.layout)) && !check(b, c).empty()) {
                again = true;
            } else {
                b.insts[i] = old;
            }
        }
    }
    return b;
}

void dump_code(const ir::Block& b, const Config& c) {
    const ir::StateLayout layout = layout_variant(c.layout);
    CompiledBlock out;
    ir::Block compiled = b;
    if (c.passes) ir::run_tier1_passes(compiled, layout, 0);
    if (!make_compiler(layout, {.disabled_opts = c.disabled, .alone = c.alone}, c.features)
             ->compile(compiled, out))
        return;
    if (FILE* f = std::fopen("/tmp/vm-fuzz.bin", "wb")) {
        std::fwrite(out.code.data(), 1, out.code.size(), f);
        std::fclose(f);
        if (std::system("objdump -D -b binary -mi386:x86-64 -Mintel /tmp/vm-fuzz.bin | tail -n +8") != 0)
            return;
    }
}

// Some exits go back to the start, and a counter ends the loop now and then.
void make_loop(ir::Block& b, Rng& rng) {
    for (auto& in : b.insts) {
        const bool jump = in.op == ir::Op::Goto || in.op == ir::Op::ExitIf;
        if (jump && rng.one_in(2)) in.imm = b.start_pc, in.aux |= ir::kBackEdge;
    }
    if (rng.one_in(2)) return;
    const ir::Inst end = b.insts.back();
    b.insts.pop_back();
    const auto push = [&](ir::Inst in) {
        b.insts.push_back(in);
        return static_cast<ir::Value>(b.insts.size() - 1);
    };
    const u64 slot = rng.below(8);
    const ir::Value old = push({.op = ir::Op::GetState, .type = ir::Type::I64, .imm = slot});
    const ir::Value step = push({.op = ir::Op::Const, .type = ir::Type::I64, .imm = 1 + rng.below(3)});
    const ir::Value sum = push({.op = ir::Op::Add, .type = ir::Type::I64, .args = {old, step, ir::kNone}});
    push({.op = ir::Op::SetState, .args = {sum, ir::kNone, ir::kNone}, .imm = slot});
    const ir::Value mask = push({.op = ir::Op::Const, .type = ir::Type::I64, .imm = 15});
    const ir::Value low = push({.op = ir::Op::And, .type = ir::Type::I64, .args = {sum, mask, ir::kNone}});
    const ir::Value more = push({.op = ir::Op::Icmp,
                                 .type = ir::Type::I1,
                                 .args = {low, step, ir::kNone},
                                 .aux = static_cast<u32>(ir::Cond::GtU)});
    push({.op = ir::Op::ExitIf,
          .args = {more, ir::kNone, ir::kNone},
          .aux = ir::kBackEdge,
          .imm = b.start_pc});
    b.insts.push_back(end);
}

/// Those of the host, or of some older one.
HostFeatures random_features(Rng& rng) {
    HostFeatures f = HostFeatures::detect();
    switch (rng.below(6)) {
        case 0: return HostFeatures::baseline();
        case 1:
            f.drop_avx();
            f.gfni = f.sha = false;
            return f;
        case 2: f.avx512 = f.vnni = f.bitalg = f.gfni = false; return f;
        default: return f;
    }
}

void fuzz(RandomBlock::Options options, unsigned count, u64 first_seed) {
    const ir::StateLayout layout = ir::testing::test_layout();
    std::map<std::string, unsigned> unsupported;
    unsigned failures = 0;
    for (u64 seed = first_seed; seed < first_seed + count && failures < 3; seed++) {
        Rng rng(seed * 77);
        Config c;
        c.layout = static_cast<unsigned>(rng.below(4));
        c.features = random_features(rng);
        if (rng.one_in(3)) c.disabled = rng.next() & ((u64{1} << static_cast<unsigned>(JitOpt::Count_)) - 1);
        c.state_seed = rng.next();
        c.alone = rng.one_in(4);
        c.passes = rng.one_in(2);
        options.insns = static_cast<unsigned>(2 + rng.below(16));
        ir::Block b = RandomBlock(seed, layout, options).make();
        for (auto& in : b.insts)  // may be the host's cycle counter
            if (in.op == ir::Op::ReadIcount) in = {.op = ir::Op::Const, .type = ir::Type::I64, .imm = 7};
        if (rng.one_in(3)) make_loop(b, rng);
        if (std::getenv("VM_FUZZ_TRACE")) {
            std::fprintf(stderr, "seed %llu\n", static_cast<unsigned long long>(seed));
            if (std::getenv("VM_FUZZ_SEED")) {
                std::fputs(ir::print(b, layout_variant(c.layout)).c_str(), stderr);
                dump_code(b, c);
            }
        }
        std::string why;
        std::string d = check(b, c, &why);
        if (!why.empty()) unsupported[why]++;
        if (d.empty()) continue;
        failures++;
        b = shrink(std::move(b), c);
        d = check(b, c);
        ADD_FAILURE() << "seed " << seed << " layout " << c.layout << " disabled " << c.disabled << " avx "
                      << c.features.avx << "\n"
                      << d << ir::print(b, layout_variant(c.layout));
        if (std::getenv("VM_FUZZ_DUMP")) dump_code(b, c);
    }
    if (std::getenv("VM_FUZZ_VERBOSE"))
        for (const auto& [what, n] : unsupported) std::printf("%5u %s\n", n, what.c_str());
}

/// Writes value v to a slot that shows all of it.
void show(ir::Block& b, ir::Value v) {
    using ir::Op;
    using ir::Type;
    const auto push = [&](ir::Inst in) {
        b.insts.push_back(in);
        return static_cast<ir::Value>(b.insts.size() - 1);
    };
    const auto convert = [&](Op op, Type to) {
        v = push({.op = op, .type = to, .args = {v, ir::kNone, ir::kNone}});
    };
    u64 slot = 3;
    const Type t = b.insts[v].type;
    if (t == Type::I128) convert(Op::Bitcast, Type::V128);
    if (t == Type::F16 || t == Type::F32) convert(Op::NanBox, Type::F64);
    if (ir::is_int(t) && t < Type::I64) convert(Op::Zext, Type::I64);
    if (b.insts[v].type == Type::V128) slot = 13;
    if (b.insts[v].type == Type::F64) slot = 11;
    if (t == Type::Flags) slot = 16;
    push({.op = Op::SetState, .args = {v, ir::kNone, ir::kNone}, .imm = slot});
}

/// Every op by itself, with and without what the host has, and none of them refused.
TEST(Fuzz, EveryOp) {
    const ir::StateLayout layout = ir::testing::test_layout();
    for (u16 n = 0; n < static_cast<u16>(ir::Op::Count_); n++) {
        const auto op = static_cast<ir::Op>(n);
        if (op == ir::Op::ReadIcount) continue;  // may be the host's cycle counter
        for (u64 seed = 1; seed <= 24; seed++) {
            RandomBlock random(seed, layout, {});
            random.block().start_pc = 0x1000;
            random.add(ir::Op::Insn);
            const ir::Value v = random.add(op);
            if (v == ir::kNone) continue;
            if (ir::info(op).result != 'V') show(random.block(), v);
            random.block().insts.push_back(
                {.op = ir::Op::Exit, .aux = static_cast<u32>(ir::ExitReason::Syscall)});
            Config c;
            c.layout = static_cast<unsigned>(seed % 4);
            c.state_seed = seed;
            c.features = seed % 3 == 0 ? HostFeatures::baseline() : HostFeatures::detect();
            std::string unsupported;
            ASSERT_EQ(check(random.block(), c, &unsupported), "")
                << ir::print(random.block(), layout_variant(c.layout));
            ASSERT_EQ(unsupported, "") << ir::print(random.block(), layout_variant(c.layout));
        }
    }
}

unsigned rounds(unsigned standard) {
    const char* n = std::getenv("VM_FUZZ_ROUNDS");
    return n ? static_cast<unsigned>(std::atoi(n)) : standard;
}
u64 first_seed() {
    const char* n = std::getenv("VM_FUZZ_SEED");
    return n ? std::strtoull(n, nullptr, 0) : 1;
}

TEST(Fuzz, Integer) {
    fuzz({.floats = false, .vectors = false, .wide = false, .atomics = false, .flags = false, .half = false},
         rounds(3000), first_seed());
}
TEST(Fuzz, Atomics) {
    fuzz({.floats = false, .vectors = false, .wide = false, .flags = false, .half = false}, rounds(1500),
         first_seed());
}
TEST(Fuzz, Floats) {
    fuzz({.vectors = false, .wide = false, .flags = false, .half = false}, rounds(3000), first_seed());
}
TEST(Fuzz, Everything) { fuzz({}, rounds(3000), first_seed()); }

}  // namespace
}  // namespace vm::backend::x86_64
