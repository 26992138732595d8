#include "ir/deferred_flags.h"

#include <cstring>

namespace vm::ir {
namespace {
// Bits of aux: 2..0 kind, 3 carry, 4 wide, 5 constant, 15..8 flags, 23..16 a, 31..24 b.
constexpr unsigned kCarryBit = 3, kWideBit = 4, kConstantBit = 5, kFlagsAt = 8, kAAt = 16, kBAt = 24;

u64 read(const u8* guest, const StateSlot* slots, u8 slot, unsigned bits) {
    u64 v = 0;
    std::memcpy(&v, guest + slots[slot].offset, sizeof v);
    return zext(v, bits);
}
}  // namespace

DeferredFlags DeferredFlags::of(u32 aux, i32 value) {
    return {.kind = static_cast<Kind>(aux & 7),
            .carry = static_cast<CarrySem>(aux >> kCarryBit & 1),
            .wide = (aux >> kWideBit & 1) != 0,
            .constant = (aux >> kConstantBit & 1) != 0,
            .flags = static_cast<u8>(aux >> kFlagsAt),
            .a = static_cast<u8>(aux >> kAAt),
            .b = static_cast<u8>(aux >> kBAt),
            .value = value};
}

u32 DeferredFlags::aux() const {
    return static_cast<u32>(kind) | static_cast<u32>(carry) << kCarryBit | u32{wide} << kWideBit |
           u32{constant} << kConstantBit | u32{flags} << kFlagsAt | u32{a} << kAAt | u32{b} << kBAt;
}

Inst DeferredFlags::inst() const {
    return {.op = Op::DeferFlags, .aux = aux(), .imm = static_cast<u64>(i64{value})};
}

Nzcv DeferredFlags::eval(const u8* guest, const StateSlot* slots) const {
    const unsigned w = bits();
    const u64 x = read(guest, slots, a, w);
    const u64 y = constant ? zext(static_cast<u64>(i64{value}), w) : read(guest, slots, b, w);
    const Inst sub{.op = Op::FlagsSub, .aux = static_cast<u32>(carry)};
    switch (kind) {
        case Kind::Sub: return eval_flags(sub, w, x, y, 0);
        case Kind::SubResult: return eval_flags(sub, w, zext(x + y, w), y, 0);
        case Kind::Add: return flags_of_add(w, x, y, false);
        case Kind::AddResult: return flags_of_add(w, zext(x - y, w), y, false);
        default: return eval_flags({.op = Op::FlagsLogic}, w, x & y, 0, 0);
    }
}

}  // namespace vm::ir
