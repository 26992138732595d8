// Register file of an AArch64 processing element at EL0: byte offsets in the guest area, and state slots.
// What ir::FpEnv holds besides: the cumulative exception bits of FPSR, and FPCR's rounding mode in a second
// copy.
#pragma once

#include "base/bits.h"
#include "ir/interp.h"
#include "ir/ir.h"

namespace vm::frontend::arm64 {

/// x0 … x30, 8 bytes each.
constexpr u16 x_offset(unsigned n) { return static_cast<u16>(8 * n); }
inline constexpr u16 kSpOffset = 248;
/// u16, ir::Nzcv::word: N in bit 15, Z in 14, C in 8, V in 0.
inline constexpr u16 kNzcvOffset = 256;
/// u64: the whole FPCR. Its writers keep FpEnv::rounding equal to round_of_fpcr.
inline constexpr u16 kFpcrOffset = 264;
/// 16 bytes; FPSR.QC is set if any bit is.
inline constexpr u16 kQcOffset = 272;
inline constexpr u16 kTpidrOffset = 288;  ///< TPIDR_EL0
/// u64: not 0 once an address with a top byte was used: blocks then mask addresses.
inline constexpr u16 kTaggedOffset = 296;
/// u8: bits (1 << Key) of the address keys that the program has switched off (PR_PAC_SET_ENABLED_KEYS): their
/// instructions do nothing, as with SCTLR_EL1.EnIA … EnDB clear. A part of the mode.
inline constexpr u16 kKeysOffOffset = 258;
/// Pointer authentication keys, 16 bytes each, the low half (APxxKeyLo) first.
enum Key : u8 { kKeyIa, kKeyIb, kKeyDa, kKeyDb, kKeyGa, kKeyCount };
inline constexpr u16 kKeysOffset = 304;
constexpr u16 key_offset(Key k) { return static_cast<u16>(kKeysOffset + 16 * k); }
/// v0 … v31, 16 bytes each.
constexpr u16 v_offset(unsigned n) { return static_cast<u16>(384 + 16 * n); }
/// Two u64 that no instruction sees (ir::StateLayout::flag_operands).
inline constexpr u16 kFlagOperandsOffset = v_offset(32);
inline constexpr u16 kStateBytes = kFlagOperandsOffset + 16;

// ---- state slots: x0 … x30, sp, and the others in the order of their offsets

constexpr u16 x_slot(unsigned n) { return static_cast<u16>(n); }
inline constexpr u16 kSpSlot = 31, kNzcvSlot = 32, kFpcrSlot = 33, kQcSlot = 34, kTpidrSlot = 35,
                     kTaggedSlot = 36, kKeySlot = 37, kVSlot = 47;
/// `half` 0 is the low one.
constexpr u16 key_slot(unsigned key, unsigned half) { return static_cast<u16>(kKeySlot + 2 * key + half); }
constexpr u16 v_slot(unsigned n) { return static_cast<u16>(kVSlot + n); }
inline constexpr u16 kFlagOperandsSlot = v_slot(32);
extern const ir::StateLayout kLayout;

/// Top-byte-ignore: bits 63..56 of an address of the lower half (bit 55 clear) mean nothing.
inline constexpr u64 kAddressMask = (u64{1} << 56) - 1;
constexpr bool has_tag(u64 address) { return (address & ~kAddressMask) != 0 && !(address >> 55 & 1); }

/// PSTATE.BTYPE after an indirect branch: how it came. 0: it was a return, or no indirect branch.
enum Btype : u8 { kBtypeJump = 1, kBtypeCall = 2, kBtypeGuardedJump = 3 };
/// An indirect branch leaves it in the pc, above the address, as one bit; see GuestIsa::branch_marks.
constexpr u64 branch_mark(unsigned btype) { return btype == 0 ? 0 : u64{1} << (55 + btype); }
inline constexpr u64 kBranchMarks = branch_mark(1) | branch_mark(2) | branch_mark(3);
/// BTYPE of a pc with a mark; 0 where its top byte is no mark but the tag of an address.
constexpr unsigned btype_of(u64 pc) {
    for (unsigned btype = 1; btype <= 3; btype++)
        if ((pc & ~kAddressMask) == branch_mark(btype) && !(pc >> 55 & 1)) return btype;
    return 0;
}

/// Mode bits of a block key.
enum Mode : u32 {
    kModeFz = 1,               ///< FPCR.FZ
    kModeDn = 2,               ///< FPCR.DN
    kModeFz16 = 4,             ///< FPCR.FZ16
    kModeAhp = 8,              ///< FPCR.AHP
    kModeTagged = 16,          ///< addresses may have a top byte
    kModeKeysOff = 32,         ///< times 1 << Key: that key is switched off
    kModeSpMisaligned = 1024,  ///< SP is no multiple of 16
};

/// Exit value of an Illegal exit that a failed pointer authentication made (FEAT_FPAC).
inline constexpr u64 kFailedAuthentication = 1;
/// … that an indirect branch to code of a guarded page made, which is no landing pad for it (FEAT_BTI).
inline constexpr u64 kBadBranch = 2;

/// Bytes of a cache line for IC IVAU, DC CVAU (CTR_EL0) and of the block that DC ZVA clears (DCZID_EL0).
inline constexpr u64 kCacheLine = 64;

/// MIDR_EL1, which programs read and /proc/cpuinfo prints: implementer 0 ("reserved for software use"), a
/// part of our own.
inline constexpr u64 kMidr = 0xf << 16 | 0x76d << 4;

// ---- FPCR and FPSR (Arm ARM, C5.2.8 and C5.2.9)

inline constexpr u64 kFpcrFz16 = 1 << 19, kFpcrRMode = 3 << 22, kFpcrFz = 1 << 24, kFpcrDn = 1 << 25,
                     kFpcrAhp = 1 << 26;
/// What a write leaves: trap enables read as zero where traps are not supported.
inline constexpr u64 kFpcrMask = kFpcrFz16 | kFpcrRMode | kFpcrFz | kFpcrDn | kFpcrAhp;
constexpr ir::Round round_of_fpcr(u64 fpcr) {
    constexpr ir::Round kModes[4] = {ir::Round::Rne, ir::Round::Rup, ir::Round::Rdn, ir::Round::Rtz};
    return kModes[fpcr >> 22 & 3];
}

inline constexpr u32 kFpsrIoc = 1 << 0, kFpsrDzc = 1 << 1, kFpsrOfc = 1 << 2, kFpsrUfc = 1 << 3,
                     kFpsrIxc = 1 << 4, kFpsrIdc = 1 << 7, kFpsrQc = 1 << 27;
/// The cumulative bits from FpEnv's flags (ir::FpFlag), and back.
constexpr u32 fpsr_of_flags(u8 flags) {
    return (flags & ir::kInvalid ? kFpsrIoc : 0) | (flags & ir::kDivByZero ? kFpsrDzc : 0) |
           (flags & ir::kOverflow ? kFpsrOfc : 0) | (flags & ir::kUnderflow ? kFpsrUfc : 0) |
           (flags & ir::kInexact ? kFpsrIxc : 0) | (flags & ir::kInputDenormal ? kFpsrIdc : 0);
}
constexpr u8 flags_of_fpsr(u32 fpsr) {
    return static_cast<u8>((fpsr & kFpsrIoc ? ir::kInvalid : 0) | (fpsr & kFpsrDzc ? ir::kDivByZero : 0) |
                           (fpsr & kFpsrOfc ? ir::kOverflow : 0) | (fpsr & kFpsrUfc ? ir::kUnderflow : 0) |
                           (fpsr & kFpsrIxc ? ir::kInexact : 0) | (fpsr & kFpsrIdc ? ir::kInputDenormal : 0));
}

}  // namespace vm::frontend::arm64
