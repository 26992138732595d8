// The host file that a disk image is in.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/result.h"
#include "device/iovec.h"
#include "osal/file.h"

namespace vm::device {

/// A plain file or block device, open and locked: many may read it, or one writes it. The lock is one of the
/// open file description (F_OFD_SETLK on all of it), which QEMU sees, too. Thread-safe.
class ImageFile {
  public:
    static Result<std::unique_ptr<ImageFile>> open(const std::string& path, bool read_only);
    const std::string& path() const { return path_; }
    bool read_only() const { return read_only_; }
    u64 size() const { return size_.load(std::memory_order_relaxed); }  ///< grows by writes
    /// All of it: what lies behind the end of the file fails.
    Result<void> read(u64 offset, Parts to) const;
    Result<void> read(u64 offset, void* to, u64 bytes) const;
    Result<void> write(u64 offset, Parts from);
    Result<void> write(u64 offset, const void* from, u64 bytes);
    Result<void> flush();
    /// What flush() says after an fdatasync that somebody else did: 0 or -errno.
    Result<void> flushed(int result);
    /// Reads what needs no waiting; how many bytes that were.
    u64 read_cached(u64 offset, Parts to) const;
    int descriptor() const { return fd_.get(); }
    /// Zeroes. `unmap`: the host may take the space back.
    Result<void> zero(u64 offset, u64 bytes, bool unmap);
    /// Gives space back where the host can.
    void punch(u64 offset, u64 bytes);

  private:
    ImageFile() = default;
    osal::Fd fd_;
    std::string path_;
    bool read_only_ = false;
    std::atomic<u64> size_ = 0;
    std::atomic<bool> flush_failed_ = false;
};

}  // namespace vm::device
