// Reads and synchronizations of files that run beside each other: Linux's io_uring.
#pragma once

#include <sys/uio.h>

#include <functional>
#include <memory>
#include <vector>

#include "base/bits.h"

namespace vm::osal {

/// For what makes the caller wait: what the page cache has is read faster without it. Thread-safe.
class IoRing {
  public:
    /// As of the system call: how many bytes, or -errno.
    using Done = std::function<void(int result)>;
    static constexpr unsigned kDepth = 256;  ///< operations at a time

    /// nullptr where the host has none, or does not let this process use it.
    static std::unique_ptr<IoRing> create();
    /// Waits for all operations.
    virtual ~IoRing() = default;

    /// `done` is called once, from this thread or another, without a lock of the ring; the descriptor and the
    /// buffers stay until then. False, and nothing is done: there are kDepth operations already, or more
    /// parts than the host takes.
    virtual bool read(int fd, u64 offset, std::vector<iovec> parts, Done done) = 0;
    /// fdatasync
    virtual bool sync(int fd, Done done) = 0;
};

}  // namespace vm::osal
