// Thin layer over AsmJit's x86 assembler: one CodeHolder reused for all blocks, own labels and fixups
// (AsmJit's would cost allocations per block), own encodings of what is emitted most (emitter.cc), operands
// in the state block, raw bytes where the encoding matters (aligned link sites).
#pragma once

#include <asmjit/x86.h>

#include <cstdlib>
#include <vector>

#include "backend/x86_64/convention.h"
#include "base/bits.h"
#include "base/pod_vector.h"

namespace vm::backend::x86_64 {

namespace x86 = asmjit::x86;
namespace HInst = x86::Inst;

/// Host condition codes as encoded in jcc/setcc/cmovcc.
enum class Cc : u8 { O, No, B, Ae, E, Ne, Be, A, S, Ns, P, Np, L, Ge, Le, G };
constexpr Cc invert(Cc c) { return static_cast<Cc>(static_cast<u8>(c) ^ 1); }

inline x86::Gp r64(unsigned r) { return x86::gpq(r); }
inline x86::Gp r32(unsigned r) { return x86::gpd(r); }
inline x86::Gp r16(unsigned r) { return x86::gpw(r); }
inline x86::Gp r8(unsigned r) { return x86::gpb(r); }
/// General register of `bits` width; 1 counts as 32.
inline x86::Gp gpr(unsigned r, unsigned bits) {
    return bits == 64 ? r64(r) : bits == 16 ? r16(r) : bits == 8 ? r8(r) : r32(r);
}
/// Vector register from combined numbering (16..31).
inline x86::Xmm xr(unsigned r) { return x86::xmm(r - kXmm0); }
/// Field of the state block at offset `disp`, with an access size in bytes.
inline x86::Mem state_mem(i32 disp, unsigned size) { return x86::ptr(x86::rbp, disp - kStateBias, size); }
/// VcpuState's code_context()
inline x86::Mem code_context_mem() {
    return state_mem(static_cast<i32>(offsetof(VcpuState, guest) + ir::kCodeContextOffset), 8);
}
#define VM_STATE(field, size) \
    ::vm::backend::x86_64::state_mem(static_cast<::vm::i32>(offsetof(::vm::backend::VcpuState, field)), size)

/// Read-only numbers in VcpuState::consts (16 bytes each).
enum class Const : u8 {
    CanonF64,  ///< canonical NaN
    CanonF32,  ///< boxed canonical NaN
    InfF64,
    InfF32,
    SignF64,
    AbsF64,
    SignF32,  ///< upper half 0
    AbsF32,   ///< upper half all ones
    BoxMask,  ///< f32 boxing: 0xffffffff00000000
    AllOnes,
    Two63F64,
    Two63F32,
    MinusOneF64,
    MinusOneF32,
    SignF64x2,
    AbsF64x2,
    SignF32x4,
    AbsF32x4,
    SignI8x16,
    SignI16x8,
    SignI32x4,
    SignI64x2,
    Byte0f,
    Byte70,
    GuestFlags,                  ///< 64 bytes: sticky flags of FpEnv by those of MXCSR
    HostFlags = GuestFlags + 4,  ///< 32 bytes: the other way round
    HalfF64 = HostFlags + 2,
    HalfF32,
    OneF64,
    OneF32,
    IntegralF64,  ///< 2^52: from there on every number is integral
    IntegralF32,
    Count_
};
static_assert(static_cast<unsigned>(Const::Count_) <= kFpConsts);
inline x86::Mem constant(Const c, unsigned size) {
    return state_mem(static_cast<i32>(offsetof(VcpuState, consts) + 16 * static_cast<unsigned>(c)), size);
}

using Label = u32;

class Emitter : public x86::Assembler, private asmjit::ErrorHandler {
  public:
    Emitter() {
        asmjit::Environment env(asmjit::Arch::kX64);
        code_.init(env);
        code_.attach(this);
        setErrorHandler(this);
    }
    /// Starts a new piece of code; memory of the last one is reused.
    void restart() {
        setOffset(0);
        labels_.clear();
        fixups_.clear();
        failed_ = false;
    }
    bool failed() const { return failed_; }
    /// Every instruction passes here: AsmJit's emit(), mov(), … end in it.
    asmjit::Error _emit(asmjit::InstId id, const asmjit::Operand_& x, const asmjit::Operand_& y,
                        const asmjit::Operand_& z, const asmjit::Operand_* more) override;
    u32 pos() const { return static_cast<u32>(offset()); }
    u8* data() { return _bufferData; }

    void byte(u8 b) {
        reserve();
        *_bufferPtr++ = b;
    }
    void dword(u32 v) {
        reserve();
        store_raw(_bufferPtr, v);
        _bufferPtr += 4;
    }

    Label label() {
        labels_.push_back(kUnbound);
        return static_cast<Label>(labels_.size() - 1);
    }
    void place(Label l) { labels_[l] = pos(); }
    u32 where(Label l) const { return labels_[l]; }
    using x86::Assembler::jmp;
    void jump(Label l) {
        byte(0xe9);
        fixup(l);
    }
    void jcc(Cc c, Label l) {
        byte(0x0f);
        byte(static_cast<u8>(0x80 | static_cast<u8>(c)));
        fixup(l);
    }
    /// Four-byte displacement to `l`, the last field of an instruction.
    void rel32(Label l) { fixup(l); }
    void call_label(Label l) {
        byte(0xe8);
        fixup(l);
    }
    /// Short forward jump over a few bytes; bind with land().
    u32 jcc_short(Cc c) {
        byte(static_cast<u8>(0x70 | static_cast<u8>(c)));
        byte(0);
        return pos();
    }
    u32 jmp_short() {
        byte(0xeb);
        byte(0);
        return pos();
    }
    void land(u32 from) { _bufferData[from - 1] = static_cast<u8>(pos() - from); }
    /// Short backward conditional jump.
    void jcc_back(Cc c, u32 to) {
        byte(static_cast<u8>(0x70 | static_cast<u8>(c)));
        byte(static_cast<u8>(to - (pos() + 1)));
    }
    void patch32(u32 at, u32 v) { store_raw(_bufferData + at, v); }
    /// Resolves all jumps to labels; every used label must be placed.
    void resolve() {
        for (const auto& [at, l] : fixups_) patch32(at, labels_[l] - (at + 4));
    }
    void setcc(Cc c, x86::Gp r) { emit(HInst::kIdSeto + kSet[static_cast<u8>(c)], r); }
    template <class Src>
    void cmovcc(Cc c, const x86::Gp& d, const Src& s) {
        emit(kCmov[static_cast<u8>(c)], d, s);
    }

  private:
    static constexpr u32 kUnbound = ~u32{0};
    struct Fixup {
        u32 at;
        Label label;
    };
    // AsmJit sorts its ids by name, so the order of conditions needs a table.
    static constexpr u32 kSet[16] = {0,
                                     HInst::kIdSetno - HInst::kIdSeto,
                                     HInst::kIdSetb - HInst::kIdSeto,
                                     HInst::kIdSetae - HInst::kIdSeto,
                                     HInst::kIdSete - HInst::kIdSeto,
                                     HInst::kIdSetne - HInst::kIdSeto,
                                     HInst::kIdSetbe - HInst::kIdSeto,
                                     HInst::kIdSeta - HInst::kIdSeto,
                                     HInst::kIdSets - HInst::kIdSeto,
                                     HInst::kIdSetns - HInst::kIdSeto,
                                     HInst::kIdSetp - HInst::kIdSeto,
                                     HInst::kIdSetnp - HInst::kIdSeto,
                                     HInst::kIdSetl - HInst::kIdSeto,
                                     HInst::kIdSetge - HInst::kIdSeto,
                                     HInst::kIdSetle - HInst::kIdSeto,
                                     HInst::kIdSetg - HInst::kIdSeto};
    static constexpr u32 kCmov[16] = {HInst::kIdCmovo, HInst::kIdCmovno, HInst::kIdCmovb,  HInst::kIdCmovae,
                                      HInst::kIdCmove, HInst::kIdCmovne, HInst::kIdCmovbe, HInst::kIdCmova,
                                      HInst::kIdCmovs, HInst::kIdCmovns, HInst::kIdCmovp,  HInst::kIdCmovnp,
                                      HInst::kIdCmovl, HInst::kIdCmovge, HInst::kIdCmovle, HInst::kIdCmovg};

    bool encode_common(u32 id, const asmjit::Operand_& x, const asmjit::Operand_& y);
    void encode(unsigned bits, u32 opcode, unsigned reg, const asmjit::Operand_& rm, u32 byte_regs);
    void reserve() {
        if (_bufferEnd - _bufferPtr < 16) {
            const char zeros[16] = {};
            const u64 at = offset();
            _section->_buffer._size = at;  // AsmJit has not seen what was written past it
            embed(zeros, sizeof zeros);    // grows the buffer
            setOffset(at);
        }
    }
    void fixup(Label l) {
        fixups_.push_back({pos(), l});
        dword(0);
    }
    void handleError(asmjit::Error, const char*, asmjit::BaseEmitter*) override { failed_ = true; }

    asmjit::CodeHolder code_;
    PodVector<u32> labels_;
    PodVector<Fixup> fixups_;
    bool failed_ = false;
};

}  // namespace vm::backend::x86_64
