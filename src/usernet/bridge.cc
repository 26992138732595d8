#include "usernet/bridge.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <charconv>
#include <deque>

#include "base/format.h"

namespace vm::usernet {
namespace {

constexpr int kMostAtOnce = 64;           // frames of the guest, until sockets are looked at
constexpr size_t kCongested = 256 << 10;  // bytes that wait for vm: no more are read for the guest
constexpr size_t kMostWaiting = size_t{16}
                                << 20;  // what comes all the same (datagrams, answers) is lost then

class Bridge {
  public:
    explicit Bridge(int socket) : socket_(socket), buffer_(kMaxMessage) {}
    bool start(const StackOptions& options);
    Result<void> run();

  private:
    bool put(Message kind, std::span<const u8> bytes) const;
    void to_guest(std::span<const u8> frame);
    void send_waiting();
    Result<bool> from_guest();

    const int socket_;
    std::unique_ptr<Stack> stack_;
    std::vector<u8> buffer_;
    std::deque<std::vector<u8>> waiting_;
    size_t waiting_bytes_ = 0;
};

/// False: vm's end is full. One that is gone shows when it is read.
bool Bridge::put(Message kind, std::span<const u8> bytes) const {
    iovec parts[] = {{&kind, 1}, {const_cast<u8*>(bytes.data()), bytes.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    ssize_t n;
    do n = ::sendmsg(socket_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n >= 0 || errno != EAGAIN;
}

void Bridge::to_guest(std::span<const u8> frame) {
    if (frame.empty() || frame.size() > kMaxMessage - 1) return;
    if (waiting_.empty() && put(Message::Frame, frame)) return;
    if (waiting_bytes_ > kMostWaiting) return;
    waiting_.emplace_back(frame.begin(), frame.end());
    waiting_bytes_ += frame.size();
}

void Bridge::send_waiting() {
    while (!waiting_.empty() && put(Message::Frame, waiting_.front())) {
        waiting_bytes_ -= waiting_.front().size();
        waiting_.pop_front();
    }
}

bool Bridge::start(const StackOptions& options) {
    auto stack = Stack::create(options, [this](std::span<const u8> frame) { to_guest(frame); });
    if (!stack) {
        const std::string& text = stack.error().message;
        put(Message::Failed, {reinterpret_cast<const u8*>(text.data()), text.size()});
        return false;
    }
    stack_ = std::move(*stack);
    return put(Message::Ready, {});
}

/// False: vm is gone.
Result<bool> Bridge::from_guest() {
    for (int i = 0; i < kMostAtOnce; ++i) {
        const ssize_t n = ::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
        if (n <= 0) return false;
        const auto bytes = std::span<const u8>(buffer_).subspan(1, static_cast<size_t>(n) - 1);
        switch (static_cast<Message>(buffer_[0])) {
            case Message::Frame: stack_->input(bytes); break;
            case Message::Mtu: {
                const u16 mtu = bytes.size() == 2 ? load_raw<u16>(bytes.data()) : u16{0};
                if (mtu < kMinMtu || mtu > kMaxMtu) return fail(ErrorKind::InvalidArgument, "no such MTU");
                if (auto r = stack_->set_mtu(mtu); !r) return std::unexpected(r.error());
                break;
            }
            default: return fail(ErrorKind::InvalidArgument, "a message of an unknown kind");
        }
    }
    return true;
}

Result<void> Bridge::run() {
    std::vector<pollfd> fds;
    for (;;) {
        fds.clear();
        fds.push_back({socket_, static_cast<short>(POLLIN | (waiting_.empty() ? 0 : POLLOUT)), 0});
        int timeout_ms = -1;
        stack_->before_poll(fds, waiting_bytes_ > kCongested, timeout_ms);
        if (::poll(fds.data(), fds.size(), timeout_ms) < 0)
            for (pollfd& p : fds) p.revents = 0;  // a signal
        stack_->after_poll(std::span(fds).subspan(1));
        if ((fds[0].revents & POLLOUT) != 0) send_waiting();
        if ((fds[0].revents & ~POLLOUT) == 0) continue;
        auto more = from_guest();
        if (!more) return std::unexpected(more.error());
        if (!*more) return {};
    }
}

template <class T>
bool number(std::string_view& text, T* out, int base, char end) {
    const auto [p, error] = std::from_chars(text.data(), text.data() + text.size(), *out, base);
    const bool last = p == text.data() + text.size();
    if (error != std::errc() || (last ? end != 0 : *p != end)) return false;
    text.remove_prefix(static_cast<size_t>(p - text.data()) + (last ? 0 : 1));
    return true;
}

}  // namespace

Result<StackOptions> parse_arguments(std::span<char* const> arguments) {
    const auto wrong = [](std::string_view what) {
        return fail(ErrorKind::InvalidArgument, fmt::format("'{}' is not what vm gives", what));
    };
    if (arguments.size() < 2) return wrong("");
    StackOptions o;
    std::string_view mtu = arguments[0];
    const std::string_view access = arguments[1];
    if (!number(mtu, &o.mtu, 10, 0) || o.mtu < kMinMtu || o.mtu > kMaxMtu) return wrong(arguments[0]);
    if (access != "open" && access != "restricted") return wrong(access);
    o.restricted = access == "restricted";
    for (const char* argument : arguments.subspan(2)) {
        std::string_view text = argument;
        Forward f;
        f.udp = text.starts_with("udp:");
        if (!f.udp && !text.starts_with("tcp:")) return wrong(argument);
        text.remove_prefix(4);
        if (!number(text, &f.host_address, 16, ':') || !number(text, &f.host_port, 10, ':') ||
            !number(text, &f.guest_address, 16, ':') || !number(text, &f.guest_port, 10, 0))
            return wrong(argument);
        o.forwards.push_back(f);
    }
    return o;
}

Result<void> serve(int socket, const StackOptions& options) {
    Bridge bridge(socket);
    if (!bridge.start(options)) return {};
    return bridge.run();
}

}  // namespace vm::usernet
