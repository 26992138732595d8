// Registers of RISC-V 64: x1 … x31, f0 … f31, fcsr.
#include "frontend/riscv64/riscv64.h"
#include "frontend/riscv64/rv64_decode.h"
#include "frontend/riscv64/state.h"
#include "test_guest.h"

namespace vm::test {
namespace {

namespace rv = frontend::riscv64;

constexpr size_t kF = 31, kFcsr = 63;

void get(engine::Vcpu& cpu, std::span<RegisterValue> out) {
    for (unsigned n = 1; n < 32; n++) out[n - 1] = {cpu.reg(rv::x_offset(n)), 0};
    for (unsigned n = 0; n < 32; n++) out[kF + n] = {cpu.reg(rv::f_offset(n)), 0};
    out[kFcsr] = {u64{cpu.fp().flags} | u64{cpu.fp().rounding} << 5, 0};
}

void set(engine::Vcpu& cpu, std::span<const RegisterValue> values) {
    for (unsigned n = 1; n < 32; n++) cpu.set_reg(rv::x_offset(n), values[n - 1][0]);
    for (unsigned n = 0; n < 32; n++) cpu.set_reg(rv::f_offset(n), values[kF + n][0]);
    const u64 fcsr = values[kFcsr][0];
    cpu.fp() = {.flags = static_cast<u8>(fcsr & 31), .rounding = static_cast<u8>(fcsr >> 5)};
}

size_t base_register(u32 word) {
    const auto d = rv::decode(word, ~u64{0});
    const std::string_view base = info(d.base).name, text = info(d.base).asm_template;
    const bool plain = text.find("({rs1})") != text.npos && !base.starts_with("AMO") &&
                       !base.starts_with("LR_") && !base.starts_with("SC_");
    const bool stores_base = d.rs2 == d.rs1 && text.find("{rs2}") != text.npos;
    return plain && !stores_base && d.rs1 != 0 ? d.rs1 - 1u : kFcsr + 1;
}

TestGuest make() {
    TestGuest g{.name = "rv64",
                .isa = &rv::kRiscv64,
                .registers = {},
                .system_call = {0x73, 0, 0, 0},
                .get = get,
                .set = set,
                .base_register = base_register,
                .encodings = {}};
    for (unsigned n = 1; n < 32; n++) g.registers.push_back({"x" + std::to_string(n), 8});
    for (unsigned n = 0; n < 32; n++) g.registers.push_back({"f" + std::to_string(n), 8});
    g.registers.push_back({"fcsr", 8, true});
    for (u16 i = 1; i < static_cast<u16>(rv::Insn::Count_); i++)
        g.encodings.push_back(info(static_cast<rv::Insn>(i)).name);
    return g;
}

}  // namespace

const TestGuest& rv64_guest() {
    static const TestGuest g = make();
    return g;
}

}  // namespace vm::test
