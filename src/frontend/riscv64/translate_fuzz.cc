// libFuzzer: any bytes as guest code are decoded, disassembled and translated to a block that verifies.
#include <algorithm>
#include <cstdlib>

#include "frontend/riscv64/riscv64.h"
#include "ir/text.h"

namespace {
struct Code {
    const std::uint8_t* data;
    std::size_t size;
};
constexpr vm::u64 kBase = 0x10000;
vm::u64 fetch(void* ctx, vm::u64 pc, void* out, vm::u64 size) {
    const auto* c = static_cast<const Code*>(ctx);
    if (pc < kBase || pc - kBase >= c->size) return 0;
    const vm::u64 n = std::min<vm::u64>(size, c->size - (pc - kBase));
    std::copy_n(c->data + (pc - kBase), n, static_cast<std::uint8_t*>(out));
    return n;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vm;
    const frontend::GuestIsa& isa = frontend::riscv64::kRiscv64;
    Code code{data, size};
    for (u32 mode = 0; mode < 3; mode++) {
        frontend::TranslateRequest request;
        request.pc = kBase;
        request.mode = mode;
        request.fetch = fetch;
        request.fetch_ctx = &code;
        ir::Block block;
        isa.translate(request, block);
        if (!ir::verify(block, *isa.layout)) std::abort();
    }
    for (size_t at = 0; at < size;) {
        unsigned length = 0;
        if (isa.disassemble(kBase + at, data + at, size - at, &length).empty() || length == 0) std::abort();
        at += length;
    }
    return 0;
}
