// Where values are while a block is emitted, and how they get into registers.
#include <algorithm>

#include "backend/x86_64/lowering.h"

namespace vm::backend::x86_64 {

namespace {
constexpr u32 kGprMask = 0xffff, kXmmMask = 0xffff0000;
constexpr u32 scratch_mask() {
    u32 m = 0;
    for (u8 r : kScratchInt) m |= mask_of(r);
    for (u8 r : kScratchVector) m |= mask_of(r);
    return m;
}
constexpr u32 kScratch = scratch_mask();
}  // namespace

bool Lowering::is_vec(Value v) const {
    const Type t = inst(v).type;
    return t == Type::F32 || t == Type::F64 || t == Type::V128;
}

void Lowering::begin_inst(u32 i) {
    cur_ = i;
    cur_count_ = an_.use_count[i];
    consumed_ = false;
    locked_ = 0;
    if (spill_dies_) {
        for (unsigned w = 0; w < spill_used_.size(); w++) {
            spill_used_[w] &= ~spill_dying_[w];
            spill_dying_[w] = 0;
        }
        spill_dies_ = false;
    }
    for (unsigned k = 0; k < cur_count_; k++) {
        cur_uses_[k] = an_.uses.back();
        an_.uses.pop_back();
    }
    if (renamed_)
        for (unsigned k = 0; k < cur_count_; k++) cur_uses_[k].value = an_.info[cur_uses_[k].value].rep;
}

void Lowering::consume() {
    if (consumed_) return;
    consumed_ = true;
    for (unsigned k = 0; k < cur_count_; k++) {
        ValueInfo& v = an_.info[cur_uses_[k].value];
        v.next = cur_uses_[k].next;
        v.uses--;
    }
    for (unsigned k = 0; k < cur_count_; k++)
        if (an_.info[cur_uses_[k].value].uses == 0) release(cur_uses_[k].value);
}

// A dead value gives back its scratch registers, and its spill slot when this instruction is over (it may
// still be read). A pinned register goes on holding it: it is the slot.
void Lowering::release(Value v) {
    Loc& l = loc_[v];
    for (u32 m = l.regs & kScratch; m; m &= m - 1) reg_val_[static_cast<u8>(std::countr_zero(m))] = kNone;
    l.regs &= ~kScratch;
    if (l.spill >= 0) {
        spill_dying_[static_cast<unsigned>(l.spill) / 64] |= u64{1} << (l.spill % 64);
        spill_dies_ = true;
    }
}

bool Lowering::backed(Value v, u32 but_regs) const {
    const Loc& l = loc_[v];
    const Op op = inst(v).op;
    return (l.regs & ~but_regs) || l.home >= 0 || l.spill >= 0 || op == Op::Const || op == Op::GuestAddr ||
           op == Op::Const128 || is_const_flags(v);
}

void Lowering::set_reg(Value v, u8 r) {
    reg_val_[r] = v;
    loc_[v].regs |= mask_of(r);
}

void Lowering::drop_reg(u8 r) {
    if (reg_val_[r] != kNone) loc_[reg_val_[r]].regs &= ~mask_of(r);
    reg_val_[r] = kNone;
    dirty_open_[r] = -1;
}

x86::Mem Lowering::spill_mem(i16 slot, unsigned size) const {
    return state_mem(static_cast<i32>(offsetof(VcpuState, spill)) + 16 * slot, size);
}

i16 Lowering::new_spill() {
    for (unsigned w = 0; w < spill_used_.size(); w++) {
        if (~spill_used_[w] == 0) continue;
        const int bit = std::countr_one(spill_used_[w]);
        spill_used_[w] |= u64{1} << bit;
        return static_cast<i16>(w * 64 + static_cast<unsigned>(bit));
    }
    if (!failed_) error_ = {ErrorKind::Unsupported, "block has more live values than spill slots"};
    failed_ = true;
    return 0;
}

// Writes `v`, which is in `r`, to a spill slot.
void Lowering::save(Value v, u8 r) {
    if (r >= kXmm0) nan_flush();
    const i16 s = new_spill();
    loc_[v].spill = s;
    if (r < kXmm0) {
        a.mov(spill_mem(s, 8), r64(r));
    } else if (is_wide(v)) {
        a.movaps(spill_mem(s, 16), xr(r));
    } else {
        a.movq(spill_mem(s, 8), xr(r));
    }
}

// Whether a wider value that is at hand has v as its low part, and v is not just being read.
bool Lowering::has_twin(Value v) const {
    const Value t = an_.info[v].twin;
    if (t == kNone || (loc_[t].regs == 0 && loc_[t].home < 0)) return false;
    for (unsigned k = 0; !consumed_ && k < cur_count_; k++)
        if (cur_uses_[k].value == v) return false;
    return true;
}

// From now on `to` is read wherever v would be, which is nowhere any more.
void Lowering::rename(Value v, Value to) {
    ValueInfo &from = an_.info[v], &into = an_.info[to];
    into.uses += from.uses;
    into.next = std::min(into.next > cur_ ? into.next : kNever, from.next);
    from.uses = 0;
    from.rep = to;
    renamed_ = true;
    release(v);
    for (u32 m = loc_[v].regs; m; m &= m - 1) reg_val_[static_cast<u8>(std::countr_zero(m))] = kNone;
    loc_[v].regs = 0;
}

// v, which is still needed, leaves r, its last register.
void Lowering::keep(Value v, u8 r) { has_twin(v) ? rename(v, an_.info[v].twin) : save(v, r); }

// After this `r` may be overwritten; what it held and is still needed is elsewhere.
void Lowering::free_reg(u8 r) {
    const Value v = reg_val_[r];
    if (v == kNone) return;
    if (uses_left(v) > 0 && !backed(v, mask_of(r)) && has_twin(v)) return rename(v, an_.info[v].twin);
    if (uses_left(v) > 0 && !backed(v, mask_of(r))) {
        const bool vec = r >= kXmm0;
        const auto& pool = vec ? kScratchVector : kScratchInt;
        u8 to = kNoReg;
        for (u8 c : pool)
            if (c != r && reg_val_[c] == kNone && !(locked_ & mask_of(c))) {
                to = c;
                break;
            }
        if (to != kNoReg) {
            copy(to, r);
            drop_reg(r);
            set_reg(v, to);
            return;
        }
        save(v, r);
    }
    drop_reg(r);
}

u8 Lowering::alloc(bool vec, u32 avoid) {
    const auto& pool = vec ? kScratchVector : kScratchInt;
    const u32 bad = locked_ | avoid;
    for (u8 r : pool) {
        if (reg_val_[r] == kNone && !(bad & mask_of(r))) {
            locked_ |= mask_of(r);
            return r;
        }
    }
    u8 best = kNoReg;
    u64 best_score = 0;
    for (u8 r : pool) {
        if (bad & mask_of(r)) continue;
        const Value v = reg_val_[r];
        // Dropping a value that is elsewhere too costs a load later, others a store now and a load.
        const u64 distance = an_.info[v].next > cur_ ? an_.info[v].next - cur_ : 0;
        const u64 score = 2 + distance * (backed(v, mask_of(r)) || has_twin(v) ? 2 : 1);
        if (score >= best_score) {
            best = r;
            best_score = score;
        }
    }
    if (best == kNoReg) {
        if (!failed_) error_ = {ErrorKind::Internal, "x86-64 back end ran out of scratch registers"};
        failed_ = true;
        return pool[0];
    }
    if (uses_left(reg_val_[best]) > 0 && !backed(reg_val_[best], mask_of(best))) keep(reg_val_[best], best);
    drop_reg(best);
    locked_ |= mask_of(best);
    return best;
}

// The given scratch register, emptied and locked.
void Lowering::take(u8 r) {
    locked_ |= mask_of(r);
    free_reg(r);
}

u8 Lowering::in_gpr(Value v) const {
    const u32 m = loc_[v].regs & kGprMask;
    return m ? static_cast<u8>(std::countr_zero(m)) : kNoReg;
}
u8 Lowering::in_xmm(Value v) const {
    const u32 m = loc_[v].regs & kXmmMask;
    return m ? static_cast<u8>(std::countr_zero(m)) : kNoReg;
}

unsigned Lowering::memory_bytes(Value v) const {
    if (loc_[v].spill >= 0) return is_wide(v) ? 16 : 8;
    return slot_bits(layout_.slots[static_cast<unsigned>(loc_[v].home)].type) / 8;
}
x86::Mem Lowering::memory_of(Value v, unsigned size) const {
    if (loc_[v].spill >= 0) return spill_mem(loc_[v].spill, size);
    return state_mem(guest_disp(layout_.slots[static_cast<unsigned>(loc_[v].home)]), size);
}

void Lowering::copy(u8 to, u8 from) {
    if (to == from) return;
    if (to < kXmm0) {
        a.mov(r64(to), r64(from));
    } else if (cpu_.avx) {
        a.vmovaps(xr(to), xr(from));
    } else {
        a.movaps(xr(to), xr(from));
    }
}

void Lowering::load_const(u8 r, u64 v, bool keep_flags) {
    if (v == 0 && !keep_flags) {
        a.xor_(r32(r), r32(r));
    } else if (fits_unsigned(v, 32)) {
        a.mov(r32(r), static_cast<u32>(v));
    } else {
        a.mov(r64(r), static_cast<i64>(v));
    }
}

void Lowering::load_guest_addr(u8 r, u64 pc) {
    if (options_.system) {
        a.mov(r64(r), VM_STATE(code_page, 8));
        i64 offset = static_cast<i64>(pc - (block_->start_pc & ~(kTlbPage - 1)));
        while (!fits_signed(offset, 32)) {  // auipc's farthest
            const i32 step = offset < 0 ? -0x7fff'ffff : 0x7fff'ffff;
            a.lea(r64(r), x86::ptr(r64(r), step));
            offset -= step;
        }
        if (offset != 0) a.lea(r64(r), x86::ptr(r64(r), static_cast<i32>(offset)));
        return;
    }
    if (fits_unsigned(pc, 32)) {
        a.mov(r32(r), static_cast<u32>(pc));
        out_->relocations.push_back({Relocation::Kind::GuestAddr32, a.pos() - 4, 0, pc});
        return;
    }
    a.byte(static_cast<u8>(0x48 | (r >> 3)));
    a.byte(static_cast<u8>(0xb8 | (r & 7)));
    out_->relocations.push_back({Relocation::Kind::GuestAddr64, a.pos(), 0, pc});
    a.dword(static_cast<u32>(pc));
    a.dword(static_cast<u32>(pc >> 32));
}

// `v` into `r` from wherever it is; does not change where it is known to be.
void Lowering::load_gpr(u8 r, Value v, bool keep_flags) {
    const Inst& def = inst(v);
    if (const u8 from = in_gpr(v); from != kNoReg) return copy(r, from);
    if (def.op == Op::Const) return load_const(r, const_bits(v), keep_flags);
    if (def.op == Op::Const128 && !in_memory(v)) return load_const(r, def.imm, keep_flags);
    if (def.op == Op::GuestAddr) return load_guest_addr(r, def.imm);
    if (is_const_flags(v)) return load_const(r, const_flags(v), keep_flags);
    if (const u8 from = in_xmm(v); from != kNoReg) {
        cpu_.avx ? a.vmovq(r64(r), xr(from)) : a.movq(r64(r), xr(from));
        return;
    }
    if (!in_memory(v)) {
        error_ = {ErrorKind::Internal, "x86-64 back end lost a value"};
        failed_ = true;
        return;
    }
    switch (const unsigned n = memory_bytes(v)) {
        case 1:
        case 2: a.movzx(r32(r), memory_of(v, n)); break;
        case 4: a.mov(r32(r), memory_of(v, 4)); break;
        default: a.mov(r64(r), memory_of(v, 8)); break;
    }
}

void Lowering::load_xmm(u8 r, Value v) {
    const Inst& def = inst(v);
    if (const u8 from = in_xmm(v); from != kNoReg) return copy(r, from);
    if (def.op == Op::Const) {
        const u64 bits = const_bits(v);
        if (bits == 0) {
            cpu_.avx ? a.vxorps(xr(r), xr(r), xr(r)) : a.xorps(xr(r), xr(r));
            return;
        }
        const u8 t = alloc_gpr();
        load_const(t, bits);
        cpu_.avx ? a.vmovq(xr(r), r64(t)) : a.movq(xr(r), r64(t));
        locked_ &= ~mask_of(t);
        return;
    }
    if (const u8 from = in_gpr(v); from != kNoReg) {
        cpu_.avx ? a.vmovq(xr(r), r64(from)) : a.movq(xr(r), r64(from));
        return;
    }
    if (def.op == Op::Const128 && !in_memory(v)) return load_const128(r, v);
    if (!in_memory(v)) {
        error_ = {ErrorKind::Internal, "x86-64 back end lost a value"};
        failed_ = true;
        return;
    }
    if (is_wide(v)) {
        cpu_.avx ? a.vmovups(xr(r), memory_of(v, 16)) : a.movups(xr(r), memory_of(v, 16));
    } else if (memory_bytes(v) == 4) {
        cpu_.avx ? a.vmovd(xr(r), memory_of(v, 4)) : a.movd(xr(r), memory_of(v, 4));
    } else {
        cpu_.avx ? a.vmovq(xr(r), memory_of(v, 8)) : a.movq(xr(r), memory_of(v, 8));
    }
}

u8 Lowering::use_gpr(Value v, u32 avoid) {
    u8 r = in_gpr(v);
    if (r == kNoReg || (mask_of(r) & avoid)) {
        r = alloc_gpr(avoid);
        load_gpr(r, v);
        if (!is_wide(v)) set_reg(v, r);  // of a vector that is only its low part
    }
    locked_ |= mask_of(r);
    return r;
}

u8 Lowering::use_xmm(Value v, u32 avoid) {
    u8 r = in_xmm(v);
    if (r == kNoReg || (mask_of(r) & avoid)) {
        r = alloc_xmm(avoid);
        load_xmm(r, v);
        set_reg(v, r);
    }
    locked_ |= mask_of(r);
    return r;
}

// Source operand: immediate, register, or memory if it is not needed again.
Operand Lowering::use_src(Value v, unsigned bits, bool imm_ok) {
    if (imm_ok && is_const(v)) {
        const u64 raw = const_bits(v);
        const i64 s = bits < 64 ? vm::sext(raw, bits) : static_cast<i64>(raw);
        if (fits_signed(s, 32)) return asmjit::Imm(s);
    }
    if (in_gpr(v) == kNoReg && in_memory(v) && uses_left(v) == 1 && memory_bytes(v) * 8 >= bits)
        return memory_of(v, bits / 8);
    return gpr(use_gpr(v), bits);
}

Operand Lowering::use_xsrc(Value v, unsigned bytes) {
    if (in_xmm(v) == kNoReg && in_memory(v) && uses_left(v) == 1 && memory_bytes(v) >= bytes)
        return memory_of(v, bytes);
    return xr(use_xmm(v));
}

// Register for the result of `v`: its hint if that is free now, else one of `prefer` that is free, else any
// scratch register.
u8 Lowering::define(Value v, bool vec, u32 prefer, u32 avoid) {
    consume();
    const ValueInfo& info = an_.info[v];
    const u32 cls = vec ? kXmmMask : kGprMask;
    if (info.hint_ok && (mask_of(info.hint) & cls & ~avoid)) {
        const Value old = reg_val_[info.hint];
        const bool free = old == kNone || uses_left(old) == 0 || backed(old, mask_of(info.hint));
        if (free || has_twin(old)) {
            if (!free) rename(old, an_.info[old].twin);
            drop_reg(info.hint);
            locked_ |= mask_of(info.hint);
            return info.hint;
        }
    }
    for (u32 m = prefer & kScratch & cls & ~avoid; m; m &= m - 1) {
        const u8 r = static_cast<u8>(std::countr_zero(m));
        if (reg_val_[r] == kNone) return r;
    }
    return alloc(vec, avoid);
}
u8 Lowering::define_gpr(Value v, u32 prefer, u32 avoid) { return define(v, false, prefer, avoid); }
u8 Lowering::define_xmm(Value v, u32 prefer, u32 avoid) { return define(v, true, prefer, avoid); }

void Lowering::defined(Value v, u8 r) {
    if (uses_left(v) > 0) set_reg(v, r);
}

// Before a helper call: scratch registers hold nothing that is not elsewhere too.
void Lowering::evict_scratch() {
    const auto evict = [&](u8 r) {
        const Value v = reg_val_[r];
        if (v == kNone) return;
        if (uses_left(v) > 0 && !backed(v, kScratch)) keep(v, r);
        drop_reg(r);
    };
    for (u8 r : kScratchInt) evict(r);
    for (u8 r : kScratchVector) evict(r);
}

}  // namespace vm::backend::x86_64
