#include "linux/address_space.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <unordered_map>

#include "linux/vma_tree.h"
#include "osal/guarded.h"

namespace vm::linux {
namespace {

constexpr u32 kMapTypeMask = 0xf, kMapFixed = 0x10, kMapAnonymous = 0x20, kMapGrowsDown = 0x100,
              kMapHugetlb = 0x40000, kMapFixedNoReplace = 0x100000;
/// Flags with a meaning only for ISAs or executables that we handle ourselves: MAP_32BIT, MAP_DENYWRITE,
/// MAP_EXECUTABLE.
constexpr u32 kMapIgnored = 0x40 | 0x800 | 0x1000;
constexpr u32 kProtKnown = PROT_READ | PROT_WRITE | PROT_EXEC | 0x8 | 0x01000000 | 0x02000000;
/// Object files are spread over this part of the mmap area, below what other mappings usually fill.
constexpr u64 kFilesBelowTop = u64{8} << 30, kFilesBytes = u64{16} << 30, kFileUnit = u64{2} << 20;
constexpr u64 kBrkGap = u64{1} << 20;  ///< the heap stays so far away from what lies above it

/// What the host mapping gets for a guest permission.
int host_prot(u32 prot) {
    int p = 0;
    if (prot & (PROT_READ | PROT_EXEC)) p |= PROT_READ;
    if (prot & PROT_WRITE) p |= PROT_READ | PROT_WRITE;
    return p;
}

void* ptr(u64 addr) { return reinterpret_cast<void*>(addr); }

/// Host mmap at exactly `addr`: 0 or -errno.
i64 host_map(u64 addr, u64 len, int prot, int flags, int fd, u64 offset) {
    void* p = ::mmap(ptr(addr), len, prot, flags, fd, static_cast<off_t>(offset));
    if (p == MAP_FAILED) return -errno;
    if (p != ptr(addr)) {  // a kernel without MAP_FIXED_NOREPLACE took it for a hint
        ::munmap(p, len);
        return -EEXIST;
    }
    return 0;
}

/// Result of the last fetch of this thread, valid while nothing executable changed.
struct FetchCache {
    const void* owner = nullptr;
    u64 generation = 0;
    u64 begin = 0, end = 0;
};
thread_local FetchCache fetch_cache;

}  // namespace

Layout Layout::choose(u64 task_size, u64 page_size, u64 stack_size) {
    u64 base = 0, limit = task_size;
#if defined(VM_SANITIZE_address)
    base = u64{0x2000} << 32;
    limit = u64{1} << 47;
#endif
    // As Linux does it: at least 128 MiB between the mmap area's top and the end, more for a larger stack.
    const u64 gap = std::min(std::max(u64{128} << 20, align_up(stack_size, page_size) + (u64{2} << 20)),
                             task_size / 6 * 5);
    Layout l{};
    l.task_size = limit;
    l.mmap_low = base + 0x10000;
    l.mmap_top = align_down(base + task_size - gap, page_size);
    l.pie_base = align_down(base + task_size / 3 * 2, page_size);
    l.stack_top = base + task_size - page_size;
    return l;
}

struct AddressSpace::Impl {
    explicit Impl(const Layout& l) : tree(l.mmap_low, l.mmap_top) {}
    mutable std::mutex lock;
    VmaTree tree;
    /// What was mapped executable, by Vma::file_id.
    struct File {
        u64 size, mtime_ns;
    };
    std::unordered_map<u64, File> code_files;
    u64 limit = 0;
    u64 brk_start = 0, brk = 0;
    u64 next_file_id = 1, next_operation = 1;
    std::atomic<u64> generation{1};          ///< changes whenever something executable does
    std::atomic<bool> writable_code{false};  ///< translations were made from something writable

    /// Remembers which contents the mapping has, unless nobody can find the file again.
    void note_code_file(u64 id, int fd) {
        struct stat st {};
        if (::fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink == 0) return;
        code_files[id] = {static_cast<u64>(st.st_size), static_cast<u64>(st.st_mtim.tv_sec) * 1'000'000'000 +
                                                            static_cast<u64>(st.st_mtim.tv_nsec)};
    }
    bool over_limit(u64 more) const { return limit && tree.bytes() + more > limit; }
};

AddressSpace::AddressSpace(u64 task_size, u64 page_size, u64 stack_size)
    : layout_(Layout::choose(task_size, page_size, stack_size)),
      page_size_(page_size),
      impl_(std::make_unique<Impl>(layout_)) {}

AddressSpace::~AddressSpace() {
    for (const auto& [begin, v] : impl_->tree.all()) ::munmap(ptr(begin), v.end - begin);
}

void AddressSpace::invalidate(u64 addr, u64 len) {
    if (engine_) engine_->invalidate(addr, addr + len);
}

// ---- mmap

struct AddressSpace::MmapCall {
    u64 addr, len;
    u32 prot, flags;
    int fd;
    u64 offset;
    std::string path;
};

i64 AddressSpace::mmap(u64 addr, u64 len, u32 prot, u32 flags, int fd, u64 offset, std::string path) {
    const u32 type = flags & kMapTypeMask;
    if (len == 0 || type == 0 || type > 3 || offset % page_size_) return -EINVAL;
    if (len > layout_.task_size) return -ENOMEM;
    u64 unit = page_size_;
    if (flags & kMapHugetlb) unit = u64{1} << ((flags >> 26 & 63) ? (flags >> 26 & 63) : 21);
    if (unit > u64{1} << 40) return -EINVAL;
    len = align_up(len, unit);
    if (flags & kMapFixedNoReplace) flags |= kMapFixed;
    if (flags & kMapFixed) {
        if (addr % page_size_) return -EINVAL;
        if (!in_range(addr, len)) return -ENOMEM;
    }
    if (flags & kMapAnonymous)
        fd = -1;
    else if (offset + len < offset)
        return -EOVERFLOW;
    if (fd >= 0 && (prot & PROT_EXEC)) {
        struct statfs fs {};
        if (::fstatfs(fd, &fs) == 0 && (static_cast<u64>(fs.f_flags) & ST_NOEXEC)) return -EPERM;
    }
    // Loaders say MAP_DENYWRITE, or map the code first.
    constexpr u32 kDenyWrite = 0x800;
    if (addr == 0 && offset == 0 && fd >= 0 && type == MAP_PRIVATE && !(flags & kMapFixed) &&
        ((flags & kDenyWrite) || (prot & PROT_EXEC)))
        addr = place_of_file(fd, len);
    MmapCall call{addr, len, prot, flags, fd, offset, std::move(path)};
    bool had_code = false;
    i64 r;
    {
        std::lock_guard guard(impl_->lock);
        r = mmap_locked(call, &had_code);
    }
    if (had_code && r >= 0) invalidate(static_cast<u64>(r), len);
    if (r >= 0 && type != MAP_PRIVATE && (prot & PROT_WRITE)) note_shared();
    return r;
}

bool AddressSpace::is_free(u64 at, u64 len) const {
    return at >= layout_.mmap_low && in_range(at, len) && !impl_->tree.any_in(at, at + len) &&
           !impl_->tree.reserved(at, at + len);
}

u64 AddressSpace::place_of_file(int fd, u64 len) const {
    struct stat st {};
    if (layout_.mmap_top - layout_.mmap_low < kFilesBelowTop + kFilesBytes || len > kFilesBytes) return 0;
    if (::fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return 0;
    u64 h = static_cast<u64>(st.st_size) * 0x9e3779b97f4a7c15;
    h ^= static_cast<u64>(st.st_mtim.tv_sec) * 0xc2b2ae3d27d4eb4f + static_cast<u64>(st.st_mtim.tv_nsec);
    h = (h ^ h >> 32) * 0x9e3779b97f4a7c15;
    const u64 at = align_down(layout_.mmap_top - kFilesBelowTop - kFilesBytes, kFileUnit) +
                   (h >> 32) % ((kFilesBytes - len) / kFileUnit + 1) * kFileUnit;
    const std::lock_guard guard(impl_->lock);
    return is_free(at, len) ? at : 0;
}

void AddressSpace::note_shared() {
    if (engine_) engine_->memory_is_shared();
}

i64 AddressSpace::mmap_locked(MmapCall& c, bool* had_code) {
    VmaTree& tree = impl_->tree;
    const bool fixed = c.flags & kMapFixed;
    const u64 align =
        (c.flags & kMapHugetlb) ? u64{1} << ((c.flags >> 26 & 63) ? (c.flags >> 26 & 63) : 21) : page_size_;
    const int flags =
        static_cast<int>(c.flags & ~(kMapFixed | kMapFixedNoReplace | kMapGrowsDown | kMapIgnored));
    const u64 replaced = fixed ? tree.covered(c.addr, c.addr + c.len) : 0;
    if (fixed && (c.flags & kMapFixedNoReplace) && replaced) return -EEXIST;
    if (impl_->over_limit(c.len - replaced)) return -ENOMEM;

    u64 at = c.addr;
    i64 r = 0;
    if (fixed) {
        int how = MAP_FIXED_NOREPLACE;
        if (replaced) {
            // Take the holes first, carefully; then one call replaces everything at once.
            how = MAP_FIXED;
            std::vector<std::pair<u64, u64>> holes;
            for (u64 p = at;
                 r == 0 && replaced < c.len && (p = tree.first_hole(p, at + c.len)) < at + c.len;) {
                auto next = tree.first_after(p);
                const u64 end = next == tree.end() ? at + c.len : std::min(at + c.len, next->second.begin);
                r = host_map(p, end - p, PROT_NONE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
                if (r == 0) holes.emplace_back(p, end - p);
                p = end;
            }
            if (r == 0) r = host_map(at, c.len, host_prot(c.prot), flags | how, c.fd, c.offset);
            if (r < 0)
                for (const auto& [p, n] : holes) ::munmap(ptr(p), n);
        } else {
            r = host_map(at, c.len, host_prot(c.prot), flags | how, c.fd, c.offset);
        }
        if (r == -EEXIST) return (c.flags & kMapFixedNoReplace) ? -EEXIST : -ENOMEM;
        if (r < 0) return r;
    } else {
        // A wish is taken if it is free; otherwise, and without one, the highest hole.
        at = align_up(std::min(c.addr, layout_.task_size), align);
        bool wished = is_free(at, c.len);
        for (;; wished = false) {
            if (!wished) at = tree.choose(c.len, align);
            if (at == 0) return -ENOMEM;
            r = host_map(at, c.len, host_prot(c.prot), flags | MAP_FIXED_NOREPLACE, c.fd, c.offset);
            if (r == 0) break;
            if (r != -EEXIST) return r;
            tree.reserve(at, at + c.len);
        }
    }
    if (replaced) {
        *had_code = tree.erase(at, at + c.len);
        impl_->generation.fetch_add(1, std::memory_order_release);
    }
    Vma v;
    v.begin = at;
    v.end = at + c.len;
    v.prot = c.prot & (7 | extra_prot_);
    v.flags = c.flags & ~(kMapFixed | kMapFixedNoReplace);
    v.path = std::move(c.path);
    if (c.fd >= 0) {
        v.offset = c.offset;
        v.file_id = impl_->next_file_id++;
        if (c.prot & PROT_EXEC) impl_->note_code_file(v.file_id, c.fd);
    } else if ((c.flags & kMapTypeMask) != MAP_PRIVATE) {
        v.file_id = impl_->next_file_id++;  // shared memory objects are never merged with each other
    }
    tree.insert(std::move(v));
    return static_cast<i64>(at);
}

// ---- munmap, mprotect

i64 AddressSpace::munmap(u64 addr, u64 len) {
    if (addr % page_size_ || len == 0 || !in_range(addr, len)) return -EINVAL;
    const u64 end = align_up(addr + len, page_size_);
    std::unique_lock guard(impl_->lock);
    VmaTree& tree = impl_->tree;
    tree.split(addr);
    tree.split(end);
    bool code = false;
    for (auto it = tree.first_after(addr); it != tree.end() && it->second.begin < end; ++it)
        code |= it->second.has_code;
    u64 operation = 0;
    if (code) {
        // Nobody may get this address before its translations are gone: keep the place while the engine drops
        // them.
        operation = impl_->next_operation++;
        for (auto it = tree.first_after(addr); it != tree.end() && it->second.begin < end; ++it) {
            it->second.dying = operation;
            it->second.prot = 0;
            it->second.has_code = false;
        }
        impl_->generation.fetch_add(1, std::memory_order_release);
        guard.unlock();
        invalidate(addr, end - addr);
        guard.lock();
    }
    i64 result = 0;
    for (auto it = tree.first_after(addr); it != tree.end() && it->second.begin < end;) {
        const u64 from = it->second.begin;
        u64 to = from;
        for (; it != tree.end() && it->second.begin == to && to < end && it->second.dying == operation; ++it)
            to = it->second.end;
        if (to == from) {
            ++it;
            continue;
        }
        if (::munmap(ptr(from), to - from) != 0) {
            result = -errno;
            break;
        }
        tree.erase(from, to);
        it = tree.first_after(to);
    }
    impl_->generation.fetch_add(1, std::memory_order_release);
    return result;
}

i64 AddressSpace::mprotect(u64 addr, u64 len, u32 prot) {
    if (addr % page_size_ || (prot & ~(kProtKnown | extra_prot_))) return -EINVAL;
    if (len == 0) return 0;
    if (!in_range(addr, len)) return -ENOMEM;
    const u64 end = align_up(addr + len, page_size_);
    const u32 wanted = prot & (7 | extra_prot_);
    bool code = false, shared = false;
    i64 result = 0;
    {
        std::lock_guard guard(impl_->lock);
        VmaTree& tree = impl_->tree;
        const u64 stop = tree.first_hole(addr, end);
        if (stop < end) result = -ENOMEM;
        if (stop == addr) return result;
        bool change = false;
        for (auto it = tree.first_after(addr); it != tree.end() && it->second.begin < stop; ++it)
            change |= host_prot(it->second.prot) != host_prot(wanted);
        if (change && ::mprotect(ptr(addr), stop - addr, host_prot(wanted)) != 0) return -errno;
        tree.split(addr);
        tree.split(stop);
        bool exec_change = false;
        for (auto it = tree.first_after(addr); it != tree.end() && it->second.begin < stop; ++it) {
            Vma& v = it->second;
            exec_change |= (v.prot ^ wanted) & PROT_EXEC;
            // Translations of a file's bytes hold only as long as nobody can write them.
            if (v.has_code && (!(wanted & PROT_EXEC) || ((wanted & PROT_WRITE) && v.file_id) ||
                               ((v.prot ^ wanted) & kProtBti))) {
                code = true;
                v.has_code = false;
            }
            shared |= (wanted & PROT_WRITE) && (v.flags & kMapTypeMask) != MAP_PRIVATE;
            if (v.has_code && (wanted & PROT_WRITE))
                impl_->writable_code.store(true, std::memory_order_relaxed);
            v.prot = wanted;
        }
        if (exec_change) impl_->generation.fetch_add(1, std::memory_order_release);
        tree.merge(addr, stop);
    }
    if (code) invalidate(addr, end - addr);
    if (shared) note_shared();
    return result;
}

// ---- mremap

i64 AddressSpace::mremap(u64 old_addr, u64 old_len, u64 new_len, u32 flags, u64 new_addr) {
    constexpr u32 kMayMove = 1, kFixed = 2, kDontUnmap = 4;
    if (flags & ~(kMayMove | kFixed | kDontUnmap)) return -EINVAL;
    if ((flags & (kFixed | kDontUnmap)) && !(flags & kMayMove)) return -EINVAL;
    if ((flags & kDontUnmap) && align_up(old_len, page_size_) != align_up(new_len, page_size_))
        return -EINVAL;
    if (old_addr % page_size_ || new_len == 0) return -EINVAL;
    if (new_len > layout_.task_size || old_len > layout_.task_size) return -EINVAL;
    old_len = align_up(old_len, page_size_);
    new_len = align_up(new_len, page_size_);
    if (!in_range(old_addr, old_len)) return -EFAULT;
    if (flags & kFixed) {
        if (new_addr % page_size_ || !in_range(new_addr, new_len)) return -EINVAL;
        if (new_addr < old_addr + old_len && old_addr < new_addr + new_len) return -EINVAL;
    }
    if (!(flags & (kFixed | kDontUnmap)) &&
        old_len >= new_len) {  // shrinking never moves and may cross mappings
        {
            std::lock_guard guard(impl_->lock);
            const Vma* v = impl_->tree.find(old_addr);
            if (!v) return -EFAULT;
        }
        const i64 r = old_len == new_len ? 0 : munmap(old_addr + new_len, old_len - new_len);
        return r < 0 ? r : static_cast<i64>(old_addr);
    }
    bool had_code = false;
    i64 r;
    {
        std::lock_guard guard(impl_->lock);
        r = mremap_locked(old_addr, old_len, new_len, flags, new_addr, &had_code);
    }
    if (had_code) {
        invalidate(old_addr, std::max(old_len, page_size_));
        if (r >= 0 && static_cast<u64>(r) != old_addr) invalidate(static_cast<u64>(r), new_len);
    }
    return r;
}

i64 AddressSpace::mremap_locked(u64 old_addr, u64 old_len, u64 new_len, u32 flags, u64 new_addr,
                                bool* had_code) {
    constexpr u32 kMayMove = 1, kFixed = 2, kDontUnmap = 4;
    VmaTree& tree = impl_->tree;
    const Vma* v = tree.find(old_addr);
    if (!v) return -EFAULT;
    if (old_len > v->end - old_addr) return -EFAULT;
    if (old_len == 0 && (v->flags & kMapTypeMask) == MAP_PRIVATE) return -EINVAL;
    if (v->dying) return -EFAULT;
    const u64 more = (flags & kDontUnmap) || old_len == 0 ? new_len
                     : new_len > old_len                  ? new_len - old_len
                                                          : 0;
    if (impl_->over_limit(more)) return -ENOMEM;
    if (!(flags & (kFixed | kDontUnmap)) && old_len != 0) {
        // In place, if the rest of the mapping ends here and what follows is free.
        const u64 old_end = old_addr + old_len, new_end = old_addr + new_len;
        if (v->end == old_end && new_end <= layout_.task_size && !tree.any_in(old_end, new_end) &&
            !tree.reserved(old_end, new_end)) {
            void* p = ::mremap(ptr(old_addr), old_len, new_len, 0);
            if (p != MAP_FAILED) {
                Vma grown = *v;
                grown.begin = old_end;
                grown.end = new_end;
                if (grown.file_id) grown.offset += old_end - v->begin;
                tree.insert(std::move(grown));
                return static_cast<i64>(old_addr);
            }
            if (errno != ENOMEM && errno != EFAULT) return -errno;
        }
    }
    if (!(flags & kMayMove)) return -ENOMEM;
    if (flags & kFixed) return mremap_move(old_addr, old_len, new_len, flags, new_addr, had_code);
    u64 target = 0;
    if (flags & kDontUnmap) {
        const u64 wish = align_down(new_addr, page_size_);
        if (wish >= layout_.mmap_low && in_range(wish, new_len) && !tree.any_in(wish, wish + new_len))
            target = wish;
    }
    for (;;) {
        if (!target) target = tree.choose(new_len, page_size_);
        if (!target) return -ENOMEM;
        const i64 r = mremap_move(old_addr, old_len, new_len, flags, target, had_code);
        if (r != -EEXIST) return r;
        tree.reserve(target, target + new_len);
        target = 0;
    }
}

/// Moves to `target`, which may replace mappings of ours. -EEXIST: the host uses it.
i64 AddressSpace::mremap_move(u64 old_addr, u64 old_len, u64 new_len, u32 flags, u64 target, bool* had_code) {
    constexpr u32 kMayMove = 1, kFixed = 2, kDontUnmap = 4;
    VmaTree& tree = impl_->tree;
    // Own the whole target first, so that the host call below replaces nothing of the host's.
    for (u64 p = target; (p = tree.first_hole(p, target + new_len)) < target + new_len;) {
        auto next = tree.first_after(p);
        const u64 end =
            next == tree.end() ? target + new_len : std::min(target + new_len, next->second.begin);
        const i64 r = host_map(p, end - p, PROT_NONE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
        if (r < 0) {
            ::munmap(ptr(target), p - target);
            tree.erase(target, p);
            return r;
        }
        p = end;
    }
    *had_code |= tree.erase(target, target + new_len);
    impl_->generation.fetch_add(1, std::memory_order_release);
    Vma moved = *tree.find(old_addr);
    const u64 from = moved.begin;
    void* p =
        ::mremap(ptr(old_addr), old_len, new_len, kMayMove | kFixed | (flags & kDontUnmap), ptr(target));
    if (p == MAP_FAILED) {
        const int e = errno;
        ::munmap(ptr(target), new_len);
        return -e;
    }
    if (old_len && !(flags & kDontUnmap)) *had_code |= tree.erase(old_addr, old_addr + old_len);
    *had_code |= moved.has_code;
    moved.has_code = false;
    if (moved.file_id) moved.offset += old_addr - from;
    moved.begin = target;
    moved.end = target + new_len;
    if (moved.path == "[heap]" || moved.path == "[stack]") moved.path.clear();
    tree.insert(std::move(moved));
    return static_cast<i64>(target);
}

// ---- madvise, msync

i64 AddressSpace::madvise(u64 addr, u64 len, int advice) {
    if (addr % page_size_ || len > layout_.task_size) return -EINVAL;
    if (len == 0) return 0;
    if (!in_range(addr, len)) return -ENOMEM;
    const u64 end = align_up(addr + len, page_size_);
    bool code = false;
    i64 result = 0;
    {
        std::lock_guard guard(impl_->lock);
        VmaTree& tree = impl_->tree;
        u64 at = addr;
        for (auto it = tree.first_after(addr); it != tree.end() && it->second.begin < end;) {
            const u64 from = std::max(it->second.begin, addr);
            if (from > at) result = -ENOMEM;
            u64 to = from;
            for (; it != tree.end() && it->second.begin <= to && to < end; ++it) {
                to = std::min(it->second.end, end);
                code |= it->second.has_code;
            }
            if (::madvise(ptr(from), to - from, advice) != 0) return -errno;
            at = to;
        }
        if (at < end) result = -ENOMEM;
    }
    const bool changes = advice == MADV_DONTNEED || advice == MADV_FREE || advice == MADV_REMOVE ||
                         advice == 24 /*DONTNEED_LOCKED*/;
    if (code && changes) invalidate(addr, end - addr);
    return result;
}

i64 AddressSpace::msync(u64 addr, u64 len, int flags) {
    if (addr % page_size_ || (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC))) return -EINVAL;
    if ((flags & MS_ASYNC) && (flags & MS_SYNC)) return -EINVAL;
    if (len == 0) return 0;
    if (!in_range(addr, len)) return -ENOMEM;
    const u64 end = align_up(addr + len, page_size_);
    std::vector<std::pair<u64, u64>> runs;
    i64 result = 0;
    {
        std::lock_guard guard(impl_->lock);
        u64 at = addr;
        for (auto it = impl_->tree.first_after(addr); it != impl_->tree.end() && it->second.begin < end;
             ++it) {
            const u64 from = std::max(it->second.begin, addr), to = std::min(it->second.end, end);
            if (from > at) result = -ENOMEM;
            if (!runs.empty() && runs.back().second == from)
                runs.back().second = to;
            else
                runs.emplace_back(from, to);
            at = to;
        }
        if (at < end) result = -ENOMEM;
    }
    for (const auto& [from, to] : runs)  // may take long: without the lock
        if (::msync(ptr(from), to - from, flags) != 0) return -errno;
    return result;
}

i64 AddressSpace::remap_file_pages(u64 addr, u64 len, u64 page_offset) {
    addr = align_down(addr, page_size_);
    len = align_down(len, page_size_);
    if (len == 0 || !in_range(addr, len) || page_offset + len / page_size_ < page_offset) return -EINVAL;
    bool had_code = false;
    {
        std::lock_guard guard(impl_->lock);
        VmaTree& tree = impl_->tree;
        const Vma* v = tree.find(addr);
        if (!v || (v->flags & kMapTypeMask) == MAP_PRIVATE || !v->file_id || v->dying) return -EINVAL;
        // Parts of one object only, as the kernel has it; it replaces them by a mapping of the other pages
        // (mm/mmap.c).
        if (tree.first_hole(addr, addr + len) != addr + len) return -EINVAL;
        Vma now = *v;
        if (::syscall(SYS_remap_file_pages, addr, len, 0, page_offset, 0) != 0) return -errno;
        had_code = tree.erase(addr, addr + len);
        now.begin = addr;
        now.end = addr + len;
        now.offset = page_offset * page_size_;
        now.file_id = impl_->next_file_id++;
        now.has_code = false;
        tree.insert(std::move(now));
        impl_->generation.fetch_add(1, std::memory_order_release);
    }
    if (had_code) invalidate(addr, len);
    return 0;
}

i64 AddressSpace::name_anonymous(u64 addr, u64 len, const std::string* name) {
    if (addr % page_size_) return -EINVAL;
    const u64 end = align_up(addr + len, page_size_);
    if (end < addr) return -EINVAL;
    if (len == 0) return 0;
    if (!in_range(addr, end - addr)) return -ENOMEM;
    std::lock_guard guard(impl_->lock);
    VmaTree& tree = impl_->tree;
    tree.split(addr);
    tree.split(end);
    i64 result = tree.first_hole(addr, end) < end ? -ENOMEM : 0;
    for (auto it = tree.first_after(addr); it != tree.end() && it->second.begin < end; ++it) {
        Vma& v = it->second;
        if (!(v.flags & kMapAnonymous)) {
            result = -EBADF;
            break;
        }
        const bool shared = (v.flags & kMapTypeMask) != MAP_PRIVATE;
        v.path = name ? (shared ? "[anon_shmem:" : "[anon:") + *name + "]" : "";
    }
    tree.merge(addr, end);
    return result;
}

// ---- brk

void AddressSpace::set_brk(u64 start) {
    std::lock_guard guard(impl_->lock);
    impl_->brk_start = impl_->brk = start;
}

i64 AddressSpace::brk(u64 addr) {
    u64 from, to;
    {
        std::lock_guard guard(impl_->lock);
        Impl& s = *impl_;
        const u64 old = s.brk;
        if (addr < s.brk_start || addr > layout_.task_size) return static_cast<i64>(old);
        from = align_up(old, page_size_);
        to = align_up(addr, page_size_);
        if (to == from) {
            s.brk = addr;
            return static_cast<i64>(addr);
        }
        if (to > from) {
            auto next = s.tree.first_after(from);
            if (next != s.tree.end() && next->second.begin < to + kBrkGap) return static_cast<i64>(old);
            if (s.over_limit(to - from) || s.tree.reserved(from, to)) return static_cast<i64>(old);
            if (host_map(from, to - from, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) < 0)
                return static_cast<i64>(old);
            Vma v;
            v.begin = from;
            v.end = to;
            v.prot = PROT_READ | PROT_WRITE;
            v.flags = MAP_PRIVATE | MAP_ANONYMOUS;
            v.path = "[heap]";
            s.tree.insert(std::move(v));
            s.brk = addr;
            return static_cast<i64>(addr);
        }
        s.brk = addr;
    }
    munmap(to, from - to);
    return static_cast<i64>(addr);
}

void AddressSpace::set_memory_limit(u64 bytes) {
    std::lock_guard guard(impl_->lock);
    impl_->limit = bytes;
}
u64 AddressSpace::memory_limit() const {
    std::lock_guard guard(impl_->lock);
    return impl_->limit;
}
u64 AddressSpace::mapped_bytes() const {
    std::lock_guard guard(impl_->lock);
    return impl_->tree.bytes();
}

u64 AddressSpace::peak_bytes() const {
    std::lock_guard guard(impl_->lock);
    return impl_->tree.peak_bytes();
}

// ---- questions and copies

int AddressSpace::prot_at(u64 addr) const {
    std::lock_guard guard(impl_->lock);
    const Vma* v = impl_->tree.find(addr);
    return v ? static_cast<int>(v->prot) : -1;
}

bool AddressSpace::mapped(u64 addr, u64 len) const {
    if (!in_range(addr, len)) return false;
    std::lock_guard guard(impl_->lock);
    return impl_->tree.first_hole(addr, addr + len) == addr + len;
}

void AddressSpace::prepare_kernel_write(u64 addr, u64 len) {
    if (!impl_->writable_code.load(std::memory_order_relaxed) || !in_range(addr, len) || len == 0) return;
    bool code = false;
    {
        std::lock_guard guard(impl_->lock);
        for (auto it = impl_->tree.first_after(addr);
             it != impl_->tree.end() && it->second.begin < addr + len; ++it)
            code |= it->second.has_code && (it->second.prot & PROT_WRITE);
    }
    if (code) invalidate(addr, len);
}

std::vector<Vma> AddressSpace::snapshot() const {
    std::lock_guard guard(impl_->lock);
    std::vector<Vma> all;
    for (const auto& [begin, v] : impl_->tree.all()) all.push_back(v);
    return all;
}

bool AddressSpace::read(u64 addr, void* out, u64 len) const {
    return in_range(addr, len) && !osal::guarded_copy_in(out, addr, len);
}

bool AddressSpace::write(u64 addr, const void* in, u64 len) {
    return in_range(addr, len) && !osal::guarded_copy_out(addr, in, len);
}

bool AddressSpace::read_string(u64 addr, std::string* out, u64 max) const {
    out->clear();
    char chunk[256];
    while (out->size() <= max) {
        u64 n = std::min<u64>(sizeof chunk, page_size_ - addr % page_size_);
        if (addr >= layout_.task_size) return false;
        n = std::min(n, layout_.task_size - addr);
        if (osal::guarded_copy_in(chunk, addr, n)) return false;
        if (const void* nul = std::memchr(chunk, 0, n)) {
            out->append(chunk, static_cast<size_t>(static_cast<const char*>(nul) - chunk));
            return out->size() <= max;
        }
        out->append(chunk, n);
        addr += n;
    }
    return false;
}

// ---- engine::GuestMemory

u64 AddressSpace::fetch(u64 pc, void* out, u64 size) {
    FetchCache& cache = fetch_cache;
    const u64 generation = impl_->generation.load(std::memory_order_acquire);
    if (cache.owner != impl_.get() || cache.generation != generation || pc < cache.begin || pc >= cache.end ||
        size > cache.end - pc) {
        std::lock_guard guard(impl_->lock);
        auto it = impl_->tree.first_after(pc);
        if (it == impl_->tree.end() || it->second.begin > pc || !(it->second.prot & PROT_EXEC)) return 0;
        cache = {impl_.get(), impl_->generation.load(std::memory_order_relaxed), it->second.begin,
                 it->second.end};
        for (++it; it != impl_->tree.end() && it->second.begin == cache.end && (it->second.prot & PROT_EXEC);
             ++it)
            cache.end = it->second.end;
    }
    const u64 n = std::min(size, cache.end - pc);
    if (!osal::guarded_copy_in(out, pc, n)) [[likely]]
        return n;
    // A page beyond the end of its file: deliver what lies before it.
    const u64 first = std::min(n, page_size_ - pc % page_size_);
    u64 done = 0;
    for (u64 part = first; done < n; part = std::min(n - done, page_size_)) {
        if (osal::guarded_copy_in(static_cast<u8*>(out) + done, pc + done, part)) break;
        done += part;
    }
    return done;
}

bool AddressSpace::guarded(u64 pc) {
    if (!(extra_prot_ & kProtBti)) return false;
    std::lock_guard guard(impl_->lock);
    const Vma* v = impl_->tree.find(pc);
    return v != nullptr && (v->prot & kProtBti);
}

bool AddressSpace::note_code(u64 begin, u64 end) {
    std::lock_guard guard(impl_->lock);
    for (auto it = impl_->tree.first_after(begin); it != impl_->tree.end() && it->second.begin < end; ++it) {
        it->second.has_code = true;
        if (it->second.prot & PROT_WRITE) impl_->writable_code.store(true, std::memory_order_relaxed);
    }
    return false;
}

/// Guests announce changed code (fence.i, IC IVAU), so nothing is ever write-protected behind the guest's
/// back and every fault is the guest's own.
bool AddressSpace::handle_host_fault(u64, bool) { return false; }

bool AddressSpace::code_file(u64 pc, frontend::CodeFile& file) {
    std::lock_guard guard(impl_->lock);
    const Vma* v = impl_->tree.find(pc);
    if (!v || v->dying || v->file_id == 0) return false;
    if (!(v->prot & PROT_EXEC) || (v->prot & PROT_WRITE) || (v->flags & kMapTypeMask) != MAP_PRIVATE)
        return false;
    const auto it = impl_->code_files.find(v->file_id);
    if (it == impl_->code_files.end()) return false;
    file = {v->begin, v->end, v->offset, it->second.size, it->second.mtime_ns, (v->prot & kProtBti) != 0};
    return true;
}

void AddressSpace::fork_prepare() { impl_->lock.lock(); }
void AddressSpace::fork_done() { impl_->lock.unlock(); }

}  // namespace vm::linux
