#include "a64_oracles.h"

#include <map>
#include <set>
#include <string_view>

namespace vm::fuzz::a64 {

using frontend::arm64::Ext;
using frontend::arm64::Insn;

namespace {

/// Not drawn: they stand in fixed places of a program.
const std::set<std::string_view> kPlaced{"SVC", "BRK"};

const std::map<std::string_view, const char*> kNotInQemu{
    {"DC_ZVA", "QEMU's user mode has blocks of 512 bytes"},
    {"DC_CVAP", "QEMU's user mode does not have it"},
    {"DC_CVADP", "QEMU's user mode does not have it"},
};

}  // namespace

std::string excluded(Insn id, Oracle oracle) {
    if (oracle == Oracle::None) return "";
    const auto name = info(id).name;
    if (info(id).ext == Ext::PAuth) return "keys are random in each process";
    if (oracle == Oracle::Qemu) {
        const auto it = kNotInQemu.find(name);
        return it == kNotInQemu.end() ? "" : it->second;
    }
    return "";
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
