// libFuzzer: any bytes as the guest RAM that holds a device's virtqueues, and any accesses to its registers.
#include "device/virtio_fuzz.h"
#include "device/virtio_mmio.h"

namespace {

using namespace vm;
using namespace vm::device;
using namespace vm::device::fuzz;

/// Features, queues one behind the other in RAM, DRIVER_OK.
void start(VirtioMmio& mmio, u32 features) {
    const auto put = [&](u64 offset, u64 value) { mmio.write(offset, 4, value); };
    put(0x70, 3);
    put(0x20, mmio.read(0x10, 4) & features);
    put(0x24, 1);
    put(0x20, 1);
    put(0x70, 11);
    for (u32 n = 0; n < 2; ++n) {
        const u64 at = kBase + n * 0x200;
        put(0x30, n);
        put(0x38, kQueueSize);
        put(0x80, at);
        put(0x90, at + 0x80);
        put(0xa0, at + 0x100);
        put(0x44, 1);
    }
    put(0x70, 15);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static auto ram = mem::GuestRam::create(kBase, kBytes).value();
    if (size < 8) return 0;
    fill(*ram, data + 8, size - 8);
    Nobody nobody;
    auto device = make(data[0], *ram, nobody);
    VirtioMmio mmio(*device, nobody);
    start(mmio, load_raw<u32>(data + 1));
    for (u32 n = 0; n < 2; ++n) mmio.write(0x50, 4, n);
    feed(*device, nobody, data[7] * 16u);
    if (data[5] % 2 == 0) wait_idle(*device, *ram);
    for (std::size_t at = 8; at + 4 <= size && at < 8u + data[6]; at += 4) {
        if (data[at] % 2 == 0)
            mmio.write(data[at + 1] * 2u, 1u << (data[at] / 2 % 4), load_raw<u16>(data + at + 2));
        else
            (void)mmio.read(data[at + 1] * 2u, 1u << (data[at] / 2 % 4));
    }
    return 0;
}
