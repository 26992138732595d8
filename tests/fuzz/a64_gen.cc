// The AArch64 part of the generator (gen.h): the program around the cases of a64_cases.h. Every encoding of
// the table takes part unless a64_oracles.h names it with a reason.
#include <cstring>

#include "a64_cases.h"
#include "a64_oracles.h"
#include "gen.h"

using namespace vm;
using namespace vm::fuzz::a64;
using fuzz::Options;

namespace {

constexpr u64 kRecord = (sizeof(State) + 15) / 16 * 16;
constexpr u64 kSpAt = 248, kVectorsAt = 256, kFlagsAt = 768;
/// Signal, si_addr, x0 … x30, sp, pc, pstate, FPSR and FPCR, padding, v0 … v31.
constexpr u64 kLogEntry = 16 + 34 * 8 + 16 + 512;
/// Of a signal frame's ucontext (Linux, arch/arm64/include/uapi/asm/sigcontext.h): the registers, pc, and the
/// record of the vector registers, which is the first one.
constexpr u32 kUcRegisters = 184, kUcPc = 440, kUcFpsr = 472, kUcVectors = 480;

class A64Generator : public fuzz::Generator {
  public:
    explicit A64Generator(const Options& o)
        : pool_(pool(o.qemu ? Oracle::Qemu : Oracle::Programs, o.only)),
          cases_(code, coverage, o, limits_, pool_) {}

    std::string_view isa() const override { return "arm64"; }
    unsigned encodings() const override { return static_cast<unsigned>(arm64::Insn::Count_); }
    std::string_view name(unsigned id) const override { return info(static_cast<arm64::Insn>(id)).name; }
    std::string_view extension(unsigned id) const override {
        return ext_name(info(static_cast<arm64::Insn>(id)).ext);
    }
    std::string not_in_qemu(unsigned id) const override {
        return excluded(static_cast<arm64::Insn>(id), Oracle::Qemu);
    }
    u16 machine() const override { return 183; }
    fuzz::DataMap data() const override { return kData; }
    std::vector<fuzz::Field> record() const override;
    void write_handler() override;
    void write_case(unsigned index, std::vector<u8>& inputs, u64 input, u64 output) override;
    void write_output(u64 address, u64 size) override {
        constant(0, 1), constant(1, address), constant(2, size), call(64);
    }
    void write_log_output() override {
        constant(0, 1), constant(1, fuzz::kLog), constant(3, kData.log_pointer());
        ldr(2, 3, 0);
        code.word(0xcb010042);  // SUB x2, x2, x1
        call(64);
    }
    void write_exit() override { constant(0, 0), call(93); }

  private:
    void constant(u32 rd, u64 value) {
        code.word(0xd2800000 | static_cast<u32>(value & 0xffff) << 5 | rd);
        if (value >> 16) code.word(0xf2a00000 | static_cast<u32>(value >> 16 & 0xffff) << 5 | rd);
    }
    void ldr(u32 rt, u32 rn, u64 offset) {
        code.word(0xf9400000 | static_cast<u32>(offset / 8) << 10 | rn << 5 | rt);
    }
    void str(u32 rt, u32 rn, u64 offset) {
        code.word(0xf9000000 | static_cast<u32>(offset / 8) << 10 | rn << 5 | rt);
    }
    void str_q(u32 rt, u32 rn, u64 offset) {
        code.word(0x3d800000 | static_cast<u32>(offset / 16) << 10 | rn << 5 | rt);
    }
    void ldr_q(u32 rt, u32 rn, u64 offset) {
        code.word(0x3dc00000 | static_cast<u32>(offset / 16) << 10 | rn << 5 | rt);
    }
    void mrs(u32 rt, u32 r) { code.word(with_system_register(0xd5300000 | rt, r)); }
    void msr(u32 r, u32 rt) { code.word(with_system_register(0xd5100000 | rt, r)); }
    void add(u32 rd, u32 rn, u32 imm) { code.word(0x91000000 | imm << 10 | rn << 5 | rd); }
    void call(u64 number) {
        constant(8, number);
        coverage.add(static_cast<unsigned>(arm64::decode(kSvc, ~u64{0}).id), code.pc());
        code.word(kSvc);
    }
    static constexpr u32 kSvc = 0xd4000001;

    Limits limits_;
    std::vector<arm64::Insn> pool_;
    CaseMaker cases_;
};

std::vector<fuzz::Field> A64Generator::record() const {
    std::vector<fuzz::Field> out;
    for (unsigned n = 0; n < 31; n++) out.push_back({"x" + std::to_string(n), 8});
    out.push_back({"sp", 8});
    for (unsigned n = 0; n < 32; n++) out.push_back({"v" + std::to_string(n), 16});
    for (const char* name : {"nzcv", "fpcr", "fpsr", "(padding)"}) out.push_back({name, 8});
    return out;
}

void A64Generator::write_case(unsigned index, std::vector<u8>& inputs, u64 input, u64 output) {
    cases_.begin(index);
    const u32 t = cases_.scratch_register(), tmp = t == 0 ? 1 : 0;
    const auto* bytes = reinterpret_cast<const u8*>(&cases_.inputs());
    inputs.insert(inputs.end(), bytes, bytes + sizeof(State));
    inputs.resize(inputs.size() + kRecord - sizeof(State));

    constant(t, input);
    const u32 flags[] = {kNzcv, kFpcr, kFpsr};
    for (u32 i = 0; i < 3; i++) ldr(tmp, t, kFlagsAt + 8 * i), msr(flags[i], tmp);
    msr(kTpidrEl0, 31);
    ldr(tmp, t, kSpAt);
    add(fuzz::a64::kSp, tmp, 0);
    for (u32 v = 0; v < 32; v++) ldr_q(v, t, kVectorsAt + 16 * v);
    for (u32 x = 0; x < 31; x++)
        if (x != t) ldr(x, t, 8 * x);
    cases_.body();
    constant(t, output);
    for (u32 x = 0; x < 31; x++)
        if (x != t) str(x, t, 8 * x);
    for (u32 v = 0; v < 32; v++) str_q(v, t, kVectorsAt + 16 * v);
    for (u32 i = 0; i < 3; i++) mrs(tmp, flags[i]), str(tmp, t, kFlagsAt + 8 * i);
    add(tmp, fuzz::a64::kSp, 0);
    str(tmp, t, kSpAt);
}

/// Signal handler (x0 signal, x1 siginfo, x2 ucontext) and the calls that install it.
void A64Generator::write_handler() {
    const size_t jump = code.bytes.size();
    code.word(0x14000000);  // B over the handler
    const u64 handler = code.pc();
    constant(3, kData.log_pointer());
    ldr(4, 3, 0);
    str(0, 4, 0);
    ldr(5, 1, 16);  // si_addr
    str(5, 4, 8);
    for (u32 i = 0; i < 34; i++) {
        ldr(5, 2, kUcRegisters + 8 * i);
        if (i == 33) code.word(0x92440ca5);  // AND x5, x5, #0xf0000000
        str(5, 4, 16 + 8 * i);
    }
    ldr(5, 2, kUcFpsr);
    str(5, 4, 16 + 34 * 8);
    str(31, 4, 24 + 34 * 8);
    add(6, 2, kUcVectors);
    for (u32 v = 0; v < 32; v++) ldr_q(0, 6, 16 * v), str_q(0, 4, 32 + 34 * 8 + 16 * v);
    add(4, 4, kLogEntry);
    str(4, 3, 0);
    ldr(5, 2, kUcPc);
    add(5, 5, 4);
    str(5, 2, kUcPc);
    code.word(0xd65f03c0);  // RET
    const u64 restorer = code.pc();
    constant(8, 139), code.word(kSvc);  // rt_sigreturn
    code.patch(jump, with_offset(0x14000000, static_cast<i64>(code.bytes.size() - jump)));

    constant(9, kData.sigaction());  // {handler, flags, restorer, mask} and, behind, a stack_t
    constant(10, handler), str(10, 9, 0);
    constant(10, 0x0c000004), str(10, 9, 8);  // SA_ONSTACK | SA_RESTORER | SA_SIGINFO
    constant(10, restorer), str(10, 9, 16);
    str(31, 9, 24);
    constant(10, kData.signal_stack()), str(10, 9, 64);
    str(31, 9, 72);
    constant(10, fuzz::kSignalStackSize), str(10, 9, 80);
    constant(10, fuzz::kLog), constant(11, kData.log_pointer()), str(10, 11, 0);
    add(0, 9, 64), constant(1, 0), call(132);  // sigaltstack
    for (const u32 signal : {4u, 5u, 7u, 11u})
        constant(0, signal), add(1, 9, 0), constant(2, 0), constant(3, 8), call(134);  // rt_sigaction
    // the log: mmap(kLog, kLogSize, RW, PRIVATE|FIXED|ANONYMOUS, -1, 0)
    constant(0, fuzz::kLog), constant(1, fuzz::kLogSize), constant(2, 3), constant(3, 0x32);
    code.word(0x92800004);  // MOV x4, #-1
    constant(5, 0), call(222);
}

}  // namespace

int main(int argc, char** argv) {
    return fuzz::generate(argc, argv,
                          [](const Options& o) -> fuzz::Generator* { return new A64Generator(o); });
}
