#include "osal/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace vm::osal {
namespace {

/// Shared anonymous memory of `bytes`, or nullptr with errno. Anonymous rather than a memfd: no descriptor
/// shows in the guest's table, and profilers take it for generated code and read /tmp/perf-PID.map.
u8* make_object(u64 bytes) {
    void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? nullptr : static_cast<u8*>(p);
}

}  // namespace

u64 page_size() {
    static const u64 size = static_cast<u64>(sysconf(_SC_PAGESIZE));
    return size;
}

Result<void*> map_guarded(u64 bytes) {
    const u64 page = page_size();
    void* p = mmap(nullptr, bytes + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return fail(ErrorKind::Resource, "cannot map memory between guard pages", errno);
    u8* inner = static_cast<u8*>(p) + page;
    if (mprotect(inner, bytes, PROT_READ | PROT_WRITE) != 0) {
        const int e = errno;
        munmap(p, bytes + 2 * page);
        return fail(ErrorKind::Resource, "cannot map memory between guard pages", e);
    }
    return inner;
}

void unmap_guarded(void* map, u64 bytes) {
    const u64 page = page_size();
    munmap(static_cast<u8*>(map) - page, bytes + 2 * page);
}

PageBuffer::PageBuffer(u64 bytes) {
    if (bytes == 0) return;
    void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (p == MAP_FAILED) return;
    data_ = static_cast<u8*>(p);
    size_ = bytes;
}
PageBuffer::~PageBuffer() {
    if (data_ != nullptr) munmap(data_, size_);
}
PageBuffer::PageBuffer(PageBuffer&& o) noexcept
    : data_(std::exchange(o.data_, nullptr)), size_(std::exchange(o.size_, 0)) {}
PageBuffer& PageBuffer::operator=(PageBuffer&& o) noexcept {
    std::swap(data_, o.data_);
    std::swap(size_, o.size_);
    return *this;
}

CodeMemory::~CodeMemory() {
    if (rx_ != nullptr) munmap(rx_, size_ + annex_);
    if (rw_ != nullptr) munmap(rw_, size_);
    if (fork_copy_ != nullptr) munmap(fork_copy_, size_);
}

Result<void> CodeMemory::map_object(u8* object) {
    // An old size of 0 makes a second mapping of the same shared pages.
    if (mremap(object, 0, size_, MREMAP_MAYMOVE | MREMAP_FIXED, rx_) == MAP_FAILED)
        return fail(ErrorKind::Resource, "cannot map generated code a second time", errno);
    if (mprotect(rx_, size_, PROT_READ | PROT_EXEC) != 0)
        return fail(ErrorKind::Resource,
                    "cannot map executable memory for generated code (is it forbidden here?)", errno);
    if (rw_ == nullptr) {
        rw_ = object;
    } else if (mremap(object, size_, size_, MREMAP_MAYMOVE | MREMAP_FIXED, rw_) == MAP_FAILED) {
        return fail(ErrorKind::Resource, "cannot map generated code for writing", errno);
    }
    return {};
}

Result<void> CodeMemory::create(u64 bytes, u64 annex) {
    size_ = bytes;
    annex_ = annex;
    void* place =
        mmap(nullptr, size_ + annex_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED)
        return fail(ErrorKind::Resource, "cannot reserve address space for generated code", errno);
    rx_ = static_cast<u8*>(place);
    u8* object = make_object(bytes);
    if (object == nullptr)
        return fail(ErrorKind::Resource, "cannot create the memory object for generated code", errno);
    return map_object(object);
}

Result<void> CodeMemory::map_code_file(u64 offset, int fd, u64 file_offset, u64 bytes) {
    if (mmap(rx_ + offset, bytes, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, fd,
             static_cast<off_t>(file_offset)) == MAP_FAILED)
        return fail(ErrorKind::Io, "cannot map translations from a file", errno);
    return {};
}

Result<void> CodeMemory::map_annex_data(u64 offset, u64 bytes) {
    if (mprotect(rx_ + offset, bytes, PROT_READ | PROT_WRITE) != 0)
        return fail(ErrorKind::Resource, "cannot map memory beside generated code", errno);
    return {};
}

void CodeMemory::clear_annex(u64 offset, u64 bytes) {
    mmap(rx_ + offset, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

void CodeMemory::commit(u64 offset, u64 bytes) {
#ifdef MADV_POPULATE_WRITE
    madvise(rw_ + offset, bytes, MADV_POPULATE_WRITE);
#endif
}

void CodeMemory::discard(u64 offset, u64 bytes) { madvise(rw_ + offset, bytes, MADV_REMOVE); }

Result<void> CodeMemory::begin_fork() {
    fork_copy_ = make_object(size_);
    if (fork_copy_ == nullptr)
        return fail(ErrorKind::Resource, "cannot create a memory object for the child's code", errno);
    return {};
}

void CodeMemory::copy_for_fork(u64 offset, u64 bytes) {
    std::memcpy(fork_copy_ + offset, rx_ + offset, bytes);
}

void CodeMemory::end_fork_parent() {
    if (fork_copy_ != nullptr) munmap(fork_copy_, size_);
    fork_copy_ = nullptr;
}

Result<void> CodeMemory::end_fork_child() { return map_object(std::exchange(fork_copy_, nullptr)); }

}  // namespace vm::osal
