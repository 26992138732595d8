#include "osal/memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace vm::osal {
namespace {

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

/// A memory object of `bytes`, or -1 with errno.
int make_object(u64 bytes) {
    int fd = memfd_create("vm-code", MFD_CLOEXEC | MFD_EXEC);
    if (fd < 0 && errno == EINVAL) fd = memfd_create("vm-code", MFD_CLOEXEC);  // Linux < 6.3 has no MFD_EXEC
    if (fd < 0) return -1;
    if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) {
        close(fd);
        return -1;
    }
    // Guests own the low descriptor numbers; ours must not be where a guest's dup2() or closefrom() expects
    // nothing.
    if (const int high = fcntl(fd, F_DUPFD_CLOEXEC, 900); high >= 0) {
        close(fd);
        fd = high;
    }
    return fd;
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

CodeMemory::~CodeMemory() {
    if (rx_ != nullptr) munmap(rx_, size_);
    if (rw_ != nullptr) munmap(rw_, size_);
    if (fork_fd_ >= 0) close(fork_fd_);
}

Result<void> CodeMemory::map_at_addresses(int fd) {
    const int fixed = rx_ != nullptr ? MAP_FIXED : 0;
    void* rx = mmap(rx_, size_, PROT_READ | PROT_EXEC, MAP_SHARED | fixed, fd, 0);
    if (rx == MAP_FAILED)
        return fail(ErrorKind::Resource,
                    "cannot map executable memory for generated code (is it forbidden here?)", errno);
    rx_ = static_cast<u8*>(rx);
    void* rw = mmap(rw_, size_, PROT_READ | PROT_WRITE, MAP_SHARED | fixed, fd, 0);
    if (rw == MAP_FAILED) return fail(ErrorKind::Resource, "cannot map generated code for writing", errno);
    rw_ = static_cast<u8*>(rw);
    return {};
}

Result<void> CodeMemory::create(u64 bytes) {
    size_ = bytes;
    const int fd = make_object(bytes);
    if (fd < 0)
        return fail(ErrorKind::Resource, "cannot create the memory object for generated code", errno);
    auto mapped = map_at_addresses(fd);
    // The mappings keep the object. A descriptor of ours would change the numbers that a guest sees, and a guest
    // that closes all descriptors would make us act on a file of its own.
    close(fd);
    return mapped;
}

void CodeMemory::discard(u64 offset, u64 bytes) {
    madvise(rw_ + offset, bytes, MADV_REMOVE);
}

Result<void> CodeMemory::begin_fork() {
    fork_fd_ = make_object(size_);
    if (fork_fd_ < 0)
        return fail(ErrorKind::Resource, "cannot create a memory object for the child's code", errno);
    return {};
}

void CodeMemory::copy_for_fork(u64 offset, u64 bytes) {
    while (bytes != 0) {
        const ssize_t n = pwrite(fork_fd_, rx_ + offset, bytes, static_cast<off_t>(offset));
        if (n <= 0)
            return;  // out of memory: the child would run zeroes; end_fork_child's caller sees short content
        offset += static_cast<u64>(n);
        bytes -= static_cast<u64>(n);
    }
}

void CodeMemory::end_fork_parent() {
    if (fork_fd_ >= 0) close(fork_fd_);
    fork_fd_ = -1;
}

Result<void> CodeMemory::end_fork_child() {
    auto mapped = map_at_addresses(fork_fd_);
    close(fork_fd_);
    fork_fd_ = -1;
    return mapped;
}

}  // namespace vm::osal
