#include "cli/binfmt_entry.h"

#include <algorithm>
#include <charconv>

#include "base/format.h"

namespace vm::cli {
namespace {

// fs/binfmt_misc.c: MAX_REGISTER_LENGTH; the interpreter is copied into a buffer of BINPRM_BUF_SIZE.
constexpr size_t kMostLine = 1920, kMostInterpreter = 127;
constexpr size_t kHeaderBytes = 20;  // up to e_machine

std::string escaped(const std::vector<u8>& bytes) {
    std::string text;
    for (const u8 b : bytes) text += fmt::format("\\x{:02x}", b);
    return text;
}

bool parse_hex(std::string_view text, std::vector<u8>* bytes) {
    bytes->clear();
    if (text.size() % 2) return false;
    for (size_t i = 0; i < text.size(); i += 2) {
        u8 b = 0;
        const auto r = std::from_chars(text.data() + i, text.data() + i + 2, b, 16);
        if (r.ec != std::errc{} || r.ptr != text.data() + i + 2) return false;
        bytes->push_back(b);
    }
    return true;
}

}  // namespace

Pattern elf_pattern(const GuestKind& isa) {
    constexpr u8 kClass64 = 2, kLittleEndian = 1, kVersion = 1, kTypeExec = 2;
    Pattern p;
    p.magic = {0x7f, 'E', 'L', 'F', kClass64, kLittleEndian, kVersion};
    p.magic.resize(kHeaderBytes);
    p.magic[16] = kTypeExec;  // or 3, ET_DYN: see the mask
    p.magic[18] = static_cast<u8>(isa.machine());
    p.magic[19] = static_cast<u8>(isa.machine() >> 8);
    p.mask.assign(kHeaderBytes, 0xff);
    p.mask[7] = 0;  // EI_OSABI: System V, or GNU where symbols are indirect or unique
    p.mask[16] = 0xfe;
    return p;
}

std::string entry_name(const GuestKind& isa) { return fmt::format("vm-{}", isa.name()); }

Result<std::string> register_line(const GuestKind& isa, const std::string& interpreter,
                                  const std::string& flags) {
    if (interpreter.size() > kMostInterpreter)
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("binfmt: {}: the kernel takes interpreters of at most {} bytes; install "
                                "vm-user in a shorter place",
                                interpreter, kMostInterpreter));
    for (const char d : std::string_view(":|,;")) {
        if (interpreter.find(d) != std::string::npos) continue;
        const Pattern p = elf_pattern(isa);
        std::string line = fmt::format("{0}{1}{0}M{0}0{0}{2}{0}{3}{0}{4}{0}{5}", d, entry_name(isa),
                                       escaped(p.magic), escaped(p.mask), interpreter, flags);
        if (line.size() <= kMostLine) return line;
        break;
    }
    return fail(
        ErrorKind::InvalidArgument,
        fmt::format(
            "binfmt: {}: cannot be written as a rule of binfmt_misc; install vm-user in a plainer place",
            interpreter));
}

Result<BinfmtEntry> parse_entry(const std::string& name, std::string_view text) {
    BinfmtEntry e;
    e.name = name;
    bool state = false;
    std::string mask;
    auto value = [](std::string_view line, std::string_view key) { return line.substr(key.size()); };
    while (!text.empty()) {
        const size_t eol = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, eol);
        text.remove_prefix(std::min(eol + 1, text.size()));
        bool ok = true;
        if (line == "enabled" || line == "disabled") {
            state = true;
            e.enabled = line == "enabled";
        } else if (line.starts_with("interpreter ")) {
            e.interpreter = value(line, "interpreter ");
        } else if (line.starts_with("flags:")) {
            e.flags = value(line, "flags:");
            if (e.flags.starts_with(' ')) e.flags.erase(0, 1);
        } else if (line.starts_with("extension ")) {
            e.extension = value(line, "extension ");
        } else if (line.starts_with("offset ")) {
            const std::string_view number = value(line, "offset ");
            ok = std::from_chars(number.data(), number.data() + number.size(), e.offset).ec == std::errc{};
        } else if (line.starts_with("magic ")) {
            ok = parse_hex(value(line, "magic "), &e.pattern.magic);
        } else if (line.starts_with("mask ")) {
            ok = parse_hex(value(line, "mask "), &e.pattern.mask);
        }
        if (!ok)
            return fail(ErrorKind::Io, fmt::format("binfmt: entry {}: '{}' is not understood", name, line));
    }
    if (!state || e.interpreter.empty())
        return fail(
            ErrorKind::Io,
            fmt::format("binfmt: entry {}: reads neither enabled nor disabled, or names no interpreter",
                        name));
    if (e.pattern.mask.empty()) e.pattern.mask.assign(e.pattern.magic.size(), 0xff);
    return e;
}

bool takes(const BinfmtEntry& entry, const GuestKind& isa) {
    const std::vector<u8>&m = entry.pattern.magic, &mask = entry.pattern.mask;
    if (m.empty() || m.size() != mask.size()) return false;
    const Pattern ours = elf_pattern(isa);
    for (size_t i = 0; i < m.size(); i++) {
        const size_t at = entry.offset + i;
        // A rule that looks at what our pattern leaves open may or may not take one of its programs; one that
        // is sure not to differs.
        const u8 known = at < ours.magic.size() ? ours.mask[at] : 0;
        const u8 byte = at < ours.magic.size() ? ours.magic[at] : 0;
        if ((m[i] ^ byte) & mask[i] & known) return false;
    }
    return true;
}

std::string kernel_order(std::string_view flags) {
    std::string ordered;
    for (const char f : std::string_view("POCF"))
        if (flags.find(f) != flags.npos || (f == 'O' && flags.find('C') != flags.npos)) ordered += f;
    return ordered;
}

}  // namespace vm::cli
