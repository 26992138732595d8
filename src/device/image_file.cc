#include "device/image_file.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/format.h"

namespace vm::device {
namespace {

constexpr u64 kZeroChunk = u64{1} << 16;
constexpr u64 kMaxOffset = u64{1} << 62;

/// transfer(parts, count, offset) moves some bytes, like preadv; until all are moved.
template <class F>
Result<void> all_of(const std::string& what, u64 offset, Parts parts, F transfer) {
    std::vector<iovec> left(parts.begin(), parts.end());
    for (size_t at = 0; at < left.size();) {
        if (left[at].iov_len == 0) {
            ++at;
            continue;
        }
        const int count = static_cast<int>(std::min<size_t>(left.size() - at, IOV_MAX));
        ssize_t n = transfer(&left[at], count, static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return osal::fail_errno(what);
        if (n == 0) return fail(ErrorKind::Io, what + " (the file is shorter than its image)");
        offset += static_cast<u64>(n);
        for (u64 done = static_cast<u64>(n); done != 0;) {
            const u64 here = std::min<u64>(done, left[at].iov_len);
            left[at].iov_base = static_cast<u8*>(left[at].iov_base) + here;
            left[at].iov_len -= here;
            done -= here;
            if (left[at].iov_len == 0) ++at;
        }
    }
    return {};
}

Result<void> lock(int fd, const std::string& path, bool read_only) {
    struct flock whole {};
    whole.l_type = read_only ? F_RDLCK : F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (::fcntl(fd, F_OFD_SETLK, &whole) == 0) return {};
    if (errno == EAGAIN || errno == EACCES)
        return fail(
            ErrorKind::Resource,
            fmt::format("{}: is in use by another program{}", path, read_only ? " that writes it" : ""),
            errno);
    return osal::fail_errno(fmt::format("{}: cannot be locked", path));
}

}  // namespace

Result<std::unique_ptr<ImageFile>> ImageFile::open(const std::string& path, bool read_only) {
    std::unique_ptr<ImageFile> f(new ImageFile);
    f->path_ = path;
    f->read_only_ = read_only;
    const int mode = read_only ? O_RDONLY : O_RDWR;
    f->fd_ = osal::Fd(::open(path.c_str(), mode | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat st {};
    if (f->fd_.get() < 0 || ::fstat(f->fd_.get(), &st) != 0)
        return osal::fail_errno(
            fmt::format("{}: cannot be opened{}", path, read_only ? "" : " for reading and writing"));
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("{}: is neither a plain file nor a block device", path));
    if (auto r = lock(f->fd_.get(), path, read_only); !r) return std::unexpected(r.error());
    const off_t end = ::lseek(f->fd_.get(), 0, SEEK_END);  // behind the lock: nobody changes it any more
    if (end < 0) return osal::fail_errno(fmt::format("{}: has no size", path));
    f->size_.store(static_cast<u64>(end));
    return f;
}

Result<void> ImageFile::read(u64 offset, Parts to) const {
    const std::string what = fmt::format("{}: reading at {:#x} failed", path_, offset);
    if (offset > kMaxOffset) return fail(ErrorKind::Io, what);
    return all_of(what, offset, to, [&](iovec* v, int n, off_t at) { return ::preadv(fd_.get(), v, n, at); });
}

Result<void> ImageFile::read(u64 offset, void* to, u64 bytes) const {
    const iovec part{to, bytes};
    return read(offset, Parts(&part, 1));
}

Result<void> ImageFile::write(u64 offset, Parts from) {
    const std::string what = fmt::format("{}: writing at {:#x} failed", path_, offset);
    if (offset > kMaxOffset) return fail(ErrorKind::Io, what);
    auto r =
        all_of(what, offset, from, [&](iovec* v, int n, off_t at) { return ::pwritev(fd_.get(), v, n, at); });
    if (!r) return r;
    const u64 end = offset + bytes_of(from);
    u64 size = size_.load(std::memory_order_relaxed);
    while (size < end && !size_.compare_exchange_weak(size, end, std::memory_order_relaxed)) {
    }
    return {};
}

Result<void> ImageFile::write(u64 offset, const void* from, u64 bytes) {
    const iovec part{const_cast<void*>(from), bytes};
    return write(offset, Parts(&part, 1));
}

u64 ImageFile::read_cached(u64 offset, Parts to) const {
    if (offset > kMaxOffset) return 0;
    const int count = static_cast<int>(std::min<size_t>(to.size(), IOV_MAX));
    const ssize_t n = ::preadv2(fd_.get(), to.data(), count, static_cast<off_t>(offset), RWF_NOWAIT);
    return n > 0 ? static_cast<u64>(n) : 0;
}

Result<void> ImageFile::flush() { return flushed(::fdatasync(fd_.get()) == 0 ? 0 : -errno); }

/// The host reports once what it could not write.
Result<void> ImageFile::flushed(int result) {
    if (result != 0) flush_failed_.store(true);
    if (!flush_failed_.load()) return {};
    errno = result != 0 ? -result : EIO;
    return osal::fail_errno(fmt::format("{}: what was written cannot be made durable", path_));
}

Result<void> ImageFile::zero(u64 offset, u64 bytes, bool unmap) {
    if (offset > kMaxOffset || bytes > kMaxOffset)
        return fail(ErrorKind::Io, fmt::format("{}: zeroing at {:#x} failed", path_, offset));
    const u64 old = std::min(size(), offset + bytes);
    const int mode = unmap ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE : FALLOC_FL_ZERO_RANGE;
    if (offset + bytes <= old &&
        ::fallocate(fd_.get(), mode, static_cast<off_t>(offset), static_cast<off_t>(bytes)) == 0)
        return {};
    static constexpr u8 zeroes[kZeroChunk] = {};
    for (u64 done = 0; done < bytes; done += kZeroChunk)
        if (auto r = write(offset + done, zeroes, std::min(kZeroChunk, bytes - done)); !r) return r;
    return {};
}

void ImageFile::punch(u64 offset, u64 bytes) {
    if (offset > kMaxOffset || bytes == 0 || bytes > kMaxOffset) return;
    (void)::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                      static_cast<off_t>(bytes));
}

}  // namespace vm::device
