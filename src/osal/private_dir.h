// A directory that belongs to this user alone: files are written as a whole, trusted only if nobody else
// could have written them. Every call opens what it needs and closes it again, so that no descriptor stays
// behind.
#pragma once

#include <string>
#include <vector>

#include "base/bits.h"
#include "base/result.h"

namespace vm::osal {

/// Owns a descriptor.
class Fd {
  public:
    explicit Fd(int fd = -1) : fd_(fd) {}
    ~Fd();
    Fd(Fd&& o) noexcept : fd_(o.release()) {}
    Fd& operator=(Fd&& o) noexcept;
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    int get() const { return fd_; }
    int release() {
        const int fd = fd_;
        fd_ = -1;
        return fd;
    }

  private:
    int fd_;
};

/// A file opened for reading, mapped whole and read-only while this object lives.
class MappedFile {
  public:
    MappedFile() = default;
    ~MappedFile();
    MappedFile(MappedFile&& o) noexcept;
    MappedFile& operator=(MappedFile&& o) noexcept;
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    static Result<MappedFile> map(Fd fd, u64 bytes);
    int fd() const { return fd_.get(); }
    const u8* data() const { return data_; }
    u64 size() const { return size_; }
    /// The mapping stays, the descriptor goes.
    void close_fd() { fd_ = Fd(); }

  private:
    Fd fd_;
    const u8* data_ = nullptr;
    u64 size_ = 0;
};

/// A file that others see when it is whole, and then at once in place of an older one of its name. Nobody
/// sees it if this object dies before publish(); what a killed process leaves is removed by
/// PrivateDir::sweep().
class NewFile {
  public:
    ~NewFile();
    NewFile(NewFile&&) noexcept = default;
    NewFile& operator=(NewFile&&) = delete;
    /// Keeps the first error for publish().
    void write(u64 offset, const void* data, u64 bytes);
    Result<void> publish();

  private:
    friend class PrivateDir;
    NewFile() = default;
    Fd dir_, fd_;
    std::string path_, name_, temporary_;
    int error_ = 0;  ///< errno
};

struct DirEntry {
    std::string name;
    u64 bytes = 0;
    i64 used_s = 0;  ///< last time used or written, seconds since the epoch
    bool trusted = false;
};

class PrivateDir {
  public:
    PrivateDir() = default;
    explicit PrivateDir(std::string path) : path_(std::move(path)) {}
    const std::string& path() const { return path_; }
    /// Makes the directory, and those above it, with mode 0700. Fails if it belongs to somebody else or
    /// others may write into it.
    Result<void> create() const;
    /// Opens a file to read. Fails (InvalidArgument) if it is not a plain file of this user that nobody else
    /// may write. Notes once a day that it is in use.
    Result<MappedFile> open(const std::string& name) const;
    Result<NewFile> begin(const std::string& name) const;
    Result<void> remove(const std::string& name) const;
    /// All files but unfinished ones.
    Result<std::vector<DirEntry>> list() const;
    /// Removes unfinished files whose writers are gone. How many.
    Result<unsigned> sweep() const;

  private:
    std::string path_;
};

}  // namespace vm::osal
