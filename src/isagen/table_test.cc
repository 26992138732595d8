// The table reader and its checks: each mistake is found and named with its line.
#include "isagen/table.h"

#include <gtest/gtest.h>

namespace vm::isagen {
namespace {

/// A small ISA with both instruction lengths. Encoding lines follow from line 15 on.
const std::string kHead = R"(# toy
isa toy toy
length 16 unless 1:0 == 3
length 32
ext I C
member u8 rd rs1
member i64 imm
letter d = rd
letter s = rs1
letter i = imm signed
letter D = rd +8
format B : i = imm signed 12 10:5 4:1 11
operand rd = rd dec
operand target = imm pcrel
)";

Result<Table> load(const std::string& lines) {
    auto table = parse_table(kHead + lines, "toy.isa");
    if (!table) return table;
    if (auto ok = check_table(*table); !ok) return std::unexpected(ok.error());
    return table;
}

std::string error_of(const std::string& lines) {
    const auto table = load(lines);
    return table ? "no error" : table.error().message;
}

constexpr const char* kAdd = "ADD iiiiiiiiiiii sssss 000 ddddd 0010011 | I | add {rd}\n";

TEST(Table, ReadsAnEncoding) {
    const auto table = load(kAdd);
    ASSERT_TRUE(table) << table.error().message;
    ASSERT_EQ(table->encodings.size(), 1u);
    const Encoding& e = table->encodings[0];
    EXPECT_EQ(e.name, "ADD");
    EXPECT_EQ(e.mask, 0x707fu);
    EXPECT_EQ(e.match, 0x13u);
    EXPECT_EQ(e.length, 32u);
    EXPECT_EQ(e.line, 15);
    EXPECT_EQ(e.base, "ADD");
    EXPECT_EQ(table->feature_mask(e), 1u);
    EXPECT_EQ(e.raw('d', 0x00000a93), 0x15u);
    EXPECT_TRUE(e.matches(0xfff00a93));
    EXPECT_FALSE(e.matches(0xfff01a93));
}

TEST(Table, PlacesScatteredBits) {
    const auto table = load("BEQ iiiiiii ..... sssss 000 iiiii 1100011 @B | I | beq {target}\n");
    ASSERT_TRUE(table) << table.error().message;
    const auto& fields = table->encodings[0].fields;
    ASSERT_EQ(fields[0].letter, 'i');
    EXPECT_EQ(fields[0].sign_width, 13u);
    const std::vector<std::array<unsigned, 3>> expected = {{31, 12, 1}, {25, 5, 6}, {8, 1, 4}, {7, 11, 1}};
    ASSERT_EQ(fields[0].pieces.size(), expected.size());
    for (size_t k = 0; k < expected.size(); ++k) {
        const Piece& p = fields[0].pieces[k];
        EXPECT_EQ((std::array{p.src, p.dst, p.width}), expected[k]) << k;
    }
}

TEST(Table, ReadsConstraintsOrderAndBase) {
    const auto table = load(std::string(kAdd) +
                            "NOP ............ 00000 000 00000 0010011 | I | nop | over ADD\n"
                            "C_X 000 iiiiiiii DDD 00 | C+I | c.x {rd} | i!=0 i&3==1 = ADD rs1=2\n");
    ASSERT_TRUE(table) << table.error().message;
    EXPECT_EQ(table->find("ADD")->rank, 0u);
    EXPECT_EQ(table->find("NOP")->rank, 1u);
    const Encoding& c = *table->find("C_X");
    EXPECT_EQ(c.base, "ADD");
    EXPECT_EQ(c.constants, (std::vector<std::pair<std::string, i64>>{{"rs1", 2}}));
    EXPECT_EQ(table->feature_mask(c), 3u);
    EXPECT_TRUE(c.matches(0x0020));
    EXPECT_FALSE(c.matches(0x0000));
    EXPECT_FALSE(c.matches(0x0040));
}

TEST(Table, NamesTheLineOfAMistake) {
    const std::string add = kAdd;
    const std::pair<std::string, std::string> cases[] = {
        {"ADD iiiiiiiiiii sssss 000 ddddd 0010011 | I | add\n",
         "toy.isa:15: the bit string of ADD has 31 bits, which is no length of this ISA"},
        {"\n# x\nADD iiiiiiiiiiii qqqqq 000 ddddd 0010011 | I | add\n",
         "toy.isa:17: undefined letter `q` in the bit string of ADD"},
        {"ADD iiiiiiiiiiii sssss 002 ddddd 0010011 | I | add\n",
         "toy.isa:15: `2` in the bit string of ADD is not 0, 1, . or a letter"},
        {"ADD iiiiiiiiiiii sssss 000 ddddd 0010011 @Q | I | add\n", "toy.isa:15: undefined format `Q`"},
        {"BEQ iiiiiii ..... sssss 000 iiii0 1100011 @B | I | beq\n",
         "toy.isa:15: letter `i` of BEQ has 11 bits, its format places 12"},
        {"ADD iiiiiiiiiiii sssss 000 ddddd 0010011 | Q | add\n", "toy.isa:15: undefined extension `Q`"},
        {"ADD iiiiiiiiiiii sssss 000 ddddd 0010011 | I | add {rq}\n", "toy.isa:15: undefined operand `rq`"},
        {"ADD iiiiiiiiiiii sssss 000 ddddd 0010011 | I | add {rd\n",
         "toy.isa:15: `{` without `}` in the assembler template"},
        {"ADD iiiiiiiiiiii sssss 000 ddddd 0010011 | I\n",
         "toy.isa:15: expected `NAME BITS [@FORMAT] | EXT | ASM [| CONSTRAINTS]`"},
        {"ADD iiiiiiiiiiii sssss 000 ddddd 0010011 | I | add | t!=0\n",
         "toy.isa:15: constraint `t!=0` of ADD uses the letter `t`, which its bit string lacks"},
        {"ADD iiiiiiiiiiii sssss 000 ddddd 0010011 | I | add | d?0\n", "toy.isa:15: `d?0` is no constraint"},
        {"ADD iiiiiiiiiiii sssss 000 ddddd 0010011 | I | add | d&3\n", "toy.isa:15: `d&3` is no constraint"},
        {"ADD iiiiiiiiiiii sssss 000 ddddd 0010011 | I | add | d==1 d==2\n",
         "toy.isa:15: no word satisfies the constraints of ADD"},
        {add + add, "toy.isa:16: ADD is defined twice (first in line 15)"},
        {add + "NOP 000000000000 00000 000 00000 0010011 | I | nop\n",
         "toy.isa:16: NOP overlaps ADD (line 15), e.g. at 0x13: add a constraint or `over`"},
        {add + "NOP 000000000000 00000 000 00000 0010011 | I | nop | over ADDI\n",
         "toy.isa:16: undefined encoding `ADDI` after `over`"},
        {add + "SUB iiiiiiiiiiii sssss 001 ddddd 0010011 | I | sub | over ADD\n",
         "toy.isa:16: `over` between SUB and ADD, which do not overlap"},
        {"A 000000000000 00000 000 ddddd 0010011 | I | a | over B\n"
         "B 000000000000 sssss 000 00000 0010011 | I | b | over A\n",
         "toy.isa:15: `over` of A goes in a circle"},
        {add + "C_X 000 iiiiiiii DDD 00 | C | c.x | = SUB\n", "toy.isa:16: undefined base encoding `SUB`"},
        {add + "C_X 000 iiiiiiii DDD 00 | C | c.x | = ADD rs9=1\n", "toy.isa:16: undefined member `rs9`"},
        {add + "C_X 000 iiiiiiii DDD 00 | C | c.x | = ADD\nC_Y 001 iiiiiiii DDD 00 | C | c.y | = C_X\n",
         "toy.isa:17: C_X is no base encoding: it has the base ADD"},
        {"C_X 000 iiiiiiii DDD 11 | C | c.x\n",
         "toy.isa:15: the fixed bits of C_X do not tell that it has 16 bits"},
        {"ADD iiiiiiiiiiii sssss 000 ddddd 0010001 | I | add\n",
         "toy.isa:15: the fixed bits of ADD do not tell that it has 32 bits"},
        {"letter d = rd\n", "toy.isa:15: letter `d` is defined twice"},
        {"letter x = rx\n", "toy.isa:15: undefined member `rx`"},
        {"format X : i = imm 3:1 2\n", "toy.isa:15: bit 2 is filled twice"},
        {"letter x = rd\nADD xxxxxxxxxxxx 00000 000 ddddd 0010011 | I | add\n",
         "toy.isa:16: letter `x` of ADD does not fit member rd"},
        {"operand q = rd nosuch\n", "toy.isa:15: undefined printer or names table `nosuch`"},
        {"names n 1=a 1=b\n", "toy.isa:15: value 1 of names n is given twice"},
        {"ext I\n", "toy.isa:15: extension I is listed twice"},
        {"opernad x = rd dec\n",
         "toy.isa:15: unknown directive `opernad` (an encoding line needs `|` columns)"},
        {"Invalid iiiiiiiiiiii sssss 000 ddddd 0010011 | I | add\n", "toy.isa:15: the name Invalid is taken"},
    };
    for (const auto& [lines, expected] : cases) EXPECT_EQ(error_of(lines), expected);
}

TEST(Table, ConstraintsKeepEncodingsApart) {
    EXPECT_EQ(error_of("A ............ sssss 000 ddddd 0010011 | I | a | d!=0\n"
                       "B ............ sssss 000 00000 0010011 | I | b\n"),
              "no error");
    EXPECT_EQ(error_of("A ............ sssss 000 ddddd 0010011 | I | a | d<4\n"
                       "B ............ sssss 000 ddddd 0010011 | I | b | d>3\n"),
              "no error");
    EXPECT_EQ(error_of("A ............ sssss 000 ddddd 0010011 | I | a | d==s\n"
                       "B ............ sssss 000 ddddd 0010011 | I | b | d!=s\n"),
              "no error");
    EXPECT_NE(error_of("A ............ sssss 000 ddddd 0010011 | I | a | d<5\n"
                       "B ............ sssss 000 ddddd 0010011 | I | b | d>3\n"),
              "no error");
}

TEST(Table, HeaderLinesAreNeeded) {
    EXPECT_FALSE(parse_table("length 32\n", "x"));
    EXPECT_FALSE(parse_table("isa a b\n", "x"));
    EXPECT_TRUE(parse_table("isa a b\nlength 32\n", "x"));
}

TEST(Emit, WritesEveryEncodingEverywhere) {
    const auto table = load(std::string(kAdd) + "C_X 000 iiiiiiii DDD 00 | C | c.x {rd} | i!=0 = ADD\n");
    ASSERT_TRUE(table) << table.error().message;
    const std::string header = emit_header(*table), decoder = emit_decoder(*table),
                      text = emit_disassembler(*table), dispatch = emit_dispatch(*table),
                      handlers = emit_handler_list(*table), markdown = emit_markdown(*table);
    EXPECT_NE(header.find("namespace vm::frontend::toy"), std::string::npos);
    for (const char* name : {"ADD", "C_X"}) {
        EXPECT_NE(header.find(std::string("    ") + name + ",\n"), std::string::npos);
        EXPECT_NE(decoder.find(std::string("Insn::") + name + ", Insn::ADD)"), std::string::npos);
        EXPECT_NE(text.find(std::string("{\"") + name + "\""), std::string::npos);
        EXPECT_NE(markdown.find(std::string("| ") + name + " | `"), std::string::npos);
    }
    EXPECT_NE(dispatch.find("case Insn::ADD: return t.ADD(d);"), std::string::npos);
    EXPECT_EQ(dispatch.find("C_X"), std::string::npos) << "a short form has no handler";
    EXPECT_NE(handlers.find("bool ADD(const Decoded& d);"), std::string::npos);
}

}  // namespace
}  // namespace vm::isagen
