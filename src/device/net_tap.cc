#include "device/net_tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "base/format.h"

namespace vm::device {
namespace {

constexpr const char* kTun = "/dev/net/tun";

Result<void> attach(int fd, const std::string& interface) {
    ifreq request{};
    interface.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (::ioctl(fd, TUNSETIFF, &request) != 0) {
        const int error = errno;
        const char* why = error == EBUSY    ? "somebody else uses it"
                          : error == EPERM  ? "this user may not use it (ip tuntap add … user USER)"
                          : error == EINVAL ? "it is no tap interface, or one of another kind"
                                            : nullptr;
        if (why == nullptr) return osal::fail_errno(fmt::format("the tap interface {}", interface));
        return fail(ErrorKind::Io, fmt::format("the tap interface {}: {}", interface, why), error);
    }
    int bytes = sizeof(NetHeader);
    if (::ioctl(fd, TUNSETVNETHDRSZ, &bytes) != 0)
        return osal::fail_errno(fmt::format("the tap interface {}: headers of virtio", interface));
    return {};
}

}  // namespace

Result<std::unique_ptr<NetTap>> NetTap::open(const std::string& interface,
                                             std::function<void(const std::string&)> complain) {
    if (interface.empty() || interface.size() >= IFNAMSIZ)
        return fail(
            ErrorKind::InvalidArgument,
            fmt::format("'{}' is no name of a network interface: 1 to {} bytes", interface, IFNAMSIZ - 1));
    if (::if_nametoindex(interface.c_str()) == 0)
        return fail(ErrorKind::NotFound,
                    fmt::format("there is no network interface {}; ip tuntap add dev {} mode tap makes one",
                                interface, interface));
    osal::Fd fd(::open(kTun, O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (fd.get() < 0) return osal::fail_errno(kTun);
    if (auto r = attach(fd.get(), interface); !r) return std::unexpected(r.error());
    std::unique_ptr<NetTap> tap(new NetTap(std::move(fd), interface, std::move(complain)));
    tap->start(0);
    auto reader = NetReader::create(
        tap->fd_.get(),
        [t = tap.get()](std::span<u8> buffer, size_t* bytes) { return t->read(buffer, bytes); },
        [t = tap.get()] { t->lost(); });
    if (!reader) return std::unexpected(reader.error());
    tap->reader_ = std::move(*reader);
    return tap;
}

u64 NetTap::features() const {
    return kNetCsum | kNetGuestCsum | kNetGuestTso4 | kNetGuestTso6 | kNetHostTso4 | kNetHostTso6;
}

void NetTap::connect(NetPort& port) {
    port_ = &port;
    if (!reader_->connect(port)) lost();
}

/// What the kernel may leave undone in frames for the guest.
void NetTap::start(u64 features) {
    unsigned long offload = 0;
    if ((features & kNetGuestCsum) != 0) {
        offload |= TUN_F_CSUM;
        if ((features & kNetGuestTso4) != 0) offload |= TUN_F_TSO4;
        if ((features & kNetGuestTso6) != 0) offload |= TUN_F_TSO6;
    }
    if (::ioctl(fd_.get(), TUNSETOFFLOAD, offload) != 0 && offload != 0)
        complain_(fmt::format("the tap interface {} takes no offloads ({})", interface_, errno));
}

/// A frame that the interface does not take (it is down, its queue is full, its header is wrong) is lost.
void NetTap::send(const NetHeader& header, std::span<u8> frame) {
    NetHeader copy = header;
    const iovec parts[] = {{&copy, sizeof copy}, {frame.data(), frame.size()}};
    while (::writev(fd_.get(), parts, 2) < 0 && errno == EINTR) continue;
}

NetReader::Got NetTap::read(std::span<u8> buffer, size_t* bytes) const {
    const ssize_t n = ::read(fd_.get(), buffer.data(), buffer.size());
    if (n > static_cast<ssize_t>(sizeof(NetHeader))) {
        *bytes = static_cast<size_t>(n);
        return NetReader::Got::Frame;
    }
    return n < 0 && errno != EAGAIN && errno != EINTR ? NetReader::Got::End : NetReader::Got::Nothing;
}

void NetTap::lost() {
    port_->set_link(false);
    complain_(fmt::format("the tap interface {} is gone: the guest's link is down", interface_));
}

}  // namespace vm::device
