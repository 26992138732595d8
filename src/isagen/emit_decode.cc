// Writes the header and the decoder: a tree of switches over runs of fixed bits; at its leaves the encodings
// that remain are tried by falling precedence. One extraction function per distinct set of fields, shared by
// the encodings.
#include <algorithm>

#include "base/format.h"
#include "isagen/table.h"

namespace vm::isagen {
namespace {

using List = std::vector<const Encoding*>;

/// C++ expression of the raw or placed value of a field.
std::string pieces_expr(const std::vector<Piece>& pieces) {
    std::string out;
    for (const Piece& p : pieces) {
        if (!out.empty()) out += " | ";
        const u64 mask = zext(~u64{0}, p.width);
        std::string term = p.src ? fmt::format("(w >> {})", p.src) : "w";
        if (p.src + p.width < 32) term = fmt::format("({} & {:#x})", term, mask);
        if (p.dst >= 32 || p.dst + p.width > 32) term = fmt::format("u64{{{}}}", term);
        if (p.dst) term = fmt::format("({} << {})", term, p.dst);
        out += term;
    }
    return pieces.size() > 1 ? fmt::format("({})", out) : out;
}

std::string raw_expr(const Encoding& e, char letter) {
    Field f;
    unsigned dst = 0;
    for (unsigned k = e.length; k-- > 0;) {
        if (e.bits[k] != letter) continue;
        const unsigned src = e.length - 1 - k;
        if (!f.pieces.empty() && f.pieces.back().src + f.pieces.back().width == src)
            ++f.pieces.back().width;
        else
            f.pieces.push_back({src, dst, 1});
        ++dst;
    }
    return pieces_expr(f.pieces);
}

std::string constraint_expr(const Encoding& e, const Constraint& c) {
    static constexpr const char* kOps[] = {"==", "!=", "<", ">"};
    std::string left = raw_expr(e, c.letter);
    if (c.and_mask != ~u64{0}) left = fmt::format("({} & {:#x})", left, c.and_mask);
    const std::string right = c.right_letter ? raw_expr(e, c.right_letter) : fmt::format("{}", c.right);
    return fmt::format("{} {} {}", left, kOps[static_cast<int>(c.op)], right);
}

/// Body of the function that fills the members of `e`.
std::string extraction(const Table& table, const Encoding& e) {
    std::string out;
    for (const Member& m : table.members) {
        std::string value;
        for (const Field& f : e.fields) {
            if (std::ranges::find(f.members, m.name) == f.members.end()) continue;
            std::string part = pieces_expr(f.pieces);
            if (f.is_signed) part = fmt::format("sext({}, {})", part, f.sign_width);
            if (f.add) part = fmt::format("{} + {}", part, f.add);
            value += value.empty() ? part : " | " + part;
        }
        for (const auto& [name, constant] : e.constants)
            if (name == m.name) value = fmt::format("{}", constant);
        if (!value.empty()) out += fmt::format("    d.{} = static_cast<{}>({});\n", m.name, m.type, value);
    }
    return out;
}

class TreeWriter {
  public:
    explicit TreeWriter(const Table& table) : table_(table) {}

    /// Functions used by decode(), then decode() itself.
    std::string run() {
        List all;
        for (const Encoding& e : table_.encodings) all.push_back(&e);
        // Falling precedence, then the order of the table (pointers into one vector).
        std::ranges::sort(all,
                          [](auto* a, auto* b) { return a->rank != b->rank ? a->rank > b->rank : a < b; });
        body(all, 0, 1);
        return functions_ + "}  // namespace\n\nDecoded decode(u32 w, u64 features) {\n" + tree_ +
               "    return invalid(w);\n}\n";
    }

  private:
    void line(unsigned depth, std::string_view text) {
        fmt::format_to(std::back_inserter(tree_), "{:{}}{}\n", "", depth * 4, text);
    }

    void body(const List& list, u32 tested, unsigned depth) {
        unsigned lo = 0, width = 0;
        if (list.size() < 2 || !choose(list, tested, &lo, &width)) {
            for (const Encoding* e : list) leaf(*e, tested, depth);
            return;
        }
        const u32 run = static_cast<u32>(zext(~u64{0}, width) << lo);
        line(depth, fmt::format("switch ((w >> {}) & {:#x}) {{", lo, run >> lo));
        std::vector<std::pair<u32, List>> cases;
        for (u32 value = 0; value <= run >> lo; ++value) {
            List subset;
            for (const Encoding* e : list)
                if (((e->match ^ (value << lo)) & e->mask & run) == 0) subset.push_back(e);
            if (!subset.empty()) cases.emplace_back(value, std::move(subset));
        }
        for (const auto& [value, subset] : cases) {
            line(depth + 1, fmt::format("case {:#x}:", value));
            body(subset, tested | run, depth + 2);
            line(depth + 2, "break;");
        }
        line(depth + 1, "default: break;");
        line(depth, "}");
    }

    /// The run of untested bits to switch on: fixed in every encoding of the list where there is one (no
    /// encoding is then written twice), else the single bit that splits best. False: nothing splits, try one
    /// after the other.
    static bool choose(const List& list, u32 tested, unsigned* lo, unsigned* width) {
        u32 common = ~tested;
        for (const Encoding* e : list) common &= e->mask;
        size_t best = 1;
        for (unsigned at = 0; at < 32; ++at) {
            for (unsigned n = 1; n <= 8 && at + n <= 32 && bit(common, at + n - 1); ++n) {
                std::vector<u32> values;
                for (const Encoding* e : list)
                    values.push_back(static_cast<u32>(bits(e->match, at + n - 1, at)));
                std::ranges::sort(values);
                const size_t distinct = values.size() - std::ranges::unique(values).size();
                if (distinct > best) {
                    best = distinct;
                    *lo = at;
                    *width = n;
                }
            }
        }
        return best > 1 || choose_bit(list, tested, lo, width);
    }

    static bool choose_bit(const List& list, u32 tested, unsigned* lo, unsigned* width) {
        if (list.size() <= 4) return false;
        size_t best = list.size();
        for (unsigned at = 0; at < 32; ++at) {
            if (bit(tested, at)) continue;
            size_t zeros = 0, ones = 0;
            for (const Encoding* e : list) {
                zeros += !bit(e->mask, at) || !bit(e->match, at);
                ones += !bit(e->mask, at) || bit(e->match, at);
            }
            if (std::max(zeros, ones) < best) {
                best = std::max(zeros, ones);
                *lo = at;
                *width = 1;
            }
        }
        return best < list.size();
    }

    void leaf(const Encoding& e, u32 tested, unsigned depth) {
        std::string condition;
        if (const u32 mask = e.mask & ~tested)
            condition = fmt::format("(w & {:#x}) == {:#x} && ", mask, e.match & mask);
        for (const Constraint& c : e.constraints) condition += constraint_expr(e, c) + " && ";
        const u64 features = table_.feature_mask(e);
        condition += std::has_single_bit(features) ? fmt::format("(features & {:#x})", features)
                                                   : fmt::format("(features & {0:#x}) == {0:#x}", features);
        line(depth, fmt::format("if ({}) return {}(w, Insn::{}, Insn::{});", condition, extractor(e), e.name,
                                e.base));
    }

    /// Name of the function that makes the Decoded of `e`; writes it on first use.
    std::string extractor(const Encoding& e) {
        const std::string text = fmt::format("    d.length = {};\n", e.length / 8) + extraction(table_, e);
        const auto [it, fresh] = extractors_.emplace(text, fmt::format("fields{}", extractors_.size()));
        if (fresh) {
            const char* word = e.length == 16 ? "w & 0xffff" : "w";
            functions_ += fmt::format(
                "Decoded {}(u32 w, Insn id, Insn base) {{\n    Decoded d{{}};\n    d.id = id;\n    d.base = "
                "base;\n"
                "    d.bits = {};\n{}    return d;\n}}\n\n",
                it->second, word, text);
        }
        return it->second;
    }

    const Table& table_;
    std::string tree_, functions_;
    std::map<std::string, std::string> extractors_;
};

std::string invalid_function(const Table& table) {
    std::string out = "Decoded invalid(u32 w) {\n    Decoded d{};\n";
    std::string length = fmt::format("{}", table.lengths.back().bits / 8);
    for (size_t k = table.lengths.size() - 1; k-- > 0;) {
        const Length& l = table.lengths[k];
        length =
            fmt::format("(w & {:#x}) != {:#x} ? {} : {}", l.unless_mask, l.unless_value, l.bits / 8, length);
    }
    out += fmt::format(
        "    d.length = {};\n    d.bits = d.length == 2 ? w & 0xffff : w;\n    return d;\n}}\n\n", length);
    return out;
}

/// Declarations of what the front end writes itself.
std::string operand_functions(const Table& table) {
    std::string out;
    for (const auto& [name, operand] : table.operands)
        if (operand.printer == "fn")
            out += fmt::format("void put_{}(std::string& out, const Decoded& d, u64 pc);\n", name);
    if (out.empty()) return out;
    return "/// Operands that the front end prints itself: they append to `out`.\nnamespace text {\n" + out +
           "}  // namespace text\n\n";
}

}  // namespace

std::string emit_header(const Table& table) {
    std::string out = fmt::format(
        "// Written by isagen from {0}. Decoder, names and texts of the {1} encodings.\n"
        "#pragma once\n\n#include <string>\n#include <string_view>\n\n#include \"base/bits.h\"\n\n"
        "namespace vm::frontend::{1} {{\n\n",
        table.file, table.isa);
    out += "enum class Insn : u16 {\n    Invalid,\n";
    for (const Encoding& e : table.encodings) out += fmt::format("    {},\n", e.name);
    out += "    Count_\n};\n\n/// Extensions; bit 1 << ext of a feature set.\nenum Ext : u32 {\n";
    for (const std::string& ext : table.exts) out += fmt::format("    {},\n", ext);
    out += "    ExtCount_\n};\n";
    out += "/// \"Zba\" for Zba. ext < ExtCount_.\nstd::string_view ext_name(Ext ext);\n\n";
    out +=
        "/// One decoded instruction. Members that the encoding does not have are 0.\n"
        "struct Decoded {\n    Insn id;     ///< the encoding\n"
        "    Insn base;   ///< the encoding whose handler executes it (the same, or what a short form "
        "expands to)\n"
        "    u8 length;   ///< bytes, also of an Invalid one\n";
    for (const Member& m : table.members) out += fmt::format("    {} {};\n", m.type, m.name);
    out += "    u32 bits;    ///< the instruction word\n};\n\n";
    out += fmt::format(
        "struct InsnInfo {{\n"
        "    std::string_view name;          ///< as in Insn\n"
        "    std::string_view asm_template;  ///< \"addi {{rd}},{{rs1}},{{imm}}\"\n"
        "    u32 match, mask;                ///< fixed bits\n"
        "    u8 length;                      ///< bytes\n"
        "    Ext ext;                        ///< the extension it is listed under\n"
        "    Insn base;\n"
        "    u64 features;                   ///< all extension bits that it needs\n"
        "}};\n\n"
        "/// Decodes the instruction that begins `bits`; of a short one the upper bits may be anything. id "
        "is Invalid where\n"
        "/// nothing matches or an extension is missing in `features`.\n"
        "Decoded decode(u32 bits, u64 features);\n\n"
        "/// id < Insn::Count_; the entry of Invalid is empty.\n"
        "const InsnInfo& info(Insn id);\n\n"
        "/// Assembler text; branch targets are absolute addresses computed from `pc`.\n"
        "std::string disassemble(const Decoded& d, u64 pc);\n\n"
        "/// A word w with decode(w, ~0).id == id, its fields random within the constraints. `*state` is the "
        "generator's\n"
        "/// state (any value), advanced by the call. id is not Invalid.\n"
        "u32 random_encoding(Insn id, u64* state);\n\n"
        "{2}"
        "class Translator;\n"
        "/// Calls the member function of `t` that is named as d.base. False for Invalid, or where the "
        "handler says so.\n"
        "bool dispatch(Translator& t, const Decoded& d);\n\n"
        "}}  // namespace vm::frontend::{0}\n",
        table.isa, "", operand_functions(table));
    return out;
}

std::string emit_decoder(const Table& table) {
    std::string out = fmt::format(
        "// Written by isagen from {0}.\n#include \"frontend/{1}/{2}_decode.h\"\n\n"
        "namespace vm::frontend::{1} {{\nnamespace {{\n\n",
        table.file, table.isa, table.prefix);
    out += invalid_function(table) + TreeWriter(table).run();
    out += fmt::format("\n}}  // namespace vm::frontend::{}\n", table.isa);
    return out;
}

std::string emit_dispatch(const Table& table) {
    std::string out = fmt::format(
        "// Written by isagen from {0}.\n#include \"frontend/{1}/{2}_decode.h\"\n#include "
        "\"frontend/{1}/translator.h\"\n\n"
        "namespace vm::frontend::{1} {{\n\nbool dispatch(Translator& t, const Decoded& d) {{\n    switch "
        "(d.base) {{\n",
        table.file, table.isa, table.prefix);
    for (const Encoding& e : table.encodings)
        if (e.base == e.name) out += fmt::format("        case Insn::{0}: return t.{0}(d);\n", e.name);
    out += fmt::format("        default: return false;\n    }}\n}}\n\n}}  // namespace vm::frontend::{}\n",
                       table.isa);
    return out;
}

std::string emit_handler_list(const Table& table) {
    std::string out = fmt::format(
        "// Written by isagen from {}. Declarations of all handlers, for the body of class "
        "Translator.\n#pragma once\n\n"
        "#define VM_{}_HANDLERS \\\n",
        table.file, [&] {
            std::string upper = table.prefix;
            for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
            return upper;
        }());
    for (const Encoding& e : table.encodings)
        if (e.base == e.name) out += fmt::format("    bool {}(const Decoded& d); \\\n", e.name);
    return out + "    static_assert(true)\n";
}

}  // namespace vm::isagen
