// libFuzzer: any accesses to the registers of the board's devices that have no queues (UART, RTC, PLIC,
// ACLINT, test finisher, HTIF), while time passes, sources change and bytes arrive.
#include <algorithm>
#include <cstdlib>

#include "device/aclint.h"
#include "device/goldfish_rtc.h"
#include "device/htif.h"
#include "device/plic.h"
#include "device/syscon.h"
#include "device/uart16550.h"

namespace {

using namespace vm;
using namespace vm::device;

constexpr u64 kRam = 0x1000, kRamBytes = 0x2000, kToHost = kRam + 0x800, kFromHost = kToHost + 8;
constexpr u64 kWindow = 0x1'0000'0000;  // a device each
constexpr unsigned kHarts = 3;

struct Line final : IrqLine {
    bool high = false;
    void set(bool level) override { high = level; }
};

class Alarms final : public osal::Timers {
  public:
    u64 now_ns() const override { return now_; }
    std::unique_ptr<osal::Timer> timer(std::function<void()> callback) override {
        auto t = std::make_unique<One>(*this, std::move(callback));
        all_.push_back(t.get());
        return t;
    }
    /// Moves the clock, and calls what is due; each alarm once, whatever it sets.
    void advance(u64 ns) {
        now_ += std::min(ns, ~u64{0} - 1 - now_);
        for (One* t : all_)
            if (std::exchange(t->due, t->deadline > now_ ? t->deadline : ~u64{0}) <= now_) t->callback();
    }

  private:
    struct One final : osal::Timer {
        One(Alarms& a, std::function<void()> f) : owner(a), callback(std::move(f)) {}
        ~One() override { std::erase(owner.all_, this); }
        void arm(u64 deadline_ns) override { deadline = due = deadline_ns; }
        void disarm() override { deadline = due = ~u64{0}; }
        Alarms& owner;
        std::function<void()> callback;
        u64 deadline = ~u64{0}, due = ~u64{0};
    };
    u64 now_ = 1'000'000'000;
    std::vector<One*> all_;
};

class Board {
  public:
    Board() {
        add(uart_, 0x100, "uart");
        add(rtc_, GoldfishRtc::kSize, "rtc");
        add(plic_, plic_.size(), "plic");
        add(aclint_, Aclint::kSize, "aclint");
        add(sswi_, AclintSswi::kSize, "sswi");
        add(syscon_, Syscon::kSize, "syscon");
    }
    u64 windows() const { return bus_.ranges().size(); }
    void put(u64 address, unsigned bytes, u64 value) const { (void)bus_.write(address, bytes, value); }
    void get(u64 address, unsigned bytes) const {
        u64 value = 0;
        if (bus_.read(address, bytes, &value) && zext(value, 8 * bytes) != value) std::abort();
    }
    void happen(u8 what, u64 value) {
        switch (what % 5) {
            case 0: alarms_.advance(value << what / 5 % 48); break;
            case 1: plic_.source(1 + value % (Plic::kSources - 1)).set(what & 0x80); break;
            case 2: {
                const u8 bytes[2] = {what, static_cast<u8>(value)};
                if (uart_.receive(bytes) > sizeof bytes) std::abort();
                break;
            }
            case 3: {
                const u64 word = value << 48 | what / 5;  // a device and a command, or an address
                if (!ram_->write(what & 0x80 ? kToHost : kRam + value % kRamBytes / 8 * 8, &word, 8))
                    std::abort();
                (void)htif_->look();
                break;
            }
            default: reset(what / 5);
        }
    }

  private:
    void add(Mmio& device, u64 size, const char* name) {
        if (!bus_.add((bus_.ranges().size() + 1) * kWindow, size, device, name)) std::abort();
    }
    void reset(unsigned which) {
        switch (which % 4) {
            case 0: return uart_.reset();
            case 1: return rtc_.reset();
            case 2: return plic_.reset();
            default: return aclint_.reset();
        }
    }
    std::vector<IrqLine*> lines() {
        std::vector<IrqLine*> all;
        for (Line& line : lines_) all.push_back(&line);
        return all;
    }

    Line lines_[2 * kHarts];
    Alarms alarms_;
    Plic plic_{lines()};
    Uart16550 uart_{plic_.source(10), [](std::span<const u8>) {}};
    GoldfishRtc rtc_{plic_.source(11), [this] { return alarms_.now_ns(); }, alarms_};
    Aclint aclint_{{{&lines_[0], &lines_[1]}, {&lines_[2], &lines_[3]}, {&lines_[4], &lines_[5]}},
                   [this] { return alarms_.now_ns() / kNsPerTick; },
                   alarms_};
    AclintSswi sswi_{{&lines_[0], &lines_[2], &lines_[4]}};
    Syscon syscon_{[](Syscon::Request, u32 code) {
        if (code > 0xffff) std::abort();
    }};
    std::unique_ptr<mem::GuestRam> ram_ = mem::GuestRam::create(kRam, kRamBytes).value();
    std::unique_ptr<Htif> htif_ = Htif::create(
                                      *ram_, {kToHost, kFromHost}, [](std::span<const u8>) {}, [](u64) {})
                                      .value();
    Bus bus_;
};

}  // namespace

/// 8 bytes a step: what is done and how wide, to which device, an offset, a value.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Board board;
    for (std::size_t at = 0; at + 8 <= size; at += 8) {
        const u8 what = data[at];
        const u64 value = load_raw<u32>(data + at + 4);
        if (what % 4 == 3) {
            board.happen(data[at + 1], value);
            continue;
        }
        const unsigned bytes = 1u << what / 4 % 4;
        // Registers lie close together, those of a context of the PLIC far from those of the next one.
        const u64 near = load_raw<u16>(data + at + 2), offset = what & 0x40 ? near << 12 | near % 16 : near;
        const u64 place = (1 + data[at + 1] % board.windows()) * kWindow + offset;
        if (what % 4 == 0)
            board.get(place, bytes);
        else
            board.put(place, bytes, what & 0x80 ? value << 32 | value : value);
    }
    return 0;
}
