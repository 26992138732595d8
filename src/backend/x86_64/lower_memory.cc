// Guest memory. Guest address = host address, but for machines: there the TLB is asked first. Every access
// stands where its guest instruction's other state is still as before it, so a fault needs nothing but the
// side table.
#include "backend/x86_64/lowering.h"

namespace vm::backend::x86_64 {

namespace {
x86::Mem tlb_context() {
    return state_mem(static_cast<i32>(offsetof(VcpuState, guest) + ir::kTlbContextOffset), 8);
}

constexpr i32 kReservation = static_cast<i32>(offsetof(VcpuState, reservation));
x86::Mem reservation(size_t field) { return state_mem(kReservation + static_cast<i32>(field), 8); }
x86::Mem high_half(x86::Mem m) {
    m.addOffset(8);
    return m;
}
u32 mem_bytes(Type t) { return ir::width(t) / 8; }
x86::Mem sized(x86::Mem m, unsigned bytes) {
    m.setSize(bytes);
    return m;
}
}  // namespace

bool Lowering::lower_memory(u32 i) {
    const Inst& in = inst(i);
    // A load into the register of a result that still waits for its NaN test would hide that one from
    // recovery.
    if (const u8 hint = an_.info[i].hint;
        in.op == Op::Load && is_vec(i) && hint != kNoReg && reg_val_[hint] != kNone)
        nan_observed(reg_val_[hint]);
    const u32 begin = a.pos();
    switch (in.op) {
        case Op::HostBase: host_base(i); break;
        case Op::Load: load(i); break;
        case Op::Store: store(i); break;
        case Op::AtomicRmw: rmw(i); break;
        case Op::AtomicCas: in.mtype == Type::I128 ? cas128(i) : cas(i); break;
        case Op::LoadReserve: load_reserve(i); break;
        case Op::StoreCond: store_cond(i); break;
        case Op::Prefetch:
            if (!options_.system) a.prefetcht0(address(arg(in, 0), in.imm));
            break;
        default: return false;
    }
    if (in.op != Op::Load && in.op != Op::HostBase && in.op != Op::Prefetch) clean_insn_ = false;
    nan_mark_dirty(begin);
    return true;
}

// Memory operand for address v + disp. Its registers are locked.
x86::Mem Lowering::address(Value v, u64 disp, u32 avoid) {
    const i64 d = static_cast<i64>(disp);
    if (an_.info[v].deferred) return address_sum(v, d);
    if (is_const(v) && in_gpr(v) == kNoReg) {
        const u64 abs = const_value(v) + disp;
        if (fits_unsigned(abs, 31)) return x86::ptr_abs(abs);
        const u8 t = alloc_gpr(avoid);
        load_const(t, abs);
        return x86::ptr(r64(t));
    }
    const u8 base = use_gpr(v, avoid);
    if (fits_signed(d, 32)) return x86::ptr(r64(base), static_cast<i32>(d));
    const u8 t = alloc_gpr(avoid);
    load_const(t, disp);
    return x86::ptr(r64(base), r64(t));
}

// The address is a deferred addition: x + y, x + constant, x + (y << n).
x86::Mem Lowering::address_sum(Value sum, i64 disp) {
    const Inst& in = inst(sum);
    Value x = arg(in, 0), y = arg(in, 1);
    if (is_const(x)) std::swap(x, y);
    if (is_const(y)) {
        const i64 d = static_cast<i64>(const_value(y) + static_cast<u64>(disp));
        if (fits_signed(d, 32)) return x86::ptr(r64(use_gpr(x)), static_cast<i32>(d));
    }
    u32 scale = 0;
    if (an_.info[x].deferred) std::swap(x, y);
    if (an_.info[y].deferred) {
        scale = static_cast<u32>(const_value(arg(inst(y), 1)));
        y = arg(inst(y), 0);
    }
    const u8 base = use_gpr(x);
    u8 index = use_gpr(y);
    if (fits_signed(disp, 32)) return x86::ptr(r64(base), r64(index), scale, static_cast<i32>(disp));
    const u8 t = alloc_gpr();
    load_const(t, static_cast<u64>(disp));
    a.add(r64(t), r64(base));
    return x86::ptr(r64(t), r64(index), scale);
}

/// Where the guest's `bytes` at `m` are on the host, if the TLB says that the access is allowed and they lie
/// on one page; the rest is done out of line. The registers of `m` are free to be reused then.
x86::Mem Lowering::translated(const x86::Mem& m, unsigned bytes, bool write, u32 avoid) {
    if (!options_.system) return m;
    return x86::ptr(r64(look_up(m, bytes, write, ColdKind::TlbMiss, avoid)));
}

/// Returns the register with the host address.
u8 Lowering::look_up(const x86::Mem& m, unsigned bytes, bool write, ColdKind miss, u32 avoid) {
    constexpr unsigned kShift = 12 - 5;
    static_assert(sizeof(TlbEntry) == 1 << 5 && kTlbPage == 1 << 12);
    const i32 tlb = static_cast<i32>(offsetof(VcpuState, tlb)) - kStateBias;
    const u8 at = alloc_gpr(avoid);
    if (m.hasBaseReg() && !m.hasIndexReg() && m.offset() == 0)
        a.mov(r64(at), r64(m.baseId()));
    else if (m.hasBaseReg() || m.hasIndexReg())
        a.lea(r64(at), m);
    else
        load_const(at, static_cast<u64>(m.offset()));
    locked_ &= ~((m.hasBaseReg() ? mask_of(static_cast<u8>(m.baseId())) : 0) |
                 (m.hasIndexReg() ? mask_of(static_cast<u8>(m.indexId())) : 0));
    const u8 index = alloc_gpr(), tag = alloc_gpr();
    if (cpu_.bmi2) {  // what comes round from below is masked
        a.rorx(r32(index), r32(at), kShift);
    } else {
        a.mov(r32(index), r32(at));
        a.shr(r32(index), kShift);
    }
    a.and_(r32(index), static_cast<i32>((kTlbEntries - 1) * sizeof(TlbEntry)));
    bytes == 1 ? a.mov(r64(tag), r64(at)) : a.lea(r64(tag), x86::ptr(r64(at), static_cast<i32>(bytes) - 1));
    a.and_(r64(tag), -static_cast<i32>(kTlbPage));
    a.or_(r64(tag), tlb_context());
    const size_t field = write ? offsetof(TlbEntry, store) : offsetof(TlbEntry, load);
    a.cmp(r64(tag), x86::ptr(x86::rbp, r64(index), 0, tlb + static_cast<i32>(field), 8));
    const bool group = miss == ColdKind::GroupMiss;
    cold_jcc(Cc::Ne, {.kind = miss,
                      .r = {at, group ? tag : at},
                      .imm = pc_,
                      .value = (group ? kTlbMissGroup | 1 : bytes) | (write ? kTlbMissStore : 0)});
    a.add(r64(at), x86::ptr(x86::rbp, r64(index), 0, tlb + static_cast<i32>(offsetof(TlbEntry, addend)), 8));
    cold_.back().back = a.pos();
    locked_ &= ~(mask_of(index) | mask_of(tag));
    return at;
}

void Lowering::host_base(u32 i) {
    const Inst& in = inst(i);
    const bool write = in.aux & ir::kHostBaseStore;
    const u8 at =
        look_up(address(arg(in, 0), in.imm), ir::host_base_bytes(in.aux), write, ColdKind::GroupMiss, 0);
    consume();
    const u8 d = define_gpr(i, mask_of(at));
    if (d != at) a.mov(r64(d), r64(at));
    defined(i, d);
}

/// The same for an aligned address in `base`, with rax as the only other register. Returns the one with the
/// host address.
u8 Lowering::translated_for_store(u8 base) {
    constexpr unsigned kShift = 12 - 5;
    const i32 tlb = static_cast<i32>(offsetof(VcpuState, tlb)) - kStateBias;
    const u8 at = alloc_gpr();
    a.mov(r32(at), r32(base));
    a.shr(r32(at), kShift);
    a.and_(r32(at), static_cast<i32>((kTlbEntries - 1) * sizeof(TlbEntry)));
    a.mov(x86::rax, r64(base));
    a.and_(x86::rax, -static_cast<i32>(kTlbPage));
    a.or_(x86::rax, tlb_context());
    a.cmp(x86::rax, x86::ptr(x86::rbp, r64(at), 0, tlb + static_cast<i32>(offsetof(TlbEntry, store)), 8));
    cold_jcc(Cc::Ne, {.kind = ColdKind::TlbMiss, .r = {at, base}, .imm = pc_, .value = kTlbMissStore | 1});
    a.mov(r64(at), x86::ptr(x86::rbp, r64(at), 0, tlb + static_cast<i32>(offsetof(TlbEntry, addend)), 8));
    a.add(r64(at), r64(base));
    cold_.back().back = a.pos();
    return at;
}

void Lowering::tlb_miss(const Cold& c) {
    const auto scratch = [](int n) {
        return state_mem(static_cast<i32>(offsetof(VcpuState, scratch)) + 8 * n, 8);
    };
    a.mov(scratch(0), r64(c.r[1]));
    a.mov(scratch(1), static_cast<i32>(c.value));
    call_stub(Stub::TlbMiss);
    a.mov(r64(c.r[0]), scratch(3));
    a.test(r64(c.r[0]), r64(c.r[0]));
    const u32 other = a.jcc_short(Cc::E);
    jump_back(c);
    a.land(other);
    store_flags(c.flags);
    if (c.restore) restore_swaps();
    a.mov(x86::eax, static_cast<u32>(ir::ExitReason::Interpret));
    a.xor_(x86::ecx, x86::ecx);
    load_guest_addr(kRdx, c.imm);
    jump_stub(Stub::ExitReason);
}

/// On two pages, or not to be had at once: the block without groups does it access by access.
void Lowering::group_miss(const Cold& c) {
    const auto scratch = [](int n) {
        return state_mem(static_cast<i32>(offsetof(VcpuState, scratch)) + 8 * n, 8);
    };
    const u8 at = c.r[0], tag = c.r[1];
    a.xor_(r64(tag), r64(at));
    a.shr(r64(tag), 12);
    const u32 two_pages = a.jcc_short(Cc::Ne);
    a.mov(scratch(0), r64(at));
    a.mov(scratch(1), static_cast<i32>(c.value));
    call_stub(Stub::TlbMiss);
    a.mov(r64(tag), scratch(3));
    a.test(r64(tag), r64(tag));
    const u32 none = a.jcc_short(Cc::E);
    a.mov(r64(at), r64(tag));
    jump_back(c);
    a.land(two_pages);
    a.land(none);
    store_flags(c.flags);
    if (c.restore) restore_swaps();
    link_jmp(c.imm);
    links_.back().ungrouped = true;
}

void Lowering::load_memory(u8 d, const x86::Mem& m, Type mtype, Type type, bool sign) {
    const unsigned bytes = mem_bytes(mtype);
    const bool to64 = type == Type::I64;
    switch (bytes) {
        case 1:
        case 2:
            a.emit(sign ? HInst::kIdMovsx : HInst::kIdMovzx, sign && to64 ? r64(d) : r32(d), sized(m, bytes));
            break;
        case 4: (sign && to64) ? a.movsxd(r64(d), sized(m, 4)) : a.mov(r32(d), sized(m, 4)); break;
        default: a.mov(r64(d), sized(m, 8)); break;
    }
}

void Lowering::load(u32 i) {
    const Inst& in = inst(i);
    x86::Mem m = address(arg(in, 0), in.imm);
    if (!(in.aux & ir::kMemHost)) m = translated(m, mem_bytes(in.mtype), false);
    const u32 regs = (m.hasBaseReg() ? mask_of(static_cast<u8>(m.baseId())) : 0) |
                     (m.hasIndexReg() ? mask_of(static_cast<u8>(m.indexId())) : 0);
    consume();
    if (in.type == Type::I128) {
        const u8 t = alloc_xmm();
        a.movups(xr(t), sized(m, 16));
        loc_[i].spill = new_spill();
        a.movaps(spill_mem(loc_[i].spill, 16), xr(t));
        return;
    }
    if (!is_vec(i)) {
        const u8 d = define_gpr(i, regs);
        load_memory(d, m, in.mtype, in.type, ir::mem_signed(in.aux));
        return defined(i, d);
    }
    const u8 d = define_xmm(i);
    if (in.type == Type::V128 && in.mtype == Type::V128) {
        cpu_.avx ? a.vmovups(xr(d), sized(m, 16)) : a.movups(xr(d), sized(m, 16));
    } else if (mem_bytes(in.mtype) == 8) {
        cpu_.avx ? a.vmovq(xr(d), sized(m, 8)) : a.movq(xr(d), sized(m, 8));
        set_zero_from(i, 64);
    } else if (mem_bytes(in.mtype) == 4) {
        cpu_.avx ? a.vmovd(xr(d), sized(m, 4)) : a.movd(xr(d), sized(m, 4));
        if (!an_.boxes) set_zero_from(i, 32);
        if (in.type == Type::F32) box(d);
    } else {
        return unsupported(in, "memory type");
    }
    defined(i, d);
}

void Lowering::store(u32 i) {
    const Inst& in = inst(i);
    stored_ = true;
    const Value v = arg(in, 1);
    const unsigned bytes = mem_bytes(in.mtype);
    if (is_vec(v)) nan_observed(v);
    x86::Mem m = sized(address(arg(in, 0), in.imm), bytes);
    if (!(in.aux & ir::kMemHost)) m = sized(translated(m, bytes, true), bytes);
    if (bytes == 16) {
        const u8 t = wide_to_xmm(v);
        consume();
        a.movups(m, xr(t));
    } else if (is_vec(v) && in_gpr(v) == kNoReg && !is_const(v)) {
        const u8 x = use_xmm(v);
        consume();
        if (bytes == 8) {
            cpu_.avx ? a.vmovq(m, xr(x)) : a.movq(m, xr(x));
        } else if (bytes == 4) {
            cpu_.avx ? a.vmovd(m, xr(x)) : a.movd(m, xr(x));
        } else {
            return unsupported(in, "memory type");
        }
    } else if (is_const(v) && in_gpr(v) == kNoReg &&
               (bytes < 8 || fits_signed(static_cast<i64>(const_bits(v)), 32))) {
        consume();
        const u64 c = const_bits(v);
        const i64 imm = bytes < 4 ? vm::sext(c, bytes * 8) : static_cast<i32>(c);
        a.mov(m, imm);
    } else {
        const u8 x = use_gpr(v);
        consume();
        a.mov(m, gpr(x, bytes * 8));
    }
    if (ir::mem_order(in.aux) == ir::MemOrder::SeqCst) fence_full();
}

// Old value of an atomic, `bits` wide in `r`, as the instruction's type.
void Lowering::widen_result(u32 i, u8 r, unsigned bits, bool sign) {
    if (uses_left(i) == 0) return;
    const u8 d = define_gpr(i, mask_of(r));
    const bool to64 = inst(i).type == Type::I64;
    if (bits < 32) {
        a.emit(sign ? HInst::kIdMovsx : HInst::kIdMovzx, sign && to64 ? r64(d) : r32(d), gpr(r, bits));
    } else if (bits == 32) {
        (sign && to64) ? a.movsxd(r64(d), r32(r)) : a.mov(r32(d), r32(r));
    } else if (d != r) {
        a.mov(r64(d), r64(r));
    }
    defined(i, d);
}

void Lowering::rmw(u32 i) {
    const Inst& in = inst(i);
    const unsigned bits = ir::width(in.mtype);
    const auto op = ir::rmw_op(in.aux);
    const bool sign = ir::mem_signed(in.aux);
    const Value v = arg(in, 1);
    const x86::Mem where =
        translated(x86::ptr(r64(use_gpr(arg(in, 0), mask_of(kRax)))), bits / 8, true, mask_of(kRax));
    const u8 base = static_cast<u8>(where.baseId());
    const x86::Mem m = sized(where, bits / 8);
    if (op == ir::RmwOp::Xchg || op == ir::RmwOp::Add) {
        const u8 t = alloc_gpr();
        load_gpr(t, v);
        consume();
        if (options_.alone && bits >= 32 && (op == ir::RmwOp::Xchg || uses_left(i) > 0)) {
            const u8 old = alloc_gpr();  // xchg with memory always locks, xadd is slow without
            a.mov(gpr(old, bits), m);
            if (op == ir::RmwOp::Add) a.add(gpr(t, bits), gpr(old, bits));
            a.mov(m, gpr(t, bits));
            return widen_result(i, old, bits, sign);
        }
        if (op == ir::RmwOp::Xchg) {
            stored_ = false;
            a.xchg(m, gpr(t, bits));
        } else if (uses_left(i) == 0) {
            locked().add(m, gpr(t, bits));
        } else {
            locked().xadd(m, gpr(t, bits));
        }
        return widen_result(i, t, bits, sign);
    }
    if (uses_left(i) == 0 && (op == ir::RmwOp::And || op == ir::RmwOp::Or || op == ir::RmwOp::Xor)) {
        const u8 t = use_gpr(v);
        consume();
        locked().emit(op == ir::RmwOp::And  ? HInst::kIdAnd
                      : op == ir::RmwOp::Or ? HInst::kIdOr
                                            : HInst::kIdXor,
                      m, gpr(t, bits));
        return;
    }
    rmw_loop(i, base, bits);
}

void Lowering::rmw_loop(u32 i, u8 base, unsigned bits) {
    const Inst& in = inst(i);
    const auto op = ir::rmw_op(in.aux);
    const x86::Mem m = sized(x86::ptr(r64(base)), bits / 8);
    take(kRax);
    const u8 v = use_gpr(arg(in, 1));
    consume();
    const u8 t = alloc_gpr();
    bits < 32 ? a.movzx(x86::eax, m) : a.mov(gpr(kRax, bits), m);
    const u32 loop = a.pos();
    const unsigned w = bits == 64 ? 64 : 32;
    switch (op) {
        case ir::RmwOp::And:
            a.mov(gpr(t, w), gpr(v, w));
            a.and_(gpr(t, w), gpr(kRax, w));
            break;
        case ir::RmwOp::Or:
            a.mov(gpr(t, w), gpr(v, w));
            a.or_(gpr(t, w), gpr(kRax, w));
            break;
        case ir::RmwOp::Xor:
            a.mov(gpr(t, w), gpr(v, w));
            a.xor_(gpr(t, w), gpr(kRax, w));
            break;
        case ir::RmwOp::AndNot:
            a.mov(gpr(t, w), gpr(v, w));
            a.not_(gpr(t, w));
            a.and_(gpr(t, w), gpr(kRax, w));
            break;
        default: {
            const Cc keep_old = op == ir::RmwOp::MinS   ? Cc::L
                                : op == ir::RmwOp::MaxS ? Cc::G
                                : op == ir::RmwOp::MinU ? Cc::B
                                                        : Cc::A;
            a.mov(gpr(t, w), gpr(v, w));
            a.cmp(gpr(kRax, bits), gpr(t, bits));
            a.cmovcc(keep_old, gpr(t, w), gpr(kRax, w));
            break;
        }
    }
    if (options_.alone) {
        a.mov(m, gpr(t, bits));
    } else {
        locked().cmpxchg(m, gpr(t, bits), gpr(kRax, bits));
        a.jcc_back(Cc::Ne, loop);
    }
    widen_result(i, kRax, bits, ir::mem_signed(in.aux));
}

void Lowering::cas(u32 i) {
    const Inst& in = inst(i);
    const unsigned bits = ir::width(in.mtype);
    take(kRax);
    const u8 base = use_gpr(arg(in, 0));
    const u8 desired = use_gpr(arg(in, 2));
    load_gpr(kRax, arg(in, 1));
    consume();
    locked().cmpxchg(sized(x86::ptr(r64(base)), bits / 8), gpr(desired, bits), gpr(kRax, bits));
    widen_result(i, kRax, bits, ir::mem_signed(in.aux));
}

// cmpxchg16b wants rbx, which is pinned: it waits in xmm0, and a dirty-slot entry says so to fault recovery.
void Lowering::cas128(u32 i) {
    const Inst& in = inst(i);
    if (!cpu_.cx16) return unsupported(in, "host has no cmpxchg16b");
    evict_scratch();
    const Value expected = wide_in_memory(arg(in, 1)), desired = wide_in_memory(arg(in, 2));
    for (u8 r : kScratchInt) take(r);
    take(kXmm0);
    load_gpr(kR11, arg(in, 0));
    const auto half = [&](Value v, unsigned h) {
        x86::Mem m = memory_of(v, 8);
        m.addOffset(8 * h);
        return m;
    };
    a.mov(x86::rax, half(expected, 0));
    a.mov(x86::rdx, half(expected, 1));
    a.mov(x86::rcx, half(desired, 1));
    a.movq(x86::xmm0, x86::rbx);
    const u32 begin = a.pos();
    a.mov(x86::rbx, half(desired, 0));
    consume();
    locked().cmpxchg16b(x86::xmmword_ptr(x86::r11), x86::rdx, x86::rax, x86::rcx, x86::rbx);
    a.movq(x86::rbx, x86::xmm0);
    if (pins_.slot_of[kRbx] >= 0)
        out_->dirty.push_back({begin, a.pos(), static_cast<u16>(pins_.slot_of[kRbx]), kXmm0});
    loc_[i].spill = new_spill();
    a.mov(spill_mem(loc_[i].spill, 8), x86::rax);
    x86::Mem hi = spill_mem(loc_[i].spill, 8);
    hi.addOffset(8);
    a.mov(hi, x86::rdx);
    if (uses_left(i) == 0) release(i);
}

void Lowering::load_reserve(u32 i) {
    const Inst& in = inst(i);
    if (in.mtype == Type::I128) return load_reserve128(i);
    const unsigned bits = ir::width(in.mtype);
    const u8 base = use_gpr(arg(in, 0));
    if (options_.system) a.mov(reservation(offsetof(ir::Reservation, addr)), r64(base));
    const x86::Mem m = translated(x86::ptr(r64(base)), bits / 8, false);
    const u8 t = alloc_gpr();
    load_memory(t, m, in.mtype, Type::I64, false);
    if (!options_.system) a.mov(reservation(offsetof(ir::Reservation, addr)), r64(base));
    a.mov(reservation(offsetof(ir::Reservation, value)), r64(t));
    a.mov(reservation(offsetof(ir::Reservation, size)), bits / 8);
    consume();
    widen_result(i, t, bits, ir::mem_signed(in.aux));
}

void Lowering::load_reserve128(u32 i) {
    const u8 base = use_gpr(arg(inst(i), 0));
    const u8 t = alloc_xmm();
    a.movups(xr(t), x86::xmmword_ptr(r64(base)));
    a.mov(reservation(offsetof(ir::Reservation, addr)), r64(base));
    a.movups(state_mem(kReservation + static_cast<i32>(offsetof(ir::Reservation, value)), 16), xr(t));
    a.mov(reservation(offsetof(ir::Reservation, size)), 16);
    consume();
    loc_[i].spill = new_spill();
    a.movaps(spill_mem(loc_[i].spill, 16), xr(t));
    if (uses_left(i) == 0) release(i);
}

// As cas128, with what the load saw as the expected value.
void Lowering::store_cond128(u32 i) {
    const Inst& in = inst(i);
    if (!cpu_.cx16) return unsupported(in, "host has no cmpxchg16b");
    evict_scratch();
    const Value desired = wide_in_memory(arg(in, 1));
    for (u8 r : kScratchInt) take(r);
    take(kXmm0);
    load_gpr(kR11, arg(in, 0));
    const x86::Mem low = memory_of(desired, 8), high = high_half(low);
    a.cmp(reservation(offsetof(ir::Reservation, size)), 16);
    const u32 none = a.jcc_short(Cc::Ne);
    a.cmp(reservation(offsetof(ir::Reservation, addr)), x86::r11);
    const u32 other = a.jcc_short(Cc::Ne);
    a.mov(x86::rax, reservation(offsetof(ir::Reservation, value)));
    a.mov(x86::rdx, reservation(offsetof(ir::Reservation, value) + 8));
    a.mov(x86::rcx, high);
    a.movq(x86::xmm0, x86::rbx);
    const u32 begin = a.pos();
    a.mov(x86::rbx, low);
    consume();
    const bool stored = stored_;  // the failing path has no barrier
    locked().cmpxchg16b(x86::xmmword_ptr(x86::r11), x86::rdx, x86::rax, x86::rcx, x86::rbx);
    stored_ = stored;
    a.movq(x86::rbx, x86::xmm0);
    if (pins_.slot_of[kRbx] >= 0)
        out_->dirty.push_back({begin, a.pos(), static_cast<u16>(pins_.slot_of[kRbx]), kXmm0});
    a.land(none);
    a.land(other);
    a.sete(x86::al);
    a.mov(reservation(offsetof(ir::Reservation, size)), 0);
    a.movzx(x86::eax, x86::al);
    defined(i, kRax);
}

// Compare-exchange of the value that the load saw. A failed check jumps to sete with ZF clear.
void Lowering::store_cond(u32 i) {
    const Inst& in = inst(i);
    if (in.mtype == Type::I128) return store_cond128(i);
    const unsigned bits = ir::width(in.mtype);
    take(kRax);
    const u8 base = use_gpr(arg(in, 0));
    const u8 v = use_gpr(arg(in, 1));
    consume();
    a.cmp(reservation(offsetof(ir::Reservation, size)), bits / 8);
    const u32 none = a.jcc_short(Cc::Ne);
    a.cmp(reservation(offsetof(ir::Reservation, addr)), r64(base));
    const u32 other = a.jcc_short(Cc::Ne);
    const x86::Mem m = sized(x86::ptr(r64(options_.system ? translated_for_store(base) : base)), bits / 8);
    a.mov(x86::rax, reservation(offsetof(ir::Reservation, value)));
    u32 changed = 0;
    if (options_.alone) {
        a.cmp(m, gpr(kRax, bits));
        changed = a.jcc_short(Cc::Ne);
        a.mov(m, gpr(v, bits));
    } else {
        const bool stored = stored_;  // the failing path has no barrier
        locked().cmpxchg(m, gpr(v, bits), gpr(kRax, bits));
        stored_ = stored;
    }
    a.land(none);
    a.land(other);
    if (options_.alone) a.land(changed);
    a.sete(x86::al);
    a.mov(reservation(offsetof(ir::Reservation, size)), 0);
    a.movzx(x86::eax, x86::al);
    defined(i, kRax);
}

}  // namespace vm::backend::x86_64
