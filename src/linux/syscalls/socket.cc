// Message calls: headers and vectors are copied and checked, ancillary data has one layout on all 64-bit
// Linux.
#include <cerrno>
#include <cstddef>
#include <memory>

#include "linux/structs.h"
#include "linux/syscalls.h"
#include "linux/syscalls/unix_names.h"

namespace vm::linux::sys {
namespace {

/// A guest message header made safe for the kernel; `iov` keeps the copied vector alive.
struct Message {
    MsgHdr hdr;
    std::vector<IoVec> iov;
    SocketName name;  ///< stands in for the guest's where that must be translated
};
i64 load_message(Call& c, u64 addr, bool receive, Message* m) {
    if (!c.get(addr, &m->hdr)) return -EFAULT;
    MsgHdr& h = m->hdr;
    for (u64* p : {&h.name, &h.iov, &h.control}) *p = c.plain(*p);
    if (static_cast<i32>(h.namelen) < 0) return -EINVAL;
    if (h.iovlen > 1024) return -EMSGSIZE;
    const bool ok = receive ? c.out(h.name, h.namelen) && c.out(h.control, h.controllen)
                            : c.in(h.name, h.namelen) && c.in(h.control, h.controllen);
    if (!ok) return -EFAULT;
    if (const i64 r = copy_iovec(c, h.iov, h.iovlen, receive, &m->iov); r < 0) return r;
    h.iov = ptr(m->iov.data());
    if (!h.name || !translates_names(c)) return 0;
    if (receive) {
        m->name.size = sizeof m->name.bytes;
    } else if (const i64 r = load_name(c, h.name, h.namelen, Look::Follow, &m->name); r < 0) {
        return r;
    }
    return 0;
}
/// The header as the kernel is to see it; `m` stays where it is.
MsgHdr host_header(const Message& m) {
    MsgHdr h = m.hdr;
    if (m.name.size) {
        h.name = m.name.address();
        h.namelen = m.name.size;
    }
    return h;
}
/// What receiving changes: the header, and the name if it did not come to the guest directly.
bool store_message(Call& c, u64 addr, Message& m, MsgHdr h) {
    if (m.name.size) {
        m.name.size = h.namelen;
        name_for_guest(c, &m.name);
        if (store_name(c, m.hdr.name, m.hdr.namelen, m.name) < 0) return false;
        h.namelen = m.name.size;
    }
    return c.put(addr + offsetof(MsgHdr, namelen), h.namelen) &&
           c.put(addr + offsetof(MsgHdr, controllen), h.controllen) &&
           c.put(addr + offsetof(MsgHdr, flags), h.flags);
}

i64 many(Call& c, bool receive) {
    const u64 n = std::min<u64>(static_cast<u32>(c.a[2]), 1024);
    std::vector<Message> messages(n);
    std::vector<MmsgHdr> headers(n);
    for (u64 i = 0; i < n; i++) {
        if (const i64 r = load_message(c, c.a[1] + i * sizeof(MmsgHdr), receive, &messages[i]); r < 0) {
            if (i == 0) return r;
            headers.resize(i);
            break;
        }
        headers[i].hdr = host_header(messages[i]);
    }
    if (receive && !c.out(c.a[4], 16)) return -EFAULT;
    const i64 r = c.host(c.a[0], ptr(headers.data()), headers.size(), c.a[3], receive ? c.a[4] : 0);
    for (i64 i = 0; i < r; i++) {
        const MmsgHdr& h = headers[static_cast<u64>(i)];
        const u64 at = c.a[1] + static_cast<u64>(i) * sizeof(MmsgHdr);
        if (receive && !store_message(c, at, messages[static_cast<u64>(i)], h.hdr)) return -EFAULT;
        if (!c.put(at + offsetof(MmsgHdr, len), h.len)) return -EFAULT;
    }
    return r;
}

}  // namespace

namespace {
constexpr u64 kCompat = 0x80000000;  // MSG_CMSG_COMPAT: for the kernel itself
}

i64 sys_sendmsg(Call& c) {
    if (c.a[2] & kCompat) return -EINVAL;
    Message m;
    if (const i64 r = load_message(c, c.a[1], false, &m); r < 0) return descriptor_first(c, r);
    const MsgHdr h = host_header(m);
    return c.host(c.a[0], ptr(&h), c.a[2]);
}
i64 sys_recvmsg(Call& c) {
    if (c.a[2] & kCompat) return -EINVAL;
    Message m;
    if (const i64 r = load_message(c, c.a[1], true, &m); r < 0) return descriptor_first(c, r);
    MsgHdr h = host_header(m);
    const i64 r = c.host(c.a[0], ptr(&h), c.a[2]);
    if (r >= 0 && !store_message(c, c.a[1], m, h)) return -EFAULT;
    return r;
}
i64 sys_sendmmsg(Call& c) { return c.a[3] & kCompat ? -EINVAL : many(c, false); }
i64 sys_recvmmsg(Call& c) { return c.a[3] & kCompat ? -EINVAL : many(c, true); }

}  // namespace vm::linux::sys
