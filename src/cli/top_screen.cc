#include "cli/top_screen.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include "osal/host.h"

namespace vm::cli {
namespace {

constexpr int kSignals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, SIGWINCH};

bool write_all(const std::string& text) {
    return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

}  // namespace

TopScreen::TopScreen() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int s : kSignals) ::sigaddset(&set, s);
    ::sigprocmask(SIG_BLOCK, &set, &mask_before_);
    signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    keys_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
    enter();
}

TopScreen::~TopScreen() {
    leave();
    if (signals_ >= 0) ::close(signals_);
    ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
}

void TopScreen::enter() {
    if (keys_) {
        termios raw = before_;
        raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    (void)write_all("\033[?25l\033[H\033[2J");
}

void TopScreen::leave() {
    (void)write_all("\033[?25h");
    if (keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

TextSize TopScreen::size() const {
    winsize w{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0 || w.ws_row == 0) return {80, 24};
    // The last line stays free: behind it the terminal would scroll.
    return {w.ws_col, std::max<size_t>(w.ws_row, 2) - 1};
}

bool TopScreen::draw(const std::string& text) {
    std::string out = "\033[H";
    for (const char c : text) {
        if (c == '\n') out += "\033[K";  // what is left of the line before
        out += c;
    }
    return write_all(out + "\033[J");
}

TopScreen::Event TopScreen::signalled() {
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof info) != sizeof info) return Event::Time;
    switch (info.ssi_signo) {
        case SIGINT: return Event::Quit;
        case SIGWINCH: return Event::Draw;
        case SIGTSTP:
            leave();
            ::raise(SIGSTOP);
            enter();
            return Event::Draw;
        default: killer_ = static_cast<int>(info.ssi_signo); return Event::Killed;
    }
}

TopScreen::Event TopScreen::wait(u64 until_ns, int ended_fd) {
    for (;;) {
        const u64 now = osal::monotonic_ns();
        if (now >= until_ns) return Event::Time;
        pollfd fds[] = {{keys_ ? STDIN_FILENO : -1, POLLIN, 0}, {signals_, POLLIN, 0}, {ended_fd, POLLIN, 0}};
        const u64 ms = (until_ns - now + 999'999) / 1'000'000;
        if (::poll(fds, 3, static_cast<int>(std::min<u64>(ms, 1'000'000))) <= 0) continue;
        if (fds[2].revents != 0) return Event::Ended;
        if (fds[1].revents != 0)
            if (const Event e = signalled(); e != Event::Time) return e;
        if (fds[0].revents != 0) {
            char key = 0;
            const ssize_t n = ::read(STDIN_FILENO, &key, 1);
            if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN) || key == 'q' || key == 'Q')
                return Event::Quit;
        }
    }
}

}  // namespace vm::cli
