// What a block device keeps its data in. Each format is a file of its own; which one an image has is said by
// whoever opens it and never guessed, as a guest writes what it likes to the first bytes of a raw disk.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "device/iovec.h"

namespace vm::device {

inline constexpr u64 kSector = 512;

/// What start() does.
enum class DiskOperation : u8 { Read, Write, Flush };

enum class DiskFormat { Raw, Qcow2 };
/// "raw" or "qcow2".
Result<DiskFormat> disk_format(std::string_view name);

struct DiskOptions {
    bool read_only = false;
    bool backing_files = false;  ///< an image may name another file that it builds on (qcow2)
    std::string snapshot = {};   ///< id or name of a snapshot in the image (qcow2); needs read_only
};

/// Thread-safe. Offsets and lengths are in bytes; a range that is not inside the disk fails
/// (InvalidArgument), as does a change of a read-only disk.
class Disk {
  public:
    virtual ~Disk() = default;
    virtual u64 size() const = 0;  ///< a multiple of kSector
    virtual bool read_only() const = 0;
    virtual Result<void> read(u64 offset, Parts to) = 0;
    virtual Result<void> write(u64 offset, Parts from) = 0;
    /// What was written before survives a crash of the host. Once this failed it fails always: the host has
    /// forgotten what it could not write.
    virtual Result<void> flush() = 0;
    /// The contents are not needed any more: what they are afterwards is not said, but stays the same.
    virtual Result<void> discard(u64 offset, u64 bytes) = 0;
    /// `may_unmap`: the space may go back to the host.
    virtual Result<void> write_zeroes(u64 offset, u64 bytes, bool may_unmap) = 0;

    using Done = std::function<void(Result<void>)>;
    /// The same as read, write and flush, but what waits for the host's disk may go on when this has
    /// returned. `done` is called once, from this thread or another; the buffers stay until then. The end of
    /// the disk waits for it.
    virtual void start(DiskOperation operation, u64 offset, std::vector<iovec> parts, Done done);

    Result<void> read(u64 offset, void* to, u64 bytes) {
        const iovec part{to, bytes};
        return read(offset, Parts(&part, 1));
    }
    Result<void> write(u64 offset, const void* from, u64 bytes) {
        const iovec part{const_cast<void*>(from), bytes};
        return write(offset, Parts(&part, 1));
    }

  protected:
    /// The error of a range that is not inside the disk, or of a change of a read-only one.
    Result<void> check(u64 offset, u64 bytes, bool change) const;
};

/// Locks the file: one may write it, or many may read it. What is no sound image of this format fails with
/// one error that says why.
Result<std::unique_ptr<Disk>> open_disk(DiskFormat format, const std::string& path,
                                        const DiskOptions& options);
Result<std::unique_ptr<Disk>> open_raw_disk(const std::string& path, const DiskOptions& options);
Result<std::unique_ptr<Disk>> open_qcow2_disk(const std::string& path, const DiskOptions& options);

}  // namespace vm::device
