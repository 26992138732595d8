// files/rv64/*.s, files/a64/*.s: guest assembly in; expected encoding, IR, IR after the passes and host code
// out. Only the sections that a file has are compared. Host code is made for fixed host features, so it does
// not depend on the machine that runs the test.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "backend/options.h"
#include "backend/x86_64/x86_64.h"
#include "base/format.h"
#include "frontend/arm64/arm64.h"
#include "frontend/riscv64/riscv64.h"
#include "host_options.h"
#include "host_text.h"
#include "ir/passes/passes.h"
#include "ir/text.h"
#include "test_file.h"

namespace vm::test {
namespace {

namespace x64 = backend::x86_64;
/// A guest whose files are in a folder of its own, and how they are assembled. Only blessing needs the
/// assembler.
struct Guest {
    const char* folder;
    const frontend::GuestIsa* isa;
    const char *triple, *march, *prelude, *link;
};
const Guest kGuests[] = {
    {"rv64", &frontend::riscv64::kRiscv64, "riscv64-linux-gnu",
     "rv64imafdc_zicsr_zifencei_zba_zbb_zbc_zbs_zfh", ".option norelax\n", "--no-relax"},
    {"a64", &frontend::arm64::kArm64, "aarch64-linux-gnu", "armv8.6-a+crypto+sha3+fp16", "", ""},
};
std::string path_of(const Guest& g) { return fmt::format("{}/{}", VM_TEST_FILES, g.folder); }
constexpr u64 kBase = 0x100000;  ///< where the code lies unless the file says `pc: …`

struct Code {
    u64 base = kBase;
    std::vector<u8> bytes;
    static u64 fetch(void* self, u64 pc, void* out, u64 size) {
        const Code& c = *static_cast<const Code*>(self);
        if (pc < c.base || pc >= c.base + c.bytes.size()) return 0;
        const u64 n = std::min(size, c.base + c.bytes.size() - pc);
        std::memcpy(out, c.bytes.data() + (pc - c.base), n);
        return n;
    }
};

/// Address, bytes as they lie in memory, and our disassembly: `100000 13 05 15 00  addi a0,a0,1`.
std::string code_text(const frontend::GuestIsa& isa, const Code& c) {
    std::string out;
    for (u64 at = 0; at < c.bytes.size();) {
        unsigned length = 1;
        const std::string text = isa.disassemble(c.base + at, &c.bytes[at], c.bytes.size() - at, &length);
        std::string hex;
        for (unsigned i = 0; i < length; i++) hex += fmt::format("{:02x} ", c.bytes[at + i]);
        out += fmt::format("{:x} {:<12} {}\n", c.base + at, hex, text);
        at += length;
    }
    return out;
}

bool parse_code(std::string_view text, Code& c) {
    for (const std::string& line : lines_of(text)) {
        const auto words = words_of(line);
        for (size_t i = 1; i < words.size() && words[i].size() == 2; i++) {
            char* end = nullptr;
            const unsigned long v = std::strtoul(words[i].c_str(), &end, 16);
            if (*end != 0) break;
            c.bytes.push_back(static_cast<u8>(v));
        }
    }
    return !c.bytes.empty();
}

/// Assembles `source` at `base` with the cross binutils. Only blessing needs it.
bool assemble(const Guest& g, const std::string& source, u64 base, std::vector<u8>& out) {
    char dir[] = "/tmp/vm-file-test-XXXXXX";
    if (mkdtemp(dir) == nullptr) return false;
    const std::string d = dir;
    std::ofstream(d + "/a.s") << g.prelude << ".text\n.globl _start\n_start:\n" << source;
    const std::string command = fmt::format(
        "cd {0} && {1}-as -march={2} -o a.o a.s && {1}-ld -N --no-warn-rwx-segments {3} -Ttext={4:#x} -o "
        "a.elf "
        "a.o && {1}-objcopy -O binary -j .text a.elf a.bin",
        d, g.triple, g.march, g.link, base);
    const bool ok = std::system(command.c_str()) == 0;
    if (ok) {
        std::ifstream in(d + "/a.bin", std::ios::binary);
        out.assign(std::istreambuf_iterator<char>(in), {});
    }
    std::filesystem::remove_all(d);
    return ok && !out.empty();
}

using Param = std::pair<const Guest*, std::string>;

class GoldenTest : public testing::TestWithParam<Param> {
  protected:
    const Guest& guest() const { return *GetParam().first; }
    const frontend::GuestIsa& isa() const { return *guest().isa; }
    void run();
    void assemble_again(TestFile& file, Code& code);
    std::string ir_text(const ir::Block& b) const {
        std::string out;
        for (ir::Value v = 0; v < b.insts.size(); ++v)
            if (b.insts[v].op != ir::Op::Nop)
                out += (b.insts[v].op == ir::Op::Insn ? "" : "  ") + ir::print(b.insts[v], v, *isa().layout) +
                       '\n';
        return out;
    }
};

void GoldenTest::assemble_again(TestFile& file, Code& code) {
    if (!blessing()) return;
    std::vector<u8> bytes;
    ASSERT_TRUE(assemble(guest(), file.section("guest"), code.base, bytes))
        << "the assembler does not take it";
    code.bytes = bytes;
    file.expect("code", code_text(isa(), code));
}

void GoldenTest::run() {
    TestFile file(path_of(guest()) + "/" + GetParam().second + ".s");
    ASSERT_EQ(file.error(), "");
    Code code;
    code.base = std::strtoull(file.option("pc", "0x100000").c_str(), nullptr, 0);
    parse_code(file.section("code"), code);
    ASSERT_NO_FATAL_FAILURE(assemble_again(file, code));
    ASSERT_FALSE(code.bytes.empty()) << "section code is empty; VM_BLESS=1 assembles section guest into it";
    file.expect("code", code_text(isa(), code));

    frontend::TranslateRequest request;
    request.pc = code.base;
    request.mode = static_cast<u32>(std::stoul(file.option("mode", "0")));
    request.max_insns = static_cast<u32>(std::stoul(file.option("max_insns", "64")));
    request.count_instructions = file.option("icount") == "on";
    request.fetch = &Code::fetch;
    request.fetch_ctx = &code;
    ir::Block block;
    isa().translate(request, block);
    const auto verified = ir::verify(block, *isa().layout);
    ASSERT_TRUE(verified.has_value()) << verified.error().message;
    if (file.has("ir")) file.expect("ir", ir_text(block));
    ir::run_tier1_passes(block, *isa().layout, 0);
    const auto still = ir::verify(block, *isa().layout);
    ASSERT_TRUE(still.has_value()) << still.error().message;
    if (file.has("optimized")) file.expect("optimized", ir_text(block));

    bool skip_host = false;
    if (file.has("host")) {
        x64::HostFeatures features;
        ASSERT_TRUE(parse_features(file.option("features", "all"), features)) << file.option("features");
        backend::CompileOptions options;
        ASSERT_TRUE(parse_opts(file.option("opts"), options.disabled_opts)) << file.option("opts");
        options.alone = file.option("alone") == "on";
        backend::CompiledBlock compiled;
        const auto ok = x64::make_compiler(*isa().layout, options, features)->compile(block, compiled);
        ASSERT_TRUE(ok.has_value()) << ok.error().message;
        skip_host = !can_disassemble();
        if (!skip_host)
            file.expect("host", host_text(compiled, *isa().layout, [&](u64 pc) {
                            unsigned length = 1;
                            const u64 at = pc - code.base;
                            return at < code.bytes.size() ? isa().disassemble(pc, &code.bytes[at],
                                                                              code.bytes.size() - at, &length)
                                                          : std::string("?");
                        }));
    }
    if (blessing()) file.write();
    if (skip_host) GTEST_SKIP() << "host code not compared: built without Capstone (libcapstone-dev)";
}

TEST_P(GoldenTest, Translates) {
#ifdef __clang__
    GTEST_SKIP() << "the files hold what GCC's order of evaluating arguments gives; Clang numbers the values "
                    "differently";
#endif
    run();
}

std::vector<Param> params() {
    std::vector<Param> out;
    for (const Guest& g : kGuests)
        for (std::string& name : test_files(path_of(g), ".s")) out.emplace_back(&g, std::move(name));
    return out;
}

INSTANTIATE_TEST_SUITE_P(Files, GoldenTest, testing::ValuesIn(params()), [](const auto& i) {
    return fmt::format("{}_{}", i.param.first->folder, i.param.second);
});

}  // namespace
}  // namespace vm::test
