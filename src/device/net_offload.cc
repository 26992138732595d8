#include "device/net_offload.h"

namespace vm::device {

/// RFC 1071: the sum may be made of words of any size, and in any byte order.
u16 internet_sum(std::span<const u8> bytes, u16 start) {
    u64 sum = start, carry = 0;
    size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8)
        carry += __builtin_add_overflow(sum, load_raw<u64>(&bytes[at]), &sum);
    u64 rest = 0;
    for (size_t i = 0; at + i < bytes.size(); ++i) rest |= u64{bytes[at + i]} << 8 * i;
    carry += __builtin_add_overflow(sum, rest, &sum);
    u64 folded = (sum & 0xffffffff) + (sum >> 32) + carry;
    while (folded > 0xffff) folded = (folded & 0xffff) + (folded >> 16);
    return static_cast<u16>(folded);
}

/// virtio 1.2, 5.1.6.2: the field has the sum of the pseudo header already. 0 is written as all ones, which
/// UDP tells from "none" (RFC 768) and which is the same to TCP.
bool complete_checksum(const NetHeader& header, std::span<u8> frame) {
    if ((header.flags & NetHeader::kNeedsCsum) == 0) return true;
    const size_t field = size_t{header.csum_start} + header.csum_offset;
    if (field + 2 > frame.size()) return false;
    const u16 sum = static_cast<u16>(~internet_sum(frame.subspan(header.csum_start)));
    store_raw<u16>(&frame[field], sum == 0 ? u16{0xffff} : sum);
    return true;
}

}  // namespace vm::device
