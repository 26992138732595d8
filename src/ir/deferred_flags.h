// Flags that are computed when somebody looks: what Op::DeferFlags says of them.
#pragma once

#include "ir/eval.h"

namespace vm::ir {

/// Flags as a function of state slots a and b, or of a and a constant.
struct DeferredFlags {
    enum class Kind : u8 {
        Sub,        ///< of a - b
        Add,        ///< of a + b
        SubResult,  ///< of (a + b) - b: a is the difference
        AddResult,  ///< of (a - b) + b: a is the sum
        And,        ///< N and Z of a & b, C = V = 0
        Count_
    };
    Kind kind{};
    CarrySem carry{};       ///< of subtractions
    bool wide = false;      ///< 64 bits, else the slots' low 32
    bool constant = false;  ///< b is `value`, sign-extended
    u8 flags = 0;           ///< the slot that they are the value of
    u8 a = 0, b = 0;
    i32 value = 0;

    /// Of an Op::DeferFlags.
    static DeferredFlags of(const Inst& in) { return of(in.aux, static_cast<i32>(in.imm)); }
    static DeferredFlags of(u32 aux, i32 value);
    Inst inst() const;
    u32 aux() const;
    bool operator==(const DeferredFlags&) const = default;
    unsigned bits() const { return wide ? 64 : 32; }
    bool reads(u64 slot) const { return slot == a || (!constant && slot == b); }
    /// The flags, if `guest` is the guest area of the state.
    Nzcv eval(const u8* guest, const StateSlot* slots) const;
};

}  // namespace vm::ir
