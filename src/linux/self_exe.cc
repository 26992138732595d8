#include "linux/self_exe.h"

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/bits.h"
#include "linux/elf.h"
#include "linux/file_view.h"

namespace vm::linux {

SelfExe::SelfExe(int inherited, std::string name) : name_(std::move(name)) {
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

bool SelfExe::is_it(int fd) const {
    struct stat st {};
    return fd >= 0 && ::fstat(fd, &st) == 0 && st.st_dev == device_ && st.st_ino == inode_;
}

int SelfExe::fd() {
    if (fd_ < 0) return -1;
    if (is_it(fd_)) return fd_;
    const int again = name_.empty() ? -1 : open_hidden(name_.c_str(), O_PATH);
    if (is_it(again)) return fd_ = again;
    if (again >= 0) ::close(again);
    return -1;
}

void SelfExe::begin_exec() { ::fcntl(fd_, F_SETFD, 0); }
void SelfExe::exec_failed() { ::fcntl(fd_, F_SETFD, FD_CLOEXEC); }

int open_self_by_name(std::string* name) {
    const auto* given = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
    char* real = given ? ::realpath(given, nullptr) : nullptr;
    if (!real) return -1;
    *name = real;
    std::free(real);
    const int fd = open_hidden(name->c_str(), O_RDONLY);
    if (fd < 0) return -1;
    constexpr u64 kPhoff = 32, kPhnum = 56, kPhentBytes = 56;
    u8 head[64];
    const u64 count = ::getauxval(AT_PHNUM);
    std::vector<u8> table(count * kPhentBytes);
    const bool same =
        ::pread(fd, head, sizeof head, 0) == static_cast<ssize_t>(sizeof head) &&
        load_raw<u16>(head + kPhnum) == count &&
        ::pread(fd, table.data(), table.size(), static_cast<off_t>(load_raw<u64>(head + kPhoff))) ==
            static_cast<ssize_t>(table.size()) &&
        std::memcmp(table.data(), reinterpret_cast<const void*>(::getauxval(AT_PHDR)), table.size()) == 0;
    if (same) return fd;
    ::close(fd);
    return -1;
}

}  // namespace vm::linux
