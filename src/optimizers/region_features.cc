#include "optimizers/region_features.h"

#include <algorithm>
#include <cmath>

#include "base/format.h"

namespace vm::optimizers {
namespace {

/// So many slots, the hottest, have host registers across blocks.
constexpr size_t kRegisters = 10;

/// Weighted sums over a region.
struct Sums {
    double insns = 0, memory = 0, floats = 0, divisions = 0, calls = 0, jumps = 0, returns = 0;
    double inside = 0, exits = 0, slots = 0, home_slots = 0;
};

bool is_division(ir::Op op) {
    return op == ir::Op::DivU || op == ir::Op::DivS || op == ir::Op::RemU || op == ir::Op::RemS;
}

class Counter {
  public:
    Counter(const ir::Region& region, const ir::StateLayout& layout)
        : region_(region), shape_(region), home_(layout.slots.size()) {
        for (size_t s = 0; s < home_.size(); s++) home_[s] = layout.slots[s].type == ir::Type::I64 ? 1 : 2;
        for (size_t k = 0; k < std::min(kRegisters, layout.pin_int.size()); k++) home_[layout.pin_int[k]] = 0;
    }

    Sums run() {
        for (const ir::Region::Node& n : region_.nodes) {
            double weight = n.weight;
            shape_.walk(n.block, [&](const ir::Inst& in, double leave) {
                count(in, weight, leave);
                weight *= 1 - leave;
            });
        }
        return sums_;
    }

  private:
    void count(const ir::Inst& in, double weight, double leave) {
        const u16 effects = ir::effects(in.op);
        if (effects & (ir::kEffectRM | ir::kEffectWM)) sums_.memory += weight;
        if (ir::is_float(in.type) || ir::is_vector(in.type)) sums_.floats += weight;
        if (is_division(in.op)) sums_.divisions += weight;
        switch (in.op) {
            case ir::Op::Insn: sums_.insns += weight; break;
            case ir::Op::Call:
            case ir::Op::CallInd: sums_.calls += weight * (1 - leave); break;
            case ir::Op::JumpInd: sums_.jumps += weight; break;
            case ir::Op::Ret:
                if (!ir::is_jump(in)) {
                    sums_.returns += weight;
                    break;
                }
                [[fallthrough]];
            case ir::Op::ExitIf:
            case ir::Op::Goto:
                (region_.find(in).node != ir::kNoNode ? sums_.inside : sums_.exits) += weight * leave;
                break;
            case ir::Op::GetState:
            case ir::Op::SetState:
                if (home_[in.imm] == 2) break;
                sums_.slots += weight;
                sums_.home_slots += weight * home_[in.imm];
                break;
            default: break;
        }
    }

    const ir::Region& region_;
    const ir::RegionShape shape_;
    std::vector<u8> home_;  ///< by slot: 0 has a register, 1 has none, 2 is no integer
    Sums sums_;
};

}  // namespace

RegionFeatures region_features(const ir::Region& region, const ir::StateLayout& layout, u32 made_before) {
    using F = RegionFeature;
    const Sums sums = Counter(region, layout).run();
    RegionFeatures f;
    const auto set = [&](F feature, double value) { f[feature] = static_cast<float>(value); };
    double most = 1, all = 0, deferred = 0;
    for (const ir::Region::Node& n : region.nodes) {
        most = std::max<double>(most, n.weight);
        all += n.weight;
        if (n.entry == ir::Region::Node::Entry::Deferred) deferred += n.weight;
        f[F::Insns] += static_cast<float>(n.block.guest_insns);
    }
    const double insns = std::max(sums.insns, 1.0);
    set(F::Blocks, static_cast<double>(region.nodes.size()));
    set(F::Turns, std::log2(most / ir::Region::kEntryWeight));
    set(F::Work, std::log2(insns / ir::Region::kEntryWeight));
    set(F::Memory, sums.memory / insns);
    set(F::Floats, sums.floats / insns);
    set(F::Divisions, sums.divisions / insns);
    set(F::Calls, sums.calls / insns);
    set(F::Jumps, sums.jumps / ir::Region::kEntryWeight);
    set(F::Returns, sums.returns / ir::Region::kEntryWeight);
    set(F::Inside, sums.inside / insns);
    set(F::Exits, sums.exits / insns);
    set(F::HomeSlots, sums.home_slots / std::max(sums.slots, 1.0));
    set(F::Deferred, deferred / std::max(all, 1.0));
    set(F::MadeBefore, made_before);
    return f;
}

std::string to_text(const RegionFeatures& f) {
    std::string out;
    for (size_t k = 0; k < kRegionFeatures; k++)
        out += fmt::format("{}{}={:.4g}", k == 0 ? "" : " ", kRegionFeatureNames[k], f.value[k]);
    return out;
}

}  // namespace vm::optimizers
