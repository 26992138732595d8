// Builder: appends well-typed instructions to a Block. Wrong types assert (programming error, never guest
// input). It folds constants as it goes, so that front ends can be written without special cases.
#pragma once

#include "ir/eval.h"
#include "ir/ir.h"

namespace vm::ir {

class Builder {
  public:
    /// Appends to `block`, which need not be empty.
    explicit Builder(Block& block, const StateLayout& layout);
    /// From now on, with an empty block: get() gives the value last read from or written to the slot where it
    /// is known, and set() of that value emits nothing. What the pass of this name does, without its walk.
    void forward_state();

    Block& block() { return b_; }
    const Inst& at(Value v) const { return b_.insts[v]; }
    Type type(Value v) const { return b_.insts[v].type; }
    bool is_const(Value v, u64 imm) const { return at(v).op == Op::Const && at(v).imm == imm; }

    // constants and state
    Value constant(Type t, u64 imm);
    Value c64(u64 imm) { return constant(Type::I64, imm); }
    Value c32(u32 imm) { return constant(Type::I32, imm); }
    Value guest_addr(u64 addr);
    Value get(u16 slot);
    Value get(u16 slot, Type narrower);
    void set(u16 slot, Value v);

    // generic forms: every op of the table can be made with these
    Value unary(Op op, Value x, u32 aux = 0, u64 imm = 0);            ///< result A, B or F
    Value binary(Op op, Value x, Value y, u32 aux = 0, u64 imm = 0);  ///< result A, B or F
    Value ternary(Op op, Value x, Value y, Value z, u32 aux = 0);
    Value nullary(Op op, Type to, u32 aux = 0, u64 imm = 0);  ///< result T (FpGetFlags, ReadTime …)
    Value convert(Op op, Type to, Value x, u32 aux = 0);      ///< result T, one operand
    /// Vector ops with lane type `lane`, result A: one operand (shift by imm) or two (VInsert: lane imm).
    Value vector(Op op, Type lane, Value x, Value y = kNone, u32 aux = 0, u64 imm = 0);
    Value vector3(Op op, Type lane, Value x, Value y, Value z, u32 aux = 0);
    Value vsplat(Type lane, Value x);
    Value vscalar(Value x);  ///< the lane type is that of x
    Value vdup(Type lane, Value x, unsigned index);
    Value vextract(Type lane, Value x, unsigned index);
    Value make128(Type to, Value low, Value high);
    Value const128(Type to, u64 low, u64 high);
    Value emit(const Inst& inst);  ///< no folding

    // integers
    Value add(Value x, Value y) { return binary(Op::Add, x, y); }
    Value sub(Value x, Value y) { return binary(Op::Sub, x, y); }
    Value mul(Value x, Value y) { return binary(Op::Mul, x, y); }
    Value and_(Value x, Value y) { return binary(Op::And, x, y); }
    Value or_(Value x, Value y) { return binary(Op::Or, x, y); }
    Value xor_(Value x, Value y) { return binary(Op::Xor, x, y); }
    Value not_(Value x) { return unary(Op::Not, x); }
    Value shl(Value x, Value y) { return binary(Op::Shl, x, y); }
    Value lshr(Value x, Value y) { return binary(Op::Lshr, x, y); }
    Value ashr(Value x, Value y) { return binary(Op::Ashr, x, y); }
    Value icmp(Cond c, Value x, Value y) { return binary(Op::Icmp, x, y, static_cast<u32>(c)); }
    Value select(Value cond, Value if_true, Value if_false);
    Value zext(Type to, Value x) { return convert(Op::Zext, to, x); }
    Value sext(Type to, Value x) { return convert(Op::Sext, to, x); }
    Value trunc(Type to, Value x) { return convert(Op::Trunc, to, x); }
    Value bitcast(Type to, Value x) { return convert(Op::Bitcast, to, x); }

    // flags
    Value flags_add(Value x, Value y) { return ternary(Op::FlagsAdd, x, y, constant(Type::I1, 0)); }
    Value flags_sub(Value x, Value y) {
        return ternary(Op::FlagsSub, x, y, constant(Type::I1, 0), static_cast<u32>(CarrySem::NotBorrow));
    }
    /// Whether `c` holds for flags f; where it is known how they were made, from what they were made of.
    Value flags_test(FlagCond c, Value f) { return test(c, f, kSelectDepth); }
    Value flags_constant(Nzcv f) { return unary(Op::FlagsPack, c32(u32{f.bits} << 28)); }

    // memory
    Value load(Type result, Type mem, Value addr, i64 disp, bool sign, MemOrder o = MemOrder::Plain);
    void store(Type mem, Value addr, i64 disp, Value v, MemOrder o = MemOrder::Plain);
    Value rmw(RmwOp op, Type result, Type mem, Value addr, Value v, bool sign, MemOrder o);
    Value cas(Type result, Type mem, Value addr, Value expected, Value desired, bool sign, MemOrder o);
    Value load_reserve(Type result, Type mem, Value addr, bool sign, MemOrder o);
    Value store_cond(Type mem, Value addr, Value v, MemOrder o);  ///< i1: 1 = stored
    void fence(FenceKind k);

    // borders and control flow
    void insn(u64 pc, unsigned len);
    void icount(u64 n);
    void exit_if(Value cond, u64 target);  ///< back-edge bit set when target <= current instruction
    /// `pc`: where the guest goes on; 0: at the current instruction.
    void trap_if(Value cond, ExitReason r, Value value, u64 pc = 0);
    void jump(u64 target);  ///< Goto
    void call(u64 target, u64 return_pc);
    void call_ind(Value target, u64 return_pc);
    void jump_ind(Value target);
    void ret(Value target);
    void exit(ExitReason r, u64 pc);
    u64 pc() const { return pc_; }  ///< of the current instruction
    bool terminated() const { return terminated_; }

  private:
    static constexpr unsigned kConstCacheBits = 5;

    Value append(const Inst& inst);
    Value terminate(const Inst& inst);
    Value fold(const Inst& inst);
    Type result_type(Op op, Value x) const;

    // builder_flags.cc
    Value plain_test(FlagCond c, Value f);
    static constexpr unsigned kSelectDepth = 4;  ///< of selected flags whose tests are taken apart
    Value test(FlagCond c, Value f, unsigned depth);
    Value test_of_result(FlagCond c, Value x);
    Value test_of_add(FlagCond c, const Inst& f);
    Value test_of_fcmp(FlagCond c, const Inst& f);
    Value test_of_select(FlagCond c, const Inst& f, unsigned depth);

    Block& b_;
    const StateLayout& layout_;
    u64 pc_ = 0;
    bool terminated_ = false;
    std::array<Value, 1u << kConstCacheBits> const_cache_;  ///< recently made constants, by hash
    Value sticky_written_ =
        0;  ///< comparisons before this one must not be made again: they raise sticky flags
    bool forward_ = false;
    std::array<Value, kMaxStateSlots> known_;  ///< if forward_: values of state slots
};

}  // namespace vm::ir
