#include "riscv/sbi.h"

#include <string>
#include <vector>

#include "riscv/hart_test.h"

namespace vm::riscv {
namespace {

constexpr u64 kRamBase = 0x8000'0000, kRamSize = 64 * mem::kPage;
constexpr i64 kFailed = -1, kNotSupported = -2, kInvalidParam = -3, kInvalidAddress = -5,
              kAlreadyAvailable = -6;
constexpr u64 kTime = 0x54494d45, kIpi = 0x735049, kRfence = 0x52464e43, kHsm = 0x48534d, kSrst = 0x53525354,
              kDbcn = 0x4442434e, kSusp = 0x53555350;

/// Four harts, 0, 1, 2 and 70, that note what is asked of them.
struct FakeMachine final : SbiMachine {
    std::string output, input;
    bool broken_console = false, can_reset = true;
    std::vector<u64> ids{0, 1, 2, 70}, ipis, fenced;
    std::vector<RemoteFence> fences;
    std::vector<std::string> log;
    HartStatus status = HartStatus::Started, of_70 = HartStatus::Stopped;

    u64 console_write(std::span<const u8> bytes) override {
        if (broken_console) return 0;
        output.append(bytes.begin(), bytes.end());
        return bytes.size();
    }
    u64 console_read(std::span<u8> bytes) override {
        const u64 n = std::min<u64>(bytes.size(), input.size());
        std::copy_n(input.begin(), n, bytes.begin());
        input.erase(0, n);
        return n;
    }
    std::span<const u64> harts() const override { return ids; }
    HartStatus hart_status(u64 id) const override {
        return id == 70 && status == HartStatus::Stopped ? of_70 : status;
    }
    bool start_hart(u64 id, u64 entry, u64 argument) override {
        log.push_back("start " + std::to_string(id) + " " + std::to_string(entry) + " " +
                      std::to_string(argument));
        return status == HartStatus::Stopped;
    }
    void stop_hart(u64 id) override { log.push_back("stop " + std::to_string(id)); }
    void send_ipi(u64 id) override { ipis.push_back(id); }
    void remote_fence(std::span<const u64> harts, const RemoteFence& fence) override {
        fenced.assign(harts.begin(), harts.end());
        fences.push_back(fence);
    }
    void set_timer(u64 id, u64 ticks) override {
        log.push_back("timer " + std::to_string(id) + " " + std::to_string(ticks));
    }
    bool reset(ResetType type, ResetReason reason) override {
        log.push_back("reset " + std::to_string(static_cast<u32>(type)) + " " +
                      std::to_string(static_cast<u32>(reason)));
        return can_reset;
    }
};

struct SbiTest : testing::Test {
    std::unique_ptr<mem::GuestRam> ram = std::move(*mem::GuestRam::create(kRamBase, kRamSize));
    FakeMachine machine;
    TestHart t{{.hart_id = 1, .mvendorid = 11, .marchid = 12, .mimpid = 13}};
    Sbi sbi{*ram, machine};
    SbiAction action{};
    u64 entry = 0;

    SbiTest() { t.hart.reset_for_kernel(0, 0, t.regs, t.fp); }

    /// The error; the value is value().
    i64 call(u64 extension, u64 function, std::initializer_list<u64> arguments = {}) {
        for (unsigned n = 0; n < 6; ++n) t.set_x(10 + n, 0xbad0 + n);
        unsigned n = 10;
        for (const u64 a : arguments) t.set_x(n++, a);
        t.set_x(16, function);
        t.set_x(17, extension);
        u8 before[sizeof t.regs];
        std::memcpy(before, t.regs, sizeof before);
        const SbiOutcome o = sbi.handle(t.hart, t.regs);
        action = o.action;
        entry = o.entry;
        // a0 and a1 alone are results
        for (const unsigned out : {10u, 11u}) std::memcpy(before + 8 * out, t.regs + 8 * out, 8);
        EXPECT_EQ(std::memcmp(before, t.regs, sizeof before), 0);
        return static_cast<i64>(t.x(10));
    }
    u64 value() const { return t.x(11); }
};

TEST_F(SbiTest, Base) {
    EXPECT_EQ(call(0x10, 0), 0);
    EXPECT_EQ(value(), 0x0200'0000u);
    EXPECT_EQ(call(0x10, 1), 0);
    EXPECT_EQ(value(), 0x766du);
    EXPECT_EQ(call(0x10, 2), 0);
    for (const u64 n : {4, 5, 6}) {
        EXPECT_EQ(call(0x10, n), 0);
        EXPECT_EQ(value(), n + 7);
    }
    for (const u64 n : {u64{7}, kOnes}) EXPECT_EQ(call(0x10, n), kNotSupported);
    EXPECT_EQ(action, SbiAction::Continue);
}

TEST_F(SbiTest, ProbeTellsTheTruth) {
    for (const u64 there : {u64{0}, u64{1}, u64{2}, u64{8}, u64{0x10}, kTime, kIpi, kRfence, kHsm, kSrst,
                            kDbcn, kSusp, u64{0x504d55}}) {
        EXPECT_EQ(call(0x10, 3, {there}), 0);
        EXPECT_EQ(value(), 1u) << std::hex << there;
    }
    for (const u64 absent : {u64{3}, u64{7}, u64{9}, u64{0x43505043}, kOnes, kTime | u64{1} << 32}) {
        EXPECT_EQ(call(0x10, 3, {absent}), 0);
        EXPECT_EQ(value(), 0u) << std::hex << absent;
        EXPECT_EQ(call(absent, 0), kNotSupported);
    }
}

TEST_F(SbiTest, LegacyConsoleLeavesA1Alone) {
    machine.input = "k";
    EXPECT_EQ(call(1, 0, {0xffff'ff00 | 'x', 77}), 0);
    EXPECT_EQ(machine.output, "x");
    EXPECT_EQ(value(), 77u);
    EXPECT_EQ(call(2, 5, {0, 77}), 'k');
    EXPECT_EQ(value(), 77u);
    EXPECT_EQ(call(2, 0), -1);
    machine.broken_console = true;
    EXPECT_EQ(call(1, 0, {'x'}), kFailed);
}

TEST_F(SbiTest, LegacyTimerAndShutdown) {
    EXPECT_EQ(call(0, 9, {4321}), 0);
    EXPECT_EQ(t.hart.timer_deadline(), 4321u);
    EXPECT_EQ(call(8, 0, {99, 99}), 0);
    EXPECT_EQ(machine.log, std::vector<std::string>{"reset 0 0"});
    EXPECT_EQ(action, SbiAction::Stop);
}

TEST_F(SbiTest, TimerWithStimecmp) {
    t.put(kCsrSie, ~u64{0});
    EXPECT_EQ(call(kTime, 0, {t.now}), 0);
    EXPECT_TRUE(t.hart.may_wake());
    EXPECT_EQ(call(kTime, 0, {kOnes}), 0);
    EXPECT_FALSE(t.hart.may_wake());
    EXPECT_TRUE(machine.log.empty());
    EXPECT_EQ(call(kTime, 1, {0}), kNotSupported);
    EXPECT_FALSE(t.hart.may_wake());
}

TEST_F(SbiTest, TimerWithoutStimecmp) {
    TestHart plain({.hart_id = 2, .sstc = false});
    plain.hart.reset_for_kernel(0, 0, plain.regs, plain.fp);
    plain.hart.set_line(kIrqSti, true);
    EXPECT_EQ(plain.get(kCsrSip), u64{1} << kIrqSti);
    plain.set_x(10, 99);
    plain.set_x(16, 0);
    plain.set_x(17, kTime);
    EXPECT_EQ(sbi.handle(plain.hart, plain.regs).action, SbiAction::Continue);
    EXPECT_EQ(machine.log, std::vector<std::string>{"timer 2 99"});
    EXPECT_EQ(plain.get(kCsrSip), 0u);
}

TEST_F(SbiTest, IpiMasks) {
    EXPECT_EQ(call(kIpi, 0, {0b101, 0}), 0);
    EXPECT_EQ(machine.ipis, (std::vector<u64>{0, 2}));
    machine.ipis.clear();
    EXPECT_EQ(call(kIpi, 0, {1 << 6 | 0, 64}), 0);
    EXPECT_EQ(machine.ipis, (std::vector<u64>{70}));
    machine.ipis.clear();
    EXPECT_EQ(call(kIpi, 0, {0b11, 1}), 0);
    EXPECT_EQ(machine.ipis, (std::vector<u64>{1, 2}));
    machine.ipis.clear();
    EXPECT_EQ(call(kIpi, 0, {0, kOnes}), 0);  // all
    EXPECT_EQ(machine.ipis, machine.ids);
    machine.ipis.clear();
    EXPECT_EQ(call(kIpi, 0, {0, 0}), 0);  // none
    EXPECT_EQ(call(kIpi, 0, {0b1001, 0}), kInvalidParam);
    EXPECT_EQ(call(kIpi, 0, {kOnes, 0}), kInvalidParam);
    EXPECT_EQ(call(kIpi, 0, {1, 3}), kInvalidParam);
    EXPECT_EQ(call(kIpi, 0, {0b100, kOnes - 1}), kInvalidParam);  // would wrap around to hart 0
    EXPECT_EQ(call(kIpi, 1, {1, 0}), kNotSupported);
    EXPECT_TRUE(machine.ipis.empty());
}

TEST_F(SbiTest, RemoteFences) {
    EXPECT_EQ(call(kRfence, 0, {0b10, 0}), 0);
    EXPECT_EQ(machine.fenced, std::vector<u64>{1});
    EXPECT_TRUE(machine.fences.back().code);
    EXPECT_EQ(machine.fences.back().flush, Flush::None);

    struct Case {
        u64 function, start, size;
        Flush flush;
    };
    const Case cases[] = {
        {1, 0x1000, 0x2000, Flush::Address},
        {1, 0, 0, Flush::All},
        {1, 0x1000, kOnes, Flush::All},
        {1, kOnes - 4095, 0x2000, Flush::All},
        {1, 0, 0x1000, Flush::Address},
        {2, 0x1000, 0x2000, Flush::AddressAsid},
        {2, 0, 0, Flush::Asid},
        {2, 0, kOnes, Flush::Asid},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(call(kRfence, c.function, {0, kOnes, c.start, c.size, 0x1'0033}), 0);
        EXPECT_EQ(machine.fenced, machine.ids);
        const RemoteFence& f = machine.fences.back();
        EXPECT_FALSE(f.code);
        EXPECT_EQ(f.flush, c.flush);
        EXPECT_EQ(f.asid, c.function == 2 ? 0x33 : 0);
        if (c.flush == Flush::Address || c.flush == Flush::AddressAsid) {
            EXPECT_EQ(f.start, c.start);
            EXPECT_EQ(f.size, c.size);
        }
    }
    const size_t done = machine.fences.size();
    EXPECT_EQ(call(kRfence, 1, {0b1000, 0, 0, 0}), kInvalidParam);
    for (u64 n = 3; n < 9; ++n) EXPECT_EQ(call(kRfence, n, {1, 0, 0, 0}), kNotSupported);
    EXPECT_EQ(machine.fences.size(), done);
}

TEST_F(SbiTest, HartStart) {
    machine.status = HartStatus::Stopped;
    EXPECT_EQ(call(kHsm, 0, {70, kRamBase + 2, 5}), 0);
    EXPECT_EQ(machine.log, std::vector<std::string>{"start 70 2147483650 5"});
    machine.status = HartStatus::Started;
    EXPECT_EQ(call(kHsm, 0, {2, kRamBase, 5}), kAlreadyAvailable);
    machine.log.clear();
    EXPECT_EQ(call(kHsm, 0, {3, kRamBase, 5}), kInvalidParam);
    EXPECT_EQ(call(kHsm, 0, {kOnes, kRamBase, 5}), kInvalidParam);
    for (const u64 entry :
         {u64{0}, kRamBase - 2, kRamBase + 1, kRamBase + kRamSize, kRamBase + kRamSize - 1, kOnes})
        EXPECT_EQ(call(kHsm, 0, {2, entry, 5}), kInvalidAddress);
    EXPECT_TRUE(machine.log.empty());
}

TEST_F(SbiTest, HartStopStatusSuspend) {
    EXPECT_EQ(call(kHsm, 1), 0);
    EXPECT_EQ(action, SbiAction::Stop);
    EXPECT_EQ(machine.log, std::vector<std::string>{"stop 1"});

    machine.status = HartStatus::Suspended;
    EXPECT_EQ(call(kHsm, 2, {70}), 0);
    EXPECT_EQ(value(), 4u);
    EXPECT_EQ(call(kHsm, 2, {71}), kInvalidParam);

    EXPECT_EQ(call(kHsm, 3, {0, 0, 0}), 0);
    EXPECT_EQ(action, SbiAction::Wait);
    EXPECT_EQ(call(kHsm, 3, {0x8000'0000, kRamBase + 1, 0}), kInvalidAddress);
    EXPECT_EQ(call(kHsm, 3, {0x8000'0000, 0, 0}), kInvalidAddress);
    EXPECT_EQ(action, SbiAction::Continue);
    call(kHsm, 3, {0x8000'0000, kRamBase + 4, 99});
    EXPECT_EQ(action, SbiAction::Suspend);
    EXPECT_EQ(entry, kRamBase + 4);
    EXPECT_EQ(t.x(10), 1u);
    EXPECT_EQ(t.x(11), 99u);
    for (const u64 type : {1, 0x1000'0000, 0x7fff'ffff})
        EXPECT_EQ(call(kHsm, 3, {type, 0, 0}), kInvalidParam);
    EXPECT_EQ(call(kHsm, 4), kNotSupported);
}

TEST_F(SbiTest, SystemSuspend) {
    t.put(kCsrSatp, u64{kSatpSv39} << kSatpModeShift | 5);
    t.put(kCsrSstatus, kStatusSie);
    t.put(kCsrSie, u64{1} << kIrqSei);
    EXPECT_EQ(call(kSusp, 0, {0, kRamBase + 8, 77}), -4);  // others run
    machine.status = HartStatus::Stopped;
    machine.of_70 = HartStatus::Suspended;
    EXPECT_EQ(call(kSusp, 0, {0, kRamBase + 8, 77}), -4);
    machine.of_70 = HartStatus::Stopped;
    EXPECT_EQ(call(kSusp, 0, {1, kRamBase + 8, 77}), kInvalidParam);
    EXPECT_EQ(call(kSusp, 0, {0x8000'0000, kRamBase + 8, 77}), kInvalidParam);
    for (const u64 address : {u64{0}, kRamBase + 1, kRamBase + kRamSize, kOnes})
        EXPECT_EQ(call(kSusp, 0, {0, address, 77}), kInvalidAddress);
    EXPECT_EQ(call(kSusp, 1, {0, kRamBase + 8, 77}), kNotSupported);
    EXPECT_EQ(action, SbiAction::Continue);
    EXPECT_EQ(satp_mode(t.get(kCsrSatp)), kSatpSv39);

    call(kSusp, 0, {u64{1} << 32, kRamBase + 8, 77});  // the type has 32 bits
    EXPECT_EQ(action, SbiAction::Suspend);
    EXPECT_EQ(entry, kRamBase + 8);
    EXPECT_EQ(t.x(10), 1u);
    EXPECT_EQ(t.x(11), 77u);
    EXPECT_EQ(t.get(kCsrSatp), 0u);
    EXPECT_EQ(t.get(kCsrSstatus) & kStatusSie, 0u);
    EXPECT_FALSE(t.hart.may_wake());
    t.hart.set_line(kIrqSei, true);
    EXPECT_TRUE(t.hart.may_wake());
}

TEST_F(SbiTest, CountsWhatItDoes) {
    constexpr u64 pmu = 0x504d55, firmware = 0xf0000, clear_and_start = 6;
    constexpr u64 all = (u64{1} << SbiPmu::kCounters) - 1 - 2;
    std::vector<u64> counters;
    for (u64 event = 5; event < 14; ++event) {
        EXPECT_EQ(call(pmu, 2, {0, all, clear_and_start, firmware + event}), 0);
        counters.push_back(value());
    }
    call(kTime, 0, {5});
    call(kIpi, 0, {0b111, 0});  // to two others and itself
    call(kIpi, 0, {0b11, 0});
    call(kRfence, 0, {0, kOnes});
    call(kRfence, 1, {1, 0, 0, 0});
    call(kRfence, 2, {1, 1, 0, 0});  // itself only
    const u64 expected[] = {1, 3, 0, 3, 0, 1, 0, 0, 0};
    for (size_t n = 0; n < counters.size(); ++n) {
        EXPECT_EQ(call(pmu, 5, {counters[n]}), 0);
        EXPECT_EQ(value(), expected[n]) << n + 5;
    }
    // what hart 2 received
    TestHart other({.hart_id = 2});
    other.hart.reset_for_kernel(0, 0, other.regs, other.fp);
    const auto call_of_other = [&](std::initializer_list<u64> registers) {
        unsigned n = 10;
        for (const u64 v : registers) other.set_x(n++, v);
        sbi.handle(other.hart, other.regs);
        return other.x(11);
    };
    const u64 ipis = call_of_other({0, all, clear_and_start, firmware + 7, 0, 0, 2, pmu});
    call(kIpi, 0, {0b100, 0});
    EXPECT_EQ(call_of_other({ipis, 0, 0, 0, 0, 0, 5, pmu}), 1u);
    call(kHsm, 1);
    EXPECT_EQ(call(pmu, 3, {counters[0], 1, 0}), kInvalidParam);  // forgotten by who stops
}

TEST_F(SbiTest, SystemReset) {
    for (u64 type = 0; type < 3; ++type)
        for (u64 reason = 0; reason < 2; ++reason) {
            EXPECT_EQ(call(kSrst, 0, {type, reason}), 0);
            EXPECT_EQ(action, SbiAction::Stop);
            EXPECT_EQ(machine.log.back(), "reset " + std::to_string(type) + " " + std::to_string(reason));
        }
    const size_t done = machine.log.size();
    EXPECT_EQ(call(kSrst, 0, {3, 0}), kInvalidParam);
    EXPECT_EQ(call(kSrst, 0, {0xf000'0000, 0}), kInvalidParam);
    EXPECT_EQ(call(kSrst, 0, {0, 2}), kInvalidParam);
    EXPECT_EQ(call(kSrst, 1, {0, 0}), kNotSupported);
    EXPECT_EQ(action, SbiAction::Continue);
    EXPECT_EQ(machine.log.size(), done);
    machine.can_reset = false;
    EXPECT_EQ(call(kSrst, 0, {1, 0}), kNotSupported);
    EXPECT_EQ(action, SbiAction::Continue);
}

TEST_F(SbiTest, DebugConsoleWrites) {
    const std::string text = "Hello from the kernel";
    ram->write(kRamBase + 100, text.data(), text.size());
    EXPECT_EQ(call(kDbcn, 0, {text.size(), kRamBase + 100, 0}), 0);
    EXPECT_EQ(value(), text.size());
    EXPECT_EQ(machine.output, text);
    EXPECT_EQ(call(kDbcn, 2, {0xff00 | '!'}), 0);
    EXPECT_EQ(value(), 0u);
    EXPECT_EQ(machine.output, text + "!");
    // at most so much at once
    EXPECT_EQ(call(kDbcn, 0, {kRamSize, kRamBase, 0}), 0);
    EXPECT_EQ(value(), u64{64} << 10);
    machine.output.clear();
    EXPECT_EQ(call(kDbcn, 0, {0, kRamBase, 0}), 0);
    EXPECT_EQ(value(), 0u);
    machine.broken_console = true;
    EXPECT_EQ(call(kDbcn, 0, {4, kRamBase, 0}), kFailed);
    EXPECT_EQ(call(kDbcn, 2, {'x'}), kFailed);
    EXPECT_EQ(call(kDbcn, 3), kNotSupported);
}

TEST_F(SbiTest, DebugConsoleReads) {
    machine.input = "typed";
    EXPECT_EQ(call(kDbcn, 1, {3, kRamBase + 8, 0}), 0);
    EXPECT_EQ(value(), 3u);
    EXPECT_EQ(std::memcmp(ram->at(kRamBase + 8, 4), "typ\0", 4), 0);
    EXPECT_EQ(call(kDbcn, 1, {100, kRamBase, 0}), 0);
    EXPECT_EQ(value(), 2u);
    EXPECT_EQ(call(kDbcn, 1, {100, kRamBase, 0}), 0);
    EXPECT_EQ(value(), 0u);
}

TEST_F(SbiTest, DebugConsoleChecksAddresses) {
    machine.input = "typed";
    const struct {
        u64 bytes, low, high;
    } bad[] = {{1, kRamBase - 1, 0},
               {2, kRamBase + kRamSize - 1, 0},
               {1, kRamBase + kRamSize, 0},
               {kOnes, kRamBase, 0},
               {kOnes, kRamBase + 1, 0},
               {kRamSize + 1, kRamBase, 0},
               {1, kRamBase, 1},
               {1, kOnes, kOnes},
               {1, 0, 0}};
    for (const auto& b : bad)
        for (const u64 function : {0, 1})
            EXPECT_EQ(call(kDbcn, function, {b.bytes, b.low, b.high}), kInvalidParam) << std::hex << b.low;
    EXPECT_TRUE(machine.output.empty());
    EXPECT_EQ(machine.input, "typed");
}

TEST_F(SbiTest, RandomCallsOnlyDoWhatTheySay) {
    u64 seed = 5;
    const auto random = [&] {
        return seed = seed * 6364136223846793005 + 1442695040888963407, seed >> 16 ^ seed >> 40;
    };
    const u64 extensions[] = {0, 1, 2, 3, 8, 0x10, kTime, kIpi, kRfence, kHsm, kSrst, kDbcn, u64{0x504d55}};
    for (unsigned i = 0; i < 20000; ++i) {
        u64 a[5];
        for (u64& v : a) {
            const u64 r = random();
            v = r % 4 == 0   ? r >> 60
                : r % 4 == 1 ? kRamBase + (r >> 8) % (2 * kRamSize)
                : r % 4 == 2 ? kOnes - (r >> 62)
                             : r;
        }
        call(extensions[random() % std::size(extensions)], random() % 8, {a[0], a[1], a[2], a[3], a[4]});
        machine.output.clear();
    }
}

}  // namespace
}  // namespace vm::riscv
