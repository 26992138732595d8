// fold: local simplification once guest state was forwarded.
// Input: any block. Output: simplify() finds nothing more; sign and zero extensions, masks and shift pairs
// that known bits
//   show to be redundant are gone; rotations spelt as shifts are rotations; identical pure instructions that
//   are close together became one; indirect jumps to constant targets are direct; nothing stands behind an
//   exit that is always taken.
// Invariant: an instruction is replaced by an earlier value or rewritten in place, never moved.
// Cost: one forward walk with constant work an instruction, O(instructions).
#include <algorithm>
#include <bit>

#include "ir/eval.h"
#include "ir/passes/passes.h"
#include "ir/simplify.h"

namespace vm::ir {
namespace {

using Bits = PassScratch::Bits;

/// Only reuse what was made a few guest instructions ago: a longer life costs more than computing it again.
constexpr Value kReuseWindow = 64;
/// An inverted comparison reads the operands of the first one again; farther away they may be in no register
/// any more.
constexpr Value kInvertWindow = 16;
/// How far back a removed instruction may lie whose place a new one takes.
constexpr Value kNopSearch = 8;
constexpr unsigned kTableBits = 6;

bool is_constant(const Inst& in) { return in.op == Op::Const || in.op == Op::GuestAddr; }

/// Ops without a rule here and without known bits; most instructions are of this kind.
constexpr auto kPlain = [] {
    std::array<bool, static_cast<size_t>(Op::Count_)> plain{};
    for (const Op op : {Op::Nop, Op::Insn, Op::GetState, Op::SetState, Op::GuestAddr, Op::Const128, Op::Store,
                        Op::Icount, Op::Goto, Op::Call, Op::Exit})
        plain[static_cast<size_t>(op)] = true;
    return plain;
}();

class Folder {
  public:
    Folder(Block& block, PassScratch& scratch)
        : block_(block), insts_(block.insts.data()), repl_(scratch.replacement), bits_(scratch.bits) {
        reset_replacement(scratch, block.insts.size());
        bits_.resize(block.insts.size());
        table_.fill(kNone);
    }

    void run() {
        for (Value i = 0; i < block_.insts.size(); ++i) {
            Inst& in = insts_[i];
            if (kPlain[static_cast<u16>(in.op)]) {
                const auto w = static_cast<u8>(width(in.type));
                bits_[i] = {w, w};
                replace_operands(in, repl_);
                continue;
            }
            const bool changed = replace_operands(in, repl_);
            // What the builder made with these operands is simple already.
            Value same = changed || !block_.forwarded ? simplify(insts_, in) : kNone;
            if (same == kNone) same = local_rules(i, in);
            if (same == kNone) same = earlier_copy(i, in);
            if (same != kNone) {
                repl_[i] = same;
                in = {.op = Op::Nop};
                continue;
            }
            control_flow(i, in);
            bits_[i] = known_bits(in);
        }
    }

  private:
    bool constant(Value v) const { return insts_[v].op == Op::Const; }
    u64 imm(Value v) const { return insts_[v].imm; }

    Bits known_bits(const Inst& in) const;
    Value local_rules(Value i, Inst& in);
    Value extension(Inst& in);
    Value shift(Inst& in);
    void rotate(Value i, Inst& in);
    Value earlier_copy(Value i, const Inst& in);
    void control_flow(Value i, Inst& in);

    Block& block_;
    Inst* insts_;
    PodVector<Value>& repl_;
    PodVector<Bits>& bits_;
    std::array<Value, 1u << kTableBits> table_;  ///< pure instructions seen, by hash
};

/// Facts about an i1..i64 result; for other types the fields are the width and mean nothing.
Bits Folder::known_bits(const Inst& in) const {
    const unsigned w = width(in.type);
    if (!is_int(in.type) || w > 64) return {static_cast<u8>(w), static_cast<u8>(w)};
    const auto arg = [&](unsigned n) { return bits_[in.args[n]]; };
    const auto amount = [&] { return static_cast<unsigned>(imm(in.args[1]) & (w - 1)); };
    unsigned z = w, s = w;
    switch (in.op) {
        case Op::Const: {
            const i64 v = sext(in.imm, w);
            z = static_cast<unsigned>(std::bit_width(in.imm));
            s = static_cast<unsigned>(std::bit_width(static_cast<u64>(v < 0 ? ~v : v))) + 1;
            break;
        }
        case Op::Load: (mem_signed(in.aux) ? s : z) = width(in.mtype); break;
        case Op::And:
            z = std::min(arg(0).zero_ext, arg(1).zero_ext);
            s = std::max(arg(0).sign_ext, arg(1).sign_ext);
            break;
        case Op::Or:
        case Op::Xor:
            z = std::max(arg(0).zero_ext, arg(1).zero_ext);
            s = std::max(arg(0).sign_ext, arg(1).sign_ext);
            break;
        case Op::Select:
            z = std::max(arg(1).zero_ext, arg(2).zero_ext);
            s = std::max(arg(1).sign_ext, arg(2).sign_ext);
            break;
        case Op::Add:
            z = std::max(arg(0).zero_ext, arg(1).zero_ext) + 1u;
            s = std::max(arg(0).sign_ext, arg(1).sign_ext) + 1u;
            break;
        case Op::Zext: z = arg(0).zero_ext; break;
        case Op::Sext:
            s = arg(0).sign_ext;
            if (arg(0).zero_ext < width(insts_[in.args[0]].type)) z = arg(0).zero_ext;
            break;
        case Op::Trunc:
            if (width(insts_[in.args[0]].type) > 64) break;
            z = arg(0).zero_ext;
            s = arg(0).sign_ext;
            break;
        case Op::Shl:
            if (!constant(in.args[1])) break;
            z = arg(0).zero_ext + amount();
            s = arg(0).sign_ext + amount();
            break;
        case Op::Lshr:
            if (!constant(in.args[1])) break;
            z = arg(0).zero_ext - std::min<unsigned>(arg(0).zero_ext, amount());
            break;
        case Op::Ashr:
            if (!constant(in.args[1])) break;
            s = arg(0).sign_ext - std::min<unsigned>(arg(0).sign_ext - 1u, amount());
            if (arg(0).zero_ext < w) z = arg(0).zero_ext - std::min<unsigned>(arg(0).zero_ext, amount());
            break;
        case Op::Clz:
        case Op::Ctz:
        case Op::Popcnt: z = 7; break;
        default: break;
    }
    z = std::min(z, w);
    s = std::min({s, w, z + 1});
    return {static_cast<u8>(z), static_cast<u8>(s)};
}

/// Sext, Zext and Trunc that change nothing.
Value Folder::extension(Inst& in) {
    const Value xv = in.args[0];
    const Inst& x = insts_[xv];
    if (width(in.type) > 64 || width(x.type) > 64) return kNone;
    const unsigned w = width(x.type);
    if (in.op == Op::Trunc) {
        const bool masked = x.op == Op::And && constant(x.args[1]);
        const u64 wanted = zext(~u64{0}, width(in.type));
        if (masked && (imm(x.args[1]) & wanted) == wanted) in.args[0] = x.args[0];
        return kNone;
    }
    if (x.op == Op::Trunc && insts_[x.args[0]].type == in.type) {
        const Bits y = bits_[x.args[0]];
        if ((in.op == Op::Sext ? y.sign_ext : y.zero_ext) <= w) return x.args[0];
    }
    if (in.op == Op::Sext && bits_[xv].zero_ext < w) in.op = Op::Zext;
    return kNone;
}

Value Folder::shift(Inst& in) {
    const unsigned w = width(in.type);
    const Inst& y = insts_[in.args[1]];
    // The amount counts modulo the width: masks and width changes of it are not needed.
    if (y.op == Op::And && constant(y.args[1]) && (imm(y.args[1]) & (w - 1)) == w - 1)
        in.args[1] = y.args[0];
    else if ((y.op == Op::Trunc || y.op == Op::Zext || y.op == Op::Sext) && width(y.type) > 7 &&
             width(insts_[y.args[0]].type) > 7 && width(insts_[y.args[0]].type) <= 64)
        in.args[1] = y.args[0];
    if (!constant(in.args[1]) || in.op == Op::Shl || in.op == Op::Rotr || w > 64) return kNone;
    const Inst& x = insts_[in.args[0]];
    const unsigned n = imm(in.args[1]) & (w - 1);
    if (x.op != Op::Shl || !constant(x.args[1]) || (imm(x.args[1]) & (w - 1)) != n) return kNone;
    const Bits inner = bits_[x.args[0]];
    return (in.op == Op::Ashr ? inner.sign_ext : inner.zero_ext) <= w - n ? x.args[0] : kNone;
}

/// A rotation that needs widening is two instructions for one: the first takes the place of one that an
/// earlier pass removed.
void Folder::rotate(Value i, Inst& in) {
    Op widen{};
    const Inst rotated = rotation(insts_, in, &widen);
    if (rotated.op == Op::Nop) return;
    if (rotated.type == in.type) {
        in = rotated;
        return;
    }
    for (Value at = i; at-- > std::max(rotated.args[0], rotated.args[1]) + 1 && i - at <= kNopSearch;) {
        if (insts_[at].op != Op::Nop || repl_[at] != at) continue;
        insts_[at] = rotated;
        bits_[at] = {32, 32};
        in = {.op = widen, .type = in.type, .args = {at, kNone, kNone}};
        return;
    }
}

Value Folder::local_rules(Value i, Inst& in) {
    switch (in.op) {
        case Op::Sext:
        case Op::Zext:
        case Op::Trunc: return extension(in);
        case Op::Shl:
        case Op::Lshr:
        case Op::Ashr:
        case Op::Rotr: return shift(in);
        case Op::Or:
        case Op::Xor:
        case Op::Add: rotate(i, in); return kNone;
        case Op::And: {
            if (insts_[in.args[0]].op == Op::Not) std::swap(in.args[0], in.args[1]);
            if (insts_[in.args[1]].op == Op::Not) {
                in = {.op = Op::AndNot,
                      .type = in.type,
                      .args = {in.args[0], insts_[in.args[1]].args[0], kNone}};
                return kNone;
            }
            if (!constant(in.args[1])) return kNone;
            const u64 possible = zext(~u64{0}, bits_[in.args[0]].zero_ext);
            return (imm(in.args[1]) & possible) == possible ? in.args[0] : kNone;
        }
        case Op::Not: {
            const Inst& x = insts_[in.args[0]];
            if (x.op != Op::Icmp || i - in.args[0] > kInvertWindow) return kNone;
            const u32 opposite = static_cast<u32>(inverted(static_cast<Cond>(x.aux)));
            in = {.op = Op::Icmp, .type = Type::I1, .args = x.args, .aux = opposite};
            return kNone;
        }
        default: return kNone;
    }
}

Value Folder::earlier_copy(Value i, const Inst& in) {
    if (effects(in.op) != kEffectP || in.op == Op::Const || arg_count(in.op) == 0) return kNone;
    u64 h = static_cast<u64>(in.op) << 8 | static_cast<u64>(in.type);
    h = (h ^ in.args[0] ^ u64{in.args[1]} << 20 ^ u64{in.args[2]} << 40 ^ in.aux ^ in.imm) *
        0x9e3779b97f4a7c15u;
    Value& entry = table_[h >> (64 - kTableBits)];
    if (entry != kNone && i - entry <= kReuseWindow) {
        const Inst& e = insts_[entry];
        if (e.op == in.op && e.type == in.type && e.mtype == in.mtype && e.args == in.args &&
            e.aux == in.aux && e.imm == in.imm)
            return entry;
    }
    entry = i;
    return kNone;
}

void Folder::control_flow(Value i, Inst& in) {
    switch (in.op) {
        case Op::TrapIf:
            if (constant(in.args[0]) && imm(in.args[0]) == 0) in = {.op = Op::Nop};
            return;
        case Op::ExitIf:
            if (!constant(in.args[0])) return;
            if (imm(in.args[0]) == 0) {
                in = {.op = Op::Nop};
            } else {
                in = {.op = Op::Goto, .aux = in.aux, .imm = in.imm};
                block_.insts.resize(i + 1);
            }
            return;
        case Op::JumpInd:  // keeps its safepoint
            if (is_constant(insts_[in.args[0]]))
                in = {.op = Op::Goto, .aux = in.aux | kBackEdge, .imm = imm(in.args[0])};
            block_.may_loop = true;
            return;
        case Op::Ret:
            if ((in.aux & kExpected) && constant(in.args[0]) && imm(in.args[0]) == in.imm)
                in = {.op = Op::Goto, .aux = in.aux & ~kExpected, .imm = in.imm};
            return;
        case Op::CallInd:
            if (is_constant(insts_[in.args[0]]) && !(in.aux & kExpected))
                in = {.op = Op::Call,
                      .args = {in.args[1], kNone, kNone},
                      .aux = in.aux,
                      .imm = imm(in.args[0])};
            return;
        default: return;
    }
}

}  // namespace

void fold(Block& block, const StateLayout&, PassScratch& scratch) { Folder(block, scratch).run(); }

}  // namespace vm::ir
