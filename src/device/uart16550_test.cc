#include "device/uart16550.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "device/fakes_test.h"

namespace vm::device {
namespace {

std::span<const u8> uart_bytes(std::string_view s) {
    return {reinterpret_cast<const u8*>(s.data()), s.size()};
}

/// Registers by the names of Linux's serial_reg.h.
class Uart16550Test : public ::testing::Test {
  protected:
    enum : u64 { RX = 0, TX = 0, IER = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };
    FakeLine line;
    std::string sent;
    Uart16550 uart{line, [this](std::span<const u8> b) { sent.append(b.begin(), b.end()); }};
    OneDevice bus{uart, 0x100};
    u64 in(u64 reg) { return bus.read(reg, 1); }
    void out(u64 reg, u64 value) { bus.write(reg, 1, value); }
    size_t type(std::string_view s) { return uart.receive(uart_bytes(s)); }
    std::string read_all() {
        std::string s;
        while (in(LSR)&1) s += static_cast<char>(in(RX));
        return s;
    }
};

TEST_F(Uart16550Test, AfterReset) {
    EXPECT_EQ(in(IER), 0u);
    EXPECT_EQ(in(IIR), 0x01u);
    EXPECT_EQ(in(LCR), 0u);
    EXPECT_EQ(in(MCR), 0u);
    EXPECT_EQ(in(LSR), 0x60u);
    EXPECT_EQ(in(MSR), 0xb0u);
    EXPECT_EQ(in(RX), 0u);
    EXPECT_FALSE(line.high);
}

TEST_F(Uart16550Test, SendsBytes) {
    for (const char c : std::string_view("hello\n")) out(TX, static_cast<u8>(c));
    bus.write(TX, 4, 0xffffff00u | 'x');
    EXPECT_EQ(sent, "hello\nx");
    EXPECT_EQ(uart.counters().sent, 7u);
    EXPECT_EQ(in(LSR), 0x60u);
    EXPECT_FALSE(line.high);
}

TEST_F(Uart16550Test, TheDivisorHidesBehindDlab) {
    out(LCR, 0x83);
    out(0, 0x34);
    out(1, 0x12);
    EXPECT_EQ(in(0), 0x34u);
    EXPECT_EQ(in(1), 0x12u);
    out(LCR, 0x03);
    EXPECT_EQ(in(LCR), 0x03u);
    EXPECT_EQ(in(IER), 0u);
    EXPECT_EQ(sent, "");
    out(LCR, 0x83);
    EXPECT_EQ(in(0), 0x34u);
    out(SCR, 0x5a);
    uart.reset();
    EXPECT_EQ(in(SCR), 0x5au);
    EXPECT_EQ(in(LCR), 0u);
}

TEST_F(Uart16550Test, RegistersKeepTheirBitsOnly) {
    out(IER, 0xff);
    EXPECT_EQ(in(IER), 0x0fu) << "bit 6 would be an XScale's UUE";
    out(MCR, 0xff);
    EXPECT_EQ(in(MCR), 0x1fu);
    out(FCR, 0x00);
    EXPECT_EQ(in(IIR) >> 6, 0u);
    out(FCR, 0x01);
    EXPECT_EQ(in(IIR) >> 6, 3u) << "a 16550A";
    out(LSR, 0);
    EXPECT_EQ(in(LSR), 0x60u);
    EXPECT_EQ(bus.read(8, 8), 0u);
    out(0xff, 7);
    EXPECT_EQ(sent, "");
}

TEST_F(Uart16550Test, TransmitterInterruptsWhenEnabledAndAfterEachByte) {
    out(FCR, 0x01);
    out(IER, 0x02);
    EXPECT_TRUE(line.high);
    EXPECT_EQ(in(IIR), 0xc2u);
    EXPECT_FALSE(line.high) << "told once";
    EXPECT_EQ(in(IIR), 0xc1u);
    out(TX, 'a');
    EXPECT_TRUE(line.high);
    EXPECT_EQ(in(IIR), 0xc2u);
    out(IER, 0x02);
    EXPECT_FALSE(line.high) << "no change";
    out(IER, 0x00);
    out(IER, 0x02);
    EXPECT_EQ(in(IIR), 0xc2u) << "serial8250_do_startup would set UART_BUG_THRE";
}

TEST_F(Uart16550Test, ReceivesWithInterrupts) {
    out(FCR, 0x81);  // trigger at 8
    EXPECT_EQ(type("abc"), 3u);
    EXPECT_FALSE(line.high) << "not enabled";
    out(IER, 0x01);
    EXPECT_TRUE(line.high);
    EXPECT_EQ(in(IIR), 0xccu) << "below the trigger: timed out";
    type("defgh");
    EXPECT_EQ(in(IIR), 0xc4u);
    EXPECT_EQ(in(LSR), 0x61u);
    EXPECT_EQ(in(RX), u64{'a'});
    EXPECT_EQ(in(IIR), 0xccu);
    EXPECT_TRUE(line.high);
    EXPECT_EQ(read_all(), "bcdefgh");
    EXPECT_FALSE(line.high);
    EXPECT_EQ(in(IIR), 0xc1u);
    EXPECT_EQ(uart.counters().received, 8u);
    EXPECT_EQ(uart.counters().interrupts, 1u);
}

TEST_F(Uart16550Test, ReceivedDataComeBeforeTheTransmitter) {
    out(IER, 0x03);
    type("z");
    EXPECT_EQ(in(IIR), 0x04u);
    EXPECT_EQ(in(IIR), 0x04u);
    EXPECT_EQ(in(RX), u64{'z'});
    EXPECT_EQ(in(IIR), 0x02u) << "still pending";
    EXPECT_FALSE(line.high);
}

TEST_F(Uart16550Test, ClearingTheFifoLosesAtMostItsBytes) {
    out(FCR, 0x01);
    type("0123456789abcdefXYZ");
    out(FCR, 0x03);
    EXPECT_EQ(read_all(), "XYZ");
    type("lost");
    out(FCR, 0x00);
    EXPECT_EQ(in(LSR), 0x60u);
    type("mn");
    out(FCR, 0x02);
    EXPECT_EQ(read_all(), "n") << "without FIFOs one byte is held";
}

TEST_F(Uart16550Test, BackPressure) {
    std::atomic<int> room = 0;
    uart.set_on_room([&] { room++; });
    const std::string much(5000, 'm');
    const size_t taken = type(much);
    EXPECT_GT(taken, 4000u);
    EXPECT_LT(taken, 5000u);
    EXPECT_EQ(type("n"), 0u);
    EXPECT_EQ(room, 0);
    size_t got = 0;
    while (room == 0 && in(LSR)&1) {
        EXPECT_EQ(in(RX), u64{'m'});
        got++;
    }
    EXPECT_EQ(room, 1);
    EXPECT_GT(got, 2000u);
    EXPECT_EQ(type("end"), 3u);
    const std::string rest = read_all();
    EXPECT_EQ(rest.size() + got, taken + 3);
    EXPECT_TRUE(rest.ends_with("mend"));
    EXPECT_EQ(room, 1);
}

TEST_F(Uart16550Test, RoomIsToldOutsideTheLock) {
    std::string_view left = "and more";
    uart.set_on_room([&] { left.remove_prefix(uart.receive(uart_bytes(left))); });
    type(std::string(5000, 'm'));
    EXPECT_TRUE(read_all().ends_with("mand more"));
}

TEST_F(Uart16550Test, FirmwareTakesWhatNobodyRead) {
    out(FCR, 1);
    out(IER, 1);
    bool room = false;
    uart.set_on_room([&] { room = true; });
    const std::string long_text(5000, 'x');
    const size_t taken = type("ab" + long_text);
    ASSERT_LT(taken, 5002u);
    u8 buffer[3000];
    EXPECT_EQ(in(RX), 'a');
    EXPECT_EQ(uart.take({buffer, 1}), 1u);
    EXPECT_EQ(buffer[0], 'b');
    EXPECT_TRUE(line.high);
    EXPECT_FALSE(room);
    EXPECT_EQ(uart.take(buffer), sizeof buffer);
    EXPECT_TRUE(room);
    EXPECT_EQ(in(RX), 'x');
    EXPECT_EQ(uart.take(buffer), taken - 3 - sizeof buffer);
    EXPECT_FALSE(line.high);
    EXPECT_EQ(uart.take(buffer), 0u);
    EXPECT_EQ(uart.take({}), 0u);
}

TEST_F(Uart16550Test, TheSinkMayAnswer) {
    Uart16550* answering = nullptr;
    Uart16550 echo{line, [&](std::span<const u8> b) { answering->receive(b); }};
    answering = &echo;
    echo.write(TX, 1, 'e');
    EXPECT_EQ(echo.read(RX, 1), u64{'e'});
}

TEST_F(Uart16550Test, LoopsBack) {
    out(FCR, 0x01);
    out(MCR, 0x1a);  // loop, OUT 2, RTS: Linux's test of whether there is a port
    EXPECT_EQ(in(MSR)&0xf0, 0x90u);
    EXPECT_EQ(type("later"), 5u);
    EXPECT_EQ(in(LSR)&1, 0u) << "the line is cut off";
    for (char c = 'a'; c < 'a' + 17; c++) out(TX, static_cast<u8>(c));
    EXPECT_EQ(sent, "");
    out(IER, 0x04);
    EXPECT_EQ(in(IIR), 0xc6u);
    EXPECT_EQ(in(LSR), 0x63u) << "overrun";
    EXPECT_EQ(in(LSR), 0x61u) << "read once";
    EXPECT_FALSE(line.high);
    EXPECT_EQ(read_all(), "abcdefghijklmnop");
    out(MCR, 0x0b);
    EXPECT_EQ(read_all(), "later");
    EXPECT_EQ(in(MSR)&0xf0, 0xb0u);
}

TEST_F(Uart16550Test, ModemStatusChanges) {
    out(MCR, 0x1f);
    EXPECT_EQ(in(MSR), 0xf0u) << "a ring that begins does not count";
    out(IER, 0x08);
    EXPECT_EQ(in(IIR), 0x01u);
    out(MCR, 0x10);
    EXPECT_TRUE(line.high);
    EXPECT_EQ(in(IIR), 0x00u);
    EXPECT_EQ(in(MSR), 0x0fu);
    EXPECT_EQ(in(MSR), 0x00u);
    EXPECT_EQ(in(IIR), 0x01u);
    EXPECT_FALSE(line.high);
}

TEST_F(Uart16550Test, AnyAccess) { bus.touch_everything(0, 0x100); }

TEST_F(Uart16550Test, TwoThreadsTypeAndReadAtOnce) {
    out(FCR, 0x01);
    out(IER, 0x01);
    constexpr unsigned kBytes = 50'000;
    std::thread typist([&] {
        for (unsigned i = 0; i < kBytes;) {
            const u8 b = static_cast<u8>(i);
            i += static_cast<unsigned>(uart.receive({&b, 1}));
        }
    });
    unsigned next = 0;
    while (next < kBytes) {
        if (!(in(LSR)&1)) {
            std::this_thread::yield();
            continue;
        }
        ASSERT_EQ(in(RX), next & 0xff);
        next++;
    }
    typist.join();
    EXPECT_FALSE(line.high);
}

TEST(Uart16550Sink, BytesOfOneHartStayInOrder) {
    FakeLine line;
    std::vector<u8> sent;
    Uart16550 uart(line, [&](std::span<const u8> b) { sent.insert(sent.end(), b.begin(), b.end()); });
    std::vector<std::thread> harts;
    for (u8 hart = 0; hart < 2; hart++)
        harts.emplace_back([&, hart] {
            for (u8 i = 0; i < 100; i++) uart.write(0, 1, static_cast<u8>(hart << 7 | i));
        });
    for (auto& t : harts) t.join();
    ASSERT_EQ(sent.size(), 200u);
    u8 next[2] = {};
    for (const u8 b : sent) EXPECT_EQ(b & 0x7f, next[b >> 7]++);
}

}  // namespace
}  // namespace vm::device
