// Counters of the run loop, one set a vCPU; added up for --stats.
#pragma once

#include <atomic>
#include <optional>
#include <span>
#include <string>

#include "base/bits.h"
#include "base/metrics.h"
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
    u64 tlb_misses = 0;       ///< of a machine: pages that were looked up in page tables
    u64 device_accesses = 0;  ///< of a machine: accesses that were no RAM's
    Stats& operator+=(const Stats& o);
};

/// What a hart of a machine does. Written by its thread only; `vm top` reads it, too.
struct HartCounters {
    u64 id = 0;
    u64 started = 0;        ///< 1: it is
    u64 waiting_since = 0;  ///< monotonic ns, 0: it does not wait for an interrupt
    u64 waits = 0, wait_ns = 0;
    u64 traps = 0, interrupts = 0;  ///< taken; interrupts are no traps here
    u64 exits = 0;                  ///< from the run loop: what needs the board
    u64 privileged = 0;  ///< instructions of the privileged architecture that translations leave to it
    u64 sbi_calls = 0;
};

/// A device of a machine, for `vm top`: its name and where it counts; nullptr: it does not.
struct ListedDevice {
    std::string name;
    const std::atomic<u64>* requests = nullptr;
    const std::atomic<u64>* bytes = nullptr;
    const std::atomic<u64>* interrupts = nullptr;
};

/// A counter by the name that reports give it.
template <class S>
struct Counter {
    const char* name;
    u64 S::*member;
    const char* metric;  ///< Metric::name
    const char* help;
    double scale = 1;
    enum class When : u8 {
        Always,
        Timed,
        Machine
    } when = When::Always;  ///< it means something: with
                            ///< EngineOptions::timings, system
};
/// All of them; none ever falls.
std::span<const Counter<Stats>> run_counters();
std::span<const Counter<jit::Stats>> jit_counters();

/// All that an engine counts, also one of another process.
struct Figures {
    Stats run;  ///< sum of all vCPUs
    jit::Stats jit;
    std::optional<u64> live_translations;
    u64 code_bytes = 0, code_limit = 0, icount = 0;
    bool timings = false, exact_icount = false, system = false;
};
/// What is not counted with the engine's options is in JSON only, as 0.
void collect(const Figures& figures, MetricSink& sink);
/// Those of a hart, by its number.
void collect(const HartCounters& hart, u64 now_ns, MetricSink& sink);

}  // namespace vm::engine
