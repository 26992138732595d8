#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/top_sample.h"
#include "cli/top_view.h"
#include "engine/guest_test.h"
#include "osal/host.h"

namespace vm::cli {
namespace {

using nlohmann::json;

TEST(Top, ShowsNothingThatATerminalObeys) {
    EXPECT_EQ(printable("plain text", 100), "plain text");
    EXPECT_EQ(printable(std::string_view("a\0b c\0", 6), 100), "a b c");
    EXPECT_EQ(printable("\033[2Jx\r\n\x7f", 100), "?[2Jx???");
    EXPECT_EQ(printable("Größe €😀", 100), "Größe €😀");
    EXPECT_EQ(printable("Größe", 3), "Grö");
    EXPECT_EQ(printable("\xc2\x9b\x32J", 100), "??2J");       // CSI as one character
    EXPECT_EQ(printable("\xff\xc3 \xe2\x82", 100), "?? ??");  // cut off or never right
    EXPECT_EQ(printable("\xc0\x80\xed\xa0\x80", 100).substr(0, 2), "??");
    EXPECT_EQ(printable("", 10), "");
}

TEST(Top, WritesNumbersShortly) {
    EXPECT_EQ(short_count(0), "0");
    EXPECT_EQ(short_count(99999), "99999");
    EXPECT_EQ(short_count(100000), "100k");
    EXPECT_EQ(short_count(999499), "999k");
    EXPECT_EQ(short_count(999500), "1.00M");
    EXPECT_EQ(short_count(1234567), "1.23M");
    EXPECT_EQ(short_count(12345678901.0), "12.3G");
    EXPECT_EQ(short_count(1.8e19), "18.0E");
    EXPECT_EQ(short_time(0), "0 ns");
    EXPECT_EQ(short_time(999), "999 ns");
    EXPECT_EQ(short_time(12345), "12.3 us");
    EXPECT_EQ(short_time(4'560'000), "4.56 ms");
    EXPECT_EQ(short_time(123'000'000'000), "123 s");
    EXPECT_EQ(short_bytes(1023), "1023 B");
    EXPECT_EQ(short_bytes(u64{12} << 20), "12.0 MiB");
    EXPECT_EQ(short_bytes(~u64{0}), "16.0 EiB");
    EXPECT_EQ(clock_text(83.9), "0:01:23");
    EXPECT_EQ(clock_text(2 * 86400 + 3 * 3600 + 4 * 60 + 5), "2d 03:04:05");
    EXPECT_EQ(clock_text(-1), "0:00:00");
}

TEST(Top, RefusesOtherPrograms) {
    const osal::ProgramSection section{0x1000, sizeof(engine::Exposed)};
    const std::vector<std::string> ours{"aa", "bb"};
    EXPECT_TRUE(check_program(5, "/bin/vm", {"aa", 0, section}, ours));
    EXPECT_TRUE(check_program(5, "/bin/vm-user", {"bb", 0, section}, ours));
    auto r = check_program(5, "/bin/sh", {"cc", 0, {}}, ours);
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().message, "process 5 runs /bin/sh, which is no vm that can be watched");
    r = check_program(5, "/old/vm", {"cc", 0, section}, ours);
    ASSERT_FALSE(r);
    EXPECT_NE(r.error().message.find("another build of vm (/old/vm, build id cc; this one has aa)"),
              std::string::npos);
    EXPECT_FALSE(check_program(5, "/old/vm", {"", 0, section}, {""}));
    EXPECT_FALSE(check_program(5, "/old/vm", {"aa", 0, osal::ProgramSection{0x1000, 8}}, ours));
}

/// Two samples of a program with two vCPUs, two seconds apart.
struct Samples {
    Samples() {
        before.pid = now.pid = 4242;
        before.isa = now.isa = "riscv64";
        before.at_ns = 1'000'000'000;
        now.at_ns = 3'000'000'000;
        now.age_s = 83;
        now.command = std::string("vm\0run\0./a\033b\xff\0", 14);
        now.code_bytes = 3 << 20;
        now.code_limit = 256 << 20;
        before.jit.translations = 100;
        now.jit.translations = 150;
        now.jit.regions = before.jit.regions = 7;
        for (int i = 0; i < 2; i++) {
            TopVcpu v;
            v.tid = 4242 + i;
            v.identity = static_cast<u64>(i) << 32 | 1;
            v.user_ticks = 1000;
            v.stats.enters = 10;
            before.vcpus.push_back(v);
            v.user_ticks = 1000 + static_cast<u64>(i) * 2 * osal::ticks_per_second();
            v.stats.enters = 30;
            now.vcpus.push_back(v);
        }
        now.tier2 = before.tier2 = true;
        now.places.state = jit::BackgroundState::Watching;
        now.places.tid = 4250;
        now.places.pending = 2;
        now.places.count = 2;
        now.places.samples = 50;
        now.places.weight = 1000;
        now.places.places[0] = {.pc = 0x10120, .samples = 40, .weight = 750, .region = 1};
        now.places.places[1] = {.pc = 0x20000, .samples = 10, .weight = 250};
        now.files = {osal::FilePlace{"/tmp/prog", 0x120}, std::nullopt};
    }
    TopSample before, now;
};

std::string line_with(const std::string& text, const std::string& word) {
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
        if (line.find(word) != std::string::npos) return line;
    return "";
}

TEST(Top, WritesASampleAsText) {
    const Samples s;
    const std::string text = top_text(s.now, &s.before, {});
    EXPECT_EQ(line_with(text, "process"), "process 4242: riscv64 guest, tier auto, up 0:01:23, 2 vCPUs");
    EXPECT_NE(line_with(text, "vm run ./a?b?"), "");
    EXPECT_NE(line_with(text, "translated").find("150 (+25/s) blocks"), std::string::npos) << text;
    EXPECT_NE(line_with(text, "code cache").find("3.0 MiB of 256.0 MiB"), std::string::npos);
    EXPECT_NE(line_with(text, "tier 2").find("7 regions, 2 pending; its thread is watching (4250"),
              std::string::npos);
    EXPECT_EQ(line_with(text, "compiling"), "");
    EXPECT_NE(line_with(text, "     4243").find(" 100.0        10 "), std::string::npos) << text;
    EXPECT_LT(text.find("     4243"), text.find("     4242"));  // who does most comes first
    EXPECT_NE(line_with(text, "10120").find("75.0%    yes  /tmp/prog+0x120"), std::string::npos) << text;
    EXPECT_NE(line_with(text, "20000").find("not mapped"), std::string::npos);
    EXPECT_EQ(text.find('\033'), std::string::npos);
    EXPECT_EQ(text.back(), '\n');
    const std::string first = top_text(s.now, nullptr, {});
    EXPECT_NE(line_with(first, "     4243").find("      -         - "), std::string::npos) << first;
}

TEST(Top, CutsTextToTheWindow) {
    Samples s;
    for (int i = 0; i < 100; i++) {
        TopVcpu v;
        v.tid = 5000 + i;
        s.now.vcpus.push_back(v);
    }
    for (const size_t lines : {1, 5, 20, 24, 50, 200}) {
        const std::string text = top_text(s.now, &s.before, {20, lines});
        EXPECT_LE(static_cast<size_t>(std::ranges::count(text, '\n')), lines);
        std::istringstream in(text);
        for (std::string line; std::getline(in, line);) EXPECT_LE(line.size(), 20u);
    }
    const std::string text = top_text(s.now, &s.before, {80, 24});
    EXPECT_NE(line_with(text, "more"), "");
    EXPECT_NE(line_with(text, "20000"), "") << text;  // the places are still there
}

TEST(Top, WritesASampleAsJson) {
    const Samples s;
    const std::string line = top_json(s.now, &s.before);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    const json j = json::parse(line);
    EXPECT_EQ(j["pid"], 4242);
    EXPECT_EQ(j["seconds"], 2.0);
    EXPECT_EQ(j["totals"]["translations"], 150);
    EXPECT_EQ(j["rates"]["translations"], 25.0);
    EXPECT_EQ(j["vcpus"][1]["user_cpu_percent"], 100.0);
    EXPECT_EQ(j["vcpus"][1]["rates"]["enters"], 10.0);
    EXPECT_EQ(j["tier2"]["places"][0]["pc"], "0x10120");
    EXPECT_EQ(j["tier2"]["places"][0]["file"], "/tmp/prog");
    EXPECT_EQ(j["tier2"]["places"][0]["offset"], 0x120);
    EXPECT_EQ(j["tier2"]["places"][0]["lately"], 0.75);
    EXPECT_TRUE(j["tier2"]["places"][1]["file"].is_null());
    EXPECT_TRUE(j["timings"].is_null());
    EXPECT_TRUE(j["icount"].is_null());
    const json first = json::parse(top_json(s.now, nullptr));
    EXPECT_TRUE(first["rates"].is_null());
    EXPECT_TRUE(first["vcpus"][0]["user_cpu_percent"].is_null());
}

TEST(Top, CountersThatFallHaveNoRate) {
    Samples s;
    s.before.jit.translations = 151;
    s.before.vcpus[0].identity = 77;  // another vCPU stood there
    const json j = json::parse(top_json(s.now, &s.before));
    EXPECT_TRUE(j["rates"]["translations"].is_null());
    EXPECT_TRUE(j["vcpus"][0]["rates"].is_null());
    (void)top_text(s.now, &s.before, {});
}

// ---------------------------------------------------------------------------------------------- from memory

namespace et = engine::test;

/// This process is its own example: it is a vm of this build.
class TopOfItself : public testing::Test {
  protected:
    TopOfItself() : guest(et::with_tier(engine::Tier::Auto)) {}
    void run(int times) {
        et::Asm code(et::kCode);
        code.addi(et::a0, et::zero, 100);
        const u64 loop = code.here();
        code.addi(et::a0, et::a0, -1);
        code.bne(et::a0, et::zero, loop);
        code.ecall();
        et::TestMemory::put(et::kCode, code.words);
        for (int i = 0; i < times; i++) guest.run();
    }
    engine::Exposed& object() { return const_cast<engine::Exposed&>(engine::exposed()); }
    et::Guest guest;
};

TEST_F(TopOfItself, ReadsWhatTheEngineCounts) {
    run(10);
    auto target = TopTarget::attach(::getpid());
    ASSERT_TRUE(target) << target.error().message;
    const auto first = target->sample();
    ASSERT_TRUE(first) << first.error().message;
    ASSERT_TRUE(*first);
    const TopSample& s = **first;
    EXPECT_EQ(s.isa, "riscv64");
    EXPECT_EQ(s.tier, engine::Tier::Auto);
    ASSERT_EQ(s.vcpus.size(), 1u);
    EXPECT_EQ(s.vcpus[0].tid, ::gettid());
    EXPECT_TRUE(s.vcpus[0].user_ticks);
    const json stats = json::parse(guest.engine->stats_json());
    for (const auto& c : engine::run_counters()) EXPECT_EQ(s.run.*c.member, stats[c.name]) << c.name;
    for (const auto& c : engine::jit_counters()) EXPECT_EQ(s.jit.*c.member, stats[c.name]) << c.name;
    EXPECT_EQ(s.code_bytes, stats["code_bytes_used"]);
    EXPECT_EQ(s.code_limit, stats["code_bytes_limit"]);
    EXPECT_GT(s.jit.translations, 0u);
    EXPECT_TRUE(s.tier2);
    run(10);
    const auto second = target->sample();
    ASSERT_TRUE(second && *second);
    EXPECT_EQ((*second)->run.runs, 20u);
    EXPECT_EQ((*second)->vcpus[0].identity, s.vcpus[0].identity);
    EXPECT_FALSE(top_text(**second, &s, {}).empty());
}

TEST_F(TopOfItself, BelievesNothing) {
    run(2);
    auto target = TopTarget::attach(::getpid());
    ASSERT_TRUE(target);
    const engine::Exposed good = object();
    const auto sample_fails = [&](const char* word) {
        const auto s = target->sample();
        const std::string message = s ? "it was read" : s.error().message;
        EXPECT_NE(message.find(word), std::string::npos) << message;
        object() = good;
    };
    object().vcpus[0].stats = 8;
    sample_fails("has nothing at 0x8");
    object().engine.jit_stats = ~u64{0} - 100;
    sample_fails("has nothing at");
    object().engine.jit_stats = 0;
    sample_fails("runs no guest");
    object().pid++;
    sample_fails("runs in the memory of process");
    object().magic++;
    sample_fails("another build");

    // Numbers that make no sense are shown as they are.
    object().sequence = 1;  // for ever changing
    object().unlisted = ~u32{0};
    std::fill_n(object().engine.isa, sizeof object().engine.isa, '\033');
    object().engine.tier = static_cast<engine::Tier>(200);
    object().engine.timings = 77;
    object().engine.jit_stats = et::kData;  // guest memory
    std::memset(reinterpret_cast<void*>(et::kData), 0xff, et::kDataBytes);
    jit::HotPlaces places;
    places.count = ~u32{0};
    places.state = static_cast<jit::BackgroundState>(99);
    places.tid = -5;
    object().engine.places = reinterpret_cast<u64>(&places);
    for (engine::ExposedVcpu& v : object().vcpus) v = {.tid = -1, .stats = et::kData, .icount = et::kData};
    const auto s = target->sample();
    ASSERT_TRUE(s) << s.error().message;
    ASSERT_TRUE(*s);
    EXPECT_EQ((*s)->isa, std::string(16, '?'));
    EXPECT_EQ((*s)->places.count, jit::HotPlaces::kMost);
    EXPECT_EQ((*s)->files.size(), jit::HotPlaces::kMost);
    EXPECT_EQ((*s)->vcpus.size(), engine::Exposed::kMost);
    EXPECT_EQ(top_text(**s, &**s, {}).find('\033'), std::string::npos);
    EXPECT_FALSE(json::parse(top_json(**s, &**s)).is_discarded());
    places.sequence = 3;  // for ever changing
    const auto skipped = target->sample();
    ASSERT_TRUE(skipped && *skipped);
    EXPECT_EQ((*skipped)->places.count, 0u);
    object() = good;
}

}  // namespace
}  // namespace vm::cli
