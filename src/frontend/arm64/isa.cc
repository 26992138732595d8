// The GuestIsa value of AArch64: register file, block modes, disassembly.
#include <cassert>

#include "base/format.h"
#include "frontend/arm64/arm64.h"
#include "frontend/arm64/cpu_models.h"
#include "frontend/arm64/translator.h"
#include "ir/text.h"

namespace vm::frontend::arm64 {
namespace {

// Hottest first; see README.md. x30 is left out although it is frequent: calls write it, and returns read it,
// once each.
constexpr u8 kHotX[] = {0, 1, 31, 2, 19, 3, 20, 21, 22, 4, 29, 23, 24};
constexpr u8 kHotV[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 17, 9};

ir::StateLayout make_layout() {
    ir::StateLayout l;
    for (unsigned n = 0; n < 31; ++n) l.slots.push_back({fmt::format("x{}", n), Type::I64, x_offset(n)});
    l.slots.push_back({"sp", Type::I64, kSpOffset});
    l.slots.push_back({"nzcv", Type::Flags, kNzcvOffset});
    l.slots.push_back({"fpcr", Type::I64, kFpcrOffset});
    l.slots.push_back({"qc", Type::V128, kQcOffset});
    l.slots.push_back({"tpidr_el0", Type::I64, kTpidrOffset});
    l.slots.push_back({"tagged", Type::I64, kTaggedOffset});
    for (const char* key : {"apia", "apib", "apda", "apdb", "apga"})
        for (const char* half : {"_lo", "_hi"})
            l.slots.push_back({std::string(key) + half, Type::I64,
                               static_cast<u16>(kKeysOffset + 8 * (l.slots.size() - kKeySlot))});
    for (unsigned n = 0; n < 32; ++n) l.slots.push_back({fmt::format("v{}", n), Type::V128, v_offset(n)});
    for (unsigned n = 0; n < 2; ++n)
        l.slots.push_back(
            {n == 0 ? "flag_a" : "flag_b", Type::I64, static_cast<u16>(kFlagOperandsOffset + 8 * n)});
    l.flag_operands = kFlagOperandsSlot;
    l.size = kStateBytes;
    for (u8 n : kHotX) l.pin_int.push_back(x_slot(n));
    for (u8 n : kHotV) l.pin_vector.push_back(v_slot(n));
    l.pc_alignment = 4;
    return l;
}

void translate(const TranslateRequest& request, ir::Block& out) {
    Translator(request, out).run();
#ifndef NDEBUG
    const auto verified = ir::verify(out, kLayout);
    assert(verified && "the A64 front end made a block that does not verify");
#endif
}

u32 mode_of(const u8* guest, const ir::FpEnv&) {
    const u64 fpcr = load_raw<u64>(guest + kFpcrOffset);
    u32 mode = 0;
    if (fpcr & kFpcrFz) mode |= kModeFz;
    if (fpcr & kFpcrDn) mode |= kModeDn;
    if (fpcr & kFpcrFz16) mode |= kModeFz16;
    if (fpcr & kFpcrAhp) mode |= kModeAhp;
    if (load_raw<u64>(guest + kTaggedOffset) != 0) mode |= kModeTagged;
    if (load_raw<u64>(guest + kSpOffset) % 16 != 0) mode |= kModeSpMisaligned;
    mode |= guest[kKeysOffOffset] * u32{kModeKeysOff};
    return mode;
}

// Few programs put something into the top byte of addresses; the others need not pay for that it is ignored.
bool retry_fault(u8* guest, u64 address) {
    if (!has_tag(address) || load_raw<u64>(guest + kTaggedOffset) != 0) return false;
    store_raw(guest + kTaggedOffset, u64{1});
    return true;
}

/// May a branch that came as `btype` enter a guarded page here? (Manual: "Compatibility of an instruction
/// with PSTATE.BTYPE"; Linux sets SCTLR_EL1.BT0: PACIASP is no place for plain jumps.)
bool is_landing_pad(const Decoded& d, unsigned btype) {
    switch (d.id) {
        case Insn::BTI: {
            constexpr u8 kForCalls = 1, kForJumps = 2;
            return (d.amount & kForCalls && btype != kBtypeGuardedJump) ||
                   (d.amount & kForJumps && btype != kBtypeCall);
        }
        case Insn::PACIASP:
        case Insn::PACIBSP: return btype != kBtypeGuardedJump;
        case Insn::BRK: return true;
        default: return false;
    }
}

bool arrive(const TranslateRequest& request, u64* pc) {
    const unsigned btype = btype_of(*pc);
    if (btype == 0) return true;  // the tag of an address, which the block there takes off
    const u64 address = *pc & kAddressMask;
    *pc = address;
    u32 bits = 0;
    if (request.guarded == nullptr || !request.guarded(request.fetch_ctx, address) || address % 4 != 0 ||
        request.fetch(request.fetch_ctx, address, &bits, sizeof bits) < sizeof bits)
        return true;
    return is_landing_pad(decode(bits, request.features), btype);
}

std::string disassemble_at(u64 pc, const u8* code, u64 size, unsigned* length) {
    *length = static_cast<unsigned>(size < 4 ? 1 : 4);
    if (size < 4) return size == 0 ? "" : fmt::format(".byte {:#x}", code[0]);
    return disassemble(decode(load_raw<u32>(code), ~u64{0}), pc);
}

}  // namespace

const ir::StateLayout kLayout = make_layout();

const frontend::GuestIsa kArm64{
    .name = "aarch64",
    .layout = &kLayout,
    .translate = translate,
    .mode_of = mode_of,
    .disassemble = disassemble_at,
    .parse_cpu = parse_cpu,
    .retry_fault = retry_fault,
    .branch_marks = kBranchMarks,
    .arrive = arrive,
    .bad_branch = kBadBranch,
    .nans_pass = true,
    .slot_pc_link = x_slot(30),
    .slot_sp = kSpSlot,
};

}  // namespace vm::frontend::arm64
