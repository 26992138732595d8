// Bump memory for the metadata of one code segment; everything is freed together.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/bits.h"

namespace vm::jit {

class Arena {
  public:
    /// `n` default-initialized objects. Destructors are never run.
    template <class T>
    requires std::is_trivially_destructible_v<T> std::span<T> array(u64 n) {
        if (n == 0) return {};
        T* p = static_cast<T*>(bytes(n * sizeof(T), alignof(T)));
        for (u64 i = 0; i < n; i++) new (p + i) T;
        return {p, n};
    }
    template <class T>
    std::span<const T> copy(std::span<const T> from) {
        const std::span<T> to = array<T>(from.size());
        for (u64 i = 0; i < from.size(); i++) to[i] = from[i];
        return to;
    }
    void clear() {
        chunks_.clear();
        left_ = 0;
        total_ = 0;
    }
    u64 total() const { return total_; }

  private:
    static constexpr u64 kChunk = u64{32} << 10;
    void* bytes(u64 n, u64 align) {
        u64 skip = align_up(reinterpret_cast<u64>(next_), align) - reinterpret_cast<u64>(next_);
        if (left_ < n + skip) {
            const u64 size = n > kChunk ? n : kChunk;
            chunks_.push_back(std::make_unique_for_overwrite<u8[]>(size));  // aligned for everything we keep
            next_ = chunks_.back().get();
            left_ = size;
            total_ += size;
            skip = 0;
        }
        u8* p = next_ + skip;
        next_ = p + n;
        left_ -= n + skip;
        return p;
    }
    std::vector<std::unique_ptr<u8[]>> chunks_;
    u8* next_ = nullptr;
    u64 left_ = 0;
    u64 total_ = 0;
};

}  // namespace vm::jit
