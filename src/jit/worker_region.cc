// Tier 2 on one thread: which blocks make up a loop, and their code.
#include <algorithm>
#include <map>

#include "backend/options.h"
#include "base/format.h"
#include "ir/passes/passes.h"
#include "jit/worker.h"
#include "optimizers/region_policy.h"

namespace vm::jit {

/// How much is decoded for one purpose.
struct Worker::Bounds {
    size_t blocks;
    u32 insns;
};

namespace {

using backend::JitOpt;
using backend::opt_bit;

/// Guest instructions of all blocks together, before those that lead out of the loop are dropped.
constexpr u32 kMaxRegionInsns = 1500;
/// Blocks of a region that need not be a loop.
constexpr size_t kMaxTestNodes = 6;
/// Blocks begin where others jump to. Each round finds the targets of new blocks; a program that needs more
/// rounds than this is not worth it.
constexpr unsigned kMaxRounds = 24;

void append(PodVector<ir::Inst>& out, std::span<const ir::Inst> insts) {
    const auto base = static_cast<ir::Value>(out.size());
    for (ir::Inst in : insts) {
        if (in.op != ir::Op::Const128)
            for (ir::Value& a : in.args)
                if (a != ir::kNone) a += base;
        out.push_back(in);
    }
}

}  // namespace

/// Of a function that is inlined.
constexpr Worker::Bounds Worker::kInlineMost{12, 64};

bool Worker::leads(void* self, u64 pc) {
    return std::ranges::binary_search(static_cast<Worker*>(self)->leaders_, pc);
}

/// Does another block begin inside of it?
bool Worker::cut(const ir::Block& block) const {
    bool first = true;
    for (const ir::Inst& in : block.insts) {
        if (in.op != ir::Op::Insn) continue;
        if (!first && std::ranges::binary_search(leaders_, in.imm)) return true;
        first = false;
    }
    return false;
}

/// Decodes from `head` on what direct jumps and, with `calls`, returns reach, each block up to where another
/// begins. False: it goes on and on. The block at the head comes first.
bool Worker::collect(u64 head, u32 mode, const Bounds& most, bool calls, std::vector<ir::Block>& nodes) {
    nodes.clear();
    leaders_.assign(1, head);
    u32 insns = 0;
    for (unsigned round = 0; round < kMaxRounds; round++) {
        bool changed = false;
        std::erase_if(nodes, [&](const ir::Block& b) {
            if (!cut(b)) return false;
            insns -= b.guest_insns;
            return true;
        });
        const std::vector<u64> known = leaders_;
        std::vector<u64> found;
        for (const u64 pc : known) {
            if (std::ranges::any_of(nodes, [&](const ir::Block& b) { return b.start_pc == pc; })) continue;
            if (insns >= most.insns) continue;
            frontend::TranslateRequest request = block_request(pc, mode);
            request.known = &Worker::leads;
            request.stop_after = 1;
            request.stop_span = ~0u - 1;
            ir::Block& b = nodes.emplace_back();
            jit_.isa().translate(request, b);
            changed = true;
            insns += b.guest_insns;
            ir::for_each_target(b, [&](u64 target) { found.push_back(target); });
            if (const auto back = calls ? ir::return_point(b) : std::nullopt) found.push_back(*back);
        }
        for (const u64 pc : found) {
            const auto at = std::ranges::lower_bound(leaders_, pc);
            if ((at != leaders_.end() && *at == pc) || leaders_.size() == most.blocks) continue;
            leaders_.insert(at, pc);
            changed = true;
        }
        if (changed) continue;
        // A block that may not be read (guest_bytes == 0) has no place in a region.
        std::erase_if(nodes, [](const ir::Block& b) { return b.guest_bytes == 0; });
        const auto entry = std::ranges::find(nodes, head, &ir::Block::start_pc);
        if (entry == nodes.end()) return false;
        std::iter_swap(nodes.begin(), entry);
        return true;
    }
    return false;
}

bool Worker::form_region(u64 head, u32 mode, bool loop, std::span<const CallTarget> targets) {
    constexpr u64 kReturns = opt_bit(JitOpt::ReturnPoints) | opt_bit(JitOpt::ReturnStack);
    const u64 off = jit_.options().disabled_opts;
    const bool calls = !(off & kReturns);
    const Bounds most{loop ? ir::kMaxRegionNodes : kMaxTestNodes, kMaxRegionInsns};
    inlined_ = 0;
    indirect_calls_.clear();
    std::vector<ir::Block> nodes;
    if (!collect(head, mode, most, calls, nodes) || !ir::make_region(nodes, loop, calls, region_))
        return false;
    if (!calls || (off & opt_bit(JitOpt::InlineCalls))) return true;
    std::map<u64, std::vector<ir::Block>> bodies;
    const auto body = [&](u64 entry) -> const std::vector<ir::Block>* {
        const auto [at, fresh] = bodies.try_emplace(entry);
        if (fresh && !function_body(entry, mode, at->second)) at->second.clear();
        return at->second.empty() ? nullptr : &at->second;
    };
    const auto guess = [&](u64 return_pc) -> std::optional<ir::Callees::Guess> {
        const auto at = std::ranges::find(targets, static_cast<u32>(return_pc), &CallTarget::site);
        if ((off & opt_bit(JitOpt::GuessCalls)) || at == targets.end()) return {};
        u64 entry = at->target;
        if (entry % jit_.isa().layout->pc_alignment != 0) return {};
        if (jit_.isa().arrive != nullptr && !jit_.isa().arrive(request(), &entry)) return {};
        return ir::Callees::Guess{entry, at->target};
    };
    inlined_ = ir::inline_calls(region_, *jit_.isa().layout, {body, guess}, loop);
    note_indirect_calls(targets);
    return true;
}

/// Guesses that led to nothing count as made: to make the region again would not help.
void Worker::note_indirect_calls(std::span<const CallTarget> targets) {
    for (ir::Region::Node& n : region_.nodes) {
        const auto back = ir::return_point(n.block);
        if (!back || n.block.insts.back().op != ir::Op::CallInd) continue;
        const auto site = static_cast<u32>(*back);
        const auto known = std::ranges::find(targets, site, &CallTarget::site);
        const CallTarget made = known == targets.end() ? CallTarget{.site = site} : *known;
        ir::Inst& call = n.block.insts.back();
        if (known != targets.end() && !ir::is_jump(call)) call.aux |= ir::kSettled;
        if (std::ranges::find(indirect_calls_, site, &CallTarget::site) == indirect_calls_.end())
            indirect_calls_.push_back(made);
    }
}

/// All blocks of a function, if it is small and returns.
bool Worker::function_body(u64 entry, u32 mode, std::vector<ir::Block>& blocks) {
    if (!collect(entry, mode, kInlineMost, true, blocks) || leaders_.size() == kInlineMost.blocks)
        return false;
    u32 insns = 0;
    bool returns = false;
    for (const ir::Block& b : blocks) {
        insns += b.guest_insns;
        returns |= !b.insts.empty() && b.insts.back().op == ir::Op::Ret;
    }
    return returns && insns <= kInlineMost.insns;
}

void Worker::summarize_region(u64 pc) {
    block_.clear();
    block_.start_pc = pc;
    for (const ir::Region::Node& n : region_.nodes) {
        block_.guest_insns += n.block.guest_insns;
        block_.guest_bytes += n.block.guest_bytes;
        for (const auto& range : n.block.ranges)  // a function that was inlined twice has them twice
            if (std::ranges::find(block_.ranges, range) == block_.ranges.end())
                block_.ranges.push_back(range);
        if (jit_.options().dump_ir) append(block_.insts, n.block.insts);
    }
}

u64 Worker::back_edge_target(u64 pc, u32 mode) {
    for (const ir::Inst& in : decode(pc, mode, 1).insts)
        if ((in.op == ir::Op::ExitIf || in.op == ir::Op::Goto) && (in.aux & ir::kBackEdge)) return in.imm;
    return pc;
}

/// Asks the policy about the region that was formed.
bool Worker::worthwhile(u64 head, u32 mode, u32 made_before) const {
    const auto features = optimizers::region_features(region_, *jit_.isa().layout, made_before);
    const bool yes = optimizers::worthwhile(jit_.options().region_policy, head, features);
    if (jit_.options().dump_regions)
        fmt::print(stderr, "region {:#x} mode {}: {} {}\n", head, mode, yes ? "made" : "left",
                   optimizers::to_text(features));
    return yes;
}

bool Worker::compile_region(u64 pc, u32 mode, bool loop, u32 made_before,
                            std::span<const CallTarget> targets) {
    const u64 start = jit_.clock();
    begin_reading();
    if (!form_region(pc, mode, loop, targets)) {
        error_ = "no loop";
        return false;
    }
    summarize_region(pc);
    if (!gather_bytes(guest_bytes_)) {
        error_ = "nothing to compile";
        return false;
    }
    const u64 decoded = jit_.clock();
    if (jit_.options().dump_ir) decoded_ = block_;
    const u64 disabled = jit_.options().disabled_opts >> kPassOptShift;
    for (ir::Region::Node& n : region_.nodes) ir::run_tier1_passes(n.block, *jit_.isa().layout, disabled);
    if ((disabled & ir::pass_bit(ir::defer_flags)) == 0) ir::defer_flags(region_, *jit_.isa().layout);
    if (loop && !worthwhile(pc, mode, made_before)) {
        error_ = "not worth it";
        return false;
    }
    if (jit_.options().dump_ir) summarize_region(pc);
    const u64 passed = jit_.clock();
    if (alone_ != jit_.alone() || traps_ != jit_.traps()) make_compiler();
    if (auto r = compiler_->compile_region(region_, code_); !r) {
        error_ = r.error().message;
        return false;
    }
    encode(pc);
    compile_ns_ = jit_.clock() - passed;
    decode_ns_ = decoded - start;
    passes_ns_ = passed - decoded;
    return true;
}

}  // namespace vm::jit
