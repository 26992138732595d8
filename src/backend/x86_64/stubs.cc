#include "backend/x86_64/stubs.h"

#include "backend/x86_64/emitter.h"
#include "backend/x86_64/vec_consts.h"

namespace vm::backend::x86_64 {
namespace {

constexpr u8 kCalleeSaved[] = {kRbx, kRbp, kR12, kR13, kR14, kR15};

constexpr u32 reason(ir::ExitReason r) { return static_cast<u32>(r); }

/// Emits the stubs one after the other; the order is theirs to fall through.
class StubEmitter {
  public:
    StubEmitter(const ir::StateLayout& layout, StubTable& table)
        : layout_(layout), pins_(layout), table_(table) {}

    void emit_all(std::vector<u8>& code) {
        for (auto& l : labels_) l = a_.label();
        exit_common_ = a_.label();
        helper_common_ = a_.label();
        no_pc_return_ = a_.label();
        enter();
        exits();
        helpers();
        keeping_helper();
        indirect();
        canon();
        a_.resolve();
        for (unsigned i = 0; i < kStubCount; i++) table_.stub[i] = a_.where(labels_[i]);
        code.assign(a_.data(), a_.data() + a_.pos());
    }

  private:
    void begin(Stub s, unsigned index = 0) {
        while (a_.pos() % 16) a_.int3();
        a_.place(labels_[static_cast<unsigned>(s) + index]);
    }
    Label to(Stub s) const { return labels_[static_cast<unsigned>(s)]; }

    // moves one pinned slot between its home and its register
    void move_pinned(unsigned reg, bool load) {
        const i16 slot = pins_.slot_of[reg];
        if (slot < 0) return;
        const auto& s = layout_.slots[static_cast<unsigned>(slot)];
        if (reg < kXmm0) {
            load ? a_.mov(r64(reg), state_mem(guest_disp(s), 8))
                 : a_.mov(state_mem(guest_disp(s), 8), r64(reg));
        } else if (s.type == ir::Type::V128) {
            load ? a_.movups(xr(reg), state_mem(guest_disp(s), 16))
                 : a_.movups(state_mem(guest_disp(s), 16), xr(reg));
        } else {
            load ? a_.movq(xr(reg), state_mem(guest_disp(s), 8))
                 : a_.movq(state_mem(guest_disp(s), 8), xr(reg));
        }
    }
    void move_all_pinned(bool load) {
        for (unsigned r = 0; r < kHostRegs; r++) move_pinned(r, load);
    }
    void move_caller_saved(bool load) {
        for (unsigned i = kPinnedCalleeSaved; i < kPinnedInt.size(); i++) move_pinned(kPinnedInt[i], load);
        for (u8 r : kPinnedVector) move_pinned(r, load);
    }

    void enter() {
        table_.enter = a_.pos();
        for (u8 r : kCalleeSaved) a_.push(r64(r));
        a_.sub(x86::rsp, 8);
        a_.lea(x86::rbp, x86::ptr(x86::rdi, kStateBias));
        a_.mov(VM_STATE(host_sp, 8), x86::rsp);
        a_.ldmxcsr(VM_STATE(guest_mxcsr, 4));
        a_.mov(VM_STATE(in_guest, 4), 1);
        // A guest return to kNoPc finds the sentinel: it must lead somewhere.
        lea_label(kRax, no_pc_return_);
        a_.mov(x86::rcx, VM_STATE(return_top, 8));
        a_.mov(x86::ptr(x86::rcx), x86::rax);
        a_.mov(x86::rax, x86::rsi);
        a_.mov(x86::rsp, VM_STATE(return_sp, 8));
        move_all_pinned(true);
        a_.jmp(x86::rax);
    }

    void lea_label(unsigned reg, Label l) {
        a_.byte(static_cast<u8>(0x48 | (reg >> 3) << 2));
        a_.byte(0x8d);
        a_.byte(static_cast<u8>(5 | (reg & 7) << 3));
        a_.rel32(l);
    }

    void exits() {
        begin(Stub::ExitLink);
        a_.pop(x86::rax);
        a_.mov(VM_STATE(exit_site, 8), x86::rax);
        a_.mov(VM_STATE(exit_reason, 8), reason(ir::ExitReason::Next));
        a_.jump(exit_common_);

        begin(Stub::Safepoint);
        a_.mov(x86::eax, reason(ir::ExitReason::Safepoint));
        a_.xor_(x86::ecx, x86::ecx);
        a_.jump(to(Stub::ExitReason));
        begin(Stub::ExitReason);
        a_.mov(VM_STATE(exit_reason, 8), x86::rax);
        a_.mov(VM_STATE(exit_value, 8), x86::rcx);
        a_.mov(VM_STATE(pc, 8), x86::rdx);
        a_.mov(VM_STATE(exit_site, 8), 0);

        a_.place(exit_common_);
        move_all_pinned(false);
        a_.stmxcsr(VM_STATE(guest_mxcsr, 4));
        a_.mov(VM_STATE(return_sp, 8), x86::rsp);
        table_.fault_exit = a_.pos();
        a_.ldmxcsr(VM_STATE(host_mxcsr, 4));
        a_.mov(VM_STATE(in_guest, 4), 0);
        a_.mov(x86::rsp, VM_STATE(host_sp, 8));
        a_.add(x86::rsp, 8);
        for (unsigned i = std::size(kCalleeSaved); i-- > 0;) a_.pop(r64(kCalleeSaved[i]));
        a_.ret();
    }

    void helpers() {
        for (unsigned id = 0; id < static_cast<unsigned>(HelperId::Count_); id++) {
            begin(Stub::Helper0, id);
            a_.mov(x86::r11d, id * 8);
            a_.jump(helper_common_);
        }
        while (a_.pos() % 16) a_.int3();
        a_.place(helper_common_);
        move_caller_saved(false);
        a_.mov(x86::rsi, x86::rax);
        a_.xchg(x86::rcx, x86::rdx);
        a_.mov(x86::rdi, VM_STATE(self, 8));
        a_.stmxcsr(VM_STATE(guest_mxcsr, 4));
        a_.ldmxcsr(VM_STATE(host_mxcsr, 4));
        a_.mov(VM_STATE(return_sp, 8), x86::rsp);
        a_.mov(x86::rsp, VM_STATE(host_sp, 8));
        a_.mov(x86::rax, VM_STATE(helpers, 8));
        a_.call(x86::qword_ptr(x86::rax, x86::r11));
        a_.mov(x86::rsp, VM_STATE(return_sp, 8));
        a_.ldmxcsr(VM_STATE(guest_mxcsr, 4));
        move_caller_saved(true);
        a_.ret();
    }

    // For cold paths of blocks, which know nothing of what else is in registers: all that C++ may clobber is
    // kept, whatever slots it holds.
    void keeping_helper() {
        static constexpr u8 kGpr[] = {kRax, kRcx, kRdx, kRsi, kRdi, kR8, kR9, kR10, kR11};
        const auto all = [&](bool load) {
            i32 at = static_cast<i32>(offsetof(VcpuState, kept));
            for (u8 r : kGpr) {
                load ? a_.mov(r64(r), state_mem(at, 8)) : a_.mov(state_mem(at, 8), r64(r));
                at += 8;
            }
            at = align_up(at, 16);
            for (unsigned n = 0; n < 16; n++, at += 16)
                load ? a_.movaps(x86::xmm(n), state_mem(at, 16)) : a_.movaps(state_mem(at, 16), x86::xmm(n));
        };
        const auto keeping = [&](Stub stub, HelperId helper, int first, int second, int result) {
            const auto scratch = [](int n) {
                return state_mem(static_cast<i32>(offsetof(VcpuState, scratch)) + 8 * n, 8);
            };
            begin(stub);
            all(false);
            a_.mov(x86::rdi, VM_STATE(self, 8));
            a_.mov(x86::rsi, scratch(first));
            second < 0 ? a_.xor_(x86::edx, x86::edx) : a_.mov(x86::rdx, scratch(second));
            a_.stmxcsr(VM_STATE(guest_mxcsr, 4));
            a_.ldmxcsr(VM_STATE(host_mxcsr, 4));
            a_.mov(VM_STATE(return_sp, 8), x86::rsp);
            a_.mov(x86::rsp, VM_STATE(host_sp, 8));
            a_.mov(x86::rax, VM_STATE(helpers, 8));
            a_.call(x86::qword_ptr(x86::rax, static_cast<i32>(helper) * 8));
            if (result >= 0) a_.mov(scratch(result), x86::rax);
            a_.mov(x86::rsp, VM_STATE(return_sp, 8));
            a_.ldmxcsr(VM_STATE(guest_mxcsr, 4));
            all(true);
            a_.ret();
        };
        keeping(Stub::KeepingWideOp, HelperId::WideOp, 1, -1, -1);
        keeping(Stub::TlbMiss, HelperId::TlbMiss, 0, 1, 3);
    }

    // rax = guest PC: goes on at its entry of the per-thread table, or to IndirectMiss
    void table_lookup() {
        const unsigned align = layout_.pc_alignment;
        const i32 base = static_cast<i32>(offsetof(VcpuState, lookup));
        a_.mov(x86::ecx, x86::eax);
        a_.and_(x86::ecx, static_cast<u32>((kFastLookupEntries - 1) * align));
        if (align == 1) a_.add(x86::ecx, x86::ecx);
        const unsigned shift = align == 4 ? 2 : 3;
        x86::Mem m = x86::ptr(x86::rbp, x86::rcx, shift, base - kStateBias, 8);
        a_.mov(x86::rdx, x86::rax);
        a_.xor_(x86::rdx, code_context_mem());
        a_.cmp(x86::rdx, m);
        a_.jcc(Cc::Ne, to(Stub::IndirectMiss));
        m.addOffset(8);
        a_.mov(x86::rdx, x86::rax);
        a_.and_(x86::rdx, -static_cast<i32>(kTlbPage));
        a_.mov(VM_STATE(code_page, 8), x86::rdx);  // machines only
        a_.jmp(m);
    }

    void indirect() {
        begin(Stub::JumpFar);
        table_lookup();
        begin(Stub::IndirectMiss);
        a_.mov(state_mem(static_cast<i32>(offsetof(VcpuState, scratch) + 16), 8), x86::rax);
        a_.call_label(
            labels_[static_cast<unsigned>(Stub::Helper0) + static_cast<unsigned>(HelperId::LookupIndirect)]);
        a_.test(x86::rax, x86::rax);
        const u32 none = a_.jcc_short(Cc::E);
        a_.jmp(x86::rax);
        a_.land(none);
        a_.mov(x86::eax, reason(ir::ExitReason::Next));
        a_.xor_(x86::ecx, x86::ecx);
        a_.mov(x86::rdx, state_mem(static_cast<i32>(offsetof(VcpuState, scratch) + 16), 8));
        a_.jump(to(Stub::ExitReason));

        // The sentinel was popped: put it back, and go where a jump to kNoPc goes.
        a_.place(no_pc_return_);
        a_.sub(x86::rsp, 8);
        a_.mov(x86::rax, -static_cast<i32>(layout_.pc_alignment));
        a_.jump(to(Stub::IndirectMiss));

        begin(Stub::ReturnMiss);
        a_.cmp(VM_STATE(safepoint_request, 4), 0);
        const u32 go = a_.jcc_short(Cc::E);
        a_.mov(x86::rdx, x86::rax);
        a_.jump(to(Stub::Safepoint));
        a_.land(go);
        a_.lea(x86::rcx, x86::ptr(x86::rsp, 16));
        a_.mov(x86::edx, kReturnScan);
        const u32 loop = a_.pos();
        a_.cmp(x86::rax, x86::ptr(x86::rcx, 8));
        const u32 found = a_.jcc_short(Cc::E);
        a_.add(x86::rcx, 16);
        a_.dec(x86::edx);
        a_.jcc_back(Cc::Ne, loop);
        table_lookup();
        a_.land(found);
        a_.mov(x86::rsp, x86::rcx);
        a_.ret();
    }

    void canon() {
        for (unsigned n = 0; n < 16; n++) {
            const unsigned r = kXmm0 + n;
            begin(Stub::CanonF64, n);
            a_.ucomisd(xr(r), xr(r));
            u32 ok = a_.jcc_short(Cc::Np);
            a_.movq(xr(r), constant(Const::CanonF64, 8));
            a_.land(ok);
            a_.ret();
            begin(Stub::CanonF32, n);
            a_.ucomiss(xr(r), xr(r));
            ok = a_.jcc_short(Cc::Np);
            a_.movq(xr(r), constant(Const::CanonF32, 8));
            a_.land(ok);
            a_.ret();
        }
    }

    const ir::StateLayout& layout_;
    PinMap pins_;
    StubTable& table_;
    Emitter a_;
    std::array<Label, kStubCount> labels_{};
    Label exit_common_ = 0, helper_common_ = 0, no_pc_return_ = 0;
};

void set_const(VcpuState& s, Const c, u64 lo, u64 hi) {
    s.consts[static_cast<unsigned>(c)][0] = lo;
    s.consts[static_cast<unsigned>(c)][1] = hi;
}

}  // namespace

PinMap::PinMap(const ir::StateLayout& layout) : reg_of(layout.slots.size(), -1) {
    slot_of.fill(-1);
    auto assign = [&](const std::vector<u16>& order, const auto& regs) {
        for (unsigned i = 0; i < order.size() && i < regs.size(); i++) {
            slot_of[regs[i]] = static_cast<i16>(order[i]);
            reg_of[order[i]] = static_cast<i8>(regs[i]);
        }
    };
    assign(layout.pin_int, kPinnedInt);
    assign(layout.pin_vector, kPinnedVector);
}

void emit_stubs(const ir::StateLayout& layout, const HostFeatures&, std::vector<u8>& code, StubTable& table) {
    StubEmitter(layout, table).emit_all(code);
}

void init_vcpu_state(VcpuState& s) {
    s.self = reinterpret_cast<u64>(&s);
    u32 mxcsr = 0;
    asm volatile("stmxcsr %0" : "=m"(mxcsr));
    s.host_mxcsr = mxcsr & ~0x3fu;
    s.guest_mxcsr = mxcsr_from_fpenv(s.fp);
    clear_lookup(s);
    constexpr u64 sign = u64{1} << 63, sign32 = u64{1} << 31;
    set_const(s, Const::CanonF64, 0x7ff8000000000000, 0);
    set_const(s, Const::CanonF32, 0xffffffff7fc00000, 0);
    set_const(s, Const::InfF64, 0x7ff0000000000000, 0);
    set_const(s, Const::InfF32, 0xffffffff7f800000, 0);
    set_const(s, Const::SignF64, sign, 0);
    set_const(s, Const::AbsF64, ~sign, ~u64{0});
    set_const(s, Const::SignF32, sign32, 0);
    set_const(s, Const::AbsF32, ~sign32, ~u64{0});
    set_const(s, Const::BoxMask, 0xffffffff00000000, 0);
    set_const(s, Const::AllOnes, ~u64{0}, ~u64{0});
    set_const(s, Const::Two63F64, 0x43e0000000000000, 0);
    set_const(s, Const::Two63F32, 0xffffffff5f000000, 0);
    set_const(s, Const::MinusOneF64, 0xbff0000000000000, 0);
    set_const(s, Const::MinusOneF32, 0xffffffffbf800000, 0);
    set_const(s, Const::SignF64x2, sign, sign);
    set_const(s, Const::AbsF64x2, ~sign, ~sign);
    set_const(s, Const::SignF32x4, 0x8000000080000000, 0x8000000080000000);
    set_const(s, Const::AbsF32x4, 0x7fffffff7fffffff, 0x7fffffff7fffffff);
    set_const(s, Const::SignI8x16, 0x8080808080808080, 0x8080808080808080);
    set_const(s, Const::SignI16x8, 0x8000800080008000, 0x8000800080008000);
    set_const(s, Const::SignI32x4, 0x8000000080000000, 0x8000000080000000);
    set_const(s, Const::SignI64x2, sign, sign);
    set_const(s, Const::Byte0f, 0x0f0f0f0f0f0f0f0f, 0x0f0f0f0f0f0f0f0f);
    set_const(s, Const::Byte70, 0x7070707070707070, 0x7070707070707070);
    init_vec_consts(s);
    set_const(s, Const::HalfF64, 0x3fe0000000000000, 0);
    set_const(s, Const::HalfF32, 0x3f000000, 0);
    set_const(s, Const::OneF64, 0x3ff0000000000000, 0);
    set_const(s, Const::OneF32, 0x3f800000, 0);
    set_const(s, Const::IntegralF64, 0x4330000000000000, 0);
    set_const(s, Const::IntegralF32, 0x4b000000, 0);
    u8* const guest_flags = reinterpret_cast<u8*>(s.consts[static_cast<unsigned>(Const::GuestFlags)]);
    u8* const host_flags = reinterpret_cast<u8*>(s.consts[static_cast<unsigned>(Const::HostFlags)]);
    for (u8 f = 0; f < 64; f++) guest_flags[f] = fp_flags_from_mxcsr(f);
    for (u8 f = 0; f < 32; f++) host_flags[f] = static_cast<u8>(mxcsr_flags(f));
}

}  // namespace vm::backend::x86_64
