// files/ir/*.ir: IR in, passes, expected IR out. The registers are those of RV64, with `guest: a64` those of
// AArch64.
#include <gtest/gtest.h>

#include "frontend/arm64/state.h"
#include "frontend/riscv64/state.h"
#include "ir/passes/passes.h"
#include "ir/text.h"
#include "test_file.h"

namespace vm::test {
namespace {

const ir::StateLayout& layout_of(const TestFile& file) {
    return file.option("guest") == "a64" ? frontend::arm64::kLayout : frontend::riscv64::kLayout;
}
std::string folder() { return VM_TEST_FILES "/ir"; }

/// The block without what the passes removed; values keep their numbers.
std::string text_of(const ir::Block& block, const ir::StateLayout& layout) {
    std::string out;
    for (ir::Value v = 0; v < block.insts.size(); ++v)
        if (block.insts[v].op != ir::Op::Nop) out += print(block.insts[v], v, layout) + '\n';
    return out;
}

/// "tier1", or names of passes in the order in which they run.
bool run_passes(const std::string& names, ir::Block& block, const ir::StateLayout& layout) {
    if (names == "tier1") {
        run_tier1_passes(block, layout, 0);
        return true;
    }
    ir::PassScratch scratch;
    std::string_view rest = names;
    while (!rest.empty()) {
        const auto end = rest.find(' ');
        const auto word = rest.substr(0, end);
        rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
        const auto all = ir::tier1_passes();
        const auto it =
            std::find_if(all.begin(), all.end(), [&](const ir::Pass& p) { return p.name == word; });
        if (it == all.end()) return false;
        it->run(block, layout, scratch);
    }
    return !names.empty();
}

class IrFileTest : public testing::TestWithParam<std::string> {};

TEST_P(IrFileTest, Passes) {
    TestFile file(folder() + "/" + GetParam() + ".ir");
    ASSERT_EQ(file.error(), "");
    const ir::StateLayout& layout = layout_of(file);
    auto block = ir::parse(file.section("in"), layout);
    ASSERT_TRUE(block.has_value()) << block.error().message;
    const auto before = ir::verify(*block, layout);
    ASSERT_TRUE(before.has_value()) << before.error().message;
    ASSERT_TRUE(run_passes(file.option("passes"), *block, layout))
        << "no such passes: " << file.option("passes");
    const auto after = ir::verify(*block, layout);
    EXPECT_TRUE(after.has_value()) << after.error().message;
    file.expect("out", text_of(*block, layout));
    if (blessing()) file.write();
}

INSTANTIATE_TEST_SUITE_P(Files, IrFileTest, testing::ValuesIn(test_files(folder(), ".ir")),
                         [](const auto& i) { return i.param; });

// Every pass has a test of its own: a pass that joins the pipeline without one fails here.
TEST(IrFileTest, EveryPassHasOne) {
    std::string alone;
    for (const std::string& name : test_files(folder(), ".ir"))
        alone += " " + TestFile(folder() + "/" + name + ".ir").option("passes") + " ";
    for (const ir::Pass& p : ir::tier1_passes())
        EXPECT_NE(alone.find(" " + std::string(p.name) + " "), std::string::npos) << p.name;
}

}  // namespace
}  // namespace vm::test
