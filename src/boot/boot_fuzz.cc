// Whatever a file holds, reading it and planning with it neither crashes nor takes more than memory has.
#include <cstdlib>

#include "boot/plan.h"

using namespace vm;

extern "C" int LLVMFuzzerTestOneInput(const u8* data, size_t size) {
    if (size == 0) return 0;
    constexpr u64 kRam = 0x8000'0000, kRamSize = u64{8} << 20;
    static auto ram = mem::GuestRam::create(kRam, kRamSize);
    const u8 how = data[0];
    const auto p = boot::read_program("f", {data + 1, data + size}, kRamSize, (how & 1) != 0);
    if (!p) return 0;
    if (p->file.size() > kRamSize + size) std::abort();
    const std::vector<u8> initrd(how & 2 ? 5000 : 0);
    boot::Request r{.ram = kRam, .ram_size = kRamSize, .initrd = initrd};
    r.firmware = how & 4 ? boot::Firmware::File : how & 8 ? boot::Firmware::None : boot::Firmware::BuiltIn;
    r.firmware_file = how & 4 ? &*p : nullptr;
    r.kernel = how & 4 && how & 16 ? nullptr : &*p;
    const auto plan = boot::plan(r);
    if (!plan) return 0;
    for (const auto& c : plan->copies)
        if (!(*ram)->contains(c.address, c.bytes.size())) std::abort();
    boot::put(*plan, **ram);
    return 0;
}
