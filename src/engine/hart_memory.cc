#include "engine/hart_memory.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "engine/atomics.h"

namespace vm::engine {
namespace {

constexpr u64 kPage = backend::kTlbPage;
u64 offset_in_page(u64 addr) { return addr % kPage; }
bool crosses(u64 addr, unsigned size) { return offset_in_page(addr) + size > kPage; }

backend::TlbEntry& entry_of(backend::VcpuState& s, u64 addr) {
    return s.tlb[addr / kPage % backend::kTlbEntries];
}

template <class T>
void copy_as(void* to, const void* from) {
    T v;
    std::memcpy(&v, from, sizeof v);
    std::memcpy(to, &v, sizeof v);
}

/// Naturally aligned accesses of up to eight bytes are single ones of the host.
void copy(void* to, const void* from, unsigned size) {
    switch (size) {
        case 1: return copy_as<u8>(to, from);
        case 2: return copy_as<u16>(to, from);
        case 4: return copy_as<u32>(to, from);
        case 8: return copy_as<u64>(to, from);
        default: std::memcpy(to, from, size);
    }
}

}  // namespace

void TranslatedMemory::flush() { backend::clear_tlb(state_); }

void TranslatedMemory::flush(u64 addr) {
    backend::TlbEntry& e = entry_of(state_, addr);
    e.load = e.store = e.watched = backend::kNoTlbTag;
}

bool TranslatedMemory::fail(u64 addr, bool write) {
    fault_addr = addr;
    fault_write = write;
    return false;
}

/// A store to a page with code, which was found before.
bool TranslatedMemory::find_watched(u64 addr, HartMemory::Page* page) {
    const u64 address = addr & ~(kPage - 1);
    const backend::TlbEntry& e = entry_of(state_, addr);
    if (e.watched != (address | backend::tlb_context(state_))) return false;
    u8* const host = reinterpret_cast<u8*>(address + e.addend);
    if (!hart_.is_code(host)) return false;
    hart_.store_to_code(host);
    *page = {.host = host, .load = true, .store = true};
    return true;
}

bool TranslatedMemory::find(u64 addr, unsigned size, bool write, HartMemory::Page* page) {
    if (write && find_watched(addr, page)) return true;
    stats_.tlb_misses++;
    if (!hart_.page(addr, write ? HartMemory::Access::Store : HartMemory::Access::Load, size, page))
        return fail(addr, write);
    if (page->host == nullptr || !page->keep || watch.on_page(addr, kPage)) return true;
    const u64 tag = (addr & ~(kPage - 1)) | backend::tlb_context(state_);
    backend::TlbEntry& e = entry_of(state_, addr);
    // forbid_stores() of another thread may look at it meanwhile.
    const std::atomic_ref store(e.store), addend(e.addend);
    store.store(backend::kNoTlbTag, std::memory_order_relaxed);
    e.load = page->load || !write ? tag : backend::kNoTlbTag;
    e.watched = backend::kNoTlbTag;
    addend.store(reinterpret_cast<u64>(page->host) - (addr & ~(kPage - 1)), std::memory_order_relaxed);
    if (!page->store && !write) return true;
    store.store(tag);
    // Either we see that it is code, or forbid_stores() sees this entry.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (hart_.is_code(page->host)) {
        store.store(backend::kNoTlbTag, std::memory_order_relaxed);
        e.watched = tag;
    }
    return true;
}

void TranslatedMemory::forbid_stores(u64 begin, u64 end) {
    for (backend::TlbEntry& e : state_.tlb) {
        const u64 tag = std::atomic_ref(e.store).load(std::memory_order_relaxed);
        const u64 host = (tag & ~(kPage - 1)) + std::atomic_ref(e.addend).load(std::memory_order_relaxed);
        if (tag != backend::kNoTlbTag && host < end && begin < host + kPage)
            std::atomic_ref(e.store).store(backend::kNoTlbTag);
    }
}

/// Where `addr` is, nullptr if it is no RAM: then `page` says what it is, unless that faults (host and
/// physical are 0 then, which no device has).
u8* TranslatedMemory::ram(u64 addr, unsigned size, bool write, HartMemory::Page* page) {
    const backend::TlbEntry& e = entry_of(state_, addr);
    if ((write ? e.store : e.load) == ((addr & ~(kPage - 1)) | backend::tlb_context(state_)))
        return reinterpret_cast<u8*>(addr + e.addend);
    *page = {};
    if (!find(addr, size, write, page)) {
        *page = {};
        page->physical = ~u64{0};
        return nullptr;
    }
    return page->host != nullptr ? page->host + offset_in_page(addr) : nullptr;
}

bool TranslatedMemory::device(const HartMemory::Page& page, u64 addr, unsigned size, void* out,
                              const void* in) {
    if (page.physical == ~u64{0}) return false;  // it faulted
    if (size > 8) return fail(addr, in != nullptr);
    stats_.device_accesses++;
    u64 value = 0;
    if (in != nullptr) std::memcpy(&value, in, size);
    const u64 physical = page.physical + offset_in_page(addr);
    const bool ok =
        in != nullptr ? hart_.device_store(physical, size, value) : hart_.device_load(physical, size, &value);
    if (!ok) return fail(addr, in != nullptr);
    if (out != nullptr) std::memcpy(out, &value, size);
    return true;
}

/// An access that begins on one page and ends on the next. Both are looked at before anything happens.
bool TranslatedMemory::split(u64 addr, unsigned size, void* out, const void* in) {
    const u64 second = (addr | (kPage - 1)) + 1;
    const unsigned first_bytes = static_cast<unsigned>(second - addr);
    HartMemory::Page page;
    u8* const a = ram(addr, first_bytes, in != nullptr, &page);
    if (a == nullptr) return page.physical == ~u64{0} ? false : fail(addr, in != nullptr);
    u8* const b = ram(second, size - first_bytes, in != nullptr, &page);
    if (b == nullptr) return page.physical == ~u64{0} ? false : fail(second, in != nullptr);
    if (in != nullptr) {
        std::memcpy(a, in, first_bytes);
        std::memcpy(b, static_cast<const u8*>(in) + first_bytes, size - first_bytes);
    } else {
        std::memcpy(out, a, first_bytes);
        std::memcpy(static_cast<u8*>(out) + first_bytes, b, size - first_bytes);
    }
    return true;
}

bool TranslatedMemory::load(u64 addr, unsigned size, void* out) {
    if (!watch.admits(addr, size, true, false)) return false;
    if (crosses(addr, size)) return split(addr, size, out, nullptr);
    HartMemory::Page page;
    const u8* host = ram(addr, size, false, &page);
    if (host == nullptr) return device(page, addr, size, out, nullptr);
    copy(out, host, size);
    return true;
}

bool TranslatedMemory::store(u64 addr, unsigned size, const void* in) {
    if (!watch.admits(addr, size, false, true)) return false;
    if (crosses(addr, size)) return split(addr, size, nullptr, in);
    HartMemory::Page page;
    u8* host = ram(addr, size, true, &page);
    if (host == nullptr) return device(page, addr, size, nullptr, in);
    copy(host, in, size);
    return true;
}

bool TranslatedMemory::rmw(ir::RmwOp op, u64 addr, unsigned size, u64 operand, u64* old) {
    if (!watch.admits(addr, size, true, true)) return false;
    HartMemory::Page page;
    u8* host = crosses(addr, size) ? nullptr : ram(addr, size, true, &page);
    if (host == nullptr) return page.physical == ~u64{0} ? false : fail(addr, true);
    u64 expected = 0;
    if (osal::guarded_load(reinterpret_cast<u64>(host), size, &expected)) return fail(addr, true);
    for (;;) {
        u64 seen = 0;
        const u64 desired = zext(apply_rmw(op, size, expected, operand), size * 8);
        if (osal::guarded_cas(reinterpret_cast<u64>(host), size, expected, desired, &seen))
            return fail(addr, true);
        if (seen == expected) break;
        expected = seen;
    }
    *old = expected;
    return true;
}

bool TranslatedMemory::cas(u64 addr, unsigned size, const void* expected, const void* desired, void* old) {
    if (!watch.admits(addr, size, true, true)) return false;
    HartMemory::Page page;
    u8* host = crosses(addr, size) ? nullptr : ram(addr, size, true, &page);
    if (host == nullptr) return page.physical == ~u64{0} ? false : fail(addr, true);
    if (size == 16) {
        if (osal::guarded_cas16(reinterpret_cast<u64>(host), expected, desired, old)) return fail(addr, true);
        return true;
    }
    u64 e = 0, d = 0, seen = 0;
    std::memcpy(&e, expected, size);
    std::memcpy(&d, desired, size);
    if (osal::guarded_cas(reinterpret_cast<u64>(host), size, e, d, &seen)) return fail(addr, true);
    std::memcpy(old, &seen, size);
    return true;
}

}  // namespace vm::engine
