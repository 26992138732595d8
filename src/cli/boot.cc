// `vm boot`: a whole machine.
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/format.h"
#include "boot/signature.h"
#include "cli/boot_explain.h"
#include "cli/cli.h"
#include "cli/debugging.h"
#include "cli/metrics.h"
#include "debug/machine.h"
#include "osal/file.h"
#include "soc/riscv_virt.h"

namespace vm::cli {
namespace {

void write_all(int fd, std::span<const u8> bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno != EINTR && errno != EAGAIN) return;  // nobody reads the console
        if (n > 0) bytes = bytes.subspan(static_cast<size_t>(n));
    }
}

/// What the guest prints, written by a thread of its own: a serial port prints byte by byte, and the guest
/// does not wait for a slow terminal until much is pending.
class Screen {
  public:
    Screen() : thread_([this] { write(); }) {}
    ~Screen() {
        {
            const std::lock_guard lock(mutex_);
            ends_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }
    void print(std::span<const u8> bytes) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return pending_.size() < kMostPending; });
        const bool was_empty = pending_.empty();
        pending_.insert(pending_.end(), bytes.begin(), bytes.end());
        if (was_empty) changed_.notify_all();
    }

  private:
    static constexpr size_t kMostPending = 64 << 10;
    void write() {
        std::vector<u8> out;
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [&] { return ends_ || !pending_.empty(); });
            if (pending_.empty()) return;
            // More is to come, mostly.
            changed_.wait_for(lock, std::chrono::microseconds(500), [&] { return ends_; });
            out.clear();
            out.swap(pending_);
            lock.unlock();
            changed_.notify_all();
            write_all(STDOUT_FILENO, out);
            lock.lock();
        }
    }
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<u8> pending_;
    bool ends_ = false;
    std::thread thread_;
};

/// The terminal, or whatever standard input is, as the guest's keyboard. On a terminal Ctrl-A x ends the
/// machine and Ctrl-A Ctrl-A is Ctrl-A.
class Keyboard {
  public:
    /// Before any thread starts.
    static void block() {
        const sigset_t set = resize_signal();
        ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    }
    explicit Keyboard(soc::RiscvVirt& machine) : machine_(machine), done_(::eventfd(0, EFD_CLOEXEC)) {
        terminal_ = ::isatty(STDIN_FILENO) != 0 && ::tcgetattr(STDIN_FILENO, &before_) == 0;
        if (terminal_) {
            termios raw = before_;
            ::cfmakeraw(&raw);
            raw.c_oflag = before_.c_oflag;
            ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
        }
        const sigset_t resized = resize_signal();
        resized_ = osal::Fd(::signalfd(-1, &resized, SFD_CLOEXEC | SFD_NONBLOCK));
        tell_size();
        thread_ = std::thread([this] { read(); });
    }
    ~Keyboard() {
        {
            const std::lock_guard lock(mutex_);
            ends_ = true;
        }
        room_.notify_all();
        const u64 one = 1;
        (void)!::write(done_.get(), &one, sizeof one);
        thread_.join();
        if (terminal_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    }

  private:
    void read() {
        pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}, {done_.get(), POLLIN, 0}, {resized_.get(), POLLIN, 0}};
        u8 buffer[256];
        for (;;) {
            if (::poll(fds, 3, -1) < 0 && errno == EINTR) continue;
            if (fds[1].revents != 0) return;
            if (fds[2].revents != 0) {
                signalfd_siginfo info;
                (void)!::read(resized_.get(), &info, sizeof info);
                tell_size();
            }
            if (fds[0].revents == 0) continue;
            const ssize_t n = ::read(STDIN_FILENO, buffer, sizeof buffer);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) return;
            std::span<const u8> keys(buffer, static_cast<size_t>(n));
            std::vector<u8> plain;
            if (terminal_) keys = plain = escapes(keys);
            if (!type(keys)) return;
        }
    }
    static sigset_t resize_signal() {
        sigset_t set;
        ::sigemptyset(&set);
        ::sigaddset(&set, SIGWINCH);
        return set;
    }
    void tell_size() {
        winsize size{};
        if (terminal_ && ::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
            machine_.set_terminal_size(size.ws_col, size.ws_row);
    }
    std::vector<u8> escapes(std::span<const u8> keys) {
        constexpr u8 kCtrlA = 1;
        std::vector<u8> out;
        for (const u8 key : keys) {
            if (escaped_ && (key == 'x' || key == 'X')) machine_.stop();
            if (escaped_ && key != kCtrlA) {
                escaped_ = false;
                continue;
            }
            escaped_ = !escaped_ && key == kCtrlA;
            if (!escaped_) out.push_back(key);
        }
        return out;
    }
    bool type(std::span<const u8> keys) {
        while (!keys.empty()) {
            std::unique_lock lock(mutex_);
            has_room_ = false;
            lock.unlock();
            const size_t n = machine_.type(keys, [this] {
                const std::lock_guard inner(mutex_);
                has_room_ = true;
                room_.notify_all();
            });
            keys = keys.subspan(n);
            if (keys.empty()) return true;
            lock.lock();
            room_.wait(lock, [&] { return has_room_ || ends_; });
            if (ends_) return false;
        }
        return true;
    }

    soc::RiscvVirt& machine_;
    osal::Fd done_, resized_;
    termios before_{};
    bool terminal_ = false, escaped_ = false;
    std::mutex mutex_;
    std::condition_variable room_;
    bool has_room_ = false, ends_ = false;
    std::thread thread_;
};

/// What asks a process to end asks the machine to: the terminal and the disks' files are left as they should
/// be. The process then ends by that signal.
class EndSignals {
  public:
    /// Before any thread starts.
    static void block() {
        const sigset_t set = signals();
        ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    }
    explicit EndSignals(soc::RiscvVirt& machine) : done_(::eventfd(0, EFD_CLOEXEC)) {
        const sigset_t set = signals();
        arrived_ = osal::Fd(::signalfd(-1, &set, SFD_CLOEXEC));
        thread_ = std::thread([this, &machine] {
            pollfd fds[] = {{arrived_.get(), POLLIN, 0}, {done_.get(), POLLIN, 0}};
            while (::poll(fds, 2, -1) < 0 && errno == EINTR) {
            }
            signalfd_siginfo info{};
            if (fds[0].revents == 0 || ::read(arrived_.get(), &info, sizeof info) != sizeof info) return;
            signal_ = static_cast<int>(info.ssi_signo);
            machine.stop();
        });
    }
    ~EndSignals() { (void)came(); }
    /// The signal that came, 0: none. Ends the watch.
    int came() {
        if (!thread_.joinable()) return signal_;
        const u64 one = 1;
        (void)!::write(done_.get(), &one, sizeof one);
        thread_.join();
        return signal_;
    }
    [[noreturn]] static void end_by(int signal) {
        const sigset_t set = signals();
        ::signal(signal, SIG_DFL);
        ::raise(signal);
        ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
        ::_exit(128 + signal);
    }

  private:
    static sigset_t signals() {
        sigset_t set;
        ::sigemptyset(&set);
        for (const int s : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, s);
        return set;
    }
    osal::Fd arrived_, done_;
    int signal_ = 0;
    std::thread thread_;
};

Result<void> write_file(const std::string& path, std::span<const u8> bytes) {
    auto file = osal::NewFile::create(path, 0666);
    if (!file) return std::unexpected(file.error());
    file->write(0, bytes.data(), bytes.size());
    return file->publish();
}
Result<void> write_file(const std::string& path, const std::string& text) {
    return write_file(path, {reinterpret_cast<const u8*>(text.data()), text.size()});
}

/// Puts what it begins with into the machine's memory. The files are read anew for each life of the machine,
/// so that they take no memory while it runs.
/// Returns what --signature writes in the end.
Result<std::optional<boot::SymbolRange>> load(const BootOptions& o, const soc::RiscvVirtOptions& options,
                                              soc::RiscvVirt& machine) {
    auto files = read_boot_files(o, machine.ram().size());
    if (!files) return std::unexpected(files.error());
    const boot::Plan& plan = files->plan;
    boot::put(plan, machine.ram());
    soc::Start start{.entry = plan.entry,
                     .tree = plan.tree,
                     .tree_room = boot::kTreeRoom,
                     .third_argument = plan.dynamic_info,
                     .initrd_begin = plan.initrd,
                     .initrd_end = plan.initrd + files->initrd.size(),
                     .htif = {},
                     .given_tree = files->tree};
    if (files->mode == boot::Firmware::None && files->kernel.tohost)
        start.htif = {.tohost = *files->kernel.tohost, .fromhost = files->kernel.fromhost};
    if (auto r = machine.prepare(start); !r) return std::unexpected(r.error());
    if (!o.dump_dtb.empty())
        if (auto r = write_file(o.dump_dtb, machine.device_tree()); !r) return std::unexpected(r.error());
    if (!o.explain.empty()) {
        const std::string text = explain(o.explain, o, options, *files, machine);
        write_all(STDOUT_FILENO, {reinterpret_cast<const u8*>(text.data()), text.size()});
    }
    return files->signature;
}

/// With --gdb: what stays from one life of the machine to the next.
struct Debugged {
    explicit Debugged(std::unique_ptr<Debugging> d)
        : debugging(std::move(d)), machine(debugging->control()) {}
    ~Debugged() { debugging.reset(); }  // its server uses the machine
    std::unique_ptr<Debugging> debugging;
    debug::Machine machine;
};

/// Shows one life of the machine to the debugger; nullptr: there is none.
class DebuggedLife {
  public:
    DebuggedLife(Debugged* debugged, soc::RiscvVirt& machine) : debugged_(debugged) {
        if (debugged_ == nullptr) return;
        debugged_->machine.set_board(&machine);
        debugged_->debugging->start(debugged_->machine);
    }
    ~DebuggedLife() {
        if (debugged_ != nullptr) debugged_->machine.set_board(nullptr);
    }

  private:
    Debugged* debugged_;
};

/// One life of the machine, from power-on to power-off or reset.
Result<soc::RiscvVirt::Outcome> run_once(const BootOptions& o, monitor::Registry& registry,
                                         Debugged* debugged, int* signal) {
    Screen screen;  // outlives the machine
    auto options = machine_options(o);
    if (!options) return std::unexpected(options.error());
    options->machine_mode = firmware_of(o) != boot::Firmware::BuiltIn;
    options->console = [&screen](std::span<const u8> bytes) { screen.print(bytes); };
    if (debugged != nullptr) options->engine.control = &debugged->debugging->control();
    auto machine = soc::RiscvVirt::create(*options);
    if (!machine) return std::unexpected(machine.error());
    const auto signature = load(o, *options, **machine);
    if (!signature) return std::unexpected(signature.error());
    if (o.dry_run) return soc::RiscvVirt::Outcome{};
    const auto counted = registry.add([&](MetricSink& sink) { (*machine)->collect(sink); });
    Result<soc::RiscvVirt::Outcome> outcome;
    {
        EndSignals signals(**machine);
        const Keyboard keyboard(**machine);
        const DebuggedLife life(debugged, **machine);
        outcome = (*machine)->run();
        *signal = signals.came();
    }
    if (*signature) {
        const std::string text =
            boot::signature_text((*machine)->ram(), **signature, static_cast<u64>(o.granularity));
        if (auto r = write_file(o.signature, text); !r) return std::unexpected(r.error());
    }
    if (!o.stats.empty())
        if (auto r = write_file(o.stats, registry.json()); !r) return std::unexpected(r.error());
    return outcome;
}

Result<int> boot(BootOptions o) {
    EndSignals::block();
    Keyboard::block();
    monitor::Registry registry;
    std::unique_ptr<monitor::Server> server;  // serves across resets
    if (!o.metrics.empty()) {
        auto started = serve_metrics(o.metrics, registry);
        if (!started) return std::unexpected(started.error());
        server = std::move(*started);
    }
    std::unique_ptr<Debugged> debugged;
    if (!o.gdb.empty()) {
        auto debugging = Debugging::listen(o.gdb);
        if (!debugging) return std::unexpected(debugging.error());
        debugged = std::make_unique<Debugged>(std::move(*debugging));
    }
    for (int signal = 0;;) {
        const auto outcome = run_once(o, registry, debugged.get(), &signal);
        if (signal != 0) {
            server.reset();
            debugged.reset();
            EndSignals::end_by(signal);
        }
        if (!outcome) return std::unexpected(outcome.error());
        o.explain.clear();
        o.dump_dtb.clear();
        if (outcome->end == soc::RiscvVirt::End::Reset) continue;
        const int status =
            outcome->end == soc::RiscvVirt::End::PowerOff ? 0 : std::max(1, outcome->status & 0xff);
        if (debugged) debugged->debugging->control().ended({.by_signal = false, .code = status});
        return status;
    }
}

}  // namespace

int boot_command(const std::vector<std::string>& args) {
    OptionParser p("a whole machine; on a terminal Ctrl-A x ends it", "vm boot");
    BootOptions o;
    declare_boot_options(p, o);
    const auto parsed = p.parse(args);
    if (!parsed) {
        complain(fmt::format("boot: {}", parsed.error().message));
        return kExitTool;
    }
    if (*parsed == OptionParser::Outcome::Help) return 0;
    const auto r = boot(o);
    if (r) return *r;
    complain(fmt::format("boot: {}", r.error().message));
    return r.error().kind == ErrorKind::NotFound ? kExitNotFound : kExitTool;
}

}  // namespace vm::cli
