// --metrics HOST:PORT or unix:PATH of `vm boot` and `vm run`.
#pragma once

#include <memory>
#include <string>

#include "monitor/registry.h"
#include "monitor/server.h"

namespace vm::cli {

/// Serves what is in the registry and what the host says of this process, on a thread. The registry outlives
/// it.
Result<std::unique_ptr<monitor::Server>> serve_metrics(const std::string& where, monitor::Registry& registry);

/// Serves the counters of this process, which is about to run a guest, from another process until this one
/// ends: the guest's process has no thread and no descriptor for it, and may execute other programs. Before
/// there are threads.
Result<void> serve_metrics_from_outside(const std::string& where);

}  // namespace vm::cli
