// AES, SHA-1, SHA-256 and SHA-512 as Arm has them, by the host's instructions for the first three.
#include <algorithm>

#include "backend/x86_64/lowering.h"
#include "backend/x86_64/vec_consts.h"

namespace vm::backend::x86_64 {

namespace {
/// IR instructions between SHA256H and SHA256H2 of the same operands.
constexpr u32 kPairDistance = 32;

x86::Mem wide_half(unsigned k, bool high) {
    x86::Mem m = wide_mem(k);
    m.setSize(8);
    m.addOffset(high ? 8 : 0);
    return m;
}
}  // namespace

bool Lowering::lower_vec_crypto(u32 i) {
    const Inst& in = inst(i);
    switch (in.op) {
        case Op::VAesE: return cpu_.aes && (vec_aes_round(i, hop::aesenclast), true);
        case Op::VAesD: return cpu_.aes && (vec_aes_round(i, hop::aesdeclast), true);
        case Op::VAesMc: return cpu_.aes && (vec_aes_mix(i), true);
        case Op::VAesImc:
            if (!cpu_.aes) return false;
            an_.info[arg(in, 0)].deferred ? vec_aes_mix(i) : vec_unary(i, hop::aesimc);
            return true;
        case Op::VSha1C:
        case Op::VSha1P:
        case Op::VSha1M: return cpu_.sha && (vec_sha1_rounds(i), true);
        case Op::VSha1Su0: vec_sha1_su0(i); return true;
        case Op::VSha1Su1: vec_sha1_su1(i); return true;
        case Op::VSha256H:
        case Op::VSha256H2: return cpu_.sha && (vec_sha256(i), true);
        case Op::VSha256Su0: return cpu_.sha && (vec_sha256_su0(i), true);
        case Op::VSha256Su1: return cpu_.sha && (vec_sha256_su1(i), true);
        case Op::VSha512H:
        case Op::VSha512H2: vec_sha512(i); return true;
        case Op::VSha512Su0:
        case Op::VSha512Su1: vec_sha512_su(i); return true;
        default: return false;
    }
}

// --- AES. Arm adds the key before a round, the host after it: a round whose result goes into the next one
// only adds that one's key at once.

// State plus key of AESE or AESD `e`, in a scratch register; operands are consumed.
u8 Lowering::aes_state(Value e) {
    Value x = arg(inst(e), 0), key = arg(inst(e), 1);
    for (unsigned k = 0; k < 2; k++, std::swap(x, key)) {
        const auto at = std::ranges::find(keyed_, x);
        if (at == keyed_.end()) continue;
        keyed_.erase(at);
        const u8 s = use_xmm(x);
        consume();
        return s;
    }
    if (is_zero128(x)) std::swap(x, key);
    if (is_zero128(key)) {
        const u8 s = use_xmm(x);
        consume();
        return s;
    }
    const u8 s = use_xmm(x);
    const Operand q = use_vsrc(key);
    consume();
    const u8 t = alloc_xmm();
    v2(hop::pxor, t, s, q);
    return t;
}

// The AESE or AESD that is all that uses `v`, by itself or within the operation that mixes its columns.
Value Lowering::aes_round_of(Value v) const {
    const u32 at = an_.info[v].next;
    if (at == kNever || uses_left(v) != 1) return kNone;
    const auto is_round = [](const Inst& in) { return in.op == Op::VAesE || in.op == Op::VAesD; };
    if (is_round(inst(at))) return at;
    if (inst(at).op != Op::VAesMc && inst(at).op != Op::VAesImc) return kNone;
    const Value e = arg(inst(at), 0);
    return is_round(inst(e)) && an_.info[e].deferred ? e : kNone;
}

// Key of the round that follows i, if it is known by now, or its slot holds it already; else zero.
Operand Lowering::aes_next_key(u32 i) {
    const Value e = on(JitOpt::FuseCrypto) ? aes_round_of(i) : kNone;
    if (e == kNone) return constant(VecConst::Zero);
    const Value key = arg(inst(e), arg(inst(e), 0) == i ? 1 : 0);
    Operand found = constant(VecConst::Zero);
    if (key < i && backed(key, 0)) {
        const bool memory = in_xmm(key) == kNoReg && in_memory(key) && aligned_enough(memory_of(key, 16));
        found = memory ? static_cast<Operand>(memory_of(key, 16)) : xr(use_xmm(key));
    } else if (key > i && inst(key).op == Op::GetState) {
        const unsigned slot = static_cast<unsigned>(inst(key).imm);
        for (u32 k = i + 1; k < key; k++)
            if (inst(k).op == Op::SetState && inst(k).imm == slot) return found;
        const i8 pinned = pins_.reg_of[slot];
        const x86::Mem home = state_mem(guest_disp(layout_.slots[slot]), 16);
        if (pinned < 0 && !aligned_enough(home)) return found;
        found = home;
        if (pinned >= 0) found = xr(static_cast<u8>(pinned));
        if (pinned >= 0) locked_ |= mask_of(static_cast<u8>(pinned));
    } else {
        return found;
    }
    keyed_.push_back(i);
    return found;
}

void Lowering::vec_aes_round(u32 i, HostOp o) { vresult(i, o, aes_state(i), constant(VecConst::Zero)); }

// With the round that was left to it, or alone: the inverse of a round without MixColumns, then a whole one.
void Lowering::vec_aes_mix(u32 i) {
    const Value e = arg(inst(i), 0);
    if (an_.info[e].deferred) {
        const u8 s = aes_state(e);
        return vresult(i, inst(i).op == Op::VAesMc ? hop::aesenc : hop::aesdec, s, aes_next_key(i));
    }
    const u8 x = use_xmm(e);
    consume();
    const u8 t = alloc_xmm();
    v2(hop::aesdeclast, t, x, constant(VecConst::Zero));
    vresult(i, hop::aesenc, t, aes_next_key(i));
}

// --- SHA-1. The host has the first word on top, and adds the constant itself.
void Lowering::vec_sha1_rounds(u32 i) {
    const Inst& in = inst(i);
    const unsigned kind = static_cast<unsigned>(in.op) - static_cast<unsigned>(Op::VSha1C);
    static constexpr VecConst kAdded[] = {VecConst::Sha1K0, VecConst::Sha1K1, VecConst::Sha1K2};
    const unsigned more = 2 + scratch_for(arg(in, 0));
    const Operand y = use_vmem(arg(in, 1), more), z = use_vmem(arg(in, 2), more), x = use_vsrc(arg(in, 0));
    consume();
    const u8 t = alloc_xmm(), u = alloc_xmm();
    vload(t, z);
    v2(hop::psubd, t, t, constant(kAdded[kind]));
    vzero(u);
    v2(hop::pblendw, u, u, y, 3);
    v2(hop::paddd, t, t, u);
    v1(hop::pshufd, t, xr(t), 0x1b);
    v1(hop::pshufd, u, x, 0x1b);
    a.sha1rnds4(xr(u), xr(t), asmjit::Imm(kind));
    vresult1(i, hop::pshufd, xr(u), 0x1b);
}

void Lowering::vec_sha1_su0(u32 i) {
    const Inst& in = inst(i);
    const Operand z = use_vmem(arg(in, 2), 1 + scratch_for(arg(in, 0)) + scratch_for(arg(in, 1)));
    const u8 x = use_xmm(arg(in, 0)), y = use_xmm(arg(in, 1));
    consume();
    const u8 t = alloc_xmm();
    v2(hop::palignr, t, y, xr(x), 8);
    v2(hop::pxor, t, t, x);
    vresult(i, hop::pxor, t, z);
}

void Lowering::vec_sha1_su1(u32 i) {
    const Inst& in = inst(i);
    const Operand x = use_vmem(arg(in, 0), 3), y = use_vmem(arg(in, 1), 3);
    consume();
    const u8 t = alloc_xmm(), u = alloc_xmm();
    if (cpu_.sha) {
        v1(hop::pshufd, u, x, 0x1b);
        v1(hop::pshufd, t, y, 0x1b);
        a.sha1msg2(xr(u), xr(t));
        return vresult1(i, hop::pshufd, xr(u), 0x1b);
    }
    const u8 r = alloc_xmm();
    const auto rotate = [&](u8 v, u32 n) {
        vshift(hop::psrld, u, v, 32 - n);
        vshift(hop::pslld, v, v, n);
        v2(hop::por, v, v, u);
    };
    vload(t, y);
    vshift(hop::psrldq, t, t, 4);
    v2(hop::pxor, t, t, x);
    copy(r, t);
    rotate(r, 1);
    vshift(hop::pslldq, t, t, 12);  // the last word depends on the first result
    rotate(t, 2);
    vresult(i, hop::pxor, r, t);
}

// --- SHA-256. The host keeps a, b, e, f in one register and c, d, g, h in another; two rounds turn the
// second into what the first will be, and the first into the second.

// The other half of the state after the same rounds, if it is made within the next few instructions.
Value Lowering::sha256_partner(u32 i) const {
    const Inst& in = inst(i);
    if (!on(JitOpt::FuseCrypto)) return kNone;
    const Op other = in.op == Op::VSha256H ? Op::VSha256H2 : Op::VSha256H;
    const u32 end = std::min(static_cast<u32>(block_->insts.size()), i + kPairDistance);
    for (u32 j = i + 1; j < end; j++) {
        const Inst& o = inst(j);
        if (o.op != other || !an_.info[j].live || an_.info[j].made || an_.info[j].rep != j) continue;
        if (arg(o, 0) == arg(in, 1) && arg(o, 1) == arg(in, 0) && arg(o, 2) == arg(in, 2)) return j;
    }
    return kNone;
}

void Lowering::vec_sha256(u32 i) {
    const Inst& in = inst(i);
    const bool first = in.op == Op::VSha256H;
    const Operand abcd = use_vmem(arg(in, first ? 0 : 1), kAllScratch),
                  efgh = use_vmem(arg(in, first ? 1 : 0), kAllScratch), z = use_vmem(arg(in, 2), kAllScratch);
    const Value partner = sha256_partner(i);
    if (partner != kNone) count_uses_now(partner);
    consume();
    take(kXmm0);
    const u8 abef = alloc_xmm(), cdgh = alloc_xmm();
    if (efgh.isMem()) vload(abef, efgh);
    const u8 from = efgh.isMem() ? abef : reg_of(efgh);
    v2(hop::shufps, cdgh, from, abcd, 0xbb);
    v2(hop::shufps, abef, from, abcd, 0x11);
    vload(kXmm0, z);
    a.sha256rnds2(xr(cdgh), xr(abef), x86::xmm0);
    v1(hop::pshufd, kXmm0, x86::xmm0, 0xee);
    a.sha256rnds2(xr(abef), xr(cdgh), x86::xmm0);
    const u32 h = 0xbb, h2 = 0x11;
    if (partner != kNone) v2(hop::shufps, kXmm0, abef, xr(cdgh), first ? h2 : h);
    vresult(i, hop::shufps, abef, xr(cdgh), first ? h : h2);
    if (partner != kNone) defined(partner, kXmm0);
}

void Lowering::vec_sha256_su0(u32 i) {
    const Inst& in = inst(i);
    const u8 x = use_xmm(arg(in, 0)), y = use_xmm(arg(in, 1));
    consume();
    const u8 d = define_xmm(i, mask_of(x), x == y ? 0 : mask_of(y));
    copy(d, x);
    a.sha256msg1(xr(d), xr(y));
    defined(i, d);
}

void Lowering::vec_sha256_su1(u32 i) {
    const Inst& in = inst(i);
    const unsigned more = 1 + scratch_for(arg(in, 2));
    const Operand x = use_vmem(arg(in, 0), more), y = use_vmem(arg(in, 1), more);
    const u8 z = use_xmm(arg(in, 2));
    consume();
    const u8 t = alloc_xmm();
    v2(hop::palignr, t, z, y, 4);
    v2(hop::paddd, t, t, x);
    a.sha256msg2(xr(t), xr(z));
    vec_move_result(i, t);
}

// --- SHA-512: the schedule in both lanes at once, the rounds, each of which needs the one before, in general
// registers.
void Lowering::vec_sha512_su(u32 i) {
    const Inst& in = inst(i);
    const bool second = in.op == Op::VSha512Su1;
    const Operand x = use_vmem(arg(in, 0), 3), y = use_vmem(arg(in, 1), 3),
                  z = second ? use_vmem(arg(in, 2), 3) : Operand{};
    consume();
    const u8 t = alloc_xmm(), u = alloc_xmm(), sum = alloc_xmm();
    vload(t, y);
    if (!second) v2(hop::palignr, t, t, x, 8);
    const auto rotated = [&](u32 n) {
        if (cpu_.avx512) {
            a.vprorq(xr(u), xr(t), asmjit::Imm(n));
            return v2(hop::pxor, sum, sum, u);
        }
        vshift(hop::psrlq, u, t, n);
        v2(hop::pxor, sum, sum, u);
        vshift(hop::psllq, u, t, 64 - n);
        v2(hop::pxor, sum, sum, u);
    };
    vshift(hop::psrlq, sum, t, second ? 6 : 7);
    rotated(second ? 19 : 1);
    rotated(second ? 61 : 8);
    if (second) v2(hop::paddq, sum, sum, z);
    vresult(i, hop::paddq, sum, x);
}

// d = x rotated right by three amounts, exclusive or
void Lowering::sha512_sigma(u8 d, u8 x, u32 first, u32 second, u32 third) {
    a.mov(r64(d), r64(x));
    a.ror(r64(d), third - second);
    a.xor_(r64(d), r64(x));
    a.ror(r64(d), second - first);
    a.xor_(r64(d), r64(x));
    a.ror(r64(d), first);
}

// Operands w, x, y; each half of the result is a sum of a half of w, a function of three words, and a sigma.
void Lowering::vec_sha512(u32 i) {
    const Inst& in = inst(i);
    for (unsigned k = 0; k < 3; k++) {
        const u8 v = use_xmm(arg(in, k));
        store_wide(k, v);
        locked_ &= ~mask_of(v);
    }
    consume();
    for (u8 r : kScratchInt) take(r);
    in.op == Op::VSha512H ? sha512_h() : sha512_h2();
    const u8 d = define_xmm(i);
    vload(d, wide_mem(3));
    defined(i, d);
}

// Choices by e: (p ^ q) & e ^ q
void Lowering::sha512_h() {
    a.mov(x86::rax, wide_half(2, true));
    a.mov(x86::rdx, wide_half(1, false));
    a.mov(x86::rcx, wide_half(1, true));
    a.mov(x86::r11, x86::rdx);
    a.xor_(x86::r11, x86::rcx);
    a.and_(x86::r11, x86::rax);
    a.xor_(x86::r11, x86::rcx);
    sha512_sigma(kRcx, kRax, 14, 18, 41);
    a.add(x86::rcx, x86::r11);
    a.add(x86::rcx, wide_half(0, true));
    a.mov(wide_half(3, true), x86::rcx);
    a.add(x86::rcx, wide_half(2, false));
    a.xor_(x86::rax, x86::rdx);
    a.and_(x86::rax, x86::rcx);
    a.xor_(x86::rax, x86::rdx);
    sha512_sigma(kR11, kRcx, 14, 18, 41);
    a.add(x86::r11, x86::rax);
    a.add(x86::r11, wide_half(0, false));
    a.mov(wide_half(3, false), x86::r11);
}

// Majorities with both halves of y: p & (y ^ y') ^ (y & y')
void Lowering::sha512_h2() {
    a.mov(x86::rax, wide_half(2, false));
    a.mov(x86::rdx, wide_half(2, true));
    a.mov(x86::r11, x86::rdx);
    a.xor_(x86::r11, x86::rax);
    a.and_(x86::rdx, x86::rax);
    sha512_sigma(kRcx, kRax, 28, 34, 39);
    a.mov(x86::rax, wide_half(1, false));
    a.and_(x86::rax, x86::r11);
    a.xor_(x86::rax, x86::rdx);
    a.add(x86::rcx, x86::rax);
    a.add(x86::rcx, wide_half(0, true));
    a.mov(wide_half(3, true), x86::rcx);
    sha512_sigma(kRax, kRcx, 28, 34, 39);
    a.and_(x86::r11, x86::rcx);
    a.xor_(x86::r11, x86::rdx);
    a.add(x86::rax, x86::r11);
    a.add(x86::rax, wide_half(0, false));
    a.mov(wide_half(3, false), x86::rax);
}

}  // namespace vm::backend::x86_64
