// The generated decoder and disassembler against the installed riscv64-linux-gnu binutils: all 16-bit
// patterns and a few hundred thousand 32-bit words, validity and whole text; and the expansions of the
// compressed forms, by letting the assembler compress their text again. Only extensions that binutils 2.40
// knows take part.
#include "frontend/binutils_test.h"
#include "frontend/riscv64/rv64_decode.h"

namespace vm::frontend::riscv64 {
namespace {

constexpr const char* kMarch = "rv64gc_zba_zbb_zbc_zbs_zicbom_zicbop_zicboz_zfh_zawrs_zihintpause";

u64 binutils_features() {
    u64 out = 0;
    for (Ext e : {I,   M,   A,   F,   D,      C,   Zicsr, Zifencei, Zicntr, Zihintpause,
                  Zba, Zbb, Zbc, Zbs, Zfhmin, Zfh, Zawrs, Zicbom,   Zicbop, Zicboz})
        out |= u64{1} << e;
    return out;
}

class Rv64Binutils : public frontend::test::Binutils {
  protected:
    Rv64Binutils()
        : Binutils("riscv64-linux-gnu-", "binutils-riscv64-linux-gnu", fmt::format("-march={}", kMarch)) {}
    std::map<u64, std::string> dump(const std::vector<u32>& words, unsigned size) {
        return disassemble_all(words, size, "-M no-aliases");
    }
};

/// objdump's text in our style; "-" for what it does not know.
std::string normal(std::string text, u64 address) {
    if (text.starts_with(".")) return "-";
    text = text.substr(0, text.find(" #"));
    if (const size_t symbol = text.find(" <"); symbol != std::string::npos) {
        const size_t at = text.find_last_of(",\t", symbol) + 1;
        const u64 target = std::stoull(text.substr(at, symbol - at), nullptr, 16);
        const bool is_branch =
            text[0] == 'b' || text.starts_with("j") || text.starts_with("c.b") || text.starts_with("c.j");
        text = text.substr(0, at) + fmt::format("{:#x}", is_branch ? target : address);
    }
    for (char& c : text)
        if (c == '\t') c = ' ';
    while (text.ends_with(' ')) text.pop_back();
    return text;
}

/// Why our text may differ from objdump's; null where it may not.
const char* known_difference(const Decoded& d, const std::string& ours, const std::string& theirs) {
    const std::string name = theirs.substr(0, theirs.find(' '));
    const bool fence = d.id == Insn::FENCE || d.id == Insn::FENCE_I || d.id == Insn::FENCE_TSO;
    if (fence && (theirs == "-" || theirs.find("unknown") != std::string::npos))
        return "reserved fields are ignored";
    if (d.id == Insn::Invalid) {
        if (name == "c.unimp") return "a name for the all-zero word, which is illegal by definition";
        if (theirs == "c.addi16sp sp,0") return "reserved";
        if (theirs.ends_with(",unknown")) return "reserved static rounding mode";
        for (const char* privileged :
             {"uret", "sret", "hret", "mret", "dret", "wfi", "sfence.vm", "sfence.vma"})
            if (name == privileged) return "privileged";
        return nullptr;
    }
    const bool exact = d.id == Insn::FCVT_D_S || d.id == Insn::FCVT_D_H || d.id == Insn::FCVT_D_W ||
                       d.id == Insn::FCVT_D_WU || d.id == Insn::FCVT_S_H;
    if (exact && theirs == "-" && d.rm != 0)
        return "any valid rounding mode is allowed where it has no effect";
    if (d.id == Insn::C_NOP && theirs == fmt::format("c.addi zero,{}", d.imm)) return "hint";
    if (name.starts_with("c.s") && name.ends_with("64") && d.imm == 0) return "RV128's name of a hint";
    if (ours.starts_with("csr") && ours.find(",0x") != std::string::npos &&
        name == ours.substr(0, ours.find(' ')))
        return "a CSR that we have no name for";
    return nullptr;
}

void compare(const std::vector<u32>& words, unsigned size, const std::map<u64, std::string>& dump) {
    unsigned shown = 0;
    for (size_t k = 0; k < words.size(); ++k) {
        const u64 address = k * size;
        const auto it = dump.find(address);
        ASSERT_NE(it, dump.end()) << fmt::format("objdump lost step at {:#x}, word {:#x}", address, words[k]);
        const Decoded d = decode(words[k], binutils_features());
        const std::string ours = d.id == Insn::Invalid ? "-" : disassemble(d, address);
        const std::string theirs = normal(it->second, address);
        if (ours == theirs || known_difference(d, ours, theirs)) continue;
        ADD_FAILURE() << fmt::format("{:0{}x}: ours `{}`, objdump `{}`", words[k], size * 2, ours, theirs);
        ASSERT_LT(++shown, 50u) << "and more";
    }
}

TEST_F(Rv64Binutils, All16BitPatterns) {
    std::vector<u32> words;
    for (u32 w = 0; w < 0x10000; ++w)
        if ((w & 3) != 3) words.push_back(w);
    compare(words, 2, dump(words, 2));
}

TEST_F(Rv64Binutils, Random32BitWords) {
    std::vector<u32> words;
    u64 state = 42;
    const auto add = [&](u32 w) {
        if ((w & 0x3) == 3 && (w & 0x1f) != 0x1f) words.push_back(w);
    };
    for (u16 k = 1; k < static_cast<u16>(Insn::Count_); ++k) {
        if (info(static_cast<Insn>(k)).length != 4) continue;
        for (int n = 0; n < 300; ++n) {
            const u32 w = random_encoding(static_cast<Insn>(k), &state);
            add(w);
            add(w ^ (u32{1} << (state >> 40 & 31)));
            add((w & 0x707f) | (static_cast<u32>(state >> 20) & ~0x707fu));
        }
    }
    compare(words, 4, dump(words, 4));
}

/// Source text of the expansion of `d` that the assembler compresses to `d` itself; empty where there is
/// none.
std::string compressible_text(Decoded d) {
    switch (d.id) {
        case Insn::C_J:
        case Insn::C_BEQZ:
        case Insn::C_BNEZ: return {};  // linker relaxation keeps these as relocations
        case Insn::C_ADDI16SP:
            if (fits_signed(d.imm, 6)) return {};  // becomes c.addi
            break;
        case Insn::C_JR: return fmt::format("jr x{}", d.rs1);  // jalr with explicit operands is left as it is
        case Insn::C_JALR: return fmt::format("jalr x{}", d.rs1);
        case Insn::C_NOP:
            if (d.imm != 0) return {};  // a hint, like the other cases with rd or the immediate 0
            break;
        case Insn::C_LI:
        case Insn::C_LUI:
        case Insn::C_MV:
        case Insn::C_ADD:
            if (d.rd == 0) return {};
            break;
        case Insn::C_ADDI:
        case Insn::C_SRLI:
        case Insn::C_SRAI:
        case Insn::C_SLLI:
            if (d.rd == 0 || d.imm == 0) return {};
            break;
        default: break;
    }
    d.id = d.base;
    return disassemble(d, 0);
}

TEST_F(Rv64Binutils, ExpansionsCompressAgain) {
    std::vector<u32> words;
    std::ofstream source(dir_ + "/e.s");
    for (u32 w = 0; w < 0x10000; ++w) {
        const Decoded d = decode(w, binutils_features());
        if ((w & 3) == 3 || d.id == Insn::Invalid) continue;
        const std::string text = compressible_text(d);
        if (text.empty()) continue;
        source << text << "\n";
        words.push_back(w);
    }
    source.close();
    ASSERT_GT(words.size(), 38000u);
    ASSERT_EQ(assemble("e.s", "e.o"), 0);
    ASSERT_EQ(run("riscv64-linux-gnu-objcopy -O binary -j .text e.o e.bin"), 0);
    std::ifstream in(dir_ + "/e.bin", std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    size_t at = 0;
    unsigned shown = 0;
    for (u32 w : words) {
        ASSERT_LE(at + 2, bytes.size());
        const u32 got = load_raw<u16>(bytes.data() + at);
        at += (got & 3) == 3 ? 4 : 2;
        if (got == w) continue;
        ADD_FAILURE() << fmt::format("{:04x} {}: its expansion assembles to {:04x}", w,
                                     disassemble(decode(w, binutils_features()), 0), got);
        ASSERT_LT(++shown, 50u) << "and more";
    }
}

}  // namespace
}  // namespace vm::frontend::riscv64
