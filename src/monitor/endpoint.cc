#include "monitor/endpoint.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/bits.h"
#include "base/format.h"

namespace vm::monitor {
namespace {

constexpr int kBacklog = 16;
constexpr std::string_view kUnix = "unix:";

std::unexpected<Error> cannot(const std::string& where) {
    return osal::fail_errno(fmt::format("--metrics {}: cannot listen there", where));
}

/// A socket that is none of the standard descriptors, even if those are closed.
osal::Fd new_socket(int family) {
    osal::Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd.get() >= 0 && fd.get() <= STDERR_FILENO)
        fd = osal::Fd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    return fd;
}

struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;
    bool loopback = false;
};

bool parse_host(const std::string& host, u16 port, Address& out) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    const std::string text = host.empty() || host == "localhost" ? "127.0.0.1" : host;
    if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
        std::memcpy(&out.storage, &v4, out.size = sizeof v4);
        out.loopback = ntohl(v4.sin_addr.s_addr) >> 24 == 127;
        return true;
    }
    if (text.size() < 2 || text.front() != '[' || text.back() != ']') return false;
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    if (::inet_pton(AF_INET6, text.substr(1, text.size() - 2).c_str(), &v6.sin6_addr) != 1) return false;
    std::memcpy(&out.storage, &v6, out.size = sizeof v6);
    out.loopback = IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
    return true;
}

}  // namespace

Endpoint::Endpoint(Endpoint&& o) noexcept
    : fd_(std::move(o.fd_)),
      name_(std::move(o.name_)),
      path_(std::exchange(o.path_, {})),
      public_(o.public_) {}

Endpoint::~Endpoint() {
    if (!path_.empty()) ::unlink(path_.c_str());
}

void Endpoint::abandon() {
    path_.clear();
    fd_ = osal::Fd();
}

Result<Endpoint> Endpoint::listen(const std::string& where) {
    return where.starts_with(kUnix) ? listen_unix(where.substr(kUnix.size())) : listen_tcp(where);
}

Result<Endpoint> Endpoint::listen_tcp(const std::string& where) {
    const size_t colon = where.rfind(':');
    const std::string text = colon == std::string::npos ? std::string() : where.substr(colon + 1);
    u16 port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    Address address;
    if (text.empty() || error != std::errc() || end != text.data() + text.size() ||
        !parse_host(where.substr(0, colon), port, address))
        return fail(
            ErrorKind::InvalidArgument,
            fmt::format("--metrics {}: is neither HOST:PORT, with an address or localhost as HOST, nor "
                        "unix:PATH",
                        where));
    osal::Fd fd = new_socket(address.storage.ss_family);
    const int one = 1;
    auto* const raw = reinterpret_cast<sockaddr*>(&address.storage);
    if (fd.get() < 0 || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        ::bind(fd.get(), raw, address.size) != 0 || ::listen(fd.get(), kBacklog) != 0 ||
        ::getsockname(fd.get(), raw, &address.size) != 0)
        return cannot(where);
    // The port lies at the same place in both families.
    sockaddr_in named{};
    std::memcpy(&named, &address.storage, sizeof named);
    const std::string host = colon == 0 ? "127.0.0.1" : where.substr(0, colon);
    Endpoint e(std::move(fd), fmt::format("{}:{}", host, ntohs(named.sin_port)));
    e.public_ = !address.loopback;
    return e;
}

Result<Endpoint> Endpoint::listen_unix(const std::string& path) {
    const std::string where = fmt::format("{}{}", kUnix, path);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path)
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("--metrics {}: the path of a socket has 1 to {} bytes", where,
                                sizeof address.sun_path - 1));
    path.copy(address.sun_path, path.size());
    const auto* const raw = reinterpret_cast<const sockaddr*>(&address);
    osal::Fd fd = new_socket(AF_UNIX);
    if (fd.get() < 0 || ::fchmod(fd.get(), 0600) != 0) return cannot(where);
    if (::bind(fd.get(), raw, sizeof address) != 0) {
        struct stat st {};
        if (errno != EADDRINUSE) return cannot(where);
        const osal::Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const bool left_over = ::lstat(path.c_str(), &st) == 0 && S_ISSOCK(st.st_mode) &&
                               ::connect(probe.get(), raw, sizeof address) != 0 && errno == ECONNREFUSED;
        errno = EADDRINUSE;
        if (!left_over || ::unlink(path.c_str()) != 0 || ::bind(fd.get(), raw, sizeof address) != 0)
            return cannot(where);
    }
    Endpoint e(std::move(fd), where);
    std::error_code error;
    e.path_ = std::filesystem::absolute(path, error);  // wherever this process goes
    if (::listen(e.fd(), kBacklog) != 0) return cannot(where);
    return e;
}

}  // namespace vm::monitor
