// For fuzzers of virtio transports: devices, all whose other ends do nothing, and the RAM that they look at.
#pragma once

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "device/bus.h"
#include "device/net_offload.h"
#include "device/virtio_9p.h"
#include "device/virtio_blk.h"
#include "device/virtio_console.h"
#include "device/virtio_net.h"
#include "device/virtio_rng.h"

namespace vm::device::fuzz {

inline constexpr u64 kBase = 0x1000, kBytes = 0x4000;
inline constexpr u16 kQueueSize = 8;

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

/// The other end of one device.
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

/// An empty one. What is in files is fuzzed by p9_fuzz.cc.
inline const std::string& folder() {
    static const std::string& made = *[] {
        auto* name = new std::string("/tmp/vm-virtio-fuzz-XXXXXX");  // outlives atexit()
        if (::mkdtemp(name->data()) == nullptr) std::abort();
        std::atexit([] { ::rmdir(folder().c_str()); });
        return name;
    }();
    return made;
}

inline std::unique_ptr<VirtioDevice> make(unsigned kind, mem::GuestRam& ram, Nobody& nobody) {
    switch (kind % 5) {
        case 0: return std::make_unique<VirtioBlk>(ram, std::make_unique<Memory>(), "serial");
        case 1: return std::make_unique<VirtioConsole>(ram, nobody, u16{80}, u16{25});
        case 2: return std::make_unique<VirtioNet>(ram, nobody, MacAddress{2});
        case 3: return std::make_unique<Virtio9p>(ram, p9::Files::open(folder(), true).value(), "tag");
        default: return std::make_unique<VirtioRng>(ram);
    }
}

inline void wait_idle(VirtioDevice& device, mem::GuestRam& ram) {
    for (unsigned n = 0; n < device.queues(); ++n)
        for (int i = 0; i < 1000; ++i) {
            const auto s = device.queue(n).state();
            u16 index = 0;
            if (!s.ready || s.broken || !ram.read(s.driver + 2, &index, 2) || index == s.next_available)
                break;
            ::sched_yield();
        }
}

/// Puts input into the RAM, and something into a device from its other end.
inline void fill(mem::GuestRam& ram, const u8* data, std::size_t size) {
    std::fill_n(ram.host(), kBytes, u8{0});
    std::copy_n(data, std::min<std::size_t>(size, kBytes), ram.host());
}
/// `large`: bytes of a frame that is cut into segments later.
inline void feed(VirtioDevice& device, Nobody& nobody, std::size_t large) {
    const u8 frame[64] = {};
    if (nobody.port != nullptr) {
        (void)nobody.port->receive(NetHeader{}, frame);
        (void)nobody.port->receive({NetHeader::kDataValid, NetHeader::kGsoTcp4, 54, 1460, 0, 0, 0},
                                   std::vector<u8>(large));
    }
    if (auto* console = dynamic_cast<VirtioConsole*>(&device)) (void)console->input(frame);
}

}  // namespace vm::device::fuzz
