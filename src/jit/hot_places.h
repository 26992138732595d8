// The places that tier 2's thread has met most often, and what the thread does, as plain data: `vm top`
// copies them out of another process's memory. Written under Background's lock.
#pragma once

#include "base/bits.h"

namespace vm::jit {

struct HotPlace {
    u64 pc = 0;
    u64 samples = 0;  ///< since it was first met
    u32 mode = 0;
    u32 weight = 0;  ///< samples × kSampleWeight, losing an eighth at every decay
    u32 region = 0;  ///< 1: its loop was a region when it was last met
    u32 unused = 0;
};

enum class BackgroundState : u32 { None, Asleep, Watching, Compiling };

/// A copy is whole if `sequence` is even and a second copy is equal.
struct HotPlaces {
    static constexpr u32 kMost = 16;
    u32 sequence = 0;  ///< odd while the rest changes
    BackgroundState state = BackgroundState::None;
    i32 tid = 0;      ///< of the thread, 0 if there is none
    u32 pending = 0;  ///< places that wait to be compiled
    u64 samples = 0;  ///< of all places
    u64 weight = 0;   ///< of all places
    u32 count = 0;
    u32 unused = 0;
    HotPlace places[kMost];  ///< the first `count`, in no order
};

inline constexpr u32 kSampleWeight = 256;

/// A change of `places`; one at a time.
class HotPlacesEdit {
  public:
    explicit HotPlacesEdit(HotPlaces& places);
    ~HotPlacesEdit();
    HotPlacesEdit(const HotPlacesEdit&) = delete;
    HotPlacesEdit& operator=(const HotPlacesEdit&) = delete;
    /// A sample of (pc, mode). `known`: what was known of the place before, for one that is not among them;
    /// it takes the place of the one that weighs least if it weighs more.
    void sample(const HotPlace& known);
    void decay();
    /// The loop of (pc, mode) is a region now.
    void compiled(u64 pc, u32 mode);
    void thread(BackgroundState state, i32 tid, u64 pending);
    /// Of a process that begins anew.
    void clear();

  private:
    HotPlace* find(u64 pc, u32 mode);
    HotPlaces& p_;
};

}  // namespace vm::jit
