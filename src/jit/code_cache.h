// The code memory, cut into segments that are filled one after the other and emptied as a whole, when and in
// which order gc::Collector says. Knows no locks and no vCPUs: the jit serializes every change; find() alone
// may be called at any time, also in signal handlers.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "gc/collector.h"
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

/// Code of one space, and what the jit knows of it. Its nodes are translations.
struct Segment : gc::Area {
    u32 begin = 0;      ///< offset in the code memory
    u32 used = 0;       ///< bytes
    u32 committed = 0;  ///< bytes that memory was asked for, at least `used`
    u32 live = 0;       ///< translations that were not dropped
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
    Segment& segment_at(u32 code_offset) { return *segments_[(code_offset - first_) / segment_bytes_]; }
    u32 segment_bytes() const { return segment_bytes_; }
    /// The segment that is filled with code of `space`, or was last; nullptr at first.
    Segment* open_segment(gc::Space space) { return open_[static_cast<unsigned>(space)]; }
    void set_open(gc::Space space, Segment& s) { open_[static_cast<unsigned>(space)] = &s; }
    /// Room for `bytes` in the open segment: its offset in the code memory, 8-byte aligned; ~0u if it does
    /// not fit.
    u32 allocate(gc::Space space, u32 bytes);
    /// No thread may be in it or hold a translation of it.
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
    std::array<Segment*, 2> open_{};  ///< by space
    u64 used_ = 0;                    ///< bytes of all segments
};

}  // namespace vm::jit
