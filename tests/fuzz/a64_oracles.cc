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
constexpr const char* kTopByte =
    "VIXL ignores the top byte of the upper half's addresses, too; Linux does not";
constexpr const char* kUpper = "VIXL 5.1 does not clear the rest of the register";
constexpr const char* kMonitor = "VIXL fails exclusive stores at random";

/// Not drawn: they stand in fixed places of a program.
const std::set<std::string_view> kPlaced{"SVC", "BRK"};

const Reasons kNotInPrograms{{"PACGA", "keys are random in each process"}};

const Reasons kNotInQemu{
    {"DC_ZVA", "QEMU's user mode has blocks of 512 bytes"},
    {"DC_CVAP", "QEMU's user mode does not have it"},
    {"DC_CVADP", "QEMU's user mode does not have it"},
    {"PACGA", "keys are random in each process"},
    {"FCVTZS_is_h", "QEMU 7.2 leaves copies of the sign in bits 31:16"},
    {"FJCVTZS", "QEMU 7.2 sets Z for a positive subnormal that is flushed to zero"},
};

// clang-format off
const Reasons kNotInVixl{
    {"LDTR", kAbsent}, {"LDTRS", kAbsent}, {"STTR", kAbsent},
    {"LDXR", kMonitor}, {"LDXP", kMonitor}, {"STXR", kMonitor}, {"STXP", kMonitor}, {"CLREX", kMonitor},
    {"PACGA", "VIXL's algorithm is another"},
    {"DC_ZVA", "VIXL 5.1 does nothing"},
    {"RET_auth", "VIXL 5.1 takes 0 as the modifier, not SP"},
    {"LDSMAX", kSigned}, {"LDSMIN", kSigned},
    {"FCVTN_v", kUpper},
    {"SCVTF_v", kUpper}, {"SCVTF_v_h", kUpper}, {"SCVTF_s", kUpper}, {"SCVTF_s_h", kUpper}, {"SCVTF_i", kUpper},
    {"SCVTF_i_h", kUpper}, {"SCVTF_is", kUpper}, {"SCVTF_is_d", kUpper}, {"SCVTF_is_h", kUpper}, {"UCVTF_v", kUpper},
    {"UCVTF_v_h", kUpper}, {"UCVTF_s", kUpper}, {"UCVTF_s_h", kUpper}, {"UCVTF_i", kUpper}, {"UCVTF_i_h", kUpper},
    {"UCVTF_is", kUpper}, {"UCVTF_is_d", kUpper}, {"UCVTF_is_h", kUpper},
    {"FRSQRTS_v", "VIXL 5.1 halves an operand, which may lose its last bit"},
    {"FRSQRTS_s", "VIXL 5.1 halves an operand, which may lose its last bit"},
    {"FRSQRTS_v_h", "VIXL 5.1 rounds twice"}, {"FRSQRTS_s_h", "VIXL 5.1 rounds twice"},
    {"SVC", "its cases have no system"}, {"BRK", "its cases have no system"},
    {"FCMLA_e_h", "VIXL 5.1 leaves lanes as they were"},
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
    const auto ext = info(id).ext;
    if (oracle == Oracle::Vixl) {
        if (cryptography.contains(ext) || ext == frontend::arm64::I8MM || ext == frontend::arm64::BF16)
            return kAbsent;
        if (ext == frontend::arm64::FHM) return "VIXL 5.1 widens before it looks for NaNs";
    }
    const Reasons& r = reasons(oracle);
    const auto it = r.find(info(id).name);
    return it == r.end() ? "" : it->second;
}

std::set<Insn> vixl_distinct() {
    std::set<Insn> out;
    for (unsigned i = 1; i < static_cast<unsigned>(Insn::Count_); i++) {
        const std::string_view name = info(static_cast<Insn>(i)).name;
        const bool by_element =
            (name.starts_with("FM") || name.starts_with("FCMLA")) && name.find("_e") != name.npos;
        if (by_element || name == "PMULL_v" || name.starts_with("FCVTXN_")) out.insert(static_cast<Insn>(i));
    }
    return out;
}

std::set<Insn> vixl_no_sp() {
    std::set<Insn> out;
    for (unsigned i = 1; i < static_cast<unsigned>(Insn::Count_); i++) {
        const std::string_view name = info(static_cast<Insn>(i)).name;
        const bool structure = name.starts_with("LD") || name.starts_with("ST");
        const bool number = structure && (name.substr(2, 1) == "n" || (name[2] >= '1' && name[2] <= '4'));
        if (number && name.ends_with("_post")) out.insert(static_cast<Insn>(i));
    }
    return out;
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
