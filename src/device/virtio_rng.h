// virtio entropy device (virtio 1.2, section 5.4): bytes of the host's getrandom.
#pragma once

#include "device/virtio.h"
#include "device/worker.h"

namespace vm::device {

class VirtioRng final : public VirtioDevice {
  public:
    explicit VirtioRng(mem::GuestRam& ram);

  private:
    u64 device_features() const override { return 0; }
    u64 config(u64, unsigned) const override { return 0; }
    void on_notify(unsigned) override { worker_.kick(); }
    void work();

    Worker worker_;  ///< last: its thread ends first
};

}  // namespace vm::device
