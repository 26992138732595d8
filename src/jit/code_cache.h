// The code memory, cut into segments that are filled one after the other and emptied as a whole. Knows no
// locks and no vCPUs: the jit serializes every change; find() alone may be called at any time, also in signal
// handlers.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "jit/arena.h"
#include "jit/translation.h"
#include "osal/memory.h"

namespace vm::jit {

/// Translations of one segment by ascending code offset. Append-only until the segment is emptied.
class TranslationIndex {
  public:
    void append(Translation* t);
    /// Last translation that starts at or before `offset`, or nullptr. Lock-free, async-signal-safe.
    Translation* find(u32 offset) const;
    u32 size() const { return count_.load(std::memory_order_acquire); }
    Translation* operator[](u32 i) const { return at(i).translation; }
    void clear() { count_.store(0, std::memory_order_release); }

  private:
    static constexpr u32 kChunk = 1024, kChunks = 128;  // 128 Ki blocks of at least 16 bytes = 2 MiB
    struct Entry {
        u32 offset;
        Translation* translation;
    };
    const Entry& at(u32 i) const { return chunks_[i / kChunk][i % kChunk]; }
    std::array<std::unique_ptr<Entry[]>, kChunks> chunks_;
    std::atomic<u32> count_{0};
};

struct Segment {
    enum class State : u8 { Free, Open, Full, Retired };
    u32 begin = 0;      ///< offset in the code memory
    u32 used = 0;       ///< bytes
    u32 committed = 0;  ///< bytes that memory was asked for, at least `used`
    State state = State::Free;
    u32 live = 0;           ///< translations that were not dropped
    u64 generation = 0;     ///< when it was opened; the smallest is evicted first
    u64 retired_epoch = 0;  ///< Retired: free once every vCPU has seen this epoch
    Arena arena;
    TranslationIndex index;
};

class CodeCache {
  public:
    /// `limit` bytes in all, `stubs` of them for the runtime stubs at offset 0.
    /// `annex`: see osal::CodeMemory.
    Result<void> create(u64 limit, u64 stub_bytes, u64 annex = 0);
    osal::CodeMemory& memory() { return memory_; }
    const osal::CodeMemory& memory() const { return memory_; }

    std::vector<std::unique_ptr<Segment>>& segments() { return segments_; }
    Segment& open_segment() { return *segments_[open_]; }
    Segment& segment_of(const Translation& t) {
        return *segments_[(t.code_offset - first_) / segment_bytes_];
    }
    u32 segment_bytes() const { return segment_bytes_; }
    /// Room for `bytes` in the open segment: its offset in the code memory, 8-byte aligned; ~0u if it does
    /// not fit.
    u32 allocate(u32 bytes);
    /// Closes the open segment and opens a free one. False if there is none.
    bool open_next();
    unsigned free_segments() const;
    /// The oldest full segment, or nullptr.
    Segment* oldest();
    /// Retired → Free. No thread may be in it or hold a translation of it.
    void empty(Segment& s);

    /// The translation whose code contains `host_pc` (executable address), or nullptr.
    Translation* find(u64 host_pc) const;
    bool contains(u64 host_pc) const { return memory_.contains(host_pc); }
    const u64& used_bytes() const { return used_; }

  private:
    void commit(Segment& s);
    osal::CodeMemory memory_;
    std::vector<std::unique_ptr<Segment>> segments_;
    u32 segment_bytes_ = 0, first_ = 0;
    unsigned open_ = 0;
    u64 generation_ = 0;
    u64 used_ = 0;  ///< bytes of all segments
};

}  // namespace vm::jit
