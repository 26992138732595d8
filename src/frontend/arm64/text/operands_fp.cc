// Texts of floating-point registers and immediates.
#include <bit>

#include "frontend/arm64/fp_immediate.h"
#include "frontend/arm64/text/text.h"

namespace vm::frontend::arm64::text {
namespace {
/// size: log2 of the bytes.
void put_scalar(std::string& out, unsigned size, unsigned r) { out += fmt::format("{}{}", "bhsdq"[size], r); }
/// ptype: 0 single, 1 double, 3 half.
void put_by_ptype(std::string& out, unsigned ptype, unsigned r) {
    out += fmt::format("{}{}", "sd?h"[ptype & 3], r);
}
}  // namespace

void put_Fd(std::string& out, const Decoded& d, u64) { put_scalar(out, d.size, d.rd); }
void put_Fn(std::string& out, const Decoded& d, u64) { put_scalar(out, d.size, d.rn); }
void put_Fm(std::string& out, const Decoded& d, u64) { put_scalar(out, d.size, d.rm); }
void put_Fa(std::string& out, const Decoded& d, u64) { put_scalar(out, d.size, d.ra); }
void put_Ft(std::string& out, const Decoded& d, u64) { put_scalar(out, d.size, d.rt); }
void put_Ft2(std::string& out, const Decoded& d, u64) { put_scalar(out, d.size, d.rt2); }

void put_FHd(std::string& out, const Decoded& d, u64) { put_scalar(out, 1, d.rd); }
void put_FSn(std::string& out, const Decoded& d, u64) { put_scalar(out, 2, d.rn); }
void put_FDn(std::string& out, const Decoded& d, u64) { put_scalar(out, 3, d.rn); }
void put_FcvtD(std::string& out, const Decoded& d, u64) { put_by_ptype(out, d.opt, d.rd); }
void put_FcvtN(std::string& out, const Decoded& d, u64) { put_by_ptype(out, d.size, d.rn); }

/// The upper half of a vector.
void put_Fd1(std::string& out, const Decoded& d, u64) { out += fmt::format("v{}.d[1]", d.rd); }
void put_Fn1(std::string& out, const Decoded& d, u64) { out += fmt::format("v{}.d[1]", d.rn); }

void put_Fimm(std::string& out, const Decoded& d, u64) {
    out += fmt::format("#{:.18e}", std::bit_cast<double>(fp_immediate(3, static_cast<u8>(d.imm))));
}
/// Fraction bits of fixed point.
void put_Fbits(std::string& out, const Decoded& d, u64) { put_number(out, 64 - d.amount); }

}  // namespace vm::frontend::arm64::text
