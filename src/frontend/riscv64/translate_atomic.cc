// A and Zacas. Manual: "A Extension for Atomic Instructions"; "Zacas". Addresses must be naturally aligned.
#include "frontend/riscv64/translator.h"

namespace vm::frontend::riscv64 {

using ir::MemOrder;
using ir::RmwOp;

// aq and rl are RCsc; both together make the access sequentially consistent.
MemOrder Translator::order(const Decoded& d) {
    constexpr MemOrder by_bits[] = {MemOrder::Plain, MemOrder::Release, MemOrder::Acquire, MemOrder::SeqCst};
    return by_bits[d.aqrl & 3];
}

Value Translator::atomic_address(const Decoded& d, Type mem) {
    const Value address = x(d.rs1);
    const Value low = b.and_(address, b.c64(ir::width(mem) / 8 - 1));
    b.trap_if(b.icmp(ir::Cond::Ne, low, b.c64(0)), ir::ExitReason::Misaligned, address);
    return address;
}

bool Translator::load_reserved(const Decoded& d, Type mem) {
    const Value address = atomic_address(d, mem);

    return set_x(d.rd, b.load_reserve(Type::I64, mem, address, true, order(d)));
}

bool Translator::store_conditional(const Decoded& d, Type mem) {
    const Value address = atomic_address(d, mem);

    const Value stored = b.store_cond(mem, address, x(d.rs2), order(d));

    return set_x(d.rd, b.xor_(b.zext(Type::I64, stored), b.c64(1)));
}

bool Translator::amo(const Decoded& d, RmwOp op, Type mem) {
    const Value address = atomic_address(d, mem);

    return set_x(d.rd, b.rmw(op, Type::I64, mem, address, x(d.rs2), true, order(d)));
}

bool Translator::amocas(const Decoded& d, Type mem) {
    const Value address = atomic_address(d, mem);

    return set_x(d.rd, b.cas(Type::I64, mem, address, x(d.rd), x(d.rs2), true, order(d)));
}

bool Translator::LR_W(const Decoded& d) { return load_reserved(d, Type::I32); }
bool Translator::LR_D(const Decoded& d) { return load_reserved(d, Type::I64); }
bool Translator::SC_W(const Decoded& d) { return store_conditional(d, Type::I32); }
bool Translator::SC_D(const Decoded& d) { return store_conditional(d, Type::I64); }

bool Translator::AMOSWAP_W(const Decoded& d) { return amo(d, RmwOp::Xchg, Type::I32); }
bool Translator::AMOADD_W(const Decoded& d) { return amo(d, RmwOp::Add, Type::I32); }
bool Translator::AMOXOR_W(const Decoded& d) { return amo(d, RmwOp::Xor, Type::I32); }
bool Translator::AMOAND_W(const Decoded& d) { return amo(d, RmwOp::And, Type::I32); }
bool Translator::AMOOR_W(const Decoded& d) { return amo(d, RmwOp::Or, Type::I32); }
bool Translator::AMOMIN_W(const Decoded& d) { return amo(d, RmwOp::MinS, Type::I32); }
bool Translator::AMOMAX_W(const Decoded& d) { return amo(d, RmwOp::MaxS, Type::I32); }
bool Translator::AMOMINU_W(const Decoded& d) { return amo(d, RmwOp::MinU, Type::I32); }
bool Translator::AMOMAXU_W(const Decoded& d) { return amo(d, RmwOp::MaxU, Type::I32); }

bool Translator::AMOSWAP_D(const Decoded& d) { return amo(d, RmwOp::Xchg, Type::I64); }
bool Translator::AMOADD_D(const Decoded& d) { return amo(d, RmwOp::Add, Type::I64); }
bool Translator::AMOXOR_D(const Decoded& d) { return amo(d, RmwOp::Xor, Type::I64); }
bool Translator::AMOAND_D(const Decoded& d) { return amo(d, RmwOp::And, Type::I64); }
bool Translator::AMOOR_D(const Decoded& d) { return amo(d, RmwOp::Or, Type::I64); }
bool Translator::AMOMIN_D(const Decoded& d) { return amo(d, RmwOp::MinS, Type::I64); }
bool Translator::AMOMAX_D(const Decoded& d) { return amo(d, RmwOp::MaxS, Type::I64); }
bool Translator::AMOMINU_D(const Decoded& d) { return amo(d, RmwOp::MinU, Type::I64); }
bool Translator::AMOMAXU_D(const Decoded& d) { return amo(d, RmwOp::MaxU, Type::I64); }

bool Translator::AMOCAS_W(const Decoded& d) { return amocas(d, Type::I32); }
bool Translator::AMOCAS_D(const Decoded& d) { return amocas(d, Type::I64); }

// Register pairs: rd and rs2 are even (odd ones do not decode) and name the low half; x0 as a pair reads as
// 128 zero bits and is not written.
bool Translator::AMOCAS_Q(const Decoded& d) {
    const Value address = atomic_address(d, Type::I128);
    const auto pair = [&](unsigned r) { return b.make128(Type::I128, x(r), r == 0 ? b.c64(0) : x(r + 1)); };
    const Value expected = pair(d.rd);
    const Value desired = pair(d.rs2);

    const Value old = b.cas(Type::I128, Type::I128, address, expected, desired, false, order(d));

    if (d.rd == 0) return true;
    set_x(d.rd, b.convert(Op::Lo128, Type::I64, old));
    return set_x(d.rd + 1u, b.convert(Op::Hi128, Type::I64, old));
}

}  // namespace vm::frontend::riscv64
