// What a network card of a guest leaves to us: checksums.
#pragma once

#include <span>

#include "device/virtio_net.h"

namespace vm::device {

/// The sum of RFC 1071 (not complemented) of some bytes, added to `sum`, folded to 16 bits. In network order
/// if `sum` is: its two bytes in memory are what a packet's field has.
u16 internet_sum(std::span<const u8> bytes, u16 sum = 0);
/// Puts the checksum that the header asks for into the frame. False: the header does not fit the frame.
bool complete_checksum(const NetHeader& header, std::span<u8> frame);

}  // namespace vm::device
