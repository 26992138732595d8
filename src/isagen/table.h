// The instruction table of one guest ISA: what parse_table reads from a .isa file and the emitters write code
// from. The syntax is described in README.md.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bits.h"
#include "base/result.h"

namespace vm::isagen {

/// One contiguous piece of a field: `width` bits at `src` of the instruction word land at `dst` of the
/// member.
struct Piece {
    unsigned src = 0, dst = 0, width = 0;
};

/// One member of the generated `Decoded`.
struct Member {
    std::string type;  ///< u8, u16, u32, u64, i32 or i64
    std::string name;
};

/// How the bits of one letter become member values.
struct FieldDef {
    std::vector<std::string> members;  ///< every one of them receives the value
    bool is_signed = false;
    i64 add = 0;
    std::vector<unsigned>
        dst;  ///< destination bit of each source bit, most significant first; empty = contiguous
    int line = 0;
};

/// A field of one encoding, resolved.
struct Field {
    char letter = 0;
    std::vector<std::string> members;
    std::vector<Piece> pieces;
    bool is_signed = false;
    unsigned sign_width = 0;  ///< bits of the value, for sign extension
    i64 add = 0;
};

/// `letter op right` on the raw value of a letter (its bits in the order they stand), e.g. d!=0, i&1==1,
/// s!=t.
struct Constraint {
    enum class Op : unsigned char { Eq, Ne, Lt, Gt } op = Op::Eq;
    char letter = 0;
    u64 and_mask = ~u64{0};
    char right_letter = 0;  ///< 0: compare with `right`
    u64 right = 0;
};

struct Encoding {
    std::string name;
    std::string file;  ///< and line where it stands
    int line = 0;
    unsigned length = 32;  ///< bits
    u32 match = 0, mask = 0;
    std::string bits;  ///< the bit string without spaces, most significant bit first
    std::vector<Field> fields;
    std::vector<std::string> exts;  ///< all are needed; the first is the one it is listed under
    std::string asm_template;
    std::vector<Constraint> constraints;
    std::vector<std::string> over;  ///< names of the overlapping encodings that this one takes precedence of
    std::string base;  ///< name of the encoding whose handler executes it; own name unless "= BASE"
    std::vector<std::pair<std::string, i64>> constants;  ///< members set by "= BASE member=value"
    unsigned rank = 0;                                   ///< precedence: higher is tried first

    /// The raw value of `letter` in `word`: its bits, most significant first.
    u64 raw(char letter, u32 word) const;
    /// Whether `word` is this encoding, precedence aside.
    bool matches(u32 word) const;
};

/// What `{name}` in an assembler template prints: bits [hi:lo] of a member through a printer.
struct Operand {
    std::string name;
    std::string member;   ///< or "bits", the instruction word
    std::string printer;  ///< dec, hex, pcrel, the name of a `names` table, or fn (a function of the front
                          ///< end; no member)
    int hi = -1, lo = 0;  ///< hi < 0: the whole member
    int line = 0;
};

/// An instruction length, and the bits that tell it (`unless` test: words where (word & mask) == value are
/// longer).
struct Length {
    unsigned bits = 32;
    u32 unless_mask = 0, unless_value = 0;
};

struct Table {
    std::string file;    ///< path of the first file as given, for messages
    std::string isa;     ///< namespace below vm::frontend, and folder of the front end
    std::string prefix;  ///< prefix of the generated files
    std::vector<Length> lengths;
    std::vector<std::string> exts;
    std::vector<Member> members;
    std::map<char, FieldDef> letters;
    std::map<std::string, std::map<char, FieldDef>> formats;
    std::map<std::string, Operand> operands;
    std::map<std::string, std::map<u64, std::string>> names;
    std::vector<Encoding> encodings;

    const Encoding* find(std::string_view name) const;
    u64 feature_mask(const Encoding& e) const;
};

/// One file of a table.
struct Source {
    std::string_view text;
    std::string file;  ///< path as given, for messages
};
/// Parses a table that is spread over files, as if they stood one after the other. Errors read "FILE:LINE:
/// what".
Result<Table> parse_table(const std::vector<Source>& sources);
Result<Table> parse_table(std::string_view text, std::string file);

/// Checks what needs the whole table (references, overlaps) and computes the ranks. Errors read "FILE:LINE:
/// what".
Result<void> check_table(Table& table);

/// Texts of the generated files.
std::string emit_header(const Table& table);
std::string emit_decoder(const Table& table);
std::string emit_disassembler(const Table& table);
std::string emit_dispatch(const Table& table);
std::string emit_handler_list(const Table& table);
std::string emit_markdown(const Table& table);

}  // namespace vm::isagen
