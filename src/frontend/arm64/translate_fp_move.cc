// Scalar floating point: moves between registers, from general registers, of immediates. Manual: FMOV.
#include "frontend/arm64/fp_immediate.h"
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {

bool Translator::FMOV_reg(const Decoded& d) { return set_scalar(d.rd, scalar(fp_type(d.size), d.rn)); }
bool Translator::FMOV_imm(const Decoded& d) {
    const u64 value = fp_immediate(d.size, static_cast<u8>(d.imm));
    return set_v(d.rd, b.const128(Type::V128, value, 0));
}

bool Translator::FMOV_to_general(const Decoded& d) { return set_reg(d.rd, scalar(mem_type(d.size), d.rn)); }
bool Translator::FMOV_from_general(const Decoded& d) {
    const Value n = reg(d.sf, d.rn);
    return set_scalar(d.rd, d.size == 1 ? b.trunc(Type::I16, n) : n);
}

bool Translator::FMOV_top_to_general(const Decoded& d) {
    return set_reg(d.rd, b.vextract(Type::I64, v(d.rn), 1));
}
bool Translator::FMOV_top_from_general(const Decoded& d) {
    return set_v(d.rd, b.vector(Op::VInsert, Type::I64, v(d.rd), x(d.rn), 0, 1));
}

}  // namespace vm::frontend::arm64
