#include "monitor/registry.h"

#include "monitor/prometheus.h"

namespace vm::monitor {

Registry::Registration Registry::add(Source source) {
    const std::lock_guard lock(mutex_);
    sources_.emplace_back(next_, std::move(source));
    return Registration(*this, next_++);
}

void Registry::remove(u64 id) {
    const std::lock_guard lock(mutex_);
    std::erase_if(sources_, [&](const auto& s) { return s.first == id; });
}

void Registry::collect(MetricSink& sink) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, source] : sources_) source(sink);
}

std::string Registry::prometheus() const {
    PrometheusText sink;
    collect(sink);
    return sink.text();
}

std::string Registry::json() const {
    MetricsJson sink;
    collect(sink);
    return sink.text();
}

}  // namespace vm::monitor
