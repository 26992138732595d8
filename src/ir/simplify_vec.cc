// Vectors made of scalars and taken apart again, as front ends do where an instruction writes part of a
// register.
#include "ir/simplify.h"

namespace vm::ir {
namespace {

struct Halves {
    u64 low, high;
};
Halves constant(const Inst& in) { return {in.imm, u64{in.args[1]} << 32 | in.args[0]}; }

Value become_const(Inst& in, u64 imm) {
    in = {.op = Op::Const, .type = in.type, .imm = zext(imm, width(in.type))};
    return kNone;
}
Value become_const128(Inst& in, Halves v) {
    in = {.op = Op::Const128,
          .type = in.type,
          .args = {static_cast<u32>(v.high), static_cast<u32>(v.high >> 32), kNone},
          .imm = v.low};
    return kNone;
}
/// `in` becomes an op of one operand without imm.
Value become(Inst& in, Op op, Value x, Type lane = Type::Void) {
    in = {.op = op, .type = in.type, .mtype = lane, .args = {x, kNone, kNone}};
    return kNone;
}

/// Scalar x as in.type: itself, its low bits, or its bits.
Value low_bits(const Inst* insts, Inst& in, Value x) {
    const Type from = insts[x].type;
    if (from == in.type) return x;
    const bool same_width = width(from) == width(in.type);
    if (!same_width && !(is_int(from) && is_int(in.type))) return kNone;
    become(in, same_width ? Op::Bitcast : width(from) < width(in.type) ? Op::Zext : Op::Trunc, x);
    return simplify(insts, in);
}

/// Bits [at, at + width(in.type)) of vector `from`; `in` takes nothing else from it.
Value extract(const Inst* insts, Inst& in, Value from, unsigned at) {
    const unsigned w = width(in.type);
    const Inst& x = insts[from];
    switch (x.op) {
        case Op::Const128: {
            const Halves v = constant(x);
            return become_const(in, (at < 64 ? v.low : v.high) >> at % 64);
        }
        case Op::Make128: return w == 64 ? low_bits(insts, in, x.args[at / 64]) : kNone;
        case Op::VScalar:
            if (at >= width(x.mtype)) return become_const(in, 0);
            return at == 0 ? low_bits(insts, in, x.args[0]) : kNone;
        case Op::VLow64:
        case Op::VFNarrow: return at >= 64 ? become_const(in, 0) : kNone;
        case Op::VSplat: return x.mtype == in.type ? x.args[0] : kNone;
        case Op::VInsert:
            return x.imm * width(x.mtype) == at && width(x.mtype) == w ? low_bits(insts, in, x.args[1])
                                                                       : kNone;
        default: return kNone;
    }
}

/// Lo128, Hi128, VExtract. If nothing is known, they at least read past what does not matter to them.
Value taken(const Inst* insts, Inst& in) {
    const bool lane = in.op == Op::VExtract;
    const unsigned w = width(in.type), at = lane                 ? static_cast<unsigned>(in.imm) * w
                                            : in.op == Op::Hi128 ? 64
                                                                 : 0;
    const Op op = in.op;
    if (const Value v = extract(insts, in, in.args[0], at); v != kNone || in.op != op) return v;
    const Inst& x = insts[in.args[0]];
    const bool other_lane = x.op == Op::VInsert && width(x.mtype) == w;
    if ((x.op == Op::VLow64 && at < 64) || other_lane) in.args[0] = x.args[0];
    if (lane && x.op == Op::VDup && width(x.mtype) == w) {
        in.args[0] = x.args[0];
        in.imm = x.imm;
    }
    return kNone;
}

/// VSplat and VScalar: where x comes from, if its bits came from elsewhere.
Value made(const Inst* insts, Inst& in) {
    const Inst& x = insts[in.args[0]];
    const unsigned w = width(in.mtype);
    const bool splat = in.op == Op::VSplat;
    if (x.op == Op::Const) {
        u64 low = x.imm;
        for (unsigned n = w; splat && n < 64; n *= 2) low |= low << n;
        return become_const128(in, {low, splat ? low : 0});
    }
    if (x.op == Op::Bitcast) return become(in, in.op, x.args[0], insts[x.args[0]].type);
    const bool half = (x.op == Op::Lo128 || x.op == Op::Hi128) && insts[x.args[0]].type == Type::V128;
    if (!half && x.op != Op::VExtract) return kNone;
    const u64 index = half ? x.op == Op::Hi128 : x.imm;
    if (splat) {
        become(in, Op::VDup, x.args[0], in.mtype);
        in.imm = index;
    } else if (w == 64 && index == 0) {
        become(in, Op::VLow64, x.args[0], Type::I64);
        return simplify(insts, in);
    }
    return kNone;
}

Value dup(const Inst* insts, Inst& in) {
    const Inst& x = insts[in.args[0]];
    const bool same = x.mtype == in.mtype;
    if (x.op == Op::VSplat && same) return in.args[0];
    const bool scalar = (x.op == Op::VScalar && in.imm == 0) || (x.op == Op::VInsert && x.imm == in.imm);
    if (scalar && same) become(in, Op::VSplat, x.args[x.op == Op::VInsert ? 1 : 0], in.mtype);
    return kNone;
}

}  // namespace

Value simplify_vec(const Inst* insts, Inst& in) {
    const Inst& x = insts[in.args[0]];
    switch (in.op) {
        case Op::Lo128:
        case Op::Hi128:
        case Op::VExtract: return taken(insts, in);
        case Op::VSplat:
        case Op::VScalar: return made(insts, in);
        case Op::VDup: return dup(insts, in);
        case Op::VInsert: {  // a lane of itself
            const Inst& y = insts[in.args[1]];
            const bool same = y.op == Op::VExtract && y.args[0] == in.args[0] && y.imm == in.imm;
            return same ? in.args[0] : kNone;
        }
        case Op::VLow64:
            if (x.op == Op::VScalar || x.op == Op::VLow64 || x.op == Op::VFNarrow) return in.args[0];
            if (x.op == Op::Const128) return become_const128(in, {x.imm, 0});
            if (x.op != Op::Make128) return kNone;
            become(in, Op::VScalar, x.args[0], Type::I64);
            return simplify(insts, in);
        default: return in.imm == 0 ? in.args[0] : kNone;  // VExt and the shifts by imm
    }
}

}  // namespace vm::ir
