#include "osal/guarded.h"

#include <algorithm>
#include <cerrno>
#include <csignal>

namespace vm::osal {
namespace {

/// rax and rdx as the assembly returns them.
struct Ret {
    u64 status, value;
};
extern "C" {
extern const u8 vm_guarded_begin[], vm_guarded_end[], vm_guarded_fixup[];
extern const u8 vm_guarded16_begin[], vm_guarded16_end[], vm_guarded16_fixup[];
Ret vm_guarded_load1(u64), vm_guarded_load2(u64), vm_guarded_load4(u64), vm_guarded_load8(u64);
Ret vm_guarded_load16(u64, void*);
Ret vm_guarded_store1(u64, u64), vm_guarded_store2(u64, u64), vm_guarded_store4(u64, u64),
    vm_guarded_store8(u64, u64);
Ret vm_guarded_store16(u64, const void*);
Ret vm_guarded_cas1(u64, u64, u64), vm_guarded_cas2(u64, u64, u64), vm_guarded_cas4(u64, u64, u64),
    vm_guarded_cas8(u64, u64, u64);
Ret vm_guarded_cas16(u64, const void*, const void*, void*);
Ret vm_guarded_copy(u64, u64, u64);
Ret vm_guarded_zero(u64, u64);
}

MemFault unpack(const Ret& r) {
    if (r.status == 0) [[likely]]
        return {};
    return MemFault{r.value, static_cast<int>(r.status & 0xff), static_cast<int>(r.status >> 32),
                    bit(r.status, 8)};
}

u64 address(const void* p) { return reinterpret_cast<u64>(p); }

}  // namespace

MemFault guarded_load(u64 addr, unsigned size, void* out) {
    Ret r{};
    switch (size) {
        case 1: r = vm_guarded_load1(addr); break;
        case 2: r = vm_guarded_load2(addr); break;
        case 4: r = vm_guarded_load4(addr); break;
        case 8: r = vm_guarded_load8(addr); break;
        default: return unpack(vm_guarded_load16(addr, out));
    }
    if (r.status == 0) [[likely]]
        std::memcpy(out, &r.value, size);
    return unpack(r);
}

MemFault guarded_store(u64 addr, unsigned size, const void* in) {
    switch (size) {
        case 1: return unpack(vm_guarded_store1(addr, load_raw<u8>(in)));
        case 2: return unpack(vm_guarded_store2(addr, load_raw<u16>(in)));
        case 4: return unpack(vm_guarded_store4(addr, load_raw<u32>(in)));
        case 8: return unpack(vm_guarded_store8(addr, load_raw<u64>(in)));
        default: return unpack(vm_guarded_store16(addr, in));
    }
}

MemFault guarded_cas(u64 addr, unsigned size, u64 expected, u64 desired, u64* old) {
    Ret r{};
    switch (size) {
        case 1: r = vm_guarded_cas1(addr, expected, desired); break;
        case 2: r = vm_guarded_cas2(addr, expected, desired); break;
        case 4: r = vm_guarded_cas4(addr, expected, desired); break;
        default: r = vm_guarded_cas8(addr, expected, desired); break;
    }
    if (r.status == 0) [[likely]]
        *old = r.value;
    return unpack(r);
}

MemFault guarded_cas16(u64 addr, const void* expected, const void* desired, void* old) {
    if (addr & 15) return MemFault{addr, SIGBUS, BUS_ADRALN, true};
    return unpack(vm_guarded_cas16(addr, expected, desired, old));
}

MemFault guarded_copy_in(void* to, u64 from, u64 bytes) {
    return unpack(vm_guarded_copy(address(to), from, bytes));
}
MemFault guarded_copy_out(u64 to, const void* from, u64 bytes) {
    return unpack(vm_guarded_copy(to, address(from), bytes));
}
MemFault guarded_zero(u64 to, u64 bytes) { return unpack(vm_guarded_zero(to, bytes)); }

bool guarded_equal(u64 addr, const void* with, u64 bytes) {
    u8 buffer[256];
    const u8* p = static_cast<const u8*>(with);
    while (bytes != 0) {
        const u64 n = std::min<u64>(bytes, sizeof buffer);
        if (guarded_copy_in(buffer, addr, n) || std::memcmp(buffer, p, n) != 0) return false;
        addr += n;
        p += n;
        bytes -= n;
    }
    return true;
}

u64 guarded_fixup(u64 pc) {
    if (pc >= address(vm_guarded_begin) && pc < address(vm_guarded_end)) return address(vm_guarded_fixup);
    if (pc >= address(vm_guarded16_begin) && pc < address(vm_guarded16_end))
        return address(vm_guarded16_fixup);
    return 0;
}

}  // namespace vm::osal
