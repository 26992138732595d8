// What the other rooms count, as values: each says what its figures are called and hands them to a sink when
// somebody asks. Who asks (`monitor`, --stats) is no business of theirs.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bits.h"

namespace vm {

/// What a figure is. The texts live for ever.
struct Metric {
    enum class Kind : u8 {
        Counter,  ///< never falls
        Gauge,
        Histogram,
    };
    const char* name;  ///< as Prometheus calls it, in base units; nullptr: not for it (derived from others)
    const char* key;   ///< in JSON; nullptr: not there
    Kind kind = Kind::Counter;
    const char* help = "";
    double scale = 1;  ///< JSON's unit in units of the name: 1e-9 for nanoseconds
};

struct Label {
    const char* name;
    std::string value;
};
using Labels = std::span<const Label>;

/// How many values fell on [lower, upper]; ordered, none twice.
struct Bucket {
    u64 lower, upper, count;
};
struct HistogramValue {
    std::span<const Bucket> buckets;
    u64 count = 0, sum = 0;
};

class MetricSink {
  public:
    virtual ~MetricSink() = default;
    virtual void put(const Metric& metric, Labels labels, u64 value) = 0;
    virtual void put(const Metric& metric, Labels labels, double value) = 0;
    virtual void put(const Metric& metric, Labels labels, const HistogramValue& value) = 0;

    void put(const Metric& metric, u64 value) { put(metric, Labels(), value); }
    void put(const Metric& metric, double value) { put(metric, Labels(), value); }
};

/// One JSON object. Figures without labels stand in it by their key; the others in an object a value of the
/// first label, in one a name of it: {"devices": {"disk0": {"requests": 1}}}. Values of further labels follow
/// the key: "bytes_read".
class MetricsJson final : public MetricSink {
  public:
    using MetricSink::put;
    void put(const Metric& metric, Labels labels, u64 value) override;
    void put(const Metric& metric, Labels labels, double value) override;
    void put(const Metric& metric, Labels labels, const HistogramValue& value) override;
    std::string text() const;

  private:
    using Fields = std::vector<std::pair<std::string, std::string>>;  ///< key and JSON value
    void field(const Metric& metric, Labels labels, std::string value);
    Fields fields_;
    std::vector<std::pair<std::string, std::vector<std::pair<std::string, Fields>>>> groups_;
};

/// `text` in quotes, as JSON wants it.
std::string json_text(std::string_view text);

}  // namespace vm
