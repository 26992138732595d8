// What devices count. Each figure has the label `device`, whose value the board gives.
#pragma once

#include "base/metrics.h"

namespace vm::device {

inline constexpr Metric kRequests{.name = "vm_device_requests_total",
                                  .key = "requests",
                                  .help = "Requests of the driver that were completed."};
inline constexpr Metric kBytes{.name = "vm_device_bytes_total",
                               .key = "bytes",
                               .help = "Bytes of data that were moved, both directions."};
inline constexpr Metric kInterrupts{.name = "vm_device_interrupts_total",
                                    .key = "interrupts",
                                    .help = "Interrupts that the device asked for."};
inline constexpr Metric kReceivedBytes{.name = "vm_device_received_bytes_total",
                                       .key = "received_bytes",
                                       .help = "Bytes from the host to the guest."};
inline constexpr Metric kSentBytes{
    .name = "vm_device_sent_bytes_total", .key = "sent_bytes", .help = "Bytes from the guest to the host."};

/// Puts the figures of one device.
class DeviceMetrics {
  public:
    DeviceMetrics(MetricSink& sink, const std::string& name) : sink_(sink), label_{"device", name} {}
    void put(const Metric& metric, u64 value) { sink_.put(metric, Labels(&label_, 1), value); }

  private:
    MetricSink& sink_;
    const Label label_;
};

}  // namespace vm::device
