#include "osal/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/format.h"

namespace vm::osal {

std::unexpected<Error> fail_errno(std::string message) {
    const int e = errno;
    return fail(e == ENOENT ? ErrorKind::NotFound : ErrorKind::Io,
                fmt::format("{} ({})", message, std::generic_category().message(e)), e);
}

Fd::~Fd() {
    if (fd_ >= 0) ::close(fd_);
}
Fd& Fd::operator=(Fd&& o) noexcept {
    if (this != &o) {
        if (fd_ >= 0) ::close(fd_);
        fd_ = o.release();
    }
    return *this;
}

MappedFile::~MappedFile() {
    if (data_ != nullptr) ::munmap(const_cast<u8*>(data_), size_);
}
MappedFile::MappedFile(MappedFile&& o) noexcept
    : fd_(std::move(o.fd_)), data_(std::exchange(o.data_, nullptr)), size_(std::exchange(o.size_, 0)) {}
MappedFile& MappedFile::operator=(MappedFile&& o) noexcept {
    std::swap(fd_, o.fd_);
    std::swap(data_, o.data_);
    std::swap(size_, o.size_);
    return *this;
}

Result<MappedFile> MappedFile::map(Fd fd, u64 bytes) {
    MappedFile f;
    void* p = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd.get(), 0);
    if (p == MAP_FAILED) return fail_errno("a file cannot be mapped");
    f.fd_ = std::move(fd);
    f.data_ = static_cast<const u8*>(p);
    f.size_ = bytes;
    return f;
}

Result<InputFile> InputFile::open(const std::string& path) {
    InputFile f;
    f.path_ = path;
    f.fd_ = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat st {};
    if (f.fd_.get() < 0 || ::fstat(f.fd_.get(), &st) != 0)
        return fail_errno(fmt::format("{}: cannot be opened", path));
    if (!S_ISREG(st.st_mode))
        return fail(ErrorKind::InvalidArgument, fmt::format("{}: is not a plain file", path));
    f.size_ = static_cast<u64>(st.st_size);
    return f;
}

Result<void> InputFile::read(u64 offset, void* to, u64 bytes) const {
    for (u8* p = static_cast<u8*>(to); bytes != 0;) {
        const ssize_t n = ::pread(fd_.get(), p, bytes, static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno(fmt::format("{}: cannot be read", path_));
        if (n == 0)
            return fail(ErrorKind::InvalidArgument, fmt::format("{}: became shorter meanwhile", path_));
        p += n;
        offset += static_cast<u64>(n);
        bytes -= static_cast<u64>(n);
    }
    return {};
}

namespace {

/// A file without a name in `dir`, if its file system has such files and /proc can give it a name later.
Fd open_nameless(int dir, unsigned mode) {
    if (::access("/proc/self/fd", X_OK) != 0) return Fd();
    return Fd(::openat(dir, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, mode));
}

std::string temporary_name() {
    static std::atomic<unsigned> serial{0};
    return fmt::format(".tmp-{}-{}", ::getpid(), serial.fetch_add(1));
}

}  // namespace

Result<NewFile> NewFile::create(const std::string& path, unsigned mode) {
    const size_t slash = path.rfind('/');
    NewFile f;
    f.shown_ = path;
    f.name_ = slash == std::string::npos ? path : path.substr(slash + 1);
    if (f.name_.empty() || f.name_ == "." || f.name_ == "..")
        return fail(ErrorKind::InvalidArgument, fmt::format("'{}' is no name for a file", path));
    const std::string dir = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    f.dir_ = Fd(::open(dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (f.dir_.get() < 0) return fail_errno(fmt::format("{}: its directory cannot be opened", path));
    struct stat st {};
    if (::fstatat(f.dir_.get(), f.name_.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("{}: there is something else of this name that is not a plain file", path));
    f.fd_ = open_nameless(f.dir_.get(), mode);
    if (f.fd_.get() < 0) {
        f.temporary_ = temporary_name();
        f.fd_ = Fd(::openat(f.dir_.get(), f.temporary_.c_str(),
                            O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
    }
    if (f.fd_.get() < 0) return fail_errno(fmt::format("{}: cannot be made", path));
    return f;
}

NewFile::~NewFile() {
    if (fd_.get() >= 0 && !temporary_.empty()) ::unlinkat(dir_.get(), temporary_.c_str(), 0);
}

void NewFile::write(u64 offset, const void* data, u64 bytes) {
    const u8* p = static_cast<const u8*>(data);
    while (bytes != 0 && error_ == 0) {
        const ssize_t n = ::pwrite(fd_.get(), p, bytes, static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            error_ = n < 0 ? errno : ENOSPC;
            return;
        }
        p += n;
        offset += static_cast<u64>(n);
        bytes -= static_cast<u64>(n);
    }
}

/// Gives the file one more name, or the first, if nothing has it.
bool NewFile::link(const std::string& name) const {
    if (!temporary_.empty())
        return ::linkat(dir_.get(), temporary_.c_str(), dir_.get(), name.c_str(), 0) == 0;
    const std::string self = fmt::format("/proc/self/fd/{}", fd_.get());
    return ::linkat(AT_FDCWD, self.c_str(), dir_.get(), name.c_str(), AT_SYMLINK_FOLLOW) == 0;
}

bool NewFile::replace() {
    if (temporary_.empty()) {
        if (link(name_)) return true;
        if (errno != EEXIST) return false;
        const std::string name = temporary_name();
        if (!link(name)) return false;
        temporary_ = name;
    }
    return ::renameat(dir_.get(), temporary_.c_str(), dir_.get(), name_.c_str()) == 0;
}

Result<void> NewFile::finish(bool done) {
    if (done) {
        fd_ = Fd();
        return {};
    }
    if (error_ != 0) errno = error_;
    return fail_errno(fmt::format("{}: cannot be written", shown_));
}

Result<void> NewFile::publish() { return finish(error_ == 0 && replace()); }

Result<void> NewFile::publish_new() {
    const bool done = error_ == 0 && link(name_);
    if (!done && error_ == 0 && errno == EEXIST)
        return fail(ErrorKind::InvalidArgument, fmt::format("{}: exists already", shown_), EEXIST);
    if (done && !temporary_.empty()) ::unlinkat(dir_.get(), temporary_.c_str(), 0);
    return finish(done);
}

}  // namespace vm::osal
