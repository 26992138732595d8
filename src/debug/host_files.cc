#include "debug/host_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <vector>

#include "base/format.h"
#include "debug/packet.h"

namespace vm::debug {
namespace {

// Numbers of the protocol: those of errno that programs of all systems agree on.
std::string failed(int error) {
    constexpr int kUnknown = 9999;
    constexpr int kKnown[] = {EPERM,   ENOENT, EINTR,  EBADF,  EACCES, EFAULT, EBUSY,  EEXIST, ENODEV,
                              ENOTDIR, EISDIR, EINVAL, ENFILE, EMFILE, EFBIG,  ENOSPC, ESPIPE, EROFS};
    const bool known = std::ranges::find(kKnown, error) != std::end(kKnown);
    constexpr int kNameTooLong = 91;
    return fmt::format("F-1,{:x}", error == ENAMETOOLONG ? kNameTooLong : known ? error : kUnknown);
}

std::string done(u64 result) { return fmt::format("F{:x}", result); }
std::string data(std::string_view bytes) { return fmt::format("F{:x};", bytes.size()) + std::string(bytes); }

void put(std::string& out, u64 value, unsigned bytes) {
    while (bytes-- != 0) out += static_cast<char>(value >> 8 * bytes);
}

}  // namespace

std::optional<std::string> HostFiles::operator()(std::string_view packet) {
    const auto is = [&](std::string_view word) {
        if (!packet.starts_with(word)) return false;
        packet.remove_prefix(word.size());
        return true;
    };
    if (is("setfs:")) return done(0);  // the program's files are the only ones
    if (is("open:")) return open(packet);
    if (is("pread:")) return read(packet);
    if (is("fstat:")) return stat(packet);
    if (is("readlink:")) return link(packet);
    if (is("close:")) {
        Scanner s(packet);
        return open_.erase(s.hex()) != 0 && s.done() ? done(0) : failed(EBADF);
    }
    return std::nullopt;
}

bool HostFiles::resolve(std::string_view hex, bool follow, std::string* path) const {
    const auto name = from_hex(hex);
    if (!name || name->find('\0') != std::string::npos || name->empty() || name->size() >= PATH_MAX) {
        errno = EINVAL;
        return false;
    }
    const i64 r = files_.resolve(AT_FDCWD, *name, follow ? linux::Look::Follow : linux::Look::NoFollow, path);
    if (r < 0) errno = static_cast<int>(-r);
    return r >= 0;
}

/// "NAME,FLAGS,MODE"
std::string HostFiles::open(std::string_view arguments) {
    constexpr size_t kMost = 64;
    Scanner s(arguments);
    const std::string_view name = s.until(',');
    const u64 flags = s.hex();
    s.expect(",");
    s.hex();
    if (!s.done()) return failed(EINVAL);
    if (flags != 0) return failed(EROFS);  // O_RDONLY is 0
    if (open_.size() == kMost) return failed(EMFILE);
    std::string path;
    if (!resolve(name, true, &path)) return failed(errno);
    // A file that would wait for somebody is none to read here.
    osal::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (fd.get() < 0) return failed(errno);
    open_.emplace(next_, std::move(fd));
    return done(next_++);
}

/// "FD,COUNT,OFFSET"
std::string HostFiles::read(std::string_view arguments) const {
    Scanner s(arguments);
    const auto file = open_.find(s.hex());
    s.expect(",");
    const u64 count = s.hex();
    s.expect(",");
    const u64 offset = s.hex();
    if (!s.done()) return failed(EINVAL);
    if (file == open_.end()) return failed(EBADF);
    std::string bytes(std::min<u64>(count, kMostPayload / 2 - 32), '\0');
    const ssize_t n = ::pread(file->second.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0) return failed(errno);
    return data(std::string_view(bytes).substr(0, static_cast<size_t>(n)));
}

/// struct stat of the protocol: big-endian, 64 bytes.
std::string HostFiles::stat(std::string_view arguments) const {
    Scanner s(arguments);
    const auto file = open_.find(s.hex());
    if (!s.done() || file == open_.end()) return failed(EBADF);
    struct stat st {};
    if (::fstat(file->second.get(), &st) != 0) return failed(errno);
    std::string out;
    put(out, st.st_dev, 4);
    put(out, st.st_ino, 4);
    put(out, st.st_mode, 4);
    put(out, st.st_nlink, 4);
    put(out, st.st_uid, 4);
    put(out, st.st_gid, 4);
    put(out, st.st_rdev, 4);
    put(out, static_cast<u64>(st.st_size), 8);
    put(out, static_cast<u64>(st.st_blksize), 8);
    put(out, static_cast<u64>(st.st_blocks), 8);
    for (const time_t t : {st.st_atime, st.st_mtime, st.st_ctime}) put(out, static_cast<u64>(t), 4);
    return data(out);
}

std::string HostFiles::link(std::string_view arguments) const {
    std::string path, target(PATH_MAX, '\0');
    if (!resolve(arguments, false, &path)) return failed(errno);
    const ssize_t n = ::readlink(path.c_str(), target.data(), target.size());
    if (n < 0) return failed(errno);
    return data(std::string_view(target).substr(0, static_cast<size_t>(n)));
}

}  // namespace vm::debug
