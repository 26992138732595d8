// Figures as Prometheus reads them: text exposition format 0.0.4
// (prometheus.io/docs/instrumenting/exposition_formats).
#pragma once

#include <string>
#include <vector>

#include "base/metrics.h"

namespace vm::monitor {

/// The samples of one name stand together, below their HELP and TYPE, whatever order they came in.
class PrometheusText final : public MetricSink {
  public:
    using MetricSink::put;
    static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

    void put(const Metric& metric, Labels labels, u64 value) override;
    void put(const Metric& metric, Labels labels, double value) override;
    void put(const Metric& metric, Labels labels, const HistogramValue& value) override;
    std::string text() const;

  private:
    struct Family {
        Metric metric;
        std::string samples;
    };
    std::string& samples_of(const Metric& metric);
    std::vector<Family> families_;
};

}  // namespace vm::monitor
