// GDB manual, "AArch64 Features".
#include "base/format.h"
#include "debug/cpu_registers.h"
#include "frontend/arm64/state.h"
#include "ir/eval.h"

namespace vm::debug {
namespace {

namespace a64 = frontend::arm64;

constexpr size_t kSp = 31, kPc = 32, kCpsr = 33, kV0 = 34, kFpsr = 66, kFpcr = 67, kTpidr = 68,
                 kDataMask = 69, kCodeMask = 70;
/// Where pointers carry their authentication codes.
constexpr u64 kPacMask = u64{0x7f} << 48;

constexpr const char* kTypes =
    "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/><vector id=\"v2u\" type=\"uint64\" count=\"2\"/>"
    "<vector id=\"v2i\" type=\"int64\" count=\"2\"/><vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
    "<vector id=\"v4u\" type=\"uint32\" count=\"4\"/><vector id=\"v4i\" type=\"int32\" count=\"4\"/>"
    "<vector id=\"v8f\" type=\"ieee_half\" count=\"8\"/><vector id=\"v8u\" type=\"uint16\" count=\"8\"/>"
    "<vector id=\"v8i\" type=\"int16\" count=\"8\"/><vector id=\"v16u\" type=\"uint8\" count=\"16\"/>"
    "<vector id=\"v16i\" type=\"int8\" count=\"16\"/>\n"
    "<union id=\"vnd\"><field name=\"f\" type=\"v2d\"/><field name=\"u\" type=\"v2u\"/>"
    "<field name=\"s\" type=\"v2i\"/></union>"
    "<union id=\"vns\"><field name=\"f\" type=\"v4f\"/><field name=\"u\" type=\"v4u\"/>"
    "<field name=\"s\" type=\"v4i\"/></union>"
    "<union id=\"vnh\"><field name=\"f\" type=\"v8f\"/><field name=\"u\" type=\"v8u\"/>"
    "<field name=\"s\" type=\"v8i\"/></union>"
    "<union id=\"vnb\"><field name=\"u\" type=\"v16u\"/><field name=\"s\" type=\"v16i\"/></union>\n"
    "<union id=\"vnq\"><field name=\"u\" type=\"uint128\"/><field name=\"s\" type=\"int128\"/></union>"
    "<union id=\"aarch64v\"><field name=\"d\" type=\"vnd\"/><field name=\"s\" type=\"vns\"/>"
    "<field name=\"h\" type=\"vnh\"/><field name=\"b\" type=\"vnb\"/><field name=\"q\" type=\"vnq\"/>"
    "</union>\n";
constexpr const char* kFlags =
    "<flags id=\"cpsr_flags\" size=\"4\"><field name=\"V\" start=\"28\" end=\"28\" type=\"bool\"/>"
    "<field name=\"C\" start=\"29\" end=\"29\" type=\"bool\"/>"
    "<field name=\"Z\" start=\"30\" end=\"30\" type=\"bool\"/>"
    "<field name=\"N\" start=\"31\" end=\"31\" type=\"bool\"/></flags>\n";

RegisterSet make_set() {
    RegisterSet set{.architecture = "aarch64", .registers = {}};
    const char* const core = "org.gnu.gdb.aarch64.core";
    const char* const fpu = "org.gnu.gdb.aarch64.fpu";
    const char* const tls = "org.gnu.gdb.aarch64.tls";
    const char* const pauth = "org.gnu.gdb.aarch64.pauth";
    for (unsigned n = 0; n < 31; n++)
        set.registers.push_back({.name = fmt::format("x{}", n), .type = "int", .feature = core});
    set.registers.push_back({.name = "sp", .type = "data_ptr", .feature = core});
    set.registers.push_back({.name = "pc", .type = "code_ptr", .feature = core});
    set.registers.push_back({.name = "cpsr", .bits = 32, .type = "cpsr_flags", .feature = core});
    for (unsigned n = 0; n < 32; n++)
        set.registers.push_back(
            {.name = fmt::format("v{}", n), .bits = 128, .type = "aarch64v", .feature = fpu});
    set.registers.push_back({.name = "fpsr", .bits = 32, .type = "int", .feature = fpu});
    set.registers.push_back({.name = "fpcr", .bits = 32, .type = "int", .feature = fpu});
    set.general = set.registers.size();
    set.registers.push_back({.name = "tpidr", .type = "data_ptr", .feature = tls, .group = "system"});
    set.registers.push_back({.name = "pauth_dmask", .type = "int", .feature = pauth, .group = "system"});
    set.registers.push_back({.name = "pauth_cmask", .type = "int", .feature = pauth, .group = "system"});
    set.types[core] = kFlags;
    set.types[fpu] = kTypes;
    set.told = {kPc, kSp, 29};
    return set;
}

u32 cpsr_of(engine::Vcpu& v) {
    return u32{ir::Nzcv::of_word(load_raw<u16>(v.guest() + a64::kNzcvOffset)).bits} << 28;
}

void set_cpsr(engine::Vcpu& v, u32 p) {
    store_raw<u16>(v.guest() + a64::kNzcvOffset, ir::Nzcv{static_cast<u8>(p >> 28)}.word());
}

u32 fpsr_of(engine::Vcpu& v) {
    const u8* const qc = v.guest() + a64::kQcOffset;
    const bool saturated = (load_raw<u64>(qc) | load_raw<u64>(qc + 8)) != 0;
    return a64::fpsr_of_flags(static_cast<u8>(v.fp().flags | v.fp().input_denormal)) |
           (saturated ? a64::kFpsrQc : 0);
}

void set_fpsr(engine::Vcpu& v, u32 fpsr) {
    const u8 flags = a64::flags_of_fpsr(fpsr);
    v.fp().flags = flags & static_cast<u8>(~ir::kInputDenormal);
    v.fp().input_denormal = flags & ir::kInputDenormal;
    store_raw<u64>(v.guest() + a64::kQcOffset, fpsr & a64::kFpsrQc ? 1 : 0);
    store_raw<u64>(v.guest() + a64::kQcOffset + 8, 0);
}

void set_fpcr(engine::Vcpu& v, u32 fpcr) {
    store_raw<u64>(v.guest() + a64::kFpcrOffset, fpcr & a64::kFpcrMask);
    v.fp().rounding = static_cast<u8>(a64::round_of_fpcr(fpcr));
}

/// An indirect branch leaves a mark in the pc.
u64 pc_of(engine::Vcpu& v) { return a64::btype_of(v.pc()) != 0 ? v.pc() & ~a64::kBranchMarks : v.pc(); }

void read(engine::Vcpu& v, size_t n, u8* out) {
    if (n < kSp)
        store_raw<u64>(out, v.reg(a64::x_offset(static_cast<unsigned>(n))));
    else if (n == kSp)
        store_raw<u64>(out, v.reg(a64::kSpOffset));
    else if (n == kPc)
        store_raw<u64>(out, pc_of(v));
    else if (n == kCpsr)
        store_raw<u32>(out, cpsr_of(v));
    else if (n < kFpsr)
        std::memcpy(out, v.guest() + a64::v_offset(static_cast<unsigned>(n - kV0)), 16);
    else if (n == kFpsr)
        store_raw<u32>(out, fpsr_of(v));
    else if (n == kFpcr)
        store_raw<u32>(out, static_cast<u32>(v.reg(a64::kFpcrOffset)));
    else if (n == kTpidr)
        store_raw<u64>(out, v.reg(a64::kTpidrOffset));
    else
        store_raw<u64>(out, n == kDataMask || n == kCodeMask ? kPacMask : 0);
}

void write(engine::Vcpu& v, size_t n, const u8* in) {
    if (n < kSp)
        v.set_reg(a64::x_offset(static_cast<unsigned>(n)), load_raw<u64>(in));
    else if (n == kSp)
        v.set_reg(a64::kSpOffset, load_raw<u64>(in));
    else if (n == kPc)
        v.set_pc(load_raw<u64>(in));
    else if (n == kCpsr)
        set_cpsr(v, load_raw<u32>(in));
    else if (n < kFpsr)
        std::memcpy(v.guest() + a64::v_offset(static_cast<unsigned>(n - kV0)), in, 16);
    else if (n == kFpsr)
        set_fpsr(v, load_raw<u32>(in));
    else if (n == kFpcr)
        set_fpcr(v, load_raw<u32>(in));
    else if (n == kTpidr)
        v.set_reg(a64::kTpidrOffset, load_raw<u64>(in));
    v.state_changed();  // SP and FPCR are parts of the mode
}

}  // namespace

const CpuRegisters kArm64Registers{.set = make_set(), .read = &read, .write = &write, .watch_after = false};

}  // namespace vm::debug
