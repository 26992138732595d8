#include "debug/session.h"

#include <gtest/gtest.h>

#include "debug/fake_target_test.h"

namespace vm::debug {
namespace {

using Go = RunControl::Go;
using Why = RunControl::Why;

class SessionTest : public testing::Test {
  protected:
    SessionTest() : session(target, [this](std::string_view bytes) { sent += bytes; }) {
        ask("QStartNoAckMode");
    }
    /// The payload of the answer; "none" if there was none.
    std::string ask(std::string_view payload) {
        sent.clear();
        session.receive(frame(payload));
        return answer();
    }
    std::string answer() {
        PacketReader reader;
        reader.feed(sent);
        std::string last = "none";
        while (const auto item = reader.next())
            if (item->kind == PacketReader::Item::Kind::Packet) last = item->payload;
        return last;
    }
    std::string stops(RunControl::Stop stop, u64 thread = 1) {
        sent.clear();
        target.pending = RunControl::Event{thread, stop};
        session.poll();
        return answer();
    }
    test::FakeTarget target;
    std::string sent;
    Session session;
};

TEST_F(SessionTest, Attaches) {
    EXPECT_TRUE(target.attached);
    EXPECT_EQ(ask("?"), "T0502:0000000000000000;thread:1;");
    EXPECT_EQ(ask("vMustReplyEmpty"), "");
    const std::string features = ask("qSupported:swbreak+;hwbreak+;xmlRegisters=i386");
    EXPECT_NE(features.find("PacketSize=8000"), std::string::npos);
    EXPECT_NE(features.find("qXfer:auxv:read+"), std::string::npos);
    EXPECT_EQ(features.find("exec-file"), std::string::npos);
    EXPECT_EQ(ask("qAttached"), "0");
    EXPECT_EQ(ask("qC"), "QC1");
}

TEST_F(SessionTest, Threads) {
    EXPECT_EQ(ask("qfThreadInfo"), "m1,2a");
    EXPECT_EQ(ask("qsThreadInfo"), "l");
    EXPECT_EQ(ask("qThreadExtraInfo,2a"), to_hex("two"));
    EXPECT_EQ(ask("qThreadExtraInfo,3"), "E03");
    EXPECT_EQ(ask("T2a"), "OK");
    EXPECT_EQ(ask("T2b"), "E03");
    EXPECT_EQ(ask("Hg2a"), "OK");
    EXPECT_EQ(ask("Hg7"), "E03");
    EXPECT_EQ(ask("P0=0100000000000000"), "OK");
    EXPECT_EQ(target.values[1][0][0], 1);
    EXPECT_EQ(ask("Hg1"), "OK");
    EXPECT_EQ(ask("p0"), "0000000000000000");
}

TEST_F(SessionTest, Registers) {
    const std::string all =
        "0100000000000000"
        "0200000000000000"
        "0300000000000000";
    EXPECT_EQ(ask("G" + all), "OK");
    EXPECT_EQ(ask("g"), all);
    EXPECT_EQ(ask("G" + all + "00"), "E16");
    EXPECT_EQ(ask("P3=" + std::string(32, '7')), "OK");
    EXPECT_EQ(ask("p3"), std::string(32, '7'));
    EXPECT_EQ(ask("p4"), "E16");
    EXPECT_EQ(ask("P3=00"), "E16");
    EXPECT_EQ(ask("p"), "E16");
}

TEST_F(SessionTest, Memory) {
    EXPECT_EQ(ask("M1000,4:01020304"), "OK");
    EXPECT_EQ(ask("m1000,5"), "0102030400");
    EXPECT_EQ(ask("x1001,2"), "b\x02\x03");
    EXPECT_EQ(ask(std::string_view("X1002,3:}#$", 11)), "OK");
    EXPECT_EQ(ask("m1002,3"), "7d2324");
    EXPECT_EQ(ask("X1000,0:"), "OK");
    EXPECT_EQ(ask("m10fe,10"), "0000");  // what there is
    EXPECT_EQ(ask("m1100,1"), "E0e");
    EXPECT_EQ(ask("M10ff,2:0000"), "E0e");
    EXPECT_EQ(ask("M1000,2:00"), "E16");
    EXPECT_EQ(ask("m1000"), "E16");
    EXPECT_EQ(ask("mffffffffffffffff,ffffffffffffffff"), "E0e");
    EXPECT_EQ(ask("qCRC:1000,0"), "Cffffffff");
}

TEST_F(SessionTest, PointsAreThereWhenTheGuestRuns) {
    ask("qSupported:swbreak+;hwbreak+");
    EXPECT_EQ(ask("Z0,1234,2"), "OK");
    EXPECT_EQ(ask("Z0,1234,2"), "OK");  // again is the same
    EXPECT_EQ(ask("Z1,5678,4"), "OK");
    EXPECT_EQ(ask("Z2,2000,8"), "OK");
    EXPECT_EQ(ask("Z3,3000,1"), "OK");
    EXPECT_EQ(ask("Z4,4000,1"), "OK");
    EXPECT_EQ(ask("Z5,4000,1"), "");
    EXPECT_EQ(ask("Z2,ffffffffffffffff,8"), "E16");
    EXPECT_EQ(ask("Z2,2000,0"), "E16");
    EXPECT_TRUE(target.points.breaks.empty());
    EXPECT_EQ(ask("vCont;c"), "none");
    EXPECT_EQ(target.points.breaks, (std::vector<u64>{0x1234, 0x5678}));
    ASSERT_EQ(target.points.watches.size(), 3u);
    EXPECT_EQ(target.points.watches[0], (engine::Watch{0x2000, 0x2008, false, true}));
    EXPECT_EQ(target.points.watches[1], (engine::Watch{0x3000, 0x3001, true, false}));
    EXPECT_EQ(target.points.watches[2], (engine::Watch{0x4000, 0x4001, true, true}));
    EXPECT_EQ(stops({.why = Why::Break, .address = 0x1234}), "T0502:0000000000000000;thread:1;swbreak:;");
    ask("vCont;c");
    EXPECT_EQ(stops({.why = Why::Break, .address = 0x5678}, 0x2a),
              "T0502:0000000000000000;thread:2a;hwbreak:;");
    ask("vCont;c");
    EXPECT_EQ(stops({.why = Why::Watch, .address = 0x2004, .write = true}),
              "T0502:0000000000000000;thread:1;watch:2004;");
    ask("vCont;c");
    EXPECT_EQ(stops({.why = Why::Watch, .address = 0x3000}), "T0502:0000000000000000;thread:1;rwatch:3000;");
    ask("vCont;c");
    EXPECT_EQ(stops({.why = Why::Watch, .address = 0x4000, .write = true}),
              "T0502:0000000000000000;thread:1;awatch:4000;");
    EXPECT_EQ(ask("z0,1234,2"), "OK");
    ask("vCont;c");
    EXPECT_EQ(target.points.breaks, (std::vector<u64>{0x5678}));
}

TEST_F(SessionTest, WithoutSwbreakItIsNotSaid) {
    ask("Z0,1234,2");
    ask("vCont;c");
    EXPECT_EQ(stops({.why = Why::Break, .address = 0x1234}), "T0502:0000000000000000;thread:1;");
}

TEST_F(SessionTest, Resumes) {
    EXPECT_EQ(ask("vCont?"), "vCont;c;C;s;S;r");
    EXPECT_EQ(ask("vCont;s:2a;c"), "none");
    EXPECT_EQ(target.actions.at(0x2a).go, Go::Step);
    EXPECT_EQ(target.rest.go, Go::Continue);
    EXPECT_EQ(ask("vCont;c"), "E16");  // it runs
    EXPECT_EQ(stops({.why = Why::Step}, 0x2a), "T0502:0000000000000000;thread:2a;");
    EXPECT_EQ(ask("vCont;r10,20:1"), "none");
    EXPECT_EQ(target.actions.at(1).go, Go::Step);
    EXPECT_EQ(target.actions.at(1).begin, 0x10u);
    EXPECT_EQ(target.actions.at(1).end, 0x20u);
    EXPECT_EQ(target.rest.go, Go::Stop);
    stops({});
    EXPECT_EQ(ask("vCont;C1e:1;c:-1"), "none");
    EXPECT_EQ(target.actions.at(1).signal, 10);  // SIGUSR1
    EXPECT_EQ(stops({.why = Why::Signal, .signal = 11}), "T0b02:0000000000000000;thread:1;");
    EXPECT_EQ(ask("Hc2a"), "OK");
    EXPECT_EQ(ask("s"), "none");
    EXPECT_EQ(target.actions.at(0x2a).go, Go::Step);
    EXPECT_EQ(target.rest.go, Go::Stop);
    stops({});
    for (const char* wrong : {"vCont", "vCont;", "vCont;q", "vCont;c:99", "vCont;r10:1", "vCont;s:", "c1234"})
        EXPECT_EQ(ask(wrong)[0], 'E') << wrong;
}

TEST_F(SessionTest, Interrupts) {
    ask("vCont;c");
    sent.clear();
    session.receive("\x03");
    EXPECT_EQ(target.stops, 1);
    EXPECT_EQ(answer(), "T0202:0000000000000000;thread:1;");
    ask("vCont;c");
    session.receive(frame("vCtrlC"));
    EXPECT_EQ(target.stops, 2);
}

TEST_F(SessionTest, Ends) {
    ask("vCont;c");
    sent.clear();
    target.ended = RunControl::Ended{.by_signal = false, .code = 42};
    session.poll();
    EXPECT_EQ(answer(), "W2a");
    EXPECT_TRUE(session.over());
    EXPECT_FALSE(target.ended);
}

TEST_F(SessionTest, EndsBySignal) {
    ask("vCont;c");
    sent.clear();
    target.ended = RunControl::Ended{.by_signal = true, .code = 7};
    session.poll();
    EXPECT_EQ(answer(), "X0a");
}

TEST_F(SessionTest, DetachesAndKills) {
    EXPECT_EQ(ask("D"), "OK");
    EXPECT_TRUE(session.over());
    EXPECT_FALSE(target.attached);
    EXPECT_FALSE(target.killed);
    Session other(target, [this](std::string_view bytes) { sent += bytes; });
    sent.clear();
    other.receive(frame("vKill;1"));
    EXPECT_EQ(answer(), "OK");
    EXPECT_TRUE(target.killed);
}

TEST_F(SessionTest, Objects) {
    const std::string xml = ask("qXfer:features:read:target.xml:0,fff");
    EXPECT_EQ(xml[0], 'l');
    EXPECT_NE(xml.find("<architecture>fake</architecture>"), std::string::npos);
    EXPECT_NE(xml.find("<reg name=\"v\" bitsize=\"128\" type=\"uint128\" regnum=\"3\"/>"), std::string::npos);
    EXPECT_EQ(ask("qXfer:features:read:target.xml:0,10"), "m" + xml.substr(1, 16));
    EXPECT_EQ(ask("qXfer:features:read:other.xml:0,10"), "E00");
    EXPECT_EQ(ask("qXfer:auxv:read::0,100"), "la}#$*b");
    EXPECT_EQ(ask("qXfer:auxv:read::4,100"), "l*b");
    EXPECT_EQ(ask("qXfer:auxv:read::7,1"), "E16");
    EXPECT_EQ(ask("qXfer:auxv:read::0"), "E16");
    EXPECT_EQ(ask("qXfer:exec-file:read::0,10"), "");
}

TEST_F(SessionTest, Monitor) {
    sent.clear();
    EXPECT_EQ(ask("qRcmd," + to_hex("echo hello")), "OK");
    EXPECT_NE(sent.find("O" + to_hex("hello\n")), std::string::npos);
    ask("qRcmd," + to_hex("help"));
    EXPECT_NE(sent.find(to_hex("echo WORD: says it\n")), std::string::npos);
    ask("qRcmd," + to_hex("shout"));
    EXPECT_NE(sent.find(to_hex("no command 'shout'")), std::string::npos);
    EXPECT_EQ(ask("qRcmd,zz"), "E16");
}

TEST_F(SessionTest, Signals) {
    EXPECT_EQ(ask("QPassSignals:e;1e"), "OK");
    EXPECT_EQ(target.passed, u64{1} << 13 | u64{1} << 9);
    EXPECT_EQ(ask("QPassSignals:"), "OK");
    EXPECT_EQ(target.passed, 0u);
    EXPECT_EQ(ask("QPassSignals:q"), "E16");
}

TEST(Session, AcksUntilItIsAskedNotTo) {
    test::FakeTarget target;
    std::string sent;
    Session session(target, [&](std::string_view bytes) { sent += bytes; });
    session.receive(frame("qC"));
    EXPECT_EQ(sent, "+" + frame("QC1"));
    sent.clear();
    session.receive("-");
    EXPECT_EQ(sent, frame("QC1"));
    sent.clear();
    session.receive("$qC#00");
    EXPECT_EQ(sent, "-");
}

}  // namespace
}  // namespace vm::debug
