// The generated decoder: every encoding's random instances decode to themselves.
#include <gtest/gtest.h>

#include "frontend/riscv64/rv64_decode.h"

namespace vm::frontend::riscv64 {
namespace {

TEST(Rv64Decode, RandomInstancesDecodeToThemselves) {
    u64 state = 1;
    for (u16 k = 1; k < static_cast<u16>(Insn::Count_); ++k) {
        const Insn id = static_cast<Insn>(k);
        for (int n = 0; n < 1000; ++n) {
            const u32 word = random_encoding(id, &state);
            const Decoded d = decode(word, ~u64{0});
            ASSERT_EQ(d.id, id) << info(id).name << " " << std::hex << word;
            ASSERT_EQ(d.length, info(id).length);
            ASSERT_EQ(d.base, info(id).base);
        }
    }
}

}  // namespace
}  // namespace vm::frontend::riscv64
