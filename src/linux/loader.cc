// Maps a program, its loader, the vDSO page and the stack, and leaves entry point and stack pointer in the
// process.
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <system_error>

#include "base/format.h"
#include "linux/elf.h"
#include "linux/process.h"
#include "linux/stack.h"
#include "osal/guarded.h"

namespace vm::linux {
namespace {

constexpr u64 kAtPhdr = 3, kAtPhent = 4, kAtPhnum = 5, kAtPagesz = 6, kAtBase = 7, kAtFlags = 8, kAtEntry = 9,
              kAtUid = 11, kAtEuid = 12, kAtGid = 13, kAtEgid = 14, kAtHwcap = 16, kAtClktck = 17,
              kAtSecure = 23, kAtHwcap2 = 26, kAtSysinfoEhdr = 33, kAtMinsigstksz = 51;
constexpr u32 kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

std::unexpected<Error> no_room(const std::string& name, i64 r, u64 at, u64 bytes) {
    const int e = static_cast<int>(-r);
    if (e == ENOMEM)
        return fail(ErrorKind::Resource,
                    fmt::format("{}: cannot be loaded: no room for {} bytes at {:#x}", name, bytes, at), e);
    return fail(
        ErrorKind::NotExecutable,
        fmt::format("{}: cannot be loaded at {:#x} ({})", name, at, std::generic_category().message(e)), e);
}

u32 segment_prot(u32 flags) {
    return (flags & kPfR ? PROT_READ : 0) | (flags & kPfW ? PROT_WRITE : 0) | (flags & kPfX ? PROT_EXEC : 0);
}

/// One PT_LOAD at its final address: file pages, zeroed tail, anonymous rest.
Result<void> map_segment(AddressSpace& mm, int fd, const ElfSegment& s, u64 bias, u32 fixed, u32 code_prot,
                         const std::string& name) {
    const u64 page = mm.page_size();
    const u64 begin = align_down(s.vaddr + bias, page);
    const u64 file_end = s.vaddr + bias + s.filesz, mem_end = s.vaddr + bias + s.memsz;
    u64 at = begin;
    const u32 prot = segment_prot(s.flags) | (s.flags & kPfX ? code_prot : 0);
    if (s.filesz) {
        const u64 len = align_up(file_end, page) - begin;
        const i64 r = mm.mmap(begin, len, prot, MAP_PRIVATE | fixed, fd, align_down(s.offset, page));
        if (r < 0) return no_room(name, r, begin, len);
        at = begin + len;
        // What follows in the last file page is not the segment's; bss starts there.
        if (s.memsz > s.filesz && file_end % page && (s.flags & kPfW) &&
            osal::guarded_zero(file_end, at - file_end))
            return fail(ErrorKind::Io, fmt::format("{}: cannot be read", name), EIO);
    }
    if (mem_end > at) {
        const u64 len = align_up(mem_end, page) - at;
        const i64 r = mm.mmap(at, len, prot, kAnonymous | fixed, -1, 0);
        if (r < 0) return no_room(name, r, at, len);
    }
    return {};
}

/// Maps all segments; returns the bias (0 for fixed programs). `wish`: where a position-independent one
/// should go, 0 = free choice. `code_prot`: PROT_ bits of its code, besides what segments say.
Result<u64> map_elf(AddressSpace& mm, int fd, const Elf& e, u64 wish, u32 code_prot,
                    const std::string& name) {
    const u64 page = mm.page_size();
    u64 bias = 0;
    if (e.pie()) {
        // Take the whole extent first, so that every segment finds its place.
        const u64 align = std::max(e.max_align, page);
        const u64 low = align_down(e.low, page), span = align_up(e.high, page) - low;
        const u64 extra = align > page ? align : 0;
        i64 r = mm.mmap(wish ? align_up(wish, align) + low % align : 0, span + extra, PROT_NONE, kAnonymous,
                        -1, 0);
        if (r < 0) return no_room(name, r, wish, span);
        const u64 got = static_cast<u64>(r);
        const u64 at = align_up(got - low % align, align) + low % align;
        if (at > got) mm.munmap(got, at - got);
        if (got + span + extra > at + span) mm.munmap(at + span, got + extra - at);
        bias = at - low;
    }
    u64 previous_end = 0;
    for (const ElfSegment& s : e.loads) {
        const u64 begin = align_down(s.vaddr + bias, page);
        // Neighbours may share a page: the later one's contents win, as in Linux.
        const u32 fixed = e.pie() || begin < previous_end ? MAP_FIXED : MAP_FIXED_NOREPLACE;
        if (e.pie() && previous_end && begin > previous_end) mm.munmap(previous_end, begin - previous_end);
        if (auto ok = map_segment(mm, fd, s, bias, fixed, code_prot, name); !ok) {
            if (ok.error().os_errno == EEXIST || ok.error().os_errno == EPERM)
                return fail(ErrorKind::NotExecutable,
                            fmt::format("{}: wants to be loaded at {:#x}, which this host does not allow; "
                                        "link it position-independent",
                                        name, begin),
                            ok.error().os_errno);
            return std::unexpected(ok.error());
        }
        previous_end = align_up(s.vaddr + bias + s.memsz, page);
    }
    return bias;
}

/// For the code of a program that the kernel begins with: others are their loader's business.
u32 code_prot(Process& p, const Elf& e) {
    const Abi& abi = p.abi();
    return abi.code_prot ? abi.code_prot(p.engine().isa(), p.options().engine.cpu_features, e.features) : 0;
}

struct Loaded {
    u64 entry = 0, base = 0;
};

Result<Loaded> map_interpreter(Process& p, const Elf& program, const std::string& name) {
    const std::string& path = program.interpreter;
    auto hint = [&] {
        switch (p.files().kind()) {
            case FileView::Kind::Host: break;
            case FileView::Kind::Overlay: return fmt::format("-L {} has no such file", p.files().root());
            case FileView::Kind::Root: return fmt::format("--root {} has no such file", p.files().root());
        }
        return std::string("use -L DIR with the root of a system that has it");
    };
    std::string host;
    const i64 resolved = p.files().resolve(AT_FDCWD, path, Look::Follow, &host);
    const int fd = resolved < 0 ? -1 : ::open(host.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        const int e = resolved < 0 ? static_cast<int>(-resolved) : errno;
        return fail(e == ENOENT || e == ENOTDIR ? ErrorKind::NotFound : ErrorKind::NotExecutable,
                    fmt::format("{}: needs the loader {}, which cannot be opened ({}); {}", name, path,
                                std::generic_category().message(e), hint()),
                    e);
    }
    struct Closer {
        int fd;
        ~Closer() { ::close(fd); }
    } closer{fd};
    auto e = parse_elf(fd, path, elf_targets(p.guests()));
    if (e && e->machine != p.abi().elf.machine)
        e = fail(ErrorKind::NotExecutable,
                 fmt::format("{}: is {} program", path, with_article(machine_name(e->machine))));
    if (!e) {
        return fail(e.error().kind,
                    fmt::format("{}: its loader cannot be used: {}; use -L DIR with the root of {} system",
                                name, e.error().message, with_article(std::string(p.abi().name))),
                    e.error().os_errno);
    }
    const u64 span = align_up(e->high, p.mm().page_size()) - align_down(e->low, p.mm().page_size());
    auto bias = map_elf(p.mm(), fd, *e, p.mm().place_of_file(fd, span), code_prot(p, *e), path);
    if (!bias) return std::unexpected(bias.error());
    return Loaded{e->entry + *bias, align_down(e->low, p.mm().page_size()) + *bias};
}

Result<void> map_stack(Process& p, const RunOptions& o, const Elf& e, u64 bias, const Loaded& loader) {
    AddressSpace& mm = p.mm();
    StackRequest r;
    r.top = mm.layout().stack_top;
    r.size = align_up(o.stack_size, mm.page_size());
    const u32 prot = PROT_READ | PROT_WRITE | (e.exec_stack ? PROT_EXEC : 0);
    const i64 m =
        mm.mmap(r.top - r.size, r.size, prot, kAnonymous | MAP_STACK | MAP_FIXED_NOREPLACE, -1, 0, "[stack]");
    if (m < 0) return no_room("stack", m, r.top - r.size, r.size);
    r.argv = o.argv;
    r.env = o.env;
    r.exec_name = o.program;
    r.platform = p.abi().platform;
    if (::getrandom(r.random.data(), r.random.size(), 0) != static_cast<ssize_t>(r.random.size()))
        return fail(ErrorKind::Io, "the host gives no random numbers", errno);
    const HwCaps caps = p.abi().hwcap(p.engine().isa(), o.engine.cpu_features);
    r.auxv = {{kAtSysinfoEhdr, p.vdso_base},
              {kAtHwcap, caps.hwcap},
              {kAtPagesz, mm.page_size()},
              {kAtClktck, static_cast<u64>(::sysconf(_SC_CLK_TCK))},
              {kAtPhdr, e.phdr_vaddr ? e.phdr_vaddr + bias : 0},
              {kAtPhent, 56},
              {kAtPhnum, e.phnum},
              {kAtBase, loader.base},
              {kAtFlags, 0},
              {kAtEntry, o.warm_report < 0 ? e.entry + bias : kNotRun},
              {kAtUid, ::getuid()},
              {kAtEuid, ::geteuid()},
              {kAtGid, ::getgid()},
              {kAtEgid, ::getegid()},
              {kAtSecure, ::getauxval(AT_SECURE) ? 1u : 0u},
              {kAtMinsigstksz, p.abi().at_minsigstksz}};
    if (caps.hwcap2) r.auxv.emplace_back(kAtHwcap2, *caps.hwcap2);
    auto s = build_stack(mm, r);
    if (!s) return std::unexpected(s.error());
    p.stack_top = r.top;
    p.initial_sp = s->sp;
    p.arg_start = s->arg_start;
    p.arg_end = s->arg_end;
    p.env_start = s->env_start;
    p.env_end = s->env_end;
    p.auxv_addr = s->auxv_addr;
    p.auxv = std::move(s->auxv);
    return {};
}

}  // namespace

Result<void> load_program(Process& p, const Program& prog, const Elf& elf) {
    RunOptions& o = p.options_;
    o.argv = prog.argv;
    const std::string& name = prog.path;
    AddressSpace& mm = p.mm();

    const u32 prot = elf.interpreter.empty() ? code_prot(p, elf) : 0;
    auto bias = map_elf(mm, prog.fd, elf, mm.layout().pie_base, prot, name);
    if (!bias) return std::unexpected(bias.error());
    p.brk_start = align_up(elf.high + *bias, mm.page_size());
    mm.set_brk(p.brk_start);
    p.entry = o.warm_report < 0 ? elf.entry + *bias : kNotRun;
    for (const ElfSegment& s : elf.loads) {
        if (s.flags & kPfW) {
            if (!p.data_start) p.data_start = s.vaddr + *bias;
            p.data_end = s.vaddr + s.filesz + *bias;
        }
        if (!(s.flags & kPfX)) continue;
        if (!p.code_start) p.code_start = s.vaddr + *bias;
        p.code_end = s.vaddr + s.filesz + *bias;
    }
    Loaded loader;
    if (!elf.interpreter.empty()) {
        auto l = map_interpreter(p, elf, name);
        if (!l) return std::unexpected(l.error());
        loader = *l;
        p.entry = loader.entry;
    }
    if (auto ok = map_vdso(p); !ok) return ok;
    if (auto ok = map_stack(p, o, elf, *bias, loader); !ok) return ok;

    char* real = ::realpath(prog.host_path.c_str(), nullptr);
    p.exe_path = real ? real : prog.host_path;
    const bool named = real != nullptr;
    std::free(real);
    if (!named) {  // executed by a descriptor: the file may have another name, or none any more
        char link[PATH_MAX];
        const ssize_t n = ::readlink(fmt::format("/proc/self/fd/{}", prog.fd).c_str(), link, sizeof link);
        if (n > 0) p.exe_path.assign(link, static_cast<size_t>(n));
    }
    // The name that ps shows; execve sets it from the file name (16 bytes with the NUL).
    ::prctl(PR_SET_NAME, o.program.substr(o.program.rfind('/') + 1).c_str());
    describe_process(p);
    return {};
}

}  // namespace vm::linux
