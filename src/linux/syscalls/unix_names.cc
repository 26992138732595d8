#include "linux/syscalls/unix_names.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "base/format.h"

namespace vm::linux::sys {
namespace {

constexpr u32 kPathAt = offsetof(sockaddr_un, sun_path);
constexpr u64 kMostPath = sizeof(sockaddr_un::sun_path);  // without a NUL, as the kernel allows it

/// A host path that has no room in an address, by way of our descriptor of the root: shorter than most roots.
std::string by_descriptor(const FileView& files, const std::string& host) {
    const int fd = host.starts_with(files.root() + "/") ? files.root_fd() : -1;
    return fd < 0 ? host : fmt::format("/proc/self/fd/{}{}", fd, host.substr(files.root().size()));
}

/// The guest's name in such a path, whoever made it: their descriptors have other numbers.
std::string_view without_descriptor(std::string_view path) {
    constexpr std::string_view kPrefix = "/proc/self/fd/";
    if (!path.starts_with(kPrefix)) return path;
    const size_t slash = path.find('/', kPrefix.size());
    return slash == path.npos ? path : path.substr(slash);
}

i64 name_call(Call& c, u64 addr, u64 size_addr, i64 (*call)(Call&, u64, u64)) {
    if (!translates_names(c) || !addr) return pass(c);
    i32 room = 0;
    if (!c.get(size_addr, &room)) return -EFAULT;
    if (room < 0) return -EINVAL;
    if (!c.out(addr, static_cast<u32>(room)) || !c.out(size_addr, sizeof room)) return -EFAULT;
    SocketName name;
    name.size = sizeof name.bytes;
    const i64 r = call(c, name.address(), reinterpret_cast<u64>(&name.size));
    if (r < 0) return r;
    name_for_guest(c, &name);
    if (const i64 stored = store_name(c, addr, static_cast<u32>(room), name); stored < 0) return stored;
    return c.put(size_addr, name.size) ? r : -EFAULT;
}

}  // namespace

bool translates_names(Call& c) { return c.t.process().files().kind() != FileView::Kind::Host; }

i64 load_name(Call& c, u64 addr, u32 size, Look look, SocketName* name) {
    if (size > sizeof name->bytes) return -EINVAL;
    name->size = size;
    if (size && !c.mm().read(addr, &name->bytes, size)) return -EFAULT;
    if (name->bytes.ss_family != AF_UNIX || size <= kPathAt) return 0;
    auto* text = reinterpret_cast<char*>(&name->bytes) + kPathAt;
    if (!*text) return 0;  // an abstract name: no file
    const FileView& files = c.t.process().files();
    std::string host;
    const std::string guest(text, ::strnlen(text, size - kPathAt));
    if (const i64 r = files.resolve(AT_FDCWD, guest, look, &host); r < 0) return r;
    if (host == guest) return 0;
    if (host.size() > kMostPath) host = by_descriptor(files, host);
    if (host.size() > kMostPath) return -ENAMETOOLONG;
    std::memset(text, 0, kMostPath);
    std::memcpy(text, host.data(), host.size());
    name->size = static_cast<u32>(kPathAt + std::min<u64>(host.size() + 1, kMostPath));
    return 0;
}

void name_for_guest(Call& c, SocketName* name) {
    if (name->bytes.ss_family != AF_UNIX || name->size <= kPathAt || name->size > sizeof name->bytes) return;
    auto* text = reinterpret_cast<char*>(&name->bytes) + kPathAt;
    if (!*text) return;
    const std::string host(text, ::strnlen(text, name->size - kPathAt));
    const std::string guest = c.t.process().files().guest_path(std::string(without_descriptor(host)));
    if (guest == host) return;
    std::memset(text, 0, sizeof name->bytes - kPathAt);
    std::memcpy(text, guest.data(), guest.size());
    name->size = static_cast<u32>(kPathAt + guest.size() + 1);
}

i64 store_name(Call& c, u64 addr, u32 room, const SocketName& name) {
    const u64 n = std::min<u64>({room, name.size, sizeof name.bytes});
    return !n || (c.out(addr, n) && c.mm().write(addr, &name.bytes, n)) ? 0 : -EFAULT;
}

i64 sys_bind(Call& c) {
    if (!translates_names(c)) return pass(c);
    SocketName name;
    if (const i64 r = load_name(c, c.a[1], static_cast<u32>(c.a[2]), Look::Entry, &name); r < 0) return r;
    return c.host(c.a[0], name.address(), name.size);
}

i64 sys_connect(Call& c) {
    if (!translates_names(c)) return pass(c);
    SocketName name;
    if (const i64 r = load_name(c, c.a[1], static_cast<u32>(c.a[2]), Look::Follow, &name); r < 0) return r;
    return c.host(c.a[0], name.address(), name.size);
}

i64 sys_sendto(Call& c) {
    if (!translates_names(c) || !c.a[4]) return pass(c);
    SocketName name;
    if (!c.in(c.a[1], c.a[2])) return -EFAULT;
    if (const i64 r = load_name(c, c.a[4], static_cast<u32>(c.a[5]), Look::Follow, &name); r < 0) return r;
    return c.host(c.a[0], c.a[1], c.a[2], c.a[3], name.address(), name.size);
}

i64 sys_recvfrom(Call& c) {
    if (!c.out(c.a[1], c.a[2])) return -EFAULT;
    return name_call(c, c.a[4], c.a[5], [](Call& k, u64 addr, u64 size) {
        return k.host(k.a[0], k.a[1], k.a[2], k.a[3], addr, size);
    });
}

namespace {
i64 plain_name_call(Call& c) {
    return name_call(c, c.a[1], c.a[2],
                     [](Call& k, u64 addr, u64 size) { return k.host(k.a[0], addr, size, k.a[3]); });
}
}  // namespace

i64 sys_accept(Call& c) { return plain_name_call(c); }
i64 sys_accept4(Call& c) { return plain_name_call(c); }
i64 sys_getsockname(Call& c) { return plain_name_call(c); }
i64 sys_getpeername(Call& c) { return plain_name_call(c); }

}  // namespace vm::linux::sys
