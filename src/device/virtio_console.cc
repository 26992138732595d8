#include "device/virtio_console.h"

#include <cstddef>

#include "device/metrics.h"

namespace vm::device {
namespace {

constexpr u32 kConsoleDevice = 3;  // 5: device id
constexpr u16 kQueueSize = 64;
constexpr unsigned kReceive = 0, kTransmit = 1;            // 5.3.2: queues
constexpr u64 kSizeFeature = 1 << 0, kEmergency = 1 << 2;  // 5.3.3: features

/// 5.3.4
struct Config {
    u16 cols, rows;
    u32 max_nr_ports, emerg_wr;
};

constexpr u64 kMaxOutput = 1 << 20;        // of one chain; Linux sends 32 KiB at most
constexpr size_t kMaxEmergency = 1 << 12;  // that wait for the host

}  // namespace

VirtioConsole::VirtioConsole(mem::GuestRam& ram, ConsoleHost& host, u16 columns, u16 rows)
    : VirtioDevice(ram, kConsoleDevice, {kQueueSize, kQueueSize}),
      host_(host),
      columns_(columns),
      rows_(rows),
      worker_("virtio-console", [this] { work(); }) {}

u64 VirtioConsole::device_features() const { return kSizeFeature | kEmergency; }

u64 VirtioConsole::config(u64 offset, unsigned bytes) const {
    return bytes_at(Config{columns_, rows_, 1, 0}, offset, bytes);
}

void VirtioConsole::resize(u16 columns, u16 rows) {
    change_config([&] {
        columns_ = columns;
        rows_ = rows;
    });
}

/// 5.3.4: a character written to emerg_wr appears, whatever the state of the driver.
void VirtioConsole::set_config(u64 offset, unsigned, u64 value) {
    if (offset != offsetof(Config, emerg_wr)) return;
    {
        const std::lock_guard lock(emergency_mutex_);
        if (emergency_.size() < kMaxEmergency) emergency_.push_back(static_cast<u8>(value));
    }
    worker_.kick();
}

void VirtioConsole::on_notify(unsigned queue) {
    if (queue == kTransmit) return worker_.kick();
    const std::lock_guard lock(input_mutex_);
    deliver();
}

// ---- from the host to the guest

size_t VirtioConsole::input(std::span<const u8> bytes) {
    const std::lock_guard lock(input_mutex_);
    const size_t n = std::min(bytes.size(), kMaxInput - (input_.size() - input_at_));
    input_.insert(input_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    refused_ = n < bytes.size();
    deliver();
    return n;
}

/// Fills buffers of the driver; asks to be told of more only while something waits for them.
void VirtioConsole::deliver() {
    if (!running()) return;
    while (input_at_ < input_.size()) {
        auto chain = take_or_listen(kReceive);
        if (!chain) break;
        const u64 n = copy_to(chain->writable(), 0, &input_[input_at_], input_.size() - input_at_);
        input_at_ += n;
        bytes_in_.fetch_add(n, std::memory_order_relaxed);
        complete(kReceive, std::move(*chain), n, n);
    }
    if (input_at_ == input_.size() || input_at_ >= kMaxInput) {
        input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(input_at_));
        input_at_ = 0;
    }
    if (refused_ && input_.size() - input_at_ < kMaxInput) {
        refused_ = false;
        host_.input_possible();
    }
}

// ---- from the guest to the host, on the worker's thread

void VirtioConsole::work() {
    std::vector<u8> text;
    {
        const std::lock_guard lock(emergency_mutex_);
        text.swap(emergency_);
    }
    print(text);
    drain(kTransmit, [&](Chain chain) {
        const u64 n = bytes_of(chain.readable());
        if (n > kMaxOutput) return reject(kTransmit, std::move(chain));
        text.resize(n);
        copy_from(chain.readable(), 0, text.data(), n);
        complete(kTransmit, std::move(chain), 0, n);  // first, as the host may block
        print(text);
    });
}

void VirtioConsole::print(std::span<const u8> bytes) {
    if (bytes.empty()) return;
    bytes_out_.fetch_add(bytes.size(), std::memory_order_relaxed);
    host_.output(bytes);
}

void VirtioConsole::collect(MetricSink& sink, const std::string& name) const {
    VirtioDevice::collect(sink, name);
    DeviceMetrics m(sink, name);
    m.put(kReceivedBytes, bytes_in());
    m.put(kSentBytes, bytes_out());
}

}  // namespace vm::device
