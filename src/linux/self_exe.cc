#include "linux/self_exe.h"

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "base/bits.h"
#include "linux/elf.h"
#include "linux/file_view.h"

namespace vm::linux {

SelfExe::SelfExe(int inherited) {
    if (inherited >= 0) remember(inherited);
}

void SelfExe::remember(int fd) {
    struct stat st {};
    if (::fstat(fd, &st) != 0) return;
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    fd_ = fd;
    device_ = st.st_dev;
    inode_ = st.st_ino;
}

void SelfExe::keep() {
    if (fd() >= 0) return;
    if (const int opened = open_hidden("/proc/self/exe", O_PATH); opened >= 0) remember(opened);
}

int SelfExe::fd() const {
    struct stat st {};
    if (fd_ < 0 || ::fstat(fd_, &st) != 0 || st.st_dev != device_ || st.st_ino != inode_) return -1;
    return fd_;
}

void SelfExe::begin_exec() { ::fcntl(fd_, F_SETFD, 0); }
void SelfExe::exec_failed() { ::fcntl(fd_, F_SETFD, FD_CLOEXEC); }

int open_self_by_name() {
    const auto* name = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
    if (!name) return -1;
    const int fd = open_hidden(name, O_RDONLY);
    if (fd < 0) return -1;
    constexpr u64 kPhoff = 32, kPhnum = 56, kPhentBytes = 56;
    u8 head[64];
    const u64 count = ::getauxval(AT_PHNUM);
    std::vector<u8> table(count * kPhentBytes);
    const bool same = ::pread(fd, head, sizeof head, 0) == static_cast<ssize_t>(sizeof head) &&
                      load_raw<u16>(head + kPhnum) == count &&
                      ::pread(fd, table.data(), table.size(), static_cast<off_t>(load_raw<u64>(head + kPhoff))) ==
                          static_cast<ssize_t>(table.size()) &&
                      std::memcmp(table.data(), reinterpret_cast<const void*>(::getauxval(AT_PHDR)), table.size()) == 0;
    if (same) return fd;
    ::close(fd);
    return -1;
}

}  // namespace vm::linux
