// Address translation: the page walk. Manual, volume II: "Supervisor-Level ISA", "Svnapot", "Svpbmt",
// "Svadu".
#pragma once

#include "mem/guest_ram.h"
#include "riscv/hart.h"

namespace vm::riscv {

enum class MemoryType : u8 { Pma = 0, NonCacheable = 1, Io = 2 };  ///< Svpbmt

/// Where an access goes, or why it does not.
struct Translation {
    static constexpr u64 kNoFault = ~u64{0};
    u64 fault = kNoFault;  ///< else the Cause to trap with; nothing below is valid then
    u64 physical = 0;      ///< of the address asked for
    /// The aligned block of `page` bytes around the address is translated alike, with the same permissions. A
    /// power of two; less than 4 KiB where PMP divides the page.
    u64 page = 0;
    /// What the page permits in the context asked with: a store needs `dirty`, too, else it must be asked
    /// for.
    Permissions permits{};
    bool dirty = false;
    bool global = false;  ///< in every address space
    MemoryType type = MemoryType::Pma;

    bool ok() const { return fault == kNoFault; }
    /// May it be remembered that accesses of this kind go here?
    bool keeps(Access a) const { return permits.of(a) && (a != Access::Store || dirty); }
};

/// Walks the page tables of one hart. For its thread.
class Walker {
  public:
    Walker(const mem::GuestRam& ram, const Hart& hart) : ram_(ram), hart_(hart) {}

    /// Of `bytes` at `vaddr`, which lie in one page of 4 KiB, for an instruction: accessed and dirty bits are
    /// set.
    Translation translate(u64 vaddr, Access access, u64 bytes = 1) const {
        return translate_in(access == Access::Fetch ? hart_.fetch_context() : hart_.context(), vaddr, access,
                            bytes);
    }
    /// The same in a given context.
    Translation translate_in(u32 context, u64 vaddr, Access access, u64 bytes = 1) const;
    /// For a debugger in this context: the physical address if a page is there, whatever it permits. Changes
    /// nothing.
    std::optional<u64> look_up(u64 vaddr, u32 context) const;

  private:
    struct Leaf;
    u64 find_leaf(u64 vaddr, Access access, u64 satp, Leaf& leaf) const;
    u64 check_leaf(Leaf& leaf, Access access, u32 context) const;
    u64 mark(Leaf& leaf, Access access, bool& again) const;
    bool reserved(u64 pte, bool leaf) const;
    static u64 physical_of(const Leaf& leaf, u64 vaddr);
    Translation untranslated(u32 context, u64 vaddr, Access access, u64 bytes) const;
    Translation finish(const Leaf& leaf, u32 context, u64 vaddr, Access access, u64 bytes) const;

    const mem::GuestRam& ram_;
    const Hart& hart_;
};

}  // namespace vm::riscv
