// virtio over PCI (virtio 1.2, section 4.1), for modern drivers only.
#pragma once

#include <mutex>
#include <vector>

#include "device/pci.h"
#include "device/virtio.h"

namespace vm::device {

class VirtioPci final : public PciFunction, private VirtioTransport {
  public:
    struct State {
        u32 device_features_word = 0, driver_features_word = 0;  ///< what the driver selected
        u16 queue = 0;
        u8 interrupt = 0;  ///< ISR status
        u16 config_vector = 0;
        std::vector<u16> queue_vectors;
    };

    /// Both outlive it; its end resets the device. `msi` is nullptr on a machine that has no controller of
    /// message-signalled interrupts: the device then has its interrupt pin only.
    VirtioPci(VirtioDevice& device, MsiSink* msi);
    ~VirtioPci() override;
    State state() const;

  private:
    u64 read_bar(unsigned bar, u64 offset, unsigned bytes) override;
    void write_bar(unsigned bar, u64 offset, unsigned bytes, u64 value) override;
    std::optional<u32> on_read_config(u64 offset, unsigned bytes) override;
    void on_write_config(u64 offset, unsigned bytes, u32 value) override;
    void on_reset() override;
    void queue_interrupt(unsigned queue) override;
    void config_interrupt() override;

    /// `more`: what follows the common part of the capability.
    u64 add_structure(u8 type, u64 offset, u64 bytes, u32 more = 0);
    struct Common;
    Common common() const;
    void write_common(u64 offset, unsigned bytes, u64 value);
    void write_queue(Virtqueue& queue, u64 offset, u64 value);
    void set_vector(u16& vector, u64 value);
    void raise(u16 vector, u8 bits);
    u8 take_interrupt();
    void clear();
    struct Indirect {
        u64 offset;
        unsigned bytes;
    };
    std::optional<Indirect> indirect(u64 offset, unsigned bytes) const;

    VirtioDevice& device_;
    u64 config_access_ = 0;           ///< the capability through which configuration space reaches the BAR
    mutable std::mutex state_mutex_;  ///< of v_; not held while the device or the function is called
    State v_;
};

}  // namespace vm::device
