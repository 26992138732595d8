// GDB manual, "RISC-V Features".
#include "base/format.h"
#include "debug/cpu_registers.h"
#include "frontend/riscv64/state.h"

namespace vm::debug {
namespace {

namespace rv = frontend::riscv64;

constexpr size_t kPc = 32, kF0 = 33, kFflags = 65, kFrm = 66, kFcsr = 67;

RegisterSet make_set() {
    RegisterSet set{.architecture = "riscv:rv64", .registers = {}};
    const char* const cpu = "org.gnu.gdb.riscv.cpu";
    const char* const fpu = "org.gnu.gdb.riscv.fpu";
    for (unsigned n = 0; n < 32; n++) {
        const bool pointer = n == 2 || n == 3 || n == 4 || n == 8;
        set.registers.push_back({.name = n == 8 ? "fp" : std::string(rv::x_name(n)),
                                 .type = n == 1    ? "code_ptr"
                                         : pointer ? "data_ptr"
                                                   : "int",
                                 .feature = cpu});
    }
    set.registers.push_back({.name = "pc", .type = "code_ptr", .feature = cpu});
    for (unsigned n = 0; n < 32; n++)
        set.registers.push_back({.name = std::string(rv::f_name(n)), .type = "riscv_double", .feature = fpu});
    for (const char* name : {"fflags", "frm", "fcsr"})
        set.registers.push_back({.name = name, .bits = 32, .type = "int", .feature = fpu, .group = "float"});
    set.types[fpu] =
        "<union id=\"riscv_double\"><field name=\"float\" type=\"ieee_single\"/>"
        "<field name=\"double\" type=\"ieee_double\"/></union>\n";
    set.general = set.registers.size();
    set.told = {kPc, 2, 8};
    return set;
}

void read(engine::Vcpu& v, size_t n, u8* out) {
    const u32 flags = v.fp().flags, rounding = v.fp().rounding;
    if (n < kPc)
        store_raw<u64>(out, n == 0 ? 0 : v.reg(rv::x_offset(static_cast<unsigned>(n))));
    else if (n == kPc)
        store_raw<u64>(out, v.pc());
    else if (n < kFflags)
        store_raw<u64>(out, v.reg(rv::f_offset(static_cast<unsigned>(n - kF0))));
    else
        store_raw<u32>(out, n == kFflags ? flags : n == kFrm ? rounding : rounding << 5 | flags);
}

void write(engine::Vcpu& v, size_t n, const u8* in) {
    if (n == 0) return;
    if (n < kPc) return v.set_reg(rv::x_offset(static_cast<unsigned>(n)), load_raw<u64>(in));
    if (n == kPc) return v.set_pc(load_raw<u64>(in) & ~u64{1});
    if (n < kFflags) return v.set_reg(rv::f_offset(static_cast<unsigned>(n - kF0)), load_raw<u64>(in));
    const u32 value = load_raw<u32>(in);
    if (n != kFrm) v.fp().flags = static_cast<u8>(value & 31);
    if (n != kFflags) v.fp().rounding = static_cast<u8>((n == kFcsr ? value >> 5 : value) & 7);
    v.state_changed();
}

}  // namespace

const CpuRegisters kRiscv64Registers{.set = make_set(), .read = &read, .write = &write};

}  // namespace vm::debug
