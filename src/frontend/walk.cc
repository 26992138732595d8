#include "frontend/walk.h"

#include <algorithm>

namespace vm::frontend {
namespace {
/// No guest page is smaller; reading ahead stays inside one so that look-ahead asks for nothing unrelated.
constexpr u64 kSmallestPage = 4096;
}  // namespace

Walk::Walk(const TranslateRequest& request, ir::Block& out, const ir::StateLayout& layout)
    : b((out.clear(), out), layout), request_(request), out_(out), pc_(request.pc) {
    out_.start_pc = pc_;
    if (request_.forward_state) b.forward_state();
}

/// Is the rest a block already? To translate it again costs more than the jump there.
bool Walk::at_known_block() const {
    return request_.known != nullptr && out_.guest_insns - request_.stop_after <= request_.stop_span &&
           request_.known(request_.fetch_ctx, pc_);
}

bool Walk::read_ahead(u64 pc, unsigned granule) {
    if (pc >= request_.code_end) return false;
    const u64 to_page_end = std::min(kSmallestPage - pc % kSmallestPage, request_.code_end - pc);
    window_pc_ = pc;
    window_size_ =
        request_.fetch(request_.fetch_ctx, pc, window_, std::min<u64>(sizeof window_, to_page_end)) &
        ~u64{granule - 1};
    return window_size_ != 0;
}

void Walk::cover(u64 pc, unsigned length) {
    if (out_.ranges.empty() || out_.ranges.back().second != pc) out_.ranges.emplace_back(pc, pc);
    out_.ranges.back().second += length;
    out_.guest_bytes += length;
    ++out_.guest_insns;
    b.insn(pc, length);
    if (request_.count_instructions) b.icount(1);
}

// Look-ahead never faults: the block ends before code that cannot be read, and only a block that would be
// empty reports the fault. Such a block covers no bytes (guest_bytes == 0) and must not be kept: the mapping
// may come later.
void Walk::stop_unfetchable(u64 fault, unsigned length) {
    if (out_.guest_insns != 0) return b.jump(pc_);
    b.insn(pc_, length);
    b.trap_if(b.constant(ir::Type::I1, 1), ir::ExitReason::FetchFault, b.c64(fault));
    if (!b.terminated()) b.exit(ir::ExitReason::FetchFault, pc_);
}

}  // namespace vm::frontend
