// Where the guest's paths lead on the host: the rules of -L and --root.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include "base/bits.h"

namespace vm::linux {

/// What a call does with the last name of a path.
enum class Look : u8 {
    Follow,    ///< a symlink there is followed
    NoFollow,  ///< it is not, unless a slash stands behind it (lstat)
    Entry,     ///< the name itself is made, renamed or removed; nothing is ever followed there
};

/// The guest's file tree. Guest names and host names are absolute, canonical, without a slash at the end; the
/// guest's "/" is "". Thread-safe.
///
/// Overlay (-L): absolute paths that exist under the directory lead there, others to the host. Root (--root):
/// the directory is
/// "/". In both, symlinks and ".." stay inside, and /proc, /dev and /sys are the host's. Nothing is locked: a
/// directory that another process replaces by a symlink between look-up and use is followed on the host,
/// except by open.
class FileView {
  public:
    enum class Kind : u8 { Host, Overlay, Root };
    /// `root`: absolute and resolved, without a slash at the end; empty = the guest sees the host's files.
    FileView(std::string root, Kind kind)
        : root_(std::move(root)), kind_(root_.empty() ? Kind::Host : kind) {}
    ~FileView();
    FileView(const FileView&) = delete;
    FileView& operator=(const FileView&) = delete;

    /// What the host kernel is to be given for the guest's `path`: an absolute host path, or `path` itself,
    /// which then means the same relative to `dirfd`. `forbid`: RESOLVE_NO_SYMLINKS, RESOLVE_NO_MAGICLINKS as
    /// openat2 knows them: -ELOOP where one would be followed. 0 or -errno.
    i64 resolve(int dirfd, const std::string& path, Look look, std::string* out, u64 forbid = 0) const;
    /// Host path → how the guest names it; what the guest cannot see keeps its host name.
    std::string guest_path(const std::string& host) const;
    /// Is this host path one that the guest can see?
    bool visible(const std::string& host) const { return to_guest(host).has_value(); }

    Kind kind() const { return left_.load(std::memory_order_acquire) ? Kind::Host : kind_; }
    const std::string& root() const { return root_; }
    /// A descriptor (O_PATH) on root(), out of the guest's way, or -1. Opened at the first call and again
    /// when the guest closed it.
    int root_fd() const;
    /// Under -L a directory of the sysroot has two names. The working directory has the one by which the
    /// guest went there: `path`, an absolute one, led to it.
    void went_to(const std::string& path);
    bool cwd_has_guest_name() const { return cwd_has_guest_name_.load(std::memory_order_relaxed); }
    void set_cwd_has_guest_name() { cwd_has_guest_name_.store(true, std::memory_order_relaxed); }
    /// From now on paths are the host's: after chroot they begin where the directory is out of sight.
    void leave(bool left = true) { left_.store(left, std::memory_order_release); }
    bool left() const { return left_.load(std::memory_order_acquire); }

  private:
    struct Place {
        std::string guest;
        bool exists = true, slash = false, hosts = false;  ///< hosts: only the host can say (a link of /proc)
    };
    i64 resolve_overlay(int dirfd, const std::string& path, Look look, std::string* out, u64 forbid) const;
    i64 resolve_root(int dirfd, const std::string& path, Look look, std::string* out, u64 forbid) const;
    i64 walk(std::string at, std::string rest, Look look, u64 forbid, Place* place) const;
    i64 follow_magic(const std::string& next, const std::string& text, bool last, Place* place) const;
    i64 base(int dirfd, std::optional<std::string>* guest) const;
    std::string host_name(const std::string& guest) const;
    std::string host_name(const Place& place) const;
    std::optional<std::string> to_guest(const std::string& host) const;

    std::string root_;
    Kind kind_;
    mutable std::atomic<int> root_fd_{-1};
    std::atomic<bool> left_{false};
    std::atomic<bool> cwd_has_guest_name_{false};
};

/// /proc, /dev or /sys, or below: the host's in every view. `path` is canonical.
bool in_host_directory(std::string_view path);
/// A link of /proc that leads where its text may not: /proc/PID/{cwd,root,exe,fd/N,…}. `path` is canonical.
bool is_magic_link(std::string_view path);
/// A descriptor on the directory `path` that is out of the guest's way: high, and closed by execve. -1 on
/// failure.
int open_hidden(const char* path, int flags);

}  // namespace vm::linux
