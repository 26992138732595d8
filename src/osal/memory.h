// Host memory: anonymous maps with guard pages, and the dual-mapped memory that generated code lives in.
#pragma once

#include "base/bits.h"
#include "base/result.h"

namespace vm::osal {

u64 page_size();

/// `bytes` (multiple of the page size) of zeroed read-write memory between two inaccessible pages.
Result<void*> map_guarded(u64 bytes);
void unmap_guarded(void* map, u64 bytes);

/// Zeroed memory that is there at once (one system call rather than a page fault every 4 KiB).
class PageBuffer {
  public:
    PageBuffer() = default;
    explicit PageBuffer(u64 bytes);
    ~PageBuffer();
    PageBuffer(PageBuffer&& o) noexcept;
    PageBuffer& operator=(PageBuffer&& o) noexcept;
    PageBuffer(const PageBuffer&) = delete;
    PageBuffer& operator=(const PageBuffer&) = delete;
    u8* data() const { return data_; }  ///< nullptr: the host had no memory, or nothing was asked for
    u64 size() const { return size_; }

  private:
    u8* data_ = nullptr;
    u64 size_ = 0;
};

/// One memory object mapped twice: executable and read-only at rx(), writable at rw(). No page is ever both
/// in one mapping. Pages take memory when first written. Not thread-safe except for reading the addresses.
class CodeMemory {
  public:
    CodeMemory() = default;
    ~CodeMemory();
    CodeMemory(const CodeMemory&) = delete;
    CodeMemory& operator=(const CodeMemory&) = delete;

    /// Reserves `bytes`, and behind rx() address space for `annex` more bytes of code mapped from files
    /// (multiples of the page size).
    Result<void> create(u64 bytes, u64 annex = 0);
    u8* rx() const { return rx_; }
    u8* rw() const { return rw_; }
    u64 size() const { return size_; }
    u64 annex() const { return annex_; }
    /// Is `host_pc` an address of executable memory, annex included?
    bool contains(u64 host_pc) const { return host_pc - reinterpret_cast<u64>(rx_) < size_ + annex_; }

    /// Maps [file_offset, file_offset + bytes) of a file, readable and executable, to `offset` in the annex
    /// (counted from rx(), so at least size()). Page aligned. The pages are shared with everybody who maps
    /// the file.
    Result<void> map_code_file(u64 offset, int fd, u64 file_offset, u64 bytes);
    /// Zeroed private read-write memory in the annex.
    Result<void> map_annex_data(u64 offset, u64 bytes);
    /// Makes a range of the annex inaccessible again.
    void clear_annex(u64 offset, u64 bytes);

    /// Takes memory for [offset, offset + bytes) now, in one system call rather than a page fault every page
    /// of rw(). Only a hint.
    void commit(u64 offset, u64 bytes);
    /// Gives the pages of [offset, offset + bytes) back to the host; they read as zero afterwards.
    void discard(u64 offset, u64 bytes);

    /// fork(2). The mapping is shared, so the child needs an object of its own: make one before the fork, put
    /// what the child is to keep into it, and afterwards drop it in the parent and map it in the child at the
    /// same addresses.
    Result<void> begin_fork();
    void copy_for_fork(u64 offset, u64 bytes);
    void end_fork_parent();
    Result<void> end_fork_child();

  private:
    Result<void> map_object(u8* object);
    u8* rx_ = nullptr;
    u8* rw_ = nullptr;
    u64 size_ = 0, annex_ = 0;
    u8* fork_copy_ = nullptr;
};

}  // namespace vm::osal
