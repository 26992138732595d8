// Guest state: slots, counters, the FP control word, fences.
#include "backend/x86_64/lowering.h"

namespace vm::backend::x86_64 {

void Lowering::get_state(u32 i) {
    const unsigned slot = static_cast<unsigned>(inst(i).imm);
    const i8 pinned = pins_.reg_of[slot];
    const ir::StateSlot& s = layout_.slots[slot];
    if (is_gpr_type(inst(i).type) && !is_gpr_type(s.type)) {
        if (pinned >= 0 && reg_val_[pinned] != kNone) nan_observed(reg_val_[pinned]);
        const u8 d = define_gpr(i);
        if (pinned >= 0) {
            cpu_.avx ? a.vmovq(r64(d), xr(static_cast<u8>(pinned)))
                     : a.movq(r64(d), xr(static_cast<u8>(pinned)));
        } else {
            a.mov(r64(d), state_mem(guest_disp(s), 8));
        }
        return defined(i, d);
    }
    if (on(JitOpt::FoldState)) {
        if (pinned >= 0) return set_reg(i, static_cast<u8>(pinned));
        loc_[i].home = static_cast<i16>(slot);
        home_val_[slot] = i;
        return;
    }
    // Without the analysis' proof that one value stands for the slot, every get is a copy.
    const bool vec = is_vec(i);
    if (inst(i).type == Type::I128) {
        const u8 t = alloc_xmm();
        a.movups(xr(t), state_mem(guest_disp(s), 16));
        loc_[i].spill = new_spill();
        a.movaps(spill_mem(loc_[i].spill, 16), xr(t));
        return;
    }
    const u8 d = vec ? define_xmm(i) : define_gpr(i);
    if (pinned >= 0) {
        if (reg_val_[pinned] != kNone) nan_observed(reg_val_[pinned]);
        copy(d, static_cast<u8>(pinned));
    } else {
        loc_[i].home = static_cast<i16>(slot);
        vec ? load_xmm(d, i) : load_gpr(d, i);
        loc_[i].home = -1;
    }
    defined(i, d);
}

void Lowering::set_state(u32 i) {
    clean_insn_ = false;
    const unsigned slot = static_cast<unsigned>(inst(i).imm);
    const Value v = arg(inst(i), 0);
    if (layout_.slots[slot].type == Type::Flags) end_deferred();
    const i8 pinned = pins_.reg_of[slot];
    if (is_vec(v)) nan_before_state(v, pinned >= 0);
    if (pinned >= 0) {
        set_pinned(slot, static_cast<u8>(pinned), v);
    } else {
        set_home(slot, v);
    }
    if (layout_.slots[slot].offset == ir::kCodeContextOffset) a.mov(x86::rsp, VM_STATE(return_top, 8));
}

// Bits of the value that consumers may look at: more than its type has if it is the low part of something.
unsigned Lowering::full_width(Value v) const {
    const Inst& in = inst(v);
    if (in.op == Op::GetState) return slot_bits(layout_.slots[in.imm].type);
    return in.op == Op::Const || is_vec(v) ? std::max(64u, ir::width(in.type)) : ir::width(in.type);
}

u64 Lowering::const_bits(Value v) const {
    const Inst& in = inst(v);
    return in.type == Type::F32 && an_.boxes ? in.imm | 0xffffffff00000000 : in.imm;
}

void Lowering::set_pinned(unsigned slot, u8 reg, Value v) {
    if (reg_val_[reg] == v) return consume();
    locked_ |= mask_of(reg);
    free_reg(reg);
    if (reg < kXmm0) {
        load_gpr(reg, v);
    } else {
        load_xmm(reg, v);
    }
    // Around a call of C++ the register keeps what its slot has, not more.
    if (!is_wide(v) || slot_bits(layout_.slots[slot].type) == 128) set_reg(v, reg);
    consume();
    if (reg_val_[reg] != v) return;
    // The pinned register serves further uses; a scratch copy would only take room.
    for (u8 r : reg < kXmm0 ? kScratchInt : kScratchVector)
        if (reg_val_[r] == v) drop_reg(r);
}

void Lowering::set_home(unsigned slot, Value v) {
    const ir::StateSlot& s = layout_.slots[slot];
    const unsigned bits = slot_bits(s.type);
    const Value old = home_val_[slot];
    if (old == v && loc_[v].home == static_cast<i16>(slot)) return consume();
    if (old != kNone && loc_[old].home == static_cast<i16>(slot)) {
        loc_[old].home = -1;
        if (uses_left(old) > 0 && old != v && !backed(old, 0)) {
            loc_[old].home = static_cast<i16>(slot);
            if (inst(old).type == Type::I128) {
                const u8 t = alloc_xmm();
                a.movups(xr(t), memory_of(old, 16));
                loc_[old].spill = new_spill();
                a.movaps(spill_mem(loc_[old].spill, 16), xr(t));
            } else {
                is_vec(old) ? use_xmm(old) : use_gpr(old);
            }
            loc_[old].home = -1;
        }
    }
    const x86::Mem home = state_mem(guest_disp(s), bits / 8);
    if (bits == 128) {
        const u8 t = wide_to_xmm(v);
        a.movups(home, xr(t));
    } else if (is_vec(v) && in_gpr(v) == kNoReg && !is_const(v)) {
        const u8 x = use_xmm(v);
        if (bits == 32) {
            cpu_.avx ? a.vmovd(home, xr(x)) : a.movd(home, xr(x));
        } else {
            cpu_.avx ? a.vmovq(home, xr(x)) : a.movq(home, xr(x));
        }
    } else if (is_const(v) && fits_signed(static_cast<i64>(const_bits(v)), 32) && in_gpr(v) == kNoReg) {
        a.mov(home, static_cast<i32>(const_bits(v)));
    } else {
        a.mov(home, gpr(use_gpr(v), bits));
    }
    consume();
    home_val_[slot] = v;
    // A slot may take just the low bits of a value that others use whole.
    if (on(JitOpt::FoldState) && bits >= full_width(v)) loc_[v].home = static_cast<i16>(slot);
}

// Nothing to do if no store came since the last locked instruction: then no store can be late.
void Lowering::fence_full() {
    if (options_.alone || !stored_) return;
    a.lock().or_(state_mem(static_cast<i32>(offsetof(VcpuState, scratch) + 24), 4), 0);
    stored_ = false;
}

// The next instruction is atomic and a full barrier.
x86::Assembler& Lowering::locked() {
    if (options_.alone) return a;
    stored_ = false;
    a.lock();
    return a;
}

// Byte number `index` of a table among the constants.
x86::Mem Lowering::table_byte(Const table, u8 index) {
    x86::Mem m = constant(table, 1);
    m.setIndex(r64(index));
    return m;
}

// Rounding and sticky flags: see convention.h.
void Lowering::misc_state(u32 i) {
    const Inst& in = inst(i);
    const i32 scratch = static_cast<i32>(offsetof(VcpuState, scratch));
    const x86::Mem mxcsr = state_mem(scratch + 16, 4);
    const i32 rounding = static_cast<i32>(offsetof(VcpuState, fp) + offsetof(ir::FpEnv, rounding));
    const x86::Mem input_denormal =
        state_mem(static_cast<i32>(offsetof(VcpuState, fp) + offsetof(ir::FpEnv, input_denormal)), 1);
    clean_insn_ = false;
    switch (in.op) {
        case Op::Icount: a.add(VM_STATE(icount, 8), static_cast<i32>(in.imm)); return;
        case Op::Fence:
            if (static_cast<ir::FenceKind>(in.aux) == ir::FenceKind::Full) fence_full();
            return;
        case Op::DropReservation:
            a.mov(
                state_mem(
                    static_cast<i32>(offsetof(VcpuState, reservation) + offsetof(ir::Reservation, size)), 8),
                0);
            return;
        case Op::ReadIcount: {
            if (an_.counts) {
                const u8 d = define_gpr(i);
                a.mov(r64(d), VM_STATE(icount, 8));
                return defined(i, d);
            }
            take(kRax);
            take(kRdx);
            a.rdtsc();
            a.shl(x86::rdx, 32);
            a.or_(x86::rax, x86::rdx);
            return defined(i, kRax);
        }
        case Op::ReadTime: {
            forbid_swaps();
            evict_scratch();
            a.mov(x86::eax, in.aux);
            call_stub(Stub::Helper0, static_cast<unsigned>(HelperId::ReadTime));
            return defined(i, kRax);
        }
        case Op::FpGetRound: {
            const u8 d = define_gpr(i);
            a.movzx(r32(d), state_mem(rounding, 1));
            return defined(i, d);
        }
        case Op::FpGetFlags: {
            const u8 d = define_gpr(i);
            a.stmxcsr(mxcsr);
            a.mov(r32(d), mxcsr);
            a.and_(r32(d), 0x3f);
            a.movzx(r32(d), table_byte(Const::GuestFlags, d));
            a.or_(r8(d), input_denormal);
            return defined(i, d);
        }
        case Op::FpSetFlags: {
            const u8 v = use_gpr(arg(in, 0));
            consume();
            const u8 t = alloc_gpr(), u = alloc_gpr();
            const Inst& x = inst(arg(in, 0));
            const bool masked = x.op == Op::And && is_const(arg(x, 1)) && const_value(arg(x, 1)) < 32;
            if (masked) {
                a.mov(input_denormal, 0);
            } else {
                a.mov(r32(t), r32(v));
                a.and_(r32(t), ir::kInputDenormal);
                a.mov(input_denormal, r8(t));
                a.mov(r32(t), r32(v));
                a.and_(r32(t), 0x1f);
            }
            a.movzx(r32(t), table_byte(Const::HostFlags, masked ? v : t));
            a.stmxcsr(mxcsr);
            a.mov(r32(u), mxcsr);
            a.xor_(r32(t), r32(u));
            a.and_(r32(t), 0x3f);
            // Mostly the flags are as they were, and loading the register is slow.
            const u32 same = a.jcc_short(Cc::E);
            a.xor_(r32(t), r32(u));
            a.mov(mxcsr, r32(t));
            a.ldmxcsr(mxcsr);
            a.land(same);
            return;
        }
        case Op::FpSetRound: {
            const u8 v = use_gpr(arg(in, 0));
            consume();
            const u8 t = alloc_gpr(), u = alloc_gpr();
            a.mov(state_mem(rounding, 1), r8(v));
            a.stmxcsr(mxcsr);
            a.and_(mxcsr, ~0x6000);
            // table of RC by mode, two bits each: 0→0, 1→3, 2→1, 3→2; modes above 3 give 0
            a.movzx(r32(t), r8(v));
            a.mov(r32(u), 0b10011100);
            bit_field(u, t);
            a.shl(r32(u), 13);
            a.or_(mxcsr, r32(u));
            a.ldmxcsr(mxcsr);
            return;
        }
        default: return;
    }
}

// u = modes above 3 ? 0 : (u >> 2t) & 3
void Lowering::bit_field(u8 u, u8 t) {
    a.cmp(r32(t), 3);
    const u32 small = a.jcc_short(Cc::Be);
    a.xor_(r32(u), r32(u));
    a.land(small);
    // shift right by 2t in three steps of at most 2: no need for cl
    for (unsigned k = 0; k < 3; k++) {
        a.cmp(r32(t), k);
        const u32 done = a.jcc_short(Cc::Be);
        a.shr(r32(u), 2);
        a.land(done);
    }
    a.and_(r32(u), 3);
}

}  // namespace vm::backend::x86_64
