// Who is told about every new translation: dumps for people, perf maps and jitdump files for profilers.
#pragma once

#include <memory>

#include "base/result.h"
#include "frontend/guest_isa.h"
#include "jit/translation.h"

namespace vm::jit {

struct Options;

class Observer {
  public:
    virtual ~Observer() = default;
    /// Under the jit's lock, code already in place. `decoded` and `optimized`: the IR before and after the
    /// passes.
    virtual void installed(const Translation& t, const u8* code, const ir::Block& decoded,
                           const ir::Block& optimized) = 0;
    /// `from` was copied, and is not entered any more; code already in place.
    virtual void moved(const Translation& from, const Translation& to, const u8* code) = 0;
    /// The code's memory is about to be used again.
    virtual void removed(const Translation& t, const u8* code) = 0;
    /// In a fork child: files named after the process start anew.
    virtual void forked() {}
};

/// What `options` asks for. Fails if a file cannot be written or the host disassembler is not built in.
Result<std::vector<std::unique_ptr<Observer>>> make_observers(const frontend::GuestIsa& isa,
                                                              const Options& options);

// one file each
Result<std::unique_ptr<Observer>> make_dumper(const frontend::GuestIsa& isa, const Options& options);
Result<std::unique_ptr<Observer>> make_perf_map();
Result<std::unique_ptr<Observer>> make_jitdump();

}  // namespace vm::jit
