#include "monitor/server.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/bits.h"
#include "monitor/http.h"
#include "monitor/prometheus.h"
#include "osal/host.h"

namespace vm::monitor {
namespace {

constexpr u64 kMs = 1'000'000;
/// After accept(2) failed for want of descriptors or memory.
constexpr u64 kPauseNs = 100 * kMs;
constexpr const char* kPlain = "text/plain; charset=utf-8";

std::string answer(const HttpRequest& request, const Page& page) {
    if (request.refuse != 0) return http_response(request.refuse, kPlain, "", request.head);
    if (request.path != "/metrics")
        return http_response(404, kPlain, "There is only /metrics here.\n", request.head);
    auto text = page();
    if (!text) return http_response(503, kPlain, text.error().message + "\n", request.head);
    return http_response(200, PrometheusText::kContentType, *text, request.head);
}

/// One client: its request is read, answered, and what it still sends is read until it has our answer.
class Connection {
  public:
    Connection(osal::Fd fd, u64 now, const Limits& limits)
        : fd_(std::move(fd)), limits_(&limits), deadline_(now + limits.read_ms * kMs) {}
    int fd() const { return fd_.get(); }
    short events() const { return phase_ == Phase::Write ? POLLOUT : POLLIN; }
    u64 deadline() const { return deadline_; }
    /// The descriptor is ready. False: it is over.
    bool ready(u64 now, const Page& page) {
        switch (phase_) {
            case Phase::Read: return read(now, page);
            case Phase::Write: return write(now);
            case Phase::Drain: return drain();
        }
        return false;
    }
    /// The deadline is over. False: the connection, too.
    bool late(u64 now) {
        if (phase_ != Phase::Read) return false;
        return respond(now, http_response(408, kPlain, "", false));
    }

  private:
    enum class Phase : u8 { Read, Write, Drain };
    static bool again() { return errno == EAGAIN || errno == EINTR; }

    bool read(u64 now, const Page& page) {
        char buffer[4096];
        const ssize_t n = ::recv(fd(), buffer, sizeof buffer, 0);
        if (n <= 0) return n < 0 && again();
        in_.append(buffer, static_cast<size_t>(n));
        const auto request = parse_http(in_);
        return !request || respond(now, answer(*request, page));
    }
    bool respond(u64 now, std::string text) {
        phase_ = Phase::Write;
        deadline_ = now + limits_->write_ms * kMs;
        out_ = std::move(text);
        return write(now);
    }
    bool write(u64 now) {
        while (sent_ < out_.size()) {
            const ssize_t n = ::send(fd(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
            if (n < 0) return again();
            sent_ += static_cast<size_t>(n);
        }
        // What lies unread when a socket is closed makes the kernel reset the connection, and the answer is
        // lost.
        if (::shutdown(fd(), SHUT_WR) != 0) return false;
        phase_ = Phase::Drain;
        deadline_ = now + limits_->drain_ms * kMs;
        return drain();
    }
    bool drain() {
        char buffer[4096];
        for (int n = 0; n < 16; n++) {
            const ssize_t got = ::recv(fd(), buffer, sizeof buffer, 0);
            if (got <= 0) return got < 0 && again();
        }
        return true;
    }

    osal::Fd fd_;
    const Limits* limits_;
    Phase phase_ = Phase::Read;
    u64 deadline_;
    std::string in_, out_;
    size_t sent_ = 0;
};

int timeout_ms(const std::vector<Connection>& connections, u64 accept_from, u64 now) {
    u64 next = ~u64{0};
    if (accept_from > now) next = accept_from;
    for (const Connection& c : connections) next = std::min(next, c.deadline());
    if (next == ~u64{0}) return -1;
    return next <= now ? 0 : static_cast<int>((next - now) / kMs + 1);
}

}  // namespace

void serve(const Endpoint& endpoint, int until_fd, const Page& page, const Limits& limits) {
    std::vector<Connection> connections;
    std::vector<pollfd> fds;
    u64 accept_from = 0;
    for (;;) {
        u64 now = osal::monotonic_ns();
        const bool accepts = connections.size() < limits.connections && now >= accept_from;
        fds.assign({{until_fd, POLLIN, 0}, {accepts ? endpoint.fd() : -1, POLLIN, 0}});
        for (const Connection& c : connections) fds.push_back({c.fd(), c.events(), 0});
        if (::poll(fds.data(), fds.size(), timeout_ms(connections, accept_from, now)) < 0 && errno != EINTR)
            return;
        if (fds[0].revents != 0) return;
        now = osal::monotonic_ns();
        size_t n = 2;
        std::erase_if(connections, [&](Connection& c) {
            const bool ready = fds[n++].revents != 0;
            if (ready) return !c.ready(now, page);
            return now >= c.deadline() && !c.late(now);
        });
        if (fds[1].revents == 0) continue;
        osal::Fd fd(::accept4(endpoint.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (fd.get() >= 0)
            connections.emplace_back(std::move(fd), now, limits);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            accept_from = now + kPauseNs;
    }
}

Result<std::unique_ptr<Server>> Server::start(Endpoint endpoint, Page page, const Limits& limits) {
    osal::Fd stop(::eventfd(0, EFD_CLOEXEC));
    if (stop.get() < 0) return osal::fail_errno("the metrics' server cannot be started");
    std::unique_ptr<Server> server(new Server(std::move(endpoint), std::move(stop)));
    // The machine's signals are no business of this thread.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    server->thread_ = std::thread([s = server.get(), page = std::move(page), limits] {
        monitor::serve(s->endpoint_, s->stop_.get(), page, limits);
    });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return server;
}

Server::~Server() {
    const u64 one = 1;
    (void)!::write(stop_.get(), &one, sizeof one);
    thread_.join();
}

}  // namespace vm::monitor
