#include "device/iovec.h"

#include <algorithm>
#include <cstring>

namespace vm::device {
namespace {

/// do_part(host address, bytes before it, bytes) for each piece of [offset, offset + bytes).
template <class F>
u64 each(Parts parts, u64 offset, u64 bytes, F do_part) {
    u64 done = 0;
    for (const iovec& part : parts) {
        if (done == bytes) break;
        if (offset >= part.iov_len) {
            offset -= part.iov_len;
            continue;
        }
        const u64 n = std::min<u64>(part.iov_len - offset, bytes - done);
        do_part(static_cast<u8*>(part.iov_base) + offset, done, n);
        done += n;
        offset = 0;
    }
    return done;
}

}  // namespace

u64 bytes_of(Parts parts) {
    u64 sum = 0;
    for (const iovec& part : parts) sum += part.iov_len;
    return sum;
}

std::vector<iovec> slice(Parts parts, u64 offset, u64 bytes) {
    std::vector<iovec> out;
    out.reserve(parts.size());
    each(parts, offset, bytes, [&](u8* p, u64, u64 n) { out.push_back({p, n}); });
    return out;
}

u64 copy_from(Parts parts, u64 offset, void* to, u64 bytes) {
    return each(parts, offset, bytes,
                [&](const u8* p, u64 at, u64 n) { std::memcpy(static_cast<u8*>(to) + at, p, n); });
}

u64 copy_to(Parts parts, u64 offset, const void* from, u64 bytes) {
    return each(parts, offset, bytes,
                [&](u8* p, u64 at, u64 n) { std::memcpy(p, static_cast<const u8*>(from) + at, n); });
}

void fill_zero(Parts parts) {
    for (const iovec& part : parts) std::memset(part.iov_base, 0, part.iov_len);
}

}  // namespace vm::device
