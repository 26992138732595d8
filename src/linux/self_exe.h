// How this executable is executed again for a child of the guest, also where its path leads nowhere: after
// chroot, in a container that does not hold it, without /proc.
#pragma once

#include <sys/types.h>

#include <string>

namespace vm::linux {

/// A descriptor (O_PATH) on this executable, out of the guest's way; none until keep() or where one was
/// inherited. Not locked: a race of two guest threads opens it twice at worst.
class SelfExe {
  public:
    /// `inherited`: a descriptor that begin_exec of the process before left open, or -1. `name`: where the
    /// same file can be opened again if the guest closes that, as programs do that close all they do not
    /// know; may be empty.
    SelfExe(int inherited, std::string name);
    SelfExe(const SelfExe&) = delete;
    SelfExe& operator=(const SelfExe&) = delete;

    /// Opens it as long as /proc/self/exe is in reach.
    void keep();
    /// The descriptor if there is one and the guest has not put another file in its place; else -1.
    int fd();
    /// The number that is not the guest's to close, or -1.
    int hidden() const { return is_it(fd_) ? fd_ : -1; }
    /// Before and after a failed execveat of fd(): the new process inherits it.
    void begin_exec();
    void exec_failed();

    const std::string& name() const { return name_; }

  private:
    void remember(int fd);
    bool is_it(int fd) const;
    std::string name_;
    int fd_ = -1;
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

/// This executable found by the name it was executed by, for a process without /proc. Its program headers are
/// compared with those in memory. A descriptor or -1.
int open_self_by_name(std::string* name);

}  // namespace vm::linux
