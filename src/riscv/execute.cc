// SYSTEM instructions. Manual, volume I: "Zicsr"; volume II: "Machine-Mode Privileged Instructions",
// "Supervisor Instructions", "Svinval".
#include "riscv/csr.h"

namespace vm::riscv {

using frontend::riscv64::x_offset;

namespace {

constexpr u32 kEcall = 0x0000'0073, kEbreak = 0x0010'0073, kCompressedEbreak = 0x9002, kSret = 0x1020'0073,
              kMret = 0x3020'0073, kWfi = 0x1050'0073, kSfenceWInval = 0x1800'0073,
              kSfenceInvalIr = 0x1810'0073;
/// With rd = 0; rs1 is an address, rs2 an ASID.
constexpr u32 kFenceMask = 0xfe00'7fff, kSfenceVma = 0x1200'0073, kSinvalVma = 0x1600'0073;

unsigned rd(u32 insn) { return insn >> 7 & 31; }
unsigned rs1(u32 insn) { return insn >> 15 & 31; }
unsigned rs2(u32 insn) { return insn >> 20 & 31; }

u64 get_x(const u8* regs, unsigned n) { return n == 0 ? 0 : load_raw<u64>(regs + x_offset(n)); }
void set_x(u8* regs, unsigned n, u64 v) {
    if (n != 0) store_raw(regs + x_offset(n), v);
}

}  // namespace

/// What decides what callers remember of a hart.
struct Hart::View {
    u64 mstatus, satp, menvcfg, senvcfg;
    Privilege privilege;
    u8 rounding;
    bool counts;
};

Hart::View Hart::view(const ir::FpEnv& fp) const {
    const HartState& s = *state_;
    return {s.mstatus, s.satp, s.menvcfg, s.senvcfg, s.privilege, fp.rounding, counts_instructions()};
}

void Hart::compare(const View& before, const View& after, Outcome& out) {
    const auto fp_is_off = [](const View& v) { return (v.mstatus & kStatusFs) == 0; };
    out.fp_changed = fp_is_off(before) != fp_is_off(after) || before.rounding != after.rounding;
    if (before.privilege != after.privilege) {
        out.context_changed = true;
        return;
    }
    const u32 old_context = context_of(before.mstatus, before.privilege);
    const u32 context = context_of(after.mstatus, after.privilege);
    const bool translates =
        context_privilege(context) != Privilege::Machine || after.privilege != Privilege::Machine;
    out.context_changed =
        old_context != context || before.counts != after.counts ||
        (translates && before.satp != after.satp) ||
        (after.privilege != Privilege::Machine &&
         (((before.menvcfg ^ after.menvcfg) | (before.senvcfg ^ after.senvcfg)) & kEnvCacheOps) != 0);
}

Outcome Hart::execute(u32 insn, u64 pc, u64 next_pc, u8* guest_regs, ir::FpEnv& fp) {
    const View before = view(fp);
    const u32 funct3 = insn >> 12 & 7;
    Outcome out{.pc = next_pc};
    bool legal = false;
    if (insn == kCompressedEbreak || ((insn & 0x7f) == 0x73 && funct3 == 0))
        legal = privileged_instruction(insn, pc, guest_regs, out);
    else if ((insn & 0x7f) == 0x73 && funct3 != 4)
        legal = csr_instruction(insn, guest_regs, fp, out);
    if (!legal) out = {.pc = take_illegal(insn, pc), .trap = true};
    compare(before, view(fp), out);
    return out;
}

bool Hart::csr_instruction(u32 insn, u8* guest_regs, ir::FpEnv& fp, Outcome& out) {
    const u16 number = static_cast<u16>(insn >> 20);
    const bool immediate = bit(insn, 14);
    const unsigned op = insn >> 12 & 3;  // 1 write, 2 set, 3 clear
    const bool writes = op == 1 || rs1(insn) != 0;
    const CsrAccess access{*this, fp, number};
    const CsrRow* row = find_csr(number);
    const unsigned least_privilege = number >> 8 & 3;
    const bool read_only = number >> 10 == 3;
    if (row == nullptr || (row->exists && !row->exists(options_)) ||
        (row->allowed && !row->allowed(access)) ||
        static_cast<unsigned>(state_->privilege) < least_privilege || (writes && read_only))
        return false;

    const u64 operand = immediate ? rs1(insn) : get_x(guest_regs, rs1(insn));
    const u64 old = riscv::read_csr(*row, access);

    set_x(guest_regs, rd(insn), old);
    if (!writes) return true;
    const u64 set = op == 3 ? 0 : operand;
    const u64 clear = op == 1 ? ~operand : op == 2 ? 0 : operand;
    if (row->change)
        row->change(access, set, clear);
    else
        riscv::write_csr(*row, access, (old & ~clear) | set);
    out.check_interrupts = row->interrupts;
    if (row->flush) out.flush = Flush::All;
    return true;
}

bool Hart::privileged_instruction(u32 insn, u64 pc, const u8* guest_regs, Outcome& out) {
    const Privilege p = state_->privilege;
    const auto trap = [&](u64 cause, u64 tval) {
        out.pc = take_trap(cause, tval, pc);
        out.trap = true;
        return true;
    };
    switch (insn) {
        case kEcall: return trap(kCauseUserEcall + static_cast<u64>(p), 0);
        case kEbreak:
        case kCompressedEbreak: return trap(kCauseBreakpoint, pc);
        case kMret:
            if (p != Privilege::Machine) return false;
            out.pc = return_from_machine();
            out.check_interrupts = out.only_enables = true;
            return true;
        case kSret:
            if (p == Privilege::User || supervisor_traps(kStatusTsr)) return false;
            out.pc = return_from_supervisor();
            out.check_interrupts = out.only_enables = true;
            return true;
        case kWfi:  // with TW the time that it may take is 0
            if (p == Privilege::User || supervisor_traps(kStatusTw)) return false;
            out.wait = true;
            out.check_interrupts = true;
            return true;
        case kSfenceWInval:
        case kSfenceInvalIr: return p != Privilege::User && options_.svinval;  // sinval.vma has done it all
        default: return fence(insn, guest_regs, out);
    }
}

bool Hart::fence(u32 insn, const u8* guest_regs, Outcome& out) const {
    const bool sinval = (insn & kFenceMask) == kSinvalVma && options_.svinval;
    if (!sinval && (insn & kFenceMask) != kSfenceVma) return false;
    if (state_->privilege == Privilege::User || supervisor_traps(kStatusTvm)) return false;

    const bool address = rs1(insn) != 0, asid = rs2(insn) != 0;
    out.flush = address ? asid ? Flush::AddressAsid : Flush::Address : asid ? Flush::Asid : Flush::All;
    out.address = get_x(guest_regs, rs1(insn));
    out.asid = static_cast<u16>(get_x(guest_regs, rs2(insn)));
    return true;
}

bool Hart::supervisor_traps(u64 status_bit) const {
    return state_->privilege == Privilege::Supervisor && (state_->mstatus & status_bit);
}

}  // namespace vm::riscv
