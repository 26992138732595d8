#include "monitor/process.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "base/format.h"

namespace vm::monitor {
namespace {

std::string contents(const std::string& path) {
    std::ifstream in(path);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

/// Seconds since 1970 when the host was started.
double boot_time() {
    std::istringstream in(contents("/proc/stat"));
    std::string word;
    double value = 0;
    while (in >> word)
        if (word == "btime" && in >> value) break;
    return value;
}

}  // namespace

void collect_process(int pid, MetricSink& sink) {
    const std::string dir = pid == 0 ? "/proc/self" : fmt::format("/proc/{}", pid);
    const std::string stat = contents(dir + "/stat");
    const size_t name_end = stat.rfind(')');
    if (name_end == std::string::npos) return;
    std::istringstream in(stat.substr(name_end + 1));
    // proc_pid_stat(5): the third field is the first one here.
    constexpr int kFirst = 3, kUtime = 14, kStime = 15, kThreads = 20, kStart = 22, kVsize = 23, kRss = 24;
    std::string state;
    in >> state;
    double field[kRss + 1] = {};
    for (int n = kFirst + 1; n <= kRss; n++) in >> field[n];
    if (!in) return;
    const auto put = [&](const char* name, const char* key, Metric::Kind kind, const char* help, double v) {
        sink.put({.name = name, .key = key, .kind = kind, .help = help}, v);
    };
    using Kind = Metric::Kind;
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    put("process_cpu_seconds_total", nullptr, Kind::Counter, "User and system CPU time of the process.",
        (field[kUtime] + field[kStime]) / ticks);
    put("process_start_time_seconds", nullptr, Kind::Gauge, "When it was started, since 1970.",
        boot_time() + field[kStart] / ticks);
    put("process_virtual_memory_bytes", nullptr, Kind::Gauge, "Its virtual memory.", field[kVsize]);
    put("process_resident_memory_bytes", nullptr, Kind::Gauge, "Its resident memory.",
        field[kRss] * static_cast<double>(::sysconf(_SC_PAGESIZE)));
    put("process_threads", nullptr, Kind::Gauge, "Its threads.", field[kThreads]);
    std::error_code error;
    size_t fds = 0;
    for (auto it = std::filesystem::directory_iterator(dir + "/fd", error);
         !error && it != std::filesystem::end(it); it.increment(error))
        fds++;
    if (!error)
        put("process_open_fds", nullptr, Kind::Gauge, "Its open descriptors.", static_cast<double>(fds));
}

}  // namespace vm::monitor
