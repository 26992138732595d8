#include "linux/elf.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/format.h"

namespace vm::linux {
namespace {

// Layouts: System V ABI, "Object Files"; ELF-64 Object File Format 1.5.
constexpr u64 kEhdrBytes = 64, kPhdrBytes = 56;
constexpr u32 kPtLoad = 1, kPtInterp = 3, kPtGnuStack = 0x6474e551, kPtGnuProperty = 0x6474e553;
constexpr u64 kMaxPhdrBytes = 65536;  // as the Linux kernel
constexpr u64 kMaxInterp = 4096;      // PATH_MAX

std::unexpected<Error> bad(const std::string& name, std::string_view what) {
    return fail(ErrorKind::NotExecutable, fmt::format("{}: {}", name, what));
}

/// Reads exactly `n` bytes at `offset`; false at end of file or error.
bool read_at(int fd, u64 offset, void* out, u64 n) {
    u8* to = static_cast<u8*>(out);
    while (n) {
        const ssize_t got = ::pread(fd, to, n, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        to += got;
        offset += static_cast<u64>(got);
        n -= static_cast<u64>(got);
    }
    return true;
}

struct Header {
    u8 bytes[kEhdrBytes];
    bool is_64() const { return bytes[4] == 2; }
    bool little() const { return bytes[5] == 1; }
    u64 field(u64 offset, unsigned size) const {
        u64 v = 0;
        for (unsigned i = 0; i < size; i++) v |= u64{bytes[offset + i]} << 8 * (little() ? i : size - 1 - i);
        return v;
    }
    u16 type() const { return static_cast<u16>(field(16, 2)); }
    u16 machine() const { return static_cast<u16>(field(18, 2)); }
    u32 version() const { return static_cast<u32>(field(20, 4)); }
    u64 entry() const { return is_64() ? field(24, 8) : field(24, 4); }
    u64 phoff() const { return field(32, 8); }
    u32 flags() const { return static_cast<u32>(field(48, 4)); }
    u16 phentsize() const { return static_cast<u16>(field(54, 2)); }
    u16 phnum() const { return static_cast<u16>(field(56, 2)); }
};

Result<u64> open_file_size(int fd, const std::string& name) {
    struct stat st {};
    if (::fstat(fd, &st) != 0)
        return fail(ErrorKind::Io,
                    fmt::format("{}: cannot be examined ({})", name, std::generic_category().message(errno)),
                    errno);
    if (S_ISDIR(st.st_mode)) return bad(name, "is a directory, not a program");
    if (!S_ISREG(st.st_mode)) return bad(name, "is not a regular file, so it cannot be run");
    return static_cast<u64>(st.st_size);
}

Result<Header> read_header(int fd, const std::string& name, u64 size) {
    if (size == 0) return bad(name, "is empty, so it cannot be run");
    Header h{};
    if (!read_at(fd, 0, h.bytes, std::min(size, kEhdrBytes)))
        return fail(ErrorKind::Io, fmt::format("{}: cannot be read", name));
    if (size < 4 || file_kind({reinterpret_cast<char*>(h.bytes), 4}) != FileKind::Elf)
        return bad(name, "is neither an ELF program nor a script that starts with '#!'");
    if (size < kEhdrBytes) return bad(name, "is cut off inside its ELF header");
    if (h.bytes[4] != 1 && h.bytes[4] != 2)
        return bad(name, "is a damaged ELF file: its class is neither 32 nor 64 bits");
    if (h.bytes[5] != 1 && h.bytes[5] != 2) return bad(name, "is a damaged ELF file: it has no byte order");
    return h;
}

std::string type_name(u16 type) {
    switch (type) {
        case 1: return "object file";
        case kElfExec: return "executable";
        case kElfDyn: return "position-independent executable or shared library";
        case 4: return "core dump";
        default: return fmt::format("type {}", type);
    }
}

/// "riscv64 and aarch64"
std::string names(std::span<const ElfTarget> targets) {
    std::string text;
    for (const ElfTarget& t : targets)
        text += fmt::format("{}{}",
                            text.empty()            ? ""
                            : &t == &targets.back() ? " and "
                                                    : ", ",
                            machine_name(t.machine));
    return text;
}

/// Header checks; everything that needs no program headers. The target that it is made for.
Result<ElfTarget> check_header(const Header& h, const std::string& name, std::span<const ElfTarget> targets,
                               u64 size) {
    const auto target =
        std::find_if(targets.begin(), targets.end(), [&](const auto& t) { return t.machine == h.machine(); });
    if (!h.is_64())
        return bad(name, fmt::format("is a 32-bit {} program; only 64-bit {} programs can be run",
                                     machine_name(h.machine(), false), names(targets)));
    if (!h.little()) return bad(name, "is a big-endian program; only little-endian ones can be run");
    if (h.bytes[6] != 1 || h.version() != 1) return bad(name, "is a damaged ELF file: unknown ELF version");
    if (target == targets.end()) {
        if (h.machine() == host_machine())
            return bad(name, fmt::format("is {} program, made for this very machine; start it directly",
                                         with_article(machine_name(h.machine()))));
        return bad(name, fmt::format("is {} program; this version runs {} programs",
                                     with_article(machine_name(h.machine())), names(targets)));
    }
    if (h.type() != kElfExec && h.type() != kElfDyn) {
        if (h.type() == 1) return bad(name, "is an object file that was not linked into a program yet");
        if (h.type() == 4) return bad(name, "is a core dump, not a program");
        return bad(name, fmt::format("is not a program but an ELF file of type {}", h.type()));
    }
    if (h.flags() & target->refused_flags) return bad(name, target->refused_reason);
    if (h.phentsize() != kPhdrBytes)
        return bad(name, fmt::format("is a damaged ELF file: program headers of {} bytes instead of 56",
                                     h.phentsize()));
    const u64 bytes = u64{h.phnum()} * kPhdrBytes;
    if (bytes == 0) return bad(name, "has no program headers, so nothing in it can be run");
    if (bytes > kMaxPhdrBytes)
        return bad(name, fmt::format("is a damaged ELF file: {} program headers", h.phnum()));
    if (h.phoff() > size || bytes > size - h.phoff())
        return bad(name, "is cut off: its program headers lie beyond the end of the file");
    return *target;
}

Result<void> add_load(Elf& e, const ElfSegment& s, const std::string& name, const ElfTarget& target,
                      u64 size) {
    const u64 page_size = target.page_size, task_size = target.task_size;
    if (s.memsz < s.filesz)
        return bad(name, "is a damaged ELF file: a segment is larger in the file than in memory");
    if (s.memsz == 0) return {};
    // One without bytes of the file may name any place in it: linkers give .bss one behind the end.
    if (s.filesz != 0 && (s.offset > size || s.filesz > size - s.offset))
        return bad(name, "is cut off: a segment lies beyond the end of the file");
    if (s.vaddr >= task_size || s.memsz > task_size - s.vaddr)
        return bad(name,
                   fmt::format(
                       "cannot be loaded: a segment at {:#x} of {} bytes does not fit into the address space",
                       s.vaddr, s.memsz));
    if (s.vaddr % page_size != s.offset % page_size)
        return bad(name, fmt::format("cannot be loaded: a segment at {:#x} is not aligned to pages of {} "
                                     "bytes like its file contents",
                                     s.vaddr, page_size));
    if (s.align > 1 && (!std::has_single_bit(s.align) || s.align > u64{1} << 32))
        return bad(name, fmt::format("is a damaged ELF file: a segment is aligned to {:#x}", s.align));
    if (!e.loads.empty()) {
        const ElfSegment& before = e.loads.back();
        if (s.vaddr < before.vaddr)
            return bad(name, "is a damaged ELF file: its segments are not in ascending order");
        if (s.vaddr < before.vaddr + before.memsz)
            return bad(name, "is a damaged ELF file: its segments overlap");
    }
    e.loads.push_back(s);
    e.max_align = std::max(e.max_align, s.align);
    return {};
}

Result<void> read_interpreter(int fd, Elf& e, u64 offset, u64 bytes, const std::string& name, u64 size) {
    if (!e.interpreter.empty()) return {};  // the first one counts
    if (bytes < 2 || bytes > kMaxInterp)
        return bad(name, "is a damaged ELF file: the name of its loader has an impossible length");
    if (offset > size || bytes > size - offset)
        return bad(name, "is cut off: the name of its loader lies beyond the end of the file");
    std::string text(bytes, '\0');
    if (!read_at(fd, offset, text.data(), bytes))
        return fail(ErrorKind::Io, fmt::format("{}: cannot be read", name));
    if (text.back() != '\0') return bad(name, "is a damaged ELF file: the name of its loader does not end");
    text.resize(text.find('\0'));
    const bool printable = std::all_of(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; });
    if (text.empty() || !printable)
        return bad(name, "is a damaged ELF file: the name of its loader is not a path");
    e.interpreter = std::move(text);
    return {};
}

/// The u32 of property `wanted` in a PT_GNU_PROPERTY segment; 0 where there is none, or no sense in it
/// (x86-64 psABI, "Program Property").
u32 read_property(int fd, u64 offset, u64 bytes, u32 wanted, u64 size) {
    constexpr u64 kHead = 16, kMost = 1024;  // note header with "GNU"; what Linux looks at
    constexpr u32 kTypeProperty = 5;
    if (bytes < kHead || bytes > kMost || offset > size || bytes > size - offset) return 0;
    u8 note[kMost];
    if (!read_at(fd, offset, note, bytes)) return 0;
    const u32 described = load_raw<u32>(note + 4);
    if (load_raw<u32>(note) != 4 || load_raw<u32>(note + 8) != kTypeProperty ||
        std::memcmp(note + 12, "GNU", 4) != 0 || described > bytes - kHead)
        return 0;
    for (u64 at = kHead; at + 8 <= kHead + described;) {
        const u32 type = load_raw<u32>(note + at), n = load_raw<u32>(note + at + 4);
        at += 8;
        if (n > kHead + described - at) return 0;
        if (type == wanted) return n == 4 ? load_raw<u32>(note + at) : 0;
        at += align_up(u64{n}, 8);
    }
    return 0;
}

Result<void> check_entry(const Elf& e, const std::string& name) {
    if (e.loads.empty()) return bad(name, "has nothing to load, so it cannot be run");
    if (e.entry == 0 && e.pie())
        return bad(name, "is a shared library without an entry point, not a program");
    for (const ElfSegment& s : e.loads)
        if ((s.flags & kPfX) && e.entry >= s.vaddr && e.entry - s.vaddr < s.memsz) return {};
    return bad(name,
               fmt::format("is a damaged ELF file: its entry point {:#x} lies outside its code", e.entry));
}

}  // namespace

FileKind file_kind(std::string_view head) {
    if (head.starts_with("\x7f"
                         "ELF"))
        return FileKind::Elf;
    if (head.starts_with("#!")) return FileKind::Script;
    return FileKind::Other;
}

bool parse_shebang(std::string_view head, std::string* interpreter, std::string* argument) {
    const std::string_view blanks = " \t";
    std::string_view line =
        head.substr(2, head.find('\n') == std::string_view::npos ? head.npos : head.find('\n') - 2);
    line = line.substr(0, line.find('\0'));
    while (!line.empty() && blanks.find(line.back()) != blanks.npos) line.remove_suffix(1);
    const size_t from = line.find_first_not_of(blanks);
    if (from == line.npos) return false;
    line.remove_prefix(from);
    const size_t to = std::min(line.find_first_of(blanks), line.size());
    *interpreter = line.substr(0, to);
    line.remove_prefix(to);
    const size_t arg = line.find_first_not_of(blanks);
    *argument = arg == line.npos ? std::string_view{} : line.substr(arg);
    return true;
}

std::string with_article(const std::string& noun) {
    const bool vowel = std::string_view("aeiox").find(noun[0]) != std::string_view::npos;  // as it is spoken
    return (vowel || noun.starts_with("s390") ? "an " : "a ") + noun;
}

std::string machine_name(u16 machine, bool is_64) {
    switch (machine) {
        case kEmRiscv: return is_64 ? "riscv64" : "riscv32";
        case kEmX86_64: return is_64 ? "x86-64" : "x32";
        case kEmAarch64: return is_64 ? "aarch64" : "aarch64 ILP32";
        case kEm386: return "i386";
        case 8: return is_64 ? "mips64" : "mips";
        case 20: return "powerpc";
        case 21: return "ppc64";
        case 22: return is_64 ? "s390x" : "s390";
        case 40: return "arm";
        case 2: return "sparc";
        case 43: return "sparc64";
        case 258: return is_64 ? "loongarch64" : "loongarch32";
        default: return fmt::format("machine-{}", machine);
    }
}

Result<Elf> parse_elf(int fd, const std::string& name, std::span<const ElfTarget> targets) {
    auto size = open_file_size(fd, name);
    if (!size) return std::unexpected(size.error());
    auto h = read_header(fd, name, *size);
    if (!h) return std::unexpected(h.error());
    auto target = check_header(*h, name, targets, *size);
    if (!target) return std::unexpected(target.error());

    Elf e;
    e.type = h->type();
    e.machine = h->machine();
    e.flags = h->flags();
    e.entry = h->entry();
    e.phnum = h->phnum();
    std::vector<u8> table(u64{h->phnum()} * kPhdrBytes);
    if (!read_at(fd, h->phoff(), table.data(), table.size()))
        return fail(ErrorKind::Io, fmt::format("{}: cannot be read", name));
    for (u64 at = 0; at < table.size(); at += kPhdrBytes) {
        const u8* p = &table[at];
        const ElfSegment s{.offset = load_raw<u64>(p + 8),
                           .vaddr = load_raw<u64>(p + 16),
                           .filesz = load_raw<u64>(p + 32),
                           .memsz = load_raw<u64>(p + 40),
                           .align = load_raw<u64>(p + 48),
                           .flags = load_raw<u32>(p + 4)};
        Result<void> ok;
        switch (load_raw<u32>(p)) {
            case kPtLoad: ok = add_load(e, s, name, *target, *size); break;
            case kPtInterp: ok = read_interpreter(fd, e, s.offset, s.filesz, name, *size); break;
            case kPtGnuStack: e.exec_stack = s.flags & kPfX; break;
            case kPtGnuProperty:
                if (target->feature_property)
                    e.features = read_property(fd, s.offset, s.filesz, target->feature_property, *size);
                break;
            default: break;
        }
        if (!ok) return std::unexpected(ok.error());
    }
    if (auto ok = check_entry(e, name); !ok) return std::unexpected(ok.error());
    e.low = e.loads.front().vaddr;
    e.high = e.loads.back().vaddr + e.loads.back().memsz;
    for (const ElfSegment& s : e.loads)
        if (h->phoff() >= s.offset && h->phoff() - s.offset < s.filesz && !e.phdr_vaddr)
            e.phdr_vaddr = h->phoff() - s.offset + s.vaddr;
    return e;
}

Result<ElfDescription> describe_elf(const std::string& path, std::span<const ElfTarget> targets) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        const int e = errno;
        return fail(e == ENOENT || e == ENOTDIR ? ErrorKind::NotFound : ErrorKind::Io,
                    fmt::format("{}: {}", path, std::generic_category().message(e)), e);
    }
    ElfDescription d;
    auto describe = [&]() -> Result<ElfDescription> {
        auto size = open_file_size(fd, path);
        if (!size) return std::unexpected(size.error());
        auto h = read_header(fd, path, *size);
        if (!h) return std::unexpected(h.error());
        d.is_64 = h->is_64();
        d.little_endian = h->little();
        d.machine = h->machine();
        d.type = h->type();
        d.machine_name = machine_name(d.machine, d.is_64);
        d.type_name = type_name(d.type);
        d.entry = h->entry();
        auto e = parse_elf(fd, path, targets);
        if (e) {
            d.runnable = true;
            d.interpreter = e->interpreter;
            if (d.type == kElfDyn && !d.interpreter.empty()) d.type_name = "position-independent executable";
        } else {
            d.reason = e.error().message;
        }
        return d;
    };
    auto result = describe();
    ::close(fd);
    return result;
}

}  // namespace vm::linux
