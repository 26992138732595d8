// Counters of the jit. Written under the jit's lock, read at any time for a report (a torn report is
// acceptable).
#pragma once

#include <array>

#include "base/bits.h"

namespace vm::jit {

/// Log-linear histogram: 8 buckets an octave, values 0 .. 2^40.
class Histogram {
  public:
    void add(u64 v) {
        buckets_[bucket(v)]++;
        count_++;
        sum_ += v;
    }
    u64 count() const { return count_; }
    u64 sum() const { return sum_; }
    /// Lower bound of the bucket that holds the q-quantile (0 < q <= 1); 0 when empty.
    u64 quantile(double q) const {
        u64 seen = 0;
        for (unsigned i = 0; i < buckets_.size(); i++) {
            seen += buckets_[i];
            if (seen != 0 && static_cast<double>(seen) >= q * static_cast<double>(count_)) return lower(i);
        }
        return 0;
    }
    Histogram& operator+=(const Histogram& o) {
        for (unsigned i = 0; i < buckets_.size(); i++) buckets_[i] += o.buckets_[i];
        count_ += o.count_;
        sum_ += o.sum_;
        return *this;
    }
    /// f(n, count) for each n with values of 2^(n - 1) up to 2^n; n = 0: zeros.
    template <class F>
    void each_octave(F f) const {
        for (unsigned i = 0; i < buckets_.size();) {
            const auto n = static_cast<unsigned>(std::bit_width(lower(i)));
            u64 count = 0;
            for (; i < buckets_.size() && static_cast<unsigned>(std::bit_width(lower(i))) == n; i++)
                count += buckets_[i];
            if (count != 0) f(n, count);
        }
    }

  private:
    static unsigned bucket(u64 v) {
        if (v < 8) return static_cast<unsigned>(v);
        const unsigned octave = static_cast<unsigned>(std::bit_width(v)) - 1;  // >= 3
        const unsigned i = (octave - 2) * 8 + static_cast<unsigned>(v >> (octave - 3) & 7);
        return i < kBuckets ? i : kBuckets - 1;
    }
    static u64 lower(unsigned i) {
        if (i < 16) return i;
        return u64{8 + i % 8} << (i / 8 - 1);
    }
    static constexpr unsigned kBuckets = 38 * 8;
    std::array<u32, kBuckets> buckets_{};
    u64 count_ = 0, sum_ = 0;
};

/// What became of images that were to be written: `failed` ones are not on disk.
struct Saved {
    u64 written = 0, failed = 0;
};

struct Stats {
    u64 translations = 0;  ///< installed
    u64 guest_insns = 0;   ///< in them
    u64 guest_bytes = 0;
    u64 host_bytes = 0;  ///< code only
    u64 side_bytes = 0;  ///< encoded side tables
    u64 links = 0;       ///< direct exits patched to their target
    u64 unlinks = 0;
    u64 invalidated = 0;  ///< translations dropped because their bytes changed
    u64 syncs = 0;        ///< CodeSync requests
    u64 evicted_segments = 0;
    u64 evicted = 0;      ///< translations that were lost with them
    u64 collections = 0;  ///< segments that were put on probation, or emptied at once
    u64 suspended = 0;    ///< translations put on probation
    u64 promoted = 0;     ///< of these, entered again and copied to the old space
    u64 promoted_bytes = 0;
    u64 swept = 0;  ///< translations, dropped ones too, whose memory was given back
    u64 swept_bytes = 0;
    u64 mark_cycles = 0, marked = 0;  ///< translations that were found reachable, all cycles together
    Histogram promote_ns;
    Histogram pause_ns;  ///< what the collector made vCPUs wait: slices, handing over roots, full memory
    u64 refused = 0;     ///< blocks that the compiler could not lower (interpreted instead)
    u64 images_loaded = 0, images_rejected = 0, images_saved = 0, images_dropped = 0;
    u64 profiles_loaded = 0, profiles_saved = 0;
    u64 image_blocks = 0;  ///< translations in the images that were loaded
    u64 adopted = 0;  ///< of them, looked up one by one (the others are reached by jumps inside the image)
    u64 load_ns = 0, save_ns = 0;
    u64 retried = 0;         ///< translations thrown away because their bytes changed meanwhile
    Histogram block_ns;      ///< decode + passes + compile + install, a block
    Histogram insn_ps;       ///< the same in picoseconds a guest instruction
    u64 regions = 0;         ///< translations that are regions
    u64 inlined_calls = 0;   ///< in regions
    Histogram region_ns;     ///< as block_ns
    Histogram lock_wait_ns;  ///< how long vCPUs waited for the jit's lock, each time that they took it
    u64 decode_ns = 0, passes_ns = 0, compile_ns = 0, install_ns = 0;
};

}  // namespace vm::jit
