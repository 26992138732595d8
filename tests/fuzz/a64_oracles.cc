#include "a64_oracles.h"

#include <map>
#include <set>
#include <string_view>

namespace vm::fuzz::a64 {

using frontend::arm64::Insn;

namespace {

using Reasons = std::map<std::string_view, const char*>;

/// Not drawn: they stand in fixed places of a program.
const std::set<std::string_view> kPlaced{"SVC", "BRK"};

const Reasons kNotInPrograms{{"PACGA", "keys are random in each process"}};

const Reasons kNotInQemu{
    {"DC_ZVA", "QEMU's user mode has blocks of 512 bytes"},
    {"DC_CVAP", "QEMU's user mode does not have it"},
    {"DC_CVADP", "QEMU's user mode does not have it"},
    {"PACGA", "keys are random in each process"},
};

const Reasons kNotInVixl{
    {"PACGA", "VIXL's algorithm is another"},
};

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
    const Reasons& r = reasons(oracle);
    const auto it = r.find(info(id).name);
    return it == r.end() ? "" : it->second;
}

std::vector<Insn> pool(Oracle oracle) {
    std::vector<Insn> out;
    for (unsigned i = 1; i < static_cast<unsigned>(Insn::Count_); i++) {
        const auto id = static_cast<Insn>(i);
        if (!kPlaced.contains(info(id).name) && excluded(id, oracle).empty()) out.push_back(id);
    }
    return out;
}

}  // namespace vm::fuzz::a64
