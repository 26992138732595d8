// One look at a running vm: its counters, read out of its memory, and what /proc says of it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/exposed.h"
#include "osal/other_process.h"

namespace vm::cli {

struct TopVcpu {
    int tid = 0;       ///< as the host calls it here
    u64 identity = 0;  ///< the same in two samples: it is the same vCPU
    engine::Stats stats;
    std::optional<u64> user_ticks;
    std::optional<engine::HartCounters> hart;  ///< of a machine
};

/// Of a machine. What it does not count is not there.
struct TopDevice {
    std::string name;
    std::optional<u64> requests, bytes, interrupts;
};

struct TopSample {
    int pid = 0;
    u64 at_ns = 0;  ///< CLOCK_MONOTONIC
    double age_s = 0;
    std::string command;  ///< words, each with a zero behind it
    std::string isa;
    engine::Tier tier = engine::Tier::Auto;
    bool timings = false, exact_icount = false;
    std::vector<TopVcpu> vcpus;
    u32 unlisted = 0;  ///< more vCPUs, of which nothing is known
    std::vector<TopDevice> devices;
    engine::Stats run;  ///< sum of all that are or were
    u64 icount = 0;
    jit::Stats jit;
    u64 code_bytes = 0, code_limit = 0;
    bool tier2 = false;     ///< hot loops are compiled in the background
    jit::HotPlaces places;  ///< the heaviest first; `tid` as the host calls it here
    std::vector<std::optional<osal::FilePlace>> files;  ///< one each of them
    std::optional<u64> tier2_ticks;
};

class TopTarget {
  public:
    /// Finds the counters of process `pid`. Fails with the sentence for the user if it runs no guest in a vm
    /// of this build, or may not be read.
    static Result<TopTarget> attach(int pid);
    /// Nothing: the process has ended.
    Result<std::optional<TopSample>> sample();
    const osal::OtherProcess& process() const { return process_; }

  private:
    explicit TopTarget(osal::OtherProcess process) : process_(std::move(process)) {}
    Result<void> locate();
    Result<TopSample> look(bool* steady) const;
    Result<void> read_vcpus(const engine::Exposed& exposed, TopSample& s) const;
    Result<void> read_devices(const engine::Exposed& exposed, TopSample& s) const;
    Result<void> read_places(const engine::Exposed& exposed, TopSample& s) const;
    template <class S>
    Result<void> read_counters(u64 address, std::span<const engine::Counter<S>> counters, S& out) const;
    template <class T>
    Result<void> read(u64 address, T& out) const;

    osal::OtherProcess process_;
    u64 exposed_ = 0;  ///< address of its engine::Exposed
};

/// Is `program`, which process `pid` runs as `name`, one of the builds `ours`? Fails with the reason why not.
Result<void> check_program(int pid, const std::string& name, const osal::ProgramFile& program,
                           const std::vector<std::string>& ours);

}  // namespace vm::cli
