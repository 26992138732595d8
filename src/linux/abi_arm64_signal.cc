// struct rt_sigframe of arm64 Linux (arch/arm64/kernel/signal.c, uapi asm/{ucontext,sigcontext}.h), its
// sigreturn, and what a frame tells of a fault.
#include <elf.h>

#include <csignal>
#include <cstddef>

#include "frontend/arm64/state.h"
#include "ir/eval.h"
#include "linux/abi_arm64.h"
#include "linux/signal_frame.h"

namespace vm::linux {
namespace {

namespace a64 = frontend::arm64;

constexpr u64 kReserved = 4096;
struct Sigcontext {
    u64 fault_address;
    u64 regs[31];
    u64 sp, pc, pstate;
    alignas(16) u8 reserved[kReserved];
};
struct Ucontext {
    UcontextHead head;
    alignas(16) Sigcontext mcontext;
};
struct RtSigframe {
    SigInfo info;
    Ucontext uc;
};
static_assert(sizeof(Sigcontext) == 288 + kReserved && sizeof(Ucontext) == 4560 &&
              sizeof(RtSigframe) == 4688);
constexpr u64 kReservedAt = offsetof(RtSigframe, uc.mcontext.reserved);

/// What begins every record of the reserved area.
struct Context {
    u32 magic, size;
};
constexpr u32 kFpsimdMagic = 0x46508001, kEsrMagic = 0x45535201, kExtraMagic = 0x45585401;
struct FpsimdContext {
    Context head;
    u32 fpsr, fpcr;
    alignas(16) u8 v[32][16];
};
struct EsrContext {
    Context head;
    u64 esr;
};
struct ExtraContext {
    Context head;
    u64 data;
    u32 size, pad[3];
};
static_assert(sizeof(FpsimdContext) == 528 && sizeof(EsrContext) == 16 && sizeof(ExtraContext) == 32);

/// x29 and x30 of the interrupted code: the handler's caller in the chain of frames.
struct FrameRecord {
    u64 fp, lr;
};
static_assert(sizeof(RtSigframe) + sizeof(FrameRecord) + 16 == kArm64LargestFrame);

constexpr unsigned kBtypeShift = 10;

u64 pstate_of(engine::Vcpu& v) {
    return u64{ir::Nzcv::of_word(load_raw<u16>(v.guest() + a64::kNzcvOffset)).bits} << 28 |
           u64{a64::btype_of(v.pc())} << kBtypeShift;
}
u64 pc_of(Thread& t) { return t.abi().untagged(t.vcpu().pc()); }
void set_flags(engine::Vcpu& v, u64 pstate) {
    store_raw<u16>(v.guest() + a64::kNzcvOffset, ir::Nzcv{static_cast<u8>(pstate >> 28 & 15)}.word());
}
/// Goes on at `pc`, as an indirect branch of the kind `btype` would.
void go_to(Thread& t, u64 pc, unsigned btype) {
    static const u64 bti = arm64_features(t.process().engine().isa(), "bti");
    const bool marks = (t.process().options().engine.cpu_features & bti) == bti;
    t.vcpu().set_pc(marks ? t.abi().untagged(pc) | a64::branch_mark(btype) : pc);
}

u32 fpsr_of(engine::Vcpu& v) {
    const u8* qc = v.guest() + a64::kQcOffset;
    const bool saturated = load_raw<u64>(qc) || load_raw<u64>(qc + 8);
    return a64::fpsr_of_flags(static_cast<u8>(v.fp().flags | v.fp().input_denormal)) |
           (saturated ? a64::kFpsrQc : 0);
}
void set_fpsr(engine::Vcpu& v, u32 fpsr) {
    const u8 flags = a64::flags_of_fpsr(fpsr);
    v.fp().input_denormal = flags & ir::kInputDenormal;
    v.fp().flags = flags ^ v.fp().input_denormal;
    store_raw<u64>(v.guest() + a64::kQcOffset, fpsr & a64::kFpsrQc ? 1 : 0);
    store_raw<u64>(v.guest() + a64::kQcOffset + 8, 0);
}
u32 fpcr_of(engine::Vcpu& v) { return static_cast<u32>(v.reg(a64::kFpcrOffset)); }
void set_fpcr(engine::Vcpu& v, u32 fpcr) {
    v.set_reg(a64::kFpcrOffset, fpcr & a64::kFpcrMask);
    v.fp().rounding = static_cast<u8>(a64::round_of_fpcr(fpcr));
}

/// A frame in the making; all but the siginfo.
struct Image {
    Ucontext uc{};
    u64 used = 0;  ///< bytes of the reserved area
    template <class T>
    void append(const T& record) {
        std::memcpy(uc.mcontext.reserved + used, &record, sizeof record);
        used += align_up(sizeof record, 16);
    }
    u64 size() const { return offsetof(Ucontext, mcontext.reserved) + used; }
};

void fill(Thread& t, u64 old_mask, Image& image) {
    engine::Vcpu& v = t.vcpu();
    Sigcontext& m = image.uc.mcontext;
    const u64 sp = v.reg(a64::kSpOffset);
    image.uc.head.stack = altstack_state(t, sp);
    image.uc.head.sigmask = old_mask;
    m.fault_address = t.fault_address;
    for (unsigned i = 0; i < 31; i++) m.regs[i] = v.reg(a64::x_offset(i));
    m.sp = sp;
    m.pc = pc_of(t);
    m.pstate = pstate_of(v);
    FpsimdContext fp{{kFpsimdMagic, sizeof fp}, fpsr_of(v), fpcr_of(v), {}};
    std::memcpy(fp.v, v.guest() + a64::v_offset(0), sizeof fp.v);
    image.append(fp);
    if (t.fault_code) image.append(EsrContext{{kEsrMagic, sizeof(EsrContext)}, t.fault_code});
    image.append(Context{0, 0});
}

/// Finds the FP record; false: not a chain of records as the kernel takes it (parse_user_sigframe).
bool find_fpsimd(Thread& t, u64 frame, FpsimdContext* fp) {
    constexpr u64 kTerminator = 16, kMostExtra = u64{256} << 10;
    u64 base = frame + kReservedAt, limit = kReserved, offset = 0;
    bool found = false, extra_seen = false;
    for (;;) {
        Context head;
        if (limit - offset < sizeof head || offset % 16) return false;
        if (!read_frame(t, base + offset, &head, sizeof head) || limit - offset < head.size) return false;
        switch (head.magic) {
            case 0: return head.size == 0 && found;
            case kFpsimdMagic:
                if (found || head.size != sizeof *fp || !read_frame(t, base + offset, fp, sizeof *fp))
                    return false;
                found = true;
                break;
            case kEsrMagic: break;
            case kExtraMagic: {
                ExtraContext extra;
                Context end;
                const u64 next = base + offset + head.size;
                if (extra_seen || head.size < sizeof extra || limit - offset - head.size < kTerminator ||
                    !read_frame(t, base + offset, &extra, sizeof extra) ||
                    !read_frame(t, next, &end, sizeof end) || end.magic || end.size)
                    return false;
                extra_seen = true;
                if (extra.data % 16 || extra.size % 16 || extra.data != next + kTerminator ||
                    extra.size > frame + kMostExtra - extra.data)
                    return false;
                base = extra.data;
                limit = extra.size;
                offset = 0;
                continue;
            }
            default: return false;  // a state that this CPU does not have
        }
        if (head.size < sizeof head) return false;
        offset += head.size;
    }
}

// ---- faults

// Arm ARM, ESR_EL1: exception class, instruction length, fault status.
constexpr u64 kEcInstructionAbort = 0x20, kEcPcAlignment = 0x22, kEcPacFail = 0x1c, kEcBti = 0x0d,
              kEcDataAbort = 0x24, kEcSpAlignment = 0x26;
constexpr u64 kIl = 1 << 25, kWnr = 1 << 6;
constexpr u64 kTranslation0 = 4, kTranslation3 = 7, kPermission3 = 15, kAlignment = 33;
constexpr u64 syndrome(u64 exception_class, u64 iss) { return exception_class << 26 | kIl | iss; }

/// Where the tables of Linux would end the walk: user addresses that are not mapped, or mapped without any
/// permission, at level 3; the upper half, which is not told more of, as at level 0.
u64 fault_status(Thread& t, u64 addr) {
    if (addr >> 55 & 1) return kTranslation0;
    return t.mm().prot_at(addr) > 0 ? kPermission3 : kTranslation3;
}

}  // namespace

std::optional<i32> arm64_note_fault(Thread& t, engine::Exit& e) {
    // Code for tagged addresses clears the top byte of the upper half's, too.
    if ((e.value >> 55 & 1) && t.vcpu().reg(a64::kTaggedOffset)) e.value |= ~a64::kAddressMask;
    const u64 addr = t.abi().untagged(e.value);
    switch (e.reason) {
        case ir::ExitReason::MemoryFault:
            t.fault_address = addr;
            t.fault_code = syndrome(kEcDataAbort, (e.write ? kWnr : 0) | fault_status(t, addr));
            break;
        case ir::ExitReason::FetchFault:
            t.fault_address = addr;
            t.fault_code = syndrome(kEcInstructionAbort, fault_status(t, addr));
            break;
        case ir::ExitReason::Misaligned:
            // The pc itself, the stack pointer, or the address of an access that must be aligned.
            t.fault_address = 0;
            if (e.value == e.pc && e.pc % 4) {
                t.fault_code = syndrome(kEcPcAlignment, 0);
            } else if (e.value == t.vcpu().reg(a64::kSpOffset) && e.value % 16) {
                t.fault_code = syndrome(kEcSpAlignment, 0);
            } else {
                t.fault_address = addr;
                t.fault_code = syndrome(kEcDataAbort, (e.write ? kWnr : 0) | kAlignment);
            }
            break;
        case ir::ExitReason::Illegal:
            t.fault_address = t.fault_code = 0;
            if (e.value == a64::kBadBranch) t.fault_code = syndrome(kEcBti, a64::btype_of(e.pc));
            if (e.value != a64::kFailedAuthentication) break;
            t.fault_code = syndrome(kEcPacFail, 0);
            return ILL_ILLOPN;
        case ir::ExitReason::Unsupported: t.fault_address = t.fault_code = 0; break;
        default: break;  // a breakpoint leaves what was there
    }
    return std::nullopt;
}

bool arm64_push_signal_frame(Thread& t, int sig, const SigInfo& info, u64 handler, u64 restorer, u64 flags,
                             u64 old_mask) {
    engine::Vcpu& v = t.vcpu();
    Image image;
    fill(t, old_mask, image);
    const u64 top = signal_stack_top(t, v.reg(a64::kSpOffset), flags);
    if (top < kArm64LargestFrame) return false;
    const u64 record = align_down(top - sizeof(FrameRecord), 16), at = record - sizeof(RtSigframe);
    const FrameRecord link{v.reg(a64::x_offset(29)), v.reg(a64::x_offset(30))};
    const u64 context = at + offsetof(RtSigframe, uc);
    if (!write_frame(t, record, &link, sizeof link)) return false;
    if (!write_frame(t, context, &image.uc, image.size())) return false;
    if ((flags & kSaSiginfo) && !write_frame(t, at, &info, sizeof info)) return false;
    disarm_altstack(t);
    v.set_reg(a64::x_offset(0), static_cast<u64>(sig));
    if (flags & kSaSiginfo) {
        v.set_reg(a64::x_offset(1), at);
        v.set_reg(a64::x_offset(2), context);
    }
    v.set_reg(a64::x_offset(29), record);
    v.set_reg(a64::x_offset(30), flags & kSaRestorer ? restorer : t.process().sigreturn);
    v.set_reg(a64::kSpOffset, at);
    go_to(t, handler, a64::kBtypeCall);
    return true;
}

bool arm64_pop_signal_frame(Thread& t, u64* mask) {
    // Only EL0 in 64-bit state, with no exception masked, can have been interrupted.
    constexpr u64 kModeAndMasks = 0x1f | 0x3c0;
    engine::Vcpu& v = t.vcpu();
    const u64 frame = v.reg(a64::kSpOffset);
    Ucontext uc;
    FpsimdContext fp;
    if (frame % 16) return false;
    if (!read_frame(t, frame + offsetof(RtSigframe, uc), &uc, kReservedAt - offsetof(RtSigframe, uc)))
        return false;
    if ((uc.mcontext.pstate & kModeAndMasks) || !find_fpsimd(t, frame, &fp)) return false;
    *mask = uc.head.sigmask;
    for (unsigned i = 0; i < 31; i++) v.set_reg(a64::x_offset(i), uc.mcontext.regs[i]);
    v.set_reg(a64::kSpOffset, uc.mcontext.sp);
    go_to(t, uc.mcontext.pc, static_cast<unsigned>(uc.mcontext.pstate >> kBtypeShift & 3));
    set_flags(v, uc.mcontext.pstate);
    set_fpsr(v, fp.fpsr);
    set_fpcr(v, fp.fpcr);
    std::memcpy(v.guest() + a64::v_offset(0), fp.v, sizeof fp.v);
    set_altstack(t, uc.head.stack, v.reg(a64::kSpOffset));
    return true;
}

/// struct user_pt_regs; struct user_fpsimd_state and the other register sets that the kernel writes.
CoreRegisters arm64_core_registers(Thread& t) {
    engine::Vcpu& v = t.vcpu();
    CoreRegisters r;
    for (unsigned i = 0; i < 31; i++) r.general.push_back(v.reg(a64::x_offset(i)));
    r.general.insert(r.general.end(), {v.reg(a64::kSpOffset), pc_of(t), pstate_of(v)});
    std::vector<u8> fp(528);
    std::memcpy(fp.data(), v.guest() + a64::v_offset(0), 512);
    store_raw<u32>(&fp[512], fpsr_of(v));
    store_raw<u32>(&fp[516], fpcr_of(v));
    r.notes.push_back({"CORE", NT_PRFPREG, std::move(fp)});
    const auto words = [&r](u32 type, std::initializer_list<u64> values) {
        std::vector<u8> bytes;
        for (const u64 w : values) {
            bytes.resize(bytes.size() + 8);
            store_raw<u64>(&bytes[bytes.size() - 8], w);
        }
        r.notes.push_back({"LINUX", type, std::move(bytes)});
    };
    words(NT_ARM_TLS, {v.reg(a64::kTpidrOffset)});
    if (arm64_has(t, "pauth")) {
        // Where an address of 48 bits with a tag above has its authentication code.
        constexpr u64 kPacMask = 0x007f'0000'0000'0000;
        words(NT_ARM_PAC_MASK, {kPacMask, kPacMask});
        words(NT_ARM_PAC_ENABLED_KEYS, {arm64_enabled_keys(t)});
    }
    words(NT_ARM_TAGGED_ADDR_CTRL, {t.takes_tags ? u64{1} : 0});
    return r;
}

}  // namespace vm::linux
