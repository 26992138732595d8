// riscv_hwprobe (Documentation/arch/riscv/hwprobe.rst): what a guest may rely on, from the CPU model it was
// given.
#include "base/format.h"
#include "linux/abi_riscv64_signal.h"

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

}  // namespace

std::optional<u64> riscv64_hwprobe(const frontend::GuestIsa& isa, i64 key, u64 features) {
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

}  // namespace vm::linux
