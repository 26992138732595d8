// files/host/*.ir: IR in, expected host code out, over the registers of A64. Host code is made for fixed host
// features, so it does not depend on the machine that runs the test.
#include <gtest/gtest.h>

#include "backend/x86_64/x86_64.h"
#include "frontend/arm64/state.h"
#include "host_options.h"
#include "host_text.h"
#include "ir/passes/passes.h"
#include "ir/text.h"
#include "test_file.h"

namespace vm::test {
namespace {

namespace x64 = backend::x86_64;
std::string folder() { return VM_TEST_FILES "/host"; }

class HostFileTest : public testing::TestWithParam<std::string> {};

TEST_P(HostFileTest, Compiles) {
    TestFile file(folder() + "/" + GetParam() + ".ir");
    ASSERT_EQ(file.error(), "");
    const ir::StateLayout& layout = frontend::arm64::kLayout;
    auto block = ir::parse(file.section("in"), layout);
    ASSERT_TRUE(block.has_value()) << block.error().message;
    const auto verified = ir::verify(*block, layout);
    ASSERT_TRUE(verified.has_value()) << verified.error().message;
    ir::run_tier1_passes(*block, layout, 0);
    x64::HostFeatures features;
    ASSERT_TRUE(parse_features(file.option("features", "all"), features)) << file.option("features");
    backend::CompileOptions options;
    ASSERT_TRUE(parse_opts(file.option("opts"), options.disabled_opts)) << file.option("opts");
    backend::CompiledBlock compiled;
    const auto ok = x64::make_compiler(layout, options, features)->compile(*block, compiled);
    ASSERT_TRUE(ok.has_value()) << ok.error().message;
    if (!can_disassemble())
        GTEST_SKIP() << "host code not compared: built without Capstone (libcapstone-dev)";
    file.expect("host", host_text(compiled, layout, [](u64) { return std::string(); }));
    if (blessing()) file.write();
}

INSTANTIATE_TEST_SUITE_P(Files, HostFileTest, testing::ValuesIn(test_files(folder(), ".ir")),
                         [](const auto& i) { return i.param; });

}  // namespace
}  // namespace vm::test
