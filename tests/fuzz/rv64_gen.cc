// The RISC-V 64 part of the generator (gen.h). Every encoding of rv64.isa takes part unless one of the sets
// below names it with a reason.
//
// x2, x8 and x9 point into the scratch memory (memory operands use them as base); one more register per case
// holds the address of its record.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "frontend/riscv64/rv64_decode.h"
#include "gen.h"

using namespace vm;
using namespace vm::frontend::riscv64;
using fuzz::Code, fuzz::Coverage, fuzz::Options;

namespace {

constexpr fuzz::DataMap kData{.scratch_size = 0x3000};
constexpr u64 kPointer = fuzz::kScratch + 0x1800, kLogEntry = 16 + 256 + 264;
constexpr unsigned kRecord = 31 * 8 + 32 * 8 + 8;  // x1..x31, f0..f31, fcsr

/// Encodings that are not drawn but stand in fixed places: the system calls that print the results, the traps
/// of --faults.
const std::set<Insn> kNotDrawn{Insn::ECALL, Insn::EBREAK, Insn::C_EBREAK};
/// What QEMU 7.2 does not have: compared between our tiers only.
const std::set<Ext> kNotInQemu{Zicond, Zfa,   Zacas, Zcb,       Zicbom, Zicbop,
                               Zicboz, Zimop, Zcmop, Zihintntl, Zawrs};

/// What QEMU 7.2 gets wrong, with the difference seen: not drawn for programs that QEMU runs.
const std::map<std::string, std::string> kWrongInQemu{
    {"CTZW", "QEMU 7.2 gives 63 where the low word is 0 (the manual: 32)"},
};

u64 next(u64* s) { return fuzz::next_random(s); }

class Assembler {
  public:
    explicit Assembler(Code& code) : code_(code) {}
    u64 pc() const { return code_.pc(); }
    size_t size() const { return code_.bytes.size(); }
    void word(u32 w) { code_.word(w); }
    void raw(u32 w, unsigned length) { code_.raw(w, length); }
    void itype(u32 op, u32 f3, u32 rd, u32 rs1, i64 imm) {
        word(op | rd << 7 | f3 << 12 | rs1 << 15 | static_cast<u32>(imm & 0xfff) << 20);
    }
    void stype(u32 op, u32 f3, u32 rs1, u32 rs2, i64 imm) {
        word(op | static_cast<u32>(imm & 31) << 7 | f3 << 12 | rs1 << 15 | rs2 << 20 |
             static_cast<u32>((imm >> 5) & 0x7f) << 25);
    }
    /// rd = absolute address below 2 GiB
    void address(u32 rd, u64 a) {
        const i64 lo = sext(a, 12);
        word(0x37 | rd << 7 | static_cast<u32>((a - static_cast<u64>(lo)) & 0xfffff000));
        itype(0x1b, 0, rd, rd, lo);  // addiw
    }
    void ld(u32 rd, u32 base, i64 off) { itype(0x03, 3, rd, base, off); }
    void sd(u32 rs, u32 base, i64 off) { stype(0x23, 3, base, rs, off); }
    void fld(u32 rd, u32 base, i64 off) { itype(0x07, 3, rd, base, off); }
    void fsd(u32 rs, u32 base, i64 off) { stype(0x27, 3, base, rs, off); }
    void patch(size_t at, u32 w, unsigned length) { code_.patch(at, w, length); }

  private:
    Code& code_;
};

u32 put(u32 word, u64 imm, unsigned imm_hi, unsigned imm_lo, unsigned at) {
    const u32 n = imm_hi - imm_lo + 1, mask = ((1u << n) - 1) << at;
    return (word & ~mask) | static_cast<u32>(bits(imm, imm_hi, imm_lo)) << at;
}
/// `w` with its branch offset replaced.
u32 with_offset(Insn id, u32 w, u64 o) {
    const std::string_view n = info(id).name;
    if (n == "JAL") return put(put(put(put(w, o, 20, 20, 31), o, 10, 1, 21), o, 11, 11, 20), o, 19, 12, 12);
    if (n == "C_J") {
        w = put(put(put(put(w, o, 11, 11, 12), o, 4, 4, 11), o, 9, 8, 9), o, 10, 10, 8);
        return put(put(put(put(w, o, 6, 6, 7), o, 7, 7, 6), o, 3, 1, 3), o, 5, 5, 2);
    }
    if (n == "C_BEQZ" || n == "C_BNEZ")
        return put(put(put(put(put(w, o, 8, 8, 12), o, 4, 3, 10), o, 7, 6, 5), o, 2, 1, 3), o, 5, 5, 2);
    return put(put(put(put(w, o, 12, 12, 31), o, 10, 5, 25), o, 4, 1, 8), o, 11, 11, 7);
}

unsigned number(Insn id) { return static_cast<unsigned>(id); }
bool is_branch(Insn base) { return base >= Insn::BEQ && base <= Insn::BGEU; }
bool contains(std::string_view s, std::string_view what) { return s.find(what) != std::string_view::npos; }

/// One case: draws instructions that fit the frame and emits them.
class CaseWriter {
  public:
    CaseWriter(Assembler& a, const Options& o, const std::vector<Insn>& pool, Coverage& coverage)
        : a_(a), o_(o), pool_(pool), coverage_(coverage) {}

    void write(unsigned index, std::vector<u8>& inputs, u64 input_addr, u64 outputs) {
        rng_ = o_.seed * 1000003 + index;
        next(&rng_);
        do table_ = static_cast<u32>(1 + next(&rng_) % 31);
        while (table_ == 2 || table_ == 8 || table_ == 9);
        make_inputs(inputs);
        a_.address(table_, input_addr);
        const u32 tmp = table_ == 1 ? 3 : 1;
        a_.ld(tmp, table_, kRecord - 8);
        a_.itype(0x73, 1, 0, tmp, 3);  // csrw fcsr
        for (u32 f = 0; f < 32; f++) a_.fld(f, table_, 248 + 8 * f);
        for (u32 x = 1; x < 32; x++)
            if (x != table_) a_.ld(x, table_, 8 * (x - 1));
        body();
        a_.address(table_, outputs);
        for (u32 x = 1; x < 32; x++) a_.sd(x, table_, 8 * (x - 1));
        for (u32 f = 0; f < 32; f++) a_.fsd(f, table_, 248 + 8 * f);
        a_.itype(0x73, 2, tmp, 0, 3);  // csrr fcsr
        a_.sd(tmp, table_, kRecord - 8);
    }

  private:
    struct Pending {
        size_t at;
        Insn id;
        u32 word;
        unsigned length;
        unsigned skip;
    };

    /// The next instruction is executed once if the program reaches its end. With --faults an access may trap
    /// instead, and is not counted.
    void count(Insn id) {
        if (!o_.faults || !contains(info(info(id).base).asm_template, "("))
            coverage_.add(number(id), a_.pc());
    }

    u64 special_int() {
        static const u64 v[] = {0,
                                1,
                                2,
                                ~0ull,
                                0x7fffffff,
                                0x80000000,
                                0xffffffff,
                                0x7fffffffffffffff,
                                0x8000000000000000,
                                0xffffffff80000000,
                                0xff,
                                0x8000,
                                0x5555555555555555,
                                63,
                                64};
        const u64 r = next(&rng_);
        return r % 3 == 0   ? v[(r >> 8) % std::size(v)]
               : r % 3 == 1 ? next(&rng_) >> (r >> 8) % 64
                            : next(&rng_);
    }
    u64 special_float() {
        static const u64 d[] = {0,
                                0x8000000000000000,
                                0x3ff0000000000000,
                                0xbff0000000000000,
                                0x7ff0000000000000,
                                0xfff0000000000000,
                                0x7ff8000000000000,
                                0x7ff0000000000001,
                                0xfff8000000000123,
                                1,
                                0x000fffffffffffff,
                                0x0010000000000000,
                                0x7fefffffffffffff,
                                0x3fe0000000000000,
                                0x41e0000000000000,
                                0xc1e0000000000000,
                                0x43e0000000000000,
                                0x4340000000000000,
                                0x3ff8000000000000,
                                0x4004000000000000};
        static const u32 s[] = {0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000,
                                0x7fc00000, 0x7f800001, 1,          0x007fffff, 0x00800000, 0x7f7fffff,
                                0x4f000000, 0xcf000000, 0x5f000000, 0x3fc00000, 0x40200000};
        static const u32 h[] = {0,      0x8000, 0x3c00, 0xbc00, 0x7c00, 0xfc00, 0x7e00,
                                0x7c01, 1,      0x3ff,  0x400,  0x7bff, 0x3e00, 0x4100};
        const u64 r = next(&rng_);
        switch (r % 8) {
            case 0:
            case 1: return d[(r >> 8) % std::size(d)];
            case 2: return 0xffffffff00000000 | s[(r >> 8) % std::size(s)];
            case 3: return 0xffffffffffff0000 | h[(r >> 8) % std::size(h)];
            case 4: return 0xffffffff00000000 | static_cast<u32>(next(&rng_));
            case 5: return (0x3ffull + (r >> 8) % 80 - 40) << 52 | next(&rng_) >> 12;
            case 6: return 0xffffffff00000000 | ((127 + (r >> 8) % 40 - 20) << 23 | (next(&rng_) & 0x7fffff));
            default: return next(&rng_);
        }
    }
    void make_inputs(std::vector<u8>& inputs) {
        u64 record[kRecord / 8];
        for (unsigned x = 1; x < 32; x++) record[x - 1] = special_int();
        record[1] = kPointer, record[7] = kPointer + 64 * (next(&rng_) % 4),
        record[8] = kPointer - 16 * (next(&rng_) % 8);
        if (o_.faults)
            for (unsigned r : {2u, 8u, 9u})
                if (next(&rng_) % 2)
                    record[r - 1] = fuzz::kForbidden + 0x1000 * (next(&rng_) % 16) + 64 * (next(&rng_) % 8);
        for (unsigned f = 0; f < 32; f++) record[31 + f] = special_float();
        record[63] = (next(&rng_) % 5) << 5 | (next(&rng_) & 31);
        const auto* p = reinterpret_cast<const u8*>(record);
        inputs.insert(inputs.end(), p, p + sizeof record);
    }

    bool reserved(u32 r) const { return r == table_ || r == 2 || r == 8 || r == 9; }
    static bool pointer(u32 r) { return r == 2 || r == 8 || r == 9; }

    /// May this instruction stand in the body as it is?
    bool fits(const Decoded& d) const {
        const std::string_view base = info(d.base).name;
        // c.addi16sp moves the stack pointer by at most 512 bytes: it stays inside the scratch area
        if (d.id != Insn::C_ADDI16SP && !contains(info(d.base).asm_template, "{fd}") && reserved(d.rd))
            return false;
        if (base == "AMOCAS_Q" && reserved((d.rd + 1u) & 31)) return false;
        const bool memory =
            contains(info(d.base).asm_template, "({rs1})") && base != "JALR" && !base.starts_with("PREFETCH");
        if (memory && !pointer(d.rs1)) return false;
        if (base.starts_with("CSRR")) return fits_csr(d, base);
        return true;
    }
    static bool fits_csr(const Decoded& d, std::string_view base) {
        if (d.csr < 1 || d.csr > 3) return false;
        if (d.csr == 1) return true;
        if (base == "CSRRWI") return d.csr == 3 || d.imm <= 4;
        return (base == "CSRRS" || base == "CSRRC")
                   ? d.rs1 == 0
                   : base != "CSRRW" && d.imm == 0;  // CSRRSI, CSRRCI of nothing
    }

    bool draw(Insn id, Decoded* d) {
        for (int tries = 0; tries < 4000; tries++) {
            u32 w = random_encoding(id, &rng_);
            if (contains(info(id).name, "CSRR"))
                w = (w & 0xfffff) | static_cast<u32>(1 + next(&rng_) % 3) << 20;
            *d = decode(w, ~u64{0});
            if (d->id == id && fits(*d)) return true;
        }
        return false;
    }

    void body() {
        std::vector<size_t> starts;
        std::vector<Pending> pending;
        unsigned shadow = 0;  // instructions that a branch may skip are not counted as covered
        for (unsigned n = 0; n < o_.length; n++) {
            const Insn id = pool_[next(&rng_) % pool_.size()];
            Decoded d;
            if (!draw(id, &d)) continue;
            const u64 choice = next(&rng_);
            static constexpr u32 kTraps[] = {0x00100073, 0x9002, 0x0000,
                                             0xffffffff};  // ebreak, c.ebreak, two undefined
            const u32 trap = kTraps[choice >> 20 & 3];
            const bool dropped = o_.only_case >= 0 && o_.drop.contains(n);
            starts.push_back(a_.size());
            if (dropped) continue;
            if (o_.faults && (choice >> 10) % 24 == 0) {
                if (o_.list) std::printf("%3u  trap %#x\n", n, trap);
                if (!shadow && trap == kTraps[0]) coverage_.add(number(Insn::EBREAK), a_.pc());
                if (!shadow && trap == kTraps[1]) coverage_.add(number(Insn::C_EBREAK), a_.pc());
                if (shadow) shadow--;
                a_.raw(trap, (trap & 3) == 3 ? 4 : 2);
                continue;
            }
            if (o_.list) std::printf("%3u  %s\n", n, disassemble(d, a_.pc()).c_str());
            const bool sure = !shadow;
            if (shadow) shadow--;
            emit(d, choice, pending, static_cast<unsigned>(starts.size()), sure, &shadow);
        }
        for (unsigned i = 0; i < 4; i++) starts.push_back(a_.size());
        for (const Pending& p : pending) {
            const size_t to = starts[std::min<size_t>(p.skip, starts.size() - 1)];
            if (info(p.id).base == Insn::JALR)
                patch_indirect(p, to);
            else
                a_.patch(p.at, with_offset(p.id, p.word, to - p.at), p.length);
        }
    }

    /// `sure`: no branch leads past it. `*shadow`: how many of the instructions that follow a branch may
    /// skip.
    void emit(const Decoded& d, u64 choice, std::vector<Pending>& pending, unsigned index, bool sure,
              unsigned* shadow) {
        const unsigned skip = static_cast<unsigned>(choice % 3);
        if (d.base == Insn::JALR) {
            // auipc T; addi T,T,x; jalr rd, imm(T): the target is patched into the addi
            if (reserved(d.rs1) || d.rs1 == 0) return a_.word(0x13);
            pending.push_back({a_.size(), d.id, static_cast<u32>(d.imm), d.rs1, index + skip});
            a_.word(0x17 | u32{d.rs1} << 7);
            a_.itype(0x13, 0, d.rs1, d.rs1, 0);
            if (sure) coverage_.add(number(d.id), a_.pc());
            a_.raw(d.bits, d.length);
            *shadow = std::max(*shadow, skip);
            return;
        }
        if (is_branch(d.base) || d.base == Insn::JAL) {
            pending.push_back({a_.size(), d.id, d.bits, d.length, index + skip});
            *shadow = std::max(*shadow, skip);
        }
        if (sure) count(d.id);
        a_.raw(d.bits, d.length);
        const std::string_view name = info(d.id).name;
        if (name.starts_with(
                "LR_")) {  // its store-conditional follows at once: anything between may lose the reservation
            Decoded sc;
            const Insn id = name == "LR_W" ? Insn::SC_W : Insn::SC_D;
            do {
                if (!draw(id, &sc)) return;
            } while (sc.rs1 != d.rs1);
            if (sure) count(sc.id);
            a_.word(sc.bits);
        }
    }
    void patch_indirect(const Pending& p, size_t to) {
        const i64 offset = static_cast<i64>(to - p.at) - static_cast<i64>(static_cast<i32>(p.word));
        // p.length holds the register. JALR clears bit 0 of the sum, so an odd immediate is fine.
        const i64 hi = (offset + 0x800) >> 12, lo = offset - (hi << 12);
        const u32 r = p.length;
        a_.patch(p.at, 0x17 | r << 7 | static_cast<u32>(hi & 0xfffff) << 12, 4);
        a_.patch(p.at + 4, 0x13 | r << 7 | r << 15 | static_cast<u32>(lo & 0xfff) << 20, 4);
    }

    Assembler& a_;
    const Options& o_;
    const std::vector<Insn>& pool_;
    Coverage& coverage_;
    u64 rng_ = 0;
    u32 table_ = 31;
};

/// Signal handler (a0 signal, a1 siginfo, a2 ucontext) and the calls that install it.
void write_handler(Assembler& a) {
    constexpr u32 t0 = 5, t1 = 6, t2 = 7, a0 = 10, a1 = 11, a2 = 12, a7 = 17;
    const size_t jump = a.size();
    a.word(0x6f);  // j over the handler
    const u64 handler = a.pc();
    a.address(t0, kData.log_pointer());
    a.ld(t1, t0, 0);
    a.sd(a0, t1, 0);
    a.ld(t2, a1, 16);
    a.sd(t2, t1, 8);
    for (u32 i = 0; i < 65; i++) {  // pc, x1..x31, f0..f31, fcsr
        a.ld(t2, a2, 176 + 8 * i);
        if (i == 64) a.itype(0x1b, 0, t2, t2, 0);
        a.sd(t2, t1, 16 + 8 * i);
    }
    a.itype(0x13, 0, t1, t1, kLogEntry);
    a.sd(t1, t0, 0);
    a.ld(t0, a2, 176);
    a.itype(0x03, 5, t1, t0, 0);  // lhu
    a.itype(0x13, 7, t1, t1, 3);  // andi
    a.itype(0x13, 0, t2, 0, 3);
    a.itype(0x13, 0, t0, t0, 2);
    a.word(with_offset(Insn::BNE, 0x1063 | t1 << 15 | t2 << 20, 8));
    a.itype(0x13, 0, t0, t0, 2);
    a.sd(t0, a2, 176);
    a.word(0x8067);  // ret
    a.patch(jump, with_offset(Insn::JAL, 0x6f, a.size() - jump), 4);
    auto call = [&](i64 nr) { a.itype(0x13, 0, a7, 0, nr), a.word(0x73); };
    a.address(t0, kData.sigaction());  // {handler, flags, mask} and, behind, a stack_t
    a.address(t1, handler), a.sd(t1, t0, 0);
    a.address(t1, 0x08000004), a.sd(t1, t0, 8);  // SA_ONSTACK | SA_SIGINFO
    a.sd(0, t0, 16);
    a.address(t1, kData.signal_stack()), a.sd(t1, t0, 32);
    a.sd(0, t0, 40);
    a.address(t1, fuzz::kSignalStackSize), a.sd(t1, t0, 48);
    a.address(t2, kData.log_pointer()), a.address(t1, fuzz::kLog), a.sd(t1, t2, 0);
    a.itype(0x13, 0, a0, t0, 32), a.itype(0x13, 0, a1, 0, 0), call(132);  // sigaltstack
    for (int sig : {4, 5, 7, 11}) {
        a.address(t0, kData.sigaction());
        a.itype(0x13, 0, a0, 0, sig), a.itype(0x13, 0, a1, t0, 0), a.itype(0x13, 0, a2, 0, 0),
            a.itype(0x13, 0, 13, 0, 8), call(134);
    }
    // the log: mmap(kLog, fuzz::kLogSize, RW, PRIVATE|FIXED|ANONYMOUS, -1, 0)
    a.address(a0, fuzz::kLog), a.address(a1, fuzz::kLogSize), a.itype(0x13, 0, a2, 0, 3),
        a.itype(0x13, 0, 13, 0, 0x32), a.itype(0x13, 0, 14, 0, -1);
    a.itype(0x13, 0, 15, 0, 0), call(222);
}

class Rv64Generator : public fuzz::Generator {
  public:
    explicit Rv64Generator(const Options& o) : a_(code), writer_(a_, o, pool_, coverage) {
        for (unsigned i = 1; i < encodings(); i++)
            if (!kNotDrawn.contains(static_cast<Insn>(i)) && !(o.qemu && !not_in_qemu(i).empty()) &&
                (o.only.empty() || o.only.contains(name(i))))
                pool_.push_back(static_cast<Insn>(i));
    }
    std::string_view isa() const override { return "riscv64"; }
    unsigned encodings() const override { return number(Insn::Count_); }
    std::string_view name(unsigned id) const override { return info(static_cast<Insn>(id)).name; }
    std::string_view extension(unsigned id) const override {
        return ext_name(info(static_cast<Insn>(id)).ext);
    }
    std::string not_in_qemu(unsigned id) const override {
        if (kNotInQemu.contains(info(static_cast<Insn>(id)).ext))
            return "QEMU 7.2 has no " + std::string(extension(id));
        const auto wrong = kWrongInQemu.find(std::string(name(id)));
        return wrong == kWrongInQemu.end() ? "" : wrong->second;
    }
    u16 machine() const override { return 243; }
    u32 elf_flags() const override { return 5; }
    fuzz::DataMap data() const override { return kData; }
    std::vector<fuzz::Field> record() const override {
        std::vector<fuzz::Field> out;
        for (unsigned n = 1; n < 32; n++) out.push_back({"x" + std::to_string(n), 8});
        for (unsigned n = 0; n < 32; n++) out.push_back({"f" + std::to_string(n), 8});
        out.push_back({"fcsr", 8});
        return out;
    }

    void write_handler() override { ::write_handler(a_); }
    void write_case(unsigned index, std::vector<u8>& inputs, u64 input, u64 output) override {
        writer_.write(index, inputs, input, output);
    }
    void write_output(u64 address, u64 size) override {
        a_.itype(0x13, 0, 10, 0, 1), a_.address(11, address), a_.address(12, size), call(64);
    }
    void write_log_output() override {
        a_.itype(0x13, 0, 10, 0, 1), a_.address(11, fuzz::kLog), a_.address(5, kData.log_pointer());
        a_.ld(12, 5, 0), a_.word(0x40b60633);  // sub a2,a2,a1
        call(64);
    }
    void write_exit() override { a_.itype(0x13, 0, 10, 0, 0), call(93); }

  private:
    void call(i64 nr) {
        a_.itype(0x13, 0, 17, 0, nr);
        coverage.add(number(Insn::ECALL), a_.pc());
        a_.word(0x73);
    }

    Assembler a_;
    std::vector<Insn> pool_;
    CaseWriter writer_;
};

}  // namespace

int main(int argc, char** argv) {
    return fuzz::generate(argc, argv,
                          [](const Options& o) -> fuzz::Generator* { return new Rv64Generator(o); });
}
