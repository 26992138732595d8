#include "osal/program_file.h"

#include <elf.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "base/format.h"

namespace vm::osal {
namespace {

constexpr u64 kMostHeaders = 1 << 16, kMostNotes = 1 << 16, kMostNames = 1 << 20, kMostSections = 4096;

/// `count` objects at `offset` of the file; empty if they are not all there.
template <class T>
std::vector<T> read_array(int fd, u64 offset, u64 count, u64 most) {
    std::vector<T> out;
    if (count == 0 || count > most || offset > u64{1} << 62) return out;
    out.resize(count);
    const auto bytes = static_cast<ssize_t>(count * sizeof(T));
    if (::pread(fd, out.data(), static_cast<size_t>(bytes), static_cast<off_t>(offset)) != bytes) out.clear();
    return out;
}

/// The description of the GNU build id among `notes`.
std::string build_id_in(const std::vector<u8>& notes) {
    for (u64 at = 0; at + sizeof(Elf64_Nhdr) <= notes.size();) {
        const auto note = load_raw<Elf64_Nhdr>(&notes[at]);
        const u64 name = at + sizeof note, desc = name + align_up(u64{note.n_namesz}, 4);
        if (desc > notes.size() || note.n_descsz > notes.size() - desc) return {};
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
            std::memcmp(&notes[name], "GNU", 4) == 0) {
            std::string id;
            for (u64 b = 0; b < note.n_descsz; b++) id += fmt::format("{:02x}", notes[desc + b]);
            return id;
        }
        at = desc + align_up(u64{note.n_descsz}, 4);
    }
    return {};
}

std::optional<ProgramSection> find_section(int fd, const Elf64_Ehdr& e, std::string_view wanted) {
    if (e.e_shentsize != sizeof(Elf64_Shdr)) return {};
    const auto sections = read_array<Elf64_Shdr>(fd, e.e_shoff, e.e_shnum, kMostSections);
    if (e.e_shstrndx >= sections.size()) return {};
    const Elf64_Shdr& table = sections[e.e_shstrndx];
    const auto bytes = read_array<char>(fd, table.sh_offset, table.sh_size, kMostNames);
    const std::string_view names(bytes.data(), bytes.size());
    for (const Elf64_Shdr& s : sections) {
        if (s.sh_name >= names.size()) continue;
        const std::string_view rest = names.substr(s.sh_name);
        if (rest.size() > wanted.size() && rest.starts_with(wanted) && rest[wanted.size()] == 0)
            return ProgramSection{s.sh_addr, s.sh_size};
    }
    return {};
}

}  // namespace

Result<ProgramFile> read_program_file(int fd, std::string_view section) {
    const auto no_program = [] { return fail(ErrorKind::NotExecutable, "not a 64-bit ELF program"); };
    const auto header = read_array<Elf64_Ehdr>(fd, 0, 1, 1);
    if (header.empty()) return no_program();
    const Elf64_Ehdr& e = header[0];
    if (std::memcmp(e.e_ident, ELFMAG, SELFMAG) != 0 || e.e_ident[EI_CLASS] != ELFCLASS64 ||
        e.e_ident[EI_DATA] != ELFDATA2LSB || e.e_phentsize != sizeof(Elf64_Phdr))
        return no_program();
    const auto programs = read_array<Elf64_Phdr>(fd, e.e_phoff, e.e_phnum, kMostHeaders);
    if (programs.empty()) return no_program();
    ProgramFile out;
    for (const Elf64_Phdr& p : programs) {
        if (p.p_type == PT_LOAD && e.e_phoff - p.p_offset < p.p_filesz)
            out.header_address = p.p_vaddr + (e.e_phoff - p.p_offset);
        if (p.p_type == PT_NOTE && out.build_id.empty())
            out.build_id = build_id_in(read_array<u8>(fd, p.p_offset, p.p_filesz, kMostNotes));
    }
    out.section = find_section(fd, e, section);
    return out;
}

}  // namespace vm::osal
