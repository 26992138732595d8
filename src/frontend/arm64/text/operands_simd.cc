// Texts of Advanced SIMD operands: registers with arrangements, elements, constants.
#include "frontend/arm64/simd_immediate.h"
#include "frontend/arm64/text/text.h"

namespace vm::frontend::arm64::text {
namespace {

/// size: log2 of a lane's bytes.
void put_vector(std::string& out, unsigned r, unsigned size, unsigned q) {
    out += fmt::format("v{}.{}{}", r, (q ? 16 : 8) >> size, "bhsdq"[size]);
}
void put_scalar_of(std::string& out, unsigned r, unsigned size) {
    out += fmt::format("{}{}", "bhsdq"[size], r);
}
/// Lane size of a shift by a constant, and of a copy.
unsigned shift_size(const Decoded& d) {
    return static_cast<unsigned>(std::bit_width(static_cast<u64>(d.imm))) - 4;
}
unsigned copy_size(const Decoded& d) {
    return static_cast<unsigned>(std::countr_zero(static_cast<u32>(d.imm) | 16));
}
u64 copy_index(const Decoded& d) { return static_cast<u64>(d.imm) >> (copy_size(d) + 1); }

}  // namespace

void put_element(std::string& out, unsigned r, unsigned size, u64 index) {
    out += fmt::format("v{}.{}[{}]", r, "bhsd"[size & 3], index);
}

#define VECTOR(NAME, R, SIZE, Q) \
    void put_##NAME(std::string& out, const Decoded& d, u64) { put_vector(out, d.R, SIZE, Q); }
#define SCALAR(NAME, R, SIZE) \
    void put_##NAME(std::string& out, const Decoded& d, u64) { put_scalar_of(out, d.R, SIZE); }

VECTOR(Vd, rd, d.size, d.q)
VECTOR(Vn, rn, d.size, d.q)
VECTOR(Vm, rm, d.size, d.q)
VECTOR(Vdb, rd, 0, d.q)
VECTOR(Vnb, rn, 0, d.q)
VECTOR(Vmb, rm, 0, d.q)
VECTOR(Vds, rd, 2, d.q)
VECTOR(Vns, rn, 2, d.q)
VECTOR(Vnd, rn, 3, d.q)
VECTOR(Vmd, rm, 3, d.q)
VECTOR(Vdw, rd, d.size + 1u, 1)  // lanes twice as wide
VECTOR(Vnw, rn, d.size + 1u, 1)
VECTOR(Vmw, rm, d.size + 1u, 1)
VECTOR(Vdp, rd, d.size + 1u, d.q)
VECTOR(Vdq, rd, 4, 1)
VECTOR(Vnd2, rn, 3, 1)
VECTOR(Vdi, rd, shift_size(d), d.q)
VECTOR(Vni, rn, shift_size(d), d.q)
VECTOR(Vdiw, rd, shift_size(d) + 1, 1)
VECTOR(Vniw, rn, shift_size(d) + 1, 1)
VECTOR(Vdc, rd, copy_size(d), d.q)
VECTOR(V16d, rd, 0, 1)
VECTOR(V16n, rn, 0, 1)
VECTOR(V16m, rm, 0, 1)
VECTOR(V16a, ra, 0, 1)
VECTOR(V4d, rd, 2, 1)
VECTOR(V4n, rn, 2, 1)
VECTOR(V4m, rm, 2, 1)
VECTOR(V2d, rd, 3, 1)
VECTOR(V2n, rn, 3, 1)
VECTOR(V2m, rm, 3, 1)
SCALAR(Sd, rd, d.size)
SCALAR(Sn, rn, d.size)
SCALAR(Sm, rm, d.size)
SCALAR(Sdw, rd, d.size + 1u)
SCALAR(Snw, rn, d.size + 1u)
SCALAR(Sdi, rd, shift_size(d))
SCALAR(Sni, rn, shift_size(d))
SCALAR(Sniw, rn, shift_size(d) + 1)
SCALAR(Sdc, rd, copy_size(d))
SCALAR(Sd3, rd, 3)
SCALAR(Sd2, rd, 2)
SCALAR(Sn2, rn, 2)
SCALAR(Qd, rd, 4)
SCALAR(Qn, rn, 4)
#undef VECTOR
#undef SCALAR

/// Forms that read or write upper halves.
void put_half2(std::string& out, const Decoded& d, u64) {
    if (d.q) out += '2';
}

void put_Vmel(std::string& out, const Decoded& d, u64) {
    const auto imm = static_cast<u64>(d.imm);
    if (d.size == 1)
        put_element(out, d.rm, 1, imm);
    else
        put_element(out, d.rm | static_cast<unsigned>(imm & 1) << 4, 2, imm >> 1);
}
void put_Vnc(std::string& out, const Decoded& d, u64) { put_element(out, d.rn, copy_size(d), copy_index(d)); }
void put_Vdci(std::string& out, const Decoded& d, u64) {
    put_element(out, d.rd, copy_size(d), copy_index(d));
}
void put_Vnck(std::string& out, const Decoded& d, u64) {
    put_element(out, d.rn, copy_size(d), static_cast<u64>(d.amount >> copy_size(d)));
}
void put_Rnc(std::string& out, const Decoded& d, u64) { put_general(out, copy_size(d) == 3, d.rn); }
void put_Rdq(std::string& out, const Decoded& d, u64) { put_general(out, d.q, d.rd); }

void put_rsh(std::string& out, const Decoded& d, u64) { put_number(out, (16 << shift_size(d)) - d.imm); }
void put_lsh(std::string& out, const Decoded& d, u64) { put_number(out, d.imm - (8 << shift_size(d))); }
void put_esize(std::string& out, const Decoded& d, u64) { put_number(out, 8 << d.size); }
void put_k(std::string& out, const Decoded& d, u64) { put_number(out, d.amount); }

/// {v1.16b}, {v1.16b, v2.16b}, {v1.16b-v3.16b}; one by one also where the numbers begin again at 0.
void put_table(std::string& out, const Decoded& d, u64) {
    const unsigned last = d.rn + d.amount;
    out += fmt::format("{{v{}.16b", d.rn);
    if (d.amount > 1 && last < 32)
        out += fmt::format("-v{}.16b", last);
    else
        for (unsigned r = d.rn + 1u; r <= last; ++r) out += fmt::format(", v{}.16b", r % 32);
    out += '}';
}

/// Mnemonic and operands of the modified-immediate forms.
void put_movi(std::string& out, const Decoded& d, u64) {
    const unsigned cmode = d.amount;
    const bool modify = cmode < 12 && (cmode & 1);
    out += modify ? (d.opt ? "bic " : "orr ") : d.opt && cmode != 14 ? "mvni " : "movi ";
    if (cmode == 14 && d.opt) {
        if (d.q)
            put_vector(out, d.rd, 3, 1);
        else
            put_scalar_of(out, d.rd, 3);
        out += fmt::format(", #{:#x}", simd_immediate(true, 14, static_cast<u8>(d.imm)));
        return;
    }
    put_vector(out, d.rd, cmode == 14 ? 0 : cmode >= 8 && cmode < 12 ? 1 : 2, d.q);
    out += fmt::format(", #{:#x}", d.imm);
    const unsigned shift = cmode < 8    ? 8 * (cmode >> 1)
                           : cmode < 12 ? 8 * (cmode >> 1 & 1)
                           : cmode < 14 ? 8 + 8 * (cmode & 1)
                                        : 0;
    if (shift) out += fmt::format(", {} #{}", cmode >= 12 ? "msl" : "lsl", shift);
}

}  // namespace vm::frontend::arm64::text
