#include "device/net_user.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/format.h"
#include "device/net_offload.h"

namespace vm::device {
namespace {

using usernet::Message;

constexpr u16 kUsualMtu = 1500;
constexpr int kStartMs = 10'000;  // that the process has to say it is ready
constexpr int kSendMs = 1000;     // that a frame waits for the process, then it is lost
constexpr int kEndMs = 1000;      // that the process has to end when its socket did
constexpr int kSocketBytes = 4 << 20;

std::vector<std::string> arguments(const NetUserOptions& o, int fd) {
    std::vector<std::string> args{o.program, fmt::format("{}", fd), fmt::format("{}", o.mtu),
                                  o.restricted ? "restricted" : "open"};
    for (const usernet::Forward& f : o.forwards)
        args.push_back(fmt::format("{}:{:x}:{}:{:x}:{}", f.udp ? "udp" : "tcp", f.host_address, f.host_port,
                                   f.guest_address, f.guest_port));
    return args;
}

/// Starts it with nothing of ours open but the standard descriptors and `fd`, as number 3.
Result<pid_t> spawn(const NetUserOptions& options, int fd) {
    constexpr int kItsFd = 3;
    std::vector<std::string> args = arguments(options, kItsFd);
    std::vector<char*> argv;
    for (std::string& a : args) argv.push_back(a.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, fd, kItsFd);
    ::posix_spawn_file_actions_addclosefrom_np(&actions, kItsFd + 1);
    ::posix_spawnattr_init(&attributes);
    sigset_t none;
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    pid_t pid = -1;
    const int error =
        ::posix_spawn(&pid, options.program.c_str(), &actions, &attributes, argv.data(), environ);
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error == 0) return pid;
    errno = error;
    return osal::fail_errno(
        fmt::format("{}, which does user-mode networking, cannot be started", options.program));
}

}  // namespace

Result<std::unique_ptr<NetUser>> NetUser::start_process(const NetUserOptions& options,
                                                        std::function<void(const std::string&)> complain) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return osal::fail_errno("a socket for user-mode networking");
    osal::Fd ours(pair[0]), theirs(pair[1]);
    for (const int fd : pair)  // as much as the host allows
        (void)::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSocketBytes, sizeof kSocketBytes);
    auto pid = spawn(options, theirs.get());
    if (!pid) return std::unexpected(pid.error());
    theirs = osal::Fd();
    std::unique_ptr<NetUser> user(new NetUser(std::move(ours), *pid, options.mtu, std::move(complain)));
    if (auto r = user->wait_until_ready(); !r) return std::unexpected(r.error());
    auto reader = NetReader::create(
        user->socket_.get(),
        [u = user.get()](std::span<u8> buffer, size_t* bytes) { return u->read(buffer, bytes); },
        [u = user.get()] { u->lost(); });
    if (!reader) return std::unexpected(reader.error());
    user->reader_ = std::move(*reader);
    return user;
}

Result<void> NetUser::wait_until_ready() const {
    pollfd p{socket_.get(), POLLIN, 0};
    while (::poll(&p, 1, kStartMs) < 0 && errno == EINTR) continue;
    char text[512];
    const ssize_t n = p.revents != 0 ? ::recv(socket_.get(), text, sizeof text, 0) : -1;
    if (n > 0 && static_cast<Message>(text[0]) == Message::Ready) return {};
    if (n > 1 && static_cast<Message>(text[0]) == Message::Failed)
        return fail(ErrorKind::Io,
                    "user-mode networking: " + std::string(text + 1, static_cast<size_t>(n - 1)));
    return fail(ErrorKind::Io, "user-mode networking: vm-usernet did not start");
}

/// The process ends with its socket.
NetUser::~NetUser() {
    reader_.reset();
    socket_ = osal::Fd();
    for (int ms = 0; ms < kEndMs; ++ms) {
        if (::waitpid(process_, nullptr, WNOHANG) != 0) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
}

u64 NetUser::features() const { return kNetCsum | kNetGuestCsum | kNetMtu | kNetHostTso4 | kNetHostTso6; }

void NetUser::connect(NetPort& port) {
    port_ = &port;
    if (!reader_->connect(port)) lost();
}

void NetUser::start(u64 features) {
    const u16 mtu = (features & kNetMtu) != 0 ? mtu_ : std::min(mtu_, kUsualMtu);
    u8 bytes[2];
    store_raw<u16>(bytes, mtu);
    put(Message::Mtu, bytes);
}

void NetUser::send(const NetHeader& header, std::span<u8> frame) {
    if (complete_checksum(header, frame)) put(Message::Frame, frame);
}

/// The process always takes what it is sent, so waiting for it is waiting for a processor.
void NetUser::put(Message kind, std::span<const u8> bytes) const {
    iovec parts[] = {{&kind, 1}, {const_cast<u8*>(bytes.data()), bytes.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    while (::sendmsg(socket_.get(), &message, MSG_NOSIGNAL) < 0) {
        if (errno != EAGAIN && errno != EINTR) return;  // it is gone, which read() tells
        pollfd p{socket_.get(), POLLOUT, 0};
        if (::poll(&p, 1, kSendMs) == 0) return;
    }
}

NetReader::Got NetUser::read(std::span<u8> buffer, size_t* bytes) const {
    constexpr size_t kAt = sizeof(NetHeader) - 1;  // the message's first byte is where the header ends
    const ssize_t n = ::recv(socket_.get(), &buffer[kAt], buffer.size() - kAt, MSG_TRUNC);
    if (n == 0) return NetReader::Got::End;
    if (n < 0) return errno == EAGAIN || errno == EINTR ? NetReader::Got::Nothing : NetReader::Got::End;
    const size_t size = static_cast<size_t>(n);
    if (static_cast<Message>(buffer[kAt]) != Message::Frame || size < 2 || size > buffer.size() - kAt)
        return NetReader::Got::End;  // not our vm-usernet
    NetHeader header{};
    header.flags = NetHeader::kDataValid;
    std::memcpy(buffer.data(), &header, sizeof header);
    *bytes = kAt + size;
    return NetReader::Got::Frame;
}

void NetUser::lost() {
    port_->set_link(false);
    complain_("user-mode networking: vm-usernet ended: the guest's link is down");
}

}  // namespace vm::device
