// Random instances of the encodings of A64, for make_a64.py: a line each with what a case must know of it.
//   a64_instances SEED COUNT   COUNT instances of every encoding
// NAME WORD FLOW TARGET ADDRESS LOAD PREFETCH OFFSET SIZE ALIGNMENT WRITES EXCLUSIVE REASON
// Words that are not allocated, or CONSTRAINED UNPREDICTABLE, are left out; REASON: why QEMU is not asked, or
// -.
#include <cstdio>
#include <cstdlib>

#include "../fuzz/a64_cases.h"
#include "../fuzz/a64_oracles.h"

using namespace vm;
using namespace vm::fuzz::a64;

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: %s SEED COUNT\n", argv[0]);
        return 2;
    }
    const u64 seed = std::strtoull(argv[1], nullptr, 0);
    const int count = std::atoi(argv[2]);
    for (unsigned i = 1; i < static_cast<unsigned>(arm64::Insn::Count_); i++) {
        const auto id = static_cast<arm64::Insn>(i);
        const std::string name(info(id).name), reason = excluded(id, Oracle::Qemu);
        u64 rng = seed;  // an encoding's instances do not depend on which others there are
        for (const char c : name) rng = rng * 31 + static_cast<u8>(c);
        for (int made = 0, tries = 0; made < count && tries < 1000 * count; tries++) {
            const u32 w = arm64::random_encoding(id, &rng);
            const Traits t = traits(w);
            if (!t.predictable || arm64::decode(w, ~u64{0}).id != id || !allocated(w)) continue;
            made++;
            std::printf("%s %08x %u %u %u %d %d %lld %u %u %08x %u %s\n", name.c_str(), w,
                        static_cast<unsigned>(t.flow), t.target, static_cast<unsigned>(t.address), t.load,
                        t.prefetch, static_cast<long long>(t.offset), t.size, t.alignment, t.writes,
                        static_cast<unsigned>(t.exclusive), reason.empty() ? "-" : "excluded");
        }
    }
    return 0;
}
