#include "monitor/prometheus.h"

#include <gtest/gtest.h>

#include "monitor/registry.h"

namespace vm::monitor {
namespace {

using Kind = Metric::Kind;
constexpr Metric kA{.name = "vm_a_total", .key = "a", .help = "A \\ and\na line."};
constexpr Metric kB{.name = "vm_b_seconds", .key = "b", .kind = Kind::Gauge, .help = "B.", .scale = 1e-9};

TEST(PrometheusText, SamplesOfAFamilyStandTogether) {
    PrometheusText text;
    const Label one{"device", "disk \"0\"\\\n"}, two{"device", "uart"};
    text.put(kA, Labels(&one, 1), u64{1});
    text.put(kB, u64{1'500'000'000});
    text.put(kA, Labels(&two, 1), ~u64{0});
    text.put({.name = nullptr, .key = "only_json"}, u64{5});
    EXPECT_EQ(text.text(),
              "# HELP vm_a_total A \\\\ and\\na line.\n"
              "# TYPE vm_a_total counter\n"
              "vm_a_total{device=\"disk \\\"0\\\"\\\\\\n\"} 1\n"
              "vm_a_total{device=\"uart\"} 18446744073709551615\n"
              "# HELP vm_b_seconds B.\n"
              "# TYPE vm_b_seconds gauge\n"
              "vm_b_seconds 1.5\n");
}

TEST(PrometheusText, HistogramsAreCumulative) {
    PrometheusText text;
    const Label hart{"hart", "0"};
    const Bucket buckets[] = {{0, 255, 2}, {256, 1023, 0}, {1024, 4095, 3}};
    text.put(
        {.name = "vm_wait_seconds", .key = nullptr, .kind = Kind::Histogram, .help = "Waits.", .scale = 1e-9},
        Labels(&hart, 1), HistogramValue{buckets, 6, 9000});
    EXPECT_EQ(text.text(),
              "# HELP vm_wait_seconds Waits.\n"
              "# TYPE vm_wait_seconds histogram\n"
              "vm_wait_seconds_bucket{hart=\"0\",le=\"2.55e-07\"} 2\n"
              "vm_wait_seconds_bucket{hart=\"0\",le=\"1.023e-06\"} 2\n"
              "vm_wait_seconds_bucket{hart=\"0\",le=\"4.095e-06\"} 5\n"
              "vm_wait_seconds_bucket{hart=\"0\",le=\"+Inf\"} 6\n"
              "vm_wait_seconds_sum{hart=\"0\"} 9e-06\n"
              "vm_wait_seconds_count{hart=\"0\"} 6\n");
}

TEST(Registry, AsksWhoIsRegistered) {
    Registry registry;
    u64 count = 1;
    auto a = registry.add([&](MetricSink& s) { s.put(kA, count); });
    {
        const auto b = registry.add([](MetricSink& s) { s.put(kB, u64{0}); });
        EXPECT_NE(registry.prometheus().find("vm_b_seconds 0\n"), std::string::npos);
    }
    count = 2;
    EXPECT_EQ(registry.prometheus(),
              "# HELP vm_a_total A \\\\ and\\na line.\n# TYPE vm_a_total counter\nvm_a_total 2\n");
    EXPECT_EQ(registry.json(), "{\n  \"a\": 2\n}\n");
    a = Registry::Registration();
    EXPECT_EQ(registry.prometheus(), "");
}

}  // namespace
}  // namespace vm::monitor
