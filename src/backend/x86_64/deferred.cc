// Flags that are computed when somebody looks (Op::DeferFlags): on the way out, behind all other code, or by
// recover_state at a fault, which finds their description among the DirtySlots.
#include "backend/x86_64/lowering.h"

namespace vm::backend::x86_64 {

void Lowering::defer_flags(u32 i) {
    clean_insn_ = false;
    begin_deferred(ir::DeferredFlags::of(inst(i)));
    if (cpu_.lahf) return;
    consume();
    store_deferred();  // there would be no registers for it later
}

void Lowering::begin_deferred(const ir::DeferredFlags& d) {
    end_deferred();
    deferred_ = static_cast<i32>(flags_.size());
    flags_.push_back(d);
    deferred_dirty_ = static_cast<u32>(out_->dirty.size());
    out_->dirty.push_back({a.pos(), a.pos(), d.flags, kDirtyFlags});
    out_->dirty.push_back({d.aux(), static_cast<u32>(d.value), 0, kDirtyFlagsWhat});
}

void Lowering::end_deferred() {
    if (deferred_ < 0) return;
    out_->dirty[deferred_dirty_].host_end = a.pos();
    deferred_ = -1;
}

// From here on they are stored, if there are any. Writes rax.
void Lowering::store_deferred() {
    if (deferred_ < 0) return;
    take(kRax);
    store_flags(deferred_);
    end_deferred();
}

// Their word to the slot; every slot is in its place. Writes rax only.
void Lowering::store_flags(i32 index) {
    if (index < 0) return;
    const ir::DeferredFlags& d = flags_[static_cast<size_t>(index)];
    using Kind = ir::DeferredFlags::Kind;
    const auto place = [&](u8 slot) -> Operand {
        if (const i8 r = pins_.reg_of[slot]; r >= 0) return gpr(static_cast<u8>(r), d.bits());
        return state_mem(guest_disp(layout_.slots[slot]), d.bits() / 8);
    };
    const Operand x = place(d.a);
    const Operand y = d.constant ? Operand(asmjit::Imm(i64{d.value})) : place(d.b);
    const x86::Gp t = gpr(kRax, d.bits());
    if (d.kind == Kind::Sub && x.isReg()) {
        a.emit(HInst::kIdCmp, x, y);
    } else {
        a.emit(HInst::kIdMov, t, x);
        if (d.kind == Kind::SubResult) a.emit(HInst::kIdAdd, t, y);
        if (d.kind == Kind::AddResult) a.emit(HInst::kIdSub, t, y);
        const bool sub = d.kind == Kind::Sub || d.kind == Kind::SubResult;
        a.emit(sub ? HInst::kIdCmp : d.kind == Kind::And ? HInst::kIdAnd : HInst::kIdAdd, t, y);
    }
    const bool sub = d.kind == Kind::Sub || d.kind == Kind::SubResult;
    flags_to_word(sub && d.carry == ir::CarrySem::NotBorrow, 0);
    const i8 r = pins_.reg_of[d.flags];
    r >= 0 ? a.mov(r32(static_cast<u8>(r)), x86::eax)
           : a.mov(state_mem(guest_disp(layout_.slots[d.flags]), 2), x86::ax);
}

}  // namespace vm::backend::x86_64
