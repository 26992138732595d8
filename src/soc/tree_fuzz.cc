// A device tree from anywhere is refused, or what is made of it is well-formed.
#include <libfdt.h>

#include <cstdlib>

#include "soc/given_tree.h"

using namespace vm;

extern "C" int LLVMFuzzerTestOneInput(const u8* data, size_t size) {
    if (size == 0) return 0;
    const u64 end = data[0] & 1 ? 0x9000'0000 : 0;
    const auto t = soc::adopt_tree({data + 1, size - 1}, data[0] & 2 ? "console=ttyS0" : "", 0, end, 1 << 20);
    if (t && fdt_check_full(t->data(), t->size()) != 0) std::abort();
    return 0;
}
