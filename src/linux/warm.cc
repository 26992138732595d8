// Translating ahead: what the functions of a program and of its libraries lead to, without running the
// program. Its loader has mapped them all; where their functions begin stands in the table that finds unwind
// information (.eh_frame_hdr), which stripped files have too. Everything read is untrusted: code at a wrong
// address only costs time.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <unordered_map>

#include "base/format.h"
#include "linux/process.h"
#include "osal/private_dir.h"

namespace vm::linux {
namespace {

constexpr u32 kPtLoad = 1, kPtGnuEhFrame = 0x6474e550, kShtSymtab = 2, kShtNobits = 8;
constexpr u8 kSttFunc = 2;
constexpr u16 kMaxHeaders = 64;
constexpr u64 kMaxFunctions = u64{1} << 20;

struct ElfHeader {
    std::array<u8, 16> ident;
    u16 type, machine;
    u32 version;
    u64 entry, phoff, shoff;
    u32 flags;
    u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct ProgramHeader {
    u32 type, flags;
    u64 offset, vaddr, paddr, filesz, memsz, align;
};
struct SectionHeader {
    u32 name, type;
    u64 flags, addr, offset, size;
    u32 link, info;
    u64 addralign, entsize;
};
struct Symbol {
    u32 name;
    u8 info, other;
    u16 section;
    u64 value, size;
};
/// .eh_frame_hdr as every linker writes it: a count and a sorted table, all relative.
struct EhFrameHeader {
    u8 version, pointer_encoding, count_encoding, table_encoding;
    i32 eh_frame;
    u32 count;
};
constexpr u8 kAbsolute8 = 0x00, kUdata4 = 0x03, kPcRelSdata4 = 0x1b, kDataRelSdata4 = 0x3b;
struct EhFrameEntry {
    i32 function, description;
};

/// The file's header, in the mapping of its first page: at or below maps[code].
bool find_header(const AddressSpace& mm, const std::vector<Vma>& maps, size_t code, u64* at,
                 ElfHeader* header) {
    for (size_t i = code;; i--) {
        if (maps[i].offset == 0 && maps[i].file_id != 0 && mm.read(maps[i].begin, header, sizeof *header) &&
            header->ident[0] == 0x7f && header->ident[1] == 'E' && header->ident[2] == 'L' &&
            header->ident[3] == 'F') {
            *at = maps[i].begin;
            return true;
        }
        if (i == 0 || maps[i - 1].end != maps[i].begin) return false;
    }
}

/// Functions by the table at `at`, of `bytes` bytes; none if it has another form.
void read_table(const AddressSpace& mm, u64 at, u64 bytes, std::vector<u64>& out) {
    EhFrameHeader h{};
    if (bytes < sizeof h || !mm.read(at, &h, sizeof h)) return;
    if (h.version != 1 || h.pointer_encoding != kPcRelSdata4 || h.count_encoding != kUdata4 ||
        h.table_encoding != kDataRelSdata4)
        return;
    const u64 n = std::min({u64{h.count}, (bytes - sizeof h) / sizeof(EhFrameEntry), kMaxFunctions});
    std::vector<EhFrameEntry> entries(n);
    if (n == 0 || !mm.read(at + sizeof h, entries.data(), n * sizeof(EhFrameEntry))) return;
    for (const EhFrameEntry& e : entries) out.push_back(at + static_cast<u64>(i64{e.function}));
}

// ---- programs that are linked statically have no such table: their symbols, or the unwind information
// itself

/// Functions by the unwind information `data` (.eh_frame), which lies at `at`. Records of a form that is not
/// known are left out.
void read_frames(std::span<const u8> data, u64 at, std::vector<u64>& out) {
    const auto word = [&](u64 p) { return load_raw<u32>(data.data() + p); };
    std::unordered_map<u64, u8> encodings;  // of each CIE
    for (u64 p = 0; p + 8 <= data.size() && out.size() < kMaxFunctions;) {
        const u64 bytes = word(p), body = p + 4;
        if (bytes < 4 || bytes > data.size() - body) return;  // the end, or 64 bits wide
        const u64 end = body + bytes, id = word(body);
        if (id == 0) {
            // version, augmentation "zR…\0", code alignment, data alignment, return register, length,
            // encoding
            const u64 text = body + 5;
            const bool known =
                text + 8 <= end && data[text] == 'z' && data[text + 1] == 'R' && data[text + 2] == 0;
            if (known && (data[text + 3] | data[text + 4] | data[text + 5] | data[text + 6]) < 0x80)
                encodings[p] = data[text + 7];
        } else if (const auto cie = encodings.find(body - id); cie != encodings.end()) {
            const u64 field = body + 4;
            if (cie->second == kPcRelSdata4 && field + 4 <= end)
                out.push_back(at + field + static_cast<u64>(i64{static_cast<i32>(word(field))}));
            if (cie->second == kAbsolute8 && field + 8 <= end)
                out.push_back(load_raw<u64>(data.data() + field));
        }
        p = end;
    }
}

/// Functions by the section headers of the file `path`, in the file's own addresses.
std::vector<u64> functions_in_file(const std::string& path) {
    std::vector<u64> out;
    osal::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat st {};
    if (fd.get() < 0 || ::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode)) return out;
    const auto file = osal::MappedFile::map(std::move(fd), static_cast<u64>(st.st_size));
    if (!file) return out;
    const std::span<const u8> all(file->data(), file->size());
    const auto part = [&](u64 offset, u64 bytes) {
        return offset <= all.size() && bytes <= all.size() - offset ? all.subspan(offset, bytes)
                                                                    : all.first(0);
    };
    ElfHeader header{};
    if (all.size() < sizeof header) return out;
    std::memcpy(&header, all.data(), sizeof header);
    if (header.shentsize != sizeof(SectionHeader)) return out;
    const auto table = part(header.shoff, u64{header.shnum} * sizeof(SectionHeader));
    std::vector<SectionHeader> sections(table.size() / sizeof(SectionHeader));
    if (!table.empty()) std::memcpy(sections.data(), table.data(), table.size());
    const auto names = header.shstrndx < sections.size()
                           ? part(sections[header.shstrndx].offset, sections[header.shstrndx].size)
                           : all.first(0);
    static constexpr std::string_view kEhFrame{".eh_frame", sizeof ".eh_frame"};  // with its NUL
    for (const SectionHeader& s : sections) {
        const auto data = part(s.offset, s.type == kShtNobits ? 0 : s.size);
        if (s.type == kShtSymtab)
            for (u64 p = 0; p + sizeof(Symbol) <= data.size() && out.size() < kMaxFunctions;
                 p += sizeof(Symbol)) {
                Symbol symbol{};
                std::memcpy(&symbol, data.data() + p, sizeof symbol);
                if ((symbol.info & 15) == kSttFunc && symbol.section != 0) out.push_back(symbol.value);
            }
        if (s.name < names.size() && names.size() - s.name >= kEhFrame.size() &&
            std::memcmp(names.data() + s.name, kEhFrame.data(), kEhFrame.size()) == 0)
            read_frames(data, s.addr, out);
    }
    return out;
}

/// Where code of the file begins whose mapping maps[code] is: its entry and its functions. `file`: its
/// path, if that is known.
std::vector<u64> function_starts(const AddressSpace& mm, const std::vector<Vma>& maps, size_t code,
                                 const std::string& file) {
    std::vector<u64> out;
    u64 at = 0;
    ElfHeader header{};
    if (!find_header(mm, maps, code, &at, &header)) return out;
    if (header.phentsize != sizeof(ProgramHeader)) return out;
    std::vector<ProgramHeader> parts(std::min(header.phnum, kMaxHeaders));
    if (parts.empty() || !mm.read(at + header.phoff, parts.data(), parts.size() * sizeof(ProgramHeader)))
        return out;
    u64 bias = 0;
    for (const ProgramHeader& p : parts)
        if (p.type == kPtLoad && p.offset == 0) bias = at - align_down(p.vaddr, mm.page_size());
    for (const ProgramHeader& p : parts)
        if (p.type == kPtGnuEhFrame) read_table(mm, p.vaddr + bias, p.memsz, out);
    if (out.empty() && !file.empty())
        for (const u64 function : functions_in_file(file)) out.push_back(function + bias);
    if (header.entry != 0) out.push_back(header.entry + bias);
    return out;
}

}  // namespace

bool Process::translate_files() {
    u64 translations = 0, files = 0;
    jit::Saved saved;
    // A program that gets threads, or shares memory, needs other code.
    for (const bool alone : {true, false}) {
        if (!alone) engine_->memory_is_shared();
        const std::vector<Vma> maps = mm_->snapshot();
        for (size_t i = 0; i < maps.size(); i++) {
            frontend::CodeFile file;
            if (!(maps[i].prot & PROT_EXEC) || !mm_->code_file(maps[i].begin, file)) continue;
            const bool ours = code_start >= file.begin && code_start < file.end;
            const std::vector<u64> starts = function_starts(*mm_, maps, i, ours ? exe_path : std::string());
            translations += main_->vcpu().translate_ahead(starts, file.begin, file.end);
            files += alone;
        }
        const jit::Saved now = engine_->save_translations();
        saved.written += now.written;
        saved.failed += now.failed;
    }
    std::string line = fmt::format("{}: {} translations of {} files, {} images written", options_.program,
                                   translations, files, saved.written);
    if (saved.failed != 0) line += fmt::format(", {} could not be written", saved.failed);
    line += '\n';
    const bool told =
        ::write(options_.warm_report, line.data(), line.size()) == static_cast<ssize_t>(line.size());
    return saved.failed == 0 && told;
}

}  // namespace vm::linux
