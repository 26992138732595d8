// Where the counters of this process lie, for `vm top` in another one: an object in an ELF section of its
// own, found by that section's address and read with process_vm_readv(2). Whoever is looked at does nothing
// for it beyond a few stores when an engine or a vCPU is made or goes. The one mutable global of the engine;
// readers are other processes only.
#pragma once

#include "base/bits.h"
#include "engine/stats.h"
#include "engine/vcpu.h"
#include "jit/hot_places.h"

namespace vm::engine {

/// Addresses are those of the process that the object lies in.
struct ExposedVcpu {
    i32 tid = 0;     ///< of the host thread that it was made on; 0: free, the rest means nothing
    u32 serial = 0;  ///< another one each time that a vCPU comes to stand here
    u64 stats = 0;   ///< engine::Stats
    u64 icount = 0;  ///< u64
    u64 hart = 0;    ///< HartCounters; 0: of no machine
};

/// Of a machine. 0: it does not count these.
struct ExposedDevice {
    char name[32] = {};  ///< filled up with zeros; empty: no device
    u64 requests = 0;    ///< u64
    u64 bytes = 0;       ///< u64
    u64 interrupts = 0;  ///< u64
};

struct ExposedEngine {
    u64 jit_stats = 0;     ///< jit::Stats; 0: there is no engine
    u64 places = 0;        ///< jit::HotPlaces; 0: tier 2 is off
    u64 code_bytes = 0;    ///< u64: bytes used of the code cache
    u64 code_limit = 0;    ///< not an address: bytes
    u64 ended_stats = 0;   ///< engine::Stats: sum of vCPUs that are gone
    u64 ended_icount = 0;  ///< u64
    char isa[16] = {};     ///< frontend::GuestIsa::name, filled up with zeros
    Tier tier = Tier::Auto;
    u8 timings = 0, exact_icount = 0;  ///< 1: on
};

struct Exposed {
    static constexpr u32 kMost = 256;
    static constexpr u64 kMagic = 0x706f742d6d760a01;
    /// Differs where one of the structures has another size: a vm-user that was not built anew with its vm.
    static constexpr u64 layout_of_this_build();

    u64 magic = kMagic;
    u64 layout = 0;
    u32 sequence = 0;  ///< odd while something changes
    i32 pid = 0;       ///< as the process itself sees it; processes that share its memory have another one
    ExposedEngine engine;
    u32 unlisted = 0;  ///< vCPUs that found no place
    u32 unused = 0;
    ExposedVcpu vcpus[kMost];
    static constexpr u32 kMostDevices = 64;
    ExposedDevice devices[kMostDevices];
};

constexpr u64 Exposed::layout_of_this_build() {
    u64 hash = 1;
    for (const u64 size :
         {sizeof(Exposed), sizeof(ExposedEngine), sizeof(ExposedVcpu), sizeof(ExposedDevice), sizeof(Stats),
          sizeof(HartCounters), sizeof(jit::Stats), sizeof(jit::HotPlaces), sizeof(jit::HotPlace)})
        hash = (hash ^ size) * 0x100000001b3;
    return hash;
}

inline constexpr const char* kExposedSection = ".vm.exposed";

/// The object of this process, for tests.
const Exposed& exposed();

/// An engine's hold on the object. The first engine of a process has it; of others it says nothing.
class Exposure {
  public:
    Exposure() = default;
    ~Exposure();
    Exposure(const Exposure&) = delete;
    Exposure& operator=(const Exposure&) = delete;
    void take(const ExposedEngine& engine);
    bool holds() const { return holds_; }

  private:
    bool holds_ = false;
};

/// Changes under the engine's lock. Between its making and its end a reader believes nothing.
class ExposedChange {
  public:
    explicit ExposedChange(const Exposure& exposure);
    ~ExposedChange();
    ExposedChange(const ExposedChange&) = delete;
    ExposedChange& operator=(const ExposedChange&) = delete;
    /// A vCPU of the calling thread.
    void add(const Stats& stats, const u64& icount, const HartCounters* hart = nullptr) const;
    void remove(const Stats& stats) const;
    /// In place of those before; as many as there is room for.
    void list(std::span<const ListedDevice> devices) const;
    /// In the child of a fork: there is only this vCPU.
    void forked(const Stats& stats, const u64& icount) const;

  private:
    bool holds_;
};

}  // namespace vm::engine
