// For tests of passes and back ends: random well-formed blocks over every op, and a guest memory that can be
// told to fault at the n-th access. Deterministic for a seed. Not part of the product.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "ir/eval.h"
#include "ir/interp.h"
#include "ir/ir.h"
#include "ir/vec_ops.h"

namespace vm::ir::testing {

/// xorshift64*; good enough to pick operations.
class Rng {
  public:
    explicit Rng(u64 seed) : s_(seed * 0x9e3779b97f4a7c15u + 0x1234567) {}
    u64 next() {
        s_ ^= s_ >> 12;
        s_ ^= s_ << 25;
        s_ ^= s_ >> 27;
        return s_ * 0x2545f4914f6cdd1du;
    }
    u64 below(u64 n) { return next() % n; }
    bool one_in(u64 n) { return below(n) == 0; }
    /// Often a value at which integer operations change their mind.
    u64 edge() {
        constexpr u64 e[] = {0,
                             1,
                             2,
                             7,
                             31,
                             32,
                             63,
                             64,
                             0x7f,
                             0x80,
                             0xff,
                             0x7fff,
                             0x8000,
                             0x7fffffff,
                             0x80000000,
                             0xffffffff,
                             0x7fffffffffffffff,
                             0x8000000000000000,
                             ~u64{0},
                             ~u64{0} - 1};
        return one_in(2) ? e[below(std::size(e))] : next() >> below(64);
    }

  private:
    u64 s_;
};

/// Eight i64, four f64, two v128 slots, an i32, an i8 and one of flags.
inline StateLayout test_layout() {
    StateLayout l;
    u16 at = 0;
    const auto add = [&](std::string name, Type t) {
        l.slots.push_back({std::move(name), t, at});
        at = static_cast<u16>(at + 16);
    };
    for (int i = 0; i < 8; ++i) add("x" + std::to_string(i), Type::I64);
    for (int i = 0; i < 4; ++i) add("f" + std::to_string(i), Type::F64);
    for (int i = 0; i < 2; ++i) add("v" + std::to_string(i), Type::V128);
    add("w0", Type::I32);
    add("b0", Type::I8);
    add("nzcv", Type::Flags);
    l.size = at;
    l.pin_int = {0, 1, 2, 3, 4};
    l.pin_vector = {8, 9, 12};
    return l;
}
inline const StateLayout kLayout = test_layout();

/// kSize bytes of memory at kBase; everything else faults, and so does access number `fault_at` (from 0).
class TestMemory final : public Memory {
  public:
    static constexpr u64 kBase = 0x10000, kSize = 4096;
    TestMemory() : bytes(kSize) {}

    bool load(u64 addr, unsigned size, void* out) override {
        u8* p = at(addr, size);
        if (p) std::memcpy(out, p, size);
        return p;
    }
    bool store(u64 addr, unsigned size, const void* in) override {
        u8* p = at(addr, size);
        if (p) std::memcpy(p, in, size);
        return p;
    }
    bool rmw(RmwOp op, u64 addr, unsigned size, u64 operand, u64* old) override {
        u8* p = at(addr, size);
        if (!p) return false;
        u64 v = 0;
        std::memcpy(&v, p, size);
        *old = v;
        const u64 r = combine(op, size * 8, v, operand);
        std::memcpy(p, &r, size);
        return true;
    }
    bool cas(u64 addr, unsigned size, const void* expected, const void* desired, void* old) override {
        u8* p = at(addr, size);
        if (!p) return false;
        std::memcpy(old, p, size);
        if (std::memcmp(p, expected, size) == 0) std::memcpy(p, desired, size);
        return true;
    }

    std::vector<u8> bytes;
    u64 accesses = 0, fault_at = ~u64{0};

  private:
    static u64 combine(RmwOp op, unsigned w, u64 v, u64 y) {
        switch (op) {
            case RmwOp::Xchg: return y;
            case RmwOp::Add: return v + y;
            case RmwOp::And: return v & y;
            case RmwOp::Or: return v | y;
            case RmwOp::Xor: return v ^ y;
            case RmwOp::MinS: return sext(v, w) < sext(y, w) ? v : y;
            case RmwOp::MaxS: return sext(v, w) > sext(y, w) ? v : y;
            case RmwOp::MinU: return v < y ? v : y;
            case RmwOp::MaxU: return v > y ? v : y;
            case RmwOp::AndNot: return v & ~y;
        }
        return v;
    }
    u8* at(u64 addr, unsigned size) {
        const bool good = accesses++ != fault_at && addr - kBase <= kSize - size;
        if (!good) fault_addr = addr;
        return good ? bytes.data() + (addr - kBase) : nullptr;
    }
};

/// Makes blocks from a seed. Options limit what appears, for consumers that do not support everything.
class RandomBlock {
  public:
    struct Options {
        unsigned insns = 12;  ///< guest instructions
        bool floats = true, vectors = true, wide = true, atomics = true, flags = true, half = true;
    };
    RandomBlock(u64 seed, const StateLayout& layout, Options options)
        : rng_(seed), layout_(layout), options_(options) {}
    RandomBlock(u64, StateLayout&&, Options) = delete;  // it is only referred to

    Block make();
    /// Appends one instruction of `op` with fitting operands (which may need instructions before it); its
    /// index, or kNone for terminators and for what the options exclude.
    Value add(Op op);
    /// Appends a terminator.
    void finish();
    Block& block() { return b_; }

  private:
    using T = Type;
    Value push(const Inst& in) {
        b_.insts.push_back(in);
        return static_cast<Value>(b_.insts.size() - 1);
    }
    Value op(Op o, Type t, std::array<Value, 3> args, u32 aux = 0, u64 imm = 0, Type mem = T::Void) {
        return push({.op = o, .type = t, .mtype = mem, .args = args, .aux = aux, .imm = imm});
    }
    template <size_t N>
    Type pick(const Type (&types)[N]) {
        return types[rng_.below(N)];
    }
    Type word() { return pick({T::I64, T::I64, T::I32, T::I32, T::I16, T::I8}); }
    Type arith() { return options_.wide && rng_.one_in(12) ? T::I128 : word(); }
    Type scalar_float() { return options_.half && rng_.one_in(6) ? T::F16 : pick({T::F64, T::F32}); }
    Type lane() { return pick({T::I8, T::I16, T::I32, T::I64}); }
    u32 fp(u32 extra_bits = 0, bool odd = false) {
        constexpr Round r[] = {Round::Rne, Round::Rtz, Round::Rdn, Round::Rup,
                               Round::Rmm, Round::Dyn, Round::Dyn, Round::Dyn};
        const auto sem = static_cast<FpSem>(rng_.below(4));
        const bool arm = sem == FpSem::Arm || sem == FpSem::ArmDn;
        const Round round = odd && rng_.one_in(4) ? Round::Odd : r[rng_.below(std::size(r))];
        return fp_aux(round, sem, (static_cast<u32>(rng_.next()) & extra_bits) | flush(arm));
    }
    u32 flush(bool possible) { return possible && rng_.one_in(3) ? kFpFlush : 0; }
    /// Of a fixed-point conversion.
    u32 fraction() { return rng_.one_in(2) ? static_cast<u32>(rng_.below(65)) << 9 : 0; }
    u32 fcmp() { return fcmp_aux(static_cast<FpCond>(rng_.below(4)), rng_.one_in(2)) | flush(true); }
    Type lane_of(LaneSet set) {
        for (;;) {
            const auto t = static_cast<Type>(rng_.below(static_cast<u64>(Type::Flags)));
            if ((set & lane_set(t)) && (t != T::F16 || options_.half)) return t;
        }
    }
    MemOrder order() { return rng_.one_in(3) ? static_cast<MemOrder>(rng_.below(5)) : MemOrder::Plain; }

    Value any(Type t);
    Value make_value(Type t);
    Value constant(Type t);
    Value address();
    Value integer(Op o);
    Value conversion(Op o);
    Value memory(Op o);
    Value floating(Op o);
    Value vector(Op o);
    Value control(Op o);
    Value konst(Type t, u64 v) { return op(Op::Const, t, {kNone, kNone, kNone}, 0, zext(v, width(t))); }
    Value chain_step(Value x);
    void chain();
    void flags_idiom();
    void scalar_idiom();
    void repeat();
    void keep(Value v);
    void instruction();

    Rng rng_;
    const StateLayout& layout_;
    Options options_;
    Block b_;
};

inline Value RandomBlock::constant(Type t) {
    u64 v = rng_.edge();
    if (t == T::F64 && rng_.one_in(2)) {
        constexpr u64 e[] = {0,
                             1,
                             0x3ff0000000000000,
                             0x7ff0000000000000,
                             0x7ff8000000000000,
                             0x7ff0000000000001,
                             0xffffffff3f800000,
                             0xffffffff7fc00000,
                             0xfff0000000000000,
                             0x41dfffffffc00000};
        v = e[rng_.below(std::size(e))] ^ (rng_.one_in(4) ? u64{1} << 63 : 0);
    } else if (t == T::F32 && rng_.one_in(2)) {
        constexpr u64 e[] = {0, 1, 0x3f800000, 0x7f800000, 0x7fc00000, 0x7f800001, 0x4f000000, 0x00800000};
        v = e[rng_.below(std::size(e))] ^ (rng_.one_in(4) ? 0x80000000 : 0);
    }
    if (t == T::I128 || t == T::V128) {
        const u64 h = rng_.edge();
        return op(Op::Const128, t, {static_cast<u32>(h), static_cast<u32>(h >> 32), kNone}, 0, v);
    }
    return op(Op::Const, t, {kNone, kNone, kNone}, 0, zext(v, width(t)));
}

inline Value RandomBlock::make_value(Type t) {
    if (t == T::Flags && rng_.one_in(2)) return op(Op::FlagsPack, t, {any(T::I32), kNone, kNone});
    if (t == T::Flags || !rng_.one_in(3)) {
        const u64 first = rng_.below(layout_.slots.size());
        for (u64 n = 0; n < layout_.slots.size(); ++n) {
            const u64 slot = (first + n) % layout_.slots.size();
            const Type have = layout_.slots[slot].type;
            if (have == t ||
                (is_int(t) && t != T::I1 && t < T::I128 && have != T::Flags && width(t) < width(have)))
                return op(Op::GetState, t, {kNone, kNone, kNone}, 0, slot);
        }
    }
    return constant(t);
}

/// A value of type t: one of the block's last ones, or a new one.
inline Value RandomBlock::any(Type t) {
    if (!rng_.one_in(4)) {
        const size_t n = b_.insts.size(), start = rng_.below(24);
        for (size_t back = 1 + start; back <= n && back < start + 48; ++back)
            if (b_.insts[n - back].type == t) return static_cast<Value>(n - back);
    }
    return make_value(t);
}

/// Mostly an address inside TestMemory, sometimes a wild one.
inline Value RandomBlock::address() {
    const Value x = any(T::I64);
    if (rng_.one_in(20)) return x;
    const Value mask = op(Op::Const, T::I64, {kNone, kNone, kNone}, 0, 0x7f0);
    const Value base = op(Op::Const, T::I64, {kNone, kNone, kNone}, 0, TestMemory::kBase + 0x100);
    const Value offset = op(Op::And, T::I64, {x, mask, kNone});
    return op(Op::Add, T::I64, {offset, base, kNone});
}

inline Value RandomBlock::integer(Op o) {
    switch (o) {
        case Op::Add:
        case Op::Sub: {
            const Type t = arith();
            return op(o, t, {any(t), any(t), kNone});
        }
        case Op::Mul: {  // sometimes both halves of a product
            const Type t = arith();
            const Value x = any(t), y = any(t);
            const Op high = rng_.one_in(2) ? Op::MulHiU : Op::MulHiS;
            const u64 order = t == T::I64 ? rng_.below(4) : 3;
            if (order == 0) op(high, t, {y, x, kNone});
            const Value low = op(o, t, {x, y, kNone});
            return order == 1 ? op(high, t, {x, y, kNone}) : low;
        }
        case Op::Neg:
        case Op::Clz:
        case Op::Ctz:
        case Op::Popcnt: {
            const Type t = arith();
            return op(o, t, {any(t), kNone, kNone});
        }
        case Op::Shl:
        case Op::Lshr:
        case Op::Ashr:
        case Op::Rotr: {
            const Type t = arith();
            return op(o, t, {any(t), any(rng_.one_in(3) || t == T::I128 ? word() : t), kNone});
        }
        case Op::And:
        case Op::Or:
        case Op::Xor:
        case Op::AndNot: {
            const Type t = rng_.one_in(8) ? T::I1 : options_.vectors && rng_.one_in(10) ? T::V128 : arith();
            return op(o, t, {any(t), any(t), kNone});
        }
        case Op::Not: {
            const Type t = rng_.one_in(4) ? T::I1 : options_.vectors && rng_.one_in(10) ? T::V128 : arith();
            return op(o, t, {any(t), kNone, kNone});
        }
        case Op::Bswap:
        case Op::Bitrev:
        case Op::OrcB: {
            const Type t = word();
            return op(o, t, {any(t), kNone, kNone});
        }
        case Op::Crc32: {
            const Type t = word();
            const u32 bits = t == T::I64 ? 8u << rng_.below(4) : width(t);
            return op(o, T::I32, {any(T::I32), any(t), kNone}, bits, rng_.below(2));
        }
        case Op::DivWideS:
        case Op::DivWideU:
        case Op::RemWideS:
        case Op::RemWideU: {  // x:y over z with a quotient that fits: x is 0 or the sign of y, z is not 0 or
                              // -1
            const Type t = pick({T::I64, T::I32});
            const bool is_signed = o == Op::DivWideS || o == Op::RemWideS;
            const Value y = any(t);
            const Value top = op(Op::Const, t, {kNone, kNone, kNone}, 0, width(t) - 1);
            const Value x =
                is_signed ? op(Op::Ashr, t, {y, top, kNone}) : op(Op::Const, t, {kNone, kNone, kNone}, 0, 0);
            const Value three = op(Op::Const, t, {kNone, kNone, kNone}, 0, 3);
            const Value raw = op(Op::Lshr, t, {any(t), three, kNone});
            const Value z = op(Op::Or, t, {raw, three, kNone});
            return op(o, t, {x, y, z});
        }
        case Op::Icmp: {
            const Type t = rng_.one_in(10) ? T::I1 : arith();
            return op(o, T::I1, {any(t), any(t), kNone}, static_cast<u32>(rng_.below(10)));
        }
        case Op::Select: {
            Type t = rng_.one_in(4) && options_.floats ? scalar_float() : arith();
            if (options_.vectors && rng_.one_in(8)) t = T::V128;
            if (options_.flags && rng_.one_in(8)) t = T::Flags;
            return op(o, t, {any(T::I1), any(t), any(t)});
        }
        case Op::FlagsAdd:
        case Op::FlagsSub: {
            const Type t = word();
            return op(o, T::Flags, {any(t), any(t), any(T::I1)},
                      o == Op::FlagsSub ? static_cast<u32>(rng_.below(2)) : 0);
        }
        case Op::FlagsLogic: return op(o, T::Flags, {any(word()), kNone, kNone});
        case Op::FlagsFCmp: {
            if (!options_.floats) return kNone;
            const Type t = scalar_float();
            return op(o, T::Flags, {any(t), any(t), kNone}, fcmp());
        }
        case Op::FlagsPack: return op(o, T::Flags, {any(T::I32), kNone, kNone});
        case Op::FlagsUnpack: return op(o, T::I32, {any(T::Flags), kNone, kNone});
        case Op::FlagsTest:
            return op(o, T::I1, {any(T::Flags), kNone, kNone}, static_cast<u32>(rng_.below(14)));
        default: {  // two operands i8..i64
            const Type t = word();
            const bool divides = o >= Op::DivS && o <= Op::RemU;
            return op(o, t, {any(t), any(t), kNone}, divides ? static_cast<u32>(rng_.below(2)) : 0);
        }
    }
}

inline Value RandomBlock::conversion(Op o) {
    constexpr Type ladder[] = {T::I1, T::I8, T::I16, T::I32, T::I64, T::I128};
    const u64 top = options_.wide ? 5 : 4;
    const u64 wide = 1 + rng_.below(top), narrow = rng_.below(wide);
    const Type full = options_.vectors && rng_.one_in(2) ? T::V128 : T::I128;
    switch (o) {
        case Op::Zext:
        case Op::Sext: return op(o, ladder[wide], {any(ladder[narrow]), kNone, kNone});
        case Op::Trunc: return op(o, ladder[narrow], {any(ladder[wide]), kNone, kNone});
        case Op::Bitcast: {
            if (!options_.floats) return op(o, T::I64, {any(T::I64), kNone, kNone});
            constexpr Type pairs[][2] = {
                {T::F64, T::I64}, {T::F32, T::I32}, {T::I64, T::F64}, {T::I32, T::F32}};
            const auto& p = pairs[rng_.below(4)];
            return op(o, p[0], {any(p[1]), kNone, kNone});
        }
        default:
            if (!options_.wide) return kNone;
            if (o == Op::Make128) return op(o, full, {any(T::I64), any(T::I64), kNone});
            return op(o, T::I64, {any(full), kNone, kNone});
    }
}

inline Value RandomBlock::memory(Op o) {
    if (o == Op::Fence) return op(o, T::Void, {kNone, kNone, kNone}, static_cast<u32>(rng_.below(7)));
    if (o == Op::DropReservation) return op(o, T::Void, {kNone, kNone, kNone});
    Value a = address();
    const bool sign = rng_.one_in(2);
    Type m = word();
    Type t = m;  // at least as wide
    while (t < T::I64 && rng_.one_in(2)) t = static_cast<Type>(static_cast<u8>(t) + 1);
    switch (o) {
        case Op::Prefetch: return op(o, T::Void, {a, kNone, kNone}, 0, rng_.below(64));
        case Op::Load:
        case Op::Store: {
            if (options_.floats && rng_.one_in(5)) m = t = pick({T::F64, T::F32});
            if (options_.vectors && rng_.one_in(8)) m = t = T::V128;
            const MemOrder ord = rng_.one_in(6) ? order() : MemOrder::Plain;
            const u64 disp = static_cast<u64>(static_cast<i64>(rng_.below(256)) - 128);
            if (o == Op::Store) return op(o, T::Void, {a, any(t), kNone}, mem_aux(false, ord), disp, m);
            return op(o, t, {a, kNone, kNone}, mem_aux(sign && is_int(m), ord), disp, m);
        }
        default: break;
    }
    if (!options_.atomics) return kNone;
    const auto whole_quad = [&] {
        m = t = T::I128;
        a = op(Op::And, T::I64, {a, op(Op::Const, T::I64, {kNone, kNone, kNone}, 0, ~u64{15}), kNone});
    };
    switch (o) {
        case Op::AtomicRmw:
            return op(o, t, {a, any(t), kNone}, rmw_aux(static_cast<RmwOp>(rng_.below(10)), sign, order()), 0,
                      m);
        case Op::AtomicCas:
            if (options_.wide && rng_.one_in(6)) whole_quad();
            return op(o, t, {a, any(t), any(t)}, mem_aux(sign, order()), 0, m);
        case Op::LoadReserve: {
            if (options_.wide && rng_.one_in(6)) whole_quad();
            const Value v = op(o, t, {a, kNone, kNone}, mem_aux(sign, order()), 0, m);
            if (rng_.one_in(2)) op(Op::StoreCond, T::I1, {a, any(t), kNone}, mem_aux(false, order()), 0, m);
            return v;
        }
        default: return op(o, T::I1, {a, any(t), kNone}, mem_aux(false, order()), 0, m);  // StoreCond
    }
}

inline Value RandomBlock::floating(Op o) {
    const Type t = scalar_float();
    switch (o) {
        case Op::FSqrt: return op(o, t, {any(t), kNone, kNone}, fp());
        case Op::FRound: return op(o, t, {any(t), kNone, kNone}, fp(kFpExact));
        case Op::Fma: return op(o, t, {any(t), any(t), any(t)}, fp(kFmaNegProduct | kFmaNegAddend));
        case Op::FNeg:
        case Op::FAbs: return op(o, t, {any(t), kNone, kNone});
        case Op::FCopySign: return op(o, t, {any(t), any(t), kNone});
        case Op::FCmp: return op(o, T::I1, {any(t), any(t), kNone}, fcmp());
        case Op::FClass: return op(o, T::I64, {any(t), kNone, kNone});
        case Op::FToInt:
            return op(o, pick({T::I64, T::I32}), {any(t), kNone, kNone}, fp(kFpUnsigned) | fraction());
        case Op::FToIntMod: return op(o, T::I32, {any(T::F64), kNone, kNone}, fp());
        case Op::IntToF:
            return op(o, t, {any(pick({T::I64, T::I32})), kNone, kNone}, fp(kFpUnsigned) | fraction());
        case Op::FToF: {
            const Type from = scalar_float();
            return op(o, t, {any(from), kNone, kNone}, fp(kFpAltHalf, true));
        }
        case Op::FToBf16: return op(o, T::I16, {any(T::F32), kNone, kNone}, fp());
        case Op::FRecpEst:
        case Op::FRsqrtEst:
        case Op::FRecpX: return op(o, t, {any(t), kNone, kNone}, fp());
        case Op::URecpEst:
        case Op::URsqrtEst: return op(o, T::I32, {any(T::I32), kNone, kNone});
        case Op::FRoundInt: {
            const Type wide = t == T::F16 ? T::F32 : t;
            return op(o, wide, {any(wide), kNone, kNone}, fp(1 << 9));
        }
        case Op::NanBox: return op(o, T::F64, {any(t == T::F16 ? t : T::F32), kNone, kNone});
        case Op::NanUnbox: return op(o, t == T::F16 ? t : T::F32, {any(T::F64), kNone, kNone});
        case Op::FpGetFlags:
        case Op::FpGetRound: return op(o, T::I64, {kNone, kNone, kNone});
        case Op::FpSetFlags: return op(o, T::Void, {any(T::I64), kNone, kNone});
        case Op::FpSetRound: {
            const Value mode = op(Op::Const, T::I64, {kNone, kNone, kNone}, 0, rng_.below(4));
            return op(o, T::Void, {mode, kNone, kNone});
        }
        default: return op(o, t, {any(t), any(t), kNone}, fp());
    }
}

inline Value RandomBlock::vector(Op o) {
    const VectorRule rule = vector_rule(o);
    if (!options_.floats && is_vector_float(o)) return kNone;
    if (!options_.half && o == Op::VFmaWide) return kNone;
    const LaneSet lanes = options_.floats ? rule.lanes : rule.lanes & ~kLanesFloat;
    const Type l = lane_of(lanes);
    const u64 count = l == T::Void ? 1 : 128 / width(l);
    switch (o) {
        case Op::VShlImm:
        case Op::VLshrImm:
        case Op::VAshrImm: return op(o, T::V128, {any(T::V128), kNone, kNone}, 0, rng_.below(width(l)), l);
        case Op::VSplat:
        case Op::VScalar: return op(o, T::V128, {any(l), kNone, kNone}, 0, 0, l);
        case Op::VInsert: return op(o, T::V128, {any(T::V128), any(l), kNone}, 0, rng_.below(count), l);
        case Op::VExtract: return op(o, l, {any(T::V128), kNone, kNone}, 0, rng_.below(count), l);
        default: break;
    }
    u64 imm = 0;
    if (o == Op::VDup) imm = rng_.below(count);
    if (o == Op::VExt) imm = rng_.below(16);
    if (o == Op::VRev) imm = u64{64} >> rng_.below(static_cast<u64>(std::countr_zero(64 / width(l))));
    u32 aux = static_cast<u32>(rng_.next()) & rule.aux;
    if (o == Op::VFCmp)
        aux = fcmp();
    else if (o == Op::VFToInt || o == Op::VIntToF)
        aux = fp(kFpUnsigned) | fraction();
    else if (rule.aux & 7 && is_vector_float(o))
        aux = fp(rule.aux & ~kFpAuxBits, o == Op::VFNarrow);
    std::array<Value, 3> args{kNone, kNone, kNone};
    for (unsigned k = 0; k < arg_count(o); ++k) args[k] = any(T::V128);
    return op(o, T::V128, args, aux, imm, l);
}

inline Value RandomBlock::control(Op o) {
    constexpr std::array<Value, 3> none{kNone, kNone, kNone};
    switch (o) {
        case Op::Insn: {
            const u64 pc = b_.start_pc + 4 * b_.guest_insns++;
            return op(o, T::Void, none, 4, pc);
        }
        case Op::Icount: return op(o, T::Void, none, 0, 1);
        case Op::Nop: return op(o, T::Void, none);
        case Op::ReadIcount:
        case Op::ReadTime:
            return op(o, T::I64, none, o == Op::ReadTime ? static_cast<u32>(rng_.below(2)) : 0);
        case Op::ExitIf:
        case Op::TrapIf: {  // seldom taken
            const Value x = any(T::I64);
            const Value c = constant(T::I64);
            const Value taken = op(Op::Icmp, T::I1, {x, c, kNone}, static_cast<u32>(Cond::Eq));
            if (o == Op::TrapIf)
                return op(o, T::Void, {taken, any(T::I64), kNone}, static_cast<u32>(ExitReason::Misaligned));
            return op(o, T::Void, {taken, kNone, kNone}, static_cast<u32>(rng_.below(2)),
                      0x2000 + 4 * rng_.below(100));
        }
        default: return kNone;
    }
}

inline Value RandomBlock::add(Op o) {
    constexpr std::array<Value, 3> none{kNone, kNone, kNone};
    if (o == Op::Const || o == Op::Const128) return constant(o == Op::Const ? word() : T::I128);
    if (o == Op::GuestAddr) return op(o, T::I64, none, 0, rng_.edge());
    if (o == Op::GetState) return make_value(word());
    if (o == Op::SetState) {
        const u64 slot = rng_.below(layout_.slots.size());
        const Type t = layout_.slots[slot].type;
        if ((is_float(t) && !options_.floats) || (is_vector(t) && !options_.vectors) ||
            (t == T::Flags && !options_.flags))
            return kNone;
        return op(o, T::Void, {any(t), kNone, kNone}, 0, slot);
    }
    if (o >= Op::FAdd && o <= Op::FpSetRound) return options_.floats ? floating(o) : kNone;
    if (is_vector_op(o)) return options_.vectors ? vector(o) : kNone;
    if (o >= Op::Load && o <= Op::Prefetch) return memory(o);
    if (o >= Op::Zext && o <= Op::Make128) return conversion(o);
    if (o >= Op::Insn) return control(o);
    if (o >= Op::FlagsAdd && o <= Op::FlagsTest && !options_.flags) return kNone;
    if (o == Op::DeferFlags) return kNone;  // passes make it where it is right
    return integer(o);
}

/// One of the operations whose results have known bits.
inline Value RandomBlock::chain_step(Value x) {
    const Type t = b_.insts[x].type;
    const Type narrow = pick({T::I8, T::I16, T::I32});
    switch (rng_.below(9)) {
        case 0: return op(Op::And, t, {x, konst(t, (u64{2} << rng_.below(64)) - 1), kNone});
        case 1: return op(Op::Shl, t, {x, konst(t, 63 + rng_.below(8) * 8 + rng_.below(3)), kNone});
        case 2: return op(Op::Lshr, t, {x, konst(t, 63 + rng_.below(8) * 8 + rng_.below(3)), kNone});
        case 3: return op(Op::Ashr, t, {x, konst(t, 63 + rng_.below(8) * 8 + rng_.below(3)), kNone});
        case 4: return op(Op::Add, t, {x, rng_.one_in(2) ? x : konst(t, rng_.edge()), kNone});
        case 5: return op(rng_.one_in(2) ? Op::Or : Op::Xor, t, {x, any(t), kNone});
        case 6: return op(Op::Select, t, {any(T::I1), x, any(t)});
        default: {
            const Value low = op(Op::Trunc, narrow, {x, kNone, kNone});
            return op(rng_.one_in(2) ? Op::Sext : Op::Zext, t, {low, kNone, kNone});
        }
    }
}

/// Narrowings, widenings and shifts in a row, then a comparison that is often between equal values.
inline void RandomBlock::chain() {
    Value x = any(T::I64);
    for (u64 n = 2 + rng_.below(5); n > 0; --n) x = chain_step(x);
    const u64 slot = rng_.below(8);
    op(Op::SetState, T::Void, {x, kNone, kNone}, 0, slot);
    const Value low = op(Op::And, T::I64, {x, konst(T::I64, 1), kNone}), c = konst(T::I64, rng_.below(2));
    const bool swap = rng_.one_in(2);
    const Value less =
        op(Op::Icmp, T::I1, {swap ? c : low, swap ? low : c, kNone}, static_cast<u32>(rng_.below(10)));
    const Value truth = op(Op::Zext, T::I64, {less, kNone, kNone});
    const Value again =
        op(Op::Icmp, T::I1, {truth, konst(T::I64, 0), kNone}, static_cast<u32>(rng_.below(2)));
    const Value chosen = op(Op::Select, T::I64, {again, x, c});
    op(Op::SetState, T::Void, {chosen, kNone, kNone}, 0, rng_.below(8));
}

/// A sum or a conjunction and its flags, perhaps with the carry of other flags, and what asks about them.
inline void RandomBlock::flags_idiom() {
    const Type t = rng_.one_in(2) ? T::I64 : T::I32;
    const bool logic = rng_.one_in(5), carry = !logic && rng_.one_in(3),
               flags_first = !logic && rng_.one_in(3);
    const Op sum = logic ? Op::And : rng_.one_in(2) ? Op::Sub : Op::Add;
    const Op kind = logic ? Op::FlagsLogic : sum == Op::Sub ? Op::FlagsSub : Op::FlagsAdd;
    const Value x = any(t), y = rng_.one_in(3) ? konst(t, rng_.edge()) : any(t);
    Value c = konst(T::I1, 0);
    if (carry) {
        c = op(Op::FlagsTest, T::I1, {any(T::Flags), kNone, kNone}, static_cast<u32>(rng_.below(3)) + 1);
        if (rng_.one_in(3)) c = op(Op::Not, T::I1, {c, kNone, kNone});
    }
    Value value = kNone, flags = kNone;
    const auto make_value = [&] {
        value = op(sum, t, {x, y, kNone});
        if (carry) value = op(sum, t, {value, op(Op::Zext, t, {c, kNone, kNone}), kNone});
        if (t == T::I64 && rng_.one_in(2)) op(Op::SetState, T::Void, {value, kNone, kNone}, 0, rng_.below(8));
    };
    if (!flags_first) make_value();
    if (logic) {
        flags = op(kind, T::Flags, {value, kNone, kNone});
    } else {
        flags = op(kind, T::Flags, {x, y, c}, kind == Op::FlagsSub ? static_cast<u32>(rng_.below(2)) : 0);
    }
    if (rng_.one_in(2)) keep(flags);
    if (flags_first) make_value();
    const Value equal = op(Op::Icmp, T::I1, {x, y, kNone}, static_cast<u32>(rng_.below(2)));
    const Value holds = op(Op::FlagsTest, T::I1, {flags, kNone, kNone}, static_cast<u32>(rng_.below(14)));
    const Value chosen = op(Op::Select, T::I64, {rng_.one_in(2) ? equal : holds, any(T::I64), any(T::I64)});
    op(Op::SetState, T::Void, {chosen, kNone, kNone}, 0, rng_.below(8));
    if (rng_.one_in(3)) op(Op::ExitIf, T::Void, {rng_.one_in(2) ? equal : holds, kNone, kNone}, 0, 0x2000);
}

/// Scalars in vector registers: taken out, some operations of Arm in a row, put back.
inline void RandomBlock::scalar_idiom() {
    const Type t = rng_.one_in(2) ? T::F64 : T::F32;
    std::vector<Value> v;
    for (u64 n = 1 + rng_.below(3); n > 0; --n)
        v.push_back(rng_.one_in(3) ? op(Op::Load, t, {address(), kNone, kNone}, 0, 0, t)
                                   : op(Op::VExtract, t, {any(T::V128), kNone, kNone}, 0, 0, t));
    for (u64 n = 1 + rng_.below(8); n > 0; --n) {
        constexpr Op ops[] = {Op::FAdd, Op::FSub, Op::FMul, Op::FDiv, Op::FSqrt, Op::Fma, Op::FNeg, Op::FMax};
        const Op o = ops[rng_.below(std::size(ops))];
        std::array<Value, 3> args{kNone, kNone, kNone};
        for (unsigned k = 0; k < arg_count(o); ++k)
            args[k] = v[v.size() - 1 - rng_.below(std::min<u64>(v.size(), 4))];
        v.push_back(op(o, t, args, o == Op::FNeg ? 0 : fp_aux(Round::Dyn, FpSem::Arm)));
        if (rng_.one_in(2)) keep(op(Op::VScalar, T::V128, {v.back(), kNone, kNone}, 0, 0, t));
    }
}

/// One of the last instructions once more, perhaps with another condition, memory type or position.
inline void RandomBlock::repeat() {
    Inst in = b_.insts[b_.insts.size() - 1 - rng_.below(std::min<u64>(b_.insts.size(), 30))];
    if (in.op == Op::Insn || in.op == Op::Icount || in.op == Op::ExitIf || in.op == Op::TrapIf) return;
    if (in.op == Op::Icmp && rng_.one_in(2)) in.aux = static_cast<u32>(rng_.below(10));
    if (in.op == Op::Load && is_int(in.mtype) && rng_.one_in(2)) in.aux ^= 1;
    const Value v = push(in);
    if (in.type == T::I64) op(Op::SetState, T::Void, {v, kNone, kNone}, 0, rng_.below(8));
}

/// Writes a value that few other operations read to a slot of its type, if there is one.
inline void RandomBlock::keep(Value v) {
    const Type t = b_.insts[v].type;
    if (t == T::F16 || t == T::F32) v = op(Op::NanBox, T::F64, {v, kNone, kNone});
    const u64 first = rng_.below(layout_.slots.size());
    for (u64 n = 0; n < layout_.slots.size(); ++n) {
        const u64 slot = (first + n) % layout_.slots.size();
        if (layout_.slots[slot].type != b_.insts[v].type) continue;
        op(Op::SetState, T::Void, {v, kNone, kNone}, 0, slot);
        return;
    }
}

/// Guest instructions of one to four random operations, most of which end in a state write.
inline void RandomBlock::instruction() {
    control(Op::Insn);
    if (rng_.one_in(4)) return chain();
    if (options_.flags && rng_.one_in(8)) return flags_idiom();
    if (options_.floats && options_.vectors && rng_.one_in(8)) return scalar_idiom();
    for (u64 n = 1 + rng_.below(4); n > 0; --n) {
        const u64 kind = rng_.below(10);
        Op o = static_cast<Op>(rng_.below(static_cast<u64>(Op::Insn)));
        if (kind < 2) o = static_cast<Op>(static_cast<u64>(Op::Add) + rng_.below(24));
        if (kind == 2) o = static_cast<Op>(static_cast<u64>(Op::Zext) + rng_.below(3));
        if (kind == 3) o = rng_.one_in(2) ? Op::Load : Op::Store;
        if (kind == 4) o = Op::GetState;
        if (kind == 5 && rng_.one_in(4)) o = rng_.one_in(2) ? Op::ExitIf : Op::TrapIf;
        const Value v = add(o);
        const Type t = v == kNone ? T::Void : b_.insts[v].type;
        if ((is_vector(t) || is_float(t) || t == T::Flags) && rng_.one_in(2)) keep(v);
        if (rng_.one_in(4)) repeat();
    }
    if (!rng_.one_in(4)) add(Op::SetState);
    if (rng_.one_in(6)) add(rng_.one_in(2) ? Op::Icount : Op::ReadIcount);
}

inline void RandomBlock::finish() {
    const u64 pc = 0x3000 + 4 * rng_.below(100);
    switch (rng_.below(6)) {
        case 0: op(Op::Goto, T::Void, {kNone, kNone, kNone}, static_cast<u32>(rng_.below(2)), pc); return;
        case 1: op(Op::JumpInd, T::Void, {any(T::I64), kNone, kNone}); return;
        case 2: op(Op::Ret, T::Void, {any(T::I64), kNone, kNone}); return;
        case 3:
        case 4: {
            const Value target = any(T::I64);
            const Value link = op(Op::Const, T::I64, {kNone, kNone, kNone}, 0, pc + 4);
            if (rng_.one_in(2))
                op(Op::Call, T::Void, {link, kNone, kNone}, 0, pc);
            else
                op(Op::CallInd, T::Void, {target, link, kNone});
            return;
        }
        default:
            op(Op::Exit, T::Void, {kNone, kNone, kNone}, static_cast<u32>(ExitReason::Syscall), pc);
            return;
    }
}

inline Block RandomBlock::make() {
    b_ = Block{};
    b_.start_pc = 0x1000;
    for (unsigned i = 0; i < options_.insns; ++i) instruction();
    finish();
    b_.guest_bytes = 4 * b_.guest_insns;
    b_.ranges = {{b_.start_pc, b_.start_pc + b_.guest_bytes}};
    return std::move(b_);
}

/// Everything that running a block can change.
struct Outcome {
    InterpResult result{};
    std::vector<u8> guest, memory;
    FpEnv fp;
    Reservation reservation;
    u64 icount = 0, accesses = 0;
};

/// Eight bytes of a slot from byte `at` on, without what is arbitrary in them.
inline u64 slot_bits(const StateSlot& slot, const std::vector<u8>& guest, unsigned at = 0) {
    const u64 raw = load_raw<u64>(guest.data() + slot.offset + at);
    if (slot.type == Type::Flags) return Nzcv::of_word(static_cast<u16>(raw)).bits;
    return zext(raw, std::max(8u, std::min(64u, width(slot.type))));
}

/// Guest area and memory with edge values, from a seed.
inline void random_state(u64 seed, std::vector<u8>& guest, std::vector<u8>& memory) {
    Rng rng(seed);
    for (size_t i = 0; i + 8 <= guest.size(); i += 8) store_raw(guest.data() + i, rng.edge());
    for (size_t i = 0; i + 8 <= memory.size(); i += 8) store_raw(memory.data() + i, rng.edge());
}

/// Interprets `block` from the state that `seed` gives; memory access number `fault_at` faults. A block that
/// goes on at its own start is run again, up to `turns` times.
inline Outcome run_interpreter(const Block& block, const StateLayout& layout, u64 seed,
                               u64 fault_at = ~u64{0}, unsigned turns = 1) {
    Outcome o;
    TestMemory memory;
    memory.fault_at = fault_at;
    o.guest.resize(layout.size + 16u);
    random_state(seed, o.guest, memory.bytes);
    InterpContext ctx{.guest = o.guest.data(),
                      .fp = &o.fp,
                      .reservation = &o.reservation,
                      .icount = &o.icount,
                      .memory = &memory,
                      .read_time = [](u32 which) { return u64{0x1000} + which; }};
    u64 insns = 0;
    do {
        o.result = interpret(block, layout, ctx);
        insns += o.result.insns;
    } while (--turns > 0 && o.result.reason == ExitReason::Next && o.result.pc == block.start_pc);
    o.result.insns = insns;
    o.memory = std::move(memory.bytes);
    o.accesses = memory.accesses;
    return o;
}

}  // namespace vm::ir::testing
