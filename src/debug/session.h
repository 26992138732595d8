// One debugger's conversation: packets in, packets out. Knows the protocol and no sockets.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "debug/packet.h"
#include "debug/target.h"

namespace vm::debug {

class Session {
  public:
    /// Attaches to the target: it is to stop. `send`: bytes for the debugger.
    Session(Target& target, std::function<void(std::string_view)> send);
    /// Detaches, if that is not done.
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// Any bytes.
    void receive(std::string_view bytes);
    /// The target may have something to tell.
    void poll();
    /// The debugger has detached or killed the guest, or was told of its end: the connection can go.
    bool over() const { return over_; }

  private:
    /// A breakpoint or watchpoint as packet Z names it.
    struct Point {
        u64 type = 0, address = 0, kind = 0;
        bool operator==(const Point&) const = default;
    };

    void reply(std::string_view payload);
    void reply_error(int number);
    void reply_object(std::string_view object, Scanner& range);
    void packet(const std::string& payload);
    void dispatch(const std::string& payload);
    bool general(Scanner s, const std::string& payload);
    bool memory(Scanner s, const std::string& payload);
    bool registers(Scanner s, const std::string& payload);
    bool running(Scanner s);
    bool query(Scanner s);
    bool transfer(Scanner& s);
    bool setting(Scanner s);
    void supported(Scanner& s);
    void monitor(std::string_view hex);
    void crc(Scanner& s);
    void select(Scanner& s);
    void point(Scanner& s, bool insert);
    void resume_all(Scanner& s);
    void resume_old(Scanner& s, char how);
    void resume(const std::map<u64, RunControl::Action>& actions, const RunControl::Action& rest);
    void thread_list();
    void stopped(const RunControl::Event& event);
    std::string stop_reply(const RunControl::Event& event);
    std::string reason(const RunControl::Stop& stop);
    engine::Points points() const;
    /// The thread that registers and memory are of. 0 or -1 in `H`: any.
    u64 thread() const { return general_thread_ != 0 ? general_thread_ : current_; }
    bool exists(u64 thread) const;

    Target& target_;
    std::function<void(std::string_view)> send_;
    PacketReader reader_;
    bool acks_ = true, over_ = false, attached_ = true;
    bool resumed_ = true;            ///< the guest runs, or is to stop and has not yet
    bool expected_ = false;          ///< the debugger waits for the next stop
    std::deque<std::string> early_;  ///< packets that came before the guest had stopped at first
    bool starting_ = true;
    std::string last_sent_, last_stop_ = "S05";
    u64 general_thread_ = 0, resume_thread_ = 0, current_ = 0;
    bool swbreak_ = false, hwbreak_ = false;
    std::vector<Point> points_;
    std::string xml_;
};

}  // namespace vm::debug
