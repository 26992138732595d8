#include "cli/guests.h"

#include "frontend/arm64/arm64.h"
#include "frontend/riscv64/riscv64.h"

namespace vm::cli {
namespace {

constexpr u32 kRiscv64Probe[] = {0x00000513, 0xff010593, 0x00100613, 0x03f00893,
                                 0x00000073, 0x02a00513, 0x05d00893, 0x00000073};
constexpr u32 kArm64Probe[] = {0xd2800000, 0xd10043e1, 0xd2800022, 0xd28007e8,
                               0xd4000001, 0xd2800540, 0xd2800ba8, 0xd4000001};
static_assert(kProbeStatus == 42);

constexpr GuestKind kKinds[] = {
    {.guest = {&frontend::riscv64::kRiscv64, &linux::kRiscv64Abi},
     .alias = {},
     .cpu_example = "max,-zfa",
     .probe = kRiscv64Probe},
    {.guest = {&frontend::arm64::kArm64, &linux::kArm64Abi},
     .alias = "arm64",
     .cpu_example = "neoverse-n1,-lse",
     .probe = kArm64Probe},
};

}  // namespace

std::span<const GuestKind> guest_kinds() { return kKinds; }

linux::Guests guests() {
    static const auto all = [] {
        std::vector<linux::Guest> v;
        for (const GuestKind& k : kKinds) v.push_back(k.guest);
        return v;
    }();
    return all;
}

const GuestKind* find_guest_kind(std::string_view name) {
    for (const GuestKind& k : kKinds)
        if (k.name() == name || (!k.alias.empty() && k.alias == name)) return &k;
    return nullptr;
}

std::string guest_names(std::string_view separator) {
    std::string text;
    for (const GuestKind& k : kKinds) {
        if (!text.empty()) text += separator;
        text += k.name();
    }
    return text;
}

}  // namespace vm::cli
