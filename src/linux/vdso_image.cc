// The vDSO as an ELF shared object: symbols with a version (SysV hash, as every C library and Go read it),
// call frame information with its search table, section headers for debuggers.
#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "linux/vdso.h"

namespace vm::linux {
namespace {

/// Bytes in the making; offsets are addresses, the image is linked at 0.
class Writer {
  public:
    std::vector<u8> bytes;
    u64 at() const { return bytes.size(); }
    void align(u64 n) { bytes.resize(align_up(at(), n)); }
    template <class T>
    u64 put(const T& v) {
        const u64 where = at();
        const auto* p = reinterpret_cast<const u8*>(&v);
        bytes.insert(bytes.end(), p, p + sizeof v);
        return where;
    }
    u64 put_bytes(std::span<const u8> v) {
        const u64 where = at();
        bytes.insert(bytes.end(), v.begin(), v.end());
        return where;
    }
    void uleb(u64 v) {
        for (; v >= 0x80; v >>= 7) put(static_cast<u8>(v | 0x80));
        put(static_cast<u8>(v));
    }
    template <class T>
    void patch(u64 where, const T& v) {
        std::memcpy(&bytes[where], &v, sizeof v);
    }
};

class Strings {
  public:
    u32 add(std::string_view s) {
        const u32 where = static_cast<u32>(text_.size());
        text_.append(s).push_back('\0');
        return where;
    }
    std::span<const u8> bytes() const { return {reinterpret_cast<const u8*>(text_.data()), text_.size()}; }

  private:
    std::string text_ = std::string(1, '\0');
};

/// System V ABI, "Hash Table".
u32 elf_hash(std::string_view name) {
    u32 h = 0;
    for (const char c : name) {
        h = (h << 4) + static_cast<u8>(c);
        const u32 high = h & 0xf0000000;
        h = (h ^ high >> 24) & ~high;
    }
    return h;
}

enum Section : u16 {
    kNull,
    kHash,
    kDynsym,
    kDynstr,
    kVersym,
    kVerdef,
    kEhHdr,
    kEhFrame,
    kDynamic,
    kText,
    kShstrtab,
    kSections
};

class Builder {
  public:
    Builder(const VdsoDescription& d, u16 machine) : d_(d), machine_(machine) {}
    VdsoImage build() {
        w_.bytes.resize(sizeof(Elf64_Ehdr) + kSegments * sizeof(Elf64_Phdr));
        layout_text_later();
        hash();
        symbols();
        versions();
        frames();
        dynamic();
        text();
        section_names();
        headers();
        image_.bytes = std::move(w_.bytes);
        return std::move(image_);
    }

  private:
    static constexpr unsigned kSegments = 3;

    void begin(Section s, u32 type, u64 flags, u64 align, u64 entry = 0, u32 link = 0, u32 info = 0) {
        w_.align(align);
        sections_[s] = {0, type, flags, w_.at(), w_.at(), 0, link, info, align, entry};
    }
    void end(Section s) { sections_[s].sh_size = w_.at() - sections_[s].sh_offset; }

    /// Names first: their offsets are needed before the table itself is written.
    void layout_text_later() {
        soname_ = names_.add(d_.soname);
        version_ = names_.add(d_.version);
        for (const VdsoFunction& f : d_.functions) name_offsets_.push_back(names_.add(f.name));
    }

    void hash() {
        const u32 symbols = static_cast<u32>(d_.functions.size()) + 1;
        std::vector<u32> buckets(std::max<size_t>(d_.functions.size() / 2, 1)), chains(symbols);
        for (u32 i = 1; i < symbols; i++) {
            u32& bucket = buckets[elf_hash(d_.functions[i - 1].name) % buckets.size()];
            chains[i] = bucket;
            bucket = i;
        }
        begin(kHash, SHT_HASH, SHF_ALLOC, 8, 4, kDynsym);
        w_.put(static_cast<u32>(buckets.size()));
        w_.put(symbols);
        for (const u32 b : buckets) w_.put(b);
        for (const u32 c : chains) w_.put(c);
        end(kHash);
    }

    void symbols() {
        begin(kDynsym, SHT_DYNSYM, SHF_ALLOC, 8, sizeof(Elf64_Sym), kDynstr, 1);
        w_.put(Elf64_Sym{});
        for (size_t i = 0; i < d_.functions.size(); i++) {
            Elf64_Sym s{};
            s.st_name = name_offsets_[i];
            s.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
            s.st_shndx = kText;
            s.st_size = d_.functions[i].code.size();
            symbol_at_.push_back(w_.put(s));  // st_value: text()
        }
        end(kDynsym);
        begin(kDynstr, SHT_STRTAB, SHF_ALLOC, 1);
        w_.put_bytes(names_.bytes());
        end(kDynstr);
    }

    void versions() {
        begin(kVersym, SHT_GNU_versym, SHF_ALLOC, 2, 2, kDynsym);
        w_.put(u16{VER_NDX_LOCAL});
        for (size_t i = 0; i < d_.functions.size(); i++) w_.put(u16{2});
        end(kVersym);
        begin(kVerdef, SHT_GNU_verdef, SHF_ALLOC, 8, 0, kDynstr, 2);
        constexpr u32 kStep = sizeof(Elf64_Verdef) + sizeof(Elf64_Verdaux);
        w_.put(Elf64_Verdef{VER_DEF_CURRENT, VER_FLG_BASE, 1, 1, elf_hash(d_.soname), sizeof(Elf64_Verdef),
                            kStep});
        w_.put(Elf64_Verdaux{soname_, 0});
        w_.put(Elf64_Verdef{VER_DEF_CURRENT, 0, 2, 1, elf_hash(d_.version), sizeof(Elf64_Verdef), 0});
        w_.put(Elf64_Verdaux{version_, 0});
        end(kVerdef);
    }

    // ---- .eh_frame (LSB Core, "Exception Frames"): pointers are 32-bit and relative to their own place

    static constexpr u8 kPcRelative = 0x1b, kCount = 0x03, kTableRelative = 0x3b;

    /// Ends a CIE or FDE that began at `from`, padded with DW_CFA_nop (0).
    void end_entry(u64 from) {
        w_.align(8);
        w_.patch(from, static_cast<u32>(w_.at() - from - 4));
    }
    u64 cie(std::string_view augmentation, u8 column, std::span<const u8> rules) {
        const u64 from = w_.put(u32{0});
        w_.put(u32{0});  // a CIE
        w_.put(u8{1});
        for (const char c : augmentation) w_.put(static_cast<u8>(c));
        w_.put(u8{0});
        w_.uleb(d_.code_align);
        w_.put(u8{0x78});  // data alignment -8, signed LEB128
        w_.put(column);
        w_.uleb(1);
        w_.put(kPcRelative);
        w_.put_bytes(rules);
        end_entry(from);
        return from;
    }
    bool has_cfi(const VdsoFunction& f) const { return !f.signal_return || !d_.signal_cfi.empty(); }
    void frames() {
        begin(kEhHdr, SHT_PROGBITS, SHF_ALLOC, 4);
        w_.put(std::array<u8, 4>{1, kPcRelative, kCount, kTableRelative});
        const u64 frame_pointer = w_.put(u32{0});
        const auto described = std::count_if(d_.functions.begin(), d_.functions.end(),
                                             [this](const auto& f) { return has_cfi(f); });
        w_.put(static_cast<u32>(described));
        for (auto i = described; i; i--) w_.put(u64{0});  // the search table: text()
        end(kEhHdr);
        begin(kEhFrame, SHT_PROGBITS, SHF_ALLOC, 8);
        w_.patch(frame_pointer, static_cast<u32>(w_.at() - frame_pointer));
        const u64 plain = cie("zR", d_.return_column, d_.plain_cfi);
        const u64 signal = d_.signal_cfi.empty() ? 0 : cie("zRS", d_.signal_return_column, d_.signal_cfi);
        for (const VdsoFunction& f : d_.functions) {
            if (!has_cfi(f)) continue;
            const u64 from = w_.put(u32{0});
            const u64 to_cie = w_.at();
            w_.put(static_cast<u32>(to_cie - (f.signal_return ? signal : plain)));
            fde_at_.push_back(from);
            w_.put(u64{0});  // first address, length: text()
            w_.uleb(0);
            end_entry(from);
        }
        w_.put(u32{0});
        end(kEhFrame);
    }

    void dynamic() {
        begin(kDynamic, SHT_DYNAMIC, SHF_ALLOC, 8, sizeof(Elf64_Dyn), kDynstr);
        const auto entry = [this](i64 tag, u64 value) { w_.put(Elf64_Dyn{tag, {value}}); };
        entry(DT_SONAME, soname_);
        entry(DT_HASH, sections_[kHash].sh_addr);
        entry(DT_STRTAB, sections_[kDynstr].sh_addr);
        entry(DT_SYMTAB, sections_[kDynsym].sh_addr);
        entry(DT_STRSZ, sections_[kDynstr].sh_size);
        entry(DT_SYMENT, sizeof(Elf64_Sym));
        entry(DT_VERSYM, sections_[kVersym].sh_addr);
        entry(DT_VERDEF, sections_[kVerdef].sh_addr);
        entry(DT_VERDEFNUM, 2);
        entry(DT_NULL, 0);
        end(kDynamic);
    }

    void text() {
        begin(kText, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 16);
        const u64 table = sections_[kEhHdr].sh_addr;
        for (size_t i = 0, entry = 0; i < d_.functions.size(); i++) {
            const VdsoFunction& f = d_.functions[i];
            // Unwinders look one byte before a return address, and handlers return to the first one.
            const u64 covered = w_.at();
            if (f.signal_return) w_.put_bytes(d_.filler);
            const u64 at = w_.put_bytes(f.code);
            if (f.signal_return) image_.sigreturn = at;
            w_.patch(symbol_at_[i] + offsetof(Elf64_Sym, st_value), at);
            if (has_cfi(f)) {
                const u64 fde = fde_at_[entry];
                w_.patch(fde + 8, static_cast<u32>(covered - (fde + 8)));
                w_.patch(fde + 12, static_cast<u32>(w_.at() - covered));
                w_.patch(table + 12 + 8 * entry, static_cast<u32>(covered - table));
                w_.patch(table + 16 + 8 * entry, static_cast<u32>(fde - table));
                entry++;
            }
            while (w_.at() % 16) w_.put_bytes(d_.filler);
        }
        end(kText);
        image_.text_begin = sections_[kText].sh_addr;
        image_.text_end = w_.at();
    }

    void section_names() {
        static constexpr std::string_view kNames[kSections] = {
            "",          ".hash",    ".dynsym", ".dynstr",  ".gnu.version", ".gnu.version_d", ".eh_frame_hdr",
            ".eh_frame", ".dynamic", ".text",   ".shstrtab"};
        Strings s;
        for (unsigned i = 1; i < kSections; i++) section_names_[i] = s.add(kNames[i]);
        begin(kShstrtab, SHT_STRTAB, 0, 1);
        w_.put_bytes(s.bytes());
        end(kShstrtab);
        for (unsigned i = 1; i < kSections; i++) sections_[i].sh_name = section_names_[i];
        sections_[kShstrtab].sh_addr = 0;
    }

    void headers() {
        w_.align(8);
        const u64 table = w_.at();
        for (const Elf64_Shdr& s : sections_) w_.put(s);
        Elf64_Ehdr e{};
        std::memcpy(e.e_ident, ELFMAG, SELFMAG);
        e.e_ident[EI_CLASS] = ELFCLASS64;
        e.e_ident[EI_DATA] = ELFDATA2LSB;
        e.e_ident[EI_VERSION] = EV_CURRENT;
        e.e_type = ET_DYN;
        e.e_machine = machine_;
        e.e_version = EV_CURRENT;
        e.e_entry = image_.text_begin;
        e.e_phoff = sizeof e;
        e.e_shoff = table;
        e.e_flags = d_.elf_flags;
        e.e_ehsize = sizeof e;
        e.e_phentsize = sizeof(Elf64_Phdr);
        e.e_phnum = kSegments;
        e.e_shentsize = sizeof(Elf64_Shdr);
        e.e_shnum = kSections;
        e.e_shstrndx = kShstrtab;
        w_.patch(0, e);
        const auto segment = [this](unsigned i, u32 type, u32 flags, u64 at, u64 size, u64 align) {
            w_.patch(sizeof(Elf64_Ehdr) + i * sizeof(Elf64_Phdr),
                     Elf64_Phdr{type, flags, at, at, at, size, size, align});
        };
        const auto part = [&](unsigned i, u32 type, const Elf64_Shdr& s) {
            segment(i, type, PF_R, s.sh_addr, s.sh_size, s.sh_addralign);
        };
        segment(0, PT_LOAD, PF_R | PF_X, 0, w_.at(), 4096);
        part(1, PT_DYNAMIC, sections_[kDynamic]);
        part(2, PT_GNU_EH_FRAME, sections_[kEhHdr]);
    }

    const VdsoDescription& d_;
    u16 machine_;
    Writer w_;
    Strings names_;
    u32 soname_ = 0, version_ = 0;
    std::vector<u32> name_offsets_;
    std::vector<u64> symbol_at_, fde_at_;
    std::array<Elf64_Shdr, kSections> sections_{};
    std::array<u32, kSections> section_names_{};
    VdsoImage image_;
};

}  // namespace

VdsoImage build_vdso(const VdsoDescription& d, u16 machine) { return Builder(d, machine).build(); }

}  // namespace vm::linux
