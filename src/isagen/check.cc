// Whole-table checks: references between lines, encodings that overlap without an order, encodings that no
// word satisfies.
#include <algorithm>
#include <set>

#include "base/format.h"
#include "isagen/table.h"

namespace vm::isagen {
namespace {

/// Bits of the word that the constraints of `e` look at.
u32 constrained_bits(const Encoding& e) {
    u32 out = 0;
    for (const Constraint& c : e.constraints)
        for (unsigned k = 0; k < e.length; ++k)
            if (e.bits[k] == c.letter || e.bits[k] == c.right_letter) out |= u32{1} << (e.length - 1 - k);
    return out;
}

/// Finds a word that is both `a` and `b` (of one length). Exact up to 20 free constrained bits; beyond that
/// every overlap of the fixed bits counts.
bool common_word(const Encoding& a, const Encoding& b, u32* word) {
    if ((a.match ^ b.match) & a.mask & b.mask) return false;
    const u32 fixed = a.match | b.match;
    const u32 free = (constrained_bits(a) | constrained_bits(b)) & ~(a.mask | b.mask);
    *word = fixed;
    if (std::popcount(free) > 20) return true;
    u32 sub = 0;
    do {
        *word = fixed | sub;
        if (a.matches(*word) && b.matches(*word)) return true;
        sub = (sub - free) & free;
    } while (sub);
    return false;
}

class Checker {
  public:
    explicit Checker(Table& table) : table_(table) {}

    Result<void> run() {
        const bool ok = references() && templates() && lengths() && ranks() && overlaps();
        if (!ok) return fail(ErrorKind::InvalidArgument, std::move(message_));
        return {};
    }

  private:
    bool bad(const std::string& file, int line, std::string_view what) {
        if (message_.empty()) message_ = fmt::format("{}:{}: {}", file, line, what);
        return false;
    }
    bool bad(const Encoding& e, std::string_view what) { return bad(e.file, e.line, what); }

    bool references() {
        std::map<std::string, int> lines;
        for (const Encoding& e : table_.encodings) {
            const auto [it, fresh] = lines.emplace(e.name, e.line);
            if (!fresh)
                return bad(e, fmt::format("{} is defined twice (first in line {})", e.name, it->second));
        }
        for (const Encoding& e : table_.encodings) {
            const Encoding* base = table_.find(e.base);
            if (!base) return bad(e, fmt::format("undefined base encoding `{}`", e.base));
            if (base->base != base->name)
                return bad(e, fmt::format("{} is no base encoding: it has the base {}", e.base, base->base));
            for (const std::string& other : e.over)
                if (!table_.find(other))
                    return bad(e, fmt::format("undefined encoding `{}` after `over`", other));
        }
        return true;
    }

    bool templates() {
        for (const auto& [name, operand] : table_.operands)
            if (operand.printer != "dec" && operand.printer != "hex" && operand.printer != "pcrel" &&
                operand.printer != "fn" && !table_.names.contains(operand.printer))
                return bad(table_.file, operand.line,
                           fmt::format("undefined printer or names table `{}`", operand.printer));
        for (const Encoding& e : table_.encodings) {
            const std::string& text = e.asm_template;
            for (size_t pos = 0; (pos = text.find('{', pos)) != std::string::npos;) {
                const size_t end = text.find('}', pos);
                if (end == std::string::npos) return bad(e, "`{` without `}` in the assembler template");
                const std::string name = text.substr(pos + 1, end - pos - 1);
                if (!table_.operands.contains(name))
                    return bad(e, fmt::format("undefined operand `{}`", name));
                pos = end;
            }
        }
        return true;
    }

    /// The fixed bits of every encoding tell its length.
    bool lengths() {
        for (const Encoding& e : table_.encodings) {
            for (const Length& length : table_.lengths) {
                const bool own = length.bits == e.length;
                const bool all_equal = (e.mask & length.unless_mask) == length.unless_mask &&
                                       (e.match & length.unless_mask) == length.unless_value;
                const bool some_differ = (e.match ^ length.unless_value) & e.mask & length.unless_mask;
                if (length.unless_mask && (own ? !some_differ : !all_equal))
                    return bad(e, fmt::format("the fixed bits of {} do not tell that it has {} bits", e.name,
                                              e.length));
                if (own) break;
            }
        }
        return true;
    }

    bool ranks() {
        for (Encoding& e : table_.encodings) {
            std::set<std::string> above;
            if (!rank(e, &above)) return false;
        }
        return true;
    }

    bool rank(Encoding& e, std::set<std::string>* above) {
        if (!above->insert(e.name).second)
            return bad(e, fmt::format("`over` of {} goes in a circle", e.name));
        for (const std::string& name : e.over) {
            Encoding& other = const_cast<Encoding&>(*table_.find(name));
            if (!rank(other, above)) return false;
            e.rank = std::max(e.rank, other.rank + 1);
        }
        above->erase(e.name);
        return true;
    }

    bool is_over(const Encoding& a, const Encoding& b) const {
        return std::ranges::any_of(a.over, [&](const std::string& name) {
            return name == b.name || is_over(*table_.find(name), b);
        });
    }

    bool overlaps() {
        u32 word = 0;
        const auto& list = table_.encodings;
        for (size_t j = 0; j < list.size(); ++j) {
            if (!common_word(list[j], list[j], &word))
                return bad(list[j], fmt::format("no word satisfies the constraints of {}", list[j].name));
            for (size_t k = 0; k < j; ++k) {
                const Encoding &a = list[k], &b = list[j];
                const bool both = a.length == b.length && common_word(a, b, &word);
                const bool ordered = is_over(a, b) || is_over(b, a);
                if (both && !ordered)
                    return bad(
                        b, fmt::format("{} overlaps {} (line {}), e.g. at {:#x}: add a constraint or `over`",
                                       b.name, a.name, a.line, word));
                if (!both && (std::ranges::find(b.over, a.name) != b.over.end() ||
                              std::ranges::find(a.over, b.name) != a.over.end()))
                    return bad(b,
                               fmt::format("`over` between {} and {}, which do not overlap", b.name, a.name));
            }
        }
        return true;
    }

    Table& table_;
    std::string message_;
};

}  // namespace

Result<void> check_table(Table& table) { return Checker(table).run(); }

}  // namespace vm::isagen
