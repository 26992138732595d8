// Decoded blocks of one vCPU for the interpreter tier, by (pc, mode). Bounded: when full it starts anew.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "ir/ir.h"

namespace vm::engine {

class BlockCache {
  public:
    /// The cached block or nullptr.
    const ir::Block* find(u64 pc, u32 mode) {
        if (front_.empty()) return nullptr;
        Front& f = front_[index(pc)];
        if (f.block != nullptr && f.pc == pc && f.mode == mode) return f.block;
        const auto it = blocks_.find(key(pc, mode));
        if (it == blocks_.end() || it->second.pc != pc || it->second.mode != mode) return nullptr;
        f = {pc, mode, it->second.block.get()};
        return f.block;
    }
    const ir::Block* insert(u64 pc, u32 mode, const ir::Block& block) {
        if (blocks_.size() >= kLimit || front_.empty()) clear();
        Entry& e = blocks_[key(pc, mode)];
        if (e.block) clear_front();
        e = {pc, mode, std::make_unique<ir::Block>(block)};
        front_[index(pc)] = {pc, mode, e.block.get()};
        return e.block.get();
    }
    void clear() {
        blocks_.clear();
        clear_front();
    }
    bool empty() const { return blocks_.empty(); }

  private:
    static constexpr u64 kFront = 4096, kLimit = 16384;
    struct Front {
        u64 pc = 0;
        u32 mode = 0;
        const ir::Block* block = nullptr;
    };
    struct Entry {
        u64 pc = 0;
        u32 mode = 0;
        std::unique_ptr<ir::Block> block;
    };
    static u64 index(u64 pc) { return pc / 2 % kFront; }
    static u64 key(u64 pc, u32 mode) {
        return pc ^ u64 { mode } << 56;
    }
    void clear_front() { front_.assign(kFront, {}); }
    std::unordered_map<u64, Entry> blocks_;
    std::vector<Front> front_;  ///< made by the first insert: only the interpreter tier needs it
};

}  // namespace vm::engine
