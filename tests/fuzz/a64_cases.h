// Random A64 cases: registers, and a body of random instructions that fits them. Every instruction of the
// pool can stand in it: accesses of memory get a base register that points into the scratch memory, branches
// go a little forward, system registers are those that a program may write.
#pragma once

#include <array>
#include <functional>

#include "a64_traits.h"
#include "frontend/arm64/a64_decode.h"
#include "gen.h"
#include "ir/ir.h"

namespace vm::fuzz::a64 {

namespace arm64 = frontend::arm64;

/// All that a case can see of the processor.
struct State {
    std::array<u64, 31> x{};
    u64 sp = 0;
    std::array<std::array<u64, 2>, 32> v{};  ///< low half first
    u64 nzcv = 0, fpcr = 0, fpsr = 0;
    bool operator==(const State&) const = default;
};
static_assert(sizeof(State) == 792);

inline constexpr DataMap kData{.scratch_size = 0x16000};
/// FPCR.AHP, DN, FZ, RMode, FZ16; FPSR.QC, IDC, IXC … IOC.
inline constexpr u64 kFpcrBits = 0x07c80000, kFpsrBits = 0x0800009f;

/// Who runs the cases, as far as that limits what they may do.
struct Limits {
    u64 fpcr = kFpcrBits;  ///< bits that may be set
    bool fpsr = true;      ///< FPSR is what the manual says
    bool tpidr = true;     ///< TPIDR_EL0 can be written and starts as 0
    /// Encodings whose destination must be none of their sources, and those without SP as a base.
    std::set<arm64::Insn> distinct{}, no_sp{};
    bool signatures = false;  ///< authentication codes are the same everywhere; else they must not be seen
};

/// Does the front end know this word? What it does not, traps: it stands in programs with --faults only,
/// where everybody must agree on that.
bool allocated(u32 word);

class CaseMaker {
  public:
    CaseMaker(Code& code, Coverage& coverage, const Options& o, const Limits& limits,
              const std::vector<arm64::Insn>& pool);
    /// Chooses the registers of case `index`.
    void begin(unsigned index);
    const State& inputs() const { return inputs_; }
    /// A register that the body uses for addresses only; its value is of no interest.
    unsigned scratch_register() const { return table_; }
    void body();

  private:
    /// A register that points into the scratch memory: what its value can be, from kScratch.
    struct Pointer {
        unsigned reg;
        i64 lo, hi;
        bool aligned;    ///< to 16 bytes
        bool forbidden;  ///< points nowhere instead
        bool tagged;     ///< has a top byte, which memory accesses ignore
    };
    struct Pending {
        size_t at;
        u32 word;
        unsigned to;  ///< unit
    };
    struct Drawn {
        u32 word;
        arm64::Insn id;
        Traits traits;
        Pointer* base;
        bool allocated;
    };

    u64 random() { return next_random(&rng_); }
    u64 below(u64 n) { return random() % n; }
    u64 special_int();
    u64 special_float(unsigned bytes);
    std::array<u64, 2> special_vector();
    void make_inputs();
    unsigned choose_register(u32 taken);

    bool draw(arm64::Insn id, Drawn* d);
    bool shape(u32* w, Drawn* d);
    bool shape_memory(u32* w, Drawn* d);
    bool shape_system(u32* w);
    bool fits(const Drawn& d) const;
    u32 limited_offset(u32 w, const Traits& t);

    void trap(unsigned n);
    void list(unsigned n, const Drawn& d) const;
    void emit(const Drawn& d);
    void emit_exclusive_store(const Drawn& load);
    void emit_branch(const Drawn& d);
    void emit_authenticated_branch(const Drawn& d);
    void emit_signature(const Drawn& d);
    void emit_authenticated_load(const Drawn& d);
    void place(Pointer* p);
    void access(const Drawn& d);
    void count(const Drawn& d);
    void resolve(const std::vector<size_t>& starts);
    void address(unsigned reg, u64 value);

    Code& code_;
    Coverage& coverage_;
    const Options& o_;
    const Limits& limits_;
    const std::vector<arm64::Insn>& pool_;
    u64 rng_ = 0;
    State inputs_;
    unsigned table_ = 0, positive_ = 0, any_ = 0;  ///< positive_, any_: index registers with small values
    u32 reserved_ = 0;                             ///< registers that the body must not write
    std::vector<Pointer> pointers_;
    std::vector<Pending> pending_;
    unsigned shadow_ = 0;  ///< so many of the next units may be skipped by a branch
    unsigned unit_ = 0;    ///< the next one's number
};

}  // namespace vm::fuzz::a64
