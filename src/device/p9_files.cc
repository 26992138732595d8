#include "device/p9_files.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/format.h"

namespace vm::device::p9 {
namespace {

constexpr u32 kSetIds = S_ISUID | S_ISGID;
/// Of the guest's flags (those of asm-generic/fcntl.h, as here) what is passed on.
constexpr u32 kKnownFlags = O_ACCMODE | O_APPEND | O_TRUNC | O_DSYNC | O_SYNC | O_DIRECTORY;

int result(long r) { return r < 0 ? errno : 0; }

/// One component below a directory, never through a symbolic link or out of it.
int open_beneath(int directory, const std::string& name, u64 flags, u64 mode, osal::Fd* out) {
    open_how how{};
    how.flags = flags | O_CLOEXEC | O_NOFOLLOW | ((flags & O_PATH) != 0 ? 0 : O_NOCTTY);
    how.mode = mode;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
    const long fd = ::syscall(SYS_openat2, directory, name.c_str(), &how, sizeof how);
    if (fd < 0) return errno;
    *out = osal::Fd(static_cast<int>(fd));
    return 0;
}

/// The path by which a descriptor that only names a file can be used; it leads to that very file.
std::string by_descriptor(const Node& node) { return fmt::format("/proc/self/fd/{}", node.fd.get()); }

int check_name(const std::string& name) {
    if (name.size() > 255) return ENAMETOOLONG;
    const bool bad = name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos ||
                     name.find('\0') != std::string::npos;
    return bad ? EINVAL : 0;
}

int check_attribute(const std::string& name) {
    constexpr std::string_view users = "user.";
    if (name.size() > XATTR_NAME_MAX) return ERANGE;
    if (name.find('\0') != std::string::npos) return EINVAL;
    return name.starts_with(users) && name.size() > users.size() ? 0 : EOPNOTSUPP;
}

}  // namespace

Result<Files> Files::open(const std::string& folder, bool read_only) {
    osal::Fd fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) return osal::fail_errno(fmt::format("the shared folder {}", folder));
    osal::Fd probe;
    if (const int e = open_beneath(fd.get(), ".", O_RDONLY | O_DIRECTORY, 0, &probe); e != 0) {
        errno = e;
        return osal::fail_errno(fmt::format("the shared folder {} cannot be read", folder));
    }
    struct stat s {};
    if (::fstat(fd.get(), &s) != 0) return osal::fail_errno(fmt::format("the shared folder {}", folder));
    auto root = std::make_shared<Node>();
    root->fd = std::move(fd);
    Files files(std::move(root), read_only, s.st_dev);
    files.gives_away_ = ::geteuid() == 0;
    return files;
}

int Files::status(const Node& node, struct stat* out) const {
    return result(::fstatat(node.fd.get(), "", out, AT_EMPTY_PATH));
}

/// The version tells a client that keeps data whether the file has changed. Files of other file systems that
/// are mounted in the folder have numbers of their own.
Qid Files::qid(const struct stat& s) {
    Qid q;
    q.type = S_ISDIR(s.st_mode) ? Qid::kDirectory : S_ISLNK(s.st_mode) ? Qid::kSymlink : u8{0};
    q.version = static_cast<u32>(s.st_mtim.tv_sec) ^ static_cast<u32>(s.st_mtim.tv_nsec) ^
                static_cast<u32>(s.st_size) << 8;
    auto device = std::find(devices_.begin(), devices_.end(), s.st_dev);
    if (device == devices_.end()) device = devices_.insert(device, s.st_dev);
    q.path = s.st_ino ^ static_cast<u64>(device - devices_.begin()) << 48;
    return q;
}

int Files::child(const NodePtr& node, const std::string& name, NodePtr* out) const {
    if (name == "..") {
        *out = node->parent ? node->parent : node;
        return 0;
    }
    if (const int e = check_name(name); e != 0) return e;
    auto found = std::make_shared<Node>();
    if (const int e = open_beneath(node->fd.get(), name, O_PATH, 0, &found->fd); e != 0) return e;
    found->parent = node;
    found->name = name;
    *out = std::move(found);
    return 0;
}

int Files::reopen(const Node& node, u32 flags, osal::Fd* out) const {
    struct stat s {};
    if (const int e = status(node, &s); e != 0) return e;
    const bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
    if (S_ISDIR(s.st_mode)) {
        if (writes) return EISDIR;
        return open_beneath(node.fd.get(), ".", O_RDONLY | O_DIRECTORY, 0, out);
    }
    if (!S_ISREG(s.st_mode)) return S_ISLNK(s.st_mode) ? ELOOP : EOPNOTSUPP;
    if (writes && read_only_) return EROFS;
    const int fd =
        ::open(by_descriptor(node).c_str(), static_cast<int>(flags & kKnownFlags) | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return errno;
    *out = osal::Fd(fd);
    return 0;
}

// ---- new files

/// Gives what was just made its mode (the umask of this process is not the guest's) and its owner.
int Files::finish(const NodePtr& directory, const std::string& name, const u32* mode, Owner owner,
                  NodePtr* made) const {
    if (const int e = child(directory, name, made); e != 0) return e;
    if (gives_away_ && owner.user != kNoUser)
        if (const int e = set_owner(**made, owner); e != 0) return e;
    return mode == nullptr ? 0 : result(::chmod(by_descriptor(**made).c_str(), *mode));
}

int Files::create(const NodePtr& directory, const std::string& name, u32 flags, u32 mode, Owner owner,
                  NodePtr* made, osal::Fd* out) const {
    if (read_only_) return EROFS;
    if (const int e = check_name(name); e != 0) return e;
    if ((mode & kSetIds) != 0) return EPERM;
    mode &= 0777 | S_ISVTX;
    const u64 access = flags & kKnownFlags & ~u32{O_DIRECTORY};
    const int e = open_beneath(directory->fd.get(), name, access | O_CREAT | O_EXCL, mode & 0700, out);
    if (e == 0) return finish(directory, name, &mode, owner, made);
    if (e != EEXIST || (flags & O_EXCL) != 0) return e;
    if (const int e2 = child(directory, name, made); e2 != 0) return e2;
    return reopen(**made, flags, out);
}

int Files::make_directory(const NodePtr& directory, const std::string& name, u32 mode, Owner owner,
                          NodePtr* made) const {
    if (read_only_) return EROFS;
    if (const int e = check_name(name); e != 0) return e;
    mode &= 01777;
    if (::mkdirat(directory->fd.get(), name.c_str(), mode & 0700) != 0) return errno;
    return finish(directory, name, &mode, owner, made);
}

int Files::make_symlink(const NodePtr& directory, const std::string& name, const std::string& target,
                        Owner owner, NodePtr* made) const {
    if (read_only_) return EROFS;
    if (const int e = check_name(name); e != 0) return e;
    if (target.empty() || target.find('\0') != std::string::npos) return EINVAL;
    if (::symlinkat(target.c_str(), directory->fd.get(), name.c_str()) != 0) return errno;
    return finish(directory, name, nullptr, owner, made);
}

int Files::make_node(const NodePtr& directory, const std::string& name, u32 mode, Owner owner,
                     NodePtr* made) const {
    if (read_only_) return EROFS;
    if (const int e = check_name(name); e != 0) return e;
    if ((mode & kSetIds) != 0 || (!S_ISFIFO(mode) && !S_ISSOCK(mode) && !S_ISREG(mode))) return EPERM;
    if (::mknodat(directory->fd.get(), name.c_str(), (mode & S_IFMT) | (mode & 0700), 0) != 0) return errno;
    const u32 permissions = mode & 0777;
    return finish(directory, name, &permissions, owner, made);
}

// ---- names

int Files::link(const Node& directory, const Node& file, const std::string& name) const {
    if (read_only_) return EROFS;
    if (const int e = check_name(name); e != 0) return e;
    return result(
        ::linkat(AT_FDCWD, by_descriptor(file).c_str(), directory.fd.get(), name.c_str(), AT_SYMLINK_FOLLOW));
}

int Files::rename(const Node& from, const std::string& old_name, const Node& to,
                  const std::string& new_name) const {
    if (read_only_) return EROFS;
    for (const std::string& name : {old_name, new_name})
        if (const int e = check_name(name); e != 0) return e;
    return result(::renameat(from.fd.get(), old_name.c_str(), to.fd.get(), new_name.c_str()));
}

int Files::unlink(const Node& directory, const std::string& name, bool directory_too) const {
    if (read_only_) return EROFS;
    if (const int e = check_name(name); e != 0) return e;
    return result(::unlinkat(directory.fd.get(), name.c_str(), directory_too ? AT_REMOVEDIR : 0));
}

int Files::remove(const Node& node) const {
    if (read_only_) return EROFS;
    if (node.parent == nullptr) return EBUSY;
    NodePtr now;
    struct stat was {
    }, is{};
    if (const int e = child(node.parent, node.name, &now); e != 0) return e;
    if (status(node, &was) != 0 || status(*now, &is) != 0 || was.st_ino != is.st_ino ||
        was.st_dev != is.st_dev)
        return ENOENT;
    return unlink(*node.parent, node.name, S_ISDIR(is.st_mode));
}

int Files::read_link(const Node& node, std::string* out) const {
    char target[4096];
    const ssize_t n = ::readlinkat(node.fd.get(), "", target, sizeof target);
    if (n < 0) return errno == ENOENT ? EINVAL : errno;  // it is no link
    out->assign(target, static_cast<size_t>(n));
    return 0;
}

// ---- attributes

/// No programs for this host's users that run with the rights of whoever runs this machine.
int Files::set_mode(const Node& node, u32 mode) const {
    if (read_only_) return EROFS;
    struct stat s {};
    if (const int e = status(node, &s); e != 0) return e;
    if (S_ISLNK(s.st_mode)) return EOPNOTSUPP;
    if (!S_ISDIR(s.st_mode) && (mode & kSetIds) != 0) return EPERM;
    return result(::chmod(by_descriptor(node).c_str(), mode & 07777));
}

int Files::set_owner(const Node& node, Owner owner) const {
    if (read_only_) return EROFS;
    return result(::fchownat(node.fd.get(), "", owner.user, owner.group, AT_EMPTY_PATH));
}

int Files::set_size(const Node& node, u64 bytes) const {
    if (read_only_) return EROFS;
    struct stat s {};
    if (const int e = status(node, &s); e != 0) return e;
    if (!S_ISREG(s.st_mode) || bytes > INT64_MAX) return S_ISDIR(s.st_mode) ? EISDIR : EINVAL;
    return result(::truncate(by_descriptor(node).c_str(), static_cast<off_t>(bytes)));
}

int Files::set_times(const Node& node, const timespec times[2]) const {
    if (read_only_) return EROFS;
    return result(::utimensat(node.fd.get(), "", times, AT_EMPTY_PATH));
}

// ---- extended attributes

int Files::attribute(const Node& node, const std::string& name, std::vector<u8>* value) const {
    if (const int e = check_attribute(name); e != 0) return e;
    if (const int e = has_attributes(node); e != 0) return e == EPERM ? ENODATA : e;
    value->resize(kMostAttributeBytes);
    const ssize_t n = ::getxattr(by_descriptor(node).c_str(), name.c_str(), value->data(), value->size());
    if (n < 0) return errno;
    value->resize(static_cast<size_t>(n));
    value->shrink_to_fit();
    return 0;
}

int Files::attributes(const Node& node, std::vector<u8>* names) const {
    names->clear();
    if (const int e = has_attributes(node); e != 0) return e == EPERM ? 0 : e;
    std::string all(kMostAttributeBytes, 0);
    const ssize_t n = ::listxattr(by_descriptor(node).c_str(), all.data(), all.size());
    if (n < 0) return errno == EOPNOTSUPP ? 0 : errno;
    all.resize(static_cast<size_t>(n));
    for (size_t at = 0; at < all.size();) {
        const std::string name = all.c_str() + at;
        at += name.size() + 1;
        if (check_attribute(name) == 0)
            names->insert(names->end(), name.c_str(), name.c_str() + name.size() + 1);
    }
    return 0;
}

int Files::may_set_attribute(const Node& node, const std::string& name) const {
    if (read_only_) return EROFS;
    if (const int e = check_attribute(name); e != 0) return e;
    return has_attributes(node);
}

int Files::set_attribute(const Node& node, const std::string& name, std::span<const u8> value,
                         u32 flags) const {
    if (const int e = may_set_attribute(node, name); e != 0) return e;
    return result(::setxattr(by_descriptor(node).c_str(), name.c_str(), value.data(), value.size(),
                             static_cast<int>(flags)));
}

int Files::remove_attribute(const Node& node, const std::string& name) const {
    if (const int e = may_set_attribute(node, name); e != 0) return e;
    return result(::removexattr(by_descriptor(node).c_str(), name.c_str()));
}

/// EPERM: only plain files and directories have attributes of users (xattr(7)).
int Files::has_attributes(const Node& node) const {
    struct stat s {};
    if (const int e = status(node, &s); e != 0) return e;
    return S_ISREG(s.st_mode) || S_ISDIR(s.st_mode) ? 0 : EPERM;
}

}  // namespace vm::device::p9
