// Blocks of several vector operations: what is fused, what faults, what loops.
#include "backend/x86_64/lowering_vec_harness.h"

namespace vm::backend::x86_64::vec_testing {
namespace {

// Rounds in a row, whose keys are added early where nobody looks at the state between them.
TEST(LoweringVec, AesRounds) {
    check_sequence([](ir::Builder& b, Rng& rng) {
        const bool decrypt = rng.one_in(2);
        Value s = get(b, 0), other = get(b, 3);
        for (u64 n = 1 + rng.below(5); n > 0; n--) {
            const u16 slot = static_cast<u16>(1 + rng.below(7));
            const Value key = rng.one_in(8) ? b.const128(Type::V128, 0, 0) : get(b, slot);
            for (Value* v : {&s, &other}) {
                const bool swap = rng.one_in(4);
                *v = emit(b, decrypt ? Op::VAesD : Op::VAesE, swap ? key : *v, swap ? *v : key);
                if (rng.one_in(6)) set(b, static_cast<u16>(rng.below(8)), *v);
                if (n > 1 && !rng.one_in(6)) *v = emit(b, decrypt ? Op::VAesImc : Op::VAesMc, *v);
                if (rng.one_in(6)) set(b, static_cast<u16>(rng.below(8)), *v);
                if (rng.one_in(8)) *v = emit(b, Op::Xor, *v, key);
            }
            if (rng.one_in(3)) s = emit(b, Op::VAesE, s, other);
        }
        set(b, 0, s);
        set(b, 3, other);
    });
}

TEST(LoweringVec, Sha256Rounds) {
    check_sequence([](ir::Builder& b, Rng& rng) {
        Value abcd = get(b, 0), efgh = get(b, 1);
        for (u64 n = 1 + rng.below(4); n > 0; n--) {
            const Value z = get(b, static_cast<u16>(2 + rng.below(6)));
            const Op first = rng.one_in(3) ? Op::VSha256H2 : Op::VSha256H;
            const Op second = first == Op::VSha256H ? Op::VSha256H2 : Op::VSha256H;
            const bool h = first == Op::VSha256H;
            const Value p = emit(b, first, h ? abcd : efgh, h ? efgh : abcd, z);
            if (rng.one_in(3)) set(b, static_cast<u16>(rng.below(8)), p);
            if (rng.one_in(3)) set(b, static_cast<u16>(rng.below(8)), emit(b, Op::Xor, z, get(b, 6)));
            const Value q = emit(b, second, h ? efgh : abcd, h ? abcd : efgh, z);
            abcd = h ? p : q;
            efgh = h ? q : p;
        }
        set(b, 0, abcd);
        set(b, 1, efgh);
    });
}

// Vectors from and to memory among operations; one in three blocks faults somewhere, and then nothing of the
// guest state but that of earlier instructions may be seen.
TEST(LoweringVec, MemoryAndFaults) {
    check_sequence(
        [](ir::Builder& b, Rng& rng) {
            std::vector<Value> values{get(b, 0), get(b, 1)};
            const auto any = [&] {
                return values[values.size() - 1 - rng.below(std::min<u64>(values.size(), 4))];
            };
            const u64 n = 3 + rng.below(8), fault = rng.below(3 * n);
            for (u64 k = 0; k < n; k++) {
                b.insn(0x1004 + 4 * k, 4);
                const u64 inside = rng.below(TestMemory::kSize - 15);
                const u64 addr =
                    k == fault ? TestMemory::kBase - rng.below(2) * 8 - 8 : TestMemory::kBase + inside;
                values.push_back(b.emit(
                    {.op = Op::VAdd, .type = Type::V128, .mtype = Type::I16, .args = {any(), any(), kNone}}));
                if (rng.one_in(2)) {
                    values.push_back(b.load(Type::V128, Type::V128, b.c64(addr), 0, false));
                } else {
                    b.store(Type::V128, b.c64(addr), 0, any());
                }
                if (rng.one_in(2)) values.push_back(get(b, static_cast<u16>(rng.below(kSlots))));
                if (!rng.one_in(3)) set(b, static_cast<u16>(rng.below(kSlots)), any());
                if (rng.one_in(4))
                    values.push_back(b.emit({.op = Op::VFAdd,
                                             .type = Type::V128,
                                             .mtype = Type::F32,
                                             .args = {any(), any(), kNone},
                                             .aux = ir::fp_aux(ir::Round::Dyn, ir::FpSem::Arm)}));
            }
        },
        40);
}

// Loops over more vectors than are pinned: they get the registers of others while the loop runs, through cold
// paths, calls of C++ and faults, too.
TEST(LoweringVec, Loops) {
    check_sequence(
        [](ir::Builder& b, Rng& rng) {
            const u16 counter = kScalar + 1;
            const Value x = b.emit({.op = Op::GetState, .type = Type::I64, .imm = counter});
            const Value n = b.add(b.and_(x, b.c64(7)), b.c64(~u64{0}));
            b.emit({.op = Op::SetState, .args = {n, kNone, kNone}, .imm = counter});
            for (u64 k = 2 + rng.below(6); k > 0; k--) {
                const auto slot = [&] { return static_cast<u16>(rng.below(kSlots)); };
                const Op op = rng.one_in(3) ? Op::VFMul : rng.one_in(12) ? Op::VBfDot : Op::VAdd;
                const bool fp = op == Op::VFMul;
                const u16 to = slot();
                set(b, to,
                    b.emit({.op = op,
                            .type = Type::V128,
                            .mtype = op == Op::VAdd ? Type::I16 : Type::F32,
                            .args = {get(b, slot()), get(b, slot()), op == Op::VBfDot ? get(b, to) : kNone},
                            .aux = fp ? ir::fp_aux(ir::Round::Dyn, ir::FpSem::Arm) : 0}));
                if (rng.one_in(4)) {
                    const u64 addr =
                        TestMemory::kBase + (rng.one_in(4) ? TestMemory::kSize : rng.below(64) * 16);
                    if (rng.one_in(2))
                        b.store(Type::V128, b.c64(addr), 0, get(b, slot()));
                    else
                        set(b, slot(), b.load(Type::V128, Type::V128, b.c64(addr), 0, false));
                }
            }
            const Value more = b.emit({.op = Op::Icmp,
                                       .type = Type::I1,
                                       .args = {n, b.c64(0), kNone},
                                       .aux = static_cast<u32>(ir::Cond::GtS)});
            b.emit({.op = Op::ExitIf, .args = {more, kNone, kNone}, .aux = ir::kBackEdge, .imm = 0x1000});
        },
        60);
}

}  // namespace
}  // namespace vm::backend::x86_64::vec_testing
