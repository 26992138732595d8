#include "mem/guest_ram.h"

#include <sys/mman.h>

#include <cstring>

#include "base/format.h"
#include "osal/file.h"

namespace vm::mem {

Result<std::unique_ptr<GuestRam>> GuestRam::create(u64 base, u64 bytes) {
    if (bytes == 0 || bytes % kPage != 0 || base % kPage != 0 || base + bytes < base)
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("guest memory of {} bytes at {:#x} is not whole pages", bytes, base));
    void* host =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (host == MAP_FAILED)
        return osal::fail_errno(fmt::format("guest memory of {} bytes cannot be had", bytes));
    ::madvise(host, bytes, MADV_HUGEPAGE);
    return std::unique_ptr<GuestRam>(new GuestRam(base, bytes, static_cast<u8*>(host)));
}

GuestRam::~GuestRam() { ::munmap(host_, size_); }

bool GuestRam::read(u64 address, void* out, u64 bytes) const {
    const u8* p = at(address, bytes);
    if (p != nullptr) std::memcpy(out, p, bytes);
    return p != nullptr;
}

bool GuestRam::write(u64 address, const void* in, u64 bytes) {
    u8* p = at(address, bytes);
    if (p != nullptr) std::memcpy(p, in, bytes);
    return p != nullptr;
}

}  // namespace vm::mem
