#include "a64_oracles.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string_view>

namespace vm::fuzz::a64 {

using frontend::arm64::Insn;

namespace {

using Reasons = std::map<std::string_view, const char*>;

constexpr const char* kAbsent = "VIXL 5.1 does not have it";
constexpr const char* kSigned = "VIXL 5.1 sign-extends bytes and halfwords";
constexpr const char* kTopByte = "VIXL ignores the top byte of the upper half's addresses, too; Linux does not";
constexpr const char* kMonitor = "VIXL fails exclusive stores at random";

/// Not drawn: they stand in fixed places of a program.
const std::set<std::string_view> kPlaced{"SVC", "BRK"};

const Reasons kNotInPrograms{{"PACGA", "keys are random in each process"}};

const Reasons kNotInQemu{
    {"DC_ZVA", "QEMU's user mode has blocks of 512 bytes"},
    {"DC_CVAP", "QEMU's user mode does not have it"},
    {"DC_CVADP", "QEMU's user mode does not have it"},
    {"PACGA", "keys are random in each process"},
    {"FJCVTZS", "QEMU 7.2 sets Z for a positive subnormal that is flushed to zero"},
};

// clang-format off
const Reasons kNotInVixl{
    {"LDTR", kAbsent}, {"LDTRS", kAbsent}, {"STTR", kAbsent},
    {"LDXR", kMonitor}, {"LDXP", kMonitor}, {"STXR", kMonitor}, {"STXP", kMonitor}, {"CLREX", kMonitor},
    {"PACGA", "VIXL's algorithm is another"},
    {"BFCVT", "VIXL 5.1 takes it for another instruction"},
    {"DC_ZVA", "VIXL 5.1 does nothing"},
    {"RET_auth", "VIXL 5.1 takes 0 as the modifier, not SP"},
    {"LDSMAX", kSigned}, {"LDSMIN", kSigned},
    {"PMULL_v", "VIXL 5.1 clears the destination before it reads, should they be one register"},
    {"PMULL_q", kAbsent},
    {"XPACI", kTopByte}, {"XPACD", kTopByte}, {"XPACLRI", kTopByte},
    {"MOVK", "VIXL 5.1 sign-extends the 32-bit form"},
};
// clang-format on

const Reasons& reasons(Oracle oracle) {
    static const Reasons none;
    switch (oracle) {
        case Oracle::Programs: return kNotInPrograms;
        case Oracle::Qemu: return kNotInQemu;
        case Oracle::Vixl: return kNotInVixl;
        default: return none;
    }
}

}  // namespace

std::string excluded(Insn id, Oracle oracle) {
    static const std::set<frontend::arm64::Ext> cryptography{frontend::arm64::AES, frontend::arm64::SHA1,
                                                             frontend::arm64::SHA256, frontend::arm64::SHA512,
                                                             frontend::arm64::SHA3};
    if (oracle == Oracle::Vixl && cryptography.contains(info(id).ext)) return kAbsent;
    const Reasons& r = reasons(oracle);
    const auto it = r.find(info(id).name);
    return it == r.end() ? "" : it->second;
}

std::vector<Insn> pool(Oracle oracle, const std::set<std::string, std::less<>>& only) {
    std::vector<Insn> out;
    for (unsigned i = 1; i < static_cast<unsigned>(Insn::Count_); i++) {
        const auto id = static_cast<Insn>(i);
        const auto name = info(id).name;
        if (!kPlaced.contains(name) && excluded(id, oracle).empty() && (only.empty() || only.contains(name)))
            out.push_back(id);
    }
    if (out.empty()) {
        std::fprintf(stderr, "no encoding is left to draw from\n");
        std::exit(2);
    }
    return out;
}

}  // namespace vm::fuzz::a64
