// What a generator of A64 programs must know of an instruction word: which general registers it writes, where
// it goes on, what memory it accesses. Read off the encoding groups of the Arm ARM (C4.1), not off the table
// of the front end, which this is to test.
#pragma once

#include "base/bits.h"

namespace vm::fuzz::a64 {

inline constexpr unsigned kSp = 31;  ///< bit of Traits::writes, and number of a base register

enum class Flow : u8 {
    Next,
    Direct,    ///< immediate offset
    Indirect,  ///< to the address in Rn
    Leaves,    ///< exception generating, exception return, or unallocated
};

enum class Address : u8 {
    None,
    Offset,        ///< base + offset
    Pre,           ///< the same, written back
    Post,          ///< base; base + offset is written back
    Register,      ///< base + index register
    PostRegister,  ///< base; base + index register is written back
    Literal,
    Other,  ///< none that a generator can make: not drawn
};

enum class Exclusive : u8 { None, Load, Store };

/// What an instruction does with a pointer's authentication code.
enum class Signature : u8 {
    None,
    Sign,
    Authenticate,
    Branch,  ///< authenticates the address that it goes to
    Load,    ///< authenticates its base register
};

struct Traits {
    Flow flow = Flow::Next;
    Address address = Address::None;
    Exclusive exclusive = Exclusive::None;
    Signature signature = Signature::None;
    unsigned target = 0;  ///< register of Flow::Indirect
    bool load = false;
    bool prefetch = false;    ///< never accesses: any address will do
    bool base_in_rt = false;  ///< of the address: SYS
    bool predictable = true;  ///< false: CONSTRAINED UNPREDICTABLE with these registers
    i64 offset = 0;           ///< of Offset, Pre, Post
    unsigned size = 0;        ///< bytes accessed
    unsigned alignment = 1;   ///< of the address, without which it may fault
    u32 writes = 0;           ///< general registers, bit 31 is SP; without a base that is written back
    bool system_read = false, system_write = false;  ///< MRS, MSR (register)
};

Traits traits(u32 w);

constexpr unsigned field_rd(u32 w) { return w & 31; }
constexpr unsigned field_rn(u32 w) { return w >> 5 & 31; }
constexpr unsigned field_rm(u32 w) { return w >> 16 & 31; }
constexpr u32 with_rn(u32 w, unsigned r) { return (w & ~(31u << 5)) | r << 5; }
constexpr u32 with_rm(u32 w, unsigned r) { return (w & ~(31u << 16)) | r << 16; }
/// Of Sign and Authenticate: the register with the pointer, and the one with the modifier (31: SP or none).
unsigned signed_register(u32 w);
unsigned modifier_register(u32 w);
/// The instruction that signs what `w`, of Signature::Authenticate, authenticates, or the other way round.
u32 with_signature(u32 w, Signature s);

/// `w`, a direct branch or a literal load, with its offset in bytes replaced.
u32 with_offset(u32 w, i64 offset);

/// The register field of MRS and MSR: op0 … op2 as they stand in bits 20:5, with bit 20 set.
enum SystemRegister : u32 { kNzcv = 0xda10, kFpcr = 0xda20, kFpsr = 0xda21, kTpidrEl0 = 0xde82 };
constexpr u32 system_register(u32 w) { return w >> 5 & 0xffff; }
constexpr u32 with_system_register(u32 w, u32 r) { return (w & ~(0xffffu << 5)) | r << 5; }

}  // namespace vm::fuzz::a64
