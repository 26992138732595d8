#include "base/format.h"
#include "ir/text.h"

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
        if (in.op >= Op::VAdd && in.op <= Op::VFDiv) return vector(in);
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
        if (in.type == slot || (is_word(in.type) && width(in.type) < width(slot))) return kGood;
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
                return width(in.type) != 0 && width(in.type) == width(arg(0))
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
            case Op::FlagsLogic: return is_word(arg(0)) ? kGood : "operand must be i8..i64";
            case Op::FlagsPack: return arg(0) == Type::I32 ? kGood : "operand must be i32";
            case Op::FlagsUnpack:
                return in.type == Type::I32 && arg(0) == Type::Flags ? kGood : "i32 is made from flags";
            default:
                if (in.aux > static_cast<u32>(FlagCond::Le)) return "aux is no FlagCond";
                return arg(0) == Type::Flags ? kGood : "operand must be flags";
        }
    }

    Problem memory(const Inst& in) const {
        if (in.op == Op::Fence)
            return in.aux <= static_cast<u32>(FenceKind::Compiler) ? kGood : "aux is no FenceKind";
        if (in.op == Op::DropReservation) return kGood;
        if (arg(0) != Type::I64) return "the address must be i64";
        if (in.op == Op::Prefetch) return kGood;
        if (mem_order(in.aux) > MemOrder::SeqCst) return "aux has no MemOrder";
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

    Problem floating(const Inst& in) const {
        const bool rounds = (info(in.op).effects & kEffectFP) && in.op != Op::FCmp;
        const Round rm = fp_round(in.aux);
        if (rounds && rm > Round::Rmm && rm != Round::Dyn) return "aux has no Round";
        if (rounds && fp_sem(in.aux) > FpSem::X86) return "aux has no FpSem";
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
                if (arg(1) != in.type) return "operands must have one type";
                [[fallthrough]];
            case Op::FSqrt:
            case Op::FNeg:
            case Op::FAbs:
            case Op::FRound: return is_float(in.type) ? kGood : operand;
            case Op::FCmp:
                if ((in.aux & 7) > static_cast<u32>(FpCond::Unordered)) return "aux has no FpCond";
                return is_float(arg(0)) && arg(1) == arg(0) ? kGood : "operands must be floats of one type";
            case Op::FClass:
                return is_float(arg(0)) && in.type == Type::I64 ? kGood : "i64 is made from a float";
            case Op::FToInt:
                return is_float(arg(0)) && is_word(in.type) ? kGood : "an integer is made from a float";
            case Op::FToIntMod:
                return arg(0) == Type::F64 && in.type == Type::I32 ? kGood : "i32 is made from f64";
            case Op::IntToF:
                return is_word(arg(0)) && is_float(in.type) ? kGood : "a float is made from an integer";
            case Op::FToF: return is_float(arg(0)) && is_float(in.type) ? kGood : operand;
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

    Problem vector(const Inst& in) const {
        const bool fp = in.op >= Op::VFAdd;
        const bool moves = in.op == Op::VSplat || in.op == Op::VInsert || in.op == Op::VExtract;
        const bool float_lane = in.mtype == Type::F32 || in.mtype == Type::F64;
        if (in.op == Op::VTable)
            return in.type == Type::V128 && arg(1) == Type::V128 ? kGood : "operands must be v128";
        if (fp ? !float_lane : !(is_word(in.mtype) || (moves && float_lane)))
            return "mem= is no lane type of this operation";
        const unsigned lane = width(in.mtype);
        switch (in.op) {
            case Op::VSplat:
                return arg(0) == in.mtype && in.type == Type::V128
                           ? kGood
                           : "v128 is made from a scalar of the lane type";
            case Op::VExtract:
                if (in.imm >= 128 / lane) return "imm is no lane";
                return arg(0) == Type::V128 && in.type == in.mtype ? kGood
                                                                   : "the lane type is taken from v128";
            case Op::VInsert:
                if (in.imm >= 128 / lane) return "imm is no lane";
                return in.type == Type::V128 && arg(1) == in.mtype
                           ? kGood
                           : "operands must be v128 and the lane type";
            case Op::VShlImm:
            case Op::VLshrImm:
            case Op::VAshrImm:
                if (in.imm >= lane) return "imm must be less than the lane width";
                return in.type == Type::V128 ? kGood : "operand must be v128";
            default: break;
        }
        if (fp && ((fp_round(in.aux) > Round::Rmm && fp_round(in.aux) != Round::Dyn) ||
                   fp_sem(in.aux) > FpSem::X86))
            return "aux has no Round or FpSem";
        return in.type == Type::V128 && arg(1) == Type::V128 ? kGood : "operands must be v128";
    }

    Problem control(const Inst& in) const {
        switch (in.op) {
            case Op::ReadIcount:
            case Op::ReadTime: return in.type == Type::I64 ? kGood : "result must be i64";
            case Op::ExitIf: return arg(0) == Type::I1 ? kGood : "the condition must be i1";
            case Op::TrapIf:
                if (arg(0) != Type::I1 || arg(1) != Type::I64) return "operands must be i1 and i64";
                return in.aux < static_cast<u32>(ExitReason::Count_) ? kGood : "aux is no ExitReason";
            case Op::Exit:
                return in.aux < static_cast<u32>(ExitReason::Count_) ? kGood : "aux is no ExitReason";
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
