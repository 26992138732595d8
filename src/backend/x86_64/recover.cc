#include "backend/x86_64/recover.h"

#include <cstring>

#include "ir/deferred_flags.h"

namespace vm::backend::x86_64 {
namespace {

u64 canonical_f64(u64 v) { return (v & ~(u64{1} << 63)) > 0x7ff0000000000000 ? 0x7ff8000000000000 : v; }
u64 canonical_f32(u64 v) { return (v & 0x7fffffff) > 0x7f800000 ? 0xffffffff7fc00000 : v; }

void store_slot(VcpuState& state, const ir::StateSlot& slot, const HostContext& ctx, unsigned reg) {
    u8* home = state.guest + slot.offset;
    if (reg < kXmm0) {
        std::memcpy(home, &ctx.gpr[reg], slot_bits(slot.type) / 8);
    } else {
        std::memcpy(home, ctx.xmm[reg - kXmm0], slot_bits(slot.type) / 8);
    }
}

}  // namespace

void recover_state(VcpuState& state, const ir::StateLayout& layout, const PinMap& pins,
                   const HostContext& ctx, std::span<const DirtySlot> dirty, u32 host_offset) {
    const auto covers = [&](const DirtySlot& d) {
        return host_offset >= d.host_begin && host_offset < d.host_end;
    };
    u32 elsewhere = 0;
    for (const DirtySlot& d : dirty)
        if (covers(d) && d.host_reg == kDirtyInHome) elsewhere |= u32{1} << pins.reg_of[d.slot];
    for (unsigned r = 0; r < kHostRegs; r++)
        if (!(elsewhere >> r & 1) && pins.slot_of[r] >= 0)
            store_slot(state, layout.slots[static_cast<unsigned>(pins.slot_of[r])], ctx, r);
    for (const DirtySlot& d : dirty) {
        if (d.host_reg == kDirtyFlagsWhat || d.host_reg == kDirtyFlags || d.host_reg == kDirtyTrap) continue;
        if (!covers(d) || d.host_reg == kDirtyInHome) continue;
        const ir::StateSlot& slot = layout.slots[d.slot];
        const unsigned reg = d.host_reg & (kHostRegs - 1);
        store_slot(state, slot, ctx, reg);
        u8* home = state.guest + slot.offset;
        if (d.host_reg & kDirtyCanonF64) store_raw(home, canonical_f64(load_raw<u64>(home)));
        if (d.host_reg & kDirtyCanonF32) store_raw(home, canonical_f32(load_raw<u64>(home)));
    }
    for (size_t k = 0; k + 1 < dirty.size(); k++) {  // of slots that are in their homes now
        if (dirty[k].host_reg != kDirtyFlags || !covers(dirty[k])) continue;
        const DirtySlot& what = dirty[k + 1];
        const auto flags = ir::DeferredFlags::of(what.host_begin, static_cast<i32>(what.host_end));
        store_raw(state.guest + layout.slots[flags.flags].offset,
                  flags.eval(state.guest, layout.slots.data()).word());
    }
    state.guest_mxcsr = ctx.mxcsr;
    state.return_sp = ctx.gpr[kRsp];
}

const DirtySlot* find_trap(std::span<const DirtySlot> dirty, u32 host_offset) {
    // Other entries hold anything in host_begin, so the kind comes first.
    for (const DirtySlot& d : dirty)
        if (d.host_reg == kDirtyTrap && d.host_begin == host_offset) return &d;
    return nullptr;
}

}  // namespace vm::backend::x86_64
