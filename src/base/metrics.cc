#include "base/metrics.h"

#include <algorithm>

#include "base/format.h"

namespace vm {
namespace {

/// The element `key` of a list of pairs, made at its end if there is none.
template <class List>
auto& element(List& list, const std::string& key) {
    auto it = std::ranges::find_if(list, [&](const auto& e) { return e.first == key; });
    if (it == list.end()) it = list.insert(list.end(), {key, {}});
    return it->second;
}

}  // namespace

std::string json_text(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (static_cast<unsigned char>(c) < 0x20)
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        else
            out += c;
    }
    return out + '"';
}

void MetricsJson::field(const Metric& metric, Labels labels, std::string value) {
    if (metric.key == nullptr) return;
    std::string key = metric.key;
    Fields* fields = &fields_;
    if (!labels.empty()) {
        fields = &element(element(groups_, fmt::format("{}s", labels[0].name)), labels[0].value);
        for (const Label& l : labels.subspan(1)) key += "_" + l.value;
    }
    element(*fields, key) = std::move(value);
}

void MetricsJson::put(const Metric& metric, Labels labels, u64 value) {
    field(metric, labels, fmt::format("{}", value));
}

void MetricsJson::put(const Metric& metric, Labels labels, double value) {
    field(metric, labels, fmt::format("{:.3f}", value));
}

void MetricsJson::put(const Metric& metric, Labels labels, const HistogramValue& value) {
    std::string buckets;
    for (const Bucket& b : value.buckets)
        if (b.count != 0)
            buckets += fmt::format("{}\"{}\": {}", buckets.empty() ? "" : ", ", b.lower, b.count);
    field(metric, labels, fmt::format("{{{}}}", buckets));
}

std::string MetricsJson::text() const {
    std::string out;
    const auto line = [&](const std::string& key, const std::string& value) {
        out += fmt::format("{}  {}: {}", out.empty() ? "" : ",\n", json_text(key), value);
    };
    for (const auto& [key, value] : fields_) line(key, value);
    for (const auto& [name, members] : groups_) {
        std::string group;
        for (const auto& [member, fields] : members) {
            std::string object;
            for (const auto& [key, value] : fields)
                object += fmt::format("{}{}: {}", object.empty() ? "" : ", ", json_text(key), value);
            group += fmt::format("{}\n    {}: {{{}}}", group.empty() ? "" : ",", json_text(member), object);
        }
        line(name, fmt::format("{{{}\n  }}", group));
    }
    return fmt::format("{{\n{}\n}}\n", out);
}

}  // namespace vm
