// Runs the cases of rv64_*.txt and a64_*.txt on every tier, and again with each of their memory accesses
// faulting.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>

#include "base/format.h"
#include "case_file.h"

namespace vm::test {
namespace {

using engine::EngineOptions;
using engine::Exit;
using ir::ExitReason;

std::vector<std::string> case_files() {
    std::vector<std::string> out;
    std::error_code ec;
    for (const auto& e : std::filesystem::directory_iterator(VM_TEST_CASES, ec))
        if (e.path().extension() == ".txt") out.push_back(e.path().stem().string());
    std::ranges::sort(out);
    return out;
}
/// Whose cases a file holds: what its name begins with. nullptr: nobody's.
const TestGuest* guest_of(std::string_view file) {
    for (const TestGuest* g : test_guests())
        if (file.substr(0, file.find('_')) == g->name) return g;
    return nullptr;
}
std::vector<Case> cases_of(const std::string& file, std::string* error) {
    return read_cases(*guest_of(file), fmt::format("{}/{}.txt", VM_TEST_CASES, file), error);
}

/// The ways to run a case. The reference steps the interpreter, instruction by instruction, and counts.
struct Way {
    const char* name;
    EngineOptions options;
    bool shared = false;  ///< other threads see guest memory: atomics are atomic, fences are there
};
const Way kWays[] = {
    {"Interp", {.tier = engine::Tier::Interp}},
    {"Tier1", {.tier = engine::Tier::One}, true},
    {"Tier1Alone", {.tier = engine::Tier::One}},
    {"Tier1Plain", {.tier = engine::Tier::One, .disabled_opts = ~u64{0}}, true},
    {"Tier1Counted", {.tier = engine::Tier::One, .exact_icount = true}, true},
    {"Tier2", {.tier = engine::Tier::Two}, true},
    {"Auto", {.tier = engine::Tier::Auto, .hot_threshold = 2}},
};

std::string text(const Exit& e) {
    return fmt::format("{} at {:x}, value {:x}, {}", ir::name(e.reason), e.pc, e.value,
                       e.write ? "write" : "read");
}
bool same(const Exit& a, const Exit& b) {
    return a.reason == b.reason && a.pc == b.pc && a.value == b.value && a.write == b.write;
}

/// The guest code of a case as people read it.
std::string listing(const frontend::GuestIsa& isa, const Case& c) {
    std::string out;
    for (u64 at = 0, length = 1; at + 4 < c.code.size(); at += length) {
        unsigned n = 1;
        const std::string insn = isa.disassemble(kCode + at, &c.code[at], c.code.size() - at, &n);
        length = n;
        out += fmt::format("    {:x} {}\n", kCode + at, insn);
    }
    return out;
}

using Param = std::tuple<std::string, size_t>;

class CaseTest : public testing::TestWithParam<Param> {
  protected:
    void SetUp() override {
        const std::string& file = std::get<0>(GetParam());
        ASSERT_NE(guest_of(file), nullptr) << file << " is not named for a guest";
        guest_ = guest_of(file);
        ASSERT_EQ(arena_.error(), "");
        const Way& way = kWays[std::get<1>(GetParam())];
        auto m = Machine::create(*guest_, arena_, way.options);
        ASSERT_TRUE(m.has_value()) << m.error().message;
        machine_ = std::move(*m);
        if (way.shared) machine_->memory_is_shared();
        auto r = Machine::create(*guest_, arena_, {.tier = engine::Tier::Interp, .exact_icount = true});
        ASSERT_TRUE(r.has_value()) << r.error().message;
        reference_ = std::move(*r);
        counted_ = way.options.exact_icount;
        std::string error;
        cases_ = cases_of(file, &error);
        ASSERT_EQ(error, "");
    }

    /// Reports a failed case; after a handful only counts.
    void wrong(const Case& c, const std::string& what) {
        if (++failed_ <= 5) ADD_FAILURE() << c.line << '\n' << listing(*guest_->isa, c) << what;
    }
    void TearDown() override {
        if (failed_ > 5) ADD_FAILURE() << failed_ << " checks failed, of which 5 are shown";
    }

    void check_outcome(const Case& c);
    void check_fault(const Case& c, const MemoryAccess& a, Access allowed);
    void check_straddling(const Case& c);
    void expect_state(const Case& c, const char* when, const Snapshot& actual, const Snapshot& expected) {
        if (actual != expected)
            wrong(c, fmt::format("{}:\n{}", when, difference(*guest_, kData, actual, expected)));
    }
    void expect_exit(const Case& c, const char* when, const Exit& actual, const Exit& expected) {
        if (!same(actual, expected))
            wrong(c, fmt::format("{}: {}, not {}", when, text(actual), text(expected)));
    }
    void expect_count(const Case& c, const char* when) {
        if (counted_ && machine_->icount() != reference_->icount())
            wrong(c, fmt::format("{}: {} instructions counted, not {}", when, machine_->icount(),
                                 reference_->icount()));
    }

    const TestGuest* guest_ = nullptr;
    Arena arena_{kCaseMap};
    std::unique_ptr<Machine> machine_, reference_;
    std::vector<Case> cases_;
    bool counted_ = false;
    unsigned failed_ = 0;
};

void CaseTest::check_outcome(const Case& c) {
    u64 steps = 0;
    reference_->reset(c.code, c.before);
    const Exit expected_exit = reference_->step_to_exit(&steps);
    const Snapshot stepped = reference_->snapshot();
    if (c.known) {
        expect_state(c, "stepped", stepped, c.after);
        expect_exit(c, "stepped", expected_exit,
                    {.reason = ExitReason::Syscall, .pc = kCode + c.code.size()});
    }
    // The second run finds translations and links of the first.
    for (const char* when : {"first run", "second run"}) {
        machine_->reset(c.code, c.before);
        expect_exit(c, when, machine_->run(), expected_exit);
        expect_state(c, when, machine_->snapshot(), stepped);
        expect_count(c, when);
    }
}

/// One access faults: exit and state as the reference has them, and the repaired access goes on to the right
/// end.
void CaseTest::check_fault(const Case& c, const MemoryAccess& a, Access allowed) {
    const char* when = allowed == Access::ReadOnly ? "read-only page" : "page without access";
    reference_->reset(c.code, c.before);
    arena_.protect(a.page(), allowed);
    u64 steps = 0;
    const Exit fault = reference_->step_to_exit(&steps);
    arena_.protect(a.page(), Access::All);
    const Snapshot state = reference_->snapshot();
    const u64 count = reference_->icount();
    if (fault.reason != ExitReason::MemoryFault || fault.value != a.addr || fault.write != a.write)
        return wrong(c, fmt::format("{}, stepped: {} instead of a fault of {} at {:x}", when, text(fault),
                                    a.write ? "a write" : "a read", a.addr));
    // Nothing of the faulting instruction is in the state: it is the state after the instructions before it.
    reference_->reset(c.code, c.before);
    reference_->step(steps);
    expect_state(c, "state of the reference at the fault", state, reference_->snapshot());
    u64 rest = 0;
    const Exit end = reference_->step_to_exit(&rest);
    const Snapshot final_state = reference_->snapshot();

    machine_->reset(c.code, c.before);
    arena_.protect(a.page(), allowed);
    const Exit got = machine_->run();
    arena_.protect(a.page(), Access::All);
    expect_exit(c, when, got, fault);
    expect_state(c, when, machine_->snapshot(), state);
    if (counted_ && machine_->icount() != count)
        wrong(c, fmt::format("{}: {} instructions counted, not {}", when, machine_->icount(), count));
    expect_exit(c, "after the repair", machine_->run(), end);
    expect_state(c, "after the repair", machine_->snapshot(), final_state);
}

/// A single access whose first bytes are accessible and whose last ones are not.
void CaseTest::check_straddling(const Case& c) {
    unsigned length = 0;
    (void)guest_->isa->disassemble(kCode, c.code.data(), c.code.size(), &length);
    if (c.accesses.size() != 1 || length + 4 != c.code.size()) return;
    const MemoryAccess& a = c.accesses[0];
    u32 word = 0;
    std::memcpy(&word, c.code.data(), length);
    const size_t base = guest_->base_register(word);
    if (a.size < 2 || a.size > 16 || base == guest_->registers.size()) return;
    Case moved = c;
    const u64 border = kData + (a.page() + 1) * kPage, addr = border - a.size / 2;
    moved.before.registers[base][0] += addr - a.addr;
    moved.line += fmt::format(" [moved to {:x}]", addr);
    for (Machine* m : {reference_.get(), machine_.get()}) {
        m->reset(moved.code, moved.before);
        arena_.protect(a.page() + 1, Access::None);
        const Exit got = m->run();
        arena_.protect(a.page() + 1, Access::All);
        expect_exit(moved, "across the border", got,
                    {.reason = ExitReason::MemoryFault, .pc = kCode, .value = border, .write = a.write});
        expect_state(moved, "across the border", m->snapshot(), moved.before);
    }
}

TEST_P(CaseTest, Outcome) {
    for (const Case& c : cases_) check_outcome(c);
}

TEST_P(CaseTest, EveryAccessFaults) {
    for (const Case& c : cases_)
        for (const MemoryAccess& a : c.accesses) {
            check_fault(c, a, Access::None);
            if (a.write) check_fault(c, a, Access::ReadOnly);
        }
}

TEST_P(CaseTest, AccessAcrossABorderFaults) {
    for (const Case& c : cases_) check_straddling(c);
}

INSTANTIATE_TEST_SUITE_P(Files, CaseTest,
                         testing::Combine(testing::ValuesIn(case_files()),
                                          testing::Range<size_t>(0, std::size(kWays))),
                         [](const auto& i) {
                             return fmt::format("{}_{}", std::get<0>(i.param),
                                                kWays[std::get<1>(i.param)].name);
                         });

// Every encoding of the tables is in some case, or has a reason not to be.
TEST(CaseFiles, NameEveryEncoding) {
    const std::set<std::string_view> excluded{
        "ECALL", "SVC",              // end every case
        "EBREAK", "C_EBREAK", "BRK"  // leave; tests/linux
    };
    for (const TestGuest* guest : test_guests()) {
        std::set<std::string> seen;
        for (const std::string& file : case_files()) {
            if (guest_of(file) != guest) continue;
            std::string error;
            for (const Case& c : cases_of(file, &error)) seen.insert(c.name);
            EXPECT_EQ(error, "");
        }
        for (const std::string_view name : guest->encodings)
            EXPECT_TRUE(excluded.contains(name) || seen.contains(std::string(name)))
                << guest->name << ' ' << name << " has no case; run tests/cases/make.py";
    }
}

}  // namespace
}  // namespace vm::test
