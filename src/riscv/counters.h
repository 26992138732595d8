// Counters while the privilege changes. Inside this module only.
#pragma once

#include "riscv/hart.h"

namespace vm::riscv {

/// Does mhpmevent offer this?
bool countable(u64 event);

class Hart::Counting {
  public:
    explicit Counting(Hart& hart) : hart_(hart) {
        if (hart_.filtered_ != 0) [[unlikely]]
            hart_.settle(hart_.filtered_);
    }
    ~Counting() {
        if (hart_.filtered_ != 0) [[unlikely]]
            for (unsigned n = 0; n < kHpmCounters; ++n)
                if (bit(hart_.filtered_, n)) hart_.tally_at_[n] = hart_.tally(hart_.state_->mhpmevent[n]);
    }
    Counting(const Counting&) = delete;
    Counting& operator=(const Counting&) = delete;

  private:
    Hart& hart_;
};

}  // namespace vm::riscv
