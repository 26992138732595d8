// Texts of immediates, shifted and extended registers, conditions.
#include "frontend/arm64/logical_immediate.h"
#include "frontend/arm64/text/text.h"

namespace vm::frontend::arm64::text {
namespace {
constexpr const char* kShifts[] = {"lsl", "lsr", "asr", "ror"};
constexpr const char* kExtends[] = {"uxtb", "uxth", "uxtw", "uxtx", "sxtb", "sxth", "sxtw", "sxtx"};
constexpr const char* kConditions[] = {"eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc",
                                       "hi", "ls", "ge", "lt", "gt", "le", "al", "nv"};
}  // namespace

void put_immediate(std::string& out, u64 value) { out += fmt::format("#{:#x}", value); }
void put_number(std::string& out, i64 value) { out += fmt::format("#{}", value); }

void put_imm(std::string& out, const Decoded& d, u64) { put_immediate(out, static_cast<u64>(d.imm)); }
void put_op16(std::string& out, const Decoded& d, u64) { put_immediate(out, static_cast<u64>(d.imm)); }
void put_immr(std::string& out, const Decoded& d, u64) { put_number(out, d.imm); }
void put_imms(std::string& out, const Decoded& d, u64) { put_number(out, d.amount); }
void put_nzcv(std::string& out, const Decoded& d, u64) { put_immediate(out, d.nzcv); }
void put_mask(std::string& out, const Decoded& d, u64) { put_number(out, d.nzcv); }
void put_cond(std::string& out, const Decoded& d, u64) { out += kConditions[d.cond & 15]; }

/// Add and subtract: perhaps shifted.
void put_aimm(std::string& out, const Decoded& d, u64) {
    put_immediate(out, static_cast<u64>(d.imm));
    if (d.amount) out += ", lsl #12";
}

void put_limm(std::string& out, const Decoded& d, u64) {
    u64 mask = 0;
    if (logical_immediate(d.sf, static_cast<u32>(d.imm), &mask))
        put_immediate(out, mask);
    else
        out += "undefined";
}

/// Shift of MOVZ, MOVN, MOVK.
void put_hw(std::string& out, const Decoded& d, u64) {
    if (d.amount) out += fmt::format(", lsl #{}", 16 * d.amount);
}

/// Shift after a register; LSL by 0 is no shift.
void put_ash(std::string& out, const Decoded& d, u64) {
    if (d.opt || d.amount) out += fmt::format(", {} #{}", kShifts[d.opt & 3], d.amount);
}

/// Extended Rm of add and subtract. The extension by nothing is called LSL beside a stack pointer.
void put_ext(std::string& out, const Decoded& d, u64) {
    const bool sets_flags = d.id == Insn::ADDS_ext || d.id == Insn::SUBS_ext;
    const bool stack = d.rn == 31 || (d.rd == 31 && !sets_flags);
    put_general(out, d.sf && (d.opt & 3) == 3, d.rm);
    if (stack && d.opt == (d.sf ? 3 : 2)) {
        if (d.amount) out += fmt::format(", lsl #{}", d.amount);
        return;
    }
    out += fmt::format(", {}", kExtends[d.opt & 7]);
    if (d.amount) out += fmt::format(" #{}", d.amount);
}

/// Register and bit of TBZ, TBNZ.
void put_tbit(std::string& out, const Decoded& d, u64) {
    put_general(out, d.amount >> 5, d.rt);
    out += fmt::format(", #{}", d.amount);
}

/// Bytes, halfwords, words in a mnemonic: of loads and stores, of those that extend the sign, of CRC32.
void put_szsuffix(std::string& out, const Decoded& d, u64) {
    if (d.size < 2) out += d.size ? 'h' : 'b';
}
void put_szsigned(std::string& out, const Decoded& d, u64) { out += "bhwx"[d.size & 3]; }
void put_crcz(std::string& out, const Decoded& d, u64) { out += "bhwx"[d.size & 3]; }

/// Acquire and release in a mnemonic.
void put_acq(std::string& out, const Decoded& d, u64) {
    if (d.order & 1) out += 'a';
}
void put_rel(std::string& out, const Decoded& d, u64) {
    if (d.order & 2) out += 'l';
}
void put_acqrel(std::string& out, const Decoded& d, u64 pc) {
    put_acq(out, d, pc);
    put_rel(out, d, pc);
}

}  // namespace vm::frontend::arm64::text
