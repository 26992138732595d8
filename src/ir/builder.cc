#include "ir/builder.h"

#include <algorithm>
#include <cassert>

#include "ir/simplify.h"

namespace vm::ir {
namespace {
constexpr size_t kUsualBlock = 1024;  ///< instructions; avoids regrowth for blocks of ordinary size
}

Builder::Builder(Block& block, const StateLayout& layout) : b_(block), layout_(layout), pc_(block.start_pc) {
    if (b_.insts.capacity() < kUsualBlock) b_.insts.reserve(kUsualBlock);
    const_cache_.fill(kNone);
}

void Builder::forward_state() {
    assert(b_.insts.empty() && layout_.slots.size() <= kMaxStateSlots);
    forward_ = b_.forwarded = true;
    b_.may_loop = b_.may_extend = b_.may_flag = false;
    std::fill_n(known_.begin(), layout_.slots.size(), kNone);
}

// Inlined, and written field by field in its place: a copy of what was written in small pieces would wait for
// the stores.
[[gnu::always_inline]] inline Value Builder::append(const Inst& inst) {
    assert(!terminated_);
    const auto v = static_cast<Value>(b_.insts.size());
    b_.insts.push_back(inst);
    return v;
}

[[gnu::always_inline]] inline Value Builder::terminate(const Inst& inst) {
    assert(effects(inst.op) & kEffectT);
    const Value v = append(inst);
    terminated_ = true;
    return v;
}

[[gnu::always_inline]] inline Value Builder::fold(const Inst& inst) {
    assert(!terminated_);
    append(inst);
    const Value same = simplify(b_.insts.data(), b_.insts.back());
    if (same != kNone) {
        b_.insts.pop_back();
        return same;
    }
    const Inst& made = b_.insts.back();
    if (made.op != Op::Const) return static_cast<Value>(b_.insts.size() - 1);
    const Type type = made.type;
    const u64 imm = made.imm;
    b_.insts.pop_back();
    return constant(type, imm);
}

Value Builder::emit(const Inst& inst) {
    if (inst.op == Op::Insn) pc_ = inst.imm;
    b_.may_extend |= inst.op == Op::Zext || inst.op == Op::Sext;
    b_.may_flag |= inst.op == Op::SetState && type(inst.args[0]) == Type::Flags;
    if (inst.op == Op::FpSetFlags) sticky_written_ = static_cast<Value>(b_.insts.size());
    return effects(inst.op) & kEffectT ? terminate(inst) : append(inst);
}

Value Builder::constant(Type t, u64 imm) {
    const unsigned w = width(t);
    assert(w != 0);
    if (w > 64) return const128(t, imm, 0);
    imm = vm::zext(imm, w);
    Value& cached =
        const_cache_[((imm + static_cast<u64>(t)) * 0x9e3779b97f4a7c15u) >> (64 - kConstCacheBits)];
    if (cached != kNone) {
        const Inst& c = b_.insts[cached];
        if (c.op == Op::Const && c.type == t && c.imm == imm) return cached;
    }
    return cached = append({.op = Op::Const, .type = t, .imm = imm});
}

Value Builder::const128(Type to, u64 low, u64 high) {
    assert(to == Type::I128 || to == Type::V128);
    return append({.op = Op::Const128,
                   .type = to,
                   .args = {static_cast<u32>(high), static_cast<u32>(high >> 32), kNone},
                   .imm = low});
}

Value Builder::guest_addr(u64 addr) { return append({.op = Op::GuestAddr, .type = Type::I64, .imm = addr}); }

Value Builder::get(u16 slot) { return get(slot, layout_.slots[slot].type); }

Value Builder::get(u16 slot, Type narrower) {
    assert(slot < layout_.slots.size());
    if (!forward_) return append({.op = Op::GetState, .type = narrower, .imm = slot});
    Value& known = known_[slot];
    const Type have = known == kNone ? Type::Void : type(known);
    if (have == narrower) return known;
    if (is_int(have) && is_int(narrower) && width(have) > width(narrower)) return trunc(narrower, known);
    if (have == Type::V128 && narrower == Type::I64) return convert(Op::Lo128, narrower, known);
    if (have == Type::V128 && narrower != Type::V128) return vextract(narrower, known, 0);
    const Value v = append({.op = Op::GetState, .type = narrower, .imm = slot});
    if (width(have) < width(narrower)) known = v;
    return v;
}

void Builder::set(u16 slot, Value v) {
    assert(slot < layout_.slots.size() && type(v) == layout_.slots[slot].type && !terminated_);
    if (forward_) {
        if (known_[slot] == v) return;
        known_[slot] = v;
        b_.may_flag |= type(v) == Type::Flags;
    }
    append({.op = Op::SetState, .args = {v, kNone, kNone}, .imm = slot});
}

Type Builder::result_type(Op op, Value x) const {
    switch (result_kind(op)) {
        case 'A': return type(x);
        case 'B': return Type::I1;
        case 'F': return Type::Flags;
        default: assert(info(op).result == 'V' && "the op has an explicit type"); return Type::Void;
    }
}

Value Builder::nullary(Op op, Type to, u32 aux, u64 imm) {
    assert(info(op).nargs == 0 && info(op).result == 'T');
    return append({.op = op, .type = to, .aux = aux, .imm = imm});
}

Value Builder::unary(Op op, Value x, u32 aux, u64 imm) {
    assert(info(op).nargs == 1 && x < b_.insts.size());
    if (op == Op::FlagsTest) return flags_test(static_cast<FlagCond>(aux), x);
    return fold({.op = op, .type = result_type(op, x), .args = {x, kNone, kNone}, .aux = aux, .imm = imm});
}

Value Builder::plain_test(FlagCond c, Value f) {
    return fold(
        {.op = Op::FlagsTest, .type = Type::I1, .args = {f, kNone, kNone}, .aux = static_cast<u32>(c)});
}

Value Builder::binary(Op op, Value x, Value y, u32 aux, u64 imm) {
    assert(info(op).nargs == 2 && x < b_.insts.size() && y < b_.insts.size());
    if (forward_ && (op == Op::Or || op == Op::Xor || op == Op::Add)) {
        Op widen{};
        const Inst or_ = {.op = op, .type = type(x), .args = {x, y, kNone}};
        if (const Inst rotated = rotation(b_.insts.data(), or_, &widen); rotated.op == Op::Rotr) {
            const Value v = append(rotated);
            return rotated.type == or_.type ? v : convert(widen, or_.type, v);
        }
    }
    return fold({.op = op, .type = result_type(op, x), .args = {x, y, kNone}, .aux = aux, .imm = imm});
}

Value Builder::ternary(Op op, Value x, Value y, Value z, u32 aux) {
    assert(info(op).nargs == 3);
    return fold({.op = op, .type = result_type(op, x), .args = {x, y, z}, .aux = aux});
}

Value Builder::convert(Op op, Type to, Value x, u32 aux) {
    assert(info(op).nargs == 1 && info(op).result == 'T' && x < b_.insts.size());
    b_.may_extend |= op == Op::Zext || op == Op::Sext;
    return fold({.op = op, .type = to, .args = {x, kNone, kNone}, .aux = aux});
}

Value Builder::vector(Op op, Type lane, Value x, Value y, u32 aux, u64 imm) {
    assert(info(op).result == 'A' && info(op).nargs == (y == kNone ? 1 : 2));
    return fold({.op = op, .type = type(x), .mtype = lane, .args = {x, y, kNone}, .aux = aux, .imm = imm});
}

Value Builder::vector3(Op op, Type lane, Value x, Value y, Value z, u32 aux) {
    assert(info(op).result == 'A' && info(op).nargs == 3);
    return fold({.op = op, .type = type(x), .mtype = lane, .args = {x, y, z}, .aux = aux});
}

Value Builder::vsplat(Type lane, Value x) {
    return fold({.op = Op::VSplat, .type = Type::V128, .mtype = lane, .args = {x, kNone, kNone}});
}

Value Builder::vscalar(Value x) {
    return fold({.op = Op::VScalar, .type = Type::V128, .mtype = type(x), .args = {x, kNone, kNone}});
}

Value Builder::vdup(Type lane, Value x, unsigned index) { return vector(Op::VDup, lane, x, kNone, 0, index); }

Value Builder::vextract(Type lane, Value x, unsigned index) {
    return fold({.op = Op::VExtract, .type = lane, .mtype = lane, .args = {x, kNone, kNone}, .imm = index});
}

Value Builder::make128(Type to, Value low, Value high) {
    return append({.op = Op::Make128, .type = to, .args = {low, high, kNone}});
}

Value Builder::select(Value cond, Value if_true, Value if_false) {
    assert(type(cond) == Type::I1 && type(if_true) == type(if_false));
    return fold({.op = Op::Select, .type = type(if_true), .args = {cond, if_true, if_false}});
}

Value Builder::load(Type result, Type mem, Value addr, i64 disp, bool sign, MemOrder o) {
    return append({.op = Op::Load,
                   .type = result,
                   .mtype = mem,
                   .args = {addr, kNone, kNone},
                   .aux = mem_aux(sign, o),
                   .imm = static_cast<u64>(disp)});
}

void Builder::store(Type mem, Value addr, i64 disp, Value v, MemOrder o) {
    append({.op = Op::Store,
            .mtype = mem,
            .args = {addr, v, kNone},
            .aux = mem_aux(false, o),
            .imm = static_cast<u64>(disp)});
}

Value Builder::rmw(RmwOp op, Type result, Type mem, Value addr, Value v, bool sign, MemOrder o) {
    return append({.op = Op::AtomicRmw,
                   .type = result,
                   .mtype = mem,
                   .args = {addr, v, kNone},
                   .aux = rmw_aux(op, sign, o)});
}

Value Builder::cas(Type result, Type mem, Value addr, Value expected, Value desired, bool sign, MemOrder o) {
    return append({.op = Op::AtomicCas,
                   .type = result,
                   .mtype = mem,
                   .args = {addr, expected, desired},
                   .aux = mem_aux(sign, o)});
}

Value Builder::load_reserve(Type result, Type mem, Value addr, bool sign, MemOrder o) {
    return append({.op = Op::LoadReserve,
                   .type = result,
                   .mtype = mem,
                   .args = {addr, kNone, kNone},
                   .aux = mem_aux(sign, o)});
}

Value Builder::store_cond(Type mem, Value addr, Value v, MemOrder o) {
    return append({.op = Op::StoreCond,
                   .type = Type::I1,
                   .mtype = mem,
                   .args = {addr, v, kNone},
                   .aux = mem_aux(false, o)});
}

void Builder::fence(FenceKind k) { append({.op = Op::Fence, .aux = static_cast<u32>(k)}); }

void Builder::insn(u64 pc, unsigned len) {
    pc_ = pc;
    append({.op = Op::Insn, .aux = len, .imm = pc});
}

void Builder::icount(u64 n) { append({.op = Op::Icount, .imm = n}); }

void Builder::exit_if(Value cond, u64 target) {
    assert(type(cond) == Type::I1);
    if (is_const(cond, 0)) return;
    b_.may_loop |= target == b_.start_pc;
    append({.op = Op::ExitIf,
            .args = {cond, kNone, kNone},
            .aux = target <= pc_ ? kBackEdge : 0,
            .imm = target});
}

void Builder::trap_if(Value cond, ExitReason r, Value value, u64 pc) {
    assert(type(cond) == Type::I1 && type(value) == Type::I64);
    if (is_const(cond, 0)) return;
    append({.op = Op::TrapIf, .args = {cond, value, kNone}, .aux = static_cast<u32>(r), .imm = pc});
}

void Builder::jump(u64 target) {
    b_.may_loop |= target == b_.start_pc;
    terminate({.op = Op::Goto, .aux = target <= pc_ ? kBackEdge : 0, .imm = target});
}

void Builder::call(u64 target, u64 return_pc) {
    const Value link = c64(return_pc);
    terminate({.op = Op::Call, .args = {link, kNone, kNone}, .imm = target});
}

void Builder::call_ind(Value target, u64 return_pc) {
    const Value link = c64(return_pc);
    terminate({.op = Op::CallInd, .args = {target, link, kNone}});
}

void Builder::jump_ind(Value target) { terminate({.op = Op::JumpInd, .args = {target, kNone, kNone}}); }

void Builder::ret(Value target) { terminate({.op = Op::Ret, .args = {target, kNone, kNone}}); }

void Builder::exit(ExitReason r, u64 pc) {
    terminate({.op = Op::Exit, .aux = static_cast<u32>(r), .imm = pc});
}

}  // namespace vm::ir
