#include "base/format.h"
#include "ir/deferred_flags.h"
#include "ir/text.h"
#include "ir/vec_ops.h"

namespace vm::ir {
namespace {

bool int_between(Type t, Type low, Type high) { return is_int(t) && t >= low && t <= high; }
bool is_word(Type t) { return int_between(t, Type::I8, Type::I64); }
bool is_arith(Type t) { return int_between(t, Type::I8, Type::I128); }
bool is_128(Type t) { return t == Type::I128 || t == Type::V128; }
bool is_value(Type t) { return t != Type::Void && t != Type::V256; }

/// Checks one block. Every rule returns null or what is wrong, in words.
class Verifier {
  public:
    Verifier(const Block& block, const StateLayout& layout) : b_(block), layout_(layout) {}

    Result<void> run() {
        if (b_.insts.empty()) return fail(ErrorKind::Internal, "IR: the block is empty");
        for (at_ = 0; at_ < b_.insts.size(); ++at_)
            if (const char* problem = instruction(b_.insts[at_])) return report(problem);
        --at_;
        if (!(info(b_.insts[at_].op).effects & kEffectT)) return report("the block has no terminator");
        return {};
    }

  private:
    using Problem = const char*;
    static constexpr Problem kGood = nullptr;

    Result<void> report(Problem problem) const {
        return fail(ErrorKind::Internal,
                    fmt::format("IR at {}: {}: {}", at_, problem,
                                b_.insts[at_].op < Op::Count_ ? print(b_.insts[at_], at_, layout_) : "?"));
    }

    Type arg(unsigned n) const { return b_.insts[b_.insts[at_].args[n]].type; }

    Problem instruction(const Inst& in) const {
        if (in.op >= Op::Count_) return "unknown operation";
        const OpInfo& op = info(in.op);
        if ((op.effects & kEffectT) && at_ + 1 != b_.insts.size())
            return "terminator before the end of the block";
        for (unsigned i = 0; i < 3; ++i) {
            if (i < op.nargs) {
                if (in.args[i] >= at_) return "operand does not come before its use";
                if (arg(i) == Type::Void) return "operand has no value";
            } else if (in.args[i] != kNone && !(in.op == Op::Const128 && i < 2)) {
                return "too many operands";
            }
        }
        if (Problem p = result(in, op)) return p;
        return operands(in);
    }

    Problem result(const Inst& in, const OpInfo& op) const {
        switch (op.result) {
            case 'A': return in.type == arg(0) ? kGood : "result must have the type of operand 0";
            case 'B': return in.type == Type::I1 ? kGood : "result must be i1";
            case 'F': return in.type == Type::Flags ? kGood : "result must be flags";
            case 'V': return in.type == Type::Void ? kGood : "the operation has no result";
            default: return is_value(in.type) ? kGood : "the result has no usable type";
        }
    }

    Problem operands(const Inst& in) const {
        if (in.op >= Op::FAdd && in.op <= Op::FpSetRound) return floating(in);
        if (is_vector_op(in.op)) return vector(in);
        if (in.op >= Op::Load && in.op <= Op::Prefetch) return memory(in);
        if (in.op >= Op::FlagsAdd && in.op <= Op::FlagsTest) return flags(in);
        if (in.op >= Op::Insn) return control(in);
        if (in.op <= Op::SetState) return state(in);
        return integer(in);
    }

    Problem state(const Inst& in) const {
        switch (in.op) {
            case Op::Const:
                if (width(in.type) == 0 || width(in.type) > 64 || in.type == Type::Flags)
                    return "type cannot be a const";
                return zext(in.imm, width(in.type)) == in.imm ? kGood : "imm has bits above the type's width";
            case Op::Const128: return is_128(in.type) ? kGood : "result must be i128 or v128";
            case Op::GuestAddr: return in.type == Type::I64 ? kGood : "result must be i64";
            default: break;
        }
        if (in.imm >= layout_.slots.size()) return "unknown state slot";
        const Type slot = layout_.slots[in.imm].type;
        if (in.op == Op::SetState) return arg(0) == slot ? kGood : "the value must have the slot's type";
        if (in.type == slot) return kGood;
        if (is_word(in.type) && slot != Type::Flags && width(in.type) < width(slot)) return kGood;
        return "result must have the slot's type or be a narrower integer";
    }

    Problem integer(const Inst& in) const {
        switch (in.op) {
            case Op::Add:
            case Op::Sub:
            case Op::Mul:
                return is_arith(in.type) && arg(1) == in.type ? kGood
                                                              : "operands must be integers of one type";
            case Op::Neg:
            case Op::Clz:
            case Op::Ctz:
            case Op::Popcnt: return is_arith(in.type) ? kGood : "operand must be i8..i128";
            case Op::Shl:
            case Op::Lshr:
            case Op::Ashr:
            case Op::Rotr:
                return is_arith(in.type) && is_word(arg(1)) ? kGood
                                                            : "operand must be i8..i128, the amount i8..i64";
            case Op::And:
            case Op::Or:
            case Op::Xor:
            case Op::AndNot:
                if (arg(1) != in.type) return "operands must have one type";
                [[fallthrough]];
            case Op::Not:
                return is_int(in.type) || in.type == Type::V128 ? kGood : "operands must be integers or v128";
            case Op::DivS:
            case Op::DivU:
            case Op::RemS:
            case Op::RemU:
                if (in.aux > static_cast<u32>(DivSem::Arm)) return "aux is no DivSem";
                return words(in, 2);
            case Op::DivWideS:
            case Op::DivWideU:
            case Op::RemWideS:
            case Op::RemWideU: return words(in, 3);
            case Op::Bswap:
            case Op::Bitrev:
            case Op::OrcB: return words(in, 1);
            case Op::Crc32:
                if (in.aux != 8 && in.aux != 16 && in.aux != 32 && in.aux != 64)
                    return "aux must be 8, 16, 32 or 64";
                if (in.imm > 1) return "imm must be 0 or 1";
                return in.type == Type::I32 && is_word(arg(1)) && width(arg(1)) >= in.aux
                           ? kGood
                           : "wrong operand types for crc32";
            case Op::Icmp:
                if (in.aux > static_cast<u32>(Cond::GtU)) return "aux is no Cond";
                return is_int(arg(0)) && arg(0) == arg(1) ? kGood : "operands must be integers of one type";
            case Op::Select:
                return arg(0) == Type::I1 && arg(1) == in.type && arg(2) == in.type
                           ? kGood
                           : "operands must be i1 and two of the result type";
            default: break;
        }
        return in.op >= Op::Zext && in.op <= Op::Make128 ? conversion(in) : words(in, 2);
    }

    /// n operands, all of the result's type, i8..i64.
    Problem words(const Inst& in, unsigned n) const {
        if (!is_word(in.type)) return "operands must be i8..i64";
        for (unsigned i = 0; i < n; ++i)
            if (arg(i) != in.type) return "operands must have one type";
        return kGood;
    }

    Problem conversion(const Inst& in) const {
        const bool ints = in.op > Op::Trunc || (is_int(in.type) && is_int(arg(0)));
        switch (in.op) {
            case Op::Zext:
            case Op::Sext:
                return ints && width(in.type) > width(arg(0)) ? kGood : "result must be a wider integer";
            case Op::Trunc:
                return ints && width(in.type) < width(arg(0)) ? kGood : "result must be a narrower integer";
            case Op::Bitcast:
                return width(in.type) == width(arg(0)) && in.type != Type::Flags && arg(0) != Type::Flags
                           ? kGood
                           : "both types must have one width";
            case Op::Make128:
                return is_128(in.type) && arg(0) == Type::I64 && arg(1) == Type::I64
                           ? kGood
                           : "i128 or v128 is made from two i64";
            default:
                return in.type == Type::I64 && is_128(arg(0)) ? kGood : "i64 is taken from an i128 or v128";
        }
    }

    Problem flags(const Inst& in) const {
        switch (in.op) {
            case Op::FlagsAdd:
            case Op::FlagsSub:
                if (in.op == Op::FlagsSub && in.aux > static_cast<u32>(CarrySem::NotBorrow))
                    return "aux is no CarrySem";
                return is_word(arg(0)) && arg(1) == arg(0) && arg(2) == Type::I1
                           ? kGood
                           : "operands must be two integers and an i1";
            case Op::FlagsFCmp: return compared(in);
            case Op::FlagsLogic: return is_word(arg(0)) ? kGood : "operand must be i8..i64";
            case Op::DeferFlags: return deferred(in);
            case Op::FlagsPack: return arg(0) == Type::I32 ? kGood : "operand must be i32";
            case Op::FlagsUnpack:
                return in.type == Type::I32 && arg(0) == Type::Flags ? kGood : "i32 is made from flags";
            default:
                if (in.aux > static_cast<u32>(FlagCond::Le)) return "aux is no FlagCond";
                return arg(0) == Type::Flags ? kGood : "operand must be flags";
        }
    }

    Problem deferred(const Inst& in) const {
        const DeferredFlags d = DeferredFlags::of(in);
        const auto is = [&](u8 slot, Type t) {
            return slot < layout_.slots.size() && layout_.slots[slot].type == t;
        };
        if (d.kind >= DeferredFlags::Kind::Count_ || d.inst().aux != in.aux || d.inst().imm != in.imm)
            return "no description of flags";
        if (!is(d.flags, Type::Flags)) return "the slot is not of flags";
        return is(d.a, Type::I64) && (d.constant ? d.b == 0 : is(d.b, Type::I64) && d.value == 0)
                   ? kGood
                   : "operands must be i64 slots";
    }

    Problem memory(const Inst& in) const {
        if (in.op == Op::Fence)
            return in.aux <= static_cast<u32>(FenceKind::Compiler) ? kGood : "aux is no FenceKind";
        if (in.op == Op::DropReservation) return kGood;
        if (arg(0) != Type::I64) return "the address must be i64";
        if (in.op == Op::Prefetch) return kGood;
        if (mem_order(in.aux) > MemOrder::SeqCst) return "aux has no MemOrder";
        if ((in.aux & kMemHost) && (in.op > Op::Store || b_.insts[in.args[0]].op != Op::HostBase))
            return "its address is no hostbase";
        if (in.op != Op::Load && in.op != Op::Store && in.imm != 0) return "imm must be 0";
        const Type m = in.mtype;
        const bool plain = in.op == Op::Load || in.op == Op::Store;
        const Type widest = in.op == Op::AtomicRmw ? Type::I64 : Type::I128;
        const bool whole =
            plain && (is_float(m) || m == Type::V128);  // read and written in their own type only
        if (!whole && !int_between(m, Type::I8, widest))
            return "mem= type cannot be accessed by this operation";
        const auto fits = [&](Type t) {
            return whole ? t == m : is_int(t) && width(t) >= width(m) && t <= widest;
        };
        if (info(in.op).result == 'T' && !fits(in.type))
            return "result is narrower than memory or of another kind";
        for (unsigned i = 1; i < info(in.op).nargs; ++i)
            if (!fits(arg(i))) return "stored value is narrower than memory or of another kind";
        if (in.op == Op::AtomicRmw && rmw_op(in.aux) > RmwOp::AndNot) return "aux has no RmwOp";
        return kGood;
    }

    /// aux of an operation that rounds.
    static Problem rounding(const Inst& in) {
        const Round rm = fp_round(in.aux);
        const bool odd = rm == Round::Odd && (in.op == Op::FToF || in.op == Op::VFNarrow);
        if (rm > Round::Rmm && rm != Round::Dyn && !odd) return "aux has no Round";
        const bool arm = fp_sem(in.aux) == FpSem::Arm || fp_sem(in.aux) == FpSem::ArmDn;
        return (in.aux & kFpFlush) && !arm ? "only the semantics of Arm flush" : kGood;
    }

    Problem compared(const Inst& in) const {
        if ((in.aux & 7) > static_cast<u32>(FpCond::Unordered)) return "aux has no FpCond";
        return is_float(arg(0)) && arg(1) == arg(0) ? kGood : "operands must be floats of one type";
    }

    Problem floating(const Inst& in) const {
        if ((info(in.op).effects & kEffectFP) && in.op != Op::FCmp)
            if (Problem p = rounding(in)) return p;
        const Problem operand = "operand must be a float", i64 = "type must be i64";
        switch (in.op) {
            case Op::Fma:
                if (arg(2) != in.type) return "operands must have one type";
                [[fallthrough]];
            case Op::FAdd:
            case Op::FSub:
            case Op::FMul:
            case Op::FDiv:
            case Op::FMinNum:
            case Op::FMaxNum:
            case Op::FMin:
            case Op::FMax:
            case Op::FCopySign:
            case Op::FMulX:
            case Op::FRecpStep:
            case Op::FRsqrtStep:
                if (arg(1) != in.type) return "operands must have one type";
                [[fallthrough]];
            case Op::FSqrt:
            case Op::FNeg:
            case Op::FAbs:
            case Op::FRound:
            case Op::FRecpEst:
            case Op::FRsqrtEst:
            case Op::FRecpX: return is_float(in.type) ? kGood : operand;
            case Op::FRoundInt:
                return in.type == Type::F32 || in.type == Type::F64 ? kGood : "operand must be f32 or f64";
            case Op::URecpEst:
            case Op::URsqrtEst: return in.type == Type::I32 ? kGood : "operand must be i32";
            case Op::FCmp: return compared(in);
            case Op::FClass:
                return is_float(arg(0)) && in.type == Type::I64 ? kGood : "i64 is made from a float";
            case Op::FToInt:
                if (fp_fraction_bits(in.aux) > 64) return "more than 64 fraction bits";
                return is_float(arg(0)) && is_word(in.type) ? kGood : "an integer is made from a float";
            case Op::FToIntMod:
                return arg(0) == Type::F64 && in.type == Type::I32 ? kGood : "i32 is made from f64";
            case Op::IntToF:
                if (fp_fraction_bits(in.aux) > 64) return "more than 64 fraction bits";
                return is_word(arg(0)) && is_float(in.type) ? kGood : "a float is made from an integer";
            case Op::FToF: return is_float(arg(0)) && is_float(in.type) ? kGood : operand;
            case Op::FToBf16:
                return arg(0) == Type::F32 && in.type == Type::I16 ? kGood : "i16 is made from f32";
            case Op::NanBox:
                return (arg(0) == Type::F16 || arg(0) == Type::F32) && in.type == Type::F64
                           ? kGood
                           : "f64 is made from f16 or f32";
            case Op::NanUnbox:
                return arg(0) == Type::F64 && (in.type == Type::F16 || in.type == Type::F32)
                           ? kGood
                           : "f16 or f32 is made from f64";
            case Op::FpGetFlags:
            case Op::FpGetRound: return in.type == Type::I64 ? kGood : i64;
            default: return arg(0) == Type::I64 ? kGood : i64;  // FpSetFlags, FpSetRound
        }
    }

    /// Lane type, aux and imm of a vector op; the types of its operands and result.
    Problem vector(const Inst& in) const {
        const VectorRule rule = vector_rule(in.op);
        const bool has_lane = in.mtype <= Type::Flags && (rule.lanes & lane_set(in.mtype));
        if (!has_lane) return "mem= is no lane type of this operation";
        if (in.aux & ~rule.aux) return "aux has bits that mean nothing here";
        if (is_vector_float(in.op) && rule.aux != 0) {
            if (in.op == Op::VFCmp) {
                if ((in.aux & 7) > static_cast<u32>(FpCond::Unordered)) return "aux has no FpCond";
            } else if (Problem p = rounding(in)) {
                return p;
            }
            const bool fixed = in.op == Op::VFToInt || in.op == Op::VIntToF;
            if (fixed && fp_fraction_bits(in.aux) > 64) return "more than 64 fraction bits";
        }
        if (Problem p = vector_imm(in)) return p;
        switch (in.op) {
            case Op::VSplat:
            case Op::VScalar:
                return arg(0) == in.mtype && in.type == Type::V128
                           ? kGood
                           : "v128 is made from a scalar of the lane type";
            case Op::VExtract:
                return arg(0) == Type::V128 && in.type == in.mtype ? kGood
                                                                   : "the lane type is taken from v128";
            case Op::VInsert:
                return in.type == Type::V128 && arg(1) == in.mtype
                           ? kGood
                           : "operands must be v128 and the lane type";
            default: break;
        }
        for (unsigned k = 0; k < info(in.op).nargs; ++k)
            if (arg(k) != Type::V128) return "operands must be v128";
        return kGood;
    }

    static Problem vector_imm(const Inst& in) {
        const unsigned lane = width(in.mtype);
        switch (in.op) {
            case Op::VExtract:
            case Op::VInsert:
            case Op::VDup: return in.imm < 128 / lane ? kGood : "imm is no lane";
            case Op::VShlImm:
            case Op::VLshrImm:
            case Op::VAshrImm: return in.imm < lane ? kGood : "imm must be less than the lane width";
            case Op::VExt: return in.imm < 16 ? kGood : "imm must be less than 16";
            case Op::VRev:
                return (in.imm == 16 || in.imm == 32 || in.imm == 64) && in.imm > lane
                           ? kGood
                           : "imm must be 16, 32 or 64 and wider than a lane";
            default: return kGood;
        }
    }

    Problem control(const Inst& in) const {
        switch (in.op) {
            case Op::ReadIcount:
            case Op::ReadTime: return in.type == Type::I64 ? kGood : "result must be i64";
            case Op::HostBase:
                if (in.type != Type::I64 || arg(0) != Type::I64) return "operand and result must be i64";
                return host_base_bytes(in.aux) != 0 ? kGood : "it covers no bytes";
            case Op::ExitIf: return arg(0) == Type::I1 ? kGood : "the condition must be i1";
            case Op::TrapIf:
                if (arg(0) != Type::I1 || arg(1) != Type::I64) return "operands must be i1 and i64";
                return in.aux < static_cast<u32>(ExitReason::Count_) ? kGood : "aux is no ExitReason";
            case Op::Exit:
                return zext(in.aux, kSiteShift) < static_cast<u32>(ExitReason::Count_)
                           ? kGood
                           : "aux is no ExitReason";
            case Op::Call: return return_address(in.args[0]);
            case Op::CallInd:
                if (arg(0) != Type::I64) return "the target must be i64";
                return return_address(in.args[1]);
            case Op::JumpInd:
            case Op::Ret: return arg(0) == Type::I64 ? kGood : "the target must be i64";
            default: return kGood;
        }
    }

    Problem return_address(Value v) const {
        const Inst& x = b_.insts[v];
        const bool constant = x.op == Op::Const || x.op == Op::GuestAddr;
        return constant && x.type == Type::I64 ? kGood : "the return address must be a constant i64";
    }

    const Block& b_;
    const StateLayout& layout_;
    Value at_ = 0;
};

}  // namespace

Result<void> verify(const Block& block, const StateLayout& layout) { return Verifier(block, layout).run(); }

}  // namespace vm::ir
