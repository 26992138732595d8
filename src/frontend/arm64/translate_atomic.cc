// Exclusives, acquire and release, LSE. Manual: "Load/store exclusive", "Atomic memory operations".
//
// Every access of a base register here is exactly at [Rn|SP]. Alignment: natural, with FEAT_LSE2 anywhere
// inside 16 bytes.
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {

using ir::Cond;
using ir::MemOrder;
using ir::RmwOp;

// Acquire and release are sequentially consistent among themselves (RCsc), as LDAR and STLR are.
MemOrder Translator::order(const Decoded& d) {
    constexpr MemOrder by_bits[] = {MemOrder::Plain, MemOrder::Acquire, MemOrder::Release, MemOrder::SeqCst};
    return by_bits[d.order & 3];
}

Value Translator::atomic_address(Value at, unsigned bytes) {
    at = untagged(at);
    if (bytes == 1) return at;
    const bool anywhere = has(LSE2) && bytes < 16;
    const Value low = b.and_(at, b.c64(anywhere ? 15 : bytes - 1));
    const Value bad = anywhere ? b.icmp(Cond::GtU, low, b.c64(16 - bytes)) : b.icmp(Cond::Ne, low, b.c64(0));
    b.trap_if(bad, ir::ExitReason::Misaligned, at);
    return at;
}

bool Translator::LDXR(const Decoded& d) {
    const Value at = atomic_address(base(d.rn), 1u << d.size);
    return set_reg(d.rt, b.load_reserve(Type::I64, mem_type(d.size), at, false, order(d)));
}

bool Translator::STXR(const Decoded& d) {
    const Value data = store_data(d, d.rt);
    const Value at = atomic_address(base(d.rn), 1u << d.size);
    const Value stored = b.store_cond(mem_type(d.size), at, data, order(d));
    return set_reg(d.rs, b.zext(Type::I64, b.xor_(stored, b.constant(Type::I1, 1))));
}

// A pair of words is one doubleword; a pair of doublewords one 128-bit access.
bool Translator::LDXP(const Decoded& d) {
    const Value at = atomic_address(base(d.rn), 8u << d.sf);
    if (!d.sf) {
        const Value pair = b.load_reserve(Type::I64, Type::I64, at, false, order(d));
        set_reg(d.rt, b.trunc(Type::I32, pair));
        return set_reg(d.rt2, b.lshr(pair, b.c64(32)));
    }
    const Value pair = b.load_reserve(Type::I128, Type::I128, at, false, order(d));
    set_reg(d.rt, b.convert(Op::Lo128, Type::I64, pair));
    return set_reg(d.rt2, b.convert(Op::Hi128, Type::I64, pair));
}

bool Translator::STXP(const Decoded& d) {
    const Value at = atomic_address(base(d.rn), 8u << d.sf);
    const Value pair = d.sf
                           ? b.make128(Type::I128, x(d.rt), x(d.rt2))
                           : b.or_(b.zext(Type::I64, w(d.rt)), b.shl(b.zext(Type::I64, w(d.rt2)), b.c64(32)));
    const Value stored = b.store_cond(d.sf ? Type::I128 : Type::I64, at, pair, order(d));
    return set_reg(d.rs, b.zext(Type::I64, b.xor_(stored, b.constant(Type::I1, 1))));
}

// mode 1: LDAPR, which may pass an earlier STLR.
bool Translator::LDAR(const Decoded& d) {
    const Value at = atomic_address(base(d.rn), 1u << d.size);
    const MemOrder o = d.mode ? MemOrder::Acquire : MemOrder::SeqCst;
    return set_reg(d.rt, b.load(Type::I64, mem_type(d.size), at, 0, false, o));
}
bool Translator::STLR(const Decoded& d) {
    const Value data = store_data(d, d.rt);
    const Value at = atomic_address(base(d.rn), 1u << d.size);
    b.store(mem_type(d.size), at, 0, data, MemOrder::SeqCst);
    return true;
}

// --- LRCPC2: unscaled offset
bool Translator::STLUR(const Decoded& d) {
    const Value data = store_data(d, d.rt);
    const Value at = atomic_address(
        b.add(base(d.rn), b.c64(static_cast<u64>(sext(static_cast<u64>(d.imm), 9)))), 1u << d.size);
    b.store(mem_type(d.size), at, 0, data, MemOrder::Release);
    return true;
}
bool Translator::LDAPUR(const Decoded& d) {
    const Value at = atomic_address(
        b.add(base(d.rn), b.c64(static_cast<u64>(sext(static_cast<u64>(d.imm), 9)))), 1u << d.size);
    return set_reg(d.rt, b.load(Type::I64, mem_type(d.size), at, 0, false, MemOrder::Acquire));
}
bool Translator::LDAPURS(const Decoded& d) {
    if (d.opt && d.size == 2) return false;
    const Value at = atomic_address(
        b.add(base(d.rn), b.c64(static_cast<u64>(sext(static_cast<u64>(d.imm), 9)))), 1u << d.size);
    return set_reg(d.rt, b.load(int_type(!d.opt), mem_type(d.size), at, 0, true, MemOrder::Acquire));
}

// --- LSE
bool Translator::CAS(const Decoded& d) {
    const Type mem = mem_type(d.size);
    const Type t = int_type(d.size == 3);
    const Value at = atomic_address(base(d.rn), 1u << d.size);
    return set_reg(d.rs, b.cas(t, mem, at, reg(d.size == 3, d.rs), reg(d.size == 3, d.rt), false, order(d)));
}

bool Translator::CASP(const Decoded& d) {
    const Value at = atomic_address(base(d.rn), 8u << d.sf);
    const auto pair = [&](unsigned r) {
        if (d.sf) return b.make128(Type::I128, x(r), x(r + 1));
        return b.or_(b.zext(Type::I64, w(r)), b.shl(b.zext(Type::I64, w(r + 1)), b.c64(32)));
    };
    const Type t = d.sf ? Type::I128 : Type::I64;
    const Value expected = pair(d.rs), desired = pair(d.rt);
    const Value old = b.cas(t, t, at, expected, desired, false, order(d));
    if (d.sf) {
        set_reg(d.rs, b.convert(Op::Lo128, Type::I64, old));
        return set_reg(d.rs + 1, b.convert(Op::Hi128, Type::I64, old));
    }
    set_reg(d.rs, b.trunc(Type::I32, old));
    return set_reg(d.rs + 1, b.lshr(old, b.c64(32)));
}

// Without a destination (ST…), acquire means nothing.
bool Translator::atomic_rmw(const Decoded& d, RmwOp op) {
    const Type t = int_type(d.size == 3);
    const Value at = atomic_address(base(d.rn), 1u << d.size);
    return set_reg(d.rt, b.rmw(op, t, mem_type(d.size), at, reg(d.size == 3, d.rs), false, order(d)));
}
bool Translator::LDADD(const Decoded& d) { return atomic_rmw(d, RmwOp::Add); }
bool Translator::LDCLR(const Decoded& d) { return atomic_rmw(d, RmwOp::AndNot); }
bool Translator::LDEOR(const Decoded& d) { return atomic_rmw(d, RmwOp::Xor); }
bool Translator::LDSET(const Decoded& d) { return atomic_rmw(d, RmwOp::Or); }
bool Translator::LDSMAX(const Decoded& d) { return atomic_rmw(d, RmwOp::MaxS); }
bool Translator::LDSMIN(const Decoded& d) { return atomic_rmw(d, RmwOp::MinS); }
bool Translator::LDUMAX(const Decoded& d) { return atomic_rmw(d, RmwOp::MaxU); }
bool Translator::LDUMIN(const Decoded& d) { return atomic_rmw(d, RmwOp::MinU); }
bool Translator::SWP(const Decoded& d) { return atomic_rmw(d, RmwOp::Xchg); }

}  // namespace vm::frontend::arm64
