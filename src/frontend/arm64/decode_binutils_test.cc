// Decoder and disassembler against the installed aarch64-linux-gnu binutils: random fields of every encoding,
// words next to them, and uniformly random words; validity and whole text. A word is undefined here if no
// encoding has it or the handler of its encoding says so.
#include <algorithm>

#include "frontend/arm64/machine_test.h"
#include "frontend/binutils_test.h"

namespace vm::frontend::arm64::test {
namespace {

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> beginnings) {
    return std::ranges::any_of(beginnings, [&](std::string_view b) { return text.starts_with(b); });
}
bool is_any(std::string_view text, std::initializer_list<std::string_view> list) {
    return std::ranges::find(list, text) != list.end();
}
std::string mnemonic(const std::string& text) { return text.substr(0, text.find_first_of(" .")); }

/// objdump's text in our style; "-" for what it does not know.
std::string normal(std::string text) {
    if (text.starts_with(".") || text.starts_with("udf")) return "-";
    text = text.substr(0, text.find("\t//"));
    text = text.substr(0, text.find("  //"));
    if (const size_t symbol = text.find(" <"); symbol != std::string::npos) {
        const size_t at = text.find_last_of("\t ", symbol - 1) + 1;
        text = text.substr(0, at) + "0x" + text.substr(at, symbol - at);
    }
    std::ranges::replace(text, '\t', ' ');
    while (text.ends_with(' ')) text.pop_back();
    return text;
}

/// What objdump knows and this processor does not have; null: it should.
const char* missing(u32 w, const std::string& theirs) {
    const std::string name = mnemonic(theirs);
    const unsigned group = w >> 25 & 15;
    if (starts_with_any(name, {"sm3", "sm4"})) return "FEAT_SM3, FEAT_SM4";
    if (starts_with_any(name, {"fmlal", "fmlsl"}) && (w >> 22 & 1) && (w >> 21 & 1) && !(w >> 28 & 1))
        return "a bit that must be 0, of which this objdump knows nothing";
    if (group == 2) return "FEAT_SVE";
    if (group == 0 || starts_with_any(name, {"smstart", "smstop"})) return "FEAT_SME";
    if (is_any(name, {"hvc", "smc", "dcps1", "dcps2", "dcps3", "eret", "eretaa", "eretab", "drps", "hlt"}))
        return "privileged or for debuggers";
    if (is_any(name, {"irg", "gmi", "addg", "subg", "subp", "subps", "ldg", "stg", "st2g", "stzg", "stz2g",
                      "stgp", "ldgm", "stgm", "stzgm"}))
        return "FEAT_MTE";
    const bool general = (w >> 25 & 7) == 5 || (w >> 26 & 7) == 4;  // data processing, not of vectors
    if (general && is_any(name, {"abs", "cnt", "ctz", "smax", "smin", "umax", "umin"})) return "FEAT_CSSC";
    if (starts_with_any(name, {"cpyf", "cpyp", "cpym", "cpye", "setp", "setm", "sete", "setg"}))
        return "FEAT_MOPS";
    if (starts_with_any(theirs, {"dc g", "dc cg", "dc cig"})) return "FEAT_MTE";
    if (name == "bc") return "FEAT_HBC";
    if (is_any(name, {"tstart", "ttest", "tcommit", "tcancel"})) return "FEAT_TME";
    if (is_any(name, {"wfet", "wfit"})) return "FEAT_WFxT";
    if (is_any(name, {"ld64b", "st64b", "st64bv", "st64bv0"})) return "FEAT_LS64";
    if (starts_with_any(name, {"ldlar", "stllr"})) return "FEAT_LOR";
    if (is_any(name, {"sys", "sysl"})) return "privileged, or an operation that EL0 does not have";
    const bool system = group == 10 && w >> 22 == 0xd5000000 >> 22;
    if (system && is_any(name, {"msr", "mrs"})) return "a field of PSTATE that EL0 does not have, or none";
    return nullptr;
}

/// Why our text may differ from objdump's; null where it may not.
const char* known_difference(u32 w, const std::string& ours, const std::string& theirs) {
    if (ours == "-") return missing(w, theirs);
    const std::string name = mnemonic(ours);
    const bool pair_loads = is_any(name, {"ldp", "ldpsw", "ldnp"});
    if (theirs == "-" && pair_loads && (w & 31) == (w >> 10 & 31))
        return "both halves of a pair in one register: unpredictable, but not undefined";
    const unsigned base = w >> 5 & 31;
    if (theirs == "-" && pair_loads && (w >> 23 & 1) && (base == (w & 31) || base == (w >> 10 & 31)))
        return "write-back of a loaded base: unpredictable, but not undefined";
    if (starts_with_any(ours, {"mrs", "msr"}) && ours.find(" s") != std::string::npos &&
        name == mnemonic(theirs))
        return "a system register that we have no name for";
    const bool ones = (w >> 10 & 31) == 31 && (w >> 16 & 31) == 31;
    if (theirs == "-" && name.starts_with("ldar") && !ones)
        return "fields that should be all ones are ignored, as for the other instructions of this kind";
    if (ours.starts_with("msr ssbs, ") && theirs.starts_with("msr s0_3_")) return "bits 3..1 are ignored";
    return nullptr;
}

class A64Binutils : public frontend::test::Binutils {
  protected:
    A64Binutils() : Binutils("aarch64-linux-gnu-", "binutils-aarch64-linux-gnu", "") {}

    void compare(const std::vector<u32>& words) {
        const auto plain = disassemble_all(words, 4, "-M no-aliases");
        const auto aliases = disassemble_all(words, 4, "-M aliases");
        std::map<std::string, unsigned> shown;
        for (size_t k = 0; k < words.size(); ++k) {
            const u64 address = 4 * k;
            std::string theirs = normal(plain.at(address));
            const std::string ours = text_of(words[k], address);
            if (ours == theirs) continue;
            // Without aliases hints and operations on caches have no names.
            if (starts_with_any(theirs, {"hint ", "sys "})) theirs = normal(aliases.at(address));
            if (ours == theirs || known_difference(words[k], ours, theirs)) continue;
            if (++shown[mnemonic(ours) + "/" + mnemonic(theirs)] > 3) continue;
            ADD_FAILURE() << fmt::format("{:08x}: ours `{}`, objdump `{}`", words[k], ours, theirs);
        }
    }

  private:
    std::string text_of(u32 w, u64 address) {
        const Decoded d = decode(w, ~u64{0});
        const bool any_register = d.base == Insn::MRS || d.base == Insn::MSR;
        if (d.id == Insn::Invalid || (!any_register && machine_.undefined(w))) return "-";
        return disassemble(d, address);
    }

    Machine machine_;
};

TEST_F(A64Binutils, EveryEncoding) {
    std::vector<u32> words;
    u64 state = 42;
    for (u16 k = 1; k < static_cast<u16>(Insn::Count_); ++k)
        for (int n = 0; n < 200; ++n) {
            const u32 w = random_encoding(static_cast<Insn>(k), &state);
            words.push_back(w);
            words.push_back(w ^ (u32{1} << (state >> 40 & 31)));
        }
    compare(words);
}

TEST_F(A64Binutils, AnyWord) {
    std::vector<u32> words;
    u64 state = 43;
    while (words.size() < 400'000) {
        state = state * 6364136223846793005 + 1442695040888963407;
        const u32 w = static_cast<u32>(state >> 32);
        if ((w >> 25 & 15) >= 4) words.push_back(w);  // below: SME, reserved, SVE
    }
    compare(words);
}

}  // namespace
}  // namespace vm::frontend::arm64::test
