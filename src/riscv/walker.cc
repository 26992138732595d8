#include "riscv/walker.h"

#include <atomic>

namespace vm::riscv {

namespace {

constexpr u64 kValid = 1 << 0, kRead = 1 << 1, kWrite = 1 << 2, kExecute = 1 << 3, kUser = 1 << 4,
              kGlobal = 1 << 5, kAccessed = 1 << 6, kDirty = 1 << 7;
constexpr u64 kReserved = u64{0x7f} << 54, kNapot = u64{1} << 63;
constexpr unsigned kTypeShift = 61, kPteBytes = 8, kIndexBits = 9, kPhysicalBits = 56;
/// Without translation pages can be of any size; this is that of the second level's.
constexpr u64 kBarePage = u64{1} << 30;
constexpr u64 kNoFault = Translation::kNoFault;

u64 page_fault(Access a) {
    return a == Access::Fetch ? kCauseFetchPage : a == Access::Load ? kCauseLoadPage : kCauseStorePage;
}
u64 access_fault(Access a) {
    return a == Access::Fetch ? kCauseFetchAccess : a == Access::Load ? kCauseLoadAccess : kCauseStoreAccess;
}

unsigned levels(u64 satp) {
    switch (satp_mode(satp)) {
        case kSatpSv39: return 3;
        case kSatpSv48: return 4;
        case kSatpSv57: return 5;
        default: return 0;
    }
}

u64 type_of(u64 pte) { return bits(pte, 62, kTypeShift); }
u64 number_of(u64 pte) { return bits(pte, 53, 10); }

}  // namespace

/// A page table entry that maps a page.
struct Walker::Leaf {
    u64 pte = 0;
    u64* at = nullptr;  ///< in host memory
    u64 address = 0;    ///< of the entry
    u64 page = 0;       ///< bytes
    bool global = false;
    Permissions permits{};
};

// Encodings that the manual reserves, or that an extension defines which is absent or off.
bool Walker::reserved(u64 pte, bool leaf) const {
    const bool types = leaf && (hart_.state().menvcfg & kEnvPbmte);
    if (pte & kReserved) return true;
    if (types ? type_of(pte) == 3 : type_of(pte) != 0) return true;
    if ((pte & kNapot) && !(leaf && hart_.options().svnapot)) return true;
    return !leaf && (pte & (kDirty | kAccessed | kUser));
}

// "Virtual Address Translation Process", steps 1 to 5. A fault, or kNoFault and the leaf.
u64 Walker::find_leaf(u64 vaddr, Access access, u64 satp, Leaf& leaf) const {
    const unsigned count = levels(satp);
    const unsigned width = 12 + kIndexBits * count;
    if (static_cast<u64>(sext(vaddr, width)) != vaddr) return page_fault(access);

    u64 table = satp_root(satp);
    u64 global = 0;  // an entry above the leaf makes all below it global
    for (unsigned level = count; level-- > 0;) {
        const unsigned shift = 12 + kIndexBits * level;
        const u64 address = table + bits(vaddr, shift + kIndexBits - 1, shift) * kPteBytes;
        u8* host = ram_.at(address, kPteBytes);
        if (host == nullptr || !hart_.pmp().allows(address, kPteBytes, Privilege::Supervisor).read)
            return access_fault(access);
        auto* at = reinterpret_cast<u64*>(host);
        const u64 pte = std::atomic_ref(*at).load(std::memory_order_acquire);

        const bool is_leaf = (pte & (kRead | kWrite | kExecute)) != 0;
        if (!(pte & kValid) || (pte & (kRead | kWrite)) == kWrite || reserved(pte, is_leaf))
            return page_fault(access);
        global |= pte & kGlobal;
        if (!is_leaf) {
            table = number_of(pte) << 12;
            continue;
        }
        u64 page = u64{1} << shift;
        if (number_of(pte) << 12 & (page - 1)) return page_fault(access);  // misaligned superpage
        if (pte & kNapot) {
            if (level != 0 || (number_of(pte) & 15) != 8) return page_fault(access);
            page = 64 << 10;
        }
        leaf = {.pte = pte, .at = at, .address = address, .page = page, .global = global != 0, .permits = {}};
        return kNoFault;
    }
    return page_fault(access);
}

// Steps 6 to 8: may it, in this context?
u64 Walker::check_leaf(Leaf& leaf, Access access, u32 context) const {
    const bool user_page = (leaf.pte & kUser) != 0;
    const bool user = context_privilege(context) == Privilege::User;
    const bool data = user == user_page || (user_page && (context & kContextSum));
    leaf.permits = {
        .read = data && ((leaf.pte & kRead) || ((context & kContextMxr) && (leaf.pte & kExecute))),
        .write = data && (leaf.pte & kWrite),
        .execute = user == user_page && (leaf.pte & kExecute),
    };
    return leaf.permits.of(access) ? kNoFault : page_fault(access);
}

// Step 9: accessed and dirty bits. They are set only in an entry that is still what was checked; else
// `again`.
u64 Walker::mark(Leaf& leaf, Access access, bool& again) const {
    const u64 wanted = leaf.pte | kAccessed | (access == Access::Store ? kDirty : 0);
    if (wanted == leaf.pte) return kNoFault;
    if (!(hart_.state().menvcfg & kEnvAdue)) return page_fault(access);
    if (!hart_.pmp().allows(leaf.address, kPteBytes, Privilege::Supervisor).write)
        return access_fault(access);
    u64 expected = leaf.pte;
    again = !std::atomic_ref(*leaf.at).compare_exchange_strong(expected, wanted);
    leaf.pte = wanted;
    return kNoFault;
}

u64 Walker::physical_of(const Leaf& leaf, u64 vaddr) {
    const u64 number = (leaf.pte & kNapot) ? number_of(leaf.pte) & ~u64{15} : number_of(leaf.pte);
    return number << 12 | (vaddr & (leaf.page - 1));
}

// The access itself, which PMP may forbid.
Translation Walker::finish(const Leaf& leaf, u32 context, u64 vaddr, Access access, u64 bytes) const {
    const Privilege privilege = context_privilege(context);
    const u64 physical = physical_of(leaf, vaddr);
    const Permissions pmp = hart_.pmp().allows(physical, bytes, privilege);
    if (!pmp.of(access)) return {.fault = access_fault(access)};

    return {.physical = physical,
            .page = hart_.pmp().uniform(physical, leaf.page),
            .permits = {.read = leaf.permits.read && pmp.read,
                        .write = leaf.permits.write && pmp.write,
                        .execute = leaf.permits.execute && pmp.execute},
            .dirty = (leaf.pte & kDirty) != 0,
            .global = leaf.global,
            .type = static_cast<MemoryType>(type_of(leaf.pte))};
}

// Bare, and M-mode.
Translation Walker::untranslated(u32 context, u64 vaddr, Access access, u64 bytes) const {
    if (vaddr >> kPhysicalBits) return {.fault = access_fault(access)};
    const u64 number = align_down(vaddr, kBarePage) >> 12;
    const Leaf leaf{.pte = number << 10 | kDirty, .page = kBarePage, .permits = {true, true, true}};
    return finish(leaf, context, vaddr, access, bytes);
}

Translation Walker::translate_in(u32 context, u64 vaddr, Access access, u64 bytes) const {
    const u64 satp = hart_.satp_of(context);
    if (levels(satp) == 0) return untranslated(context, vaddr, access, bytes);
    for (;;) {
        Leaf leaf;
        bool again = false;
        u64 fault = find_leaf(vaddr, access, satp, leaf);
        if (fault == kNoFault) fault = check_leaf(leaf, access, context);
        if (fault == kNoFault) fault = mark(leaf, access, again);
        if (fault != kNoFault) return {.fault = fault};
        if (!again) return finish(leaf, context, vaddr, access, bytes);
    }
}

std::optional<u64> Walker::look_up(u64 vaddr, u32 context) const {
    const u64 satp = hart_.satp_of(context);
    if (levels(satp) == 0) return vaddr;
    Leaf leaf;
    if (find_leaf(vaddr, Access::Load, satp, leaf) != kNoFault) return std::nullopt;
    return physical_of(leaf, vaddr);
}

}  // namespace vm::riscv
