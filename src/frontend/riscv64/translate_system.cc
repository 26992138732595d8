// Fences, environment calls, CSRs and hints. Manual: "Memory Ordering Instructions", "Zifencei", "Zicsr",
// "Zicntr", "Zihintpause", "Zihintntl", "Zawrs", "Zimop".
#include "frontend/riscv64/translator.h"

namespace vm::frontend::riscv64 {

using ir::ExitReason;
using ir::FenceKind;

namespace {

constexpr unsigned kRead = 2, kWrite = 1;

/// What orders at least `pred` before `succ` (sets of kRead, kWrite).
FenceKind fence_kind(unsigned pred, unsigned succ) {
    if (pred == 0 || succ == 0) return FenceKind::Compiler;
    if (pred == kRead) return succ == kRead ? FenceKind::LoadLoad : FenceKind::Acquire;
    if (succ == kWrite) return pred == kWrite ? FenceKind::StoreStore : FenceKind::Release;
    return FenceKind::Full;
}

/// Device input and output (bits 3 and 2 of a set) order as reads and writes: to a program all memory is main
/// memory.
unsigned memory_set(i64 iorw) { return static_cast<unsigned>(iorw | iorw >> 2) & 3; }

}  // namespace

bool Translator::FENCE(const Decoded& d) {
    const unsigned pred = memory_set(d.imm >> 4 & 15);
    const unsigned succ = memory_set(d.imm & 15);

    b.fence(fence_kind(pred, succ));
    return true;
}

bool Translator::FENCE_TSO(const Decoded&) {
    b.fence(FenceKind::AcqRel);
    return true;
}

bool Translator::FENCE_I(const Decoded& d) {
    b.exit(ExitReason::CodeSync, next(d));
    return true;
}

// Spin loops run it at every turn and the wait it allows is short: leaving the block would cost more than it
// saves.
bool Translator::PAUSE(const Decoded&) {
    b.fence(FenceKind::Compiler);
    return true;
}

bool Translator::ECALL(const Decoded& d) {
    if (request_.system) return machine_ecall();
    b.exit(ExitReason::Syscall, next(d));
    return true;
}

bool Translator::EBREAK(const Decoded&) {
    if (request_.system) return false;  // the machine's
    b.exit(ExitReason::Breakpoint, b.pc());
    return true;
}

// --- Zawrs: both may end at any time
bool Translator::WRS_NTO(const Decoded& d) {
    b.exit(ExitReason::Wait, next(d));
    return true;
}
bool Translator::WRS_STO(const Decoded& d) { return WRS_NTO(d); }

// --- Zihintntl: about the caches that the next access need not fill. Nothing to do.
bool Translator::NTL_P1(const Decoded&) { return true; }
bool Translator::NTL_PALL(const Decoded&) { return true; }
bool Translator::NTL_S1(const Decoded&) { return true; }
bool Translator::NTL_ALL(const Decoded&) { return true; }

// --- Zimop: may-be-operations that nothing has redefined
bool Translator::MOP_R(const Decoded& d) { return set_x(d.rd, b.c64(0)); }
bool Translator::MOP_RR(const Decoded& d) { return set_x(d.rd, b.c64(0)); }

// --- Zicsr. CSRRW always writes; the set and clear forms do not write with x0 or a zero immediate.
bool Translator::CSRRW(const Decoded& d) { return csr_access(d, x(d.rs1), true, CsrOp::Write); }
bool Translator::CSRRS(const Decoded& d) { return csr_access(d, x(d.rs1), d.rs1 != 0, CsrOp::Set); }
bool Translator::CSRRC(const Decoded& d) { return csr_access(d, x(d.rs1), d.rs1 != 0, CsrOp::Clear); }
bool Translator::CSRRWI(const Decoded& d) { return csr_access(d, imm(d), true, CsrOp::Write); }
bool Translator::CSRRSI(const Decoded& d) { return csr_access(d, imm(d), d.imm != 0, CsrOp::Set); }
bool Translator::CSRRCI(const Decoded& d) { return csr_access(d, imm(d), d.imm != 0, CsrOp::Clear); }

bool Translator::csr_access(const Decoded& d, Value operand, bool writes, CsrOp op) {
    if (request_.system && d.csr > kCsrFcsr) return supervisor_csr(d, operand, writes, op);
    const bool read_only = d.csr >> 10 == 3;
    if (!csr_exists(d.csr) || (read_only && writes)) return false;

    if (request_.system) need_fp();

    // CSRRW without a destination does not read.
    const Value old = op == CsrOp::Write && d.rd == 0 ? b.c64(0) : read_csr(d.csr);

    Value value = operand;
    if (op == CsrOp::Set) value = b.or_(old, operand);
    if (op == CsrOp::Clear) value = b.binary(Op::AndNot, old, operand);

    set_x(d.rd, old);
    if (writes) write_fp_csr(d, value);
    return true;
}

bool Translator::csr_exists(unsigned csr) const {
    const auto has = [&](Ext e) { return bit(features_, e); };
    switch (csr) {
        case kCsrFflags:
        case kCsrFrm:
        case kCsrFcsr: return has(F);
        case kCsrCycle:
        case kCsrTime:
        case kCsrInstret: return has(Zicntr);
        default: return false;
    }
}

Value Translator::read_csr(unsigned csr) {
    const auto source = [&](Op op, u32 aux = 0) { return b.nullary(op, Type::I64, aux); };
    switch (csr) {
        case kCsrFflags: return source(Op::FpGetFlags);
        case kCsrFrm: return source(Op::FpGetRound);
        case kCsrFcsr: return b.or_(b.shl(source(Op::FpGetRound), b.c64(5)), source(Op::FpGetFlags));
        case kCsrTime: return source(Op::ReadTime, 0);
        case kCsrCycle: return source(Op::ReadTime, 1);
        default:
            // instret counts the instructions before this one; the exact counter has counted this one
            // already.
            return b.sub(source(Op::ReadIcount), b.c64(request_.count_instructions ? 1 : 0));
    }
}

// Blocks are made for one class of rounding modes; a write that leaves it leaves the block.
void Translator::write_fp_csr(const Decoded& d, Value v) {
    const auto sink = [&](Op op, Value x) { b.emit({.op = op, .args = {x, ir::kNone, ir::kNone}}); };
    if (d.csr != kCsrFrm) sink(Op::FpSetFlags, b.and_(v, b.c64(31)));
    if (d.csr == kCsrFflags) return;

    const Value frm = b.and_(d.csr == kCsrFcsr ? b.lshr(v, b.c64(5)) : v, b.c64(7));
    sink(Op::FpSetRound, frm);

    Value other = b.icmp(ir::Cond::GeU, frm, b.c64(4));
    if (rounding_mode() == kModeRmm) other = b.icmp(ir::Cond::Ne, frm, b.c64(4));
    if (rounding_mode() == kModeInvalid) other = b.icmp(ir::Cond::LtU, frm, b.c64(5));
    b.trap_if(other, ExitReason::ModeChange, b.c64(0), next(d));
}

}  // namespace vm::frontend::riscv64
