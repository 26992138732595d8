// Between vm and vm-usernet: one socket (SOCK_SEQPACKET), whose end ends vm-usernet. A message is a byte that
// says what it is, and what belongs to it. Neither side trusts the other's lengths.
#pragma once

#include <cstddef>

#include "base/bits.h"

namespace vm::usernet {

enum class Message : u8 {
    Frame,   ///< both ways: an Ethernet frame without its checksum
    Mtu,     ///< to vm-usernet, u16: the longest packet that the guest takes, from 576 to kMaxMtu
    Ready,   ///< to vm, first: ports are forwarded, frames may come
    Failed,  ///< to vm, in place of Ready: a sentence that says why not
};

/// libslirp's limit is 65521.
inline constexpr u16 kMinMtu = 576, kMaxMtu = 65520;
inline constexpr size_t kMaxFrame = kMaxMtu + 18, kMaxMessage = 1 + 65535 + 18;

/// A port of the host that leads to one of the guest. IPv4 addresses as numbers, 10.0.2.15 is 0x0a00020f.
struct Forward {
    bool udp = false;
    u32 host_address = 0;
    u16 host_port = 0;
    u32 guest_address = 0;
    u16 guest_port = 0;
};

// The network as the guest sees it (10.0.2.0/24).
inline constexpr u32 kNetwork = 0x0a000200, kNetmask = 0xffffff00, kHost = 0x0a000202,
                     kNameServer = 0x0a000203, kFirstGuest = 0x0a00020f, kLoopback = 0x7f000001;

}  // namespace vm::usernet
