// F, D, Zfhmin: loads, stores and moves of raw bits; Zfa constants. No instruction here sets a flag.
#include <bit>
#include <limits>

#include "frontend/riscv64/translator.h"

namespace vm::frontend::riscv64 {
namespace {

constexpr u64 kBoxHalf = ~u64{0xffff}, kBoxSingle = ~u64{0xffffffff};

// Manual, "Zfa": "Immediate values loaded by the FLI instructions". Entry 1 is the format's smallest normal
// number.
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kFliValues[32] = {-1.0, 0.0,    0x1p-16, 0x1p-15, 0x1p-8, 0x1p-7, 0.0625, 0.125,
                                   0.25, 0.3125, 0.375,   0.4375,  0.5,    0.625,  0.75,   0.875,
                                   1.0,  1.25,   1.5,     1.75,    2.0,    2.5,    3.0,    4.0,
                                   8.0,  16.0,   128.0,   256.0,   0x1p15, 0x1p16, kInf,   0.0};
constexpr u16 kFliHalf[32] = {0xbc00, 0x0400, 0x0100, 0x0200, 0x1c00, 0x2000, 0x2c00, 0x3000,
                              0x3400, 0x3500, 0x3600, 0x3700, 0x3800, 0x3900, 0x3a00, 0x3b00,
                              0x3c00, 0x3d00, 0x3e00, 0x3f00, 0x4000, 0x4100, 0x4200, 0x4400,
                              0x4800, 0x4c00, 0x5800, 0x5c00, 0x7800, 0x7c00, 0x7c00, 0x7e00};

constexpr u64 fli_bits(Type t, unsigned index) {
    if (t == Type::F16) return kBoxHalf | kFliHalf[index];
    if (t == Type::F32) {
        if (index == 1) return kBoxSingle | 0x00800000;
        if (index == 31) return kBoxSingle | 0x7fc00000;
        return kBoxSingle | std::bit_cast<u32>(static_cast<float>(kFliValues[index]));
    }
    if (index == 1) return 0x0010000000000000;
    if (index == 31) return 0x7ff8000000000000;
    return std::bit_cast<u64>(kFliValues[index]);
}

}  // namespace

bool Translator::FLH(const Decoded& d) {
    const Value v = b.load(Type::I64, Type::I16, x(d.rs1), d.imm, false);

    return set_f_bits(d.rd, b.or_(v, b.c64(kBoxHalf)));
}
bool Translator::FLW(const Decoded& d) {
    return set_f(Type::F32, d.rd, b.load(Type::F32, Type::F32, x(d.rs1), d.imm, false));
}
bool Translator::FLD(const Decoded& d) {
    return set_f(Type::F64, d.rd, b.load(Type::F64, Type::F64, x(d.rs1), d.imm, false));
}

// Stores take the low bits of the register as they are.
bool Translator::fp_store(const Decoded& d, Type mem) {
    b.store(mem, x(d.rs1), d.imm, mem == Type::F64 ? b.get(f_slot(d.rs2)) : f_bits(d.rs2));
    return true;
}
bool Translator::FSH(const Decoded& d) { return fp_store(d, Type::I16); }
bool Translator::FSW(const Decoded& d) { return fp_store(d, Type::I32); }
bool Translator::FSD(const Decoded& d) { return fp_store(d, Type::F64); }

bool Translator::FMV_X_H(const Decoded& d) { return set_w(d.rd, b.trunc(Type::I16, f_bits(d.rs1))); }
bool Translator::FMV_X_W(const Decoded& d) { return set_w(d.rd, b.trunc(Type::I32, f_bits(d.rs1))); }
bool Translator::FMV_X_D(const Decoded& d) { return set_x(d.rd, f_bits(d.rs1)); }
bool Translator::FMV_H_X(const Decoded& d) { return set_f_bits(d.rd, b.or_(x(d.rs1), b.c64(kBoxHalf))); }
bool Translator::FMV_W_X(const Decoded& d) { return set_f(Type::F32, d.rd, b.bitcast(Type::F32, w(d.rs1))); }
bool Translator::FMV_D_X(const Decoded& d) { return set_f_bits(d.rd, x(d.rs1)); }

bool Translator::fp_constant(const Decoded& d, Type t) {
    return set_f_bits(d.rd, b.c64(fli_bits(t, static_cast<unsigned>(d.imm) & 31)));
}
bool Translator::FLI_H(const Decoded& d) { return fp_constant(d, Type::F16); }
bool Translator::FLI_S(const Decoded& d) { return fp_constant(d, Type::F32); }
bool Translator::FLI_D(const Decoded& d) { return fp_constant(d, Type::F64); }

}  // namespace vm::frontend::riscv64
