#include "base/metrics.h"

#include <gtest/gtest.h>

namespace vm {
namespace {

constexpr Metric kPlain{.name = "vm_things_total", .key = "things", .help = "Things."};
constexpr Metric kOnlyPrometheus{.name = "vm_x", .key = nullptr};

TEST(MetricsJson, FieldsStandInOrderAndOnce) {
    MetricsJson json;
    json.put(kPlain, u64{3});
    json.put({.name = nullptr, .key = "ratio", .kind = Metric::Kind::Gauge}, 0.5);
    json.put(kOnlyPrometheus, u64{7});
    json.put(kPlain, u64{4});
    EXPECT_EQ(json.text(), "{\n  \"things\": 4,\n  \"ratio\": 0.500\n}\n");
}

TEST(MetricsJson, LabelsMakeGroups) {
    MetricsJson json;
    const Label disk[] = {{"device", "disk \"0\""}, {"direction", "read"}};
    const Label uart[] = {{"device", "uart"}};
    json.put(kPlain, disk, u64{1});
    json.put(kPlain, uart, u64{2});
    json.put(kPlain, u64{3});
    EXPECT_EQ(
        json.text(),
        "{\n  \"things\": 3,\n  \"devices\": {\n    \"disk \\\"0\\\"\": {\"things_read\": 1},\n    \"uart\": "
        "{\"things\": 2}\n  }\n}\n");
}

TEST(MetricsJson, HistogramsByLowerBound) {
    MetricsJson json;
    const Bucket buckets[] = {{0, 0, 0}, {1, 1, 5}, {2, 3, 0}, {4, 7, 2}};
    json.put({.name = nullptr, .key = "ns"}, {}, HistogramValue{buckets, 7, 20});
    EXPECT_EQ(json.text(), "{\n  \"ns\": {\"1\": 5, \"4\": 2}\n}\n");
}

TEST(JsonText, EscapesWhatMustBe) { EXPECT_EQ(json_text("a\"b\\c\n\x01"), "\"a\\\"b\\\\c\\u000a\\u0001\""); }

}  // namespace
}  // namespace vm
