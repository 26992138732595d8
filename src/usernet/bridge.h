// Carries frames between vm's socket and the network stack until vm closes the socket: what vm-usernet does.
#pragma once

#include "usernet/stack.h"

namespace vm::usernet {

/// Tells vm whether it could start (Message::Ready, Message::Failed). An error: it started and could not go
/// on.
Result<void> serve(int socket, const StackOptions& options);

/// The arguments that vm gives: MTU, "open" or "restricted", forwards as udp|tcp:HEX:PORT:HEX:PORT.
Result<StackOptions> parse_arguments(std::span<char* const> arguments);

}  // namespace vm::usernet
