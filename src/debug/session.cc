#include "debug/session.h"

#include <algorithm>

#include "base/format.h"
#include "debug/signals.h"

namespace vm::debug {
namespace {

// Numbers of errors mean nothing to debuggers; these are errno's.
constexpr int kNoSuchThread = 3, kIo = 5, kBadAddress = 14, kInvalid = 22;
constexpr int kTrap = 5, kInterrupted = 2;
constexpr size_t kMostPoints = 4096;
constexpr u64 kMostWatched = u64{1} << 20;

}  // namespace

Session::Session(Target& target, std::function<void(std::string_view)> send)
    : target_(target), send_(std::move(send)), xml_(target_xml(target.registers())) {
    target_.attach();
    poll();
}

Session::~Session() {
    if (attached_) target_.detach();
}

// ---------------------------------------------------------------------------------------------- in and out

void Session::reply(std::string_view payload) {
    last_sent_ = frame(payload);
    send_(last_sent_);
}

void Session::reply_error(int number) { reply(fmt::format("E{:02x}", number)); }

/// A part of `object`, as qXfer asks for it: "OFFSET,LENGTH".
void Session::reply_object(std::string_view object, Scanner& range) {
    const u64 offset = range.hex();
    range.expect(",");
    const u64 length = range.hex();
    if (!range.done() || offset > object.size()) return reply_error(kInvalid);
    // Escapes may double it.
    const std::string_view part = object.substr(offset, std::min<u64>(length, kMostPayload / 2 - 1));
    reply((offset + part.size() < object.size() ? "m" : "l") + std::string(part));
}

void Session::receive(std::string_view bytes) {
    reader_.feed(bytes);
    while (const auto item = reader_.next()) {
        using Kind = PacketReader::Item::Kind;
        if (over_) return;
        switch (item->kind) {
            case Kind::Ack: break;
            case Kind::Nak:
                if (acks_ && !last_sent_.empty()) send_(last_sent_);
                break;
            case Kind::Interrupt:
                if (resumed_) target_.stop();
                break;
            case Kind::Damaged:
                if (acks_) send_("-");
                break;
            case Kind::Packet:
                if (acks_) send_("+");
                packet(item->payload);
                break;
        }
    }
    poll();
}

void Session::packet(const std::string& payload) {
    constexpr size_t kMostEarly = 64;
    if (!starting_) return dispatch(payload);
    if (early_.size() < kMostEarly) early_.push_back(payload);
}

void Session::dispatch(const std::string& payload) {
    const Scanner s(payload);
    if (general(s, payload) || memory(s, payload) || registers(s, payload) || running(s) || query(s) ||
        setting(s))
        return;
    reply("");  // not supported
}

// ---------------------------------------------------------------------------------------------- what happens

void Session::poll() {
    if (over_) return;
    if (const auto ended = target_.ended_as()) {
        reply(fmt::format("{}{:02x}", ended->by_signal ? 'X' : 'W',
                          ended->by_signal ? gdb_signal(ended->code) : ended->code & 0xff));
        over_ = true;
        attached_ = false;
        return target_.ended_was_told();
    }
    if (!resumed_) return;
    if (const auto event = target_.event()) stopped(*event);
}

void Session::stopped(const RunControl::Event& event) {
    resumed_ = false;
    current_ = event.id;
    general_thread_ = 0;
    last_stop_ = stop_reply(event);
    if (expected_) {
        expected_ = false;
        return reply(last_stop_);
    }
    starting_ = false;
    while (!early_.empty() && !over_) {
        const std::string payload = std::move(early_.front());
        early_.pop_front();
        dispatch(payload);
    }
}

std::string Session::reason(const RunControl::Stop& stop) {
    using Why = RunControl::Why;
    const auto find = [&](auto good) { return std::ranges::find_if(points_, good); };
    if (stop.why == Why::Break) {
        const auto at = [&](u64 type) {
            return find([&](const Point& p) { return p.type == type && p.address == stop.address; }) !=
                   points_.end();
        };
        if (swbreak_ && at(0)) return "swbreak:;";
        if (hwbreak_ && at(1)) return "hwbreak:;";
    }
    if (stop.why == Why::Watch) {
        constexpr const char* kNames[] = {"watch", "rwatch", "awatch"};
        const auto covers = [&](const Point& p) { return p.type >= 2 && stop.address - p.address < p.kind; };
        auto it =
            find([&](const Point& p) { return covers(p) && (p.type == 4 || (p.type == 2) == stop.write); });
        if (it == points_.end()) it = find(covers);
        if (it != points_.end()) return fmt::format("{}:{:x};", kNames[it->type - 2], stop.address);
    }
    return "";
}

std::string Session::stop_reply(const RunControl::Event& event) {
    using Why = RunControl::Why;
    const RunControl::Stop& stop = event.stop;
    const bool first = starting_;
    const int signal = stop.why == Why::Signal            ? gdb_signal(stop.signal)
                       : stop.why == Why::Asked && !first ? kInterrupted
                                                          : kTrap;
    std::string out = fmt::format("T{:02x}", signal);
    const RegisterSet& set = target_.registers();
    for (const size_t n : set.told) {
        u8 value[16];
        if (target_.read_register(event.id, n, value))
            out += fmt::format("{:02x}:{};", n, to_hex(value, set.registers[n].bytes()));
    }
    return out + fmt::format("thread:{:x};", event.id) + reason(stop);
}

bool Session::exists(u64 thread) const {
    const auto threads = target_.threads();
    return std::ranges::find(threads, thread) != threads.end();
}

// ---------------------------------------------------------------------------------------------- packets

bool Session::general(Scanner s, const std::string& payload) {
    if (payload == "?") {
        reply(last_stop_);
    } else if (s.skip("H")) {
        select(s);
    } else if (s.skip("T")) {
        const u64 thread = s.hex();
        s.done() && exists(thread) ? reply("OK") : reply_error(kNoSuchThread);
    } else if (payload == "D" || payload.starts_with("D;")) {
        reply("OK");
        attached_ = false;
        over_ = true;
        target_.detach();
    } else if (payload == "k" || payload.starts_with("vKill")) {
        if (payload != "k") reply("OK");
        over_ = true;
        target_.kill();
    } else {
        return false;
    }
    return true;
}

/// Hg and Hc.
void Session::select(Scanner& s) {
    const bool resume = s.skip("c");
    if (!resume) s.expect("g");
    u64 thread = 0;
    if (!s.skip("-1")) thread = s.hex();
    if (!s.done() || (thread != 0 && !exists(thread))) return reply_error(kNoSuchThread);
    (resume ? resume_thread_ : general_thread_) = thread;
    reply("OK");
}

bool Session::memory(Scanner s, const std::string& payload) {
    const char how = payload.empty() ? 0 : payload[0];
    if (how == 'Z' || how == 'z') {
        s.skip(payload.substr(0, 1));
        point(s, how == 'Z');
        return true;
    }
    if (how != 'm' && how != 'x' && how != 'M' && how != 'X') return false;
    s.skip(payload.substr(0, 1));
    const u64 address = s.hex();
    s.expect(",");
    const u64 length = s.hex();
    if (how == 'm' || how == 'x') {
        if (!s.done()) return reply_error(kInvalid), true;
        std::vector<u8> bytes(std::min<u64>(length, kMostPayload / 2 - 1));
        const size_t n = target_.read_memory(thread(), address, bytes);
        if (n == 0 && length != 0) return reply_error(kBadAddress), true;
        const std::string_view text(reinterpret_cast<const char*>(bytes.data()), n);
        reply(how == 'm' ? to_hex(text) : "b" + std::string(text));
        return true;
    }
    s.expect(":");
    std::optional<std::string> bytes = std::string(s.rest());
    if (how == 'M') bytes = from_hex(*bytes);
    if (s.failed() || !bytes || bytes->size() != length) return reply_error(kInvalid), true;
    const std::span<const u8> data(reinterpret_cast<const u8*>(bytes->data()), bytes->size());
    data.empty() || target_.write_memory(thread(), address, data) ? reply("OK") : reply_error(kBadAddress);
    return true;
}

bool Session::registers(Scanner s, const std::string& payload) {
    const RegisterSet& set = target_.registers();
    u8 value[16] = {};
    if (payload == "g") {
        std::string out;
        for (size_t n = 0; n < set.general; n++) {
            const size_t size = set.registers[n].bytes();
            out +=
                target_.read_register(thread(), n, value) ? to_hex(value, size) : std::string(2 * size, 'x');
        }
        reply(out);
    } else if (s.skip("G")) {
        const auto bytes = from_hex(s.rest());
        size_t all = 0;
        for (size_t n = 0; n < set.general; n++) all += set.registers[n].bytes();
        if (!bytes || bytes->size() != all) return reply_error(kInvalid), true;
        bool good = true;
        size_t at = 0;
        for (size_t n = 0; n < set.general; at += set.registers[n++].bytes())
            good &= target_.write_register(thread(), n, reinterpret_cast<const u8*>(bytes->data()) + at);
        good ? reply("OK") : reply_error(kIo);
    } else if (s.skip("p")) {
        const u64 n = s.hex();
        if (!s.done() || n >= set.registers.size()) return reply_error(kInvalid), true;
        target_.read_register(thread(), n, value) ? reply(to_hex(value, set.registers[n].bytes()))
                                                  : reply_error(kIo);
    } else if (s.skip("P")) {
        const u64 n = s.hex();
        s.expect("=");
        const auto bytes = from_hex(s.rest());
        if (s.failed() || !bytes || n >= set.registers.size() || bytes->size() != set.registers[n].bytes())
            return reply_error(kInvalid), true;
        target_.write_register(thread(), n, reinterpret_cast<const u8*>(bytes->data())) ? reply("OK")
                                                                                        : reply_error(kIo);
    } else {
        return false;
    }
    return true;
}

/// Z and z: "TYPE,ADDRESS,KIND".
void Session::point(Scanner& s, bool insert) {
    Point p;
    p.type = s.hex();
    s.expect(",");
    p.address = s.hex();
    s.expect(",");
    p.kind = s.hex();
    if (!s.failed() && p.type > 4) return reply("");
    const bool watch = p.type >= 2;
    if (!s.done() || (watch && (p.kind == 0 || p.kind > kMostWatched || p.address + p.kind < p.address)))
        return reply_error(kInvalid);
    const auto it = std::ranges::find(points_, p);
    if (insert && it == points_.end()) {
        if (points_.size() == kMostPoints) return reply_error(kInvalid);
        points_.push_back(p);
    }
    if (!insert && it != points_.end()) points_.erase(it);
    reply("OK");
}

engine::Points Session::points() const {
    engine::Points out;
    for (const Point& p : points_) {
        if (p.type < 2)
            out.breaks.push_back(p.address);
        else
            out.watches.push_back(
                {.begin = p.address, .end = p.address + p.kind, .load = p.type != 2, .store = p.type != 3});
    }
    return out;
}

// ---------------------------------------------------------------------------------------------- running

bool Session::running(Scanner s) {
    if (s.skip("vCont?")) {
        reply("vCont;c;C;s;S;r");
    } else if (s.skip("vCont")) {
        resume_all(s);
    } else if (s.skip("vCtrlC")) {
        reply("OK");
        if (resumed_) target_.stop();
    } else {
        for (const char how : {'c', 's', 'C', 'S'})
            if (s.skip(std::string_view(&how, 1))) return resume_old(s, how), true;
        return false;
    }
    return true;
}

/// One ACTION[:THREAD] of vCont. False: it is none.
static bool parse_action(Scanner one, RunControl::Action* action, u64* thread, bool* everyone) {
    using Go = RunControl::Go;
    const bool continues = one.skip("c"), steps = !continues && one.skip("s");
    if (continues || steps) {
        action->go = continues ? Go::Continue : Go::Step;
    } else if (one.skip("r")) {
        action->go = Go::Step;
        action->begin = one.hex();
        one.expect(",");
        action->end = one.hex();
    } else {
        const bool signal_continues = one.skip("C");
        if (!signal_continues) one.expect("S");
        action->go = signal_continues ? Go::Continue : Go::Step;
        action->signal = linux_signal(static_cast<int>(one.hex() & 0xff));
    }
    *everyone = true;
    if (one.skip(":") && !one.skip("-1")) {
        *thread = one.hex();
        *everyone = false;
    }
    return one.done();
}

/// ";ACTION[:THREAD]…": of those that name a thread, the first counts.
void Session::resume_all(Scanner& s) {
    std::map<u64, RunControl::Action> actions;
    std::optional<RunControl::Action> rest;
    s.expect(";");
    while (!s.failed() && !s.empty()) {
        RunControl::Action action;
        u64 thread = 0;
        bool everyone = false;
        if (!parse_action(Scanner(s.until(';')), &action, &thread, &everyone)) return reply_error(kInvalid);
        if (everyone) {
            if (!rest) rest = action;
            break;  // what follows is for nobody
        }
        if (thread == 0) thread = current_;
        if (!exists(thread)) return reply_error(kNoSuchThread);
        actions.emplace(thread, action);
    }
    if (s.failed() || (!rest && actions.empty())) return reply_error(kInvalid);
    resume(actions, rest.value_or(RunControl::Action{}));
}

void Session::resume_old(Scanner& s, char how) {
    RunControl::Action a{.go = how == 'c' || how == 'C' ? RunControl::Go::Continue : RunControl::Go::Step};
    if (how == 'C' || how == 'S') {
        a.signal = linux_signal(static_cast<int>(s.hex() & 0xff));
        if (!s.empty()) s.expect(";");
    }
    if (s.failed() || !s.empty()) return reply_error(kInvalid);  // an address to go on at: write the pc
    const u64 thread = resume_thread_ != 0 ? resume_thread_ : current_;
    const RunControl::Action rest{.go = RunControl::Go::Continue};
    resume({{thread, a}}, resume_thread_ != 0 || a.go == RunControl::Go::Step ? RunControl::Action{} : rest);
}

void Session::resume(const std::map<u64, RunControl::Action>& actions, const RunControl::Action& rest) {
    if (resumed_) return reply_error(kInvalid);
    resumed_ = expected_ = true;
    target_.set_points(points());
    target_.resume(actions, rest);
}

}  // namespace vm::debug
