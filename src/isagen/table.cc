// Reads a .isa file, line by line, into a Table. Directives first resolve to plain data; encoding lines
// resolve their letters at once, so a table's definitions stand before their use.
#include "isagen/table.h"

#include <algorithm>
#include <charconv>

#include "base/format.h"

namespace vm::isagen {
namespace {

using Words = std::vector<std::string_view>;

std::string_view trim(std::string_view s) {
    const auto first = s.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return s.substr(first, s.find_last_not_of(" \t\r") - first + 1);
}

std::vector<std::string_view> split(std::string_view s, char separator) {
    std::vector<std::string_view> out;
    for (size_t pos = 0;;) {
        const size_t end = s.find(separator, pos);
        out.push_back(trim(s.substr(pos, end == std::string_view::npos ? end : end - pos)));
        if (end == std::string_view::npos) return out;
        pos = end + 1;
    }
}

Words words_of(std::string_view s) {
    Words out;
    for (size_t pos = 0; (pos = s.find_first_not_of(" \t\r", pos)) != std::string_view::npos;) {
        const size_t end = std::min(s.find_first_of(" \t\r", pos), s.size());
        out.push_back(s.substr(pos, end - pos));
        pos = end;
    }
    return out;
}

/// A decimal, 0x or negative number that fills the whole text.
bool parse_number(std::string_view s, i64* out) {
    const bool negative = s.starts_with('-');
    if (negative) s.remove_prefix(1);
    const bool hex = s.starts_with("0x");
    if (hex) s.remove_prefix(2);
    u64 value = 0;
    const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value, hex ? 16 : 10);
    if (s.empty() || error != std::errc{} || end != s.data() + s.size()) return false;
    *out = negative ? -static_cast<i64>(value) : static_cast<i64>(value);
    return true;
}

/// "HI:LO" or "N"; 0 <= lo <= hi < 64.
bool parse_range(std::string_view s, unsigned* hi, unsigned* lo) {
    const size_t colon = s.find(':');
    i64 h = 0, l = 0;
    if (!parse_number(s.substr(0, colon), &h)) return false;
    if (colon == std::string_view::npos) {
        l = h;
    } else if (!parse_number(s.substr(colon + 1), &l)) {
        return false;
    }
    if (l < 0 || h < l || h > 63) return false;
    *hi = static_cast<unsigned>(h);
    *lo = static_cast<unsigned>(l);
    return true;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_name(std::string_view s) {
    return !s.empty() && is_letter(s[0]) && std::all_of(s.begin(), s.end(), [](char c) {
        return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
    });
}

unsigned member_width(std::string_view type) {
    i64 width = 0;
    return parse_number(type.substr(1), &width) ? static_cast<unsigned>(width) : 0;
}

class Parser {
  public:
    Result<Table> run(const std::vector<Source>& sources) {
        for (const Source& source : sources) {
            file_ = source.file;
            if (table_.file.empty()) table_.file = file_;
            if (!lines(source.text)) return fail(ErrorKind::InvalidArgument, std::move(message_));
        }
        file_ = table_.file;
        line_ = 0;
        if (table_.isa.empty()) bad("no `isa` line");
        if (table_.lengths.empty()) bad("no `length` line");
        if (!message_.empty()) return fail(ErrorKind::InvalidArgument, std::move(message_));
        return std::move(table_);
    }

  private:
    bool lines(std::string_view text) {
        line_ = 0;
        for (std::string_view raw : split(text, '\n')) {
            ++line_;
            const std::string_view line = trim(raw);
            if (line.empty() || line[0] == '#') continue;
            if (!(line.find('|') != std::string_view::npos ? encoding(line) : directive(line))) return false;
        }
        return true;
    }

    bool bad(std::string_view what) {
        if (message_.empty()) message_ = fmt::format("{}:{}: {}", file_, line_, what);
        return false;
    }

    bool directive(std::string_view line) {
        const Words w = words_of(line);
        if (w[0] == "isa") return isa(w);
        if (w[0] == "length") return length(w);
        if (w[0] == "ext") return extension(w);
        if (w[0] == "member") return member(w);
        if (w[0] == "letter") return letter(line);
        if (w[0] == "format") return format(line);
        if (w[0] == "operand") return operand(w);
        if (w[0] == "names") return names(w);
        return bad(fmt::format("unknown directive `{}` (an encoding line needs `|` columns)", w[0]));
    }

    bool isa(const Words& w) {
        if (w.size() != 3 || !is_name(w[1]) || !is_name(w[2])) return bad("expected `isa NAME PREFIX`");
        table_.isa = w[1];
        table_.prefix = w[2];
        return true;
    }

    bool length(const Words& w) {
        Length out;
        i64 bits = 0, value = 0;
        if (w.size() < 2 || !parse_number(w[1], &bits) || (bits != 16 && bits != 32))
            return bad("expected `length 16|32 [unless HI:LO == VALUE]`");
        out.bits = static_cast<unsigned>(bits);
        unsigned hi = 0, lo = 0;
        if (w.size() == 6 && w[2] == "unless" && w[4] == "==" && parse_range(w[3], &hi, &lo) && hi < 16 &&
            parse_number(w[5], &value)) {
            out.unless_mask = static_cast<u32>(zext(~u64{0}, hi - lo + 1) << lo);
            out.unless_value = static_cast<u32>(value << lo);
        } else if (w.size() != 2) {
            return bad("expected `length 16|32 [unless HI:LO == VALUE]`");
        }
        if (!table_.lengths.empty() &&
            (table_.lengths.back().unless_mask == 0 || table_.lengths.back().bits >= out.bits))
            return bad("lengths go from short to long, and each but the last has an `unless`");
        table_.lengths.push_back(out);
        return true;
    }

    bool extension(const Words& w) {
        for (size_t k = 1; k < w.size(); ++k) {
            if (!is_name(w[k])) return bad(fmt::format("`{}` is no extension name", w[k]));
            if (std::ranges::find(table_.exts, w[k]) != table_.exts.end())
                return bad(fmt::format("extension {} is listed twice", w[k]));
            table_.exts.emplace_back(w[k]);
        }
        return table_.exts.size() <= 64 || bad("more than 64 extensions");
    }

    bool member(const Words& w) {
        static constexpr std::string_view kTypes[] = {"u8", "u16", "u32", "u64", "i32", "i64"};
        if (w.size() < 3 || std::ranges::find(kTypes, w[1]) == std::end(kTypes))
            return bad("expected `member u8|u16|u32|u64|i32|i64 NAME...`");
        for (size_t k = 2; k < w.size(); ++k) {
            if (!is_name(w[k])) return bad(fmt::format("`{}` is no member name", w[k]));
            if (find_member(w[k])) return bad(fmt::format("member {} is listed twice", w[k]));
            table_.members.push_back({std::string(w[1]), std::string(w[k])});
        }
        return true;
    }

    const Member* find_member(std::string_view name) const {
        const auto it = std::ranges::find(table_.members, name, &Member::name);
        return it == table_.members.end() ? nullptr : &*it;
    }

    /// "d = rd rs1 +8" or "i = imm signed 12 10:5 4:1 11".
    bool field_def(std::string_view text, char* letter_out, FieldDef* def) {
        const size_t equals = text.find('=');
        const std::string_view left = trim(text.substr(0, equals));
        if (equals == std::string_view::npos || left.size() != 1 || !is_letter(left[0]))
            return bad("expected `LETTER = MEMBER... [signed] [+N] [HI:LO|N ...]`");
        *letter_out = left[0];
        def->line = line_;
        for (std::string_view word : words_of(text.substr(equals + 1))) {
            unsigned hi = 0, lo = 0;
            if (word == "signed") {
                def->is_signed = true;
            } else if (word[0] == '+') {
                if (!parse_number(word.substr(1), &def->add))
                    return bad(fmt::format("`{}` is no number", word));
            } else if (is_letter(word[0])) {
                if (!find_member(word)) return bad(fmt::format("undefined member `{}`", word));
                def->members.emplace_back(word);
            } else if (parse_range(word, &hi, &lo)) {
                for (unsigned b = hi + 1; b-- > lo;) {
                    if (std::ranges::find(def->dst, b) != def->dst.end())
                        return bad(fmt::format("bit {} is filled twice", b));
                    def->dst.push_back(b);
                }
            } else {
                return bad(fmt::format("`{}` is no bit range", word));
            }
        }
        return !def->members.empty() || bad("no member named");
    }

    bool letter(std::string_view line) {
        char name = 0;
        FieldDef def;
        if (!field_def(line.substr(6), &name, &def)) return false;
        if (table_.letters.contains(name)) return bad(fmt::format("letter `{}` is defined twice", name));
        table_.letters[name] = std::move(def);
        return true;
    }

    bool format(std::string_view line) {
        const size_t colon = line.find(':');
        const std::string_view name = trim(line.substr(6, colon == std::string_view::npos ? 0 : colon - 6));
        if (!is_name(name)) return bad("expected `format NAME : LETTER = ..., LETTER = ...`");
        if (table_.formats.contains(std::string(name)))
            return bad(fmt::format("format {} is defined twice", name));
        auto& format = table_.formats[std::string(name)];
        for (std::string_view part : split(line.substr(colon + 1), ',')) {
            char key = 0;
            FieldDef def;
            if (!field_def(part, &key, &def)) return false;
            format[key] = std::move(def);
        }
        return true;
    }

    /// operand NAME = MEMBER[HI:LO] PRINTER, or operand NAME... = fn
    bool operand(const Words& w) {
        if (w.size() > 3 && w.back() == "fn" && w[w.size() - 2] == "=") return function_operands(w);
        if (w.size() != 5 || w[2] != "=" || !is_name(w[1]))
            return bad("expected `operand NAME = MEMBER[HI:LO] PRINTER` or `operand NAME... = fn`");
        Operand out;
        out.line = line_;
        out.name = w[1];
        out.printer = w[4];
        const size_t bracket = w[3].find('[');
        out.member = w[3].substr(0, bracket);
        if (out.member != "bits" && !find_member(out.member))
            return bad(fmt::format("undefined member `{}`", out.member));
        if (bracket != std::string_view::npos) {
            unsigned hi = 0, lo = 0;
            if (!w[3].ends_with(']') ||
                !parse_range(w[3].substr(bracket + 1, w[3].size() - bracket - 2), &hi, &lo))
                return bad(fmt::format("`{}` is no member with a bit range", w[3]));
            out.hi = static_cast<int>(hi);
            out.lo = static_cast<int>(lo);
        }
        if (!table_.operands.emplace(out.name, out).second)
            return bad(fmt::format("operand {} is defined twice", out.name));
        return true;
    }

    bool function_operands(const Words& w) {
        for (size_t k = 1; k + 2 < w.size(); ++k) {
            if (!is_name(w[k])) return bad(fmt::format("`{}` is no operand name", w[k]));
            const std::string name(w[k]);
            if (!table_.operands
                     .emplace(name, Operand{.name = name, .member = {}, .printer = "fn", .line = line_})
                     .second)
                return bad(fmt::format("operand {} is defined twice", name));
        }
        return true;
    }

    /// names TABLE [VALUE=]TEXT ... ; a text without a value takes the next number; "" is the empty text.
    bool names(const Words& w) {
        if (w.size() < 3) return bad("expected `names TABLE [VALUE=]TEXT ...`");
        auto& names = table_.names[std::string(w[1])];
        i64 next = 0;
        for (size_t k = 2; k < w.size(); ++k) {
            std::string_view word = w[k];
            i64 value = 0;
            const size_t equals = word.find('=');
            if (equals != std::string_view::npos && parse_number(word.substr(0, equals), &value)) {
                next = value;
                word.remove_prefix(equals + 1);
            }
            if (word == "\"\"") word = {};
            if (!names.emplace(static_cast<u64>(next), word).second)
                return bad(fmt::format("value {} of names {} is given twice", next, w[1]));
            ++next;
        }
        return true;
    }

    bool encoding(std::string_view line) {
        const auto columns = split(line, '|');
        if (columns.size() < 3 || columns.size() > 4)
            return bad("expected `NAME BITS [@FORMAT] | EXT | ASM [| CONSTRAINTS]`");
        Encoding e;
        e.file = file_;
        e.line = line_;
        if (!bit_string(columns[0], &e)) return false;
        for (std::string_view ext : split(columns[1], '+')) {
            if (std::ranges::find(table_.exts, ext) == table_.exts.end())
                return bad(fmt::format("undefined extension `{}`", ext));
            e.exts.emplace_back(ext);
        }
        if (columns[2].empty()) return bad("the assembler template is empty");
        e.asm_template = columns[2];
        e.base = e.name;
        if (columns.size() == 4 && !constraint_column(columns[3], &e)) return false;
        table_.encodings.push_back(std::move(e));
        return true;
    }

    bool bit_string(std::string_view column, Encoding* e) {
        const Words w = words_of(column);
        if (!is_name(w.empty() ? std::string_view{} : w[0]))
            return bad("an encoding line begins with a name");
        e->name = w[0];
        if (e->name == "Invalid" || e->name == "Count_")
            return bad(fmt::format("the name {} is taken", e->name));
        const std::map<char, FieldDef>* format = nullptr;
        for (size_t k = 1; k < w.size(); ++k) {
            if (w[k][0] != '@') {
                e->bits += w[k];
                continue;
            }
            const auto it = table_.formats.find(std::string(w[k].substr(1)));
            if (it == table_.formats.end()) return bad(fmt::format("undefined format `{}`", w[k].substr(1)));
            format = &it->second;
        }
        e->length = static_cast<unsigned>(e->bits.size());
        if (std::ranges::find(table_.lengths, e->length, &Length::bits) == table_.lengths.end())
            return bad(fmt::format("the bit string of {} has {} bits, which is no length of this ISA",
                                   e->name, e->length));
        std::string letters;
        for (unsigned k = 0; k < e->length; ++k) {
            const char c = e->bits[k];
            const u32 at = u32{1} << (e->length - 1 - k);
            if (c == '0' || c == '1') {
                e->mask |= at;
                if (c == '1') e->match |= at;
            } else if (is_letter(c)) {
                if (letters.find(c) == std::string::npos) letters += c;
            } else if (c != '.') {
                return bad(
                    fmt::format("`{}` in the bit string of {} is not 0, 1, . or a letter", c, e->name));
            }
        }
        return std::ranges::all_of(letters, [&](char c) { return resolve(c, format, e); });
    }

    bool resolve(char letter, const std::map<char, FieldDef>* format, Encoding* e) {
        const FieldDef* def = nullptr;
        if (format && format->contains(letter)) {
            def = &format->at(letter);
        } else if (table_.letters.contains(letter)) {
            def = &table_.letters.at(letter);
        } else {
            return bad(fmt::format("undefined letter `{}` in the bit string of {}", letter, e->name));
        }
        std::vector<unsigned> src;
        for (unsigned k = 0; k < e->length; ++k)
            if (e->bits[k] == letter) src.push_back(e->length - 1 - k);
        std::vector<unsigned> dst = def->dst;
        if (dst.empty())
            for (size_t k = src.size(); k-- > 0;) dst.push_back(static_cast<unsigned>(k));
        if (dst.size() != src.size())
            return bad(fmt::format("letter `{}` of {} has {} bits, its format places {}", letter, e->name,
                                   src.size(), dst.size()));
        Field f{.letter = letter,
                .members = def->members,
                .pieces = {},
                .is_signed = def->is_signed,
                .add = def->add};
        for (size_t k = 0; k < src.size(); ++k) {
            f.sign_width = std::max(f.sign_width, dst[k] + 1);
            if (!f.pieces.empty() && f.pieces.back().src == src[k] + 1 && f.pieces.back().dst == dst[k] + 1) {
                --f.pieces.back().src;
                --f.pieces.back().dst;
                ++f.pieces.back().width;
            } else {
                f.pieces.push_back({src[k], dst[k], 1});
            }
        }
        for (const std::string& m : f.members) {
            const Member* member = find_member(m);
            if (f.sign_width > member_width(member->type))
                return bad(fmt::format("letter `{}` of {} does not fit member {}", letter, e->name, m));
        }
        e->fields.push_back(std::move(f));
        return true;
    }

    /// "d!=0 i&1==1 over ADD = LW rs1=2": each part optional, in this order.
    bool constraint_column(std::string_view column, Encoding* e) {
        const Words w = words_of(column);
        size_t k = 0;
        for (; k < w.size() && w[k] != "over" && w[k] != "="; ++k)
            if (!constraint(w[k], e)) return false;
        if (k < w.size() && w[k] == "over")
            for (++k; k < w.size() && w[k] != "="; ++k) e->over.emplace_back(w[k]);
        if (k == w.size()) return true;
        if (++k == w.size()) return bad("`=` is followed by the name of the base encoding");
        e->base = w[k];
        for (++k; k < w.size(); ++k) {
            const size_t equals = w[k].find('=');
            i64 value = 0;
            if (equals == std::string_view::npos || !parse_number(w[k].substr(equals + 1), &value))
                return bad(fmt::format("`{}` is not MEMBER=VALUE", w[k]));
            if (!find_member(w[k].substr(0, equals)))
                return bad(fmt::format("undefined member `{}`", w[k].substr(0, equals)));
            e->constants.emplace_back(w[k].substr(0, equals), value);
        }
        return true;
    }

    bool constraint(std::string_view word, Encoding* e) {
        Constraint c;
        c.letter = word[0];
        std::string_view rest = word.substr(1);
        i64 value = 0;
        if (rest.starts_with('&')) {
            const size_t end = rest.find_first_of("=!<>");
            if (end == std::string_view::npos || !parse_number(rest.substr(1, end - 1), &value))
                return bad(fmt::format("`{}` is no constraint", word));
            c.and_mask = static_cast<u64>(value);
            rest.remove_prefix(end);
        }
        size_t skip = 2;
        if (rest.starts_with("!=")) {
            c.op = Constraint::Op::Ne;
        } else if (rest.starts_with("==")) {
            c.op = Constraint::Op::Eq;
        } else if (rest.starts_with('<') || rest.starts_with('>')) {
            c.op = rest[0] == '<' ? Constraint::Op::Lt : Constraint::Op::Gt;
            skip = 1;
        } else {
            return bad(fmt::format("`{}` is no constraint", word));
        }
        rest.remove_prefix(skip);
        if (rest.size() == 1 && is_letter(rest[0])) {
            c.right_letter = rest[0];
        } else if (parse_number(rest, &value)) {
            c.right = static_cast<u64>(value);
        } else {
            return bad(fmt::format("`{}` is no constraint", word));
        }
        for (char used : {c.letter, c.right_letter})
            if (used && e->bits.find(used) == std::string::npos)
                return bad(
                    fmt::format("constraint `{}` of {} uses the letter `{}`, which its bit string lacks",
                                word, e->name, used));
        e->constraints.push_back(c);
        return true;
    }

    Table table_;
    std::string file_;
    int line_ = 0;
    std::string message_;
};

}  // namespace

u64 Encoding::raw(char letter, u32 word) const {
    u64 value = 0;
    for (unsigned k = 0; k < length; ++k)
        if (bits[k] == letter) value = value << 1 | bit(word, length - 1 - k);
    return value;
}

bool Encoding::matches(u32 word) const {
    if ((word & mask) != match) return false;
    return std::ranges::all_of(constraints, [&](const Constraint& c) {
        const u64 left = raw(c.letter, word) & c.and_mask;
        const u64 right = c.right_letter ? raw(c.right_letter, word) : c.right;
        switch (c.op) {
            case Constraint::Op::Eq: return left == right;
            case Constraint::Op::Ne: return left != right;
            case Constraint::Op::Lt: return left < right;
            case Constraint::Op::Gt: return left > right;
        }
        return false;
    });
}

const Encoding* Table::find(std::string_view name) const {
    const auto it = std::ranges::find(encodings, name, &Encoding::name);
    return it == encodings.end() ? nullptr : &*it;
}

u64 Table::feature_mask(const Encoding& e) const {
    u64 out = 0;
    for (const std::string& ext : e.exts) out |= u64{1} << (std::ranges::find(exts, ext) - exts.begin());
    return out;
}

Result<Table> parse_table(const std::vector<Source>& sources) { return Parser().run(sources); }
Result<Table> parse_table(std::string_view text, std::string file) {
    return parse_table({Source{text, std::move(file)}});
}

}  // namespace vm::isagen
