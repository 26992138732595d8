// Bump memory for the metadata of one code segment; everything is freed together.
#pragma once

#include <algorithm>
#include <new>
#include <span>
#include <vector>

#include "base/bits.h"
#include "osal/memory.h"

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
    /// The first chunk is small, later ones grow with what was used.
    static constexpr u64 kFirstChunk = u64{32} << 10, kLargestChunk = u64{256} << 10;
    void* bytes(u64 n, u64 align) {
        u64 skip = align_up(reinterpret_cast<u64>(next_), align) - reinterpret_cast<u64>(next_);
        if (left_ < n + skip) {
            const u64 usual = std::clamp(align_down(total_ / 2, kFirstChunk), kFirstChunk, kLargestChunk);
            const u64 size = align_up(std::max(n, usual), osal::page_size());
            osal::PageBuffer chunk(size);
            if (chunk.data() == nullptr) throw std::bad_alloc();
            next_ = chunk.data();
            chunks_.push_back(std::move(chunk));
            left_ = size;
            total_ += size;
            skip = 0;
        }
        u8* p = next_ + skip;
        next_ = p + n;
        left_ -= n + skip;
        return p;
    }
    std::vector<osal::PageBuffer> chunks_;
    u8* next_ = nullptr;
    u64 left_ = 0;
    u64 total_ = 0;
};

}  // namespace vm::jit
