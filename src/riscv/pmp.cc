#include "riscv/pmp.h"

namespace vm::riscv {

namespace {

/// Physical addresses have 56 bits.
constexpr u64 kPhysicalEnd = u64{1} << 56;

}  // namespace

Pmp::Pmp(const HartState& state) {
    for (unsigned i = 0; i < kPmpEntries; ++i) {
        const u8 config = state.pmpcfg[i];
        const u64 address = state.pmpaddr[i];
        Range r{.config = config};
        switch (config & kPmpMode) {
            case kPmpOff: break;
            case kPmpTor:
                r.begin = i == 0 ? 0 : state.pmpaddr[i - 1] << 2;
                r.end = address << 2;
                break;
            case kPmpNa4:
                r.begin = address << 2;
                r.end = r.begin + 4;
                break;
            case kPmpNapot: {
                const u64 size = u64{8} << std::countr_one(address);
                r.begin = align_down(address << 2, size);
                r.end = r.begin + size;
            }
        }
        if (r.begin >= r.end) continue;
        if (count_ == 0) {
            const bool everywhere = r.begin == 0 && r.end >= kPhysicalEnd;
            others_open_ = everywhere && (config & 7) == (kPmpRead | kPmpWrite | kPmpExecute);
            machine_open_ = everywhere && (others_open_ || !(config & kPmpLock));
        }
        ranges_[count_++] = r;
    }
}

Permissions Pmp::allows(u64 address, u64 bytes, Privilege privilege) const {
    const bool machine = privilege == Privilege::Machine;
    if (machine ? machine_open_ : others_open_) return {true, true, true};

    const u64 last = address + (bytes - 1);
    for (unsigned i = 0; i < count_; ++i) {
        const Range& r = ranges_[i];
        if (last < r.begin || address >= r.end) continue;
        if (address < r.begin || last >= r.end) return {};
        if (machine && !(r.config & kPmpLock)) return {true, true, true};
        return {(r.config & kPmpRead) != 0, (r.config & kPmpWrite) != 0, (r.config & kPmpExecute) != 0};
    }
    return {machine, machine, machine};
}

u64 Pmp::uniform(u64 address, u64 size) const {
    if (others_open_) return size;  // what follows the first entry matches nothing
    const auto cuts = [&](u64 edge) {
        return edge > align_down(address, size) && edge - align_down(address, size) < size;
    };
    for (unsigned i = 0; i < count_; ++i)
        while (cuts(ranges_[i].begin) || cuts(ranges_[i].end)) size /= 2;
    return size;
}

void write_pmp_config(HartState& state, unsigned entry, u8 value) {
    if (state.pmpcfg[entry] & kPmpLock) return;
    value &= kPmpRead | kPmpWrite | kPmpExecute | kPmpMode | kPmpLock;
    if (!(value & kPmpRead)) value &= static_cast<u8>(~kPmpWrite);  // write without read is reserved
    state.pmpcfg[entry] = value;
}

void write_pmp_address(HartState& state, unsigned entry, u64 value) {
    if (state.pmpcfg[entry] & kPmpLock) return;
    // A locked top of range locks its bottom.
    const u8 above = entry + 1 < kPmpEntries ? state.pmpcfg[entry + 1] : u8{0};
    if ((above & kPmpLock) && (above & kPmpMode) == kPmpTor) return;
    state.pmpaddr[entry] = value & kPmpAddressBits;
}

}  // namespace vm::riscv
