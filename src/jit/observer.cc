#include "jit/observer.h"

#include "jit/jit.h"

namespace vm::jit {

Result<std::vector<std::unique_ptr<Observer>>> make_observers(const frontend::GuestIsa& isa,
                                                              const Options& options) {
    std::vector<std::unique_ptr<Observer>> all;
    auto take = [&](Result<std::unique_ptr<Observer>> o) -> Result<void> {
        if (!o) return std::unexpected(o.error());
        all.push_back(std::move(*o));
        return {};
    };
    if (options.dump_guest || options.dump_ir || options.dump_host)
        if (auto r = take(make_dumper(isa, options)); !r) return std::unexpected(r.error());
    if (options.perf_map)
        if (auto r = take(make_perf_map()); !r) return std::unexpected(r.error());
    if (options.jitdump)
        if (auto r = take(make_jitdump()); !r) return std::unexpected(r.error());
    return all;
}

}  // namespace vm::jit
