// What the compiler knows of a block before it emits: two linear passes.
//
//   forward   which values are the same (gets of a slot whose value is known, truncations, boxing), use
//   counts backward  what is live, the next use of every operand, what is left to its consumer (deferred),
//   where results should
//             be computed (hints)
//
// Input: a verified block. Cost: a few ns an instruction; memory is kept between blocks.
#pragma once

#include "base/pod_vector.h"

#include "backend/options.h"
#include "backend/x86_64/convention.h"

namespace vm::backend::x86_64 {

inline constexpr u32 kNever = ~u32{0};
inline constexpr u8 kNoReg = 0xff;

/// One operand as the emission consumes it.
struct Use {
    ir::Value value;  ///< representative
    u32 next;         ///< instruction of its next use after this one, kNever if none
};

struct ValueInfo {
    ir::Value rep = ir::kNone;  ///< the value this one is the same as (itself mostly)
    u32 uses = 0;               ///< by live instructions; the emission counts down
    u32 next = kNever;          ///< instruction of the next use
    u32 hint_gen = 0;
    ir::Value unboxed = ir::kNone;  ///< forward: the NanUnbox of this value
    /// Read in place of an operand. Equality of x and y: x - y, which is to be compared with zero. Operand
    /// `carry_arg` of a sum or of its flags: the flags whose C (or the opposite) it is.
    ir::Value instead = ir::kNone;
    u8 carry_arg = kNoReg;
    bool carry_inverted = false;
    u8 hint = kNoReg;  ///< pinned host register in which it should be computed
    bool hint_ok = false;
    bool live = false;
    bool deferred = false;       ///< emitted by its only consumer
    bool known_false = false;    ///< an earlier exit or trap was not taken because of it
    bool clean = false;          ///< as I1..I32: bits up to 64 of its register are zero
    u8 zero_from = 0;            ///< emission: bits of its vector registers from there on are 0; 0 if unknown
    ir::Value twin = ir::kNone;  ///< emission: has this one as its low part, zeros above
    bool aliased = false;        ///< another value has this one as its representative
    bool made = false;           ///< emission: made together with an earlier instruction
};

class Analysis {
  public:
    Analysis(const ir::StateLayout& layout, const PinMap& pins, u64 disabled_opts)
        : layout_(layout), pins_(pins), disabled_(disabled_opts) {}

    void run(const ir::Block& block);

    PodVector<ValueInfo> info;
    PodVector<Use> uses;         ///< instruction i's operands are popped from the end when i is emitted
    PodVector<u16> use_count;    ///< how many to pop, by instruction
    bool boxes = false;          ///< the block boxes F32 values: keep all of them boxed
    bool counts = false;         ///< the block has Icount ops
    bool flags = false;          ///< the block has values of type Flags
    ir::Value v256 = ir::kNone;  ///< some instruction of this type, which nothing here can lower

    bool on(JitOpt o) const { return !(disabled_ & opt_bit(o)); }
    ir::Value rep(ir::Value v) const { return info[v].rep; }

  private:
    void forward(const ir::Block& block);
    ir::Value same_as(const ir::Block& block, u32 i);
    void backward(const ir::Block& block);
    void visit(const ir::Block& block, u32 i);
    void use(ir::Value v, u32 at);
    bool taken_over(const ir::Block& block, ir::Value x);
    bool boxes_any(const ir::Block& block);
    bool quiet_until(const ir::Block& block, ir::Value v, u32 at) const;
    bool may_defer(const ir::Inst& consumer, unsigned arg, const ir::Inst& def) const;
    void operand(const ir::Block& block, u32 at, u32 consumer, unsigned arg);
    void operands(const ir::Block& block, u32 at, u32 consumer);
    ir::Value repeated(const ir::Block& block, u32 i, ir::Op op) const;
    void find_instead(const ir::Block& block, u32 i);
    ir::Value carry_source(const ir::Block& block, ir::Value v, bool* inverted) const;
    ir::Value difference(const ir::Block& block, u32 i) const;
    void hint(ir::Value v, u8 reg, u32 gen);
    u32 slot_gen(unsigned slot) const { return barrier_ + reads_[slot]; }

    const ir::StateLayout& layout_;
    const PinMap& pins_;
    u64 disabled_;
    PodVector<u32> total_;       // uses by all instructions, live or not
    PodVector<ir::Value> slot_;  // forward: value that a slot holds; backward: unused
    PodVector<u32> reads_;       // backward: reads of the slot's home, times 2^20 … see slot_gen
    PodVector<u32> dead_gen_;    // backward: slot_gen at the next write of the slot
    u32 barrier_ = 0;
    i8 boxes_known_ = -1;  // boxes_any(), where it was asked
};

/// Instructions that may fault or leave the block: guest state must be exact before them.
constexpr bool is_barrier(ir::Op op) {
    return ir::effects(op) & (ir::kEffectRM | ir::kEffectWM | ir::kEffectX | ir::kEffectT);
}

/// Truncation, or a narrow get, of integer values costs nothing: consumers use the low bits.
constexpr bool is_gpr_type(ir::Type t) { return t >= ir::Type::I1 && t <= ir::Type::I64; }
/// Values of these types are in general registers.
constexpr bool in_gpr_class(ir::Type t) {
    return is_gpr_type(t) || t == ir::Type::F16 || t == ir::Type::Flags;
}
constexpr bool is_xmm_type(ir::Type t) {
    return t == ir::Type::F32 || t == ir::Type::F64 || t == ir::Type::F16;
}

}  // namespace vm::backend::x86_64
