// Loads and stores of general registers, prefetches. Manual: "Loads and Stores".
//
// Where the base register is also loaded or stored with write-back, the manual leaves the result open: here
// the loaded value wins, and a store stores the old one.
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {

namespace {
constexpr i64 signed_offset(i64 imm9) { return sext(static_cast<u64>(imm9), 9); }
}  // namespace

Translator::Address Translator::address(const Decoded& d, unsigned scale) {
    const Value n = base(d.rn);
    if (d.mode == kScaled) return {n, d.imm << scale, ir::kNone};
    const i64 imm = signed_offset(d.imm);
    if (d.mode == kPostIndexed) return {n, 0, b.add(n, b.c64(static_cast<u64>(imm)))};
    if (d.mode != kPreIndexed) return {n, imm, ir::kNone};
    const Value updated = b.add(n, b.c64(static_cast<u64>(imm)));
    return {updated, 0, updated};
}

Translator::Address Translator::pair_address(const Decoded& d, unsigned scale) {
    const Value n = base(d.rn);
    const i64 imm = d.imm * (i64{1} << scale);
    if (d.mode == kPostIndexed) return {n, 0, b.add(n, b.c64(static_cast<u64>(imm)))};
    if (d.mode != kPreIndexed) return {n, imm, ir::kNone};
    const Value updated = b.add(n, b.c64(static_cast<u64>(imm)));
    return {updated, 0, updated};
}

/// opt: 2 UXTW, 3 LSL, 6 SXTW, 7 SXTX (the tables exclude the others); amount 1: scaled.
Value Translator::register_address(const Decoded& d, unsigned scale) {
    Value m = d.opt & 1 ? x(d.rm) : b.convert(d.opt & 4 ? Op::Sext : Op::Zext, Type::I64, w(d.rm));
    if (d.amount && scale) m = b.shl(m, b.c64(scale));
    return b.add(base(d.rn), m);
}

bool Translator::STR_imm(const Decoded& d) {
    const Value data = store_data(d, d.rt);
    const Address a = address(d, d.size);
    store(mem_type(d.size), a.base, a.disp, data);
    write_back(d, a);
    return true;
}

bool Translator::LDR_imm(const Decoded& d) {
    const Address a = address(d, d.size);
    const Value loaded = load(Type::I64, mem_type(d.size), a.base, a.disp, false);
    write_back(d, a);
    return set_reg(d.rt, loaded);
}

bool Translator::load_sign_extended(const Decoded& d, const Address& a, bool to_w) {
    if (to_w && d.size == 2) return false;
    const Value loaded = load(int_type(!to_w), mem_type(d.size), a.base, a.disp, true);
    write_back(d, a);
    return set_reg(d.rt, loaded);
}
bool Translator::LDRS_imm(const Decoded& d) {
    if (d.opt && d.size == 2) return false;
    return load_sign_extended(d, address(d, d.size), d.opt);
}

bool Translator::STR_reg(const Decoded& d) {
    const Value at = register_address(d, d.size);
    store(mem_type(d.size), at, 0, store_data(d, d.rt));
    return true;
}
bool Translator::LDR_reg(const Decoded& d) {
    return set_reg(d.rt, load(Type::I64, mem_type(d.size), register_address(d, d.size), 0, false));
}
bool Translator::LDRS_reg(const Decoded& d) {
    if (d.q && d.size == 2) return false;
    return load_sign_extended(d, {register_address(d, d.size), 0, ir::kNone}, d.q);
}

bool Translator::LDR_lit(const Decoded& d) {
    return set_reg(d.rt, load(Type::I64, mem_type(2 + d.sf), literal(d), 0, false));
}
bool Translator::LDRSW_lit(const Decoded& d) {
    return set_reg(d.rt, load(Type::I64, Type::I32, literal(d), 0, true));
}

// --- pairs: both accesses come before any register changes. With FEAT_LSE2 an aligned pair is one access; on
// the host, one of 16 bytes.
std::array<Value, 2> Translator::load_pair(const Address& a, unsigned scale) {
    if (!atomic_pairs()) {
        const Value first = load(Type::I64, mem_type(scale), a.base, a.disp, false);
        return {first, load(Type::I64, mem_type(scale), a.base, a.disp + (i64{1} << scale), false)};
    }
    if (scale == 3) {
        const Value both = load(Type::V128, Type::V128, a.base, a.disp, false);
        return {b.vextract(Type::I64, both, 0), b.vextract(Type::I64, both, 1)};
    }
    const Value both = load(Type::I64, Type::I64, a.base, a.disp, false);
    return {b.convert(Op::Zext, Type::I64, b.convert(Op::Trunc, Type::I32, both)), b.lshr(both, b.c64(32))};
}

void Translator::store_pair(const Address& a, unsigned scale, Value first, Value second) {
    if (!atomic_pairs()) {
        store(mem_type(scale), a.base, a.disp, first);
        return store(mem_type(scale), a.base, a.disp + (i64{1} << scale), second);
    }
    if (scale == 3)
        return store(Type::V128, a.base, a.disp, vec(Op::VInsert, Type::I64, b.vscalar(first), second, 0, 1));
    const Value high = b.shl(b.convert(Op::Zext, Type::I64, second), b.c64(32));
    store(Type::I64, a.base, a.disp, b.or_(b.convert(Op::Zext, Type::I64, first), high));
}

bool Translator::STP(const Decoded& d) {
    const unsigned scale = 2 + d.sf;
    const Value first = reg(d.sf, d.rt), second = reg(d.sf, d.rt2);
    const Address a = pair_address(d, scale);
    store_pair(a, scale, first, second);
    write_back(d, a);
    return true;
}

bool Translator::LDP(const Decoded& d) {
    const unsigned scale = 2 + d.sf;
    const Address a = pair_address(d, scale);
    const auto [first, second] = load_pair(a, scale);
    write_back(d, a);
    set_reg(d.rt, first);
    return set_reg(d.rt2, second);
}

bool Translator::LDPSW(const Decoded& d) {
    const Address a = pair_address(d, 2);
    const auto [first, second] = load_pair(a, 2);
    write_back(d, a);
    const auto extended = [&](Value v) {
        return b.convert(Op::Sext, Type::I64, b.convert(Op::Trunc, Type::I32, v));
    };
    set_reg(d.rt, extended(first));
    return set_reg(d.rt2, extended(second));
}

// --- prefetches: rt is the kind; instructions are read once, by the translator
bool Translator::prefetch(const Decoded& d, Value at, i64 disp) {
    const bool instruction = (d.rt >> 3 & 3) == 1;
    if (!instruction)
        b.emit({.op = Op::Prefetch,
                .args = {untagged(b.add(at, b.c64(static_cast<u64>(disp)))), ir::kNone, ir::kNone}});
    return true;
}
bool Translator::PRFM_imm(const Decoded& d) {
    const Address a = address(d, 3);
    return prefetch(d, a.base, a.disp);
}
bool Translator::PRFM_reg(const Decoded& d) { return prefetch(d, register_address(d, 3), 0); }
bool Translator::PRFM_lit(const Decoded& d) { return prefetch(d, literal(d), 0); }

}  // namespace vm::frontend::arm64
