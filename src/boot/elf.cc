// ELF executables for RISC-V 64 as a machine begins with them: segments at physical addresses, and the few
// symbols that test programs are run by. Every number in the file is checked.
#include <elf.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/format.h"
#include "boot/program.h"

namespace vm::boot {
namespace {

/// No longer name is looked for.
constexpr size_t kLongestName = 15;

std::unexpected<Error> refuse(const Program& p, std::string_view why) {
    return fail(ErrorKind::InvalidArgument, fmt::format("{}: {}", p.name, why));
}

/// Element `n` of a table in the file; nothing if it is not inside.
template <class T>
std::optional<T> element(const Program& p, u64 table, u64 n) {
    const u64 size = p.file.size();
    if (table > size || n >= (size - table) / sizeof(T)) return std::nullopt;
    T t;
    std::memcpy(&t, p.file.data() + table + n * sizeof(T), sizeof t);
    return t;
}

Result<void> read_segment(Program& p, const Elf64_Phdr& h) {
    if (h.p_memsz == 0) return {};
    if (h.p_offset > p.file.size() || h.p_filesz > p.file.size() - h.p_offset)
        return refuse(p, "a segment lies outside the file");
    if (h.p_filesz > h.p_memsz) return refuse(p, "a segment is larger in the file than in memory");
    if (h.p_paddr + h.p_memsz < h.p_paddr) return refuse(p, "a segment reaches beyond the last address");
    p.segments.push_back({.address = h.p_paddr,
                          .memory = h.p_memsz,
                          .bytes = std::span(p.file).subspan(h.p_offset, h.p_filesz)});
    return {};
}

Result<void> read_segments(Program& p, const Elf64_Ehdr& e, std::vector<Elf64_Phdr>& loads) {
    if (e.e_phentsize != sizeof(Elf64_Phdr)) return refuse(p, "its program headers have an unknown size");
    for (u64 n = 0; n < e.e_phnum; n++) {
        const auto h = element<Elf64_Phdr>(p, e.e_phoff, n);
        if (!h) return refuse(p, "its program headers lie outside the file");
        if (h->p_type != PT_LOAD) continue;
        if (auto r = read_segment(p, *h); !r) return r;
        if (h->p_memsz != 0) loads.push_back(*h);
    }
    if (p.segments.empty()) return refuse(p, "an ELF file with nothing to load");
    std::ranges::sort(p.segments, {}, &Segment::address);
    for (size_t n = 1; n < p.segments.size(); n++)
        if (p.segments[n].address - p.segments[n - 1].address < p.segments[n - 1].memory)
            return refuse(p, "two of its segments overlap");
    return {};
}

/// The physical address of a virtual one; itself if no segment has it.
u64 physical(const std::vector<Elf64_Phdr>& loads, u64 address) {
    for (const Elf64_Phdr& h : loads)
        if (address - h.p_vaddr < h.p_memsz) return h.p_paddr + (address - h.p_vaddr);
    return address;
}

std::string_view name_of(const Program& p, const Elf64_Shdr& names, u64 at) {
    const u64 size = p.file.size();
    if (names.sh_offset > size || names.sh_size > size - names.sh_offset || at >= names.sh_size) return {};
    const std::string_view all(reinterpret_cast<const char*>(p.file.data()) + names.sh_offset, names.sh_size);
    const std::string_view name = all.substr(at, kLongestName + 1);
    const size_t end = name.find('\0');
    return end == std::string_view::npos ? std::string_view() : name.substr(0, end);
}

/// A file without a symbol table, or with a damaged one, has no symbols; of several tables the first counts.
void read_symbols(Program& p, const Elf64_Ehdr& e, const std::vector<Elf64_Phdr>& loads) {
    std::optional<u64> begin, end;
    const std::pair<std::string_view, std::optional<u64>*> wanted[] = {{"tohost", &p.tohost},
                                                                       {"fromhost", &p.fromhost},
                                                                       {"begin_signature", &begin},
                                                                       {"end_signature", &end}};
    for (u64 n = 0; n < e.e_shnum; n++) {
        const auto table = element<Elf64_Shdr>(p, e.e_shoff, n);
        if (!table || table->sh_type != SHT_SYMTAB) continue;
        const auto names = element<Elf64_Shdr>(p, e.e_shoff, table->sh_link);
        if (!names || table->sh_link >= e.e_shnum) continue;
        for (u64 s = 0; s < table->sh_size / sizeof(Elf64_Sym); s++) {
            const auto symbol = element<Elf64_Sym>(p, table->sh_offset, s);
            if (!symbol) break;
            if (symbol->st_shndx == SHN_UNDEF) continue;
            const std::string_view name = name_of(p, *names, symbol->st_name);
            for (const auto& [text, value] : wanted)
                if (name == text) *value = physical(loads, symbol->st_value);
        }
        break;
    }
    if (begin && end) p.signature = {{*begin, *end}};
}

}  // namespace

Result<void> read_elf(Program& p) {
    const auto e = element<Elf64_Ehdr>(p, 0, 0);
    if (!e) return refuse(p, "an ELF file that ends in its header");
    if (e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_ident[EI_DATA] != ELFDATA2LSB || e->e_machine != EM_RISCV)
        return refuse(p, "an ELF file, but not for little-endian RISC-V 64");
    if (e->e_type != ET_EXEC && e->e_type != ET_DYN)
        return refuse(p, "an ELF file, but not an executable: link it first");
    p.kind = ProgramKind::Elf;
    std::vector<Elf64_Phdr> loads;
    if (auto r = read_segments(p, *e, loads); !r) return r;
    p.entry = physical(loads, e->e_entry);
    read_symbols(p, *e, loads);
    return {};
}

}  // namespace vm::boot
