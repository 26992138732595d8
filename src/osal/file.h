// Files of the host: descriptors with an owner, files that are read, files that appear as a whole.
#pragma once

#include <string>

#include "base/bits.h"
#include "base/result.h"

namespace vm::osal {

/// The failure that errno tells of, with its reason behind the message. ENOENT: NotFound, else Io.
std::unexpected<Error> fail_errno(std::string message);

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

/// A plain file of which parts are read. Others may change it meanwhile.
class InputFile {
  public:
    /// Fails (InvalidArgument) if it is no plain file.
    static Result<InputFile> open(const std::string& path);
    u64 size() const { return size_; }  ///< when it was opened
    /// All of these bytes, or an error.
    Result<void> read(u64 offset, void* to, u64 bytes) const;

  private:
    InputFile() = default;
    Fd fd_;
    std::string path_;
    u64 size_ = 0;
};

/// A file that others see when it is whole, and then at once in place of an older one of its name. Nobody
/// sees it if this object dies before it is published.
class NewFile {
  public:
    ~NewFile();
    NewFile(NewFile&&) noexcept = default;
    NewFile& operator=(NewFile&&) = delete;
    /// A file in any directory. Until it is published it has no name, so that a killed process leaves nothing
    /// (but for a moment in which it replaces another); on file systems that have no files without names it
    /// leaves `.tmp-PID-N`. `mode`: less the umask. Fails (InvalidArgument) if what has the name is no plain
    /// file.
    static Result<NewFile> create(const std::string& path, unsigned mode);
    /// Keeps the first error for publish().
    void write(u64 offset, const void* data, u64 bytes);
    Result<void> publish();
    /// Fails (InvalidArgument) if there is a file of this name.
    Result<void> publish_new();

  private:
    friend class PrivateDir;
    NewFile() = default;
    bool link(const std::string& name) const;
    bool replace();
    Result<void> finish(bool done);
    Fd dir_, fd_;
    std::string shown_;      ///< name for messages
    std::string name_;       ///< in dir_
    std::string temporary_;  ///< until it is published; empty: none
    int error_ = 0;          ///< errno
};

}  // namespace vm::osal
