// demanded_bits: marks extensions whose upper bits nobody looks at.
// Input: any block. Output: a zext or sext has kLooseUpper if no exit, memory access, state slot or other
// result depends on the bits above its operand's width. Invariant: nothing else changes; what runs after it
// must not look at more bits of a value than before. Cost: one backward walk, O(instructions).
#include <algorithm>
#include <bit>

#include "ir/passes/passes.h"

namespace vm::ir {
namespace {

class DemandedBits {
  public:
    DemandedBits(Block& block, const StateLayout& layout, std::vector<u32>& need)
        : insts_(block.insts), layout_(layout), need_(need) {}

    void run() {
        const auto size = static_cast<Value>(insts_.size());
        need_.assign(size, 0);
        for (Value i = size; i-- > 0;) {
            Inst& in = insts_[i];
            if (in.op == Op::Const128) continue;  // its operand words are no values
            const bool extends = in.op == Op::Zext || in.op == Op::Sext;
            if (extends && need_[i] <= width(insts_[in.args[0]].type)) in.aux |= kLooseUpper;
            operands(in, need_[i]);
        }
    }

  private:
    /// The low `bits` of operand `k` are looked at.
    void demand(const Inst& in, unsigned k, u32 bits) {
        const Value v = in.args[k];
        need_[v] = std::max(need_[v], std::min(bits, width(insts_[v].type)));
    }
    void all(const Inst& in) {
        for (unsigned k = 0; k < info(in.op).nargs; ++k) demand(in, k, ~u32{0});
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

    std::vector<Inst>& insts_;
    const StateLayout& layout_;
    std::vector<u32>& need_;
};

}  // namespace

void demanded_bits(Block& block, const StateLayout& layout, PassScratch& scratch) {
    DemandedBits(block, layout, scratch.stamp).run();
}

}  // namespace vm::ir
