// The instructions that make up nine tenths of all code, encoded here: moves, two-operand arithmetic, lea and
// test of general registers with a register, an address or a small constant. AsmJit's encoder, which looks
// every one of two thousand instructions up in tables, does the rest, and emitter_test.cc holds the two
// against each other. Encodings: AMD64 Architecture Programmer's Manual, volume 3, chapter 1.
#include "backend/x86_64/emitter.h"

namespace vm::backend::x86_64 {
namespace {

using asmjit::Operand_;
using asmjit::RegType;

/// Width in bits of a general register (low byte, if 8), 0 for anything else.
unsigned gp_bits(const Operand_& o) {
    switch (o.signature().bits()) {
        case x86::RegTraits<RegType::kX86_Gpq>::kSignature: return 64;
        case x86::RegTraits<RegType::kX86_Gpd>::kSignature: return 32;
        case x86::RegTraits<RegType::kX86_Gpw>::kSignature: return 16;
        case x86::RegTraits<RegType::kX86_GpbLo>::kSignature: return 8;
        default: return 0;
    }
}

/// [base], [base + disp], [base + index << n + disp], all 64-bit.
bool plain_memory(const Operand_& o) {
    if (!o.isMem()) return false;
    const auto& m = o.as<x86::Mem>();
    return m.baseType() == RegType::kX86_Gpq && !m.hasSegment() &&
           (!m.hasIndexReg() || m.indexType() == RegType::kX86_Gpq);
}

constexpr u8 kNoGroup = 0xff;
/// Place of a two-operand arithmetic instruction in its group: opcode / 8.
u8 group(u32 id) {
    switch (id) {
        case HInst::kIdAdd: return 0;
        case HInst::kIdOr: return 1;
        case HInst::kIdAnd: return 4;
        case HInst::kIdSub: return 5;
        case HInst::kIdXor: return 6;
        case HInst::kIdCmp: return 7;
        default: return kNoGroup;
    }
}

}  // namespace

/// Prefixes, opcode, ModRM and what belongs to it. `reg` goes to the reg field; `byte_regs`: a register
/// operand is a byte, which needs a REX prefix from spl on.
void Emitter::encode(unsigned bits, u32 opcode, unsigned reg, const Operand_& rm, u32 byte_regs) {
    reserve();
    u8* p = _bufferPtr;
    const bool memory = rm.isMem();
    const auto& m = rm.as<x86::Mem>();
    const unsigned base = memory ? m.baseId() : rm.id();
    const bool indexed = memory && m.hasIndexReg();
    const unsigned index = indexed ? m.indexId() : 0;
    if (bits == 16) *p++ = 0x66;
    const unsigned rex = (bits == 64 ? 8u : 0u) | (reg >> 3) << 2 | (index >> 3) << 1 | base >> 3;
    if (rex != 0 || byte_regs >> 2 != 0) *p++ = static_cast<u8>(0x40 | rex);
    if (opcode > 0xff) *p++ = static_cast<u8>(opcode >> 8);
    *p++ = static_cast<u8>(opcode);
    const unsigned field = (reg & 7) << 3;
    if (!memory) {
        *p++ = static_cast<u8>(0xc0 | field | (base & 7));
        _bufferPtr = p;
        return;
    }
    const i32 disp = m.offsetLo32();
    const unsigned mod = disp == 0 && (base & 7) != 5 ? 0 : disp == static_cast<i8>(disp) ? 1 : 2;
    if (indexed || (base & 7) == 4) {
        *p++ = static_cast<u8>(mod << 6 | field | 4);
        *p++ = static_cast<u8>((indexed ? m.shift() << 6 | (index & 7) << 3 : 4u << 3) | (base & 7));
    } else {
        *p++ = static_cast<u8>(mod << 6 | field | (base & 7));
    }
    if (mod == 1) {
        *p++ = static_cast<u8>(disp);
    } else if (mod == 2) {
        store_raw(p, static_cast<u32>(disp));
        p += 4;
    }
    _bufferPtr = p;
}

bool Emitter::encode_common(u32 id, const Operand_& x, const Operand_& y) {
    const unsigned xb = gp_bits(x), yb = gp_bits(y);
    const auto low = [](const Operand_& o, unsigned bits) { return bits == 8 ? o.id() : 0u; };
    const u8 g = group(id);
    if (y.isImm()) {
        const i64 v = y.as<asmjit::Imm>().value();
        if (id == HInst::kIdMov && xb == 32 && fits_unsigned(static_cast<u64>(v), 32)) {
            if (x.id() >= 8) byte(0x41);
            byte(static_cast<u8>(0xb8 | (x.id() & 7)));
            dword(static_cast<u32>(v));
            return true;
        }
        if (g == kNoGroup || v != static_cast<i8>(v)) return false;
        const unsigned bits = xb != 0 ? xb : plain_memory(x) ? x.as<x86::Mem>().size() * 8 : 0;
        if (bits != 32 && bits != 64) return false;
        encode(bits, 0x83, g, x, 0);
        byte(static_cast<u8>(v));
        return true;
    }
    if (xb != 0 && yb != 0) {
        if (id == HInst::kIdMovzx && xb == 32 && yb < 32)
            return encode(32, yb == 8 ? 0x0fb6 : 0x0fb7, x.id(), y, low(y, yb)), true;
        if (id == HInst::kIdMovsxd && xb == 64 && yb == 32) return encode(64, 0x63, x.id(), y, 0), true;
        if (xb != yb || xb < 32) return false;
        if (id == HInst::kIdMov) return encode(xb, 0x89, y.id(), x, 0), true;
        if (id == HInst::kIdTest) return encode(xb, 0x85, y.id(), x, 0), true;
        if (g != kNoGroup) return encode(xb, g * 8u + 1, y.id(), x, 0), true;
        return false;
    }
    if (xb != 0 && plain_memory(y)) {
        const unsigned size = y.as<x86::Mem>().size() * 8;
        if (id == HInst::kIdLea && xb >= 32) return encode(xb, 0x8d, x.id(), y, 0), true;
        if (id == HInst::kIdMovzx && xb == 32 && (size == 8 || size == 16))
            return encode(32, size == 8 ? 0x0fb6 : 0x0fb7, x.id(), y, 0), true;
        if (id == HInst::kIdMovsxd && xb == 64) return encode(64, 0x63, x.id(), y, 0), true;
        if (size != xb || xb < 32) return false;
        if (id == HInst::kIdMov) return encode(xb, 0x8b, x.id(), y, 0), true;
        if (g != kNoGroup) return encode(xb, g * 8u + 3, x.id(), y, 0), true;
        return false;
    }
    if (yb != 0 && plain_memory(x) && x.as<x86::Mem>().size() * 8 == yb) {
        if (id == HInst::kIdMov) return encode(yb, yb == 8 ? 0x88 : 0x89, y.id(), x, low(y, yb)), true;
        if (g != kNoGroup && yb >= 32) return encode(yb, g * 8u + 1, y.id(), x, 0), true;
    }
    return false;
}

asmjit::Error Emitter::_emit(asmjit::InstId id, const Operand_& x, const Operand_& y, const Operand_& z,
                             const Operand_* more) {
    if (z.isNone() && instOptions() == asmjit::InstOptions::kNone && encode_common(id, x, y))
        return asmjit::kErrorOk;
    reserve();  // AsmJit would grow by what it emitted itself and write past the end
    return x86::Assembler::_emit(id, x, y, z, more);
}

}  // namespace vm::backend::x86_64
