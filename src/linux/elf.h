// ELF program files: headers parsed strictly, once, for the loader, execve and `vm info`. Input is hostile:
// every number is checked, nothing is trusted, every complaint is one sentence that names the file.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bits.h"
#include "base/result.h"

namespace vm::linux {

inline constexpr u16 kElfExec = 2, kElfDyn = 3;
inline constexpr u16 kEm386 = 3, kEmX86_64 = 62, kEmAarch64 = 183, kEmRiscv = 243;
inline constexpr u32 kPfX = 1, kPfW = 2, kPfR = 4;

/// What a program must be made for.
struct ElfTarget {
    u16 machine = 0;                  ///< e_machine
    u64 page_size = 0;                ///< segments are mapped in units of it
    u64 task_size = 0;                ///< first address beyond user space
    u32 refused_flags = 0;            ///< bits of e_flags that it must not have …
    std::string_view refused_reason;  ///< … because it "is built for …"
    u32 feature_property = 0;         ///< GNU property that says what all its code is made for; 0 = none
};

struct ElfSegment {
    u64 offset = 0, vaddr = 0, filesz = 0, memsz = 0, align = 0;
    u32 flags = 0;  ///< kPf…
};

/// A program or shared object that can be mapped.
struct Elf {
    u16 type = 0, machine = 0;
    u32 flags = 0;  ///< e_flags
    u64 entry = 0;
    u16 phnum = 0;
    u64 phdr_vaddr = 0;             ///< where the program headers lie in memory, 0 = not mapped
    std::vector<ElfSegment> loads;  ///< PT_LOAD, ascending, not overlapping
    std::string interpreter;        ///< PT_INTERP, empty = none
    u64 low = 0, high = 0;          ///< extent in memory, not page aligned
    u64 max_align = 0;              ///< largest p_align, a power of two
    bool exec_stack = false;
    u32 features = 0;  ///< value of ElfTarget::feature_property
    bool pie() const { return type == kElfDyn; }
};

/// What a program file is, without saying whether it can be mapped.
struct ElfDescription {
    bool is_64 = false, little_endian = true;
    u16 machine = 0, type = 0;
    std::string machine_name, type_name, interpreter;
    u64 entry = 0;
    bool runnable = false;
    std::string reason;  ///< why not, empty if runnable
};

/// What the first bytes of a file say.
enum class FileKind : u8 { Elf, Script, Other };
FileKind file_kind(std::string_view head);

/// A `#!` line. False: it names no interpreter. `argument` is empty if there is none.
bool parse_shebang(std::string_view head, std::string* interpreter, std::string* argument);

/// "riscv64", "x86-64", "aarch64", "i386" … or "machine N"; `is_64` decides where a machine has both.
std::string machine_name(u16 machine, bool is_64 = true);
/// "a riscv64", "an aarch64"
std::string with_article(const std::string& noun);
/// e_machine of the processor that this program runs on.
constexpr u16 host_machine() {
#if defined(__x86_64__)
    return kEmX86_64;
#elif defined(__aarch64__)
    return kEmAarch64;
#else
    return kEmRiscv;
#endif
}

/// Parses and checks the open file `fd` called `name` in messages. Kinds: NotExecutable, Io.
/// The program must be made for one of `targets`.
Result<Elf> parse_elf(int fd, const std::string& name, std::span<const ElfTarget> targets);

/// For `vm info FILE`. Kinds: NotFound, NotExecutable (not an ELF file), Io.
Result<ElfDescription> describe_elf(const std::string& path, std::span<const ElfTarget> targets);

}  // namespace vm::linux
