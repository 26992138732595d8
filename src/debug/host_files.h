// The files of a program for its debugger, read-only: packets vFile (GDB manual, "File-I/O Remote Protocol
// Extension").
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "linux/file_view.h"
#include "osal/file.h"

namespace vm::debug {

class HostFiles {
  public:
    /// Names are the guest's; `files` says where they lead.
    explicit HostFiles(const linux::FileView& files) : files_(files) {}
    /// The answer to a packet without "vFile:"; nothing: no such operation. Always by the same thread, which
    /// has the descriptors.
    std::optional<std::string> operator()(std::string_view packet);

  private:
    std::string open(std::string_view arguments);
    std::string read(std::string_view arguments) const;
    std::string stat(std::string_view arguments) const;
    std::string link(std::string_view arguments) const;
    bool resolve(std::string_view hex, bool follow, std::string* path) const;

    const linux::FileView& files_;
    std::map<u64, osal::Fd> open_;
    u64 next_ = 1;
};

}  // namespace vm::debug
