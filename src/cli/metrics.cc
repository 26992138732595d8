#include "cli/metrics.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/format.h"
#include "cli/cli.h"
#include "cli/top_sample.h"
#include "monitor/process.h"
#include "monitor/prometheus.h"

namespace vm::cli {
namespace {

Result<monitor::Endpoint> listen(const std::string& where) {
    auto endpoint = monitor::Endpoint::listen(where);
    if (!endpoint) return endpoint;
    const bool chosen = endpoint->name() != where;
    if (endpoint->is_public())
        complain(fmt::format("metrics on {}, where other machines may read them", endpoint->name()));
    else if (chosen)
        complain(fmt::format("metrics on {}", endpoint->name()));
    return endpoint;
}

/// The counters of process `pid` as a page.
class OutsidePage {
  public:
    explicit OutsidePage(int pid) : pid_(pid) {}
    Result<std::string> operator()() {
        if (!target_) {
            auto target = TopTarget::attach(pid_);
            if (!target) return std::unexpected(target.error());
            target_ = std::make_shared<TopTarget>(std::move(*target));
        }
        const auto sample = target_->sample();
        if (!sample) return std::unexpected(sample.error());
        if (!*sample) return fail(ErrorKind::NotFound, fmt::format("process {} has ended", pid_));
        monitor::Registry registry;
        const auto engine = registry.add([&](MetricSink& sink) {
            const TopSample& s = **sample;
            engine::collect({.run = s.run,
                             .jit = s.jit,
                             .live_translations = {},
                             .code_bytes = s.code_bytes,
                             .code_limit = s.code_limit,
                             .icount = s.icount,
                             .timings = s.timings,
                             .exact_icount = s.exact_icount},
                            sink);
        });
        const auto process = registry.add([&](MetricSink& sink) { monitor::collect_process(pid_, sink); });
        return registry.prometheus();
    }

  private:
    int pid_;
    std::shared_ptr<TopTarget> target_;
};

/// The process that serves: nothing of its maker's is left open.
[[noreturn]] void serve_outside(monitor::Endpoint inherited, int pid) {
    ::setsid();
    (void)!::chdir("/");
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; fd++) ::dup2(null, fd);
    const auto keep = static_cast<unsigned>(inherited.fd());
    if (keep > 3) ::close_range(3, keep - 1, 0);
    ::close_range(keep + 1, ~0u, 0);
    ::prctl(PR_SET_NAME, "vm-metrics");
    {
        const monitor::Endpoint endpoint(std::move(inherited));  // its file goes when it does
        const auto process = osal::OtherProcess::open(pid);
        if (process && process->pidfd() >= 0) monitor::serve(endpoint, process->pidfd(), OutsidePage(pid));
    }
    ::_exit(0);
}

}  // namespace

Result<std::unique_ptr<monitor::Server>> serve_metrics(const std::string& where,
                                                       monitor::Registry& registry) {
    auto endpoint = listen(where);
    if (!endpoint) return std::unexpected(endpoint.error());
    return monitor::Server::start(std::move(*endpoint), [&registry]() -> Result<std::string> {
        monitor::PrometheusText text;
        registry.collect(text);
        monitor::collect_process(0, text);
        return text.text();
    });
}

Result<void> serve_metrics_from_outside(const std::string& where) {
    auto endpoint = listen(where);
    if (!endpoint) return std::unexpected(endpoint.error());
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return osal::fail_errno("--metrics: no pipe can be had");
    const osal::Fd from(ends[0]);
    osal::Fd to(ends[1]);
    const int pid = ::getpid();
    const int middle = ::fork();
    if (middle < 0) return osal::fail_errno("--metrics: no process can be started");
    if (middle == 0) {
        // Its own parent's child is not the guest's to wait for.
        const int server = ::fork();
        if (server != 0) {
            (void)!::write(to.get(), &server, sizeof server);
            ::_exit(0);
        }
        serve_outside(std::move(*endpoint), pid);
    }
    to = osal::Fd();
    int server = -1;
    (void)!::read(from.get(), &server, sizeof server);
    ::waitpid(middle, nullptr, 0);
    endpoint->abandon();
    if (server < 0) return fail(ErrorKind::Resource, "--metrics: no process can be started");
    // Where only descendants may be read (kernel.yama.ptrace_scope 1); elsewhere it is not needed and fails.
    ::prctl(PR_SET_PTRACER, server, 0, 0, 0);
    return {};
}

}  // namespace vm::cli
