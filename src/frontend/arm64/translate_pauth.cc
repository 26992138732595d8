// Pointer authentication. Manual: "Pointer authentication", pseudocode AddPAC, Auth with FEAT_PAuth2 and
// FEAT_FPAC.
//
// The algorithm is implementation defined (ID_AA64ISAR1_EL1.API, GPI): two keyed multiplications, a dozen
// host cycles, so that programs built with return address signing lose little. It resists accidents and blind
// guesses (7 bits, as any algorithm has with 48-bit addresses and top-byte-ignore), not an analyst of signed
// pointers. Keys are the process's, random. With FPAC a failed authentication faults at once.
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {
namespace {
/// Where the code stands: bits 54..48; bit 55 selects the half of the address space.
constexpr unsigned kPacAt = 48, kPacBits = 7;
constexpr u64 kPacField = ((u64{1} << kPacBits) - 1) << kPacAt;
// Odd, with no pattern: fractions of the golden ratio and of the square root of 3.
constexpr u64 kMultiplier1 = 0x9e3779b97f4a7c15, kMultiplier2 = 0xbb67ae8584caa73b;
enum KeyKind : unsigned { kKeyB = 1, kAuthenticate = 2, kData = 4 };
constexpr unsigned kGenericKey = 4;
}  // namespace

/// 64 bits of code for bits 47..0 of `pointer`; the highest are the best.
Value Translator::pac_code(Value pointer, Value modifier, unsigned key) {
    const Value low = b.get(key_slot(key, 0)), high = b.get(key_slot(key, 1));
    const Value first = b.mul(b.xor_(b.shl(pointer, b.c64(64 - kPacAt)), low), b.c64(kMultiplier1));
    const Value mixed = b.binary(Op::Rotr, b.xor_(modifier, high), b.c64(32));
    return b.mul(b.xor_(first, b.add(mixed, b.lshr(first, b.c64(32)))), b.c64(kMultiplier2));
}

/// Signing and checking are the same: the code is exclusive-or-ed into its field.
Value Translator::sign(Value pointer, Value modifier, unsigned key) {
    if (request_.mode & (kModeKeysOff << key)) return pointer;
    const Value code = b.lshr(pac_code(pointer, modifier, key), b.c64(64 - kPacBits));
    return b.xor_(pointer, b.shl(code, b.c64(kPacAt)));
}

Value Translator::authenticate(Value pointer, Value modifier, unsigned key) {
    if (request_.mode & (kModeKeysOff << key)) return pointer;
    const Value plain = sign(pointer, modifier, key);
    // Bits 55..48 must be equal.
    const Value top = b.ashr(b.shl(plain, b.c64(8)), b.c64(56));
    b.trap_if(b.icmp(ir::Cond::GtU, b.add(top, b.c64(1)), b.c64(1)), ir::ExitReason::Illegal,
              b.c64(kFailedAuthentication));
    return plain;
}

/// In the upper half of the address space, where no top byte is ignored, the field has bits 63..56 too.
Value Translator::strip(Value pointer) {
    const Value half = b.ashr(b.shl(pointer, b.c64(8)), b.c64(63));
    return b.or_(b.and_(pointer, b.c64(~kPacField)), b.and_(half, b.c64(~u64{0} << kPacAt)));
}

/// opt of the tables: KeyKind bits. A key's number: 0 IA, 1 IB, 2 DA, 3 DB.
Value Translator::sign_or_authenticate(unsigned opt, Value pointer, Value modifier) {
    const unsigned key = (opt & kKeyB) | (opt & kData ? 2 : 0);
    return opt & kAuthenticate ? authenticate(pointer, modifier, key) : sign(pointer, modifier, key);
}

bool Translator::PACIA(const Decoded& d) {
    return set_reg(d.rd, sign_or_authenticate(d.opt, x(d.rd), d.mode ? b.c64(0) : reg_sp(1, d.rn)));
}
bool Translator::PACGA(const Decoded& d) {
    return set_reg(d.rd, b.and_(pac_code(x(d.rn), reg_sp(1, d.rm), kGenericKey), b.c64(~u64{0} << 32)));
}
bool Translator::XPACI(const Decoded& d) { return set_reg(d.rd, strip(x(d.rd))); }
bool Translator::XPACD(const Decoded& d) { return set_reg(d.rd, strip(x(d.rd))); }
bool Translator::XPACLRI(const Decoded&) { return set_reg(30, strip(x(30))); }

/// mode 0: x17 with modifier x16; 1: x30 with 0; 2: x30 with SP.
bool Translator::PAC_hint(const Decoded& d) {
    const unsigned r = d.mode ? 30 : 17;
    const Value modifier = d.mode == 0 ? x(16) : d.mode == 1 ? b.c64(0) : b.get(kSpSlot);
    return set_reg(r, sign_or_authenticate(d.opt, x(r), modifier));
}

bool Translator::BR_auth(const Decoded& d) {
    return branch_indirect(authenticate(x(d.rn), d.mode ? reg_sp(1, d.rm) : b.c64(0), d.opt), jump_btype(d));
}
bool Translator::BLR_auth(const Decoded& d) {
    return call_indirect(authenticate(x(d.rn), d.mode ? reg_sp(1, d.rm) : b.c64(0), d.opt));
}
bool Translator::RET_auth(const Decoded& d) {
    b.ret(untagged(authenticate(x(30), b.get(kSpSlot), d.opt)));
    return true;
}

/// opt: key DA or DB; mode 1: the authenticated address with its offset becomes the base.
bool Translator::LDRA(const Decoded& d) {
    const Value at = authenticate(base(d.rn), b.c64(0), 2 + d.opt);
    const Value loaded = load(Type::I64, Type::I64, at, d.imm, false);
    if (d.mode) set_reg_sp(d.rn, b.add(at, b.c64(static_cast<u64>(d.imm))));
    return set_reg(d.rt, loaded);
}

}  // namespace vm::frontend::arm64
