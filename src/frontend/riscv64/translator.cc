// Fetch, decode, dispatch; registers.
#include "frontend/riscv64/translator.h"

namespace vm::frontend::riscv64 {

void Translator::run() {
    while (!b.terminated()) {
        u32 bits = 0;
        u64 fault = 0;
        if (full()) {
            b.jump(pc_);
        } else if (const unsigned length = fetch(&bits, &fault)) {
            translate_one(bits, length);
        } else {
            stop_unfetchable(fault, 2);
        }
    }
}

/// Instructions that only machines have are not in the table.
constexpr u32 kSret = 0x10200073;

void Translator::translate_one(u32 bits, unsigned length) {
    const u64 pc = pc_;
    cover(pc, length);
    pc_ = pc + length;
    const Decoded d = decode(bits, features_);
    if (request_.system && (info(d.id).features & kFpExtensions)) need_fp();
    if (request_.system && bits == kSret && machine_sret()) return;
    if (d.id == Insn::Invalid || !dispatch(*this, d)) b.exit(ir::ExitReason::Illegal, pc);
}

unsigned Translator::fetch(u32* bits, u64* fault) {
    u16 low = 0, high = 0;
    *fault = pc_;
    if (!Walk::fetch(pc_, &low)) return 0;
    *bits = low;
    if ((low & 3) != 3) return 2;
    // The second half may lie on a page of its own.
    *fault = pc_ + 2;
    if (!Walk::fetch(pc_ + 2, &high)) return 0;
    *bits |= u32{high} << 16;
    return 4;
}

bool Translator::set_x(unsigned r, Value v) {
    if (r == 0) return true;
    if (r == known_reg_) known_reg_ = 0;
    if (skip_ != ir::kNone) v = b.select(skip_, x(r), v);
    b.set(x_slot(r), v);
    return true;
}

Value Translator::f(Type t, unsigned r) {
    const Value raw = b.get(f_slot(r));
    return t == Type::F64 ? raw : b.convert(Op::NanUnbox, t, raw);
}

bool Translator::set_f(Type t, unsigned r, Value v) {
    b.set(f_slot(r), t == Type::F64 ? v : b.convert(Op::NanBox, Type::F64, v));
    return true;
}

bool Translator::set_f_bits(unsigned r, Value v) {
    b.set(f_slot(r), b.bitcast(Type::F64, v));
    return true;
}

}  // namespace vm::frontend::riscv64
