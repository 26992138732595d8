// Tier 0: runs a block by interpreting its IR. The oracle for the other tiers; exact in every operation.
#pragma once

#include "base/bits.h"
#include "ir/ir.h"

namespace vm::ir {

/// Floating-point environment of one vCPU, the same for every guest ISA.
struct FpEnv {
    u8 flags = 0;           ///< sticky, FpFlag bits but kInputDenormal
    u8 rounding = 0;        ///< Round; 0..3 can be executed natively, Rmm needs Round::Rmm in the instruction
    u8 input_denormal = 0;  ///< sticky, 0 or kInputDenormal; valid at all times
};
/// LL/SC reservation. `size` 0 = none.
struct Reservation {
    u64 addr = 0;
    u64 size = 0;
    u64 value[2] = {};  ///< the second counts with 16 bytes only
};
/// Memory as the interpreter sees it. Sizes in bytes: 1, 2, 4, 8, 16. Every function returns false when the
/// access faults, after setting `fault_addr`; it then had no effect.
class Memory {
  public:
    virtual ~Memory() = default;
    virtual bool load(u64 addr, unsigned size, void* out) = 0;
    virtual bool store(u64 addr, unsigned size, const void* in) = 0;
    /// Atomically: old = *addr; *addr = old OP operand. For sizes 1, 2, 4, 8.
    virtual bool rmw(RmwOp op, u64 addr, unsigned size, u64 operand, u64* old) = 0;
    /// Atomically: old = *addr; if old == expected then *addr = desired. Sizes 1..16.
    virtual bool cas(u64 addr, unsigned size, const void* expected, const void* desired, void* old) = 0;
    u64 fault_addr = 0;
};
/// What the interpreter needs of its surroundings.
struct InterpContext {
    u8* guest;  ///< guest area (StateLayout offsets are relative to it)
    FpEnv* fp;
    Reservation* reservation;
    u64* icount;  ///< grows by Icount; read by ReadIcount in blocks that count
    Memory* memory;
    u64 code_delta =
        0;  ///< what is added to addresses in the block's code: where it runs, less where it lies
    u64 (*read_time)(u32 which);  ///< ReadTime; which = 1 also serves ReadIcount while nothing is counted
};
struct InterpResult {
    ExitReason reason;  ///< Next when the block simply ended
    u64 pc;
    u64 value;
    u32 insns;  ///< guest instructions begun
};
/// Runs `block` from its start to the first exit taken. A fault leaves guest state as before the faulting
/// instruction's later operations (front ends order state writes after the accesses that may fault).
InterpResult interpret(const Block& block, const StateLayout& layout, InterpContext& ctx);

}  // namespace vm::ir
