#include "ir/interp.h"

#include <atomic>
#include <memory>

#include "ir/deferred_flags.h"
#include "ir/eval.h"
#include "ir/interp_fp.h"
#include "ir/interp_vec.h"

namespace vm::ir {
namespace {

/// One IR value: zero-extended in `lo`; `hi` is meaningful for i128 and v128 only and not written otherwise.
struct Val {
    u64 lo, hi;
};
constexpr size_t kStackValues = 1536;  ///< blocks up to this size run without heap allocation

constexpr u64 mask_of(Type t) {
    constexpr u64 m[] = {0,      1,          0xff,    0xffff,  0xffffffff, ~u64{0}, ~u64{0},
                         0xffff, 0xffffffff, ~u64{0}, ~u64{0}, ~u64{0},    0xf};
    return m[static_cast<u8>(t)];
}
constexpr unsigned bytes(Type t) { return width(t) / 8; }
constexpr bool is_wide(Type t) { return width(t) > 64; }

void fence_before(MemOrder o) {
    if (o == MemOrder::SeqCst) std::atomic_thread_fence(std::memory_order_seq_cst);
    if (o == MemOrder::Release || o == MemOrder::AcqRel) std::atomic_thread_fence(std::memory_order_release);
}
void fence_after(MemOrder o) {
    if (o == MemOrder::SeqCst) std::atomic_thread_fence(std::memory_order_seq_cst);
    if (o == MemOrder::Acquire || o == MemOrder::AcqRel) std::atomic_thread_fence(std::memory_order_acquire);
}

void fence(FenceKind k) {
    switch (k) {
        case FenceKind::Full: return std::atomic_thread_fence(std::memory_order_seq_cst);
        case FenceKind::Acquire:
        case FenceKind::LoadLoad: return std::atomic_thread_fence(std::memory_order_acquire);
        case FenceKind::Release:
        case FenceKind::StoreStore: return std::atomic_thread_fence(std::memory_order_release);
        case FenceKind::AcqRel: return std::atomic_thread_fence(std::memory_order_acq_rel);
        case FenceKind::Compiler: return std::atomic_signal_fence(std::memory_order_seq_cst);
    }
}

class Interpreter {
  public:
    Interpreter(const Block& block, const StateLayout& layout, InterpContext& ctx, Val* values)
        : insts_(block.insts.data()),
          slots_(layout.slots.data()),
          ctx_(ctx),
          v_(values),
          pc_(block.start_pc) {}

    InterpResult run();

  private:
    u64 arg(const Inst& in, unsigned n) const { return v_[in.args[n]].lo; }
    Type arg_type(const Inst& in, unsigned n) const { return insts_[in.args[n]].type; }
    /// What stands above the operand of an extension with kLooseUpper: nothing may depend on it, so it is
    /// chosen to show who does.
    u64 loose_bits(const Inst& in) const {
        return in.aux & kLooseUpper ? 0xa5c3a5c3a5c3a5c3 & mask_of(in.type) & ~mask_of(arg_type(in, 0)) : 0;
    }
    u128 full(const Inst& in, unsigned n) const {
        if (in.args[n] == kNone) return 0;
        const Val& v = v_[in.args[n]];
        return is_wide(arg_type(in, n)) ? u128{v.hi} << 64 | v.lo : u128{v.lo};
    }
    void put(Val& out, u128 r) {
        out.lo = static_cast<u64>(r);
        out.hi = static_cast<u64>(r >> 64);
    }
    /// Makes a value of in.type from the mtype value of `raw`.
    u64 widened(const Inst& in, u64 raw) const {
        if (!mem_signed(in.aux)) return raw;
        return static_cast<u64>(sext(raw, width(in.mtype))) & mask_of(in.type);
    }
    InterpResult leave(ExitReason reason, u64 pc, u64 value = 0) const { return {reason, pc, value, insns_}; }

    void get_state(const Inst& in, Val& out) const;
    void set_state(const Inst& in);
    void defer_flags(const Inst& in);
    void wide(const Inst& in, Val& out);
    void flags(const Inst& in, Val& out);
    void slow(const Inst& in, Val& out);
    bool memory_access(const Inst& in, Val& out);
    bool load(const Inst& in, Val& out);
    bool store(const Inst& in);
    bool compare_and_swap(const Inst& in, Val& out);
    bool load_reserve(const Inst& in, Val& out);
    bool store_conditional(const Inst& in, Val& out);

    const Inst* insts_;
    const StateSlot* slots_;
    InterpContext& ctx_;
    Val* v_;
    u64 pc_;
    u64 virtual_of(u64 address) const { return address + ctx_.code_delta; }
    u32 insns_ = 0;
    bool counted_ = false;  ///< an Icount was seen: the exact counter is on
};

void Interpreter::get_state(const Inst& in, Val& out) const {
    const u8* p = ctx_.guest + slots_[in.imm].offset;
    switch (bytes(in.type)) {
        case 1: out.lo = *p; break;
        case 2: {
            const u16 word = load_raw<u16>(p);
            out.lo = in.type == Type::Flags ? Nzcv::of_word(word).bits : word;
            break;
        }
        case 4: out.lo = load_raw<u32>(p); break;
        case 8: out.lo = load_raw<u64>(p); break;
        default: out = load_raw<Val>(p); break;
    }
}

void Interpreter::set_state(const Inst& in) {
    u8* p = ctx_.guest + slots_[in.imm].offset;
    const Val& x = v_[in.args[0]];
    const Type slot = slots_[in.imm].type;
    switch (bytes(slot)) {
        case 1: *p = static_cast<u8>(x.lo); break;
        case 2: {
            const auto low = static_cast<u16>(x.lo);
            store_raw(p, slot == Type::Flags ? Nzcv{static_cast<u8>(low)}.word() : low);
            break;
        }
        case 4: store_raw(p, static_cast<u32>(x.lo)); break;
        case 8: store_raw(p, x.lo); break;
        default: store_raw(p, x); break;
    }
}

void Interpreter::defer_flags(const Inst& in) {
    const DeferredFlags d = DeferredFlags::of(in);
    store_raw(ctx_.guest + slots_[d.flags].offset, d.eval(ctx_.guest, slots_).word());
}

void Interpreter::wide(const Inst& in, Val& out) {
    put(out, eval_int128(in, width(arg_type(in, 0)), full(in, 0), full(in, 1), full(in, 2)));
}

void Interpreter::flags(const Inst& in, Val& out) {
    const u64 x = arg(in, 0);
    if (in.op == Op::FlagsTest) {
        out.lo = flag_cond(static_cast<FlagCond>(in.aux), {static_cast<u8>(x)});
    } else if (in.op == Op::FlagsUnpack) {
        out.lo = x << 28;
    } else {
        const u64 y = in.args[1] == kNone ? 0 : arg(in, 1), z = in.args[2] == kNone ? 0 : arg(in, 2);
        out.lo = eval_flags(in, width(arg_type(in, 0)), x, y, z).bits;
    }
}

/// Everything that is neither hot nor able to leave the block.
void Interpreter::slow(const Inst& in, Val& out) {
    if (is_interp_fp(in.op)) {
        const u128 r = interp_fp(in, arg_type(in, 0), full(in, 0), full(in, 1), full(in, 2), *ctx_.fp);
        return put(out, r);
    }
    if (is_interp_vec(in.op)) return put(out, interp_vec(in, full(in, 0), full(in, 1), full(in, 2)));
    if (in.op >= Op::FlagsAdd && in.op <= Op::FlagsTest) return flags(in, out);
    switch (in.op) {
        case Op::Const128: out = {in.imm, u64{in.args[1]} << 32 | in.args[0]}; return;
        case Op::Make128: out = {arg(in, 0), arg(in, 1)}; return;
        case Op::Lo128: out.lo = arg(in, 0); return;
        case Op::Hi128: out.lo = v_[in.args[0]].hi; return;
        case Op::Bitcast: return put(out, full(in, 0));
        case Op::Fence: return fence(static_cast<FenceKind>(in.aux));
        case Op::DropReservation: *ctx_.reservation = {}; return;
        case Op::FpGetFlags: out.lo = ctx_.fp->flags | ctx_.fp->input_denormal; return;
        case Op::FpSetFlags:
            ctx_.fp->input_denormal = arg(in, 0) & kInputDenormal;
            ctx_.fp->flags = arg(in, 0) & 31;
            return;
        case Op::FpGetRound: out.lo = ctx_.fp->rounding; return;
        case Op::FpSetRound: ctx_.fp->rounding = static_cast<u8>(arg(in, 0)); return;
        // Addresses stay the guest's: what is asked of the TLB here, each access asks by itself.
        case Op::HostBase: out.lo = arg(in, 0) + in.imm; return;
        case Op::ReadTime: out.lo = ctx_.read_time(in.aux); return;
        case Op::ReadIcount: out.lo = counted_ ? *ctx_.icount : ctx_.read_time(1); return;
        case Op::Prefetch: return;
        default: break;
    }
    if (!is_eval_int(in.op)) return;
    if (is_wide(in.type) || is_wide(arg_type(in, 0))) return wide(in, out);
    const u64 y = in.args[1] == kNone ? 0 : arg(in, 1), z = in.args[2] == kNone ? 0 : arg(in, 2);
    out.lo = eval_int(in, width(arg_type(in, 0)), arg(in, 0), y, z);
}

bool Interpreter::load(const Inst& in, Val& out) {
    Val raw = {0, 0};
    if (!ctx_.memory->load(arg(in, 0) + in.imm, bytes(in.mtype), &raw)) return false;
    fence_after(mem_order(in.aux));
    if (!is_wide(in.type)) {
        out.lo = widened(in, raw.lo);
        return true;
    }
    if (!is_wide(in.mtype) && mem_signed(in.aux)) {
        raw.lo = static_cast<u64>(sext(raw.lo, width(in.mtype)));
        raw.hi = bit(raw.lo, 63) ? ~u64{0} : 0;
    }
    out = raw;
    return true;
}

bool Interpreter::store(const Inst& in) {
    const MemOrder order = mem_order(in.aux);
    const Val& y = v_[in.args[1]];
    if (order == MemOrder::Plain) return ctx_.memory->store(arg(in, 0) + in.imm, bytes(in.mtype), &y);
    fence_before(order);
    if (!ctx_.memory->store(arg(in, 0) + in.imm, bytes(in.mtype), &y)) return false;
    fence_after(order);
    return true;
}

bool Interpreter::compare_and_swap(const Inst& in, Val& out) {
    Val old = {0, 0};
    const Val expected = v_[in.args[1]], desired = v_[in.args[2]];
    if (!ctx_.memory->cas(arg(in, 0), bytes(in.mtype), &expected, &desired, &old)) return false;
    if (is_wide(in.type)) {
        if (!is_wide(in.mtype) && mem_signed(in.aux))
            old.lo = static_cast<u64>(sext(old.lo, width(in.mtype)));
        if (!is_wide(in.mtype)) old.hi = mem_signed(in.aux) && bit(old.lo, 63) ? ~u64{0} : 0;
        out = old;
    } else {
        out.lo = widened(in, old.lo);
    }
    return true;
}

bool Interpreter::load_reserve(const Inst& in, Val& out) {
    Reservation held = {.addr = arg(in, 0), .size = bytes(in.mtype)};
    fence_before(mem_order(in.aux));
    if (!ctx_.memory->load(held.addr, bytes(in.mtype), held.value)) return false;
    fence_after(mem_order(in.aux));
    *ctx_.reservation = held;
    if (is_wide(in.mtype))
        out = {held.value[0], held.value[1]};
    else
        out.lo = widened(in, held.value[0]);
    return true;
}

bool Interpreter::store_conditional(const Inst& in, Val& out) {
    Reservation& held = *ctx_.reservation;
    const u64 addr = arg(in, 0);
    const unsigned size = bytes(in.mtype);
    out.lo = 0;
    if (held.size == size && held.addr == addr) {
        u64 old[2] = {};
        if (!ctx_.memory->cas(addr, size, held.value, &v_[in.args[1]], old)) return false;
        out.lo = std::memcmp(old, held.value, size) == 0;
    }
    held = {};
    return true;
}

bool Interpreter::memory_access(const Inst& in, Val& out) {
    switch (in.op) {
        case Op::AtomicRmw: {
            u64 old = 0;
            const u64 operand = arg(in, 1) & mask_of(in.mtype);
            if (!ctx_.memory->rmw(rmw_op(in.aux), arg(in, 0), bytes(in.mtype), operand, &old)) return false;
            out.lo = widened(in, old & mask_of(in.mtype));
            return true;
        }
        case Op::AtomicCas: return compare_and_swap(in, out);
        case Op::LoadReserve: return load_reserve(in, out);
        default: return store_conditional(in, out);
    }
}

InterpResult Interpreter::run() {
    for (const Inst* at = insts_;; ++at) {
        const Inst& in = *at;
        Val& out = v_[at - insts_];
        const Type t = in.type;
        switch (in.op) {
            case Op::Const: out.lo = in.imm; continue;
            case Op::GuestAddr: out.lo = virtual_of(in.imm); continue;
            case Op::GetState: get_state(in, out); continue;
            case Op::SetState: set_state(in); continue;
            case Op::DeferFlags: defer_flags(in); continue;
            case Op::Add:
                if (is_wide(t)) break;
                out.lo = (arg(in, 0) + arg(in, 1)) & mask_of(t);
                continue;
            case Op::Sub:
                if (is_wide(t)) break;
                out.lo = (arg(in, 0) - arg(in, 1)) & mask_of(t);
                continue;
            case Op::Mul:
                if (is_wide(t)) break;
                out.lo = (arg(in, 0) * arg(in, 1)) & mask_of(t);
                continue;
            case Op::And:
                if (is_wide(t)) break;
                out.lo = arg(in, 0) & arg(in, 1);
                continue;
            case Op::Or:
                if (is_wide(t)) break;
                out.lo = arg(in, 0) | arg(in, 1);
                continue;
            case Op::Xor:
                if (is_wide(t)) break;
                out.lo = arg(in, 0) ^ arg(in, 1);
                continue;
            case Op::Not:
                if (is_wide(t)) break;
                out.lo = ~arg(in, 0) & mask_of(t);
                continue;
            case Op::Shl:
                if (is_wide(t)) break;
                out.lo = (arg(in, 0) << (arg(in, 1) & (width(t) - 1))) & mask_of(t);
                continue;
            case Op::Lshr:
                if (is_wide(t)) break;
                out.lo = arg(in, 0) >> (arg(in, 1) & (width(t) - 1));
                continue;
            case Op::Ashr:
                if (is_wide(t)) break;
                out.lo = static_cast<u64>(sext(arg(in, 0), width(t)) >> (arg(in, 1) & (width(t) - 1))) &
                         mask_of(t);
                continue;
            case Op::Zext:
                if (is_wide(t)) break;
                out.lo = arg(in, 0) | loose_bits(in);
                continue;
            case Op::Sext:
                if (is_wide(t)) break;
                out.lo = static_cast<u64>(sext(arg(in, 0), width(arg_type(in, 0)))) & mask_of(t);
                if (in.aux & kLooseUpper) out.lo = arg(in, 0) | loose_bits(in);
                continue;
            case Op::Trunc: out.lo = arg(in, 0) & mask_of(t); continue;
            case Op::Icmp: {
                const Type x = arg_type(in, 0);
                if (is_wide(x)) break;
                out.lo = eval_cond(static_cast<Cond>(in.aux), width(x), arg(in, 0), arg(in, 1));
                continue;
            }
            case Op::Select: {
                const Val& chosen = v_[in.args[arg(in, 0) ? 1 : 2]];
                out.lo = chosen.lo;
                if (is_wide(t)) out.hi = chosen.hi;
                continue;
            }
            case Op::Load:
                if (!load(in, out))
                    return leave(ExitReason::MemoryFault, virtual_of(pc_), ctx_.memory->fault_addr);
                continue;
            case Op::Store:
                if (!store(in))
                    return leave(ExitReason::MemoryFault, virtual_of(pc_), ctx_.memory->fault_addr);
                continue;
            case Op::AtomicRmw:
            case Op::AtomicCas:
            case Op::LoadReserve:
            case Op::StoreCond:
                if (!memory_access(in, out))
                    return leave(ExitReason::MemoryFault, virtual_of(pc_), ctx_.memory->fault_addr);
                continue;
            case Op::Insn:
                pc_ = in.imm;
                ++insns_;
                continue;
            case Op::Nop: continue;
            case Op::Icount:
                *ctx_.icount += in.imm;
                counted_ = true;
                continue;
            case Op::ExitIf:
                if (arg(in, 0)) return leave(ExitReason::Next, virtual_of(in.imm));
                continue;
            case Op::TrapIf:
                if (arg(in, 0))
                    return leave(static_cast<ExitReason>(in.aux), virtual_of(in.imm ? in.imm : pc_),
                                 arg(in, 1));
                continue;
            case Op::Goto:
            case Op::Call: return leave(ExitReason::Next, virtual_of(in.imm));
            case Op::CallInd:
            case Op::JumpInd:
            case Op::Ret: return leave(ExitReason::Next, arg(in, 0));
            case Op::Exit: {
                const auto reason = static_cast<ExitReason>(in.aux);
                return leave(reason, virtual_of(in.imm),
                             reason == ExitReason::FetchFault ? virtual_of(in.imm) : 0);
            }
            default: break;
        }
        slow(in, out);
    }
}

}  // namespace

InterpResult interpret(const Block& block, const StateLayout& layout, InterpContext& ctx) {
    if (block.insts.size() <= kStackValues) {
        Val values[kStackValues];
        return Interpreter(block, layout, ctx, values).run();
    }
    const auto values = std::make_unique_for_overwrite<Val[]>(block.insts.size());
    return Interpreter(block, layout, ctx, values.get()).run();
}

}  // namespace vm::ir
