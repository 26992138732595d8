// The GuestIsa value of RV64: register file, block modes, disassembly, CPU models.
#include "frontend/riscv64/riscv64.h"

#include <cassert>
#include <iterator>

#include "base/format.h"
#include "frontend/riscv64/cpu_models.h"
#include "frontend/riscv64/hart_area.h"
#include "frontend/riscv64/translator.h"
#include "ir/text.h"

namespace vm::frontend::riscv64 {
namespace {

constexpr std::string_view kXNames[32] = {
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
    "a6",   "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
constexpr std::string_view kFNames[32] = {"ft0", "ft1", "ft2",  "ft3",  "ft4", "ft5", "ft6",  "ft7",
                                          "fs0", "fs1", "fa0",  "fa1",  "fa2", "fa3", "fa4",  "fa5",
                                          "fa6", "fa7", "fs2",  "fs3",  "fs4", "fs5", "fs6",  "fs7",
                                          "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11"};

constexpr std::string_view kHartNames[] = {"interrupts",
                                           "context_no_sum",
                                           "context_sum",
                                           "cache_rights",
                                           "slow_traps",
                                           "traps",
                                           "context_user",
                                           "code_user",
                                           "code_supervisor",
                                           "rights_user",
                                           "rights_supervisor",
                                           "mstatus",
                                           "stvec",
                                           "sscratch",
                                           "sepc",
                                           "scause",
                                           "stval",
                                           "mcounteren",
                                           "scounteren",
                                           "privilege"};
static_assert(std::size(kHartNames) == static_cast<size_t>(HartField::Count_));

// Hottest first, by operand counts in Debian's riscv64 libc.a, libm.a and libstdc++ (gcc 12, -O2),
// instructions in loops weighted 8 per level (tools/count-registers.py). ra is left out although it is
// frequent: calls write it, and returns read it, once each, and a store of a constant is all that a call
// needs.
constexpr u8 kHotX[] = {15, 10, 2,  14, 8,  13, 11,
                        12, 9,  18, 19, 20, 16};  // a5 a0 sp a4 s0 a3 a1 a2 s1 s2 s3 s4 a6
constexpr u8 kHotF[] = {15, 10, 14, 13, 11, 8, 12,
                        9,  18, 0,  19, 1,  2, 3};  // fa5 fa0 fa4 fa3 fa1 fs0 fa2 fs1 fs2 ft0 …

ir::StateLayout make_layout() {
    ir::StateLayout l;
    for (unsigned n = 1; n < 32; ++n) l.slots.push_back({std::string(kXNames[n]), Type::I64, x_offset(n)});
    for (unsigned n = 0; n < 32; ++n) l.slots.push_back({std::string(kFNames[n]), Type::F64, f_offset(n)});
    for (u16 n = 0; n < static_cast<u16>(HartField::Count_); ++n)
        l.slots.push_back({std::string(kHartNames[n]), Type::I64, hart_offset(HartField{n})});
    l.machine_slots = static_cast<u16>(HartField::Count_) + 2;
    l.slots.push_back({"tlb_context", Type::I64, ir::kTlbContextOffset});
    l.slots.push_back({"code_context", Type::I64, ir::kCodeContextOffset});
    l.size = ir::kTlbContextOffset + 8;
    for (u8 n : kHotX) l.pin_int.push_back(x_slot(n));
    for (u8 n : kHotF) l.pin_vector.push_back(f_slot(n));
    l.pc_alignment = 2;
    return l;
}

void translate(const TranslateRequest& request, ir::Block& out) {
    Translator(request, out).run();
#ifndef NDEBUG
    const auto verified = ir::verify(out, kLayout);
    assert(verified && "the RV64 front end made a block that does not verify");
#endif
}

u32 mode_of(const u8*, const ir::FpEnv& fp) { return mode_of_frm(fp.rounding); }

std::string disassemble_at(u64 pc, const u8* code, u64 size, unsigned* length) {
    *length = static_cast<unsigned>(size < 2 ? 1 : 2);
    if (size < 2) return size == 0 ? "" : fmt::format(".byte {:#x}", code[0]);
    u32 bits = load_raw<u16>(code);
    if ((bits & 3) == 3) {
        if (size < 4) return fmt::format(".2byte {:#x}", bits);
        bits = load_raw<u32>(code);
        *length = 4;
    }
    return disassemble(decode(bits, ~u64{0}), pc);
}

}  // namespace

std::string_view x_name(unsigned n) { return kXNames[n]; }
std::string_view f_name(unsigned n) { return kFNames[n]; }

const ir::StateLayout kLayout = make_layout();

const frontend::GuestIsa kRiscv64{
    .name = "riscv64",
    .layout = &kLayout,
    .translate = translate,
    .mode_of = mode_of,
    .disassemble = disassemble_at,
    .parse_cpu = parse_cpu,
    .slot_pc_link = x_slot(1),
    .slot_sp = x_slot(2),
};

}  // namespace vm::frontend::riscv64
