// What is known of a region before it is compiled, as numbers that cost little. Policies decide by them;
// `--dump=regions` prints them, and optimizers/ learns from what was printed.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "ir/region.h"

namespace vm::optimizers {

/// "Share" and "per" are weighted by how often blocks run (Region::Node::weight).
enum class RegionFeature : u8 {
    Blocks,      ///< nodes
    Insns,       ///< guest instructions
    Turns,       ///< log2 of how often its most frequent block runs each time it is entered
    Work,        ///< log2 of guest instructions each time it is entered
    Memory,      ///< loads and stores, per guest instruction
    Floats,      ///< floating-point and vector operations, per guest instruction
    Divisions,   ///< per guest instruction
    Calls,       ///< per guest instruction
    Jumps,       ///< how often it is left by an indirect jump each time it is entered
    Returns,     ///< the same by a return
    Inside,      ///< jumps that stay inside, per guest instruction
    Exits,       ///< conditional exits that leave, per guest instruction
    HomeSlots,   ///< share of accesses to integer slots without a host register of their own
    Deferred,    ///< share of blocks that are entered with deferred flags
    MadeBefore,  ///< how often a region was made here and dropped
    Count_
};
inline constexpr size_t kRegionFeatures = static_cast<size_t>(RegionFeature::Count_);
inline constexpr std::array<std::string_view, kRegionFeatures> kRegionFeatureNames{
    "blocks", "insns",   "turns",  "work",  "memory",     "floats",   "divisions",  "calls",
    "jumps",  "returns", "inside", "exits", "home_slots", "deferred", "made_before"};

struct RegionFeatures {
    std::array<float, kRegionFeatures> value{};
    float& operator[](RegionFeature f) { return value[static_cast<size_t>(f)]; }
    float operator[](RegionFeature f) const { return value[static_cast<size_t>(f)]; }
};

RegionFeatures region_features(const ir::Region& region, const ir::StateLayout& layout, u32 made_before);

/// "blocks=3 insns=17 …"
std::string to_text(const RegionFeatures& f);

}  // namespace vm::optimizers
