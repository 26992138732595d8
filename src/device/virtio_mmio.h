// virtio over MMIO (virtio 1.2, section 4.2), version 2: registers and one interrupt line for one device.
#pragma once

#include <mutex>

#include "device/bus.h"
#include "device/virtio.h"

namespace vm::device {

class VirtioMmio final : public Mmio, private VirtioTransport {
  public:
    static constexpr u64 kSize = 0x200;  ///< of its range; longer ones do no harm
    struct State {
        u32 device_features_word = 0, driver_features_word = 0, queue = 0;  ///< what the driver selected
        u32 interrupt = 0;                                                  ///< InterruptStatus
    };

    /// Both outlive it. Its end resets the device.
    VirtioMmio(VirtioDevice& device, IrqLine& line);
    ~VirtioMmio() override;
    VirtioMmio(const VirtioMmio&) = delete;
    VirtioMmio& operator=(const VirtioMmio&) = delete;

    u64 read(u64 offset, unsigned bytes) override;
    void write(u64 offset, unsigned bytes, u64 value) override;
    State state() const;

  private:
    void queue_interrupt(unsigned queue) override;
    void config_interrupt() override;
    void raise(u32 bits);
    void lower(u32 bits);
    void clear();
    u32 read_register(u64 offset);
    void write_queue(Virtqueue& queue, u64 offset, u32 value);

    VirtioDevice& device_;
    IrqLine& line_;
    mutable std::mutex mutex_;  ///< of s_ and the line; not held while the device is called
    State s_;
};

}  // namespace vm::device
