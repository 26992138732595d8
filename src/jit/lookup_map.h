// (guest PC, mode) → translation: 64 open-addressing tables. Readers take no lock and never wait; writers are
// serialized by the caller (the jit's lock). A table that was outgrown is handed to the caller, who frees it
// when every reader has passed a safepoint.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "jit/translation.h"

namespace vm::jit {

class LookupMap {
  public:
    LookupMap();
    ~LookupMap();
    LookupMap(const LookupMap&) = delete;
    LookupMap& operator=(const LookupMap&) = delete;

    struct Slot;
    struct Table;
    struct TableDeleter {
        void operator()(Table* t) const;
    };
    using TablePtr = std::unique_ptr<Table, TableDeleter>;

    /// Lock-free, async-signal-safe.
    Translation* find(u64 pc, u32 mode) const;
    void insert(Translation* t, std::vector<TablePtr>& outgrown);
    void erase(const Translation* t);
    void clear();
    u64 size() const { return size_; }

  private:
    static constexpr unsigned kShards = 64;
    static TablePtr make_table(u32 capacity);
    std::array<std::atomic<Table*>, kShards> shards_{};
    u64 size_ = 0;
};

}  // namespace vm::jit
