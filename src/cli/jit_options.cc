#include "cli/jit_options.h"

#include "backend/options.h"
#include "base/format.h"
#include "ir/passes/passes.h"
#include "jit/jit.h"

namespace vm::cli {
namespace {

u64 bit_of(std::string_view name) {
    if (name == "all") {
        u64 all = 0;
        for (const std::string& n : jit_option_names()) all |= bit_of(n);
        return all;
    }
    if (auto o = backend::parse_jit_opt(name)) return backend::opt_bit(*o);
    const auto passes = ir::tier1_passes();
    for (unsigned i = 0; i < passes.size(); i++)
        if (passes[i].name == name) return u64{1} << (jit::kPassOptShift + i);
    return 0;
}

}  // namespace

Result<void> apply_jit_option(const std::string& word, u64* disabled) {
    const bool off = word.starts_with('-'), on = word.starts_with('+');
    const u64 bits = bit_of(std::string_view(word).substr(off || on ? 1 : 0));
    if (!bits)
        return fail(
            ErrorKind::InvalidArgument,
            fmt::format("--jit-opt: no optimization is called '{}'; vm info --jit-opts lists them", word));
    *disabled = off ? *disabled | bits : *disabled & ~bits;
    return {};
}

std::vector<std::string> jit_option_names() {
    std::vector<std::string> names(backend::kJitOptNames.begin(), backend::kJitOptNames.end());
    for (const ir::Pass& p : ir::tier1_passes()) names.emplace_back(p.name);
    return names;
}

}  // namespace vm::cli
