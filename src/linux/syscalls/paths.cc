// Calls that tell or change where paths lead: the working directory, links, the root, mounts.
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "linux/syscalls.h"

namespace vm::linux::sys {
namespace {

bool host_view(Call& c) { return c.t.process().files().kind() == FileView::Kind::Host; }

/// Is the link one whose text the kernel makes up from a host path?
bool in_procfs(int dirfd, const std::string& path) {
    const int fd = ::openat(dirfd, path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return false;
    struct statfs fs {};
    const bool proc = ::fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
    ::close(fd);
    return proc;
}

/// A root or several, separated by colons, as overlay file systems take them.
i64 resolve_list(Call& c, std::string_view list, std::string* out) {
    if (list.find('\\') != list.npos) return -EINVAL;  // escapes: which part is a path cannot be told
    while (true) {
        const size_t colon = std::min(list.find(':'), list.size());
        std::string host;
        if (const i64 r = c.t.process().files().resolve(AT_FDCWD, std::string(list.substr(0, colon)),
                                                        Look::Follow, &host);
            r < 0)
            return r;
        *out += host;
        if (colon == list.size()) return 0;
        *out += ':';
        list.remove_prefix(colon + 1);
    }
}

bool names_directories(std::string_view key) {
    return key == "upperdir" || key == "workdir" || key.starts_with("lowerdir") || key.starts_with("datadir");
}

/// The options of an overlay mount with the directories as the host names them.
i64 overlay_options(Call& c, std::string_view options, std::string* out) {
    while (!options.empty()) {
        const size_t comma = std::min(options.find(','), options.size());
        const std::string_view option = options.substr(0, comma);
        options.remove_prefix(std::min(comma + 1, options.size()));
        const size_t equals = option.find('=');
        if (!out->empty()) *out += ',';
        if (equals == option.npos || !names_directories(option.substr(0, equals))) {
            *out += option;
            continue;
        }
        *out += option.substr(0, equals + 1);
        if (const i64 r = resolve_list(c, option.substr(equals + 1), out); r < 0) return r;
    }
    return out->size() < static_cast<size_t>(::sysconf(_SC_PAGESIZE)) ? 0 : -EINVAL;
}

}  // namespace

i64 sys_chdir(Call& c) {
    std::string path;
    const i64 r = pass(c);
    if (r == 0 && read_path(c, c.a[0], &path) == 0 && path.starts_with('/'))
        c.t.process().files().went_to(path);
    return r;
}

i64 sys_getcwd(Call& c) {
    if (host_view(c)) return pass(c);
    const FileView& files = c.t.process().files();
    char text[PATH_MAX];
    const i64 n = raw_syscall(SYS_getcwd, ptr(text), sizeof text);
    if (n < 0) return n;
    std::string cwd = files.kind() == FileView::Kind::Overlay && !files.cwd_has_guest_name()
                          ? std::string(text)
                          : files.guest_path(text);
    // What the kernel itself says of a directory that lies outside the root (d_path.c).
    if (cwd.starts_with('/') && !files.visible(text)) cwd = "(unreachable)" + cwd;
    if (cwd.size() + 1 > c.a[1]) return -ERANGE;
    return c.out(c.a[0], cwd.size() + 1) && c.mm().write(c.a[0], cwd.c_str(), cwd.size() + 1)
               ? static_cast<i64>(cwd.size() + 1)
               : -EFAULT;
}

i64 sys_readlinkat(Call& c) {
    std::string path, text;
    if (static_cast<i32>(c.a[3]) <= 0) return -EINVAL;
    if (const i64 r = read_path(c, c.a[1], &path); r < 0) return r;
    const FileView& files = c.t.process().files();
    if (const auto exe = guest_exe(c.t.process(), path)) {
        text = files.guest_path(*exe);
    } else {
        if (const i64 r = resolve_path(c, static_cast<int>(c.a[0]), c.a[1], Look::NoFollow, &path); r < 0)
            return r;
        char buffer[PATH_MAX];
        const i64 n = c.host(c.a[0], ptr(path.c_str()), ptr(buffer), sizeof buffer);
        if (n < 0) return n;
        text.assign(buffer, static_cast<u64>(n));
        const std::string guest = files.guest_path(text);
        if (guest != text && in_procfs(static_cast<int>(c.a[0]), path)) text = guest;
    }
    const u64 n = std::min<u64>(text.size(), static_cast<u32>(c.a[3]));
    return c.out(c.a[2], n) && c.mm().write(c.a[2], text.data(), n) ? static_cast<i64>(n) : -EFAULT;
}

i64 sys_chroot(Call& c) {
    c.t.process().self().keep();
    const i64 r = pass(c);
    if (r == 0) c.t.process().files().leave();
    return r;
}

i64 sys_pivot_root(Call& c) {
    c.t.process().self().keep();
    const i64 r = pass(c);
    if (r == 0) c.t.process().files().leave();
    return r;
}

i64 sys_mount(Call& c) {
    if (host_view(c)) return pass(c);
    const FileView& files = c.t.process().files();
    std::string source, target, type, options;
    if (const i64 r = resolve_path(c, AT_FDCWD, c.a[1], Look::Follow, &target); r < 0) return r;
    if (c.a[2])
        if (const i64 r = read_path(c, c.a[2], &type); r < 0) return r;
    if (c.a[0]) {
        if (const i64 r = read_path(c, c.a[0], &source); r < 0) return r;
        const bool path = (c.a[3] & (MS_BIND | MS_MOVE)) || source.starts_with('/');
        std::string host;
        // A remount does not look at its source; what cannot be found is the file system's to judge.
        if (path && files.resolve(AT_FDCWD, source, Look::Follow, &host) == 0) source = host;
    }
    u64 data = c.a[4];
    if (data && type == "overlay") {
        std::string guest;
        if (!c.mm().read_string(data, &guest, 4095)) return -EFAULT;
        if (const i64 r = overlay_options(c, guest, &options); r < 0) return r;
        data = ptr(options.c_str());
    } else if (!c.in(data, 1)) {
        return -EFAULT;
    }
    return c.host(c.a[0] ? ptr(source.c_str()) : 0, ptr(target.c_str()), c.a[2] ? ptr(type.c_str()) : 0,
                  c.a[3], data);
}

i64 sys_fsconfig(Call& c) {
    if (host_view(c) || !c.a[3]) return pass(c);
    const u32 command = static_cast<u32>(c.a[1]);
    std::string key, value, host;
    if (command == FSCONFIG_SET_PATH || command == FSCONFIG_SET_PATH_EMPTY) {
        if (const i64 r = resolve_path(c, static_cast<int>(c.a[4]), c.a[3], Look::Follow, &host); r < 0)
            return r;
    } else if (command == FSCONFIG_SET_STRING) {
        if (const i64 r = read_path(c, c.a[2], &key); r < 0) return r;
        if (const i64 r = read_path(c, c.a[3], &value); r < 0) return r;
        if (key == "source" && value.starts_with('/')) {
            if (c.t.process().files().resolve(AT_FDCWD, value, Look::Follow, &host) < 0) host = value;
        } else if (names_directories(key)) {
            if (const i64 r = resolve_list(c, value, &host); r < 0) return r;
        } else {
            return pass(c);
        }
    } else {
        return pass(c);
    }
    return c.host(c.a[0], c.a[1], c.a[2], ptr(host.c_str()), c.a[4]);
}

}  // namespace vm::linux::sys
