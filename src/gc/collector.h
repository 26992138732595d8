// Generations of areas. An area is memory that is filled with nodes one after the other and used again as a
// whole. Nodes are made in areas of the young space; those that are used go on in the old space, as copies.
//
//  Free → Open → Full → Condemned ─────────────→ Probation ──────────────→ Sweeping ────────→ Retired → Free
//                       nodes are suspended,      who is entered is         what is left       everybody saw
//                       one slice at a time       copied to the old space   is finalized       the epoch
//
// Whether a node is used is found out by suspending it: all ways to it are cut but can be restored. If it is
// entered within its probation, its owner keeps it by a copy; the others were cold. Code pays nothing for
// being watched: it has no counters.
//
// The oldest area is condemned; what is old stays eight times as long as what is young. Before its time one
// of the old space goes in which marking found little within reach of what was entered lately, for what is
// not reached is certainly cold.
#pragma once

#include <vector>

#include "gc/marker.h"
#include "gc/policy.h"

namespace vm::gc {

enum class Space : u8 { Young, Old };

struct Area {
    enum class State : u8 { Free, Open, Full, Condemned, Probation, Sweeping, Retired };
    u32 number = 0;  ///< of all areas, from 0
    State state = State::Free;
    Space space = Space::Young;
    u32 next = 0;            ///< Condemned, Sweeping: the first node that was not dealt with
    u64 opened = 0;          ///< the larger, the later
    u64 epoch = 0;           ///< Probation and later: in nobody's hands once everyone has seen it
    u32 cycle = 0;           ///< the last cycle of marking that began after it was opened
    u64 filled = 0;          ///< bytes of its nodes
    u64 marked = 0;          ///< bytes of its nodes that were reached in that cycle so far
    u64 reached = kUnknown;  ///< `marked` when a cycle was completed
    static constexpr u64 kUnknown = ~u64{0};
};

/// Who owns areas and nodes. All functions are called under the owner's lock.
class Heap : public Graph {
  public:
    virtual u32 node_count(const Area& a) const = 0;
    virtual Node& node(const Area& a, u32 i) = 0;
    /// Cuts all ways into `n`. The owner may copy it when it is entered, until it is finalized. Not called
    /// twice.
    virtual void suspend(Node& n) = 0;
    /// Nothing may refer to `n` any more. Whoever is inside it may go on until the epoch is over.
    virtual void finalize(Node& n) = 0;
    /// Participants are to give up what they hold of suspended and finalized nodes. Returns the epoch.
    virtual u64 announce() = 0;
    /// A root besides those that were entered lately.
    virtual bool is_root(const Node&) const { return false; }
    /// A cycle of marking begins: roots that only the participants know are to be collected.
    virtual void ask_for_roots() {}
    /// Reaches about `budget` of them. True: there are no more, and none will come.
    virtual bool reach_roots(Marker&, u32) { return true; }
    /// Everything in the area may be overwritten now.
    virtual void release(Area& a) = 0;
};

struct CollectorStats {
    u64 collections = 0;  ///< areas that were condemned or emptied at once
    u64 suspended = 0;    ///< nodes
    u64 cycles = 0;       ///< of marking, completed
    u64 swept = 0;        ///< nodes that were finalized
    u64 swept_bytes = 0;  ///< of their areas
};

/// Not thread-safe but for period(): every other call under the owner's lock. No call waits.
class Collector : private Graph {
  public:
    Collector(Heap& heap, Policy policy) : heap_(heap), policy_(policy) {}
    /// All areas there are, once; they stay where they are.
    void manage(std::vector<Area*> areas);
    Policy policy() const { return policy_; }

    /// A free area for nodes of `space`, in place of `open` if that is not nullptr; nullptr: there is none.
    Area* open(Space space, Area* open);
    /// `n`, whose area and bytes are set, is new in its area.
    void add(Node& n);
    /// Areas whose epoch everybody has seen (Epochs::safe) become free.
    void reclaim(u64 safe_epoch);

    /// There is work for step().
    bool busy() const { return condemned_ != nullptr || sweeping_ != nullptr || marker_.running(); }
    /// Does some of it: about `budget` nodes of each kind.
    void step(u32 budget);
    /// For who needs a free area and found none: as step(), but begins what else it takes. False: it is a
    /// matter of epochs now.
    bool force(u32 budget);

    /// Empties an area, or all that hold nodes, without probation and at once.
    void evict(Area& a);
    void evict_all();

    Marker& marker() { return marker_; }
    /// Of Node::used. Any thread.
    u32 period() const { return period_.load(std::memory_order_relaxed); }
    const CollectorStats& stats() const { return stats_; }
    u64 marked() const { return marker_.total(); }  ///< nodes, all cycles together
    u32 count(Area::State state) const;

  private:
    u32 trace(Node& n, Marker& marker) override;
    enum class Phase : u8 { Roots, Trace, LateRoots, LateTrace };
    Area* oldest(Area::State state) const;
    Area* victim();
    void plan();
    void plan_marking();
    void condemn(Area& a);
    void suspend_some(u32 budget);
    void sweep_some(u32 budget);
    void mark_some(u32 budget);
    bool scan_roots(u32 budget);

    Heap& heap_;
    Policy policy_;
    std::vector<Area*> areas_;
    u32 reserve_ = 1;     ///< areas that shall be free or about to be
    u32 probation_ = 1;   ///< areas that shall be on probation when all others are full
    u32 mark_every_ = 1;  ///< areas opened in the old space from one cycle of marking to the next
    u64 opened_ = 0;
    Area* condemned_ = nullptr;
    Area* sweeping_ = nullptr;

    Marker marker_;
    Phase phase_ = Phase::Roots;
    u32 root_area_ = 0, root_node_ = 0;  ///< where scan_roots() goes on
    u64 old_opened_ = 0,
        old_marked_ = 0;  ///< areas opened in the old space, and how many it were at the last cycle
    std::atomic<u32> period_{1};
    CollectorStats stats_;
};

}  // namespace vm::gc
