// The walk over guest code: fetch, decode, dispatch, and where a block ends.
#include "frontend/riscv64/translator.h"

#include <algorithm>

namespace vm::frontend::riscv64 {
namespace {
/// No guest page is smaller; reading ahead stays inside one so that look-ahead asks for nothing unrelated.
constexpr u64 kSmallestPage = 4096;
}  // namespace

void Translator::run() {
    out_.clear();
    out_.start_pc = pc_;
    if (request_.forward_state) b.forward_state();
    while (!b.terminated()) {
        u32 bits = 0;
        u64 fault = 0;
        if (out_.guest_insns == std::max(request_.max_insns, 1u) || at_known_block()) {
            b.jump(pc_);
        } else if (const unsigned length = fetch(&bits, &fault)) {
            translate_one(bits, length);
        } else {
            stop_unfetchable(fault);
        }
    }
}

/// Is the rest a block already? To translate it again costs more than the jump there.
bool Translator::at_known_block() const {
    return request_.known != nullptr && out_.guest_insns - request_.stop_after <= request_.stop_span &&
           request_.known(request_.fetch_ctx, pc_);
}

void Translator::translate_one(u32 bits, unsigned length) {
    const u64 pc = pc_;
    cover(pc, length);
    b.insn(pc, length);
    if (request_.count_instructions) b.icount(1);
    pc_ = pc + length;
    const Decoded d = decode(bits, request_.features);
    if (d.id == Insn::Invalid || !dispatch(*this, d)) b.exit(ir::ExitReason::Illegal, pc);
}

// Look-ahead never faults: the block ends before code that cannot be read, and only a block that would be
// empty reports the fault. Such a block covers no bytes (guest_bytes == 0) and must not be kept: the mapping
// may come later.
void Translator::stop_unfetchable(u64 fault) {
    if (out_.guest_insns != 0) return b.jump(pc_);
    b.insn(pc_, 2);
    b.trap_if(b.constant(Type::I1, 1), ir::ExitReason::FetchFault, b.c64(fault));
    if (!b.terminated()) b.exit(ir::ExitReason::FetchFault, pc_);
}

void Translator::cover(u64 pc, unsigned length) {
    if (out_.ranges.empty() || out_.ranges.back().second != pc) out_.ranges.emplace_back(pc, pc);
    out_.ranges.back().second += length;
    out_.guest_bytes += length;
    ++out_.guest_insns;
}

unsigned Translator::fetch(u32* bits, u64* fault) {
    u16 low = 0, high = 0;
    *fault = pc_;
    if (!fetch_half(pc_, &low)) return 0;
    *bits = low;
    if ((low & 3) != 3) return 2;
    // The second half may lie on a page of its own.
    *fault = pc_ + 2;
    if (!fetch_half(pc_ + 2, &high)) return 0;
    *bits |= u32{high} << 16;
    return 4;
}

bool Translator::fetch_half(u64 pc, u16* out) {
    if (pc - window_pc_ >= window_size_) {
        const u64 to_page_end = kSmallestPage - pc % kSmallestPage;
        window_pc_ = pc;
        window_size_ =
            request_.fetch(request_.fetch_ctx, pc, window_, std::min<u64>(sizeof window_, to_page_end)) &
            ~u64{1};
        if (window_size_ == 0) return false;
    }
    *out = load_raw<u16>(window_ + (pc - window_pc_));
    return true;
}

bool Translator::set_x(unsigned r, Value v) {
    if (r == 0) return true;
    if (r == known_reg_) known_reg_ = 0;
    if (skip_ != ir::kNone) v = b.select(skip_, x(r), v);
    b.set(x_slot(r), v);
    return true;
}

Value Translator::f(Type t, unsigned r) {
    const Value raw = b.get(f_slot(r));
    return t == Type::F64 ? raw : b.convert(Op::NanUnbox, t, raw);
}

bool Translator::set_f(Type t, unsigned r, Value v) {
    b.set(f_slot(r), t == Type::F64 ? v : b.convert(Op::NanBox, Type::F64, v));
    return true;
}

bool Translator::set_f_bits(unsigned r, Value v) {
    b.set(f_slot(r), b.bitcast(Type::F64, v));
    return true;
}

}  // namespace vm::frontend::riscv64
