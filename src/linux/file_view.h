// Where the guest's paths lead on the host: the rules of -L.
#pragma once

#include <atomic>
#include <string>

namespace vm::linux {

/// Thread-safe.
class FileView {
  public:
    /// `sysroot`: absolute and resolved, without a slash at the end; empty = the guest sees the host's files.
    explicit FileView(std::string sysroot) : root_(std::move(sysroot)) {}
    ~FileView();
    FileView(const FileView&) = delete;
    FileView& operator=(const FileView&) = delete;

    /// Guest path → host path. Absolute paths that exist under the sysroot lead there (symlinks stay inside
    /// it), others to the host; relative ones are left alone. `follow`: a symlink at the end is followed.
    std::string host_path(const std::string& path, bool follow = true) const;
    /// Host path → how the guest names it: without the sysroot in front.
    std::string guest_path(const std::string& host) const;
    const std::string& root() const { return root_; }
    /// From now on paths are the host's: after chroot they begin where the sysroot is out of sight.
    void leave() { left_.store(true, std::memory_order_release); }

  private:
    std::string root_;
    mutable std::atomic<int> root_fd_{-1};
    std::atomic<bool> left_{false};
};

}  // namespace vm::linux
