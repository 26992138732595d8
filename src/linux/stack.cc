#include "linux/stack.h"

#include <cerrno>

#include "base/format.h"

namespace vm::linux {
namespace {
constexpr u64 kAtNull = 0, kAtPlatform = 15, kAtRandom = 25, kAtExecfn = 31;
}

Result<InitialStack> build_stack(AddressSpace& mm, const StackRequest& r) {
    // From the top: 8 zero bytes, exec name, environment strings, argument strings, platform, random bytes;
    // then, 16-byte aligned at its lowest word: argc, argv, NULL, environment, NULL, auxiliary vector.
    InitialStack s;
    u64 strings = 8 + r.exec_name.size() + 1;
    for (const std::string& e : r.env) strings += e.size() + 1;
    for (const std::string& a : r.argv) strings += a.size() + 1;
    const u64 words = 1 + r.argv.size() + 1 + r.env.size() + 1 + 2 * (r.auxv.size() + 4);
    const u64 total = strings + r.platform.size() + 1 + 16 + words * 8 + 64;
    if (total > r.size / 4)
        return fail(ErrorKind::Resource,
                    fmt::format("arguments and environment take {} bytes, more than a quarter of the stack "
                                "of {} bytes; raise --stack",
                                total, r.size),
                    E2BIG);

    std::vector<u8> image(align_up(total, 16));
    const u64 base = r.top - image.size();
    u64 at = r.top - 8;
    auto put = [&](const void* bytes, u64 n) {
        at -= n;
        std::memcpy(&image[at - base], bytes, n);
        return at;
    };
    const u64 exec_name = put(r.exec_name.c_str(), r.exec_name.size() + 1);
    std::vector<u64> argv, env;
    s.env_end = at;
    for (auto it = r.env.rbegin(); it != r.env.rend(); ++it) env.push_back(put(it->c_str(), it->size() + 1));
    s.env_start = s.arg_end = at;
    for (auto it = r.argv.rbegin(); it != r.argv.rend(); ++it)
        argv.push_back(put(it->c_str(), it->size() + 1));
    s.arg_start = at;
    at = align_down(at, 16);
    const u64 platform = r.platform.empty() ? 0 : put(r.platform.c_str(), r.platform.size() + 1);
    at = align_down(at, 16);
    const u64 random = put(r.random.data(), r.random.size());

    for (const auto& [key, value] : r.auxv) s.auxv.insert(s.auxv.end(), {key, value});
    s.auxv.insert(s.auxv.end(), {kAtRandom, random, kAtExecfn, exec_name});
    if (platform) s.auxv.insert(s.auxv.end(), {kAtPlatform, platform});
    s.auxv.insert(s.auxv.end(), {kAtNull, 0});

    std::vector<u64> table{argv.size()};
    table.insert(table.end(), argv.rbegin(), argv.rend());
    table.push_back(0);
    table.insert(table.end(), env.rbegin(), env.rend());
    table.push_back(0);
    const u64 auxv_index = table.size();
    table.insert(table.end(), s.auxv.begin(), s.auxv.end());
    s.sp = align_down(at - table.size() * 8, 16);
    s.auxv_addr = s.sp + auxv_index * 8;
    std::memcpy(&image[s.sp - base], table.data(), table.size() * 8);
    if (!mm.write(s.sp, &image[s.sp - base], r.top - s.sp))
        return fail(ErrorKind::Resource, "the guest's stack cannot be written; is there enough memory?",
                    ENOMEM);
    return s;
}

}  // namespace vm::linux
