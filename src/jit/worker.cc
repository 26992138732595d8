#include "jit/worker.h"

#include <algorithm>
#include <cstring>

#include "backend/options.h"
#include "ir/passes/passes.h"
#include "jit/side_table.h"

namespace vm::jit {
namespace {

constexpr unsigned kMaxInsns = 192;
/// A block that comes upon the beginning of another ends there if it is short: that saves a tenth of all
/// translated instructions when programs start. Long ones go on: they are the bodies of hot loops, which cuts
/// would slow down.
constexpr unsigned kStopAfter = 4, kStopSpan = 20;
/// Instructions of a block that is folded though it is no loop.
constexpr unsigned kFoldFrom = 96;

bool is_loop(const ir::Block& block, u64 pc) {
    return std::ranges::any_of(block.insts, [pc](const ir::Inst& in) {
        return (in.op == ir::Op::ExitIf || in.op == ir::Op::Goto) && in.imm == pc;
    });
}

}  // namespace

Worker::Worker(Jit& jit) : jit_(jit) {
    make_compiler();
    forward_state_ = (jit.options().disabled_opts >> kPassOptShift & ir::pass_bit(ir::forward_state)) == 0;
}

void Worker::make_compiler() {
    backend::CompileOptions options;
    options.disabled_opts = zext(jit_.options().disabled_opts, kPassOptShift);
    alone_ = options.alone = jit_.alone();
    options.system = jit_.options().system;
    traps_ = options.trap_nan = jit_.traps();
    if (options.system) options.disabled_opts |= backend::opt_bit(backend::JitOpt::LazyNan);
    compiler_ = jit_.host().make_compiler(options);
}
Worker::~Worker() = default;

bool Worker::known(void* self, u64 pc) {
    const Worker& w = *static_cast<Worker*>(self);
    const Translation* t = w.jit_.lookup(pc, w.mode_);
    if (t == nullptr) return false;
    // A loop that was entered in the middle first is not cut there: what is known is its other end.
    return std::ranges::none_of(t->links, [&](const Link& l) { return l.target_pc == w.begin_; });
}

void Worker::note_pages(u64 begin, u64 end) {
    for (u64 page = begin / kPage; page <= (end - 1) / kPage; page++) {
        if (std::ranges::any_of(pages_, [&](const NotedPage& n) { return n.page == page; })) continue;
        // Order matters: a change after this load is seen when the translation is published.
        pages_.push_back({page, jit_.page_gen(page).load(std::memory_order_acquire)});
        jit_.source_.note_code(page * kPage, (page + 1) * kPage);
    }
}

u64 Worker::fetch(void* self, u64 pc, void* out, u64 size) {
    Worker& w = *static_cast<Worker*>(self);
    if (size == 0) return 0;
    if (w.noting_) w.note_pages(pc, pc + size);
    const u64 n = w.jit_.source_.fetch(pc, out, size);
    if (n != 0) {
        w.chunks_.push_back({pc, static_cast<u32>(n), static_cast<u32>(w.bytes_.size())});
        const u8* p = static_cast<const u8*>(out);
        w.bytes_.insert(w.bytes_.end(), p, p + n);
    }
    return n;
}

bool Worker::guarded(void* self, u64 pc) { return static_cast<Worker*>(self)->jit_.source_.guarded(pc); }

frontend::TranslateRequest Worker::request() {
    frontend::TranslateRequest r;
    r.features = jit_.options().features;
    r.fetch = &Worker::fetch;
    r.fetch_ctx = this;
    r.guarded = &Worker::guarded;
    r.shared_memory = !jit_.alone();
    return r;
}

void Worker::begin_reading() {
    pages_.clear();
    chunks_.clear();
    bytes_.clear();
    sync_generation_ = jit_.sync_generation_.load(std::memory_order_acquire);
}

bool Worker::arrive(u64* pc) {
    begin_reading();
    return jit_.isa().arrive(request(), pc);
}

frontend::TranslateRequest Worker::block_request(u64 pc, u32 mode) {
    frontend::TranslateRequest request = this->request();
    request.pc = pc;
    request.mode = mode & ~kModeUngrouped;
    request.max_insns = kMaxInsns;
    request.count_instructions = jit_.options().count_instructions || (mode & frontend::kModeCounts);
    request.if_convert = !(jit_.options().disabled_opts & backend::opt_bit(backend::JitOpt::IfConvert));
    request.forward_state = forward_state_;
    if (jit_.options().system) {
        request.system = true;
        request.code_end = (pc | (kPage - 1)) + 1;
    }
    return request;
}

const ir::Block& Worker::decode_bytes(u64 pc, u32 mode, std::span<const u8> bytes) {
    begin_reading();
    frontend::TranslateRequest request = block_request(pc, mode);
    request.max_insns = 1;
    request.code_end = pc + bytes.size();
    struct Source {
        u64 pc;
        std::span<const u8> bytes;
    } source{pc, bytes};
    request.fetch_ctx = &source;
    request.fetch = [](void* ctx, u64 at, void* out, u64 size) -> u64 {
        const auto& s = *static_cast<const Source*>(ctx);
        if (at - s.pc >= s.bytes.size()) return 0;
        const auto from = s.bytes.subspan(at - s.pc);
        const u64 n = std::min<u64>(size, from.size());
        std::memcpy(out, from.data(), n);
        return n;
    };
    request.guarded = nullptr;
    jit_.isa().translate(request, block_);
    return block_;
}

/// A debugger's breakpoint is not to be inside the block.
void Worker::limit(frontend::TranslateRequest& request) const {
    constexpr u64 kLongestInsn = 4;
    const u64 end = jit_.source_.limit_behind(request.pc);
    if (end >= request.code_end || request.max_insns == 1) return;
    if (end - request.pc < kLongestInsn) {
        request.max_insns = 1;
    } else {
        request.code_end = end;
        request.if_convert = false;
    }
}

const ir::Block& Worker::decode(u64 pc, u32 mode, unsigned max_insns, Use use) {
    begin_reading();
    noting_ = use != Use::Once;
    frontend::TranslateRequest request = block_request(pc, mode);
    request.max_insns = max_insns;
    limit(request);
    request.forward_state = forward_state_ && use != Use::Cached;
    if (use == Use::Compiled) {
        request.known = &Worker::known;
        request.stop_after = kStopAfter;
        request.stop_span = kStopSpan;
        mode_ = mode;
        begin_ = pc;
    }
    jit_.isa().translate(request, block_);
    noting_ = true;
    return block_;
}

bool Worker::gather_bytes(std::vector<u8>& out) const {
    out.clear();
    for (const auto& [begin, end] : block_.ranges) {
        for (u64 at = begin; at < end;) {
            const auto c = std::ranges::find_if(chunks_, [&](const Chunk& k) { return at - k.pc < k.size; });
            if (c == chunks_.end()) return false;
            const u64 n = std::min(end - at, c->pc + c->size - at);
            const auto from = bytes_.begin() + static_cast<i64>(c->at + (at - c->pc));
            out.insert(out.end(), from, from + static_cast<i64>(n));
            at += n;
        }
    }
    return true;
}

bool Worker::compile(u64 pc, u32 mode) {
    const u64 start = jit_.clock();
    decode(pc, mode, kMaxInsns, Use::Compiled);
    if (block_.guest_insns == 0 || block_.ranges.empty() || !gather_bytes(guest_bytes_)) {
        error_ = "nothing to compile";
        return false;
    }
    const u64 decoded = jit_.clock();
    if (jit_.options().dump_ir) decoded_ = block_;
    u64 disabled = jit_.options().disabled_opts >> kPassOptShift;
    // Most blocks run seldom, and what the builder left to fold is worth its time in loops only (those of
    // several blocks become regions) and where much of it stands together.
    if (block_.guest_insns < kFoldFrom && !is_loop(block_, pc)) disabled |= ir::pass_bit(ir::fold);
    const bool ungrouped = mode & kModeUngrouped;
    if (ungrouped) block_.may_loop = false;  // its next turn belongs to the block with groups
    ir::run_tier1_passes(block_, *jit_.isa().layout, disabled);
    if (ungrouped) block_.may_loop = false;
    const bool groups = !(jit_.options().disabled_opts & backend::opt_bit(backend::JitOpt::GroupAccesses));
    // What leaves a group's block is executed again, and would be counted again.
    const bool counts = mode & frontend::kModeCounts;
    if (jit_.options().system && groups && !ungrouped && !counts)
        ir::group_accesses(block_, *jit_.isa().layout);
    const u64 passed = jit_.clock();
    if (alone_ != jit_.alone() || traps_ != jit_.traps()) make_compiler();
    if (auto r = compiler_->compile(block_, code_); !r) {
        error_ = r.error().message;
        return false;
    }
    encode(pc);
    compile_ns_ = jit_.clock() - passed;
    decode_ns_ = decoded - start;
    passes_ns_ = passed - decoded;
    return true;
}

void Worker::encode(u64 pc) {
    side_.clear();
    encode_side_table(code_.side, pc, side_);
}

}  // namespace vm::jit
