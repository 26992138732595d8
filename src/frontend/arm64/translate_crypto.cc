// AES, SHA-1, SHA-256, SHA-512, SHA-3. Manual: "Cryptographic AES", "Cryptographic three-register SHA" and
// their like.
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {

bool Translator::crypto(const Decoded& d, Op op, Value p, Value q, Value r) {
    return set_v(d.rd, b.emit({.op = op, .type = Type::V128, .args = {p, q, r}}));
}
bool Translator::AESE(const Decoded& d) { return crypto(d, Op::VAesE, v(d.rd), v(d.rn)); }
bool Translator::AESD(const Decoded& d) { return crypto(d, Op::VAesD, v(d.rd), v(d.rn)); }
bool Translator::AESMC(const Decoded& d) { return crypto(d, Op::VAesMc, v(d.rn)); }
bool Translator::AESIMC(const Decoded& d) { return crypto(d, Op::VAesImc, v(d.rn)); }

bool Translator::SHA1C(const Decoded& d) { return crypto(d, Op::VSha1C, v(d.rd), v(d.rn), v(d.rm)); }
bool Translator::SHA1P(const Decoded& d) { return crypto(d, Op::VSha1P, v(d.rd), v(d.rn), v(d.rm)); }
bool Translator::SHA1M(const Decoded& d) { return crypto(d, Op::VSha1M, v(d.rd), v(d.rn), v(d.rm)); }
bool Translator::SHA1SU0(const Decoded& d) { return crypto(d, Op::VSha1Su0, v(d.rd), v(d.rn), v(d.rm)); }
bool Translator::SHA1SU1(const Decoded& d) { return crypto(d, Op::VSha1Su1, v(d.rd), v(d.rn)); }
bool Translator::SHA1H(const Decoded& d) {
    return set_scalar(d.rd, b.binary(Op::Rotr, scalar(Type::I32, d.rn), b.c32(2)));
}

bool Translator::SHA256H(const Decoded& d) { return crypto(d, Op::VSha256H, v(d.rd), v(d.rn), v(d.rm)); }
bool Translator::SHA256H2(const Decoded& d) { return crypto(d, Op::VSha256H2, v(d.rd), v(d.rn), v(d.rm)); }
bool Translator::SHA256SU0(const Decoded& d) { return crypto(d, Op::VSha256Su0, v(d.rd), v(d.rn)); }
bool Translator::SHA256SU1(const Decoded& d) { return crypto(d, Op::VSha256Su1, v(d.rd), v(d.rn), v(d.rm)); }

bool Translator::SHA512H(const Decoded& d) { return crypto(d, Op::VSha512H, v(d.rd), v(d.rn), v(d.rm)); }
bool Translator::SHA512H2(const Decoded& d) { return crypto(d, Op::VSha512H2, v(d.rd), v(d.rn), v(d.rm)); }
bool Translator::SHA512SU0(const Decoded& d) { return crypto(d, Op::VSha512Su0, v(d.rd), v(d.rn)); }
bool Translator::SHA512SU1(const Decoded& d) { return crypto(d, Op::VSha512Su1, v(d.rd), v(d.rn), v(d.rm)); }

// --- SHA-3: plain logic
bool Translator::EOR3(const Decoded& d) { return set_v(d.rd, b.xor_(b.xor_(v(d.rn), v(d.rm)), v(d.ra))); }
bool Translator::BCAX(const Decoded& d) {
    return set_v(d.rd, b.xor_(v(d.rn), b.binary(Op::AndNot, v(d.rm), v(d.ra))));
}
/// 64-bit lanes rotated right by 1 … 63.
Value Translator::rotated_lanes(Value n, unsigned right) {
    return b.or_(vec(Op::VLshrImm, Type::I64, n, ir::kNone, 0, right),
                 vec(Op::VShlImm, Type::I64, n, ir::kNone, 0, 64 - right));
}
bool Translator::RAX1(const Decoded& d) { return set_v(d.rd, b.xor_(v(d.rn), rotated_lanes(v(d.rm), 63))); }
bool Translator::XAR(const Decoded& d) {
    const Value both = b.xor_(v(d.rn), v(d.rm));
    return set_v(d.rd, d.amount ? rotated_lanes(both, d.amount) : both);
}

}  // namespace vm::frontend::arm64
