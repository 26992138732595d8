// One compiled block in the code cache, and the direct exits between blocks.
#pragma once

#include <atomic>
#include <span>

#include "backend/compiler.h"
#include "base/bits.h"
#include "gc/marker.h"

namespace vm::jit {

struct Translation;

/// Guest code bytes [begin, end).
struct GuestRange {
    u64 begin, end;
};

struct LoadedImage;

/// A rel32 field of a block's code that reaches a stub.
struct StubCall {
    u32 offset;  ///< of the field
    u32 stub;    ///< backend::Relocation::target
};

/// A direct exit. Its 4-byte displacement, or its slot, reaches either `to`'s entry or its own cold stub; the
/// stub too if `to` is on probation. While linked it stands in the list of incoming links that `to` owns.
/// Changed only under the jit's lock.
struct Link {
    Translation* from = nullptr;
    Translation* to = nullptr;  ///< nullptr: not linked
    Link* next = nullptr;
    Link* prev = nullptr;
    u64 target_pc = 0;
    u32 disp_offset = 0, stub_offset = 0, stub_return = 0;  ///< as in backend::LinkSite
    u64* slot = nullptr;     ///< exit of an image: the displacement stays, its thunk jumps to what this holds
    bool ungrouped = false;  ///< leads to the translation with kModeUngrouped
};

/// What the fault handler needs of the translation that it stopped in.
struct CodeSite {
    u64 pc = 0;
    u32 code_offset = 0;
    std::span<const u8> side;
    std::span<const backend::DirtySlot> dirty;
};

/// A bit of Translation::mode, of machines: every access of the block asks the TLB by itself
/// (ir::group_accesses). Its exits lead to blocks without the bit.
inline constexpr u32 kModeUngrouped = u32{1} << 31;

/// Lives in the arena of its segment: from install until the segment's memory is used again. Everything but
/// `valid`, `parked`, `incoming` and the links' state is constant.
struct Translation : gc::Node {
    u64 pc = 0;
    u32 mode = 0;
    u32 guest_insns = 0;
    const u8* entry = nullptr;  ///< executable address
    u32 code_offset = 0;        ///< of the first byte, in the code memory
    u32 code_size = 0;
    std::atomic<bool> valid{true};  ///< false: unlinked and not in the lookup map
    bool parked = false;            ///< on probation: not valid, but promoted when it is entered
    std::span<Link> links;
    Link* incoming = nullptr;
    std::span<const GuestRange> ranges;
    std::span<const u8> guest_bytes;  ///< what was translated, ranges one after the other; empty in an image
    std::span<const u8> side;         ///< side_table.h
    std::span<const backend::DirtySlot> dirty;
    std::span<const StubCall> stub_calls;
    LoadedImage* image = nullptr;  ///< its code lies in this image
    bool region = false;           ///< made by tier 2
};

/// The mode of the translation that an exit leads to.
inline u32 target_mode(const Link& l) {
    return (l.from->mode & ~kModeUngrouped) | (l.ungrouped ? kModeUngrouped : 0);
}

/// Do the guest bytes of a translation in the code cache still lie in memory? (jit_lifecycle.cc)
bool unchanged(const Translation& t);

}  // namespace vm::jit
