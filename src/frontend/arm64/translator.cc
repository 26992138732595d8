// Fetch, decode, dispatch; registers and what all handlers share.
#include "frontend/arm64/translator.h"

#include <utility>

namespace vm::frontend::arm64 {

void Translator::run() {
    if (has_tag(pc_)) {  // the program counter itself never has one
        b.insn(pc_, 4);
        return b.jump(pc_ & kAddressMask);
    }
    if (pc_ % 4 != 0) {
        b.insn(pc_, 4);
        b.trap_if(b.constant(Type::I1, 1), ir::ExitReason::Misaligned, b.c64(pc_));
        return b.exit(ir::ExitReason::Misaligned, pc_);
    }
    while (!b.terminated()) {
        u32 bits = 0;
        if (full()) {
            b.jump(pc_);
        } else if (fetch(pc_, &bits)) {
            translate_one(bits);
        } else {
            stop_unfetchable(pc_, 4);
        }
    }
}

void Translator::translate_one(u32 bits) {
    const u64 pc = pc_;
    cover(pc, 4);
    pc_ = pc + 4;
    const Decoded d = decode(bits, request_.features);
    if (d.id == Insn::Invalid || !dispatch(*this, d)) return b.exit(ir::ExitReason::Illegal, pc);
    if (!std::exchange(sp_moved_, false)) return;
    Value changed = sp_misaligned();
    if (request_.mode & kModeSpMisaligned) changed = b.xor_(changed, b.constant(Type::I1, 1));
    b.trap_if(changed, ir::ExitReason::ModeChange, b.c64(0), pc_);
}

bool Translator::set_reg(unsigned r, Value v) {
    if (r == 31) return true;
    return set_reg_sp(r, v);
}

// SP is to be a multiple of 16 where it is a base (Linux sets SCTLR_EL1.SA0). It nearly always is: blocks are
// made for one of the two cases, and only values that may change it are looked at.
constexpr u64 kSpAlignment = 16;

Value Translator::sp_misaligned() {
    return b.icmp(ir::Cond::Ne, b.and_(b.get(kSpSlot), b.c64(kSpAlignment - 1)), b.c64(0));
}

/// Is the new `sp` the old one, moved by a multiple of 16?
bool Translator::keeps_alignment(Value sp) const {
    const ir::Inst& in = b.at(sp);
    if (in.op != Op::Add && in.op != Op::Sub) return false;
    const ir::Inst &from = b.at(in.args[0]), &by = b.at(in.args[1]);
    return from.op == Op::GetState && from.imm == kSpSlot && by.op == Op::Const && by.imm % kSpAlignment == 0;
}

Value Translator::base(unsigned r) {
    if (r == 31 && (request_.mode & kModeSpMisaligned))
        b.trap_if(sp_misaligned(), ir::ExitReason::Misaligned, b.get(kSpSlot));
    return b.get(x_slot(r));
}

bool Translator::set_reg_sp(unsigned r, Value v) {
    if (r == 31 && !(keeps_alignment(v) && !(request_.mode & kModeSpMisaligned))) sp_moved_ = true;
    b.set(x_slot(r), b.type(v) == Type::I64 ? v : b.zext(Type::I64, v));
    return true;
}

Value Translator::condition(unsigned c) {
    if (c >= 14) return b.constant(Type::I1, 1);
    return b.unary(Op::FlagsTest, flags(), c);
}

bool Translator::upper_half_zero(Value value, unsigned depth) const {
    const ir::Inst& in = b.at(value);
    const auto zero = [&](unsigned k) { return depth > 0 && upper_half_zero(in.args[k], depth - 1); };
    switch (in.op) {
        case Op::VLow64:
        case Op::VScalar: return true;
        case Op::Const128: return (in.args[0] | in.args[1]) == 0;
        case Op::And:
        case Op::VMul: return zero(0) || zero(1);
        case Op::AndNot:
        case Op::VShlImm:
        case Op::VLshrImm:
        case Op::VAshrImm:
        case Op::VAbs:
        case Op::VPopcnt:
        case Op::VBitrev:
        case Op::VRev: return zero(0);
        case Op::VUzp1:
        case Op::VUzp2:
        case Op::VNarrowSatS:
        case Op::VNarrowSatSU:
        case Op::VNarrowSatU:
            return b.at(in.args[1]).op == Op::Const128 && b.at(in.args[1]).imm == 0 && zero(1);
        case Op::Or:
        case Op::Xor:
        case Op::VAdd:
        case Op::VSub:
        case Op::VCmpGtS:
        case Op::VCmpGtU:
        case Op::VMinS:
        case Op::VMaxS:
        case Op::VMinU:
        case Op::VMaxU:
        case Op::VAvgU:
        case Op::VAddSatS:
        case Op::VAddSatU:
        case Op::VSubSatS:
        case Op::VSubSatU:
        case Op::VMulDblHi: return zero(0) && zero(1);
        default: return false;
    }
}

Value Translator::untagged(Value address) {
    return request_.mode & kModeTagged ? b.and_(address, b.c64(kAddressMask)) : address;
}

Value Translator::untagged_at(Value address, i64* disp) {
    if (!(request_.mode & kModeTagged)) return address;
    const Value at = untagged(b.add(address, b.c64(static_cast<u64>(*disp))));
    *disp = 0;
    return at;
}

u32 Translator::fp(Type t, ir::Round rounding, u32 extra) const {
    const bool flush = request_.mode & (t == Type::F16 ? kModeFz16 : kModeFz);
    return ir::fp_aux(rounding, request_.mode & kModeDn ? ir::FpSem::ArmDn : ir::FpSem::Arm,
                      extra | (flush ? ir::kFpFlush : 0));
}

}  // namespace vm::frontend::arm64
