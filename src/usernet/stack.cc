#include "usernet/stack.h"

#include <arpa/inet.h>
#include <slirp/libslirp.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <limits>
#include <list>
#include <system_error>

#include "base/format.h"

namespace vm::usernet {
namespace {

constexpr int kConfigVersion = 4;  // of SlirpConfig: the last that libslirp 4.7 knows

in_addr address(u32 host_order) { return {htonl(host_order)}; }

std::string dotted(u32 a) {
    return fmt::format("{}.{}.{}.{}", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

i64 now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

class SlirpStack final : public Stack {
  public:
    SlirpStack(const StackOptions& options, std::function<void(std::span<const u8>)> to_guest)
        : options_(options), to_guest_(std::move(to_guest)) {}
    ~SlirpStack() override { close(); }

    Result<void> open();
    void input(std::span<const u8> frame) override {
        ::slirp_input(slirp_, frame.data(), static_cast<int>(frame.size()));
    }
    void before_poll(std::vector<pollfd>& fds, bool congested, int& timeout_ms) override;
    void after_poll(std::span<const pollfd> fds) override;
    Result<void> set_mtu(u16 mtu) override {
        if (mtu == options_.mtu) return {};
        options_.mtu = mtu;
        close();
        return open();
    }

  private:
    static constexpr i64 kNever = std::numeric_limits<i64>::max();
    struct Timer {
        SlirpTimerId id;
        void* argument;
        i64 expires_ms;
    };
    static SlirpStack& self(void* opaque) { return *static_cast<SlirpStack*>(opaque); }
    static SlirpCb callbacks();
    static SlirpConfig config(const StackOptions& options);
    static int add_poll(int fd, int events, void* opaque);
    Result<void> forward(const Forward& f);
    void run_timers();
    void close() {
        if (slirp_ != nullptr) ::slirp_cleanup(slirp_);
        slirp_ = nullptr;
    }

    StackOptions options_;
    const std::function<void(std::span<const u8>)> to_guest_;
    Slirp* slirp_ = nullptr;
    std::list<Timer> timers_;
    std::vector<pollfd>* fds_ = nullptr;  ///< while before_poll() runs
    size_t first_fd_ = 0;
    bool congested_ = false;
    std::span<const pollfd> polled_;  ///< while after_poll() runs
};

SlirpCb SlirpStack::callbacks() {
    SlirpCb c{};
    c.send_packet = [](const void* bytes, size_t size, void* opaque) {
        self(opaque).to_guest_({static_cast<const u8*>(bytes), size});
        return static_cast<ssize_t>(size);
    };
    c.guest_error = [](const char*, void*) {};  // what a guest does wrong is its own affair
    c.clock_get_ns = [](void*) { return int64_t{now_ns()}; };
    c.timer_new_opaque = [](SlirpTimerId id, void* argument, void* opaque) -> void* {
        return &self(opaque).timers_.emplace_back(id, argument, kNever);
    };
    c.timer_free = [](void* timer, void* opaque) {
        self(opaque).timers_.remove_if([&](const Timer& t) { return &t == timer; });
    };
    c.timer_mod = [](void* timer, int64_t ms, void*) { static_cast<Timer*>(timer)->expires_ms = ms; };
    c.register_poll_fd = [](int, void*) {};  // before_poll() names all of them
    c.unregister_poll_fd = [](int, void*) {};
    c.notify = [](void*) {};  // one thread: whoever changed something polls afterwards
    c.init_completed = [](Slirp*, void*) {};
    return c;
}

SlirpConfig SlirpStack::config(const StackOptions& options) {
    SlirpConfig c{};
    c.version = kConfigVersion;
    c.restricted = options.restricted;
    c.in_enabled = true;
    c.vnetwork = address(kNetwork);
    c.vnetmask = address(kNetmask);
    c.vhost = address(kHost);
    c.vdhcp_start = address(kFirstGuest);
    c.vnameserver = address(kNameServer);
    c.in6_enabled = true;
    ::inet_pton(AF_INET6, "fec0::", &c.vprefix_addr6);
    c.vprefix_len = 64;
    ::inet_pton(AF_INET6, "fec0::2", &c.vhost6);
    ::inet_pton(AF_INET6, "fec0::3", &c.vnameserver6);
    c.vhostname = "guest";
    c.if_mtu = c.if_mru = options.mtu;
    return c;
}

Result<void> SlirpStack::open() {
    static const SlirpCb kCallbacks = callbacks();
    const SlirpConfig c = config(options_);
    slirp_ = ::slirp_new(&c, &kCallbacks, this);
    if (slirp_ == nullptr) return fail(ErrorKind::Resource, "libslirp does not start");
    for (const Forward& f : options_.forwards)
        if (auto r = forward(f); !r) return r;
    return {};
}

Result<void> SlirpStack::forward(const Forward& f) {
    if (::slirp_add_hostfwd(slirp_, f.udp, address(f.host_address), f.host_port, address(f.guest_address),
                            f.guest_port) == 0)
        return {};
    const int error = errno;
    return fail(ErrorKind::Io,
                fmt::format("the host's {} port {}:{} cannot be forwarded: {}", f.udp ? "UDP" : "TCP",
                            dotted(f.host_address), f.host_port, std::generic_category().message(error)),
                error);
}

// ---- descriptors and timers

/// Returns an index for get_revents, -1 for a descriptor that is not waited for.
int SlirpStack::add_poll(int fd, int events, void* opaque) {
    SlirpStack& s = self(opaque);
    short wanted = 0;
    if ((events & SLIRP_POLL_IN) != 0 && !s.congested_) wanted |= POLLIN;
    if ((events & SLIRP_POLL_OUT) != 0) wanted |= POLLOUT;
    if ((events & SLIRP_POLL_PRI) != 0 && !s.congested_) wanted |= POLLPRI;
    if (wanted == 0) return -1;
    s.fds_->push_back({fd, wanted, 0});
    return static_cast<int>(s.fds_->size() - s.first_fd_ - 1);
}

void SlirpStack::before_poll(std::vector<pollfd>& fds, bool congested, int& timeout_ms) {
    fds_ = &fds;
    first_fd_ = fds.size();
    congested_ = congested;
    u32 timeout = timeout_ms < 0 ? ~u32{0} : static_cast<u32>(timeout_ms);
    ::slirp_pollfds_fill(slirp_, &timeout, &add_poll, this);
    const i64 now = now_ns() / 1'000'000;
    for (const Timer& t : timers_)
        if (t.expires_ms != kNever)
            timeout = static_cast<u32>(std::clamp<i64>(t.expires_ms - now, 0, timeout));
    timeout_ms = timeout == ~u32{0} ? -1 : static_cast<int>(std::min<u32>(timeout, 1u << 30));
    fds_ = nullptr;
}

void SlirpStack::after_poll(std::span<const pollfd> fds) {
    polled_ = fds;
    const auto events = [](int index, void* opaque) -> int {
        if (index < 0) return 0;
        const short got = self(opaque).polled_[static_cast<size_t>(index)].revents;
        return ((got & POLLIN) != 0 ? SLIRP_POLL_IN : 0) | ((got & POLLOUT) != 0 ? SLIRP_POLL_OUT : 0) |
               ((got & POLLPRI) != 0 ? SLIRP_POLL_PRI : 0) | ((got & POLLERR) != 0 ? SLIRP_POLL_ERR : 0) |
               ((got & POLLHUP) != 0 ? SLIRP_POLL_HUP : 0);
    };
    ::slirp_pollfds_poll(slirp_, 0, events, this);
    polled_ = {};
    run_timers();
}

/// A callback arms its timer again; it neither makes nor frees one.
void SlirpStack::run_timers() {
    const i64 now = now_ns() / 1'000'000;
    for (Timer& t : timers_) {
        if (t.expires_ms > now) continue;
        t.expires_ms = kNever;
        ::slirp_handle_timer(slirp_, t.id, t.argument);
    }
}

}  // namespace

Result<std::unique_ptr<Stack>> Stack::create(const StackOptions& options,
                                             std::function<void(std::span<const u8>)> to_guest) {
    auto stack = std::make_unique<SlirpStack>(options, std::move(to_guest));
    if (auto r = stack->open(); !r) return std::unexpected(r.error());
    return stack;
}

}  // namespace vm::usernet
