#include "engine/guarded_memory.h"

#include <csignal>

#include "engine/atomics.h"

namespace vm::engine {

template <class Access>
bool GuardedMemory::guarded(u64 addr, bool write, Access access) {
    for (;;) {
        osal::MemFault f = access();
        if (!f) [[likely]]
            return true;
        f.write = f.write || write;
        if (f.code == SI_KERNEL) {  // non-canonical address: the host does not say which
            f.addr = addr;
            f.code = SEGV_MAPERR;
        }
        if (owner_.handle_host_fault(f.addr, f.write)) {
            repeated++;
            continue;
        }
        fault_ = f;
        fault_addr = f.addr;
        return false;
    }
}

bool GuardedMemory::load(u64 addr, unsigned size, void* out) {
    return watch.admits(addr, size, true, false) &&
           guarded(addr, false, [&] { return osal::guarded_load(addr, size, out); });
}

bool GuardedMemory::store(u64 addr, unsigned size, const void* in) {
    return watch.admits(addr, size, false, true) &&
           guarded(addr, true, [&] { return osal::guarded_store(addr, size, in); });
}

bool GuardedMemory::rmw(ir::RmwOp op, u64 addr, unsigned size, u64 operand, u64* old) {
    if (!watch.admits(addr, size, true, true)) return false;
    return guarded(addr, true, [&]() -> osal::MemFault {
        u64 expected = 0;
        if (auto f = osal::guarded_load(addr, size, &expected)) return f;
        for (;;) {
            u64 seen = 0;
            const u64 desired = zext(apply_rmw(op, size, expected, operand), size * 8);
            if (auto f = osal::guarded_cas(addr, size, expected, desired, &seen)) return f;
            if (seen == expected) break;
            expected = seen;
        }
        *old = expected;
        return {};
    });
}

bool GuardedMemory::cas(u64 addr, unsigned size, const void* expected, const void* desired, void* old) {
    if (!watch.admits(addr, size, true, true)) return false;
    if (size == 16)
        return guarded(addr, true, [&] { return osal::guarded_cas16(addr, expected, desired, old); });
    u64 e = 0, d = 0, seen = 0;
    std::memcpy(&e, expected, size);
    std::memcpy(&d, desired, size);
    if (!guarded(addr, true, [&] { return osal::guarded_cas(addr, size, e, d, &seen); })) return false;
    std::memcpy(old, &seen, size);
    return true;
}

}  // namespace vm::engine
