// The walk over guest code that every front end with a Translator does: reading ahead, what the block covers,
// where it ends.
#pragma once

#include "frontend/guest_isa.h"
#include "ir/builder.h"

namespace vm::frontend {

/// Base of a Translator. Its run() asks full(), fetches, calls cover() and translates until the block has
/// ended.
class Walk {
  protected:
    /// Clears `out`, which becomes a block that begins at request.pc.
    Walk(const TranslateRequest& request, ir::Block& out, const ir::StateLayout& layout);

    /// Must the block end before the next instruction? It has as many as were asked for, or another begins
    /// there.
    bool full() const {
        return out_.guest_insns == (request_.max_insns ? request_.max_insns : 1) || at_known_block() ||
               pc_ >= request_.code_end;
    }
    /// Does the block's code go on at `target`, or may it?
    bool may_follow(u64 target) const {
        return request_.follow_jumps && target > b.pc() && target < request_.code_end;
    }
    /// Copies the T at guest address `pc`, whose size divides it. False: it cannot be fetched.
    template <class T>
    bool fetch(u64 pc, T* out) {
        if (pc - window_pc_ >= window_size_ && !read_ahead(pc, sizeof(T))) return false;
        *out = load_raw<T>(window_ + (pc - window_pc_));
        return true;
    }
    /// The block now has the instruction at [pc, pc + length), and begins it.
    void cover(u64 pc, unsigned length);
    /// Ends the block where code at pc_ cannot be fetched; `fault` is the address, `length` an instruction's
    /// least size.
    void stop_unfetchable(u64 fault, unsigned length);

    ir::Builder b;
    const TranslateRequest& request_;
    ir::Block& out_;
    u64 pc_;  ///< of the next instruction to translate

  private:
    bool at_known_block() const;
    bool read_ahead(u64 pc, unsigned granule);

    u64 window_pc_ = 0;  ///< guest code bytes read ahead
    u64 window_size_ = 0;
    u8 window_[64];
};

}  // namespace vm::frontend
