// Exits, jumps, calls, returns, and the cold code behind them.
#include "backend/x86_64/lowering.h"

namespace vm::backend::x86_64 {

bool Lowering::lower_control(u32 i) {
    const Inst& in = inst(i);
    if (ir::info(in.op).effects & (ir::kEffectX | ir::kEffectT)) nan_flush();
    if ((ir::info(in.op).effects & ir::kEffectT) && !ir::is_plain_end(in)) store_deferred();
    switch (in.op) {
        case Op::ExitIf: exit_if(i); return true;
        case Op::TrapIf: trap_if(i); return true;
        case Op::Goto: goto_(i); return true;
        case Op::Call: call(i); return true;
        case Op::CallInd: call_indirect(i); return true;
        case Op::JumpInd: jump_indirect(i); return true;
        case Op::Ret: ret(i); return true;
        case Op::Exit: exit(i); return true;
        default: return false;
    }
}

// --- links
// Makes the displacement that follows `opcode_bytes` more bytes 4-aligned. The padding goes before `start`,
// so that a compare and its jump stay neighbours (they fuse in the processor).
void Lowering::pad_link(unsigned opcode_bytes, u32 start) {
    const u32 n = (0u - (a.pos() + opcode_bytes)) & 3;
    if (n == 0) return;
    constexpr u8 nops[4][3] = {{}, {0x90}, {0x66, 0x90}, {0x0f, 0x1f, 0x00}};
    const u32 size = a.pos() - start;
    for (u32 k = 0; k < n; k++) a.byte(0x90);
    std::memmove(a.data() + start + n, a.data() + start, size);
    std::memcpy(a.data() + start, nops[n], n);
}

/// Of a machine: the target is on another page, which may be anywhere the next time.
bool Lowering::far(u64 target) const {
    return options_.system && ((target ^ block_->start_pc) & ~(kTlbPage - 1)) != 0;
}

void Lowering::link_jmp(u64 target, bool is_landing) {
    if (far(target)) {
        load_guest_addr(kRax, target);
        return jump_stub(Stub::JumpFar);
    }
    pad_link(1, a.pos());
    a.byte(0xe9);
    links_.push_back({a.pos(), target, false, is_landing});
    a.dword(0);
}
void Lowering::link_jcc(Cc c, u64 target, u32 start) {
    pad_link(2, start);
    a.byte(0x0f);
    a.byte(static_cast<u8>(0x80 | static_cast<u8>(c)));
    links_.push_back({a.pos(), target, false, false});
    a.dword(0);
}
void Lowering::link_call(u64 target) {
    if (far(target)) {
        load_guest_addr(kRax, target);
        return call_stub(Stub::JumpFar);
    }
    pad_link(1, a.pos());
    a.byte(0xe8);
    links_.push_back({a.pos(), target, true, false});
    a.dword(0);
}

void Lowering::emit_links() {
    for (const PendingLink& l : links_) {
        const u32 stub = a.pos();
        a.patch32(l.disp, stub - (l.disp + 4));
        call_stub(Stub::ExitLink);
        out_->links.push_back({l.disp, stub, a.pos(), l.target, l.is_call, l.ungrouped, l.is_landing});
    }
}

void Lowering::cold_jcc(Cc c, Cold cold) {
    a.byte(0x0f);
    a.byte(static_cast<u8>(0x80 | static_cast<u8>(c)));
    cold.from = a.pos();
    cold.restore = swaps_active_;
    cold.flags = deferred_;
    cold.block = block_;
    a.dword(0);
    cold.back = a.pos();
    cold_.push_back(cold);
}

// Invalid operations trap: those of the instruction at `at` lead to `cold`, which comes back to what follows
// it.
void Lowering::cold_trap(u32 at, Cold cold) {
    cold.trap = static_cast<i32>(out_->dirty.size());
    out_->dirty.push_back({at, 0, 0, kDirtyTrap});
    cold.restore = swaps_active_;
    cold.flags = deferred_;
    cold.block = block_;
    cold.back = a.pos();
    cold_.push_back(cold);
}

void Lowering::safepoint(Cold cold) {
    if (!options_.safepoints) return;
    a.cmp(VM_STATE(safepoint_request, 4), 0);
    cold_jcc(Cc::Ne, cold);
}

// --- conditional exits
void Lowering::exit_if(u32 i) {
    const Inst& in = inst(i);
    const Value cond = arg(in, 0);
    const bool poll = (in.aux & ir::kBackEdge) && options_.safepoints;
    // Where nothing of this guest instruction has happened yet it can simply be executed again after the
    // safepoint.
    const bool poll_first = poll && clean_insn_;
    if (poll_first) safepoint({.kind = ColdKind::SafepointPc, .imm = pc_});
    u32 start = 0;
    const Cc c = condition(cond, &start);
    consume();
    const ir::Region::Target to = inside(in);
    if (!poll || poll_first) {
        if (to.node != ir::kNoNode && !to.store) return jump_inside(to.node, c, false);
        if (to.node != ir::kNoNode) return cold_jcc(c, {.kind = ColdKind::StayInside, .value = to.node});
        if (swaps_active_ || deferred_ >= 0 || far(in.imm) || ir::site_of(in) != 0)
            return cold_jcc(c, {.kind = ColdKind::SwapExit, .imm = in.imm, .site = ir::site_of(in)});
        return link_jcc(c, in.imm, start);
    }
    a.byte(0x0f);
    a.byte(static_cast<u8>(0x80 | static_cast<u8>(invert(c))));
    const u32 over = a.pos();
    a.dword(0);
    safepoint({.kind = ColdKind::SafepointPc, .imm = in.imm});
    if (to.node == ir::kNoNode || to.store) store_flags(deferred_);
    if (to.node != ir::kNoNode) {
        jump_inside(to.node, Cc::O, true);
    } else {
        if (swaps_active_) restore_swaps();
        open_frames(ir::site_of(in));
        link_jmp(in.imm);
    }
    a.patch32(over, a.pos() - (over + 4));
}

void Lowering::trap_if(u32 i) {
    const Inst& in = inst(i);
    Cold cold{.kind = ColdKind::Trap, .imm = in.aux};
    const Value v = arg(in, 1);
    u32 start = 0;
    // The exit value stays where it is until the cold code fetches it.
    if (is_const(v) || inst(v).op == Op::GuestAddr) {
        cold.n = is_const(v) ? 1 : 2;
        cold.value = inst(v).imm;
    } else {
        cold.r[0] = use_gpr(v);
    }
    const Cc c = condition(arg(in, 0), &start);
    consume();
    cold.op = asmjit::Imm(static_cast<i64>(in.imm ? in.imm : pc_));
    cold_jcc(c, cold);
}

void Lowering::goto_(u32 i) {
    const Inst& in = inst(i);
    if (in.aux & ir::kBackEdge) safepoint({.kind = ColdKind::SafepointPc, .imm = in.imm});
    const ir::Region::Target to = inside(in);
    if (to.node == ir::kNoNode || to.store) store_deferred();
    if (region_ != nullptr && to.node == node_ + 1) return;  // its code follows
    if (to.node != ir::kNoNode) return jump_inside(to.node, Cc::O, true);
    restore_inline();
    open_frames(ir::site_of(in));
    link_jmp(in.imm);
}

void Lowering::exit(u32 i) {
    const Inst& in = inst(i);
    restore_inline();
    open_frames(ir::site_of(in));
    a.mov(x86::eax, zext(in.aux, ir::kSiteShift));
    a.xor_(x86::ecx, x86::ecx);
    load_guest_addr(kRdx, in.imm);
    jump_stub(Stub::ExitReason);
}

// --- calls
// Pushes the return address' guest PC, from the link register if it is there.
void Lowering::push_pc(Value pc) {
    if (const u8 r = in_gpr(pc); r != kNoReg) {
        a.push(r64(r));
        return;
    }
    const u64 v = const_value(pc);
    if (fits_unsigned(v, 31) && !options_.system) return push_return(v, kNoReg);
    const u8 t = alloc_gpr();
    load_guest_addr(t, v);
    a.push(r64(t));
}

// Where a guest return to `site` arrives: the guest PC is still on the return stack. The code of node `next`
// follows.
void Lowering::landing(u64 return_pc, u32 site, u32 next) {
    if (options_.system) {
        const i64 back = static_cast<i64>((block_->start_pc & ~(kTlbPage - 1)) - return_pc);
        a.pop(x86::rcx);
        a.lea(x86::rcx, x86::ptr(x86::rcx, static_cast<i32>(back)));
        a.mov(VM_STATE(code_page, 8), x86::rcx);
    } else {
        a.lea(x86::rsp, x86::ptr(x86::rsp, 8));
    }
    ir::Region::Target to;
    if (region_ != nullptr && on(JitOpt::ReturnPoints)) to = region_->find(return_pc, site);
    if (to.node == ir::kNoNode) {
        open_frames(site);
        return link_jmp(return_pc, true);
    }
    load_swaps();
    if (to.node != next) jump_to_node(to.node, Cc::O, true);
}

// Pushes a return address; writes rax or rdx, not `kept`.
void Lowering::push_return(u64 pc, u8 kept) {
    if (fits_unsigned(pc, 31)) {
        a.byte(0x68);
        out_->relocations.push_back({Relocation::Kind::GuestAddr32, a.pos(), 0, pc});
        return a.dword(static_cast<u32>(pc));
    }
    const u8 t = kept == kRax ? kRdx : kRax;
    load_guest_addr(t, pc);
    a.push(r64(t));
}

// Before the region is left from inlined calls: their return addresses, the outermost first, with the way
// back into the region for each. Registers are as everywhere.
void Lowering::open_frames(u32 site, u8 kept) {
    if (site == 0 || !on(JitOpt::ReturnStack)) return;
    const ir::Region::Site& s = region_->sites[site];
    open_frames(s.parent, kept);
    push_return(s.return_pc, kept);
    a.byte(0xe8);
    const u32 over = a.pos();
    a.dword(0);
    landing(s.return_pc, s.parent);
    a.patch32(over, a.pos() - (over + 4));
}

void Lowering::call(u32 i) {
    const Inst& in = inst(i);
    const Value return_pc = arg(in, 0);
    restore_inline();
    // A cycle of calls, jumps and predicted returns contains a backward edge or an indirect jump, so forward
    // calls need no safepoint.
    if (in.imm <= pc_) safepoint({.kind = ColdKind::SafepointPc, .imm = in.imm});
    if (!on(JitOpt::ReturnStack)) return link_jmp(in.imm);
    push_pc(return_pc);
    consume();
    link_call(in.imm);
    landing(const_value(return_pc), ir::site_of(in), node_ + 1);
}

// The register with an indirect target, its low-bit mask left to the cold path: what the tables hold is
// aligned, so an unaligned target never matches.
u8 Lowering::masked_reg(Value target, u64* mask) {
    *mask = ~u64{0};
    if (an_.info[target].deferred) {
        const Inst& in = inst(target);
        Value x = arg(in, 0), m = arg(in, 1);
        if (is_const(x)) std::swap(x, m);
        *mask = const_value(m);
        target = x;
    }
    return use_gpr(target);
}

// The same before the region is left.
u8 Lowering::target_reg(Value target, u64* mask) {
    u8 r = masked_reg(target, mask);
    if (swapped_reg(r)) {
        const u8 t = alloc_gpr();
        a.mov(r64(t), r64(r));
        r = t;
    }
    restore_inline();
    return r;
}

void Lowering::apply_mask(u8 reg, u64 mask) {
    if (mask != ~u64{0}) a.and_(r64(reg), static_cast<i32>(mask));
}

// Looks `pc` up in the per-thread table and goes there.
void Lowering::lookup(u8 pc, u64 mask, bool is_call) {
    const unsigned align = layout_.pc_alignment;
    const i32 base = static_cast<i32>(offsetof(VcpuState, lookup));
    const ColdKind miss = is_call ? ColdKind::IndirectCall : ColdKind::IndirectMiss;
    const u8 t = kRcx;
    locked_ |= mask_of(t);
    a.mov(r32(t), r32(pc));
    a.and_(r32(t), static_cast<i32>((kFastLookupEntries - 1) * align));
    if (align == 1) a.add(r32(t), r32(t));
    x86::Mem m = x86::ptr(x86::rbp, r64(t), align == 4 ? 2 : 3, base - kStateBias, 8);
    if (options_.system) {
        const u8 key = pc == kRdx ? kRax : kRdx;
        a.mov(r64(key), r64(pc));
        a.xor_(r64(key), code_context_mem());
        a.cmp(r64(key), m);
    } else {
        a.cmp(r64(pc), m);
    }
    cold_jcc(Cc::Ne, {.kind = miss, .r = {pc}, .imm = mask});
    m.addOffset(8);
    if (options_.system) {
        const u8 page = pc == kRdx ? kRax : kRdx;
        a.mov(r64(page), r64(pc));
        a.and_(r64(page), -static_cast<i32>(kTlbPage));
        a.mov(VM_STATE(code_page, 8), r64(page));
    }
    is_call ? a.call(m) : a.jmp(m);
    if (is_call) cold_.back().back = a.pos();
}

void Lowering::jump_indirect(u32 i) {
    const Inst& in = inst(i);
    take(kRcx);
    u64 mask = 0;
    const u8 pc = target_reg(arg(in, 0), &mask);
    consume();
    safepoint({.kind = ColdKind::SafepointReg, .r = {pc}, .imm = mask});
    open_frames(ir::site_of(in), pc);
    if (on(JitOpt::FastLookup)) return lookup(pc, mask, false);
    a.mov(x86::rax, r64(pc));
    apply_mask(kRax, mask);
    jump_stub(Stub::IndirectMiss);
}

void Lowering::call_indirect(u32 i) {
    const Inst& in = inst(i);
    u32 site = ir::site_of(in);
    if (ir::is_jump(in)) {
        if (const ir::Region::Target to = inside(in); to.node != ir::kNoNode) {
            if (to.store) store_deferred();
            return call_inside(i, to.node);
        }
        store_deferred();
        site = region_->sites[site].parent;
    }
    take(kRcx);
    u64 mask = 0;
    const u8 pc = target_reg(arg(in, 0), &mask);
    const Value return_pc = arg(in, 1);
    safepoint({.kind = ColdKind::SafepointReg, .r = {pc}, .imm = mask});
    if (region_ != nullptr && !(in.aux & ir::kSettled)) note_call(pc, const_value(return_pc));
    if (on(JitOpt::ReturnStack)) push_pc(return_pc);
    consume();
    if (!on(JitOpt::ReturnStack)) {
        if (on(JitOpt::FastLookup)) return lookup(pc, mask, false);
        a.mov(x86::rax, r64(pc));
        apply_mask(kRax, mask);
        return jump_stub(Stub::IndirectMiss);
    }
    if (on(JitOpt::FastLookup)) {
        lookup(pc, mask, true);
    } else {
        a.mov(x86::rax, r64(pc));
        apply_mask(kRax, mask);
        call_stub(Stub::IndirectMiss);
    }
    landing(const_value(return_pc), site, node_ + 1);
}

// For tier 2 to see where the call leads.
void Lowering::note_call(u8 pc, u64 return_pc) {
    if (!on(JitOpt::GuessCalls)) return;
    a.mov(VM_STATE(call_target, 8), r64(pc));
    a.mov(VM_STATE(call_site, 4), static_cast<i32>(return_pc));
}

// To a function that is inlined, if it is that one.
void Lowering::call_inside(u32 i, u32 node) {
    const Inst& in = inst(i);
    u64 mask = 0;
    const u8 pc = masked_reg(arg(in, 0), &mask);
    compare_target(pc, ir::expected_target(in.aux, in.imm));
    consume();
    cold_jcc(Cc::Ne, {.kind = ColdKind::CallElse,
                      .r = {pc},
                      .imm = mask,
                      .value = const_value(arg(in, 1)),
                      .site = region_->sites[ir::site_of(in)].parent});
    if (node != node_ + 1) jump_to_node(node, Cc::O, true);
}

void Lowering::call_else(const Cold& c) {
    const bool swapped = std::exchange(swaps_active_, false);
    if (c.r[0] != kRdx) a.mov(x86::rdx, r64(c.r[0]));
    store_flags(c.flags);
    if (c.restore) restore_swaps();
    const i32 deferred = std::exchange(deferred_, -1);
    safepoint({.kind = ColdKind::SafepointReg, .r = {kRdx}, .imm = c.imm});
    note_call(kRdx, c.value);
    const bool calls = on(JitOpt::ReturnStack);
    if (calls) push_return(c.value, kRdx);
    if (on(JitOpt::FastLookup)) {
        lookup(kRdx, c.imm, calls);
    } else {
        a.mov(x86::rax, x86::rdx);
        apply_mask(kRax, c.imm);
        calls ? call_stub(Stub::IndirectMiss) : jump_stub(Stub::IndirectMiss);
    }
    if (calls) landing(c.value, c.site);
    deferred_ = deferred;
    swaps_active_ = swapped;
}

void Lowering::ret(u32 i) {
    const Inst& in = inst(i);
    if (ir::is_jump(in)) return ret_inside(i);
    if (!on(JitOpt::ReturnStack)) return jump_indirect(i);
    u64 mask = 0;
    const u8 pc = target_reg(arg(in, 0), &mask);
    consume();
    a.cmp(r64(pc), x86::ptr(x86::rsp, 8));
    cold_jcc(Cc::Ne, {.kind = ColdKind::ReturnMiss, .r = {pc}, .imm = mask});
    a.ret();
}

void Lowering::compare_target(u8 pc, u64 to) {
    if (fits_signed(static_cast<i64>(to), 32)) return (void)a.cmp(r64(pc), static_cast<i32>(to));
    const u8 t = alloc_gpr();
    load_const(t, to);
    a.cmp(r64(pc), r64(t));
}

// From an inlined call.
void Lowering::ret_inside(u32 i) {
    const Inst& in = inst(i);
    const ir::Region::Target to = inside(in);
    if (to.node == ir::kNoNode || to.store) store_deferred();
    u64 mask = 0;
    const u8 pc = masked_reg(arg(in, 0), &mask);
    compare_target(pc, in.imm);
    consume();
    cold_jcc(Cc::Ne, {.kind = ColdKind::ReturnElse, .r = {pc}, .imm = mask});
    if (to.node != ir::kNoNode) {
        if (to.node != node_ + 1) jump_to_node(to.node, Cc::O, true);
        return;
    }
    restore_inline();
    open_frames(ir::site_of(in));
    link_jmp(in.imm);
}

// --- cold code
void Lowering::emit_cold() {
    // Lowering of cold code may add more.
    for (size_t k = 0; k < cold_.size(); k++) {
        const Cold c = cold_[k];
        block_ = c.block;
        if (c.from != 0) a.patch32(c.from, a.pos() - (c.from + 4));
        if (c.trap >= 0) out_->dirty[static_cast<u32>(c.trap)].host_end = a.pos();
        emit_cold_one(c);
    }
    cold_.clear();
    soft_.clear();
    canon_.clear();
}

void Lowering::emit_cold_one(const Cold& c) {
    bool restore = c.restore;
    switch (c.kind) {
        case ColdKind::Trap: {
            if (c.n) {
                c.n == 2 ? load_guest_addr(kRcx, c.value) : load_const(kRcx, c.value);
            } else if (c.r[0] != kRcx) {
                a.mov(x86::rcx, r64(c.r[0]));
            }
            store_flags(c.flags);
            if (c.restore) restore_swaps();
            a.mov(x86::eax, static_cast<u32>(c.imm));
            load_guest_addr(kRdx, static_cast<u64>(c.op.as<asmjit::Imm>().value()));
            return jump_stub(Stub::ExitReason);
        }
        case ColdKind::SwapExit:
            store_flags(c.flags);
            if (c.restore) restore_swaps();
            open_frames(c.site);
            return link_jmp(c.imm);
        case ColdKind::StayInside:
            store_flags(c.flags);
            std::swap(swaps_active_, restore);
            jump_inside(static_cast<u32>(c.value), Cc::O, true);
            return std::swap(swaps_active_, restore);
        case ColdKind::SafepointPc:
            store_flags(c.flags);
            if (c.restore) restore_swaps();
            load_guest_addr(kRdx, c.imm);
            return jump_stub(Stub::Safepoint);
        case ColdKind::SafepointReg:
            a.mov(x86::rdx, r64(c.r[0]));
            apply_mask(kRdx, c.imm);
            return jump_stub(Stub::Safepoint);
        case ColdKind::CallElse: return call_else(c);
        case ColdKind::ReturnElse: {
            if (c.r[0] != kRcx) a.mov(x86::rcx, r64(c.r[0]));
            store_flags(c.flags);
            if (c.restore) restore_swaps();
            a.mov(x86::rax, x86::rcx);
            apply_mask(kRax, c.imm);
            if (!on(JitOpt::ReturnStack)) {
                a.mov(x86::rdx, x86::rax);
                return jump_stub(Stub::Safepoint);
            }
            a.cmp(x86::rax, x86::ptr(x86::rsp, 8));
            a.byte(0x75);  // jne behind the ret
            a.byte(1);
            a.ret();
            return jump_stub(Stub::ReturnMiss);
        }
        case ColdKind::IndirectMiss:
        case ColdKind::IndirectCall:
        case ColdKind::ReturnMiss:
            if (c.r[0] != kRax) a.mov(x86::rax, r64(c.r[0]));
            apply_mask(kRax, c.imm);
            if (c.kind == ColdKind::ReturnMiss) return jump_stub(Stub::ReturnMiss);
            if (c.kind == ColdKind::IndirectMiss) return jump_stub(Stub::IndirectMiss);
            call_stub(Stub::IndirectMiss);
            return jump_back(c);
        case ColdKind::TlbMiss: return tlb_miss(c);
        case ColdKind::GroupMiss: return group_miss(c);
        default: return cold_fp(c);
    }
}

void Lowering::jump_back(const Cold& c) {
    a.byte(0xe9);
    a.dword(c.back - (a.pos() + 4));
}

}  // namespace vm::backend::x86_64
