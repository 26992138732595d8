#include "osal/private_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <ctime>
#include <memory>
#include <string_view>

#include "base/format.h"

namespace vm::osal {
namespace {

constexpr std::string_view kUnfinished = ".tmp-";
constexpr i64 kTouchEvery = 86400;  ///< seconds

/// Only this user could have written it.
bool ours_alone(const struct stat& st) { return st.st_uid == ::geteuid() && (st.st_mode & 022) == 0; }

Result<Fd> open_dir(const std::string& path) {
    Fd dir(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (dir.get() < 0) return fail_errno(fmt::format("{}: cannot be opened", path));
    struct stat st {};
    if (::fstat(dir.get(), &st) != 0 || !ours_alone(st))
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("{}: belongs to another user or can be written by others", path));
    return dir;
}

bool unfinished(std::string_view name) { return name.starts_with(kUnfinished); }

Result<void> make_dirs(const std::string& path) {
    for (size_t at = 1; at != std::string::npos;) {
        at = path.find('/', at + 1);
        const std::string part = path.substr(0, at);
        if (::mkdir(part.c_str(), 0700) == 0 || errno == EEXIST) continue;
        struct stat st {};
        const int e = errno;
        if (::stat(part.c_str(), &st) == 0) continue;  // e.g. a read-only file system above it
        errno = e;
        return fail_errno(fmt::format("{}: the directory cannot be made", part));
    }
    return {};
}

struct CloseDir {
    void operator()(DIR* d) const { ::closedir(d); }
};

/// Calls f(name) for every entry.
template <class F>
Result<void> each_name(const std::string& path, int dir, F f) {
    const std::unique_ptr<DIR, CloseDir> stream(::fdopendir(::fcntl(dir, F_DUPFD_CLOEXEC, 0)));
    if (!stream) return fail_errno(fmt::format("{}: cannot be listed", path));
    while (const dirent* e = ::readdir(stream.get()))
        if (e->d_type == DT_REG || e->d_type == DT_UNKNOWN) f(std::string(e->d_name));
    return {};
}

}  // namespace

Result<void> PrivateDir::create() const {
    if (auto r = make_dirs(path_); !r) return r;
    if (auto dir = open_dir(path_); !dir) return std::unexpected(dir.error());
    return {};
}

Result<MappedFile> PrivateDir::open(const std::string& name) const {
    auto dir = open_dir(path_);
    if (!dir) return std::unexpected(dir.error());
    Fd fd(::openat(dir->get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (fd.get() < 0) return fail_errno(fmt::format("{}/{}: cannot be opened", path_, name));
    struct stat st {};
    if (::fstat(fd.get(), &st) != 0) return fail_errno(fmt::format("{}/{}: cannot be examined", path_, name));
    if (!S_ISREG(st.st_mode) || !ours_alone(st))
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("{}/{}: belongs to another user or can be written by others", path_, name));
    if (st.st_size == 0) return fail(ErrorKind::InvalidArgument, fmt::format("{}/{}: is empty", path_, name));
    if (st.st_mtim.tv_sec + kTouchEvery < ::time(nullptr)) ::futimens(fd.get(), nullptr);
    return MappedFile::map(std::move(fd), static_cast<u64>(st.st_size));
}

Result<NewFile> PrivateDir::begin(const std::string& name) const {
    auto dir = open_dir(path_);
    if (!dir) return std::unexpected(dir.error());
    static std::atomic<unsigned> serial{0};
    NewFile f;
    f.temporary_ = fmt::format("{}{}-{}-{}", kUnfinished, ::getpid(), serial.fetch_add(1), name);
    f.fd_ = Fd(::openat(dir->get(), f.temporary_.c_str(),
                        O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (f.fd_.get() < 0) return fail_errno(fmt::format("{}/{}: cannot be made", path_, f.temporary_));
    ::flock(f.fd_.get(), LOCK_EX | LOCK_NB);  // says that its writer lives
    f.dir_ = std::move(*dir);
    f.shown_ = fmt::format("{}/{}", path_, name);
    f.name_ = name;
    return f;
}

Result<void> PrivateDir::remove(const std::string& name) const {
    auto dir = open_dir(path_);
    if (!dir) return std::unexpected(dir.error());
    if (::unlinkat(dir->get(), name.c_str(), 0) != 0)
        return fail_errno(fmt::format("{}/{}: cannot be removed", path_, name));
    return {};
}

Result<std::vector<DirEntry>> PrivateDir::list() const {
    auto dir = open_dir(path_);
    if (!dir) return std::unexpected(dir.error());
    std::vector<DirEntry> all;
    auto ok = each_name(path_, dir->get(), [&](std::string name) {
        struct stat st {};
        if (unfinished(name) || ::fstatat(dir->get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return;
        if (!S_ISREG(st.st_mode)) return;
        all.push_back({std::move(name), static_cast<u64>(st.st_size), st.st_mtim.tv_sec, ours_alone(st)});
    });
    if (!ok) return std::unexpected(ok.error());
    return all;
}

Result<unsigned> PrivateDir::sweep() const {
    auto dir = open_dir(path_);
    if (!dir) return std::unexpected(dir.error());
    unsigned removed = 0;
    auto ok = each_name(path_, dir->get(), [&](const std::string& name) {
        if (!unfinished(name)) return;
        const Fd fd(::openat(dir->get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
        struct stat st {};
        if (fd.get() < 0 || ::fstat(fd.get(), &st) != 0) return;
        // Between its creation and its lock a file of a living writer is a moment old.
        if (st.st_ctim.tv_sec + 10 > ::time(nullptr) || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return;
        if (::unlinkat(dir->get(), name.c_str(), 0) == 0) removed++;
    });
    if (!ok) return std::unexpected(ok.error());
    return removed;
}

}  // namespace vm::osal
