// --gdb of `vm boot` and `vm run`.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "debug/server.h"
#include "engine/run_control.h"

namespace vm::cli {

/// A guest's RunControl, and the server that listens for its debugger.
class Debugging {
  public:
    /// `address` is what --gdb says. Says on standard error where it listens.
    static Result<std::unique_ptr<Debugging>> listen(const std::string& address);
    ~Debugging();
    engine::RunControl& control() { return control_; }
    /// `target` is what is debugged; it outlives this object. Later calls do nothing.
    void start(debug::Target& target);

  private:
    Debugging(std::unique_ptr<debug::Server> server, bool wait);
    engine::RunControl control_;
    std::unique_ptr<debug::Server> server_;
    bool started_ = false;
};

}  // namespace vm::cli
