// Flags of arithmetic are mostly overwritten unseen: only a fault, or an exit that is seldom taken, wants
// them as a word. Where they are a function of slots that stay as they are until then, DeferFlags takes the
// place of the write; the back end makes the word on the way out, or at the fault. Where they are not, the
// operands are kept in two slots that are there for this (StateLayout::flag_operands), which costs less than
// the word.
#include <algorithm>
#include <optional>
#include <vector>

#include "ir/passes/passes.h"
#include "ir/region.h"

namespace vm::ir {
namespace {

constexpr u16 kObserves = kEffectRM | kEffectWM | kEffectX | kEffectT;

/// A write of flags that may be deferred as far as was seen.
struct Candidate {
    Value set = kNone;  ///< the SetState
    Value at = kNone;   ///< where DeferFlags goes: behind the writes of the same guest instruction
    DeferredFlags flags;
    DeferredFlags kept;  ///< if `keeps`: the same with the operands in slots of their own
    bool keeps = false;
    bool broken = false;   ///< a slot that it reads was written
    bool possible = true;  ///< not seen since it was broken
    bool seen = false;

    /// Without slots of its own.
    bool plain() const { return possible && !broken; }
};

/// The first state slot of type flags.
u64 flags_slot(const StateLayout& layout) {
    u64 s = 0;
    while (s < layout.slots.size() && layout.slots[s].type != Type::Flags) s++;
    return s;
}

/// One walk over a block.
class Walk {
  public:
    Walk(Block& block, const StateLayout& layout, PassScratch& scratch)
        : insts_(block.insts),
          layout_(layout),
          scratch_(scratch),
          words_(scratch.words),
          value_(scratch.slot_value) {
        words_.clear();
        for (unsigned s = 0; s < layout.slots.size(); s++)
            if (layout.slots[s].type == Type::I64 && !layout.holds_flag_operand(s))
                words_.push_back(static_cast<u8>(s));
        value_.assign(layout.slots.size(), kNone);
    }

    /// Defers what is overwritten inside; what is left at the end, if it may be deferred beyond it.
    std::optional<Candidate> run() {
        for (Value i = 0; i < insts_.size(); i++) {
            const Inst& in = insts_[i];
            if (in.op == Op::SetState) {
                set(i);
            } else if (in.op == Op::DeferFlags) {
                now_.reset();
            } else if (in.op == Op::GetState) {
                if (layout_.slots[in.imm].type == Type::Flags) now_.reset();
                value_[in.imm] = i;
            } else if (now_ && (effects(in.op) & kObserves)) {
                now_->seen = true;
                if (now_->broken) now_->possible = false;
            }
        }
        if (!kept_.empty()) keep_operands();
        if (!now_ || !(now_->plain() || now_->keeps)) return std::nullopt;
        return now_;
    }

    /// A candidate that is left at the end. Who is jumped to may do with deferred flags; the other
    /// ways to leave want them stored.
    void commit_last(const Candidate& c, bool keep) {
        if (!is_plain_end(insts_.back())) {
            const Inst leave = insts_.back(), set = insts_[c.set];
            insts_.back() = insts_[set.args[0]];
            const auto made = static_cast<Value>(insts_.size() - 1);
            insts_.push_back({.op = Op::SetState, .args = {made, kNone, kNone}, .imm = set.imm});
            insts_.push_back(leave);
        }
        if (!keep) return commit(insts_, c);
        kept_.assign(1, c);
        keep_operands();
    }
    static void commit(PodVector<Inst>& insts, const Candidate& c) {
        // What is between are writes of state, which nobody refers to.
        std::copy(insts.begin() + c.set + 1, insts.begin() + c.at + 1, insts.begin() + c.set);
        insts[c.at] = c.flags.inst();
    }

  private:
    void set(Value i) {
        const u64 slot = insts_[i].imm;
        if (layout_.slots[slot].type != Type::Flags) {
            if (now_ && i > now_->at && now_->flags.reads(slot)) now_->broken = true;
            value_[slot] = insts_[i].args[0];
            return;
        }
        if (now_ && now_->seen) {
            if (now_->possible)
                commit(insts_, *now_);
            else if (now_->keeps)
                kept_.push_back(*now_);
        }
        now_ = describe(i);
    }

    /// Writes the operands of kept_ to their slots instead of the flags.
    void keep_operands() {
        PodVector<Inst>& out = scratch_.insts;
        PodVector<Value>& now = scratch_.replacement;
        out.clear();
        now.assign(insts_.size(), kNone);
        const auto add = [&](const Inst& in) {
            out.push_back(in);
            return static_cast<Value>(out.size() - 1);
        };
        const auto write = [&](u8 slot, Value v) {
            if (out[v].type != Type::I64)
                v = add({.op = Op::Zext, .type = Type::I64, .args = {v, kNone, kNone}, .aux = kLooseUpper});
            add({.op = Op::SetState, .args = {v, kNone, kNone}, .imm = slot});
        };
        size_t next = 0;
        for (Value i = 0; i < insts_.size(); i++) {
            Inst in = insts_[i];
            if (in.op != Op::Const128)
                for (Value& a : in.args)
                    if (a != kNone) a = now[a];
            if (next == kept_.size() || kept_[next].set != i) {
                now[i] = add(in);
                continue;
            }
            const DeferredFlags& d = kept_[next++].kept;
            const Inst f = out[in.args[0]];
            write(d.a, f.args[0]);
            if (!d.constant) write(d.b, f.args[1]);
            now[i] = add(d.inst());
        }
        std::swap(insts_, out);
        if (now_) now_->set = now[now_->set], now_->at = now[now_->at];
    }

    /// Strips what only widens: the low `bits` bits stay.
    Value stripped(Value v, unsigned bits) const {
        for (;;) {
            const Inst& in = insts_[v];
            const bool widens = in.op == Op::Zext || in.op == Op::Sext;
            if (widens ? width(insts_[in.args[0]].type) < bits : in.op != Op::Trunc) return v;
            v = in.args[0];
        }
    }
    /// The slot whose low `bits` bits are v, or -1.
    int holder(Value v, unsigned bits) const {
        const Value want = stripped(v, bits);
        for (const u8 s : words_)
            if (value_[s] != kNone && width(insts_[value_[s]].type) >= bits &&
                stripped(value_[s], bits) == want)
                return s;
        return -1;
    }
    bool operand_b(Value v, DeferredFlags& d) const {
        if (insts_[v].op == Op::Const) {
            const i64 c = sext(insts_[v].imm, d.bits());
            d.constant = true;
            d.b = 0;
            d.value = static_cast<i32>(c);
            return c == d.value;
        }
        const int b = holder(v, d.bits());
        d.constant = false;
        d.b = static_cast<u8>(b);
        return b >= 0;
    }
    /// The slot that holds x op y, in whatever way it was written.
    int result(Op op, Value x, Value y, unsigned bits) const {
        const bool constant = insts_[y].op == Op::Const;
        for (const u8 s : words_) {
            if (value_[s] == kNone || width(insts_[value_[s]].type) < bits) continue;
            const Inst& r = insts_[stripped(value_[s], bits)];
            if ((r.op != Op::Add && r.op != Op::Sub) || width(r.type) < bits) continue;
            if (stripped(r.args[0], bits) != stripped(x, bits)) continue;
            const Inst& other = insts_[r.args[1]];
            if (r.op == op && stripped(r.args[1], bits) == stripped(y, bits)) return s;
            if (!constant || other.op != Op::Const) continue;
            const u64 c = zext(r.op == op ? insts_[y].imm : 0 - insts_[y].imm, bits);
            if (zext(other.imm, bits) == c) return s;
        }
        return -1;
    }

    std::optional<Candidate> describe(Value i) {
        Candidate c{.set = i, .at = i, .flags = {}, .kept = {}};
        const Inst& f = insts_[insts_[i].args[0]];
        if (f.op != Op::FlagsSub && f.op != Op::FlagsAdd && f.op != Op::FlagsLogic) return std::nullopt;
        const Type t = insts_[f.args[0]].type;
        if ((t != Type::I32 && t != Type::I64) || insts_[i].imm > 0xff) return std::nullopt;
        if (f.op != Op::FlagsLogic && (insts_[f.args[2]].op != Op::Const || insts_[f.args[2]].imm != 0))
            return std::nullopt;
        for (Value k = i + 1; k < insts_.size(); k++) {
            const Inst& next = insts_[k];
            if (next.op == Op::Nop) continue;
            if (next.op != Op::SetState || layout_.slots[next.imm].type == Type::Flags) break;
            value_[next.imm] = next.args[0];
            c.at = k;
        }
        DeferredFlags& d = c.flags;
        d.flags = static_cast<u8>(insts_[i].imm);
        d.wide = t == Type::I64;
        if (layout_.flag_operands != 0) keep(f, c);
        c.possible = f.op == Op::FlagsLogic ? logic(f.args[0], d) : sum(f, d);
        if (!c.possible && !c.keeps) return std::nullopt;
        return c;
    }
    /// The description by operands that are kept.
    void keep(const Inst& f, Candidate& c) const {
        DeferredFlags& d = c.kept;
        d = c.flags;
        c.keeps = true;
        d.a = static_cast<u8>(layout_.flag_operands);
        if (f.op == Op::FlagsLogic) {
            d.kind = DeferredFlags::Kind::And;
            d.constant = true;
            d.value = -1;
            return;
        }
        d.kind = f.op == Op::FlagsSub ? DeferredFlags::Kind::Sub : DeferredFlags::Kind::Add;
        d.carry = f.op == Op::FlagsSub ? static_cast<CarrySem>(f.aux) : CarrySem{};
        if (insts_[f.args[1]].op == Op::Const && operand_b(f.args[1], d)) return;
        d.constant = false;
        d.value = 0;
        d.b = static_cast<u8>(layout_.flag_operands + 1);
    }
    bool logic(Value x, DeferredFlags& d) const {
        d.kind = DeferredFlags::Kind::And;
        int a = holder(x, d.bits());
        if (a >= 0) {
            d.constant = true;
            d.value = -1;
        } else {
            const Inst& in = insts_[stripped(x, d.bits())];
            if (in.op != Op::And || width(in.type) < d.bits() || !operand_b(in.args[1], d)) return false;
            a = holder(in.args[0], d.bits());
        }
        d.a = static_cast<u8>(a);
        return a >= 0;
    }
    bool sum(const Inst& f, DeferredFlags& d) const {
        const bool sub = f.op == Op::FlagsSub;
        if (!operand_b(f.args[1], d)) return false;
        d.carry = sub ? static_cast<CarrySem>(f.aux) : CarrySem{};
        d.kind = sub ? DeferredFlags::Kind::Sub : DeferredFlags::Kind::Add;
        int a = holder(f.args[0], d.bits());
        if (a < 0) {
            a = result(sub ? Op::Sub : Op::Add, f.args[0], f.args[1], d.bits());
            d.kind = sub ? DeferredFlags::Kind::SubResult : DeferredFlags::Kind::AddResult;
        }
        d.a = static_cast<u8>(a);
        return a >= 0;
    }

    PodVector<Inst>& insts_;
    const StateLayout& layout_;
    PassScratch& scratch_;
    PodVector<u8>& words_;
    PodVector<Value>& value_;  ///< of each slot, as far as it is known
    std::optional<Candidate> now_;
    std::vector<Candidate> kept_;  ///< operands are to be kept, in the order of the block
};

/// What becomes of flags that are deferred where a block is entered.
enum class Fate : u8 {
    Dead,    ///< overwritten before anybody looks
    Killed,  ///< overwritten
    Passes,  ///< they still stand so at its end
    Made,    ///< somebody reads them, and somebody looks when they are no longer to be had
    Lost     ///< somebody looks when they are no longer to be had
};

Fate fate(const Block& block, const DeferredFlags& d) {
    bool broken = false, seen = false, lost = false, read = false;
    const auto now = [&](Fate f) { return !lost ? f : read ? Fate::Made : Fate::Lost; };
    for (const Inst& in : block.insts) {
        if (in.op == Op::DeferFlags) return now(seen ? Fate::Killed : Fate::Dead);
        if (in.op == Op::SetState) {
            if (in.imm == d.flags) return now(seen ? Fate::Killed : Fate::Dead);
            broken |= d.reads(in.imm);
        } else if (in.op == Op::GetState) {
            if (in.imm != d.flags) continue;
            lost |= broken;
            read = seen = true;
        } else if (effects(in.op) & kObserves) {
            lost |= broken || ((effects(in.op) & kEffectT) && !is_plain_end(in));
            seen = true;
        }
    }
    return now(broken ? Fate::Lost : Fate::Passes);
}

/// The instructions that make deferred flags as a value.
class Reader {
  public:
    Reader(PodVector<Inst>& out, const DeferredFlags& d) : out_(out), d_(d) {}

    Value read() {
        using Kind = DeferredFlags::Kind;
        const Value a = operand(d_.a);
        const Value b = d_.constant ? constant(type(), static_cast<u64>(i64{d_.value})) : operand(d_.b);
        if (d_.kind == Kind::And) {
            const Value both = add({.op = Op::And, .type = type(), .args = {a, b, kNone}});
            return add({.op = Op::FlagsLogic, .type = Type::Flags, .args = {both, kNone, kNone}});
        }
        const Value carry = constant(Type::I1, 0);
        Value x = a;
        if (d_.kind == Kind::SubResult) x = add({.op = Op::Add, .type = type(), .args = {a, b, kNone}});
        if (d_.kind == Kind::AddResult) x = add({.op = Op::Sub, .type = type(), .args = {a, b, kNone}});
        const bool sub = d_.kind == Kind::Sub || d_.kind == Kind::SubResult;
        return add({.op = sub ? Op::FlagsSub : Op::FlagsAdd,
                    .type = Type::Flags,
                    .args = {x, b, carry},
                    .aux = sub ? static_cast<u32>(d_.carry) : 0});
    }

  private:
    Type type() const { return d_.wide ? Type::I64 : Type::I32; }
    Value add(const Inst& in) {
        out_.push_back(in);
        return static_cast<Value>(out_.size() - 1);
    }
    Value constant(Type t, u64 v) { return add({.op = Op::Const, .type = t, .imm = zext(v, width(t))}); }
    Value operand(u8 slot) {
        const Value v = add({.op = Op::GetState, .type = Type::I64, .imm = slot});
        return d_.wide ? v : add({.op = Op::Trunc, .type = Type::I32, .args = {v, kNone, kNone}});
    }
    PodVector<Inst>& out_;
    const DeferredFlags& d_;
};

/// The block as it is entered with flags `d`: what reads them makes them; if they are lost later on, then at
/// its beginning, and writes them.
Block entered_with(const Block& block, const DeferredFlags& d) {
    const auto reads = [&](const Inst& in) { return in.op == Op::GetState && in.imm == d.flags; };
    const auto kills = [&](const Inst& in) {
        return in.op == Op::DeferFlags || (in.op == Op::SetState && in.imm == d.flags);
    };
    if (std::ranges::none_of(block.insts, reads)) return block;
    Block out = block;
    out.insts.clear();
    Value made = kNone;
    if (fate(block, d) == Fate::Made) {
        made = Reader(out.insts, d).read();
        out.insts.push_back({.op = Op::SetState, .args = {made, kNone, kNone}, .imm = d.flags});
    }
    std::vector<Value> now;
    bool stand = true;
    for (Inst in : block.insts) {
        stand = stand && !kills(in);
        if (in.op != Op::Const128)
            for (Value& a : in.args)
                if (a != kNone) a = now[a];
        if (stand && reads(in)) {
            now.push_back(made != kNone ? made : Reader(out.insts, d).read());
        } else {
            now.push_back(static_cast<Value>(out.insts.size()));
            out.insts.push_back(in);
        }
    }
    return out;
}

/// Defers flags beyond the ends of the blocks of a region.
class Spread {
  public:
    Spread(Region& region, const StateLayout& layout)
        : region_(region), layout_(layout), flags_slot_(static_cast<u8>(flags_slot(layout))) {}

    void run() {
        find_tails();
        if (!deferred_) return;
        make_copies();
        std::vector<Region::Node> nodes;
        std::vector<std::vector<u32>> next(copies_.size());
        for (size_t c = 0; c < copies_.size(); c++) next[c] = copies_[c].next;
        for (const u32 n : arrange(next, false)) {
            const Copy& c = copies_[n];
            const Block& b = region_.nodes[c.node].block;
            nodes.push_back({c.entry == Entry::Deferred ? entered_with(b, c.flags) : b,
                             region_.nodes[c.node].site, 1, c.entry, c.flags});
        }
        region_.nodes = std::move(nodes);
        estimate_weights(region_);
    }

  private:
    using Entry = Region::Node::Entry;
    /// At most this many ways to enter a block.
    static constexpr unsigned kMaxEntries = 3;

    struct Copy {
        u32 node;
        Entry entry;
        DeferredFlags flags;
        std::vector<u32> next;
    };

    const Block& block(u32 n) const { return region_.nodes[n].block; }
    u32 node_at(const Inst& exit) const { return region_.find(exit).node; }

    /// Calls f(target node) for the exits of a block that come before its flags are overwritten.
    template <class F>
    void before_kill(u32 n, u8 flags, F f) const {
        for (const Inst& in : block(n).insts) {
            if (in.op == Op::DeferFlags || (in.op == Op::SetState && in.imm == flags)) return;
            if (!is_jump(in)) continue;
            if (const u32 m = node_at(in); m != kNoNode) f(m);
        }
    }

    enum class Worth : u8 { No, Some, All };
    /// Whether n is to leave its last flags as `d`. Some: a block that it leads to, and that runs as often,
    /// has them so or does without; the others get them stored, on the way there. All: there are no others.
    Worth worth(u32 n, const Candidate& c, const DeferredFlags& d) const {
        std::vector<u32> todo;
        u64 seen = 0;
        bool gain = false, loss = false;
        const auto reach = [&](u32 m) {
            if (!(seen >> m & 1)) todo.push_back(m);
            seen |= u64{1} << m;
        };
        for (size_t i = c.at; i < block(n).insts.size(); i++) {
            const Inst& in = block(n).insts[i];
            if (!is_jump(in)) continue;
            const u32 m = node_at(in);
            if (m == kNoNode) continue;
            reach(m);
            gain |= 2 * region_.nodes[m].weight >= region_.nodes[n].weight && fate(block(m), d) != Fate::Lost;
        }
        if (seen == 0) return Worth::No;
        while (!todo.empty()) {
            const u32 m = todo.back();
            todo.pop_back();
            const Fate what = fate(block(m), d);
            loss |= what == Fate::Lost;
            if (what == Fate::Killed || what == Fate::Passes) before_kill(m, d.flags, reach);
        }
        return !loss ? Worth::All : gain ? Worth::Some : Worth::No;
    }

    void find_tails() {
        struct Tail {
            std::optional<Candidate> candidate;
            Worth plain = Worth::No, kept = Worth::No;
        };
        std::vector<Tail> tails;
        for (Region::Node& n : region_.nodes) tails.push_back({Walk(n.block, layout_, scratch_).run()});
        for (u32 n = 0; n < tails.size(); n++) {
            Tail& t = tails[n];
            if (!t.candidate) continue;
            if (t.candidate->plain()) t.plain = worth(n, *t.candidate, t.candidate->flags);
            if (t.candidate->keeps) t.kept = worth(n, *t.candidate, t.candidate->kept);
        }
        for (u32 n = 0; n < tails.size(); n++) {
            const Tail& t = tails[n];
            if (t.plain == Worth::No && t.kept == Worth::No) continue;
            Walk(region_.nodes[n].block, layout_, scratch_).commit_last(*t.candidate, t.kept > t.plain);
            deferred_ = true;
        }
    }

    u32 copy(u32 node, Entry entry, const DeferredFlags& flags) {
        for (u32 c = 0; c < copies_.size(); c++)
            if (copies_[c].node == node && copies_[c].entry == entry && copies_[c].flags == flags) return c;
        copies_.push_back({node, entry, flags, {}});
        return static_cast<u32>(copies_.size() - 1);
    }

    /// The copy of `node` for an exit where flags are deferred as `now` says, if they are.
    u32 entered(u32 node, const std::optional<DeferredFlags>& now) {
        const DeferredFlags none{.flags = flags_slot_};
        if (fate(block(node), none) == Fate::Dead) return copy(node, Entry::Any, {});
        if (!now || fate(block(node), *now) == Fate::Lost) return copy(node, Entry::Stored, {});
        const auto same = [&](const Copy& c) { return c.node == node; };
        const bool there =
            std::ranges::any_of(copies_, [&](const Copy& c) { return same(c) && c.flags == *now; });
        if (!there && (std::ranges::count_if(copies_, same) == kMaxEntries ||
                       deferred_copies_ + region_.nodes.size() == kMaxRegionNodes))
            return copy(node, Entry::Stored, {});
        deferred_copies_ += !there;
        return copy(node, Entry::Deferred, *now);
    }

    void make_copies() {
        entered(0, {});
        for (u32 c = 0; c < copies_.size(); c++) {
            std::optional<DeferredFlags> now;
            if (copies_[c].entry == Entry::Deferred) now = copies_[c].flags;
            const u32 node = copies_[c].node;
            if (now && fate(block(node), *now) == Fate::Made) now.reset();
            for (const Inst& in : block(node).insts) {
                if (in.op == Op::DeferFlags) now = DeferredFlags::of(in);
                if (in.op == Op::SetState && in.imm == flags_slot_) now.reset();
                if (!is_jump(in)) continue;
                const u32 m = node_at(in);
                if (m == kNoNode) continue;
                const u32 to = entered(m, now);
                copies_[c].next.push_back(to);
            }
            if (const u32 m = region_.returns_to(block(node)).node; m != kNoNode) {
                const u32 to = entered(m, {});
                copies_[c].next.push_back(to);
            }
        }
    }

    Region& region_;
    const StateLayout& layout_;
    const u8 flags_slot_;
    PassScratch scratch_;
    bool deferred_ = false;
    std::vector<Copy> copies_;
    size_t deferred_copies_ = 0;
};

}  // namespace

void defer_flags(Block& block, const StateLayout& layout, PassScratch& scratch) {
    if (!block.may_flag) return;
    const u64 slot = flags_slot(layout);
    // The last ones stay as they are.
    const auto writes = [&](const Inst& in) { return in.op == Op::SetState && in.imm == slot; };
    if (std::ranges::count_if(block.insts, writes) > 1) Walk(block, layout, scratch).run();
}

void defer_flags(Region& region, const StateLayout& layout) {
    const auto flags = [](const StateSlot& s) { return s.type == Type::Flags; };
    if (std::ranges::count_if(layout.slots, flags) == 1) Spread(region, layout).run();
}

}  // namespace vm::ir
