// struct rt_sigframe of riscv64 Linux (arch/riscv/kernel/signal.c, uapi asm/{ucontext,sigcontext,ptrace}.h).
#include "linux/abi_riscv64_signal.h"

#include <elf.h>

#include <array>
#include <cstddef>

#include "linux/signal_frame.h"

namespace vm::linux {
namespace {

struct UserRegs {
    u64 pc;
    u64 x[31];  // x1 … x31
};
/// union __riscv_fp_state: the D state inside the room of Q; `end` (an empty extension header) must be zero.
struct alignas(16) FpState {
    u64 f[32];
    u32 fcsr;
    u32 unused[64];
    u32 end[3];
};
struct Ucontext {
    UcontextHead head;
    alignas(16) UserRegs regs;
    FpState fp;
};
struct RtSigframe {
    SigInfo info;
    Ucontext uc;
};
static_assert(sizeof(UserRegs) == 256 && sizeof(FpState) == 528 && sizeof(RtSigframe) == 1088);
static_assert(offsetof(Ucontext, regs) == 176);
static_assert(offsetof(RtSigframe, uc) + offsetof(Ucontext, regs) == kRiscv64FrameRegs &&
              offsetof(RtSigframe, uc) + offsetof(Ucontext, fp) == kRiscv64FrameFp);

constexpr const char* kIntNames[31] = {"ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0", "a1",
                                       "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5", "s6",
                                       "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
constexpr const char* kFpNames[32] = {"ft0", "ft1", "ft2",  "ft3",  "ft4", "ft5", "ft6",  "ft7",
                                      "fs0", "fs1", "fa0",  "fa1",  "fa2", "fa3", "fa4",  "fa5",
                                      "fa6", "fa7", "fs2",  "fs3",  "fs4", "fs5", "fs6",  "fs7",
                                      "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11"};
constexpr unsigned kRa = 0, kSp = 1, kA0 = 9;

struct Offsets {
    std::array<u16, 31> x;
    std::array<u16, 32> f;
};
/// Where the front end keeps the registers, by their names in its layout.
const Offsets& offsets(const ir::StateLayout& layout) {
    static const Offsets found = [&layout] {
        Offsets o{};
        const auto find = [&layout](std::string_view name) -> u16 {
            for (const auto& s : layout.slots)
                if (s.name == name) return s.offset;
            return 0;
        };
        for (unsigned i = 0; i < 31; i++) o.x[i] = find(kIntNames[i]);
        for (unsigned i = 0; i < 32; i++) o.f[i] = find(kFpNames[i]);
        return o;
    }();
    return found;
}
const Offsets& offsets(Thread& t) { return offsets(*t.process().engine().isa().layout); }

}  // namespace

bool riscv64_push_signal_frame(Thread& t, int sig, const SigInfo& info, u64 handler, u64, u64 flags,
                               u64 old_mask) {
    const Offsets& o = offsets(t);
    engine::Vcpu& v = t.vcpu();
    RtSigframe frame{};
    frame.info = info;
    const u64 sp = v.reg(o.x[kSp]);
    frame.uc.head.stack = altstack_state(t, sp);
    frame.uc.head.sigmask = old_mask;
    frame.uc.regs.pc = v.pc();
    for (unsigned i = 0; i < 31; i++) frame.uc.regs.x[i] = v.reg(o.x[i]);
    for (unsigned i = 0; i < 32; i++) frame.uc.fp.f[i] = v.reg(o.f[i]);
    frame.uc.fp.fcsr = static_cast<u32>((v.fp().rounding & 7) << 5 | (v.fp().flags & 31));

    const u64 top = signal_stack_top(t, sp, flags);
    if (top < sizeof frame + 16) return false;
    const u64 at = align_down(top - sizeof frame, 16);
    // A handler that overflows the alternate stack it runs on must not write below it.
    if (on_altstack(t, sp) && !on_altstack(t, at)) return false;
    if (!write_frame(t, at, &frame, sizeof frame)) return false;
    disarm_altstack(t);
    v.set_reg(o.x[kRa], t.process().sigreturn);
    v.set_reg(o.x[kSp], at);
    v.set_reg(o.x[kA0], static_cast<u64>(sig));
    v.set_reg(o.x[kA0 + 1], at + offsetof(RtSigframe, info));
    v.set_reg(o.x[kA0 + 2], at + offsetof(RtSigframe, uc));
    v.set_pc(handler);
    return true;
}

/// struct user_regs_struct; f0 … f31, fcsr (ELF_NFPREG).
CoreRegisters riscv64_core_registers(Thread& t) {
    const Offsets& o = offsets(t);
    engine::Vcpu& v = t.vcpu();
    CoreRegisters r{{v.pc()}, {{"CORE", NT_PRFPREG, std::vector<u8>(33 * 8)}}};
    for (const u16 at : o.x) r.general.push_back(v.reg(at));
    u8* fp = r.notes[0].bytes.data();
    for (unsigned i = 0; i < 32; i++) store_raw<u64>(fp + 8 * i, v.reg(o.f[i]));
    store_raw<u64>(fp + 8 * 32, (v.fp().rounding & 7) << 5 | (v.fp().flags & 31));
    return r;
}

bool riscv64_pop_signal_frame(Thread& t, u64* mask) {
    const Offsets& o = offsets(t);
    engine::Vcpu& v = t.vcpu();
    RtSigframe frame;
    if (!read_frame(t, v.reg(o.x[kSp]), &frame, sizeof frame)) return false;
    for (const u32 word : frame.uc.fp.end)
        if (word) return false;
    *mask = frame.uc.head.sigmask;
    for (unsigned i = 0; i < 31; i++) v.set_reg(o.x[i], frame.uc.regs.x[i]);
    for (unsigned i = 0; i < 32; i++) v.set_reg(o.f[i], frame.uc.fp.f[i]);
    v.fp().rounding = (frame.uc.fp.fcsr >> 5) & 7;
    v.fp().flags = frame.uc.fp.fcsr & 31;
    v.set_pc(frame.uc.regs.pc & ~u64{1});
    set_altstack(t, frame.uc.head.stack, v.reg(o.x[kSp]));
    return true;
}

}  // namespace vm::linux
