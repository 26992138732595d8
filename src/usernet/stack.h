// The network that a guest sees in user mode (libslirp): a router, a DHCP and a name server at 10.0.2.0/24
// (and fec0::/64), behind which the guest's connections are sockets of this process.
#pragma once

#include <poll.h>

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "usernet/protocol.h"

namespace vm::usernet {

struct StackOptions {
    u16 mtu = kMaxMtu;
    bool restricted = false;
    std::vector<Forward> forwards;
};

/// Not thread-safe: its owner polls descriptors for it.
class Stack {
  public:
    /// `to_guest` takes frames, from within the functions below. Fails if a port of the host is not free.
    static Result<std::unique_ptr<Stack>> create(const StackOptions& options,
                                                 std::function<void(std::span<const u8>)> to_guest);
    virtual ~Stack() = default;
    /// A frame from the guest.
    virtual void input(std::span<const u8> frame) = 0;
    /// Adds the descriptors to wait for to `fds` and shortens `timeout_ms` (-1: for ever). `congested`: the
    /// guest is behind, so nothing more is read for it.
    virtual void before_poll(std::vector<pollfd>& fds, bool congested, int& timeout_ms) = 0;
    /// After poll() on what before_poll() added.
    virtual void after_poll(std::span<const pollfd> fds) = 0;
    /// What the guest takes. Connections that there are end if it changes; ports stay forwarded.
    virtual Result<void> set_mtu(u16 mtu) = 0;
};

}  // namespace vm::usernet
