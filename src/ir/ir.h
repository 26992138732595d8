// The typed, linear intermediate representation between guest front ends and host back ends.
//
// A Block is one extended block: single entry, straight line, side exits (ExitIf, TrapIf) and one terminator
// at the end. Instructions live in one vector and are named by their 32-bit index; an operand is the index of
// the instruction that made it, always a smaller one. Guest registers are touched only by GetState/SetState
// on the slots of a StateLayout. Nothing here knows a guest or host ISA, the OS, or a host pointer.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bits.h"
#include "base/pod_vector.h"

namespace vm::ir {

enum class Type : u8 { Void, I1, I8, I16, I32, I64, I128, F16, F32, F64, V128, V256, Flags };

/// Width in bits; Void gives 0, Flags the word that they are in a state slot.
constexpr unsigned width(Type t) {
    constexpr u16 w[] = {0, 1, 8, 16, 32, 64, 128, 16, 32, 64, 128, 256, 16};
    return w[static_cast<u8>(t)];
}
constexpr bool is_int(Type t) { return t >= Type::I1 && t <= Type::I128; }
constexpr bool is_float(Type t) { return t >= Type::F16 && t <= Type::F64; }
constexpr bool is_vector(Type t) { return t == Type::V128 || t == Type::V256; }
std::string_view name(Type t);  ///< "i32", "f64", "v128", "flags", "void"

enum class Op : u16 {
#define OP(Name, text, nargs, result, effects, doc) Name,
#include "ir/ir_ops.def"
#undef OP
    Count_
};

enum class Cond : u8 { Eq, Ne, LtS, GeS, LeS, GtS, LtU, GeU, LeU, GtU };
enum class FpCond : u8 { Eq, Lt, Le, Unordered };
/// Conditions on NZCV, in the order of the A64 encoding (without AL/NV).
enum class FlagCond : u8 { Eq, Ne, Cs, Cc, Mi, Pl, Vs, Vc, Hi, Ls, Ge, Lt, Gt, Le };
enum class DivSem : u8 { RiscV, Arm };
/// Arm: FPCR.DN = 0; ArmDn: FPCR.DN = 1, every NaN result is the default NaN.
enum class FpSem : u8 { RiscV, Arm, X86, ArmDn };
/// Rounding; values 0..4 are also what FpSetRound/FpGetRound use. Dyn = the current mode.
/// Odd (of FToF and VFNarrow only): inexact results get an odd last bit.
enum class Round : u8 { Rne, Rtz, Rdn, Rup, Rmm, Odd, Dyn = 7 };
enum class MemOrder : u8 { Plain, Acquire, Release, AcqRel, SeqCst };
enum class RmwOp : u8 { Xchg, Add, And, Or, Xor, MinS, MaxS, MinU, MaxU, AndNot };
/// Full orders everything; Acquire: earlier reads before later accesses; Release: earlier accesses before
/// later writes; StoreStore, LoadLoad as named; Compiler: only the translator may not reorder.
enum class FenceKind : u8 { Full, Acquire, Release, AcqRel, StoreStore, LoadLoad, Compiler };
enum class CarrySem : u8 { Borrow, NotBorrow };

/// Sticky FP flags as FpGetFlags returns them (bit positions of RISC-V fflags).
enum FpFlag : u8 {
    kInexact = 1,
    kUnderflow = 2,
    kOverflow = 4,
    kDivByZero = 8,
    kInvalid = 16,
    kInputDenormal = 32
};

/// Why execution left generated code or the interpreter. `pc` conventions are given for each.
enum class ExitReason : u8 {
    None,
    Next,         ///< ordinary end of a block: go on at pc
    Syscall,      ///< pc = the instruction after the system call
    Breakpoint,   ///< pc = the breakpoint instruction
    Illegal,      ///< pc = the undefined instruction; value = its bits where known
    MemoryFault,  ///< pc = the faulting instruction; value = the faulting address
    FetchFault,   ///< pc = the address that cannot be fetched; value = the same
    Misaligned,   ///< pc = the instruction whose alignment check failed; value = the address
    CodeSync,    ///< guest announced changed code; pc = next instruction; value = 0: anywhere (fence.i), else
                 ///< in 2^n bytes at value & ~63, n = value & 63 (IC IVAU)
    ModeChange,  ///< the mode bits of the block key changed; pc = next instruction
    Wait,        ///< wait-for-event hint (pause, wrs, wfe); pc = next instruction
    Safepoint,   ///< somebody requested it; pc = next instruction
    Interpret,   ///< of a machine: the interpreter is to execute this instruction; pc = the instruction
    Unsupported,  ///< decoded, but this build cannot execute it; pc = the instruction
    DebugBreak,   ///< a debugger's breakpoint; pc = the instruction there, not executed
    DebugWatch,   ///< an access that a debugger watches, not done; pc = the instruction; value = the address
    Count_
};
std::string_view name(ExitReason r);

using Value = u32;  ///< index of the defining instruction
inline constexpr Value kNone = ~Value{0};

/// One operation; 32 bytes. Which fields mean what: ir_ops.def.
struct Inst {
    Op op{};
    Type type = Type::Void;   ///< result type
    Type mtype = Type::Void;  ///< memory or lane type
    std::array<Value, 3> args{kNone, kNone, kNone};
    u32 aux = 0;
    u64 imm = 0;
};
static_assert(sizeof(Inst) == 32);

enum Effect : u16 {
    kEffectP = 0,
    kEffectRS = 1,
    kEffectWS = 2,
    kEffectRM = 4,
    kEffectWM = 8,
    kEffectFP = 16,
    kEffectX = 32,
    kEffectT = 64,
    kEffectS = 128,
};
/// One row of ir_ops.def. `result`: 'T', 'A', 'B', 'F' or 'V'.
struct OpInfo {
    std::string_view name, text;
    u8 nargs;
    char result;
    u16 effects;
    std::string_view doc;
};
extern const OpInfo kOps[];
inline const OpInfo& info(Op op) { return kOps[static_cast<u16>(op)]; }
/// What walks over blocks ask of every instruction, in tables that stay in the host's first-level cache.
inline constexpr auto kOpEffects = [] {
    constexpr unsigned P = kEffectP, RS = kEffectRS, WS = kEffectWS, RM = kEffectRM, WM = kEffectWM,
                       FP = kEffectFP, X = kEffectX, T = kEffectT, S = kEffectS;
    return std::to_array<u16>({
#define OP(Name, text, nargs, result, effects, doc) static_cast<u16>(effects),
#include "ir/ir_ops.def"
#undef OP
    });
}();
inline constexpr auto kOpArgs = std::to_array<u8>({
#define OP(Name, text, nargs, result, effects, doc) nargs,
#include "ir/ir_ops.def"
#undef OP
});
inline constexpr auto kOpResults = std::to_array<char>({
#define OP(Name, text, nargs, result, effects, doc) #result[0],
#include "ir/ir_ops.def"
#undef OP
});
constexpr u16 effects(Op op) { return kOpEffects[static_cast<u16>(op)]; }
constexpr unsigned arg_count(Op op) { return kOpArgs[static_cast<u16>(op)]; }
constexpr char result_kind(Op op) { return kOpResults[static_cast<u16>(op)]; }
/// True if the instruction may be removed when its result is unused (sticky FP flags count as an effect
/// unless the caller proved them dead).
inline bool removable(const Inst& i) { return (effects(i.op) & ~kEffectRS) == 0; }

// --- aux packing shared by front ends, passes, interpreter and back ends
constexpr u32 mem_aux(bool sign, MemOrder o = MemOrder::Plain) {
    return u32{sign} | static_cast<u32>(o) << 4;
}
constexpr u32 rmw_aux(RmwOp op, bool sign, MemOrder o) {
    return mem_aux(sign, o) | static_cast<u32>(op) << 8;
}
/// Of a load or store: its address is a HostBase.
inline constexpr u32 kMemHost = 2;
inline constexpr u32 kHostBaseStore = 1u << 16;
constexpr u32 host_base_bytes(u32 aux) { return aux & 0xffff; }
constexpr bool mem_signed(u32 aux) { return aux & 1; }
constexpr MemOrder mem_order(u32 aux) { return static_cast<MemOrder>((aux >> 4) & 15); }
constexpr RmwOp rmw_op(u32 aux) { return static_cast<RmwOp>(aux >> 8); }
constexpr u32 fp_aux(Round rm, FpSem sem, u32 extra = 0) {
    return static_cast<u32>(rm) | static_cast<u32>(sem) << 4 | extra;
}
constexpr Round fp_round(u32 aux) { return static_cast<Round>(aux & 7); }
constexpr FpSem fp_sem(u32 aux) { return static_cast<FpSem>((aux >> 4) & 3); }
inline constexpr u32 kFpFlush = 1u << 6, kFpAltHalf = 1u << 7;
constexpr unsigned fp_fraction_bits(u32 aux) { return (aux >> 9) & 127; }  ///< of FToInt, IntToF
/// Lane ops. Values of aux bits: see ir_ops.def.
inline constexpr u32 kVHigh = 1, kVRound = 2, kVSaturate = 4, kVOverflowMask = 8, kVDotSignedX = 2,
                     kVDotSignedY = 4, kVFHigh = 1u << 8, kVFmaHigh = 1u << 10, kVFmaFlushHalf = 1u << 7;
inline constexpr u32 kFpUnsigned = 1u << 8, kFpExact = 1u << 8, kFmaNegProduct = 1u << 8,
                     kFmaNegAddend = 1u << 9;
constexpr u32 fcmp_aux(FpCond c, bool signaling) { return static_cast<u32>(c) | u32{signaling} << 3; }
inline constexpr u32 kBackEdge = 1;
/// Of a ret or call_ind of a region: if its target is imm, as it nearly always is, it is a jump there.
inline constexpr u32 kExpected = 2;
/// Of a call_ind without it: nobody has to know where it leads.
inline constexpr u32 kSettled = 4;
/// Of a call_ind with kExpected: bits 8 to 15 are the uppermost byte that the target has then.
inline constexpr u64 expected_target(u32 aux, u64 imm) { return imm | u64{aux >> 8 & 0xff} << 56; }
/// The upper half of aux of exits of a region (Region::sites): the inlined call that jumps lead to, and that
/// other exits are in; 0: none.
inline constexpr unsigned kSiteShift = 16;
inline constexpr u32 kLooseUpper = 1;  ///< of zext and sext

/// One guest register as the IR sees it: `offset` bytes from the start of the guest area of the vCPU state.
struct StateSlot {
    std::string name;  ///< as people write it ("a0", "fa0", "x19")
    Type type;         ///< I64, F64, V128, I8 …
    u16 offset;
};
/// The guest register file of one ISA, made once by its front end.
struct StateLayout {
    std::vector<StateSlot> slots;
    u16 machine_slots = 0;        ///< the last of them: what only machines use
    u16 size = 0;                 ///< bytes of guest area used; at most kMaxGuestState
    std::vector<u16> pin_int;     ///< slots worth a host register at all times, hottest first (I64)
    std::vector<u16> pin_vector;  ///< the same for F64 and V128 slots
    u16 pc_alignment = 1;         ///< guest instruction alignment in bytes (1, 2, 4)
    std::span<const StateSlot> program_slots() const { return {slots.data(), slots.size() - machine_slots}; }
    /// The first of two I64 slots that no instruction sees: operands of deferred flags; 0: there are none.
    u16 flag_operands = 0;
    bool holds_flag_operand(u64 slot) const {
        return flag_operands != 0 && (slot == flag_operands || slot == flag_operands + 1u);
    }
};
inline constexpr unsigned kMaxGuestState = 2048;
/// Of a machine: where in the guest area is what loads and stores see memory through now, a number that the
/// TLB's tags hold.
inline constexpr unsigned kTlbContextOffset = kMaxGuestState - 8;
/// Of a machine: where is what code is seen through now, in bits that all addresses have alike; a SetState of
/// it empties the return stack. 0 in programs.
inline constexpr unsigned kCodeContextOffset = kMaxGuestState - 16;
inline constexpr unsigned kMaxStateSlots = 256;

/// One extended block.
struct Block {
    PodVector<Inst> insts;
    u64 start_pc = 0;
    u32 guest_bytes = 0;  ///< bytes of guest code decoded (sum over `ranges` when it follows jumps)
    u32 guest_insns = 0;
    bool forwarded = false;  ///< no GetState of a slot whose value is known in the block
    bool may_loop = true;    ///< false: no exit of it goes to its own start, or none needs to stay in it
    bool may_extend = true;  ///< false: no Zext or Sext in it
    bool may_flag = true;    ///< false: no write of flags in it
    /// Guest code the block was made from: [first, second) pairs, in decode order.
    std::vector<std::pair<u64, u64>> ranges;
    void clear();
};

}  // namespace vm::ir
