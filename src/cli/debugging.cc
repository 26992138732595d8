#include "cli/debugging.h"

#include <cstdio>

#include "base/format.h"

namespace vm::cli {

Debugging::Debugging(std::unique_ptr<debug::Server> server, bool wait)
    : control_({.wait = wait}), server_(std::move(server)) {}

Debugging::~Debugging() { control_.set_listener(nullptr); }

Result<std::unique_ptr<Debugging>> Debugging::listen(const std::string& text) {
    const auto address = debug::Address::parse(text);
    if (!address) return std::unexpected(address.error());
    auto server = debug::Server::listen(*address);
    if (!server) return std::unexpected(server.error());
    fmt::print(stderr, "vm: listening for gdb on {}{}\n", (*server)->where(),
               address->wait ? "; the guest waits for it" : "");
    return std::unique_ptr<Debugging>(new Debugging(std::move(*server), address->wait));
}

void Debugging::start(debug::Target& target) {
    if (started_) return;
    started_ = true;
    control_.set_listener([this] { server_->notify(); });
    server_->start(target);
}

}  // namespace vm::cli
