// The file view of -L: absolute paths that exist under the sysroot resolve there, others on the host.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/bits.h"
#include "base/format.h"
#include "linux/file_view.h"

namespace vm::linux {
namespace {

/// A descriptor on `path` that is out of the guest's way: high, and closed by execve.
int open_internal(const std::string& path) {
    const int low = ::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (low < 0) return -1;
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const u64 end = std::min<u64>(limit.rlim_cur, 4096);
    const int high = ::fcntl(low, F_DUPFD_CLOEXEC, static_cast<int>(end > 64 ? end - 32 : end / 2));
    if (high < 0) return low;
    ::close(low);
    return high;
}

/// Looks `path` up with `root` as "/": symlinks stay inside. A descriptor (O_PATH) or -errno.
int open_in_root(int root, const std::string& path, bool follow) {
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW);
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    for (int attempt = 0;; attempt++) {
        const long fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
        if (fd >= 0) return static_cast<int>(fd);
        if (errno != EAGAIN || attempt == 8) return -errno;  // EAGAIN: a rename passed by
    }
}

}  // namespace

FileView::~FileView() {
    if (const int fd = root_fd_.load(); fd >= 0) ::close(fd);
}

std::string FileView::host_path(const std::string& path, bool follow) const {
    const std::string& root = root_;
    if (root.empty() || path.empty() || path[0] != '/' || left_.load(std::memory_order_acquire)) return path;
    // A path that already leads into the sysroot, e.g. from getcwd or /proc/self/fd, means itself.
    if (path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/')) return path;
    int root_fd = root_fd_.load(std::memory_order_acquire);
    int fd = root_fd < 0 ? -EBADF : open_in_root(root_fd, path, follow);
    if (fd == -EBADF) {  // first use, or the guest has closed every descriptor it could find
        root_fd = open_internal(root);
        if (root_fd < 0) return path;
        int expected = -1;
        if (!root_fd_.compare_exchange_strong(expected, root_fd)) root_fd_.store(root_fd);
        fd = open_in_root(root_fd, path, follow);
    }
    if (fd == -ENOSYS ||
        fd == -EPERM) {  // no openat2 here (old kernel, seccomp): symlinks to "/…" then lead to the host
        const std::string joined = root + path;
        return ::faccessat(AT_FDCWD, joined.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? joined : path;
    }
    if (fd < 0) return path;
    char link[4096 + 1];
    const ssize_t n = ::readlink(fmt::format("/proc/self/fd/{}", fd).c_str(), link, sizeof link);
    ::close(fd);
    if (n <= 0 || static_cast<size_t>(n) == sizeof link) return root + path;
    std::string real(link, static_cast<size_t>(n));
    // A trailing slash demands a directory: keep the demand.
    if (path.size() > 1 && path.back() == '/') real += '/';
    return real;
}

std::string FileView::guest_path(const std::string& host) const {
    const std::string& root = root_;
    if (root.empty() || !host.starts_with(root) || left_.load(std::memory_order_acquire)) return host;
    if (host.size() == root.size()) return "/";
    return host[root.size()] == '/' ? host.substr(root.size()) : host;
}

}  // namespace vm::linux
