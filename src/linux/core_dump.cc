#include "linux/core_dump.h"

#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>

#include "base/format.h"
#include "linux/proc_files.h"
#include "linux/signals.h"

namespace vm::linux {
namespace {

// ---- notes (the same for all 64-bit Linux but for the number of registers)

struct Times {
    i64 seconds, micros;
};
/// struct elf_prstatus up to its registers.
struct Prstatus {
    i32 signo, code, error;
    i16 cursig, pad;
    u64 pending, held;
    i32 pid, ppid, pgrp, sid;
    Times user, system, child_user, child_system;
};
static_assert(sizeof(Prstatus) == 112);
struct Prpsinfo {
    i8 state, sname, zombie, nice;
    u32 pad;
    u64 flags;
    u32 uid, gid;
    i32 pid, ppid, pgrp, sid;
    char name[16], arguments[80];
};
static_assert(sizeof(Prpsinfo) == 136);

class Notes {
  public:
    void add(u32 type, const void* data, size_t bytes, std::string_view owner = "CORE") {
        char name[8] = {};
        owner.copy(name, sizeof name - 1);
        const Elf64_Nhdr h{static_cast<u32>(owner.size() + 1), static_cast<u32>(bytes), type};
        put(&h, sizeof h);
        put(name, sizeof name);
        put(data, bytes);
        bytes_.resize(align_up(bytes_.size(), 4));
    }
    const std::vector<u8>& bytes() const { return bytes_; }

  private:
    void put(const void* data, size_t n) {
        const auto* p = static_cast<const u8*>(data);
        bytes_.insert(bytes_.end(), p, p + n);
    }
    std::vector<u8> bytes_;
};

Times ticks(u64 t) {
    const u64 hz = static_cast<u64>(::sysconf(_SC_CLK_TCK));
    return {static_cast<i64>(t / hz), static_cast<i64>(t % hz * 1'000'000 / hz)};
}

void thread_notes(Notes& notes, Thread& t, int sig, const SigInfo& info, bool first) {
    Prstatus s{};
    s.cursig = static_cast<i16>(sig);
    if (first) {
        s.signo = sig;
        s.code = load_raw<i32>(info.bytes + 8);
        s.error = load_raw<i32>(info.bytes + 4);
    }
    s.held = t.blocked;
    s.pid = t.tid;
    s.ppid = ::getppid();
    s.pgrp = ::getpgrp();
    s.sid = ::getsid(0);
    const auto fields = proc_stat_fields(fmt::format("/proc/self/task/{}/stat", t.tid));
    s.user = ticks(fields[14]);
    s.system = ticks(fields[15]);
    s.child_user = ticks(fields[16]);
    s.child_system = ticks(fields[17]);
    const CoreRegisters r = t.abi().core_registers(t);
    std::vector<u8> status(sizeof s + r.general.size() * 8 + 8);
    std::memcpy(status.data(), &s, sizeof s);
    std::memcpy(status.data() + sizeof s, r.general.data(), r.general.size() * 8);
    store_raw<i32>(status.data() + status.size() - 8, 1);  // pr_fpvalid
    notes.add(NT_PRSTATUS, status.data(), status.size());
    if (first) return;  // the process's own notes come between
    for (const CoreNote& n : r.notes) notes.add(n.type, n.bytes.data(), n.bytes.size(), n.owner);
}

std::string process_name() {
    char name[17] = {};
    ::prctl(PR_GET_NAME, name);
    return name;
}

Prpsinfo process_info(Process& p) {
    Prpsinfo i{};
    i.sname = 'R';
    i.nice = static_cast<i8>(::getpriority(PRIO_PROCESS, 0));
    i.uid = ::getuid();
    i.gid = ::getgid();
    i.pid = ::getpid();
    i.ppid = ::getppid();
    i.pgrp = ::getpgrp();
    i.sid = ::getsid(0);
    process_name().copy(i.name, sizeof i.name - 1);
    const u64 bytes = std::min<u64>(p.arg_end - p.arg_start, sizeof i.arguments - 1);
    if (p.mm().read(p.arg_start, i.arguments, bytes))
        for (u64 k = 0; k + 1 < bytes; k++)
            if (!i.arguments[k]) i.arguments[k] = ' ';
    return i;
}

/// NT_FILE: what is mapped from which file, in pages.
std::vector<u8> file_note(Process& p, const std::vector<Vma>& vmas) {
    const FileView& files = p.files();
    const auto lines = maps_lines(vmas, files.kind() == FileView::Kind::Host ? "" : files.root());
    std::vector<u64> words{0, p.mm().page_size()};
    std::string names;
    for (size_t i = 0; i < vmas.size(); i++) {
        const size_t name = lines[i].find('/');
        if (!vmas[i].file_id || name == std::string::npos) continue;
        words[0]++;
        words.insert(words.end(), {vmas[i].begin, vmas[i].end, vmas[i].offset / p.mm().page_size()});
        names += lines[i].substr(name);
        names += '\0';
    }
    std::vector<u8> note(words.size() * 8 + names.size());
    std::memcpy(note.data(), words.data(), words.size() * 8);
    std::memcpy(note.data() + words.size() * 8, names.data(), names.size());
    return note;
}

Notes all_notes(Thread& t, int sig, const SigInfo& info, const std::vector<Vma>& vmas,
                const std::vector<Thread*>& others) {
    Process& p = t.process();
    Notes notes;
    thread_notes(notes, t, sig, info, true);
    const Prpsinfo process = process_info(p);
    notes.add(NT_PRPSINFO, &process, sizeof process);
    notes.add(NT_SIGINFO, info.bytes, sizeof info.bytes);
    notes.add(NT_AUXV, p.auxv.data(), p.auxv.size() * 8);
    const std::vector<u8> files = file_note(p, vmas);
    notes.add(NT_FILE, files.data(), files.size());
    for (const CoreNote& n : p.abi().core_registers(t).notes)
        notes.add(n.type, n.bytes.data(), n.bytes.size(), n.owner);
    for (Thread* other : others) thread_notes(notes, *other, sig, info, false);
    return notes;
}

// ---- memory

/// How much of a mapping is dumped (fs/coredump.c, vma_dump_size). `filter`: coredump_filter.
u64 dump_bytes(AddressSpace& mm, const Vma& v, const MappingUse& use, u64 filter) {
    constexpr u64 kAnonPrivate = 1, kAnonShared = 2, kFilePrivate = 4, kFileShared = 8, kElfHeaders = 16;
    const u64 all = v.end - v.begin;
    if (v.path == "[vdso]") return all;
    if (use.dont_dump) return 0;
    if ((v.flags & 0xf) != MAP_PRIVATE) {
        const bool anonymous = (v.flags & MAP_ANONYMOUS) || use.deleted;
        return filter & (anonymous ? kAnonShared : kFileShared) ? all : 0;
    }
    if (use.anonymous && (filter & kAnonPrivate)) return all;
    if (!v.file_id) return 0;
    if (filter & kFilePrivate) return all;
    u8 magic[4];
    if ((filter & kElfHeaders) && v.offset == 0 && (v.prot & PROT_READ) && mm.read(v.begin, magic, 4) &&
        std::memcmp(magic, ELFMAG, 4) == 0)
        return mm.page_size();
    return 0;
}

class CoreFile {
  public:
    CoreFile(int fd, u64 limit)
        : fd_(fd), limit_(limit), mem_(::open("/proc/self/mem", O_RDONLY | O_CLOEXEC)) {}
    ~CoreFile() {
        (void)::ftruncate(fd_, static_cast<off_t>(std::min(at_, limit_)));
        ::close(fd_);
        if (mem_ >= 0) ::close(mem_);
    }
    CoreFile(const CoreFile&) = delete;
    CoreFile& operator=(const CoreFile&) = delete;
    /// False: no room on the disk. What lies beyond RLIMIT_CORE is left out, as the kernel does it.
    bool write(const void* data, u64 bytes) {
        const u64 fits = at_ < limit_ ? std::min(bytes, limit_ - at_) : 0;
        for (u64 done = 0; done < fits;) {
            const ssize_t n = ::pwrite(fd_, static_cast<const u8*>(data) + done, fits - done,
                                       static_cast<off_t>(at_ + done));
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) return false;
            done += static_cast<u64>(n);
        }
        at_ += bytes;
        return true;
    }
    void skip(u64 bytes) { at_ += bytes; }
    /// Guest memory whatever its protection; pages that are not there, and those that cannot be read, become
    /// holes.
    bool write_memory(u64 begin, u64 bytes, u64 page, bool may_be_absent) {
        constexpr u64 kChunk = u64{1} << 20;
        std::vector<u8> buffer(kChunk);
        for (u64 at = begin; at < begin + bytes && at_ < limit_; at += kChunk) {
            const u64 n = std::min(kChunk, begin + bytes - at);
            if (may_be_absent && pages_in_use(at, at + n, page) == 0) {
                skip(n);
                continue;
            }
            const ssize_t got = ::pread(mem_, buffer.data(), n, static_cast<off_t>(at));
            const u64 read = got > 0 ? static_cast<u64>(got) : 0;
            if (!write(buffer.data(), read)) return false;
            skip(n - read);
        }
        return true;
    }

  private:
    int fd_;
    u64 limit_, at_ = 0;
    int mem_;
};

bool write_core(Thread& t, CoreFile& file, const Notes& notes, const std::vector<Vma>& vmas) {
    AddressSpace& mm = t.mm();
    const u64 page = mm.page_size();
    u64 filter = 0x33;
    const std::string text = read_host_file("/proc/self/coredump_filter");
    std::from_chars(text.data(), text.data() + text.size(), filter, 16);
    const std::vector<MappingUse> use = mapping_use(mm, vmas);

    const u64 segments = vmas.size() + 1;
    const bool many = segments >= PN_XNUM;
    const u64 headers = sizeof(Elf64_Ehdr) + segments * sizeof(Elf64_Phdr);
    std::vector<Elf64_Phdr> table{{PT_NOTE, 0, headers, 0, 0, notes.bytes().size(), 0, 4}};
    u64 at = align_up(headers + notes.bytes().size(), page);
    for (size_t i = 0; i < vmas.size(); i++) {
        const Vma& v = vmas[i];
        const u64 bytes = dump_bytes(mm, v, use[i], filter);
        const u32 flags = (v.prot & PROT_READ ? PF_R : 0) | (v.prot & PROT_WRITE ? PF_W : 0) |
                          (v.prot & PROT_EXEC ? PF_X : 0);
        table.push_back({PT_LOAD, flags, at, v.begin, 0, bytes, v.end - v.begin, page});
        at += bytes;
    }
    Elf64_Ehdr e{};
    std::memcpy(e.e_ident, ELFMAG, SELFMAG);
    e.e_ident[EI_CLASS] = ELFCLASS64;
    e.e_ident[EI_DATA] = ELFDATA2LSB;
    e.e_ident[EI_VERSION] = EV_CURRENT;
    e.e_type = ET_CORE;
    e.e_machine = t.abi().elf.machine;
    e.e_version = EV_CURRENT;
    e.e_phoff = sizeof e;
    e.e_flags = t.abi().vdso->elf_flags;
    e.e_ehsize = sizeof e;
    e.e_phentsize = sizeof(Elf64_Phdr);
    e.e_phnum = static_cast<u16>(many ? PN_XNUM : segments);
    // More segments than fit in e_phnum: the number stands in section header 0, behind everything else.
    e.e_shoff = many ? at : 0;
    e.e_shentsize = many ? sizeof(Elf64_Shdr) : 0;
    e.e_shnum = many ? 1 : 0;
    const std::vector<u8> padding(align_up(headers + notes.bytes().size(), page) - headers -
                                  notes.bytes().size());
    if (!file.write(&e, sizeof e) || !file.write(table.data(), table.size() * sizeof table[0]) ||
        !file.write(notes.bytes().data(), notes.bytes().size()) ||
        !file.write(padding.data(), padding.size()))
        return false;
    for (size_t i = 0; i < vmas.size(); i++) {
        const bool private_anonymous = !vmas[i].file_id;
        if (!file.write_memory(vmas[i].begin, table[i + 1].p_filesz, page, private_anonymous)) return false;
    }
    if (!many) return true;
    Elf64_Shdr s{};
    s.sh_info = static_cast<u32>(segments);
    return file.write(&s, sizeof s);
}

// ---- where to

std::string first_line(const char* path) {
    std::string s = read_host_file(path);
    s.resize(std::min(s.find('\n'), s.size()));
    return s;
}

int open_core(const std::string& name) {
    ::unlink(name.c_str());
    return ::open(name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/// Whether and where: empty = no core file.
std::string wanted_file(Thread& t, int sig, u64* limit) {
    rlimit l{};
    if (::getrlimit(RLIMIT_CORE, &l) != 0 || l.rlim_cur < 4096) return {};
    if (::prctl(PR_GET_DUMPABLE) != 1) return {};
    *limit = l.rlim_cur;
    CoreName n;
    n.pattern = first_line("/proc/sys/kernel/core_pattern");
    n.uses_pid = first_line("/proc/sys/kernel/core_uses_pid") == "1";
    // A program or socket that takes core files would get vm's registers with them: only the kernel can start
    // it.
    if (n.pattern.empty() || n.pattern.front() == '|' || n.pattern.front() == '@') return {};
    n.pid = ::getpid();
    n.tid = t.tid;
    n.sig = sig;
    n.time = static_cast<u64>(::time(nullptr));
    n.limit = l.rlim_cur;
    n.comm = process_name();
    n.exe = t.process().files().guest_path(t.process().exe_path);
    utsname u{};
    ::uname(&u);
    n.host = u.nodename;
    return core_file_name(n);
}

/// A directory that no path leads to and that is gone with its last user; -1 = cannot be had.
int vanishing_directory() {
    constexpr long kFsopen = 430, kFsconfig = 431, kFsmount = 432, kCreate = 6;
    const int context = static_cast<int>(::syscall(kFsopen, "tmpfs", 1));
    if (context < 0) return -1;
    int fd = -1;
    if (::syscall(kFsconfig, context, kCreate, nullptr, nullptr, 0) == 0)
        fd = static_cast<int>(::syscall(kFsmount, context, 1, 0));
    ::close(context);
    return fd;
}

std::vector<Thread*> stop_others(Thread& t) {
    Process& p = t.process();
    std::vector<Thread*> others;
    {
        const std::lock_guard lock(p.threads_mutex);
        for (Thread* o : p.threads)
            if (o != &t && o->home == t.home && o->group == t.group) others.push_back(o);
    }
    for (Thread* o : others) o->vcpu().request_safepoint();
    // A thread that is not in guest code has told all there is to know of it; it does not come back
    // (stop_if_asked).
    for (Thread* o : others)
        for (int ms = 0; o->in_guest.load(std::memory_order_acquire) && ms < 2000; ms++) ::usleep(1000);
    return others;
}

}  // namespace

bool signal_dumps_core(int sig) {
    constexpr u64 kCore = sigbit(SIGQUIT) | sigbit(SIGILL) | sigbit(SIGTRAP) | sigbit(SIGABRT) |
                          sigbit(SIGBUS) | sigbit(SIGFPE) | sigbit(SIGSEGV) | sigbit(SIGXCPU) |
                          sigbit(SIGXFSZ) | sigbit(SIGSYS);
    return sig >= 1 && sig <= 64 && (kCore & sigbit(sig));
}

std::string core_file_name(const CoreName& n) {
    const auto slashes = [](std::string s) {
        std::replace(s.begin(), s.end(), '/', '!');
        return s;
    };
    std::string out;
    bool pid_said = false;
    for (size_t i = 0; i < n.pattern.size(); i++) {
        if (n.pattern[i] != '%') {
            out += n.pattern[i];
            continue;
        }
        if (++i == n.pattern.size()) break;  // a lone % at the end is dropped
        switch (n.pattern[i]) {
            case '%': out += '%'; break;
            case 'p':
            case 'P':
                pid_said = true;
                out += fmt::format("{}", n.pid);
                break;
            case 'i':
            case 'I': out += fmt::format("{}", n.tid); break;
            case 'u': out += fmt::format("{}", ::getuid()); break;
            case 'g': out += fmt::format("{}", ::getgid()); break;
            case 'd': out += fmt::format("{}", n.dumpable); break;
            case 's': out += fmt::format("{}", n.sig); break;
            case 't': out += fmt::format("{}", n.time); break;
            case 'h': out += slashes(n.host); break;
            case 'e': out += slashes(n.comm); break;
            case 'f': out += slashes(n.exe.substr(n.exe.rfind('/') + 1)); break;
            case 'E': out += slashes(n.exe); break;
            case 'c': out += fmt::format("{}", n.limit); break;
            default: break;  // unknown ones are dropped
        }
    }
    if (n.uses_pid && !pid_said) out += fmt::format(".{}", n.pid);
    return out;
}

bool dump_core(Thread& t, int sig, const SigInfo& info) {
    Process& p = t.process();
    if (t.group->stopping.exchange(true)) stop_if_asked(t);
    u64 limit = 0;
    const std::string name = wanted_file(t, sig, &limit);
    if (name.empty()) return false;
    const std::vector<Thread*> others = stop_others(t);
    const int fd = open_core(name);
    if (fd < 0) return false;
    const std::vector<Vma> vmas = p.mm().snapshot();
    const Notes notes = all_notes(t, sig, info, vmas, others);
    CoreFile file(fd, limit);
    return write_core(t, file, notes, vmas);
}

void forbid_host_core(const Thread& t, bool dumped) {
    const std::string pattern = first_line("/proc/sys/kernel/core_pattern");
    const bool relative = !pattern.empty() && pattern.find('/') == pattern.npos && pattern.front() != '|' &&
                          pattern.front() != '@';
    rlimit limit{};
    ::getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = 0;
    // Parents learn of a core file from the kernel alone, and only if it has begun one itself: its first
    // page, where nobody finds it.
    if (dumped && relative) {
        const int fd = vanishing_directory();
        if (fd >= 0 && ::unshare(CLONE_FS) == 0 && ::fchdir(fd) == 0) limit.rlim_cur = 4096;
    }
    ::setrlimit(RLIMIT_CORE, &limit);
    // Not in a process that lives in its parent's memory, where this would be the parent's setting too.
    if (limit.rlim_cur == 0 && !t.group->shares_memory && t.home == t.group.get())
        ::prctl(PR_SET_DUMPABLE, 0);
}

void stop_if_asked(Thread& t) {
    if (!t.group->stopping.load(std::memory_order_acquire)) return;
    t.in_guest.store(false, std::memory_order_release);
    block_host_signals();
    for (;;) ::pause();
}

}  // namespace vm::linux
