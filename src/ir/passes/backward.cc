// The backward passes: dead_state, dce, demanded_bits. Each is a step that sees one instruction after the
// other from the end of the block; run together they cost one walk, O(instructions + slots).
#include <algorithm>
#include <bit>
#include <tuple>

#include "ir/passes/passes.h"

namespace vm::ir {
namespace {

/// Removes writes of guest state that nobody can see.
/// Output: no SetState that a later SetState of the same slot overwrites before anything could read it.
/// Invariant: state is complete wherever the block can be left: every memory access (fault), TrapIf, ExitIf,
/// terminator.
class DeadState {
  public:
    DeadState(Block&, const StateLayout& layout, PassScratch& scratch) : overwritten_(scratch.stamp) {
        overwritten_.assign(layout.slots.size(), 0);
    }

    bool step(Value, Inst& in) {
        constexpr u16 kMayLeave = kEffectRM | kEffectWM | kEffectX | kEffectT;
        if (in.op == Op::SetState) {
            u32& stamp = overwritten_[in.imm];
            if (stamp == epoch_) {
                in = {.op = Op::Nop};
                return false;
            }
            stamp = epoch_;
        } else if (in.op == Op::GetState) {
            overwritten_[in.imm] = 0;
        } else if (effects(in.op) & kMayLeave) {
            ++epoch_;
        }
        return true;
    }

  private:
    PodVector<u32>& overwritten_;  ///< == epoch_: written again before the block can be left or the slot read
    u32 epoch_ = 1;
};

/// Removes instructions whose result nobody uses.
/// Output: every instruction is used or has an effect (memory accesses and FP flags are effects).
/// Invariant: removable() of ir.h decides what an effect is.
class Dce {
  public:
    Dce(Block& block, const StateLayout&, PassScratch& scratch)
        : size_(static_cast<Value>(block.insts.size())), used_(scratch.used) {
        used_.assign(size_ + 1u, 0);  // the last entry takes the marks of absent operands
    }

    bool step(Value i, Inst& in) {
        if (!used_[i] && removable(in)) {
            in = {.op = Op::Nop};
            return false;
        }
        if (in.op == Op::Const128) return true;  // its operand words are no values
        for (const Value a : in.args) used_[std::min(a, size_)] = 1;
        return true;
    }

  private:
    Value size_;
    PodVector<u8>& used_;
};

/// Marks extensions whose upper bits nobody looks at.
/// Output: a zext or sext has kLooseUpper if no exit, memory access, state slot or other result depends on
/// the bits above its operand's width. Invariant: nothing else changes; what runs after it must not look at
/// more bits of a value than before.
class DemandedBits {
  public:
    DemandedBits(Block& block, const StateLayout& layout, PassScratch& scratch)
        : insts_(block.insts.data()), layout_(layout), need_(scratch.need) {
        need_.assign(block.insts.size(), 0);
    }

    bool step(Value i, Inst& in) {
        if (in.op == Op::Const128) return true;  // its operand words are no values
        const bool extends = in.op == Op::Zext || in.op == Op::Sext;
        if (extends && need_[i] <= width(insts_[in.args[0]].type)) in.aux |= kLooseUpper;
        operands(in, need_[i]);
        return true;
    }

  private:
    /// The low `bits` of operand `k` are looked at.
    void demand(const Inst& in, unsigned k, u32 bits) {
        const Value v = in.args[k];
        need_[v] = std::max(need_[v], static_cast<u16>(std::min(bits, width(insts_[v].type))));
    }
    void all(const Inst& in) {
        for (unsigned k = 0; k < arg_count(in.op); ++k) demand(in, k, ~u32{0});
    }
    /// Constant operand 1, as a shift amount of this instruction.
    bool amount(const Inst& in, u32* n) const {
        const Inst& y = insts_[in.args[1]];
        *n = static_cast<u32>(y.imm & (width(in.type) - 1));
        return y.op == Op::Const;
    }

    /// What is needed of the operands when the low `bits` of the result are.
    void operands(const Inst& in, u32 bits) {
        u32 n = 0;
        if (in.op == Op::SetState) return demand(in, 0, width(layout_.slots[in.imm].type));
        if (in.op == Op::Store && is_int(in.mtype)) {
            demand(in, 0, ~u32{0});
            return demand(in, 1, width(in.mtype));
        }
        if (!is_int(in.type) || width(in.type) > 64) return all(in);
        switch (in.op) {
            case Op::Add:
            case Op::Sub:
            case Op::Mul:
            case Op::Or:
            case Op::Xor:
            case Op::AndNot: demand(in, 1, bits); [[fallthrough]];
            case Op::Neg:
            case Op::Not: return demand(in, 0, bits);
            case Op::And: {
                const Inst& y = insts_[in.args[1]];
                demand(in, 1, bits);
                return demand(
                    in, 0,
                    y.op == Op::Const ? std::min(bits, static_cast<u32>(std::bit_width(y.imm))) : bits);
            }
            case Op::Trunc:
            case Op::Zext:
            case Op::Sext: return demand(in, 0, bits);
            case Op::Select:
                demand(in, 0, 1);
                demand(in, 1, bits);
                return demand(in, 2, bits);
            case Op::Shl:
                if (!amount(in, &n)) return all(in);
                return demand(in, 0, bits > n ? bits - n : 0);
            case Op::Lshr:
            case Op::Ashr:
                if (!amount(in, &n)) return all(in);
                return demand(in, 0, bits ? bits + n : 0);
            default: return all(in);
        }
    }

    Inst* insts_;
    const StateLayout& layout_;
    PodVector<u16>& need_;
};

/// Every step on every instruction; a step that removes it ends what happens to it.
template <class... Steps>
void walk(Block& block, const StateLayout& layout, PassScratch& scratch) {
    std::tuple<Steps...> steps{Steps(block, layout, scratch)...};
    for (Value i = static_cast<Value>(block.insts.size()); i-- > 0;) {
        Inst& in = block.insts[i];
        if (in.op == Op::Nop) continue;
        std::apply([&](auto&... s) { return (s.step(i, in) && ...); }, steps);
    }
}

}  // namespace

void dead_state(Block& block, const StateLayout& layout, PassScratch& scratch) {
    walk<DeadState>(block, layout, scratch);
}
void dce(Block& block, const StateLayout& layout, PassScratch& scratch) { walk<Dce>(block, layout, scratch); }
void demanded_bits(Block& block, const StateLayout& layout, PassScratch& scratch) {
    if (block.may_extend) walk<DemandedBits>(block, layout, scratch);
}
void backward(Block& block, const StateLayout& layout, PassScratch& scratch) {
    if (block.may_extend)
        walk<DeadState, Dce, DemandedBits>(block, layout, scratch);
    else
        walk<DeadState, Dce>(block, layout, scratch);
}

}  // namespace vm::ir
