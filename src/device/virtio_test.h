// The driver's side of virtio for tests: queues in guest RAM, a device that echoes, and a device behind
// virtio-mmio.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "device/virtio_mmio.h"

namespace vm::device::testing {

inline constexpr u64 kRamBase = 0x80000000, kRamBytes = 1 << 20;
inline constexpr u16 kDescNext = 1, kDescWrite = 2, kDescIndirect = 4;

/// A virtqueue as a driver keeps it: 64 KiB of RAM for its rings, and a bump allocator of data behind that.
class GuestQueue {
  public:
    GuestQueue(mem::GuestRam& ram, u64 base, u16 size) : ram_(ram), base_(base), size_(size) {}
    u16 size() const { return size_; }
    u64 descriptors() const { return base_; }
    u64 driver() const { return base_ + 0x5000; }
    u64 device() const { return base_ + 0x6000; }

    void describe(u64 table, u16 n, u64 address, u32 bytes, u16 flags, u16 next = 0) {
        put<u64>(table + 16 * n, address);
        put<u32>(table + 16 * n + 8, bytes);
        put<u16>(table + 16 * n + 12, flags);
        put<u16>(table + 16 * n + 14, next);
    }
    void describe(u16 n, u64 address, u32 bytes, u16 flags, u16 next = 0) {
        describe(base_, n, address, bytes, flags, next);
    }
    struct Part {
        u64 address;
        u32 bytes;
        bool writable;
    };
    /// Descriptors from `head` on, one a part, made available.
    void offer(u16 head, const std::vector<Part>& parts) {
        for (size_t i = 0; i < parts.size(); ++i)
            describe(static_cast<u16>(head + i), parts[i].address, parts[i].bytes,
                     static_cast<u16>((parts[i].writable ? kDescWrite : 0) |
                                      (i + 1 < parts.size() ? kDescNext : 0)),
                     static_cast<u16>(head + i + 1));
        offer(head);
    }
    void offer(u16 head) {
        put<u16>(driver() + 4 + 2 * (available_ % size_), head);
        set_available(static_cast<u16>(available_ + 1));
    }
    void set_available(u16 index) {
        available_ = index;
        ref(driver() + 2).store(index, std::memory_order_seq_cst);
    }
    /// With the event index: interrupt behind used entry n.
    void set_used_event(u16 n) { ref(driver() + 4 + 2 * size_).store(n, std::memory_order_seq_cst); }
    u16 used() { return ref(device() + 2).load(std::memory_order_acquire); }
    u32 used_head(u16 n) { return get<u32>(device() + 4 + 8 * (n % size_)); }
    u32 used_bytes(u16 n) { return get<u32>(device() + 8 + 8 * (n % size_)); }
    void wait_used(u16 count) {
        for (int i = 0; i < 10000 && used() != count; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        ASSERT_EQ(used(), count);
    }
    template <class T>
    void put(u64 address, T v) {
        ASSERT_TRUE(ram_.write(address, &v, sizeof v));
    }
    template <class T>
    T get(u64 address) {
        T v{};
        EXPECT_TRUE(ram_.read(address, &v, sizeof v));
        return v;
    }

  private:
    std::atomic_ref<u16> ref(u64 address) {
        return std::atomic_ref<u16>(*reinterpret_cast<u16*>(ram_.at(address, 2)));
    }
    mem::GuestRam& ram_;
    u64 base_;
    u16 size_, available_ = 0;
};

struct TestLine final : IrqLine {
    std::atomic<bool> high = false;
    std::atomic<unsigned> rises = 0;
    void set(bool now) override {
        if (!high.exchange(now) && now) ++rises;
    }
};

/// Gives each chain back as it is, on the hart's thread.
class EchoDevice final : public VirtioDevice {
  public:
    static constexpr u64 kOwn = 0x11;
    explicit EchoDevice(mem::GuestRam& ram) : VirtioDevice(ram, 77, {16, 64}) {}
    int starts = 0, resets = 0;
    u32 setting = 0x04030201;
    void change(u32 to) {
        change_config([&] { setting = to; });
    }

  private:
    u64 device_features() const override { return kOwn; }
    u64 config(u64 offset, unsigned bytes) const override { return bytes_at(setting, offset, bytes); }
    void set_config(u64 offset, unsigned, u64 value) override {
        if (offset == 0) setting = static_cast<u32>(value);
    }
    void on_start() override { ++starts; }
    void on_notify(unsigned n) override {
        while (auto chain = take(n)) {
            if (bytes_of(chain->readable()) == 13)
                reject(n, std::move(*chain));
            else
                complete(n, std::move(*chain), 0, 1);
        }
    }
    void on_reset() override { ++resets; }
};

/// A device behind virtio-mmio, and its driver.
class MmioGuest {
  public:
    MmioGuest(mem::GuestRam& ram, VirtioDevice& device) : ram_(ram), mmio(device, line) {}
    u32 get(u64 offset) { return static_cast<u32>(mmio.read(offset, 4)); }
    void put(u64 offset, u32 value) { mmio.write(offset, 4, value); }
    /// 3.1.1, up to DRIVER_OK: accepts what is offered of `wanted`, and VERSION_1.
    void start(u64 wanted = 0, u16 size = 16) {
        put(0x70, 0);
        put(0x70, kAcknowledge | kDriver);
        for (u32 word = 0; word < 2; ++word) {
            put(0x14, word);
            put(0x24, word);
            put(0x20, get(0x10) & static_cast<u32>((wanted | kVirtioVersion1) >> 32 * word));
        }
        put(0x70, kAcknowledge | kDriver | kFeaturesOk);
        ASSERT_NE(get(0x70) & kFeaturesOk, 0u);
        queues.clear();
        for (u32 n = 0;; ++n) {
            put(0x30, n);
            if (get(0x34) == 0) break;
            const u64 base = kRamBase + n * 0x10000;
            std::fill_n(ram_.at(base, 0x10000), 0x10000, u8{0});
            queues.emplace_back(ram_, base, size);
            set_up(queues.back());
            put(0x44, 1);
            EXPECT_EQ(get(0x44), 1u);
        }
        put(0x70, kAcknowledge | kDriver | kFeaturesOk | kDriverOk);
    }
    void set_up(const GuestQueue& q) {
        put(0x38, q.size());
        const u64 rings[3] = {q.descriptors(), q.driver(), q.device()};
        const u64 registers[3] = {0x80, 0x90, 0xa0};
        for (int i = 0; i < 3; ++i) {
            put(registers[i], static_cast<u32>(rings[i]));
            put(registers[i] + 4, static_cast<u32>(rings[i] >> 32));
        }
    }
    void notify(u32 queue) { put(0x50, queue); }
    void wait_status(u32 bits) {
        for (int i = 0; i < 10000 && (get(0x70) & bits) != bits; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        ASSERT_EQ(get(0x70) & bits, bits);
    }

  private:
    mem::GuestRam& ram_;

  public:
    TestLine line;
    VirtioMmio mmio;
    std::vector<GuestQueue> queues;
};

}  // namespace vm::device::testing
