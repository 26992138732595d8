// A directory that belongs to this user alone: files are written as a whole, trusted only if nobody else
// could have written them. Every call opens what it needs and closes it again, so that no descriptor stays
// behind.
#pragma once

#include <string>
#include <vector>

#include "base/bits.h"
#include "base/result.h"
#include "osal/file.h"

namespace vm::osal {

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
    /// What a killed process leaves of it is removed by sweep().
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
