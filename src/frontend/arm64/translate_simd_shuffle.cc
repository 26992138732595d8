// Advanced SIMD: copies, permutations, tables, constants. Manual: "Advanced SIMD copy", "permute", "extract",
// "table lookup", "modified immediate".
#include "frontend/arm64/simd_immediate.h"
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {
namespace {
/// imm5: the lowest set bit is the lane size (log2 of bytes), the bits above it the lane.
struct Lane {
    unsigned size, index;
    explicit Lane(i64 imm5)
        : size(static_cast<unsigned>(std::countr_zero(static_cast<u32>(imm5) | 16))),
          index(static_cast<unsigned>(imm5) >> (size + 1)) {}
    bool exists() const { return size < 4; }
};
}  // namespace

bool Translator::DUP_elem(const Decoded& d) {
    const Lane l(d.imm);
    if (!l.exists() || (l.size == 3 && !d.q)) return false;
    return set_vq(d.q, d.rd, vec(Op::VDup, mem_type(l.size), v(d.rn), ir::kNone, 0, l.index));
}
bool Translator::DUP_s(const Decoded& d) {
    const Lane l(d.imm);
    return l.exists() && set_scalar(d.rd, b.vextract(mem_type(l.size), v(d.rn), l.index));
}
bool Translator::DUP_gen(const Decoded& d) {
    const Lane l(d.imm);
    if (!l.exists() || (l.size == 3 && !d.q)) return false;
    return set_vq(d.q, d.rd, b.vsplat(mem_type(l.size), narrow_reg(l.size, d.rn)));
}
/// The low bytes of a general register.
Value Translator::narrow_reg(unsigned size, unsigned r) {
    return size == 3 ? x(r) : size == 2 ? w(r) : b.trunc(mem_type(size), w(r));
}
bool Translator::INS_gen(const Decoded& d) {
    const Lane l(d.imm);
    return l.exists() &&
           set_v(d.rd, vec(Op::VInsert, mem_type(l.size), v(d.rd), narrow_reg(l.size, d.rn), 0, l.index));
}
bool Translator::INS_elem(const Decoded& d) {
    const Lane l(d.imm);
    if (!l.exists()) return false;
    const Value e = b.vextract(mem_type(l.size), v(d.rn), d.amount >> l.size);
    return set_v(d.rd, vec(Op::VInsert, mem_type(l.size), v(d.rd), e, 0, l.index));
}
bool Translator::UMOV(const Decoded& d) {
    const Lane l(d.imm);
    if (!l.exists() || d.q != (l.size == 3)) return false;
    const Value e = b.vextract(mem_type(l.size), v(d.rn), l.index);
    return set_reg(d.rd, l.size == 3 ? e : b.zext(Type::I64, e));
}
bool Translator::SMOV(const Decoded& d) {
    const Lane l(d.imm);
    if (l.size > (d.q ? 2u : 1u)) return false;
    return set_reg(d.rd, b.sext(int_type(d.q), b.vextract(mem_type(l.size), v(d.rn), l.index)));
}

/// Bytes of the pair Rm:Rn from `amount` on.
bool Translator::EXT_v(const Decoded& d) {
    if (d.q) return set_v(d.rd, vec(Op::VExt, Type::I8, v(d.rn), v(d.rm), 0, d.amount));
    if (d.amount > 7) return false;
    const Value pair = vec(Op::VZip1, Type::I64, v(d.rn), v(d.rm));
    return set_vq(0, d.rd, vec(Op::VExt, Type::I8, pair, pair, 0, d.amount));
}

/// Of 64-bit registers the pair is what a 128-bit register would be: zip and trn then work on its halves.
bool Translator::shuffle(const Decoded& d, Op op) {
    if (d.size == 3 && !d.q) return false;
    const Type t = mem_type(d.size);
    if (d.q || op == Op::VTrn1 || op == Op::VTrn2 || op == Op::VZip1)
        return set_vq(d.q, d.rd, vec(op, t, v(d.rn), v(d.rm)));
    if (op == Op::VZip2) {
        const Value all = vec(Op::VZip1, t, v(d.rn), v(d.rm));
        return set_vq(0, d.rd, vec(Op::VExt, Type::I8, all, all, 0, 8));
    }
    const Value pair = vec(Op::VZip1, Type::I64, v(d.rn), v(d.rm));
    return set_vq(0, d.rd, vec(op, t, pair, pair));
}
bool Translator::UZP1_v(const Decoded& d) { return shuffle(d, Op::VUzp1); }
bool Translator::UZP2_v(const Decoded& d) { return shuffle(d, Op::VUzp2); }
bool Translator::ZIP1_v(const Decoded& d) { return shuffle(d, Op::VZip1); }
bool Translator::ZIP2_v(const Decoded& d) { return shuffle(d, Op::VZip2); }
bool Translator::TRN1_v(const Decoded& d) { return shuffle(d, Op::VTrn1); }
bool Translator::TRN2_v(const Decoded& d) { return shuffle(d, Op::VTrn2); }

/// amount + 1 registers from Rn on hold the table; each is asked with the index brought down to its range.
Value Translator::table_lookup(const Decoded& d, Value index) {
    Value r = vec(Op::VTable, Type::I8, v(d.rn), index);
    for (unsigned k = 1; k <= d.amount; k++) {
        const Value own = vec(Op::VSub, Type::I8, index, lanes(Type::I8, 16 * k));
        r = b.or_(r, vec(Op::VTable, Type::I8, v((d.rn + k) % 32), own));
    }
    return r;
}
bool Translator::TBL(const Decoded& d) { return set_vq(d.q, d.rd, table_lookup(d, v(d.rm))); }
/// Where the index is outside the table, Rd stays.
bool Translator::TBX(const Decoded& d) {
    const Value index = v(d.rm);
    const Value inside = vec(Op::VCmpGtU, Type::I8, lanes(Type::I8, 16 * (d.amount + 1)), index);
    return set_vq(d.q, d.rd, b.or_(table_lookup(d, index), b.binary(Op::AndNot, v(d.rd), inside)));
}

/// MOVI, MVNI, ORR, BIC with a constant: cmode in amount, op in opt.
bool Translator::MOVI(const Decoded& d) {
    const u64 imm = simd_immediate(d.opt, d.amount, static_cast<u8>(d.imm));
    const bool modify = d.amount < 12 && (d.amount & 1);
    if (!modify) return set_v(d.rd, b.const128(Type::V128, imm, d.q ? imm : 0));
    const Value all = b.const128(Type::V128, imm, imm);
    return set_vq(d.q, d.rd, b.binary(d.opt ? Op::AndNot : Op::Or, v(d.rd), all));
}

}  // namespace vm::frontend::arm64
