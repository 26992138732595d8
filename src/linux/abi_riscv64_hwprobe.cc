// The system calls that only riscv64 has: riscv_hwprobe (Documentation/arch/riscv/hwprobe.rst), what a guest
// may rely on, from the CPU model it was given; riscv_flush_icache.
#include <cerrno>
#include <optional>
#include <string>

#include "base/format.h"
#include "linux/syscalls.h"

namespace vm::linux {
namespace {

constexpr i64 kMvendorid = 0, kMarchid = 1, kMimpid = 2, kBaseBehavior = 3, kImaExt0 = 4, kCpuperf0 = 5,
              kZicbozBlock = 6, kHighestAddress = 7, kTimeFreq = 8, kMisalignedScalar = 9;

struct ExtBit {
    std::string_view ext;
    unsigned bit;
};
constexpr ExtBit kExtBits[] = {
    {"c", 1},       {"zba", 3},     {"zbb", 4},          {"zbs", 5},        {"zicboz", 6},
    {"zbc", 7},     {"zfh", 27},    {"zfhmin", 28},      {"zihintntl", 29}, {"zfa", 32},
    {"zacas", 34},  {"zicond", 35}, {"zihintpause", 36}, {"zcb", 44},       {"zawrs", 48},
    {"zicntr", 50},
};

/// The front end knows its extensions by name only to parse_cpu; an extension implies those it needs.
bool has(const frontend::GuestIsa& isa, std::string_view ext, u64 features) {
    u64 bits = 0;
    std::string error;
    const std::string text = ext.size() == 1 ? fmt::format("rv64i{}", ext) : fmt::format("rv64i_{}", ext);
    return isa.parse_cpu(text, &bits, &error) && (features & bits) == bits;
}

u64 extensions(const frontend::GuestIsa& isa, u64 features) {
    u64 v = has(isa, "f", features) && has(isa, "d", features) ? 1 : 0;
    for (const ExtBit& e : kExtBits)
        if (has(isa, e.ext, features)) v |= u64{1} << e.bit;
    return v;
}

/// Value of `key` for a CPU with `features`, nothing for an unknown key.
std::optional<u64> value_of(const frontend::GuestIsa& isa, i64 key, u64 features) {
    constexpr u64 kFast = 3, kIma = 1, kZicbozBytes = 64, kTimeHz = 1'000'000'000;
    switch (key) {
        case kMvendorid:
        case kMarchid:
        case kMimpid: return 0;
        case kBaseBehavior: return kIma;
        case kImaExt0: return extensions(isa, features);
        case kCpuperf0:
        case kMisalignedScalar: return kFast;
        case kZicbozBlock: return has(isa, "zicboz", features) ? kZicbozBytes : 0;
        case kHighestAddress: return kRiscv64Abi.elf.task_size - 1;
        case kTimeFreq: return kTimeHz;
        default: return std::nullopt;
    }
}

}  // namespace

i64 sys::sys_riscv_hwprobe(Call& c) {
    struct Pair {
        i64 key;
        u64 value;
    };
    constexpr u64 kWhichCpus = 1;
    if (c.a[4] & ~kWhichCpus) return -EINVAL;
    const bool which = c.a[4] & kWhichCpus;
    if (which ? (!c.a[2] || !c.a[3]) : (!c.a[2] != !c.a[3])) return -EINVAL;
    const u64 n = c.a[1];
    if (n > 1024) return -EINVAL;
    bool all = true;
    for (u64 i = 0; i < n; i++) {
        Pair p;
        if (!c.get(c.a[0] + i * sizeof p, &p)) return -EFAULT;
        const auto v =
            value_of(c.t.process().engine().isa(), p.key, c.t.process().options().engine.cpu_features);
        if (which) {
            all &= v && (*v & p.value) == p.value;
            continue;
        }
        p.key = v ? p.key : -1;
        p.value = v.value_or(0);
        if (!c.put(c.a[0] + i * sizeof p, p)) return -EFAULT;
    }
    if (which && !all) {  // all processors are alike: either the whole set has the features or none
        const std::string none(std::min<u64>(c.a[2], 128), '\0');
        if (!c.out(c.a[3], none.size()) || !c.mm().write(c.a[3], none.data(), none.size())) return -EFAULT;
    }
    return 0;
}

i64 sys::sys_riscv_flush_icache(Call& c) {
    constexpr u64 kLocal = 1;
    if (c.a[2] & ~kLocal) return -EINVAL;
    // Zero length: "everything" in the callers that pass no range.
    if (c.a[0] == c.a[1])
        c.t.process().engine().invalidate_all();
    else if (c.a[0] < c.a[1])
        c.t.process().engine().invalidate(c.a[0], c.a[1]);
    return 0;
}

}  // namespace vm::linux
