// Where metrics can be fetched: HOST:PORT or unix:PATH.
#pragma once

#include <string>

#include "base/result.h"
#include "osal/file.h"

namespace vm::monitor {

/// A socket that listens.
class Endpoint {
  public:
    /// `where`: "HOST:PORT", HOST an address (IPv6 in brackets), "localhost", or nothing for 127.0.0.1; port
    /// 0: any that is free. Or "unix:PATH": a socket of this user only, in place of one that nobody listens
    /// to any more.
    static Result<Endpoint> listen(const std::string& where);
    ~Endpoint();
    Endpoint(Endpoint&& o) noexcept;
    Endpoint& operator=(Endpoint&&) = delete;

    int fd() const { return fd_.get(); }
    /// As `where`, with the port that it has.
    const std::string& name() const { return name_; }
    /// Other machines may reach it.
    bool is_public() const { return public_; }
    /// The descriptor goes, a socket file stays: for the half of a fork that does not serve.
    void abandon();

  private:
    Endpoint(osal::Fd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}
    static Result<Endpoint> listen_tcp(const std::string& where);
    static Result<Endpoint> listen_unix(const std::string& path);
    osal::Fd fd_;
    std::string name_, path_;  ///< path_: a socket file to be removed
    bool public_ = false;
};

}  // namespace vm::monitor
