// Writes what is text about encodings: the info table, the disassembler, the random generator and the
// coverage list.
#include <algorithm>

#include "base/format.h"
#include "isagen/table.h"

namespace vm::isagen {
namespace {

std::string quoted(std::string_view s) {
    std::string out = "\"";
    for (char c : s) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

std::string info_table(const Table& table) {
    std::string out =
        fmt::format("constexpr InsnInfo kInfo[] = {{\n    {{\"\", \"\", 0, 0, 0, {}, Insn::Invalid, 0}},\n",
                    table.exts.front());
    for (const Encoding& e : table.encodings)
        out += fmt::format("    {{{}, {}, {:#x}, {:#x}, {}, {}, Insn::{}, {:#x}}},\n", quoted(e.name),
                           quoted(e.asm_template), e.match, e.mask, e.length / 8, e.exts.front(), e.base,
                           table.feature_mask(e));
    out += "};\n\nconstexpr std::string_view kExtNames[] = {\n";
    for (const std::string& ext : table.exts) out += fmt::format("    {},\n", quoted(ext));
    return out + "};\n\n";
}

std::string name_functions(const Table& table) {
    std::string out;
    for (const auto& [name, values] : table.names) {
        out += fmt::format("void put_{}(std::string& out, u64 value) {{\n    switch (value) {{\n", name);
        for (const auto& [value, text] : values)
            out += fmt::format("        case {:#x}: out += {}; return;\n", value, quoted(text));
        out += "        default: put_hex(out, value);\n    }\n}\n\n";
    }
    return out;
}

std::string operand_function(const Table& table) {
    std::string out =
        "void put_operand(std::string& out, std::string_view name, const Decoded& d, u64 pc) {\n    "
        "static_cast<void>(pc);\n";
    for (const auto& [name, operand] : table.operands) {
        if (operand.printer == "fn") {
            out += fmt::format("    if (name == {}) return text::put_{}(out, d, pc);\n", quoted(name), name);
            continue;
        }
        std::string value = fmt::format("static_cast<u64>(d.{})", operand.member);
        if (operand.hi >= 0) value = fmt::format("vm::bits({}, {}, {})", value, operand.hi, operand.lo);
        if (operand.printer == "pcrel") value = fmt::format("pc + {}", value);
        const std::string printer = operand.printer == "pcrel" ? "hex" : operand.printer;
        out += fmt::format("    if (name == {}) return put_{}(out, {});\n", quoted(name), printer, value);
    }
    return out + "}\n\n";
}

constexpr std::string_view kRuntime = R"(
[[maybe_unused]] void put_hex(std::string& out, u64 value) { fmt::format_to(std::back_inserter(out), "{:#x}", value); }
[[maybe_unused]] void put_dec(std::string& out, u64 value) { fmt::format_to(std::back_inserter(out), "{}", static_cast<i64>(value)); }

)";

constexpr std::string_view kEntryPoints = R"(
}  // namespace

const InsnInfo& info(Insn id) { return kInfo[static_cast<u16>(id)]; }
std::string_view ext_name(Ext ext) { return kExtNames[ext]; }

std::string disassemble(const Decoded& d, u64 pc) {
    std::string out;
    if (d.id == Insn::Invalid) return fmt::format(".{}byte {:#x}", d.length, d.bits);
    const std::string_view text = info(d.id).asm_template;
    for (size_t pos = 0; pos < text.size();) {
        const size_t open = std::min(text.find('{', pos), text.size());
        out += text.substr(pos, open - pos);
        if (open == text.size()) break;
        const size_t close = text.find('}', open);
        put_operand(out, text.substr(open + 1, close - open - 1), d, pc);
        pos = close + 1;
    }
    return out;
}

u32 random_encoding(Insn id, u64* state) {
    const InsnInfo& i = info(id);
    // splitmix64; words that a constraint or a more specific encoding excludes are drawn again. isagen has checked
    // that some word satisfies every encoding.
    for (;;) {
        u64 z = *state += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        const u32 random = static_cast<u32>(z ^ (z >> 31));
        const u32 word = (i.match | (random & ~i.mask)) & (i.length == 2 ? 0xffffu : ~u32{0});
        if (decode(word, ~u64{0}).id == id) return word;
    }
}

)";

}  // namespace

std::string emit_disassembler(const Table& table) {
    std::string out = fmt::format(
        "// Written by isagen from {0}.\n#include <algorithm>\n#include <iterator>\n\n#include "
        "\"base/format.h\"\n"
        "#include \"frontend/{1}/{2}_decode.h\"\n\nnamespace vm::frontend::{1} {{\nnamespace {{\n\n",
        table.file, table.isa, table.prefix);
    out += info_table(table);
    out += kRuntime;
    out += name_functions(table);
    out += operand_function(table);
    out += kEntryPoints;
    out += fmt::format("}}  // namespace vm::frontend::{}\n", table.isa);
    return out;
}

std::string emit_markdown(const Table& table) {
    std::string out = fmt::format("# Encodings of {}\n\nWritten by isagen from {}: {} encodings.\n",
                                  table.isa, table.file, table.encodings.size());
    for (const std::string& ext : table.exts) {
        std::string rows;
        for (const Encoding& e : table.encodings)
            if (e.exts.front() == ext)
                rows += fmt::format("| {} | `{}` | `{}` | {} |\n", e.name, e.bits, e.asm_template,
                                    e.base == e.name ? "" : e.base);
        if (rows.empty()) continue;
        out += fmt::format("\n## {}\n\n| name | bits | assembler | expands to |\n|---|---|---|---|\n{}", ext,
                           rows);
    }
    return out;
}

}  // namespace vm::isagen
