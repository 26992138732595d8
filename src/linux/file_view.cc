// The file views of -L and --root. Most paths hold no symlink, which one openat2 tells; the others are walked
// name by name.
#include "linux/file_view.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/format.h"

namespace vm::linux {
namespace {

constexpr std::string_view kHostDirectories[] = {"proc", "dev", "sys"};
constexpr int kMaxLinks = 40;  // MAXSYMLINKS of the kernel

bool is_host_directory_name(std::string_view name) {
    return std::find(std::begin(kHostDirectories), std::end(kHostDirectories), name) !=
           std::end(kHostDirectories);
}

/// Under -L new files are the host's, so the directories that are there for new files are, too: a program
/// that makes one and then lists the directory, or goes there and opens it by its name alone, must find it.
bool is_temporary_directory(std::string_view path) {
    while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    return path == "/tmp" || path == "/var/tmp";
}

bool under(const std::string& path, const std::string& root) {
    return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

/// What the text of a path says by itself.
struct Shape {
    bool up = false;  ///< holds ".."
    bool hosts =
        false;  ///< may lead to /proc, /dev or /sys: by its first name if absolute, by any if relative
};
Shape shape_of(std::string_view path) {
    Shape s;
    bool first = true;
    const bool absolute = path.starts_with('/');
    while (!path.empty()) {
        const size_t end = std::min(path.find('/'), path.size());
        const std::string_view name = path.substr(0, end);
        path.remove_prefix(std::min(end + 1, path.size()));
        if (name.empty() || name == ".") continue;
        s.up |= name == "..";
        s.hosts |= (first || !absolute) && is_host_directory_name(name);
        first = false;
    }
    return s;
}

bool all_digits(std::string_view s) {
    return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Does the kernel's way along `path` cross a symlink?
enum class Links : u8 { None, Some };
Links probe(int dirfd, const std::string& path, bool follow, bool* exists) {
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW);
    how.resolve = RESOLVE_NO_SYMLINKS;
    const long fd = ::syscall(SYS_openat2, dirfd, path.c_str(), &how, sizeof how);
    *exists = fd >= 0;
    if (fd >= 0) {
        ::close(static_cast<int>(fd));
        return Links::None;
    }
    switch (errno) {
        case ENOENT:
        case ENOTDIR:
        case EACCES:
        case ENAMETOOLONG:
        case EBADF: return Links::None;  // the call itself will end the same way
        default: return Links::Some;  // ELOOP; or no openat2, or no descriptor free: the walk needs neither
    }
}

/// The same for one name in a directory, which needs no descriptor.
Links probe_name(int dirfd, const std::string& name) {
    char byte;
    if (name == ".") return Links::None;
    return ::readlinkat(dirfd, name.c_str(), &byte, 1) >= 0 ? Links::Some : Links::None;
}

/// For Entry: the part whose links matter.
std::string parent_part(const std::string& path) {
    const size_t last = path.find_last_not_of('/');
    const size_t slash = last == path.npos ? path.npos : path.rfind('/', last);
    return slash == path.npos ? std::string() : path.substr(0, slash + 1);
}

Links probe(int dirfd, const std::string& path, Look look, bool* exists) {
    if (look == Look::Entry) {
        const std::string parent = parent_part(path);
        return parent.empty() ? Links::None : probe(dirfd, parent, true, exists);
    }
    if (path.find('/') != path.npos)
        return probe(dirfd, path, look == Look::Follow || path.back() == '/', exists);
    return look == Look::Follow ? probe_name(dirfd, path) : Links::None;
}

}  // namespace

bool in_host_directory(std::string_view path) {
    if (!path.starts_with('/')) return false;
    path.remove_prefix(1);
    return is_host_directory_name(path.substr(0, path.find('/')));
}

bool is_magic_link(std::string_view path) {
    auto take = [&] {
        const size_t slash = path.find('/');
        const std::string_view name = path.substr(0, slash);
        path.remove_prefix(slash == path.npos ? path.size() : slash + 1);
        return name;
    };
    if (!path.starts_with("/proc/")) return false;
    path.remove_prefix(6);
    if (!all_digits(take())) return false;
    std::string_view name = take();
    if (name == "task") {
        take();
        name = take();
    }
    if (path.empty()) return name == "cwd" || name == "root" || name == "exe";
    return (name == "fd" || name == "map_files" || name == "ns") && path.find('/') == path.npos;
}

int open_hidden(const char* path, int flags) {
    const int low = ::open(path, flags | O_CLOEXEC);
    if (low < 0) return -1;
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const u64 end = std::min<u64>(limit.rlim_cur, 4096);
    const int high = ::fcntl(low, F_DUPFD_CLOEXEC, static_cast<int>(end > 64 ? end - 32 : end / 2));
    if (high < 0) return low;
    ::close(low);
    return high;
}

FileView::~FileView() {
    if (const int fd = root_fd_.load(); fd >= 0) ::close(fd);
}

int FileView::root_fd() const {
    int fd = root_fd_.load(std::memory_order_acquire);
    struct stat now {
    }, then{};
    if (fd >= 0 && ::fstat(fd, &now) == 0 && ::stat(root_.c_str(), &then) == 0 && now.st_ino == then.st_ino &&
        now.st_dev == then.st_dev)
        return fd;
    fd = open_hidden(root_.c_str(), O_PATH | O_DIRECTORY);
    if (fd >= 0) root_fd_.store(fd, std::memory_order_release);
    return fd;
}

std::string FileView::host_name(const std::string& guest) const {
    return in_host_directory(guest) ? guest : root_ + guest;
}

std::string FileView::host_name(const Place& place) const {
    std::string host = host_name(place.guest);
    if (place.slash && !place.guest.empty()) host += '/';
    return host;
}

std::optional<std::string> FileView::to_guest(const std::string& host) const {
    const Kind k = kind();
    if (k == Kind::Host) return host;
    if (under(host, root_)) return host.substr(root_.size());
    if (k == Kind::Overlay || in_host_directory(host)) return host;
    return std::nullopt;
}

void FileView::went_to(const std::string& path) {
    cwd_has_guest_name_.store(!under(path, root_), std::memory_order_relaxed);
}

std::string FileView::guest_path(const std::string& host) const {
    auto guest = to_guest(host);
    if (!guest) return host;
    return guest->empty() ? "/" : *guest;
}

/// The guest's name of the directory that relative paths start from; nothing where the guest's view does not
/// reach. 0 or -errno.
i64 FileView::base(int dirfd, std::optional<std::string>* guest) const {
    char text[PATH_MAX + 1];
    std::string host;
    if (dirfd == AT_FDCWD) {
        const long n = ::syscall(SYS_getcwd, text, sizeof text);
        if (n <= 0) return -errno;
        host = text;
    } else {
        const ssize_t n = ::readlink(fmt::format("/proc/self/fd/{}", dirfd).c_str(), text, sizeof text);
        if (n <= 0) return errno == ENOENT ? -EBADF : -errno;
        host.assign(text, static_cast<size_t>(n));
        if (host[0] != '/') return -ENOTDIR;
    }
    *guest =
        host.starts_with('/') && (kind() == Kind::Root || under(host, root_)) ? to_guest(host) : std::nullopt;
    return 0;
}

i64 FileView::resolve(int dirfd, const std::string& path, Look look, std::string* out, u64 forbid) const {
    *out = path;
    if (path.empty()) return 0;
    switch (kind()) {
        case Kind::Host: return 0;
        case Kind::Overlay: return resolve_overlay(dirfd, path, look, out, forbid);
        case Kind::Root: return resolve_root(dirfd, path, look, out, forbid);
    }
    return 0;
}

/// -L. Whatever cannot be found under the sysroot is the host's.
i64 FileView::resolve_overlay(int dirfd, const std::string& path, Look look, std::string* out,
                              u64 forbid) const {
    std::string guest = path;
    std::optional<std::string> start;
    Shape shape = shape_of(path);
    bool exists = false;
    if (path[0] == '/') {
        // A path that already leads into the sysroot, e.g. from /proc/self/fd, means itself.
        const bool own = under(path, root_);
        if (own && shape.up) return 0;
        if (own) guest = path.size() == root_.size() ? "/" : path.substr(root_.size());
        if (own) shape = shape_of(guest);
        if (shape.hosts && !shape.up) {
            *out = guest;
            return 0;
        }
        if (!own && is_temporary_directory(guest)) return 0;
        if (!shape.up && probe(AT_FDCWD, root_ + guest, look == Look::Entry ? Look::NoFollow : look,
                               &exists) == Links::None) {
            if (exists) *out = guest == "/" ? root_ : root_ + guest;
            return 0;
        }
        start.emplace();
    } else {
        if (!shape.up && !shape.hosts && probe(dirfd, path, look, &exists) == Links::None) return 0;
        if (base(dirfd, &start) < 0 || !start) return 0;
    }
    Place place;
    const i64 r = walk(*start, guest, look, forbid, &place);
    if (place.hosts) return 0;
    if (in_host_directory(place.guest)) {  // there or not, it is nowhere else
        if (r == 0) *out = host_name(place);
        return r;
    }
    if (r == 0 && place.exists) *out = host_name(place);
    return 0;
}

/// --root. A relative path is left alone where the kernel's way along it stays inside, and where it starts
/// outside: at a directory that the guest was given by whoever started it.
i64 FileView::resolve_root(int dirfd, const std::string& path, Look look, std::string* out,
                           u64 forbid) const {
    const Shape shape = shape_of(path);
    const bool absolute = path[0] == '/';
    bool exists = false;
    // "/" cannot be made, renamed or removed, which the kernel says best of its own.
    if (look == Look::Entry && path.find_first_not_of('/') == path.npos) return 0;
    if (!shape.up && !shape.hosts) {
        const std::string host = absolute ? root_ + path : path;
        if (probe(dirfd, host, look, &exists) == Links::None) {
            *out = path == "/" ? root_ : host;
            return 0;
        }
    }
    std::optional<std::string> start;
    if (absolute)
        start.emplace();
    else if (const i64 r = base(dirfd, &start); r < 0)
        return r;
    if (!start) return 0;
    Place place;
    if (const i64 r = walk(*start, path, look, forbid, &place); r < 0) return r;
    *out = host_name(place);
    return 0;
}

/// Follows `rest` from the guest's directory `at`, one name at a time, symlinks as the guest sees them. 0 or
/// -errno.
i64 FileView::walk(std::string at, std::string rest, Look look, u64 forbid, Place* place) const {
    for (int followed = 0;;) {
        const size_t begin = rest.find_first_not_of('/');
        if (begin == rest.npos) break;
        const size_t end = std::min(rest.find('/', begin), rest.size());
        const std::string name = rest.substr(begin, end - begin);
        rest.erase(0, end);
        const bool last = rest.find_first_not_of('/') == rest.npos;
        place->slash = last && !rest.empty();
        const std::string next = at + "/" + name;
        if (last && look == Look::Entry && (name == "." || name == "..")) {
            at = next;  // the kernel refuses it, each call in its own way
            break;
        }
        if (name == ".") {
            place->slash = last;
            continue;
        }
        char text[PATH_MAX + 1];
        if (name == "..") {
            if (!at.empty() && ::readlink((host_name(at) + "/.").c_str(), text, 1) < 0 && errno != EINVAL)
                return -errno;
            at.erase(std::min(at.rfind('/'), at.size()));
            place->slash = last;
            continue;
        }
        const bool itself = last && (look == Look::Entry || (look == Look::NoFollow && !place->slash));
        ssize_t n = ::readlink(host_name(next).c_str(), text, sizeof text);
        if (n < 0 && itself && errno == EACCES)
            n = 0;  // a link of /proc may be looked at without the right to follow it
        if (n < 0 && errno != EINVAL && (errno != ENOENT || !last)) {
            const int e = errno;
            place->guest = next;
            return -e;
        }
        place->exists = n >= 0 || errno == EINVAL;
        if (n < 0 || itself) {
            at = next;
            continue;
        }
        if ((forbid & RESOLVE_NO_SYMLINKS) || ++followed > kMaxLinks) return -ELOOP;
        const std::string target(text, static_cast<size_t>(n));
        if (is_magic_link(next)) {
            if (forbid & RESOLVE_NO_MAGICLINKS) return -ELOOP;
            if (const i64 r = follow_magic(next, target, last, place); r < 0) return r;
            if (place->hosts) return 0;
            at = place->guest;
            continue;
        }
        if (target.empty()) return -ENOENT;
        if (target[0] == '/') at.clear();
        rest = target + rest;
    }
    place->guest = std::move(at);
    return 0;
}

/// A link of /proc: what the kernel follows is not its text, and may lie where the guest cannot see.
i64 FileView::follow_magic(const std::string& next, const std::string& text, bool last, Place* place) const {
    if (kind() == Kind::Overlay) {
        place->hosts = true;
        return 0;
    }
    const bool own = next.starts_with(fmt::format("/proc/{}/", ::getpid()));
    const std::string_view name = std::string_view(next).substr(next.rfind('/') + 1);
    const bool object =
        name != "cwd" && name != "root" && name != "exe";  // what a descriptor, a mapping or a namespace is
    const auto guest = to_guest(text);
    if (object && last && (own || guest || !text.starts_with('/')))
        place->guest = next;  // the kernel follows it: there may be no name for what is there
    else if (name == "root" && text == "/")
        place->guest.clear();
    else if (guest)
        place->guest = *guest;
    else
        return -EACCES;
    return 0;
}

}  // namespace vm::linux
