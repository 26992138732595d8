#include "monitor/prometheus.h"

#include <algorithm>
#include <cstring>

#include "base/format.h"

namespace vm::monitor {
namespace {

std::string escaped(std::string_view text, bool quotes) {
    std::string out;
    for (const char c : text) {
        if (c == '\n') {
            out += "\\n";
            continue;
        }
        if (c == '\\' || (quotes && c == '"')) out += '\\';
        out += c;
    }
    return out;
}

/// "{a="1",le="0.5"}", nothing without labels.
std::string label_text(Labels labels, const std::string& le = {}) {
    std::string out;
    for (const Label& l : labels)
        out += fmt::format("{}{}=\"{}\"", out.empty() ? "" : ",", l.name, escaped(l.value, true));
    if (!le.empty()) out += fmt::format("{}le=\"{}\"", out.empty() ? "" : ",", le);
    return out.empty() ? out : fmt::format("{{{}}}", out);
}

std::string scaled(u64 value, double scale) {
    return scale == 1 ? fmt::format("{}", value) : fmt::format("{:.9g}", static_cast<double>(value) * scale);
}

const char* type_name(Metric::Kind kind) {
    switch (kind) {
        case Metric::Kind::Counter: return "counter";
        case Metric::Kind::Gauge: return "gauge";
        case Metric::Kind::Histogram: return "histogram";
    }
    return "untyped";
}

}  // namespace

std::string& PrometheusText::samples_of(const Metric& metric) {
    auto it = std::ranges::find_if(
        families_, [&](const Family& f) { return std::strcmp(f.metric.name, metric.name) == 0; });
    if (it == families_.end()) it = families_.insert(it, {metric, {}});
    return it->samples;
}

void PrometheusText::put(const Metric& metric, Labels labels, u64 value) {
    if (metric.name == nullptr) return;
    samples_of(metric) +=
        fmt::format("{}{} {}\n", metric.name, label_text(labels), scaled(value, metric.scale));
}

void PrometheusText::put(const Metric& metric, Labels labels, double value) {
    if (metric.name == nullptr) return;
    samples_of(metric) +=
        fmt::format("{}{} {:.15g}\n", metric.name, label_text(labels), value * metric.scale);
}

void PrometheusText::put(const Metric& metric, Labels labels, const HistogramValue& value) {
    if (metric.name == nullptr) return;
    std::string& out = samples_of(metric);
    u64 below = 0;
    const auto bucket = [&](const std::string& le, u64 count) {
        out += fmt::format("{}_bucket{} {}\n", metric.name, label_text(labels, le), count);
    };
    for (const Bucket& b : value.buckets) bucket(scaled(b.upper, metric.scale), below += b.count);
    // Buckets and count are not read at one moment.
    const u64 count = std::max(value.count, below);
    bucket("+Inf", count);
    out += fmt::format("{0}_sum{1} {2}\n{0}_count{1} {3}\n", metric.name, label_text(labels),
                       scaled(value.sum, metric.scale), count);
}

std::string PrometheusText::text() const {
    std::string out;
    for (const Family& f : families_)
        out += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n{3}", f.metric.name,
                           escaped(f.metric.help, false), type_name(f.metric.kind), f.samples);
    return out;
}

}  // namespace vm::monitor
