// Counters of the run loop, one set a vCPU; added up for --stats.
#pragma once

#include <span>
#include <string>

#include "base/bits.h"
#include "jit/stats.h"

namespace vm::engine {

/// Written by the vCPU's thread only.
struct Stats {
    u64 runs = 0;         ///< Vcpu::run() calls
    u64 enters = 0;       ///< times generated code was entered from the run loop
    u64 interpreted = 0;  ///< blocks run by the interpreter
    u64 interpreted_insns = 0;
    u64 lookups = 0;           ///< shared lookups from the run loop
    u64 indirect_lookups = 0;  ///< shared lookups from generated code (per-thread table missed)
    u64 indirect_misses = 0;   ///< of these, without a translation
    u64 faults = 0;            ///< host faults in generated code and the interpreter that were the guest's
    u64 repeated_faults = 0;   ///< host faults after which the access was repeated
    u64 safepoints = 0;        ///< runs that ended by request
    u64 mode_changes = 0;
    Stats& operator+=(const Stats& o);
};

/// A counter by the name that reports give it.
template <class S>
struct Counter {
    const char* name;
    u64 S::*member;
};
/// All of them; none ever falls.
std::span<const Counter<Stats>> run_counters();
std::span<const Counter<jit::Stats>> jit_counters();

/// One JSON object: tier, run loop counters, jit counters with the medians of translation time.
std::string to_json(const Stats& run_loop, const jit::Stats& jit, u64 live_translations, u64 code_bytes_used,
                    u64 code_bytes_limit, u64 icount);

}  // namespace vm::engine
