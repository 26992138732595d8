// Registers of AArch64: x0 … x30, sp, v0 … v31, nzcv, fpcr, fpsr, tpidr_el0.
#include "../fuzz/a64_traits.h"
#include "frontend/arm64/a64_decode.h"
#include "frontend/arm64/arm64.h"
#include "frontend/arm64/state.h"
#include "test_guest.h"

namespace vm::test {
namespace {

namespace a64 = frontend::arm64;

constexpr size_t kSp = 31, kV = 32, kNzcv = 64, kFpcr = 65, kFpsr = 66, kTpidr = 67;

/// N, Z, C, V as they stand in the NZCV register, and in the word of the register file.
u64 nzcv_of_word(u64 w) {
    return (w >> 15 & 1) << 31 | (w >> 14 & 1) << 30 | (w >> 8 & 1) << 29 | (w & 1) << 28;
}
u16 word_of_nzcv(u64 v) {
    return static_cast<u16>((v >> 31 & 1) << 15 | (v >> 30 & 1) << 14 | (v >> 29 & 1) << 8 | (v >> 28 & 1));
}

void get(engine::Vcpu& cpu, std::span<RegisterValue> out) {
    for (unsigned n = 0; n < 31; n++) out[n] = {cpu.reg(a64::x_offset(n)), 0};
    out[kSp] = {cpu.reg(a64::kSpOffset), 0};
    for (unsigned n = 0; n < 32; n++) {
        const u16 at = a64::v_offset(n);
        out[kV + n] = {cpu.reg(at), cpu.reg(static_cast<u16>(at + 8))};
    }
    out[kNzcv] = {nzcv_of_word(load_raw<u16>(cpu.guest() + a64::kNzcvOffset)), 0};
    out[kFpcr] = {cpu.reg(a64::kFpcrOffset), 0};
    const bool saturated = (cpu.reg(a64::kQcOffset) | cpu.reg(a64::kQcOffset + 8)) != 0;
    out[kFpsr] = {
        a64::fpsr_of_flags(cpu.fp().flags | cpu.fp().input_denormal) | (saturated ? a64::kFpsrQc : 0), 0};
    out[kTpidr] = {cpu.reg(a64::kTpidrOffset), 0};
}

void set(engine::Vcpu& cpu, std::span<const RegisterValue> values) {
    for (unsigned n = 0; n < 31; n++) cpu.set_reg(a64::x_offset(n), values[n][0]);
    cpu.set_reg(a64::kSpOffset, values[kSp][0]);
    for (unsigned n = 0; n < 32; n++) {
        const u16 at = a64::v_offset(n);
        cpu.set_reg(at, values[kV + n][0]);
        cpu.set_reg(static_cast<u16>(at + 8), values[kV + n][1]);
    }
    store_raw(cpu.guest() + a64::kNzcvOffset, word_of_nzcv(values[kNzcv][0]));
    const u64 fpcr = values[kFpcr][0], fpsr = values[kFpsr][0];
    cpu.set_reg(a64::kFpcrOffset, fpcr);
    const u8 flags = a64::flags_of_fpsr(static_cast<u32>(fpsr));
    cpu.fp() = {.flags = static_cast<u8>(flags & ~ir::kInputDenormal),
                .rounding = static_cast<u8>(a64::round_of_fpcr(fpcr)),
                .input_denormal = static_cast<u8>(flags & ir::kInputDenormal)};
    cpu.set_reg(a64::kQcOffset, (fpsr & a64::kFpsrQc) != 0);
    cpu.set_reg(a64::kQcOffset + 8, 0);
    cpu.set_reg(a64::kTpidrOffset, values[kTpidr][0]);
    cpu.set_reg(a64::kTaggedOffset, 0);
    for (u16 n = 0; n < 2 * a64::kKeyCount; n++)
        cpu.set_reg(static_cast<u16>(a64::kKeysOffset + 8 * n), 0x9e3779b97f4a7c15 * (n + 1u));
}

size_t base_register(u32 word) {
    using fuzz::a64::Address;
    const auto t = fuzz::a64::traits(word);
    const bool immediate =
        t.address == Address::Offset || t.address == Address::Pre || t.address == Address::Post;
    const bool one_register = (word >> 27 & 7) == 7 && fuzz::a64::field_rn(word) != fuzz::a64::kSp;
    const unsigned rn = fuzz::a64::field_rn(word);
    const bool stores_base = !t.load && fuzz::a64::field_rd(word) == rn;
    return immediate && one_register && t.alignment == 1 && !t.prefetch &&
                   t.signature == fuzz::a64::Signature::None && !stores_base
               ? rn
               : kTpidr + 1;
}

TestGuest make() {
    TestGuest g{.name = "a64",
                .isa = &a64::kArm64,
                .registers = {},
                .system_call = {0x01, 0, 0, 0xd4},
                .get = get,
                .set = set,
                .base_register = base_register,
                .encodings = {}};
    for (unsigned n = 0; n < 31; n++) g.registers.push_back({"x" + std::to_string(n), 8});
    g.registers.push_back({"sp", 8});
    for (unsigned n = 0; n < 32; n++) g.registers.push_back({"v" + std::to_string(n), 16});
    for (const char* name : {"nzcv", "fpcr", "fpsr", "tpidr_el0"}) g.registers.push_back({name, 8, true});
    for (u16 i = 1; i < static_cast<u16>(a64::Insn::Count_); i++)
        g.encodings.push_back(info(static_cast<a64::Insn>(i)).name);
    return g;
}

}  // namespace

const TestGuest& a64_guest() {
    static const TestGuest g = make();
    return g;
}

}  // namespace vm::test
