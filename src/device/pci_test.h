// A machine with a PCI bus for tests: windows as on the riscv64 board, a function that remembers, and a sink
// of messages.
#pragma once

#include <gtest/gtest.h>

#include <thread>
#include <utility>
#include <vector>

#include "device/fakes_test.h"
#include "device/pci_host.h"

namespace vm::device::testing {

struct FakeSink final : MsiSink {
    void send(u64 address, u32 data) override {
        const std::lock_guard lock(mutex);
        sent.emplace_back(address, data);
    }
    std::mutex mutex;
    std::vector<std::pair<u64, u32>> sent;
};

/// Registers read as their offset.
class FakeFunction final : public PciFunction {
  public:
    static constexpr unsigned kVectors = 5;
    explicit FakeFunction(MsiSink* sink, u8 pin = 1)
        : PciFunction({.vendor = 0x1234,
                       .device = 0x5678,
                       .class_code = 0x020000,
                       .revision = 7,
                       .subsystem_vendor = 0xabcd,
                       .subsystem = 0xdef0,
                       .interrupt_pin = pin}) {
        const u8 body[] = {0xaa, 0xbb, 0xcc, 0xdd}, writable[] = {0, 0, 0x30};
        add_bar(0, BarKind::Memory32, 0x1000);
        add_bar(1, BarKind::Io, 16);
        add_bar(4, BarKind::Prefetchable64, u64{8} << 30);
        add_capability(9, body, writable);
        if (sink != nullptr) add_msix(kVectors, 2, *sink);
        add_express();
    }
    void interrupt(bool high) { set_interrupt(high); }
    void trigger(unsigned vector) { msix()->trigger(vector); }
    std::atomic<unsigned> last_bar = 99, reads = 0;
    std::vector<u64> writes;
    int resets = 0;

  private:
    u64 read_bar(unsigned bar, u64 offset, unsigned bytes) override {
        last_bar = bar;
        ++reads;
        return zext(offset, 8 * bytes);
    }
    void write_bar(unsigned bar, u64 offset, unsigned bytes, u64 value) override {
        writes.insert(writes.end(), {bar, offset, bytes, value});
    }
    void on_reset() override { ++resets; }
};

class PciMachine {
  public:
    static constexpr u64 kIo = 0x3000000, kEcam = 0x30000000;
    PciMachine() {
        EXPECT_TRUE(bus.add(kEcam, 0x10000000, host, "ECAM"));
        EXPECT_TRUE(host.add_window(bus, kIo, 0x10000, PciSpace::Io, 0, "ports"));
        EXPECT_TRUE(host.add_window(bus, 0x40000000, 0x40000000, PciSpace::Memory, 0x40000000, "memory"));
        EXPECT_TRUE(
            host.add_window(bus, 0x400000000, 0x400000000, PciSpace::Memory, 0x400000000, "upper memory"));
    }
    u64 load(u64 address, unsigned bytes) const {
        u64 v = 0;
        EXPECT_TRUE(bus.read(address, bytes, &v));
        return v;
    }
    void store(u64 address, unsigned bytes, u64 value) const {
        EXPECT_TRUE(bus.write(address, bytes, value));
    }
    static u64 config_at(unsigned slot, unsigned function, u64 offset) {
        return kEcam + (slot << 15 | function << 12) + offset;
    }
    u64 config(unsigned slot, unsigned function, u64 offset, unsigned bytes) const {
        return load(config_at(slot, function, offset), bytes);
    }
    void set_config(unsigned slot, unsigned function, u64 offset, unsigned bytes, u64 value) const {
        store(config_at(slot, function, offset), bytes, value);
    }
    /// The first capability of a kind, 0 if there is none; `skip`: so many of them.
    u64 capability(unsigned slot, u64 id, unsigned skip = 0) const {
        for (u64 at = config(slot, 0, 0x34, 1); at != 0; at = config(slot, 0, at + 1, 1))
            if (config(slot, 0, at, 1) == id && skip-- == 0) return at;
        return 0;
    }

    FakeLine lines[4];
    Bus bus;
    PciHost host{{&lines[0], &lines[1], &lines[2], &lines[3]}};
};

}  // namespace vm::device::testing
