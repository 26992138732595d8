// Hints, barriers, cache maintenance, system registers, FlagM2. Manual: "System instructions", "The A64
// System Instruction Class", and Linux, "ARM64 CPU Feature Registers", for what a program at EL0 may read.
#include "frontend/arm64/id_registers.h"
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {

using ir::Cond;
using ir::ExitReason;
using ir::FenceKind;

// --- hints. Unallocated ones do nothing.
bool Translator::HINT(const Decoded&) { return true; }
bool Translator::BTI(const Decoded&) { return true; }
// In spin loops, where an exit would cost more than it saves.
bool Translator::YIELD(const Decoded&) {
    b.fence(FenceKind::Compiler);
    return true;
}
// They may end at any time.
bool Translator::WFE(const Decoded&) {
    b.exit(ExitReason::Wait, next());
    return true;
}
bool Translator::WFI(const Decoded& d) { return WFE(d); }

// --- barriers
bool Translator::CLREX(const Decoded&) {
    b.emit({.op = Op::DropReservation});
    return true;
}

/// CRm: bits 3..2 domain (which makes no difference here), 1..0 access: 1 loads before all, 2 stores before
/// stores.
bool Translator::DMB(const Decoded& d) {
    constexpr FenceKind by_access[] = {FenceKind::Full, FenceKind::Acquire, FenceKind::StoreStore,
                                       FenceKind::Full};
    b.fence(by_access[d.imm & 3]);
    return true;
}
bool Translator::DSB(const Decoded& d) { return DMB(d); }
bool Translator::SB(const Decoded&) {
    b.fence(FenceKind::Compiler);
    return true;
}
// What IC IVAU announced is in force at once, so there is nothing left to synchronize.
bool Translator::ISB(const Decoded& d) { return SB(d); }

// --- caches
bool Translator::DC_ZVA(const Decoded& d) {
    const Value block = b.and_(untagged(x(d.rt)), b.c64(~(kCacheLine - 1)));
    const Value zero = zero_vector();
    for (u64 i = 0; i < kCacheLine; i += 16) b.store(Type::V128, block, static_cast<i64>(i), zero);
    return true;
}
// Caches are coherent here; what remains is the fault on an address that may not be read.
bool Translator::DC_CVAC(const Decoded& d) {
    load(Type::I64, Type::I8, x(d.rt), 0, false);
    return true;
}
// The line's address with log2 of its size in the low bits: see ExitReason::CodeSync.
bool Translator::IC_IVAU(const Decoded& d) {
    constexpr u64 kLog2 = std::bit_width(kCacheLine) - 1;
    const Value line = b.and_(untagged(x(d.rt)), b.c64(~(kCacheLine - 1)));
    b.trap_if(b.constant(Type::I1, 1), ExitReason::CodeSync, b.or_(line, b.c64(kLog2)), next());
    if (!b.terminated()) b.exit(ExitReason::CodeSync, next());
    return true;
}

// --- FlagM
bool Translator::CFINV(const Decoded&) {
    const Value f = b.convert(Op::FlagsUnpack, Type::I32, flags());
    return set_flags(b.unary(Op::FlagsPack, b.xor_(f, b.c32(1u << 29))));
}
// Between Arm's flags of a floating-point comparison and those of other machines.
bool Translator::XAFLAG(const Decoded&) {
    const Value f = b.convert(Op::FlagsUnpack, Type::I32, flags());
    const auto flag = [&](unsigned at) { return b.and_(b.lshr(f, b.c32(at)), b.c32(1)); };
    const Value z = flag(30), c = flag(29);
    const auto inverse = [&](Value v) { return b.xor_(v, b.c32(1)); };
    const auto put = [&](Value v, unsigned at) { return b.shl(v, b.c32(at)); };
    const Value negative = b.and_(inverse(c), inverse(z)), zero = b.and_(z, c), carry_out = b.or_(c, z),
                overflow = b.and_(inverse(c), z);
    return set_flags(b.unary(Op::FlagsPack, b.or_(b.or_(put(negative, 31), put(zero, 30)),
                                                  b.or_(put(carry_out, 29), put(overflow, 28)))));
}
bool Translator::AXFLAG(const Decoded&) {
    const Value f = b.convert(Op::FlagsUnpack, Type::I32, flags());
    const auto flag = [&](unsigned at) { return b.and_(b.lshr(f, b.c32(at)), b.c32(1)); };
    const Value z = flag(30), c = flag(29), v = flag(28);
    const Value zero = b.or_(z, v), carry_out = b.and_(c, b.xor_(v, b.c32(1)));
    return set_flags(b.unary(Op::FlagsPack, b.or_(b.shl(zero, b.c32(30)), b.shl(carry_out, b.c32(29)))));
}

// --- system registers
namespace {
enum Register : u16 {
    kNzcv = sysreg(3, 3, 4, 2, 0),
    kSsbs = sysreg(3, 3, 4, 2, 6),
    kFpcr = sysreg(3, 3, 4, 4, 0),
    kFpsr = sysreg(3, 3, 4, 4, 1),
    kCtr = sysreg(3, 3, 0, 0, 1),
    kDczid = sysreg(3, 3, 0, 0, 7),
    kTpidr = sysreg(3, 3, 13, 0, 2),
    kTpidrro = sysreg(3, 3, 13, 0, 3),
    kCntfrq = sysreg(3, 3, 14, 0, 0),
    kCntvct = sysreg(3, 3, 14, 0, 2),
};

// CTR_EL0: lines of 64 bytes (log2 of words) for both caches, which are PIPT; data needs no cleaning for
// instruction fetches (IDC), but changed code must be announced (no DIC).
constexpr u64 kLineWords = std::bit_width(kCacheLine / 4) - 1;
constexpr u64 kCtrValue = u64{1} << 31 | u64{1} << 28 | kLineWords << 24 | kLineWords << 20 |
                          kLineWords << 16 | u64{3} << 14 | kLineWords;

/// Sticky flags: {bit in FpEnv order, bit in FPSR}.
constexpr struct { unsigned env, fpsr; } kFpsrBits[] = {{0, 4}, {1, 3}, {2, 2}, {3, 1}, {4, 0}, {5, 7}};
}  // namespace

bool Translator::MRS(const Decoded& d) {
    const auto reg = static_cast<u16>(d.imm);
    u64 id = 0;
    if (id_register(reg, request_.features, &id)) return set_reg(d.rt, b.c64(id));
    switch (reg) {
        case kNzcv: return set_reg(d.rt, b.convert(Op::FlagsUnpack, Type::I32, flags()));
        case kFpcr: return has(FP) && set_reg(d.rt, b.get(kFpcrSlot));
        case kFpsr: return has(FP) && set_reg(d.rt, fpsr());
        case kCtr: return set_reg(d.rt, b.c64(kCtrValue));
        case kDczid: return set_reg(d.rt, b.c64(kLineWords));
        case kTpidr: return set_reg(d.rt, b.get(kTpidrSlot));
        case kTpidrro: return set_reg(d.rt, b.c64(0));
        case kCntfrq: return set_reg(d.rt, b.c64(kCounterFrequency));
        case kCntvct: return set_reg(d.rt, b.nullary(Op::ReadTime, Type::I64, 0));
        case kSsbs: return has(SSBS) && set_reg(d.rt, b.c64(kSsbsBit));
        default: return false;
    }
}

bool Translator::MSR(const Decoded& d) {
    switch (static_cast<u16>(d.imm)) {
        case kNzcv: return set_flags(b.unary(Op::FlagsPack, w(d.rt)));
        case kFpcr: return has(FP) && set_fpcr(x(d.rt));
        case kFpsr: return has(FP) && set_fpsr(x(d.rt));
        case kTpidr: b.set(kTpidrSlot, x(d.rt)); return true;
        case kSsbs: return has(SSBS);
        default: return false;
    }
}

// Speculative store bypass is the host's business: the bit reads as "may bypass" whatever is written, which
// the architecture allows.
bool Translator::MSR_SSBS(const Decoded&) { return true; }

Value Translator::fpsr() {
    const Value env = b.nullary(Op::FpGetFlags, Type::I64);
    Value out = b.c64(0);
    for (const auto& f : kFpsrBits) {
        const Value one = b.and_(env, b.c64(u64{1} << f.env));
        out = b.or_(out,
                    f.fpsr >= f.env ? b.shl(one, b.c64(f.fpsr - f.env)) : b.lshr(one, b.c64(f.env - f.fpsr)));
    }
    const Value qc = b.get(kQcSlot);
    const Value any = b.or_(b.convert(Op::Lo128, Type::I64, qc), b.convert(Op::Hi128, Type::I64, qc));
    return b.or_(out, b.select(b.icmp(Cond::Ne, any, b.c64(0)), b.c64(kFpsrQc), b.c64(0)));
}

bool Translator::set_fpsr(Value v) {
    Value env = b.c64(0);
    for (const auto& f : kFpsrBits) {
        const Value one = b.and_(v, b.c64(u64{1} << f.fpsr));
        env = b.or_(env,
                    f.fpsr >= f.env ? b.lshr(one, b.c64(f.fpsr - f.env)) : b.shl(one, b.c64(f.env - f.fpsr)));
    }
    b.emit({.op = Op::FpSetFlags, .args = {env, ir::kNone, ir::kNone}});
    const Value qc = b.and_(v, b.c64(kFpsrQc));
    b.set(kQcSlot, b.make128(Type::V128, qc, b.c64(0)));
    return true;
}

// Blocks are made for one setting of FZ, DN, FZ16 and AHP; a write that changes one leaves the block.
bool Translator::set_fpcr(Value v) {
    const u64 writable = kFpcrMask & ~(has(FP16) ? 0 : kFpcrFz16);
    v = b.and_(v, b.c64(writable));
    const Value changed = b.and_(b.xor_(v, b.get(kFpcrSlot)), b.c64(kFpcrMask & ~kFpcrRMode));
    b.set(kFpcrSlot, v);
    const Value rmode = b.and_(b.lshr(v, b.c64(22)), b.c64(3));
    const Value round = b.xor_(rmode, b.shl(b.and_(rmode, b.c64(1)), b.c64(1)));
    b.emit({.op = Op::FpSetRound, .args = {round, ir::kNone, ir::kNone}});
    b.trap_if(b.icmp(Cond::Ne, changed, b.c64(0)), ExitReason::ModeChange, b.c64(0), next());
    return true;
}

}  // namespace vm::frontend::arm64
