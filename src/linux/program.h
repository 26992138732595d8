// From a path to something that can be loaded: existence, permission, scripts. Used by the loader and by
// execve.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "linux/elf.h"

namespace vm::linux {

class FileView;

/// An open program file, closed at the end.
struct Program {
    int fd = -1;
    std::string path;  ///< as the guest names it: the file itself, or the interpreter of a script
    std::string host_path;
    std::vector<std::string> argv;  ///< rewritten by #! lines
    bool is_script = false;
    std::string head;  ///< the first bytes of the file

    Program() = default;
    Program(Program&& other) noexcept;
    Program& operator=(Program&&) = delete;
    ~Program();
};

/// Opens `path` for execution the way execve does it, following at most four #! lines. The file behind the
/// result starts like an ELF file. Error::os_errno is what execve reports; the message is one sentence for
/// people. `given`: a descriptor on the file, from a kernel that has opened it already; it is then not looked
/// up again.
Result<Program> open_program(const FileView& files, const std::string& path, std::vector<std::string> argv,
                             int given = -1);

}  // namespace vm::linux
