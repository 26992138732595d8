// A vector of plain data whose push_back() is always inlined: growing is out of line, new elements of
// resize() are zero bytes, and nothing is constructed or destroyed. For lists that are filled a million times
// a second; elsewhere std::vector is as good.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include "base/bits.h"

namespace vm {

template <class T>
class PodVector {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

  public:
    using value_type = T;
    using iterator = T*;
    using const_iterator = const T*;

    PodVector() = default;
    PodVector(std::initializer_list<T> list) { assign(list.begin(), list.end()); }
    PodVector(const PodVector& other) { assign(other.begin(), other.end()); }
    PodVector(PodVector&& other) noexcept { swap(other); }
    PodVector& operator=(const PodVector& other) {
        if (this != &other) assign(other.begin(), other.end());
        return *this;
    }
    PodVector& operator=(PodVector&& other) noexcept {
        swap(other);
        return *this;
    }
    ~PodVector() { std::free(begin_); }

    T* begin() { return begin_; }
    T* end() { return end_; }
    const T* begin() const { return begin_; }
    const T* end() const { return end_; }
    T* data() { return begin_; }
    const T* data() const { return begin_; }
    size_t size() const { return static_cast<size_t>(end_ - begin_); }
    size_t capacity() const { return static_cast<size_t>(limit_ - begin_); }
    bool empty() const { return begin_ == end_; }
    T& operator[](size_t i) { return begin_[i]; }
    const T& operator[](size_t i) const { return begin_[i]; }
    T& front() { return *begin_; }
    const T& front() const { return *begin_; }
    T& back() { return end_[-1]; }
    const T& back() const { return end_[-1]; }

    void clear() { end_ = begin_; }
    void reserve(size_t n) {
        if (n > capacity()) grow(n);
    }
    void resize(size_t n) {
        const size_t old = size();
        reserve(n);
        if (n > old) std::memset(static_cast<void*>(begin_ + old), 0, (n - old) * sizeof(T));
        end_ = begin_ + n;
    }
    void assign(size_t n, const T& value) {
        clear();
        reserve(n);
        end_ = begin_ + n;
        std::fill(begin_, end_, value);
    }
    template <class It>
    requires(!std::is_integral_v<It>) void assign(It first, It last) {
        clear();
        reserve(static_cast<size_t>(last - first));
        end_ = std::copy(first, last, begin_);
    }
    /// `value` may lie in the vector itself.
    [[gnu::always_inline]] void push_back(const T& value) {
        if (end_ == limit_) [[unlikely]]
            push_back_slowly(value);
        else
            *end_++ = value;
    }
    void pop_back() { --end_; }
    void swap(PodVector& other) noexcept {
        std::swap(begin_, other.begin_);
        std::swap(end_, other.end_);
        std::swap(limit_, other.limit_);
    }

  private:
    [[gnu::noinline, gnu::cold]] void push_back_slowly(T value) {
        grow(size() + 1);
        *end_++ = value;
    }
    [[gnu::noinline, gnu::cold]] void grow(size_t at_least) {
        const size_t n = size();
        const size_t room = std::max({at_least, 2 * capacity(), size_t{16}});
        T* bigger = static_cast<T*>(std::realloc(static_cast<void*>(begin_), room * sizeof(T)));
        if (bigger == nullptr) throw std::bad_alloc();
        begin_ = bigger;
        end_ = begin_ + n;
        limit_ = begin_ + room;
    }
    T* begin_ = nullptr;
    T* end_ = nullptr;
    T* limit_ = nullptr;
};

}  // namespace vm
