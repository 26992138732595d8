// Every vector operation, on every lane type and host feature set, native against the interpreter: operands
// in pinned registers, in memory and computed, used again or not, the same twice, results in an operand's
// place.
#include "backend/x86_64/lowering_vec_harness.h"
#include "backend/x86_64/sample_harness.h"

namespace vm::backend::x86_64::vec_testing {
namespace {

TEST(LoweringVec, Bitwise) {
    for (Op op : {Op::And, Op::Or, Op::Xor, Op::AndNot, Op::Not}) check({op});
}

std::vector<Type> lanes_of(Op op) {
    std::vector<Type> v;
    for (u8 t = 0; t <= static_cast<u8>(Type::Flags); t++)
        if (ir::vector_rule(op).lanes & ir::lane_set(static_cast<Type>(t))) v.push_back(static_cast<Type>(t));
    return v;
}

/// Every subset of the bits.
std::vector<u32> subsets(u32 bits) {
    std::vector<u32> v{0};
    for (u32 s = bits; s != 0; s = (s - 1) & bits) v.push_back(s);
    return v;
}

std::vector<u64> imms_of(Op op, Type lane) {
    std::vector<u64> v;
    const unsigned w = ir::width(lane);
    switch (op) {
        case Op::VShlImm:
        case Op::VLshrImm:
        case Op::VAshrImm:
            for (u64 n = 0; n < w; n++) v.push_back(n);
            return v;
        case Op::VInsert:
        case Op::VDup:
            for (u64 n = 0; n < 128 / w; n++) v.push_back(n);
            return v;
        case Op::VExt:
            for (u64 n = 0; n < 16; n++) v.push_back(n);
            return v;
        case Op::VRev:
            for (u64 n = 16; n <= 64; n *= 2)
                if (n > w) v.push_back(n);
            return v;
        default: return {0};
    }
}

TEST(LoweringVec, Integer) {
    for (Op op = Op::VAdd; op <= Op::VSha512Su1; op = static_cast<Op>(static_cast<u16>(op) + 1)) {
        if (op == Op::VExtract || op == Op::VInsert || op == Op::VScalar) continue;
        for (Type lane : lanes_of(op))
            for (u32 aux : subsets(ir::vector_rule(op).aux))
                for (u64 imm : imms_of(op, lane))
                    check({op, lane, aux, imm, op == Op::VSplat ? lane : Type::Void});
    }
}

/// aux of a floating-point op under every semantics: the current rounding mode and others, and every subset
/// of the bits that are the op's own.
std::vector<u32> float_auxes(Op op, Type lane) {
    using ir::FpSem;
    using ir::Round;
    const u32 bits = ir::vector_rule(op).aux;
    if (op == Op::VFCmp) {
        std::vector<u32> v;
        for (u32 a = 0; a < 16; a++)
            if ((a & 7) < 4)
                v.push_back(a), v.push_back(a | static_cast<u32>(FpSem::Arm) << 4 | ir::kFpFlush);
        return v;
    }
    if (bits == 0) return {0};
    const bool fixed = op == Op::VFToInt || op == Op::VIntToF,
               rounds = op == Op::VFRound || op == Op::VFToInt;
    std::vector<u32> own = subsets(bits & ~(ir::kFpAuxBits | ir::kFractionBits));
    if (fixed) {
        const size_t n = own.size();
        const unsigned w = ir::width(lane);
        for (size_t k = 0; k < n; k++)
            for (unsigned f : {1u, 7u, w / 2, w - 1, w}) own.push_back(own[k] | f << 9);
    }
    std::vector<u32> v;
    for (FpSem sem : {FpSem::RiscV, FpSem::Arm, FpSem::X86, FpSem::ArmDn}) {
        const bool arm = sem == FpSem::Arm || sem == FpSem::ArmDn;
        for (u32 o : own) {
            v.push_back(ir::fp_aux(Round::Dyn, sem, o));
            if (arm && (o & ~ir::kFractionBits) == o)
                v.push_back(ir::fp_aux(Round::Dyn, sem, o | ir::kFpFlush));
            for (Round r : {Round::Rne, Round::Rtz, Round::Rdn, Round::Rup, Round::Rmm})
                if (rounds || r == Round::Rtz) v.push_back(ir::fp_aux(r, sem, o));
            if (op == Op::VFNarrow) v.push_back(ir::fp_aux(Round::Odd, sem, o));
        }
    }
    return v;
}

TEST(LoweringVec, Floats) {
    Sample sample;
    for (Op op = Op::VFAdd; op <= Op::VBfMatMul; op = static_cast<Op>(static_cast<u16>(op) + 1))
        for (Type lane : lanes_of(op))
            for (u32 aux : float_auxes(op, lane))
                if (sample.next()) check({op, lane, aux}, 4);
}

/// Whether host code does the operation without calling C++, except out of line.
bool is_native(const Case& c, const HostFeatures& features) {
    Rng rng(1);
    const Maker m(layout(0), c, {}, rng);
    CompiledBlock out;
    if (!compiler_for(0, features).compile(m.block(), out)) return false;
    for (const Relocation& r : out.relocations)
        if (r.kind == Relocation::Kind::StubRel32 && r.target >= static_cast<u32>(Stub::Helper0))
            return false;
    return true;
}

/// What is left to C++ (README.md): under Arm's semantics, on a host with SSE4.2 at least.
bool left_to_helper(const Case& c, const HostFeatures& f) {
    const bool half = c.lane == Type::F16, is_unsigned = c.aux & ir::kFpUnsigned;
    const bool dynamic = ir::fp_round(c.aux) == ir::Round::Dyn;
    if (c.op >= Op::VFAdd && c.op < Op::VBfDot && (c.aux & ir::kFpFlush)) return true;
    switch (c.op) {
        case Op::VShiftS:
        case Op::VShiftU: {
            const bool saturates = c.aux & (ir::kVSaturate | ir::kVOverflowMask);
            if (c.lane == Type::I8) return saturates;
            return !f.avx2 || (c.lane == Type::I16 && saturates && !f.avx512);
        }
        case Op::VClmulWide: return c.lane == Type::I64 && !f.pclmul;
        case Op::VAesE:
        case Op::VAesD:
        case Op::VAesMc:
        case Op::VAesImc: return !f.aes;
        case Op::VSha1C:
        case Op::VSha1P:
        case Op::VSha1M:
        case Op::VSha256H:
        case Op::VSha256H2:
        case Op::VSha256Su0:
        case Op::VSha256Su1: return !f.sha;
        case Op::VFWiden: return half && (!f.f16c || (c.aux & ir::kFpAltHalf));
        case Op::VFNarrow: return !dynamic || (half && (!f.f16c || (c.aux & ir::kFpAltHalf)));
        case Op::VFmaWide: return !dynamic || !f.fma || !f.f16c || (c.aux & ir::kVFmaFlushHalf);
        case Op::VBfDot:
        case Op::VBfMatMul: return true;
        case Op::VFCmp:
        case Op::VFMin:
        case Op::VFMax:
        case Op::VFMinNum:
        case Op::VFMaxNum:
        case Op::VFRound: return half;
        case Op::VFToInt: {
            const bool fixed = ir::fp_fraction_bits(c.aux) != 0;
            return half || (ir::fp_round(c.aux) == ir::Round::Rmm && fixed) ||
                   (c.lane == Type::F64 && is_unsigned && !f.avx512);
        }
        case Op::VFma:
        case Op::VFRecpStep:
        case Op::VFRsqrtStep: return half || !dynamic || !f.fma;
        default: return c.op >= Op::VFAdd && c.op <= Op::VBfMatMul && (half || !dynamic);
    }
}

TEST(LoweringVec, HostCodeIsNative) {
    for (const Host& h : hosts()) {
        for (Op op = Op::VAdd; op <= Op::VBfMatMul; op = static_cast<Op>(static_cast<u16>(op) + 1)) {
            if (op == Op::VExtract || op == Op::VInsert || op == Op::VScalar) continue;
            for (Type lane : lanes_of(op)) {
                const bool fp = ir::is_vector_float(op);
                for (u32 aux : fp ? float_auxes(op, lane) : subsets(ir::vector_rule(op).aux)) {
                    if (fp && op < Op::VBfDot && op != Op::VFCmp && ir::fp_sem(aux) != ir::FpSem::Arm)
                        continue;
                    const Case c{op, lane, aux, imms_of(op, lane)[0], op == Op::VSplat ? lane : Type::Void};
                    EXPECT_EQ(is_native(c, h.features), !left_to_helper(c, h.features))
                        << h.name << " " << ir::info(op).text << " " << ir::name(lane) << " aux " << aux;
                }
            }
        }
    }
}

}  // namespace
}  // namespace vm::backend::x86_64::vec_testing
