// Which loops are worth a region. A region costs compile time and memory, and its code lies away from the
// blocks around it, so one that gains nothing loses a little.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "optimizers/region_features.h"

namespace vm::optimizers {

struct RegionPolicy {
    enum class Kind : u8 {
        Threshold,  ///< all but what clearly gains nothing
        Forest,     ///< what a forest of decision trees says, learnt off line
        All,
    };
    Kind kind = Kind::Threshold;
    std::vector<u64> except;  ///< heads of loops that are none
};

/// "threshold", "forest", "all", or "not:0x105ac,…": all but the loops with these heads.
Result<RegionPolicy> parse_region_policy(std::string_view text);

bool worthwhile(const RegionPolicy& policy, u64 head, const RegionFeatures& f);

/// The share of the forest's trees that take it for a gain.
float forest_vote(const RegionFeatures& f);

}  // namespace vm::optimizers
