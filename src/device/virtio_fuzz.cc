// libFuzzer: any bytes as the guest RAM that holds a device's virtqueues, and any accesses to its registers.
#include <sched.h>

#include <algorithm>
#include <cstdlib>

#include "device/net_offload.h"
#include "device/virtio_blk.h"
#include "device/virtio_console.h"
#include "device/virtio_mmio.h"
#include "device/virtio_net.h"
#include "device/virtio_rng.h"

namespace {

using namespace vm;
using namespace vm::device;

constexpr u64 kBase = 0x1000, kBytes = 0x4000;
constexpr u16 kQueueSize = 8;

class Memory final : public Disk {
  public:
    u64 size() const override { return sizeof data_; }
    bool read_only() const override { return false; }
    Result<void> read(u64 offset, Parts to) override {
        if (auto r = check(offset, bytes_of(to), false); !r) std::abort();  // the device checks
        copy_to(to, 0, data_ + offset, bytes_of(to));
        return {};
    }
    Result<void> write(u64 offset, Parts from) override {
        if (auto r = check(offset, bytes_of(from), true); !r) std::abort();
        copy_from(from, 0, data_ + offset, bytes_of(from));
        return {};
    }
    Result<void> flush() override { return {}; }
    Result<void> discard(u64 offset, u64 bytes) override {
        if (!check(offset, bytes, true)) std::abort();
        return {};
    }
    Result<void> write_zeroes(u64 offset, u64 bytes, bool) override { return discard(offset, bytes); }

  private:
    u8 data_[8192] = {};
};

struct Nobody final : ConsoleHost, NetBackend, IrqLine {
    NetPort* port = nullptr;
    void output(std::span<const u8>) override {}
    u64 features() const override {
        return kNetCsum | kNetGuestCsum | kNetMtu | kNetGuestTso4 | kNetGuestTso6 | kNetHostTso4 |
               kNetHostTso6;
    }
    u16 mtu() const override { return 2000; }
    void connect(NetPort& p) override { port = &p; }
    void disconnect() override { port = nullptr; }
    void send(const NetHeader& header, std::span<u8> frame) override {
        (void)complete_checksum(header, frame);
    }
    void set(bool) override {}
};

std::unique_ptr<VirtioDevice> make(unsigned kind, mem::GuestRam& ram, Nobody& nobody) {
    switch (kind % 4) {
        case 0: return std::make_unique<VirtioBlk>(ram, std::make_unique<Memory>(), "serial");
        case 1: return std::make_unique<VirtioConsole>(ram, nobody, u16{80}, u16{25});
        case 2: return std::make_unique<VirtioNet>(ram, nobody, MacAddress{2});
        default: return std::make_unique<VirtioRng>(ram);
    }
}

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

void wait_idle(VirtioDevice& device, mem::GuestRam& ram) {
    for (unsigned n = 0; n < device.queues(); ++n)
        for (int i = 0; i < 1000; ++i) {
            const auto s = device.queue(n).state();
            u16 index = 0;
            if (!s.ready || s.broken || !ram.read(s.driver + 2, &index, 2) || index == s.next_available)
                break;
            ::sched_yield();
        }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static auto ram = mem::GuestRam::create(kBase, kBytes).value();
    if (size < 8) return 0;
    std::fill_n(ram->host(), kBytes, u8{0});
    std::copy_n(data + 8, std::min<std::size_t>(size - 8, kBytes), ram->host());
    Nobody nobody;
    auto device = make(data[0], *ram, nobody);
    VirtioMmio mmio(*device, nobody);
    start(mmio, load_raw<u32>(data + 1));
    for (u32 n = 0; n < 2; ++n) mmio.write(0x50, 4, n);
    const u8 frame[64] = {};
    if (nobody.port != nullptr) {
        (void)nobody.port->receive(NetHeader{}, frame);
        (void)nobody.port->receive({NetHeader::kDataValid, NetHeader::kGsoTcp4, 54, 1460, 0, 0, 0},
                                   std::vector<u8>(data[7] * 16u));
    }
    if (auto* console = dynamic_cast<VirtioConsole*>(device.get())) (void)console->input(frame);
    if (data[5] % 2 == 0) wait_idle(*device, *ram);
    for (std::size_t at = 8; at + 4 <= size && at < 8u + data[6]; at += 4) {
        if (data[at] % 2 == 0)
            mmio.write(data[at + 1] * 2u, 1u << (data[at] / 2 % 4), load_raw<u16>(data + at + 2));
        else
            (void)mmio.read(data[at + 1] * 2u, 1u << (data[at] / 2 % 4));
    }
    return 0;
}
