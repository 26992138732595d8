#include "mem/guest_ram.h"

#include <sys/mman.h>

#include <cstring>

#include "base/format.h"
#include "osal/file.h"

namespace vm::mem {

Result<std::unique_ptr<GuestRam>> GuestRam::create(u64 base, u64 bytes, const NumaPolicy* numa) {
    if (bytes == 0 || bytes % kPage != 0 || base % kPage != 0 || base + bytes < base)
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("guest memory of {} bytes at {:#x} is not whole pages", bytes, base));
    void* host =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (host == MAP_FAILED)
        return osal::fail_errno(fmt::format("guest memory of {} bytes cannot be had", bytes));
    ::madvise(host, bytes, MADV_HUGEPAGE);
    std::unique_ptr<GuestRam> ram(new GuestRam(base, bytes, static_cast<u8*>(host)));
    if (numa != nullptr)
        if (auto r = set_numa_policy(host, bytes, *numa); !r) return std::unexpected(r.error());
    return ram;
}

GuestRam::~GuestRam() { ::munmap(host_, size_); }

bool GuestRam::read(u64 address, void* out, u64 bytes) const {
    const u8* p = at(address, bytes);
    if (p != nullptr && bytes != 0) std::memcpy(out, p, bytes);
    return p != nullptr;
}

bool GuestRam::write(u64 address, const void* in, u64 bytes) {
    u8* p = at(address, bytes);
    if (p == nullptr || bytes == 0) return p != nullptr;
    wrote(p, bytes);
    std::memcpy(p, in, bytes);
    return true;
}

bool GuestRam::watch(const u8* host) { return (page_of(host).fetch_or(kWatched) & kWatched) == 0; }

void GuestRam::wrote(const u8* host, u64 bytes) {
    if (bytes == 0) return;
    const u64 last = static_cast<u64>(host - host_ + static_cast<i64>(bytes) - 1) / kPage;
    for (u64 n = static_cast<u64>(host - host_) / kPage; n <= last; n++) {
        if ((pages_[n].load() & (kWatched | kWritten)) != kWatched) continue;
        if (pages_[n].fetch_or(kWritten) & kWritten) continue;
        const std::lock_guard lock(mutex_);
        written_.push_back(reinterpret_cast<u64>(host_) + n * kPage);
        any_written_.store(true, std::memory_order_release);
    }
}

bool GuestRam::stored(const u8* host) {
    wrote(host, 1);
    std::atomic<u8>& page = page_of(host);
    const u8 was = page.load();
    if ((was & kStores) == kStores) return true;
    page.fetch_add(1);  // others may, too: one more or less
    return false;
}

std::vector<u64> GuestRam::take_written() {
    std::vector<u64> all;
    if (!any_written_.load(std::memory_order_acquire)) return all;
    const std::lock_guard lock(mutex_);
    any_written_.store(false, std::memory_order_relaxed);
    all.swap(written_);
    for (const u64 page : all)
        page_of(reinterpret_cast<const u8*>(page)).fetch_and(static_cast<u8>(~kWritten));
    return all;
}

}  // namespace vm::mem
