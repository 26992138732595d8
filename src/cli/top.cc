// `vm top PID`: the counters of a running vm.
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <memory>

#include "base/format.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/top_screen.h"
#include "osal/host.h"

namespace vm::cli {
namespace {

constexpr double kShortest = 0.01, kLongest = 86400;  ///< intervals, in seconds
constexpr i64 kEndless = 0;

struct TopOptions {
    int pid = 0;
    double interval = 1;
    i64 count = kEndless;  ///< samples
    bool json = false, screen = false;
};

Result<TopOptions> parse(const std::vector<std::string>& args, bool* help) {
    OptionParser parser(
        "the counters of a running vm (vm run, vm-user, vm boot), drawn until q, Ctrl-C or its end; where "
        "the\n"
        "output is no terminal, one sample. It must be of this build, and this user must be allowed to\n"
        "ptrace(2) it.",
        "vm top");
    std::string pid, format = "text";
    TopOptions o;
    bool once = false;
    parser.text("PID", pid, "the process").required();
    parser.number("--interval", o.interval, "seconds between samples; rates are over this time")
        .value("SECONDS")
        .show_default();
    const Option count =
        parser.number("--count", o.count, "so many samples, one below the other (0: to its end)").value("N");
    parser.flag("--once", once, "one sample, after one interval").excludes(count);
    parser.text("-o", format, "text, or json: one object a line").value("FORMAT").one_of({"text", "json"});
    const auto parsed = parser.parse(args);
    if (!parsed) return std::unexpected(parsed.error());
    if (*parsed == OptionParser::Outcome::Help) {
        *help = true;
        return o;
    }
    const auto [end, error] = std::from_chars(pid.data(), pid.data() + pid.size(), o.pid);
    if (error != std::errc() || end != pid.data() + pid.size() || o.pid <= 0)
        return fail(ErrorKind::InvalidArgument, fmt::format("'{}' is not the number of a process", pid));
    if (!(o.interval >= kShortest && o.interval <= kLongest))
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("--interval {}: between {} and {} seconds", o.interval, kShortest, kLongest));
    if (o.count < 0) return fail(ErrorKind::InvalidArgument, fmt::format("--count {}: 0 or more", o.count));
    o.json = format == "json";
    const bool terminal = ::isatty(STDOUT_FILENO) != 0, asked = once || count.given();
    o.screen = terminal && !asked && !o.json;
    if (once || (!asked && !terminal)) o.count = 1;
    return o;
}

/// Sleeps until the monotonic time `until_ns`; false if `ended_fd` became readable.
bool sleep_until(u64 until_ns, int ended_fd) {
    for (u64 now; (now = osal::monotonic_ns()) < until_ns;) {
        const u64 left = until_ns - now;
        const timespec t{static_cast<time_t>(left / 1'000'000'000), static_cast<long>(left % 1'000'000'000)};
        pollfd fd{ended_fd, POLLIN, 0};
        if (::ppoll(&fd, 1, &t, nullptr) > 0) return false;
    }
    return true;
}

Result<void> put(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0)
        return {};
    return fail(ErrorKind::Io, "standard output cannot be written");
}

enum class End : u8 { Counted, Quit, Process };

/// Samples below one another.
Result<End> print(TopTarget& target, const TopOptions& o) {
    auto before = target.sample();
    u64 next = osal::monotonic_ns();
    for (i64 n = 0; o.count == kEndless || n < o.count; n++) {
        if (!before) return std::unexpected(before.error());
        next += static_cast<u64>(o.interval * 1e9);
        if (!*before || !sleep_until(next, target.process().pidfd())) return End::Process;
        auto now = target.sample();
        if (!now) return std::unexpected(now.error());
        if (!*now) return End::Process;
        const TopSample* b = &**before;
        std::string text = o.json ? top_json(**now, b) : top_text(**now, b, {});
        if (!o.json && n != 0) text = "\n" + text;
        if (auto ok = put(text); !ok) return std::unexpected(ok.error());
        before = std::move(now);
    }
    return End::Counted;
}

/// The same place of the terminal, again and again. `killer`: the signal that ended it.
Result<End> redraw(TopTarget& target, const TopOptions& o, int* killer) {
    auto now = target.sample();  // what fails at once fails before the screen is cleared
    if (!now) return std::unexpected(now.error());
    TopScreen screen;
    std::optional<TopSample> before;
    for (u64 next = osal::monotonic_ns();;) {
        if (!*now) return End::Process;
        next += static_cast<u64>(o.interval * 1e9);
        auto event = TopScreen::Event::Draw;
        while (event == TopScreen::Event::Draw) {
            if (!screen.draw(top_text(**now, before ? &*before : nullptr, screen.size())))
                return fail(ErrorKind::Io, "the terminal cannot be written");
            event = screen.wait(next, target.process().pidfd());
        }
        if (event == TopScreen::Event::Ended) return End::Process;
        *killer = screen.killer();
        if (event != TopScreen::Event::Time) return End::Quit;
        next = std::max(next, osal::monotonic_ns());
        before = std::move(**now);
        now = target.sample();
        if (!now) return std::unexpected(now.error());
    }
}

}  // namespace

int top_command(const std::vector<std::string>& args) {
    const auto refuse = [](const Error& e) {
        complain(fmt::format("top: {}", e.message));
        return kExitTool;
    };
    bool help = false;
    const auto o = parse(args, &help);
    if (!o) return refuse(o.error());
    if (help) return 0;
    auto target = TopTarget::attach(o->pid);
    if (!target) return refuse(target.error());
    int killer = 0;
    const auto end = o->screen ? redraw(*target, *o, &killer) : print(*target, *o);
    if (!end) return refuse(end.error());
    if (*end == End::Process) complain(fmt::format("top: process {} ended", o->pid));
    if (killer != 0) ::raise(killer);
    return 0;
}

}  // namespace vm::cli
