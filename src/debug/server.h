// Where debuggers connect: one at a time, over TCP or a Unix socket.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.h"
#include "debug/target.h"
#include "osal/file.h"

namespace vm::debug {

/// What --gdb says: "HOST:PORT" or "unix:PATH", and ",nowait" behind it if the guest is not to wait for a
/// debugger.
struct Address {
    std::string host;  ///< empty: any of this computer
    std::string port;
    std::string path;  ///< of a Unix socket; empty: none
    bool wait = true;
    static Result<Address> parse(const std::string& text);
};

/// Has threads of its own, and they have descriptors of their own: a guest program that closes all of its
/// descriptors, or counts them, does not meet these.
class Server {
  public:
    /// Port 0: one that is free.
    static Result<std::unique_ptr<Server>> listen(const Address& address);
    /// Ends connection and threads.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    /// "127.0.0.1:1234", "unix:/tmp/gdb".
    const std::string& where() const { return where_; }
    /// Takes connections from now on. `target` outlives this object. Once.
    void start(Target& target);
    /// The target may have something to tell. From any thread.
    void notify();

  private:
    Server(osal::Fd listener, std::string where, std::string path)
        : where_(std::move(where)), path_(std::move(path)), listener_(std::move(listener)) {}
    void main(Target& target);
    void converse(Target& target, int connection);
    void read(int connection);

    std::string where_, path_;
    osal::Fd listener_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string inbox_;
    bool started_ = false, news_ = false, closed_ = false, ends_ = false;
    std::thread thread_;
};

}  // namespace vm::debug
