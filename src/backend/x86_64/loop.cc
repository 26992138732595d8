// A block that jumps back to its own start is a loop of which we see everything. The guest registers that it
// uses most get the host registers for the time it runs, whatever is pinned elsewhere. The block is emitted
// twice: as any other for the first turn, which often is the only one, and again for the turns that follow.
// Between the two a prologue exchanges registers; every way out of the second puts them back. Fault recovery
// knows from DirtySlot entries.
#include <algorithm>
#include <functional>
#include <utility>

#include "backend/x86_64/lowering.h"

namespace vm::backend::x86_64 {

namespace {
constexpr unsigned kMaxSwaps = 10;
/// Memory operations an iteration that an exchange must save.
constexpr u32 kWorthwhile = 2;
}  // namespace

// Fills swaps_; nothing is exchanged yet.
void Lowering::choose_swaps() {
    swaps_.clear();
    if (!allow_swaps_ || !block_->may_loop) return;
    const auto& insts = block_->insts;
    size_t last = 0;
    for (size_t i = 0; i < insts.size(); i++)
        if ((insts[i].op == Op::ExitIf || insts[i].op == Op::Goto) && insts[i].imm == block_->start_pc)
            last = i + 1;
    if (last == 0) return;
    std::vector<SlotCost> costs(layout_.slots.size());
    struct Accesses {
        u32 gets = 0, sets = 0;
        bool read_first = false;
    };
    std::vector<Accesses> accesses(layout_.slots.size());
    for (size_t i = 0; i < insts.size(); i++) {
        const Inst& in = insts[i];
        if (in.op == Op::SetState) costs[in.imm].written = true;
        if (i >= last || (in.op != Op::GetState && in.op != Op::SetState)) continue;
        Accesses& c = accesses[in.imm];
        if (in.op == Op::GetState) {
            if (c.sets == 0) c.read_first = true;
            c.gets++;
        } else {
            c.sets++;
        }
    }
    for (size_t s = 0; s < costs.size(); s++) {
        const Accesses& c = accesses[s];
        costs[s].cost = std::min(c.gets, 4u) + c.sets + (c.read_first && c.sets ? 4 : 0);
    }
    pick_swaps(costs, kWorthwhile);
}

// Exchanges slots without a register for pinned ones where that saves at least `worthwhile`.
void Lowering::pick_swaps(const std::vector<SlotCost>& costs, u32 worthwhile) {
    // Scalar floats stay: their NaNs wait in registers that fault recovery knows.
    for (const Type t : {Type::I64, Type::V128}) {
        std::vector<u16> in, out;
        for (u16 s = 0; s < layout_.slots.size(); s++) {
            if (layout_.slots[s].type != t) continue;
            if (pins_.reg_of[s] >= 0) {
                if (swappable_ >> pins_.reg_of[s] & 1) out.push_back(s);
            } else if (costs[s].cost >= worthwhile && !layout_.holds_flag_operand(s)) {
                in.push_back(s);
            }
        }
        // Without ties, so that every build chooses the same.
        std::ranges::sort(in, std::greater{}, [&](u16 s) { return std::pair(costs[s].cost, -int{s}); });
        std::ranges::sort(out, std::less{}, [&](u16 s) { return std::pair(costs[s].cost, s); });
        for (size_t k = 0; k < std::min({in.size(), out.size(), size_t{kMaxSwaps}}); k++) {
            if (costs[in[k]].cost < costs[out[k]].cost + worthwhile) break;
            const u8 reg = static_cast<u8>(pins_.reg_of[out[k]]);
            swaps_.push_back({reg, in[k], out[k], costs[in[k]].written});
        }
    }
}

// The turns after the first.
void Lowering::lower_loop() {
    for (const u32 from : to_loop_) a.patch32(from, a.pos() - (from + 4));
    activate_swaps();
    load_swaps();
    loop_prologue();
    const size_t exchanged = out_->dirty.size();
    lower_all();
    for (size_t k = exchanged - 2 * swaps_.size(); k < exchanged; k++) out_->dirty[k].host_end = a.pos();
}

void Lowering::activate_swaps() {
    for (const Swap& s : swaps_) {
        pins_.reg_of[s.out] = -1;
        pins_.reg_of[s.in] = static_cast<i8>(s.reg);
        pins_.slot_of[s.reg] = static_cast<i16>(s.in);
    }
    swaps_active_ = true;
}

// A whole register to the home of a slot, or from it.
void Lowering::move_home(u8 reg, u16 slot, bool load) {
    const i32 at = guest_disp(layout_.slots[slot]);
    if (reg < kXmm0) {
        load ? a.mov(r64(reg), state_mem(at, 8)) : a.mov(state_mem(at, 8), r64(reg));
    } else {
        const u32 id = cpu_.avx ? HInst::kIdVmovups : HInst::kIdMovups;
        load ? a.emit(id, xr(reg), state_mem(at, 16)) : a.emit(id, state_mem(at, 16), xr(reg));
    }
}

void Lowering::load_swaps() {
    for (const Swap& s : swaps_) {
        move_home(s.reg, s.out, false);
        move_home(s.reg, s.in, true);
    }
}

void Lowering::loop_prologue() {
    loop_head_ = a.pos();
    for (const Swap& s : swaps_) {
        out_->dirty.push_back({loop_head_, loop_head_, s.in, s.reg});
        out_->dirty.push_back({loop_head_, loop_head_, s.out, kDirtyInHome});
    }
}

void Lowering::restore_swaps() {
    for (const Swap& s : swaps_) {
        if (s.written) move_home(s.reg, s.in, false);
        move_home(s.reg, s.out, true);
    }
}

// Before the last instruction of the block. What it still needs from a swapped register was copied.
void Lowering::restore_inline() {
    if (!swaps_active_) return;
    restore_swaps();
    for (const Swap& s : swaps_) drop_reg(s.reg);
    swaps_active_ = false;
}

bool Lowering::swapped_reg(u8 r) const {
    return swaps_active_ &&
           std::any_of(swaps_.begin(), swaps_.end(), [&](const Swap& s) { return s.reg == r; });
}

// The node that an exit leads to without leaving; a block that is its own loop is node 0.
ir::Region::Target Lowering::inside(const Inst& exit) const {
    const ir::DeferredFlags* now = deferred_ < 0 ? nullptr : &flags_[static_cast<size_t>(deferred_)];
    if (region_ != nullptr) return region_->find(exit, now);
    if (swaps_.empty() || exit.imm != block_->start_pc) return {};
    return {0, now != nullptr};
}

void Lowering::jump_inside(u32 node, Cc c, bool always) {
    region_ != nullptr ? jump_to_node(node, c, always) : loop_jump(c, always);
}

// To the loop head, where registers are as they are now; from the first turn to the prologue before it.
void Lowering::loop_jump(Cc c, bool always) {
    if (!swaps_active_) {
        if (!always) a.byte(0x0f);
        a.byte(always ? 0xe9 : static_cast<u8>(0x80 | static_cast<u8>(c)));
        to_loop_.push_back(a.pos());
        return a.dword(0);
    }
    const i32 back = static_cast<i32>(loop_head_) - static_cast<i32>(a.pos() + 2);
    if (back >= -128) {
        a.byte(always ? 0xeb : static_cast<u8>(0x70 | static_cast<u8>(c)));
        return a.byte(static_cast<u8>(back));
    }
    if (always) {
        a.byte(0xe9);
    } else {
        a.byte(0x0f);
        a.byte(static_cast<u8>(0x80 | static_cast<u8>(c)));
    }
    a.dword(loop_head_ - (a.pos() + 4));
}

// The helper stub saves caller-saved registers to the homes of the slots that they usually hold: swapped ones
// must not be among them. Compiles a block again without swaps, a region without those registers.
void Lowering::forbid_swaps() {
    u32 kept = 0;
    for (unsigned k = 0; k < kPinnedCalleeSaved; k++) kept |= mask_of(kPinnedInt[k]);
    for (const Swap& s : swaps_) {
        if (kept & mask_of(s.reg)) continue;
        failed_ = true;
        allow_swaps_ = false;
        swappable_ = kept;
    }
}

}  // namespace vm::backend::x86_64
