// The guest's user address space: a VMA tree that is the truth about every mapping. Guest address = host
// address.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/vcpu.h"

namespace vm::linux {

/// Where the guest's part of the address space must end at the latest: guest addresses are host addresses,
/// and the host keeps the translator, its heap (from two thirds on) and its stack above.
#if defined(VM_SANITIZE_thread)
inline constexpr u64 kMostTaskSize = u64{1} << 38;
#elif defined(VM_SANITIZE_address)
inline constexpr u64 kMostTaskSize = u64{1} << 44;
#else
inline constexpr u64 kMostTaskSize = u64{1} << 46;
#endif

/// PROT_BTI of arm64: indirect branches may only come to landing pads.
inline constexpr u32 kProtBti = 0x10;

/// One mapping; [begin, end) page aligned. prot and flags are the Linux PROT_/MAP_ bits the guest asked for.
struct Vma {
    u64 begin = 0, end = 0;
    u32 prot = 0;
    u32 flags = 0;
    u64 offset = 0;  ///< file offset of `begin`
    u64 file_id =
        0;  ///< one number a mmap call of a file, 0 = anonymous: parts of one mapping may be merged again
    std::string
        path;  ///< "[heap]", "[stack]" …, the caller's name for it, or empty (the host knows the file)
    bool has_code = false;  ///< translations were made from it
    u64 dying = 0;          ///< being unmapped by the operation of this number
};

/// Where things go in the guest's address space. No randomization: the same program sees the same addresses
/// each run, which keeps failures repeatable and translations reusable.
struct Layout {
    u64 task_size;  ///< first address beyond user space
    u64 mmap_low;   ///< mappings without a wish go into [mmap_low, mmap_top), from the top
    u64 mmap_top;
    u64 pie_base;  ///< position-independent programs
    u64 stack_top;
    /// For a user space of `task_size` bytes and a stack of up to `stack_size`. Builds with AddressSanitizer
    /// cannot use low addresses (its shadow lies there): the same layout moved up to 0x200000000000, with 47
    /// bits of user space.
    static Layout choose(u64 task_size, u64 page_size, u64 stack_size);
};

/// Thread-safe. All results are Linux ones: an address or a negative errno. The host never gets PROT_EXEC:
/// guest code is data to us; fetch() honours the guest's PROT_EXEC from the tree.
///
/// Lock order: the engine's locks may be held by callers of fetch, note_code and handle_host_fault; the
/// engine is therefore only called without the tree's lock.
class AddressSpace : public engine::GuestMemory {
  public:
    AddressSpace(u64 task_size, u64 page_size, u64 stack_size = u64{8} << 20);
    ~AddressSpace() override;
    AddressSpace(const AddressSpace&) = delete;
    AddressSpace& operator=(const AddressSpace&) = delete;

    i64 mmap(u64 addr, u64 len, u32 prot, u32 flags, int fd, u64 offset, std::string path = {});
    /// Where an object file of `len` bytes should go: the same place in every process, so that translations
    /// of it can be shared. 0: no such place is free.
    u64 place_of_file(int fd, u64 len) const;
    i64 munmap(u64 addr, u64 len);
    i64 mprotect(u64 addr, u64 len, u32 prot);
    i64 mremap(u64 old_addr, u64 old_len, u64 new_len, u32 flags, u64 new_addr);
    i64 madvise(u64 addr, u64 len, int advice);
    i64 msync(u64 addr, u64 len, int flags);
    i64 remap_file_pages(u64 addr, u64 len, u64 page_offset);
    /// PR_SET_VMA_ANON_NAME; nullptr takes the name away.
    i64 name_anonymous(u64 addr, u64 len, const std::string* name);
    i64 brk(u64 addr);
    /// The program break starts here (page aligned up for growth).
    void set_brk(u64 start);
    void allow_protections(u32 bits) { extra_prot_ = bits; }  ///< besides those of every ISA: kProtBti
    void set_memory_limit(u64 bytes);                         ///< --memory-limit / RLIMIT_AS; 0 = none
    u64 memory_limit() const;
    u64 mapped_bytes() const;
    u64 peak_bytes() const;  ///< the most that were ever mapped at once

    /// Guest-visible permissions at addr (PROT_ bits), or -1 if unmapped.
    int prot_at(u64 addr) const;
    /// Is all of [addr, addr+len) mapped (any permission)?
    bool mapped(u64 addr, u64 len) const;
    /// Is [addr, addr+len) inside user space (does not say mapped)?
    bool in_range(u64 addr, u64 len) const {
        return addr <= layout_.task_size && len <= layout_.task_size - addr;
    }
    /// The kernel is about to write [addr, addr+len) for the guest: drop translations there.
    void prepare_kernel_write(u64 addr, u64 len);
    /// /proc/self/maps. Files are named as the host names them, without `strip` in front (the sysroot).
    std::string maps_text(const std::string& strip = {}) const;
    std::vector<Vma> snapshot() const;

    // copies that return false instead of faulting
    bool read(u64 addr, void* out, u64 len) const;
    bool write(u64 addr, const void* in, u64 len);
    /// NUL-terminated string of at most `max` bytes without the NUL.
    bool read_string(u64 addr, std::string* out, u64 max = 1 << 20) const;

    // engine::GuestMemory
    u64 fetch(u64 pc, void* out, u64 size) override;
    bool guarded(u64 pc) override;
    bool note_code(u64 begin, u64 end) override;
    bool handle_host_fault(u64 addr, bool write) override;
    bool code_file(u64 pc, frontend::CodeFile& file) override;

    /// Around fork(2): no other thread may be in the middle of a change. fork_done in parent and child.
    void fork_prepare();
    void fork_done();

    /// Other processes or threads can see guest memory from now on.
    void note_shared();

    void set_engine(engine::Engine* e) { engine_ = e; }
    u64 task_size() const { return layout_.task_size; }
    u64 page_size() const { return page_size_; }
    const Layout& layout() const { return layout_; }

  private:
    struct Impl;
    struct MmapCall;
    i64 mmap_locked(MmapCall& call, bool* had_code);
    bool is_free(u64 at, u64 len) const;
    i64 mremap_locked(u64 old_addr, u64 old_len, u64 new_len, u32 flags, u64 new_addr, bool* had_code);
    i64 mremap_move(u64 old_addr, u64 old_len, u64 new_len, u32 flags, u64 target, bool* had_code);
    void invalidate(u64 addr, u64 len);

    Layout layout_;
    u64 page_size_;
    u32 extra_prot_ = 0;
    engine::Engine* engine_ = nullptr;
    std::unique_ptr<Impl> impl_;
};

}  // namespace vm::linux
