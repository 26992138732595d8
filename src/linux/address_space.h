// The guest's user address space: a VMA tree that is the truth about every mapping. Guest address = host address.
#pragma once

#include <atomic>
#include <map>
#include <shared_mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/vcpu.h"

namespace vm::linux {

/// One mapping; [begin, end) page aligned. prot and flags are the Linux PROT_/MAP_ bits the guest asked for.
struct Vma {
    u64 begin = 0, end = 0;
    u32 prot = 0;
    u32 flags = 0;
    u64 offset = 0;        ///< file offset of `begin`
    u64 dev = 0, inode = 0;
    std::string path;      ///< file path as the guest opened it, "[heap]", "[stack]" … or empty
    bool has_code = false; ///< translations were made from it; `write_protected` pages are tracked separately
};

/// Thread-safe. All results are Linux ones: an address or a negative errno.
class AddressSpace : public engine::GuestMemory {
  public:
    /// Reserves nothing yet; chooses the layout. `task_size` of the guest; page_size of the guest.
    explicit AddressSpace(u64 task_size, u64 page_size);
    ~AddressSpace() override;

    i64 mmap(u64 addr, u64 len, u32 prot, u32 flags, int fd, u64 offset, std::string path = {});
    i64 munmap(u64 addr, u64 len);
    i64 mprotect(u64 addr, u64 len, u32 prot);
    i64 mremap(u64 old_addr, u64 old_len, u64 new_len, u32 flags, u64 new_addr);
    i64 madvise(u64 addr, u64 len, int advice);
    i64 msync(u64 addr, u64 len, int flags);
    i64 brk(u64 addr);
    void set_brk(u64 start) ;
    void set_memory_limit(u64 bytes);      ///< --memory-limit / RLIMIT_AS; 0 = none

    /// Guest-visible permissions at addr (PROT_ bits), or -1 if unmapped.
    int prot_at(u64 addr) const;
    /// Is [addr, addr+len) inside user space (does not say mapped)?
    bool in_range(u64 addr, u64 len) const { return addr < task_size_ && len <= task_size_ - addr; }
    /// The kernel is about to write [addr, addr+len) for the guest: drop translations and lift write protection there.
    void prepare_kernel_write(u64 addr, u64 len);
    std::string maps_text() const;         ///< /proc/self/maps
    std::vector<Vma> snapshot() const;

    // copies that return false instead of faulting
    bool read(u64 addr, void* out, u64 len) const;
    bool write(u64 addr, const void* in, u64 len);
    bool read_string(u64 addr, std::string* out, u64 max = 1 << 20) const;

    // engine::GuestMemory
    u64 fetch(u64 pc, void* out, u64 size) override;
    void note_code(u64 begin, u64 end) override;
    bool handle_host_fault(u64 addr, bool write) override;

    void set_engine(engine::Engine* e) { engine_ = e; }
    u64 task_size() const { return task_size_; }
    u64 page_size() const { return page_size_; }

  private:
    struct Impl;
    u64 task_size_, page_size_;
    engine::Engine* engine_ = nullptr;
    std::unique_ptr<Impl> impl_;
};

}  // namespace vm::linux
