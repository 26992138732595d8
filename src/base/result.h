// Result<T>: a value, or an Error that says what was being done, on what, and what to try next.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace vm {

/// Class of failure; the CLI maps it to an exit status, the Linux layer to an errno.
enum class ErrorKind : unsigned char {
    InvalidArgument,  ///< the caller's input is wrong (option, text, file contents)
    NotFound,         ///< a named thing does not exist
    NotExecutable,    ///< exists, but is not a program we can run
    Unsupported,      ///< well-formed, but this build or host cannot do it
    Resource,         ///< out of memory, descriptors, address space …
    Io,               ///< the host refused a read or write
    Internal,         ///< a bug in vm
};

/// One failure. `message` is one sentence without trailing newline: what failed, on what, what to try.
struct Error {
    ErrorKind kind = ErrorKind::Internal;
    std::string message;
    int os_errno = 0;  ///< host errno where one caused this, else 0
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorKind kind, std::string message, int os_errno = 0) {
    return std::unexpected<Error>(Error{kind, std::move(message), os_errno});
}

}  // namespace vm
