#include "debug/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include "base/format.h"
#include "debug/session.h"

namespace vm::debug {
namespace {

/// So often the threads look whether they are to end.
constexpr int kLookMs = 100;

/// Closes all descriptors of the calling thread but one.
void close_others(int keep) {
    const auto close_all = [](unsigned from, unsigned to) {
        if (from <= to && ::syscall(SYS_close_range, from, to, 0) != 0)
            for (unsigned fd = from; fd <= std::min(to, 1U << 16); fd++) ::close(static_cast<int>(fd));
    };
    const unsigned n = static_cast<unsigned>(keep);
    if (n != 0) close_all(0, n - 1);
    close_all(n + 1, ~0U);
}

/// Asynchronous signals are for the guest's threads; faults of guarded accesses are this one's.
void block_signals() {
    sigset_t set;
    sigfillset(&set);
    for (const int n : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP}) sigdelset(&set, n);
    ::pthread_sigmask(SIG_SETMASK, &set, nullptr);
}

Result<osal::Fd> listen_unix(const std::string& path) {
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    if (path.size() >= sizeof a.sun_path)
        return fail(ErrorKind::InvalidArgument, fmt::format("--gdb unix:{}: the path is too long", path));
    path.copy(a.sun_path, sizeof a.sun_path - 1);
    const auto* const address = reinterpret_cast<const sockaddr*>(&a);
    osal::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    std::error_code error;
    // What a server left that is no more.
    if (std::filesystem::is_socket(path, error) && ::connect(fd.get(), address, sizeof a) != 0 &&
        errno == ECONNREFUSED)
        ::unlink(path.c_str());
    fd = osal::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (fd.get() < 0 || ::bind(fd.get(), address, sizeof a) != 0 || ::listen(fd.get(), 1) != 0)
        return osal::fail_errno(fmt::format("--gdb unix:{}: cannot listen there", path));
    return fd;
}

/// An address in numbers: a resolver of names needs libraries that a static program does not have.
union InetAddress {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
    socklen_t size() const { return any.sa_family == AF_INET6 ? sizeof v6 : sizeof v4; }
};

bool parse_inet(const std::string& host, u16 port, InetAddress* out) {
    *out = {};
    const std::string text = host == "localhost" ? "127.0.0.1" : host;
    if (text.find(':') != std::string::npos) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(port);
        return ::inet_pton(AF_INET6, text.c_str(), &out->v6.sin6_addr) == 1;
    }
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons(port);
    return text.empty() || ::inet_pton(AF_INET, text.c_str(), &out->v4.sin_addr) == 1;
}

std::string name_of(int fd) {
    InetAddress a{};
    socklen_t size = sizeof a;
    ::getsockname(fd, &a.any, &size);
    char host[INET6_ADDRSTRLEN] = "";
    if (a.any.sa_family == AF_INET6)
        return fmt::format("[{}]:{}", ::inet_ntop(AF_INET6, &a.v6.sin6_addr, host, sizeof host),
                           ntohs(a.v6.sin6_port));
    return fmt::format("{}:{}", ::inet_ntop(AF_INET, &a.v4.sin_addr, host, sizeof host),
                       ntohs(a.v4.sin_port));
}

}  // namespace

Result<Address> Address::parse(const std::string& text) {
    Address a;
    std::string rest = text;
    if (rest.ends_with(",nowait")) {
        a.wait = false;
        rest.resize(rest.size() - 7);
    }
    if (rest.starts_with("unix:")) {
        a.path = rest.substr(5);
        if (!a.path.empty()) return a;
    }
    const size_t colon = rest.rfind(':');
    const bool digits = colon != std::string::npos && colon + 1 < rest.size() && rest.size() - colon <= 6 &&
                        rest.find_first_not_of("0123456789", colon + 1) == std::string::npos &&
                        std::stoul(rest.substr(colon + 1)) <= 65535;
    if (rest.starts_with("unix:") || !digits)
        return fail(
            ErrorKind::InvalidArgument,
            fmt::format("--gdb {}: is HOST:PORT or unix:PATH, with or without ,nowait behind it", text));
    a.host = rest.substr(0, colon);
    a.port = rest.substr(colon + 1);
    if (a.host.starts_with("[") && a.host.ends_with("]")) a.host = a.host.substr(1, a.host.size() - 2);
    return a;
}

Result<std::unique_ptr<Server>> Server::listen(const Address& address) {
    if (!address.path.empty()) {
        auto fd = listen_unix(address.path);
        if (!fd) return std::unexpected(fd.error());
        std::error_code error;
        const std::string path = std::filesystem::absolute(address.path, error).string();
        return std::unique_ptr<Server>(new Server(std::move(*fd), "unix:" + address.path, path));
    }
    const std::string shown = fmt::format("--gdb {}:{}", address.host, address.port);
    InetAddress a;
    if (!parse_inet(address.host, static_cast<u16>(std::stoul(address.port)), &a))
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("{}: is no address; give numbers, or localhost", shown));
    osal::Fd fd(::socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd.get() < 0 || ::bind(fd.get(), &a.any, a.size()) != 0 || ::listen(fd.get(), 1) != 0)
        return osal::fail_errno(fmt::format("{}: cannot listen there", shown));
    std::string where = name_of(fd.get());
    return std::unique_ptr<Server>(new Server(std::move(fd), std::move(where), {}));
}

Server::~Server() {
    {
        const std::lock_guard lock(mutex_);
        ends_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
    if (!path_.empty()) ::unlink(path_.c_str());
}

void Server::start(Target& target) {
    thread_ = std::thread([this, &target] { main(target); });
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return started_; });
    listener_ = osal::Fd();  // the thread has its own
}

void Server::notify() {
    const std::lock_guard lock(mutex_);
    news_ = true;
    changed_.notify_all();
}

void Server::main(Target& target) {
    block_signals();
    int listener = listener_.get();
    if (::unshare(CLONE_FILES) == 0)
        close_others(listener);
    else
        listener = ::fcntl(listener, F_DUPFD_CLOEXEC, 0);  // start() closes the other
    {
        const std::lock_guard lock(mutex_);
        started_ = true;
    }
    changed_.notify_all();
    for (;;) {
        pollfd p{listener, POLLIN, 0};
        const int n = ::poll(&p, 1, kLookMs);
        {
            const std::lock_guard lock(mutex_);
            if (ends_) break;
        }
        if (n <= 0) continue;
        const osal::Fd connection(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
        if (connection.get() < 0) continue;
        const int on = 1;
        ::setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        const timeval patience{.tv_sec = 5, .tv_usec = 0};
        ::setsockopt(connection.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        converse(target, connection.get());
    }
    ::close(listener);
}

void Server::converse(Target& target, int connection) {
    inbox_.clear();
    closed_ = false;
    std::thread reader([this, connection] { read(connection); });
    {
        Session session(target, [connection](std::string_view bytes) {
            while (!bytes.empty()) {
                const ssize_t n = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
                if (n < 0 && errno == EINTR) continue;
                if (n <= 0) {
                    ::shutdown(connection, SHUT_RDWR);  // the reader sees it
                    return;
                }
                bytes.remove_prefix(static_cast<size_t>(n));
            }
        });
        while (!session.over()) {
            std::string bytes;
            {
                std::unique_lock lock(mutex_);
                changed_.wait(lock, [&] { return ends_ || closed_ || news_ || !inbox_.empty(); });
                if (ends_ || (closed_ && inbox_.empty())) break;
                bytes.swap(inbox_);
                news_ = false;
            }
            changed_.notify_all();
            bytes.empty() ? session.poll() : session.receive(bytes);
        }
    }
    ::shutdown(connection, SHUT_RDWR);
    {
        const std::lock_guard lock(mutex_);
        inbox_.clear();
        closed_ = true;
    }
    changed_.notify_all();
    reader.join();
}

void Server::read(int connection) {
    constexpr size_t kMostWaiting = 1 << 20;
    char buffer[4096];
    for (;;) {
        const ssize_t n = ::recv(connection, buffer, sizeof buffer, 0);
        if (n < 0 && errno == EINTR) continue;
        std::unique_lock lock(mutex_);
        if (n <= 0) closed_ = true;
        changed_.wait(lock, [&] { return closed_ || inbox_.size() < kMostWaiting; });
        if (!closed_) inbox_.append(buffer, static_cast<size_t>(n));
        changed_.notify_all();
        if (closed_) return;
    }
}

}  // namespace vm::debug
