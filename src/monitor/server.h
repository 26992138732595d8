// Serves one page, /metrics, to whoever asks: on one thread, few connections at a time, each with a deadline.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/bits.h"
#include "monitor/endpoint.h"

namespace vm::monitor {

/// The page, made anew for each request. An error becomes status 503 with its message.
using Page = std::function<Result<std::string>()>;

struct Limits {
    size_t connections = 16;  ///< at a time; others wait
    /// Milliseconds that a client has to send its request, to take the answer, and to close after that.
    u64 read_ms = 5000, write_ms = 10'000, drain_ms = 1000;
};

/// Serves until `until_fd` is readable. Of clients that send slowly, much, or nonsense no other one suffers
/// for long.
void serve(const Endpoint& endpoint, int until_fd, const Page& page, const Limits& limits = {});

/// The same on a thread of its own, while this object lives.
class Server {
  public:
    static Result<std::unique_ptr<Server>> start(Endpoint endpoint, Page page, const Limits& limits = {});
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    const Endpoint& endpoint() const { return endpoint_; }

  private:
    Server(Endpoint endpoint, osal::Fd stop) : endpoint_(std::move(endpoint)), stop_(std::move(stop)) {}
    Endpoint endpoint_;
    osal::Fd stop_;
    std::thread thread_;
};

}  // namespace vm::monitor
