#include "gc/marker.h"

namespace vm::gc {

void Marker::begin() {
    end();
    cycle_++;
    running_ = true;
}

bool Marker::step(Graph& graph, u32 budget) {
    for (u32 done = 0; !grey_.empty() && done < budget;) {
        Node* n = grey_.back();
        grey_.pop_back();
        done++;
        if (n == nullptr) continue;
        n->grey = 0;
        total_++;
        done += graph.trace(*n, *this);
    }
    return grey_.empty();
}

void Marker::end() {
    for (Node* n : grey_)
        if (n != nullptr) n->grey = 0;
    grey_.clear();
    running_ = false;
}

}  // namespace vm::gc
