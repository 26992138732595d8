// Random A64 cases (a64_cases.h) in this process: through the interpreter, tier 1, tier 1 without
// optimizations, and VIXL's simulator, an oracle that nobody here wrote. Registers, NZCV, memory must be
// equal; between the tiers FPSR too. A difference is narrowed to as few instructions as show it.
//
// VIXL 5.1 keeps no cumulative FP flags, rounds to nearest and does not flush subnormals to zero, whatever
// FPCR says: its cases leave FPCR at 0 or DN and do not read FPSR. --tiers draws from the whole table, with
// every FPCR, and leaves VIXL out.
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>

#include "a64_cases.h"
#include "a64_oracles.h"
#include "aarch64/simulator-aarch64.h"
#include "base/format.h"
#include "guest/machine.h"

using namespace vm;
using namespace vm::fuzz::a64;
namespace vx = vixl::aarch64;

namespace {

constexpr u64 kCodeBytes = 0x8000, kManySteps = 100000;
constexpr test::Arena::Map kMap{fuzz::kText, kCodeBytes, fuzz::kScratch, kData.scratch_size};
/// Registers of test::a64_guest(), by index.
constexpr size_t kSpIndex = 31, kVIndex = 32, kNzcvIndex = 64, kFpcrIndex = 65, kFpsrIndex = 66;

test::Snapshot snapshot_of(const State& s, const std::vector<u8>& memory) {
    test::Snapshot out{.registers = {}, .memory = memory};
    for (const u64 x : s.x) out.registers.push_back({x, 0});
    out.registers.push_back({s.sp, 0});
    for (const auto& v : s.v) out.registers.push_back({v[0], v[1]});
    for (const u64 r : {s.nzcv, s.fpcr, s.fpsr, u64{0}}) out.registers.push_back({r, 0});
    return out;
}

// ---- VIXL

sigjmp_buf vixl_failed;
void give_up(int = 0) { siglongjmp(vixl_failed, 1); }

/// What VIXL's simulator does not know ends the run, without a word on standard output.
class Simulator : public vx::Simulator {
  public:
    using vx::Simulator::Simulator;
    void VisitUnimplemented(const vx::Instruction*) override { give_up(); }
    void VisitUnallocated(const vx::Instruction*) override { give_up(); }
};

class Vixl {
  public:
    Vixl() : simulator_(&decoder_) { std::signal(SIGABRT, give_up); }

    /// Runs from the first byte of the code to `end`. False: VIXL gave up, at pc().
    bool run(const test::Arena& arena, const test::Snapshot& before, u64 end) {
        std::memcpy(arena.data(), before.memory.data(), before.memory.size());
        simulator_.ResetState();
        const auto& r = before.registers;
        for (unsigned n = 0; n < 31; n++) simulator_.WriteRegister(n, r[n][0], vx::Simulator::NoRegLog);
        simulator_.WriteRegister(31, r[kSpIndex][0], vx::Simulator::NoRegLog, vx::Reg31IsStackPointer);
        for (unsigned n = 0; n < 32; n++) {
            vx::Simulator::qreg_t q;
            std::memcpy(q.val, r[kVIndex + n].data(), 16);
            simulator_.WriteQRegister(n, q, vx::Simulator::NoRegLog);
        }
        simulator_.ReadNzcv().SetRawValue(static_cast<u32>(r[kNzcvIndex][0]));
        simulator_.ReadFpcr().SetRawValue(static_cast<u32>(r[kFpcrIndex][0]));
        simulator_.WritePc(reinterpret_cast<const vx::Instruction*>(kMap.code), vx::Simulator::NoBranchLog);
        if (sigsetjmp(vixl_failed, 1) != 0) return false;
        for (u64 steps = 0; pc() != end && steps < kManySteps; steps++) simulator_.ExecuteInstruction();
        return pc() == end;
    }
    u64 pc() const { return reinterpret_cast<u64>(simulator_.ReadPc()); }

    test::Snapshot snapshot(const test::Arena& arena) {
        State s;
        for (unsigned n = 0; n < 31; n++) s.x[n] = static_cast<u64>(simulator_.ReadXRegister(n));
        s.sp = static_cast<u64>(simulator_.ReadXRegister(31, vx::Reg31IsStackPointer));
        for (unsigned n = 0; n < 32; n++) {
            const vx::Simulator::qreg_t q = simulator_.ReadQRegister(n);
            std::memcpy(s.v[n].data(), q.val, 16);
        }
        s.nzcv = simulator_.ReadNzcv().GetRawValue();
        s.fpcr = simulator_.ReadFpcr().GetRawValue();
        return snapshot_of(s, std::vector<u8>(arena.data(), arena.data() + kMap.data_bytes));
    }

  private:
    vx::Decoder decoder_;
    Simulator simulator_;
};

// ---- cases

struct Arguments {
    fuzz::Options o;
    bool tiers_only = false, excluded = false;
};

class Fuzzer {
  public:
    explicit Fuzzer(const Arguments& a)
        : options_(a.o),
          with_vixl_(!a.tiers_only),
          limits_(with_vixl_ ? Limits{.fpcr = u64{1} << 25,
                                      .fpsr = false,
                                      .tpidr = false,
                                      .distinct = vixl_distinct(),
                                      .no_sp = vixl_no_sp()}
                             : Limits{.signatures = true}),
          pool_(pool(with_vixl_ ? Oracle::Vixl : Oracle::Tiers, options_.only)) {
        u64 s = options_.seed;
        memory_.resize(kMap.data_bytes);
        for (u64 i = 0; i < memory_.size(); i += 8) store_raw(&memory_[i], fuzz::next_random(&s));
    }

    bool prepare() {
        if (!arena_.error().empty()) {
            std::fprintf(stderr, "a64_vixl: %s\n", arena_.error().c_str());
            return false;
        }
        const engine::EngineOptions ways[] = {
            {.tier = engine::Tier::Interp},
            {.tier = engine::Tier::One},
            {.tier = engine::Tier::One, .disabled_opts = ~u64{0}},
        };
        for (const auto& way : ways) {
            auto m = test::Machine::create(test::a64_guest(), arena_, way);
            if (!m) {
                std::fprintf(stderr, "a64_vixl: %s\n", m.error().message.c_str());
                return false;
            }
            machines_.push_back(std::move(*m));
        }
        machines_.back()->memory_is_shared();
        return true;
    }

    /// Text of what differs in case `index`; empty if nothing does.
    std::string run(unsigned index, fuzz::Coverage* coverage) {
        fuzz::Code code(kMap.code);
        CaseMaker maker(code, *coverage, options_, limits_, pool_);
        maker.begin(index);
        maker.body();
        const u64 end = code.pc();
        const auto& call = test::a64_guest().system_call;
        code.bytes.insert(code.bytes.end(), call.begin(), call.end());
        const test::Snapshot before = snapshot_of(maker.inputs(), memory_);
        std::string text;
        test::Snapshot reference;
        for (size_t i = 0; i < machines_.size(); i++) {
            machines_[i]->reset(code.bytes, before);
            const engine::Exit e = machines_[i]->run();
            if (e.reason != ir::ExitReason::Syscall || e.pc != end + 4)
                text += fmt::format("  {}: {} at {:x}, not at the end, {:x}\n", kNames[i], ir::name(e.reason),
                                    e.pc, end);
            const test::Snapshot after = machines_[i]->snapshot();
            if (i == 0)
                reference = after;
            else if (after != reference)
                text +=
                    fmt::format("  {} against {}:\n{}", kNames[i], kNames[0], difference(after, reference));
        }
        if (with_vixl_ && text.empty()) text = compare_with_vixl(before, end, reference);
        return text;
    }

    /// Leaves out what is not needed to show the difference and prints the rest.
    void explain(unsigned index) {
        fuzz::Coverage none;
        fuzz::Options& o = options_;
        o.only_case = static_cast<int>(index);
        for (unsigned i = 0; i < o.length; i++) {
            o.drop.insert(i);
            if (run(index, &none).empty()) o.drop.erase(i);
        }
        std::string dropped;
        for (const unsigned i : o.drop) dropped += (dropped.empty() ? "" : ",") + std::to_string(i);
        std::printf("a64_vixl%s --seed %llu --length %u --case %u%s%s\n", with_vixl_ ? "" : " --tiers",
                    static_cast<unsigned long long>(o.seed), o.length, index,
                    dropped.empty() ? "" : " --drop ", dropped.c_str());
        o.list = true;
        std::printf("%s", run(index, &none).c_str());
        o.list = false, o.only_case = -1, o.drop.clear();
    }

    bool with_vixl() const { return with_vixl_; }

  private:
    std::string compare_with_vixl(const test::Snapshot& before, u64 end, test::Snapshot expected) {
        if (!vixl_.run(arena_, before, end)) return fmt::format("  VIXL gives up at {:x}\n", vixl_.pc());
        test::Snapshot after = vixl_.snapshot(arena_);
        after.registers[kFpsrIndex] = expected.registers[kFpsrIndex] = {};
        return after == expected ? "" : fmt::format("  vm against VIXL:\n{}", difference(expected, after));
    }
    static std::string difference(const test::Snapshot& actual, const test::Snapshot& expected) {
        return test::difference(test::a64_guest(), kMap.data, actual, expected);
    }

    static constexpr const char* kNames[] = {"interp", "tier 1",
                                             "tier 1 without optimizations, shared memory"};
    fuzz::Options options_;
    bool with_vixl_;
    Limits limits_;
    std::vector<arm64::Insn> pool_;
    std::vector<u8> memory_;
    test::Arena arena_{kMap};
    std::vector<std::unique_ptr<test::Machine>> machines_;
    Vixl vixl_;
};

void print_excluded() {
    for (unsigned i = 1; i < static_cast<unsigned>(arm64::Insn::Count_); i++) {
        const auto id = static_cast<arm64::Insn>(i);
        const std::string why = excluded(id, Oracle::Vixl);
        if (!why.empty()) std::printf("%s %s\n", std::string(info(id).name).c_str(), why.c_str());
    }
}

bool parse(int argc, char** argv, Arguments* a) {
    std::vector<char*> rest{argv[0]};
    for (int i = 1; i < argc; i++) {
        const std::string_view word = argv[i];
        if (word == "--tiers")
            a->tiers_only = true;
        else if (word == "--excluded")
            a->excluded = true;
        else
            rest.push_back(argv[i]);
    }
    return fuzz::parse_options(static_cast<int>(rest.size()), rest.data(), &a->o) && !a->o.qemu &&
           !a->o.faults;
}

}  // namespace

int main(int argc, char** argv) {
    Arguments a;
    if (!parse(argc, argv, &a)) {
        std::fprintf(stderr,
                     "usage: %s [--tiers] [--seed N] [--cases N] [--length N] [--case K [--drop I,J,…]] "
                     "[--only NAME,…] [--list] "
                     "[--coverage FILE]\n       %s --excluded\n",
                     argv[0], argv[0]);
        return 2;
    }
    if (a.excluded) return print_excluded(), 0;
    Fuzzer fuzzer(a);
    if (!fuzzer.prepare()) return 2;
    fuzz::Coverage coverage;
    const unsigned first = a.o.only_case >= 0 ? static_cast<unsigned>(a.o.only_case) : 0,
                   last = a.o.only_case >= 0 ? first + 1 : a.o.cases;
    unsigned bad = 0;
    for (unsigned k = first; k < last && bad < 3; k++) {
        const std::string text = fuzzer.run(k, &coverage);
        if (text.empty()) continue;
        bad++;
        if (a.o.only_case >= 0)
            std::printf("%s", text.c_str());
        else
            fuzzer.explain(k);
    }
    if (!a.o.coverage.empty()) {
        std::ofstream f(a.o.coverage);
        for (unsigned i = 1; i < static_cast<unsigned>(arm64::Insn::Count_); i++)
            f << info(static_cast<arm64::Insn>(i)).name << ' ' << coverage.of(i) << '\n';
    }
    return bad != 0;
}
