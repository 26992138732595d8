// Texts of addresses: of loads and stores, of branches, and of what is prefetched.
#include "frontend/arm64/text/text.h"

namespace vm::frontend::arm64::text {
namespace {
// AddressMode of translator.h, and Decoded::mode of the tables
enum Mode : u8 { kScaled, kPostIndexed, kPreIndexed };

i64 signed9(i64 imm) { return sext(static_cast<u64>(imm), 9); }
}  // namespace

void put_address(std::string& out, unsigned base, unsigned mode, i64 disp) {
    out += '[';
    put_general(out, 1, base, kStack);
    if (mode == kPostIndexed)
        out += fmt::format("], #{}", disp);
    else if (mode == kPreIndexed)
        out += fmt::format(", #{}]!", disp);
    else if (disp != 0)
        out += fmt::format(", #{}]", disp);
    else
        out += ']';
}

void put_Addr(std::string& out, const Decoded& d, u64) {
    put_address(out, d.rn, d.mode, d.mode == kScaled ? d.imm << d.size : signed9(d.imm));
}
void put_AddrS9(std::string& out, const Decoded& d, u64) { put_address(out, d.rn, kScaled, signed9(d.imm)); }
void put_AddrPair(std::string& out, const Decoded& d, u64) {
    put_address(out, d.rn, d.mode, d.imm * (4 << d.sf));
}
void put_FAddrPair(std::string& out, const Decoded& d, u64) {
    put_address(out, d.rn, d.mode, d.imm * (1 << d.size));
}
/// Without an offset only the sign of write-back remains.
void put_AddrAuth(std::string& out, const Decoded& d, u64) {
    put_address(out, d.rn, kScaled, d.imm);
    if (d.mode) out += '!';
}

/// `[base, offset, extend #amount]`; LSL by nothing is left out.
void put_AddrReg(std::string& out, const Decoded& d, u64) {
    constexpr const char* kExtend[] = {"", "", "uxtw", "lsl", "", "", "sxtw", "sxtx"};
    out += '[';
    put_general(out, 1, d.rn, kStack);
    out += ", ";
    put_general(out, d.opt & 1, d.rm);
    if (d.opt != 3 || d.amount) out += fmt::format(", {}", kExtend[d.opt & 7]);
    if (d.amount) out += fmt::format(" #{}", d.size);
    out += ']';
}

void put_target(std::string& out, const Decoded& d, u64 pc) {
    out += fmt::format("{:#x}", pc + static_cast<u64>(d.imm));
}
void put_page(std::string& out, const Decoded& d, u64 pc) {
    out += fmt::format("{:#x}", (pc & ~u64{0xfff}) + static_cast<u64>(d.imm));
}

/// rt: kind, cache level, policy; or its number where one of them does not exist.
void put_Prfop(std::string& out, const Decoded& d, u64) {
    constexpr const char* kKinds[] = {"pld", "pli", "pst"};
    const unsigned kind = d.rt >> 3, level = d.rt >> 1 & 3;
    if (kind > 2 || level > 2)
        out += fmt::format("#0x{:02x}", d.rt);
    else
        out += fmt::format("{}l{}{}", kKinds[kind], level + 1, d.rt & 1 ? "strm" : "keep");
}

/// Which pointer authentication key, in a mnemonic.
void put_akey(std::string& out, const Decoded& d, u64) { out += d.opt & 1 ? 'b' : 'a'; }

}  // namespace vm::frontend::arm64::text
