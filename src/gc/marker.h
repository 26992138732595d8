// Tri-colour marking of a graph that is changed meanwhile. Who marks does a slice at a time under the lock
// that also serializes changes of edges; whoever only follows edges needs no lock and is never held up.
//
// White: not reached in this cycle. Grey: reached, its edges are still to be followed. Black: followed.
// No black node refers to a white one: a new edge makes its target grey (Dijkstra's barrier), a new node is
// black. What was reachable at the end of a cycle is therefore marked; what became unreachable during one may
// be marked too, and is not in the next.
#pragma once

#include <atomic>
#include <vector>

#include "base/bits.h"

namespace vm::gc {

/// Header of everything that is collected.
struct Node {
    u32 area = 0;              ///< Area::number
    u32 bytes = 0;             ///< of its area
    u32 mark = 0;              ///< the last cycle in which it was reached
    u32 grey = 0;              ///< place in the marker's list of grey nodes, plus one; 0: not in it
    std::atomic<u32> used{0};  ///< Collector::period() when it was last entered from outside the graph
};

class Marker;

class Graph {
  public:
    virtual ~Graph() = default;
    /// `n` becomes black, once a cycle: calls marker.reach() for every node that it refers to, and returns
    /// how many that are.
    virtual u32 trace(Node& n, Marker& marker) = 0;
};

/// Not thread-safe: every call under the owner's lock.
class Marker {
  public:
    /// A new cycle: everything is white.
    void begin();
    bool running() const { return running_; }
    /// A root, or the target of an edge that is new. Nothing happens outside a cycle.
    void reach(Node& n) {
        if (!running_ || n.mark == cycle_) return;
        n.mark = cycle_;
        grey_.push_back(&n);
        n.grey = static_cast<u32>(grey_.size());
    }
    /// A node that is new and has no edges yet.
    void born(Node& n) const {
        if (running_) n.mark = cycle_;
    }
    /// `n` goes away.
    void forget(Node& n) {
        if (n.grey != 0) grey_[n.grey - 1] = nullptr;
        n.grey = 0;
    }
    /// Follows edges of grey nodes, about `budget` of them. True: none is grey any more.
    bool step(Graph& graph, u32 budget);
    void end();
    /// Of the cycle that runs or has ended last.
    bool marked(const Node& n) const { return n.mark == cycle_; }
    u32 cycle() const { return cycle_; }
    u64 total() const { return total_; }  ///< nodes that became black by step(), all cycles together

  private:
    std::vector<Node*> grey_;  ///< nullptr: forgotten
    u32 cycle_ = 0;
    bool running_ = false;
    u64 total_ = 0;
};

}  // namespace vm::gc
