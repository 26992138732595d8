// What the host says of a process, under the names that Prometheus's own libraries use.
#pragma once

#include "base/metrics.h"

namespace vm::monitor {

/// Nothing is put if the process is gone. `pid` 0: this process.
void collect_process(int pid, MetricSink& sink);

}  // namespace vm::monitor
