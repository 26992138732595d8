#include "a64_traits.h"

namespace vm::fuzz::a64 {
namespace {

constexpr bool matches(u32 w, u32 mask, u32 value) { return (w & mask) == value; }
/// Register 31 is XZR.
constexpr u32 general(unsigned r) { return r == 31 ? 0 : u32{1} << r; }
constexpr u32 with_sp(unsigned r) { return u32{1} << r; }
constexpr bool same(unsigned a, unsigned b) { return a == b && a != 31; }

void immediate(u32 w, Traits* t) {
    const bool add_sub = matches(w, 0x1f800000, 0x11000000), logical = matches(w, 0x1f800000, 0x12000000);
    const bool sets_flags = add_sub ? (w >> 29 & 1) != 0 : (w >> 29 & 3) == 3;
    t->writes = (add_sub || logical) && !sets_flags ? with_sp(field_rd(w)) : general(field_rd(w));
    if (matches(w, 0x1f800000, 0x11800000) && !matches(w, 0x1fc00000, 0x11c00000))
        t->writes = with_sp(field_rd(w));  // ADDG, SUBG
}

/// PACIA … AUTDZB: bits 12 and 7 tell authentication from signing in these two groups.
constexpr bool is_pac(u32 w) { return matches(w, 0xffffc000, 0xdac10000); }  // opcode below 16
constexpr bool is_pac_hint(u32 w) {
    const u32 op = w >> 5 & 127;
    return matches(w, 0xfffff01f, 0xd503201f) && (op == 8 || op == 10 || op == 12 || op == 14 || op >= 24) &&
           op < 32;
}

void data_processing(u32 w, Traits* t) {
    if (is_pac(w)) t->signature = w >> 12 & 1 ? Signature::Authenticate : Signature::Sign;
    if (matches(w, 0x1fe00000, 0x1a400000)) return;                         // CCMP, CCMN
    if (matches(w, 0x1fe00000, 0x1a000000) && (w >> 10 & 63) != 0) return;  // RMIF, SETF
    const bool extended = matches(w, 0x1f200000, 0x0b200000);
    t->writes = extended && !(w >> 29 & 1) ? with_sp(field_rd(w)) : general(field_rd(w));
    if (matches(w, 0xffe0fc00, 0x9ac01000)) t->writes = with_sp(field_rd(w));  // IRG
}

/// Of the scalar floating-point and Advanced SIMD instructions, those that write a general register.
void simd(u32 w, Traits* t) {
    const unsigned opcode = w >> 16 & 7;
    const bool to_general =
        (matches(w, 0x5f20fc00, 0x1e200000) && opcode != 2 && opcode != 3 && opcode != 7) ||
        (matches(w, 0x5f200000, 0x1e000000) && opcode < 2) || matches(w, 0xbfe0fc00, 0x0e003c00) ||
        matches(w, 0xbfe0fc00, 0x0e002c00);
    if (to_general) t->writes = general(field_rd(w));
}

void branch(u32 w, Traits* t) {
    if (matches(w, 0x7c000000, 0x14000000)) {
        t->flow = Flow::Direct;
        t->writes = w >> 31 ? general(30) : 0;
    } else if (matches(w, 0x7c000000, 0x34000000) || matches(w, 0xff000000, 0x54000000)) {
        t->flow = Flow::Direct;
    } else if (matches(w, 0xfe000000, 0xd6000000)) {
        const unsigned opc = w >> 21 & 15;
        t->flow = (opc & 7) <= 2 ? Flow::Indirect : Flow::Leaves;
        t->writes = (opc & 7) == 1 ? general(30) : 0;
        t->target = field_rn(w);
        if ((w >> 11 & 31) == 1) {
            t->signature = Signature::Branch;
            if (opc == 2) t->target = 30;  // RETAA, RETAB
            t->predictable = !(opc & 8) || field_rd(w) != t->target;
        }
    } else if (matches(w, 0xffc00000, 0xd5000000)) {
        const bool read = w >> 21 & 1;
        t->system_read = read && (w >> 20 & 1), t->system_write = !read && (w >> 20 & 1);
        t->writes = read ? general(field_rd(w)) : 0;
        if (is_pac_hint(w)) t->signature = w >> 7 & 1 ? Signature::Authenticate : Signature::Sign;
        if (is_pac_hint(w)) t->writes = general(signed_register(w));
        if (w == 0xd50320ff) t->writes = general(30);  // XPACLRI
        if (matches(w, 0xfff80000, 0xd5080000)) {      // SYS: what takes an address
            t->address = Address::Offset;
            t->base_in_rt = true;
            t->size = 64;
        }
    } else {
        t->flow = Flow::Leaves;
    }
}

/// Advanced SIMD load/store structures.
void structures(u32 w, Traits* t) {
    const bool single = w >> 24 & 1, post = w >> 23 & 1, quad = w >> 30 & 1;
    const unsigned opcode = w >> 12 & 15, rm = field_rm(w);
    t->load = w >> 22 & 1;
    if (single) {
        const unsigned registers = ((w >> 13 & 1) << 1 | (w >> 21 & 1)) + 1, kind = w >> 14 & 3;
        const unsigned element = kind == 3   ? 1u << (w >> 10 & 3)
                                 : kind == 2 ? ((w >> 10 & 1) != 0 ? 8 : 4)
                                             : 1u << kind;
        t->size = registers * element;
    } else {
        static constexpr u8 kRegisters[16] = {4, 0, 4, 0, 3, 0, 3, 1, 2, 0, 2, 0, 0, 0, 0, 0};
        t->size = kRegisters[opcode] * (quad ? 16u : 8u);
    }
    if (t->size == 0) t->flow = Flow::Leaves;
    t->address = !post ? Address::Offset : rm == 31 ? Address::Post : Address::PostRegister;
    t->offset = post && rm == 31 ? static_cast<i64>(t->size) : 0;
}

/// Load/store exclusive, load-acquire, store-release, compare and swap: bits 29:24 are 001000.
void ordered(u32 w, Traits* t) {
    const unsigned log = w >> 30, rs = field_rm(w), rt2 = w >> 10 & 31, rn = field_rn(w), rt = field_rd(w);
    const bool o2 = w >> 23 & 1, load = w >> 22 & 1, o1 = w >> 21 & 1;
    t->address = Address::Offset;
    t->load = load;
    t->size = 1u << log;
    if (o2 && o1) {  // CAS
        t->writes = general(rs);
    } else if (o2) {
        t->writes = load ? general(rt) : 0;
    } else if (o1 && log < 2) {  // CASP
        t->size = log == 0 ? 8 : 16;
        t->writes = general(rs) | (rs + 1 < 31 ? general(rs + 1) : 0);
    } else {
        if (o1) t->size *= 2;
        t->exclusive = load ? Exclusive::Load : Exclusive::Store;
        t->writes = load ? general(rt) | (o1 ? general(rt2) : 0) : general(rs);
        t->predictable =
            load ? !(o1 && rt == rt2) : !(same(rs, rt) || (rs == rn && rn != 31) || (o1 && same(rs, rt2)));
    }
    t->alignment = t->size;
}

void pair(u32 w, Traits* t) {
    const bool vector = w >> 26 & 1;
    const unsigned opc = w >> 30, mode = w >> 23 & 3, log = vector ? 2 + opc : opc == 2 ? 3 : 2;
    const unsigned rt2 = w >> 10 & 31, rt = field_rd(w), rn = field_rn(w);
    t->load = w >> 22 & 1;
    t->size = 2u << log;
    t->offset = sext(bits(w, 21, 15), 7) * (i64{1} << log);
    t->address = mode == 1 ? Address::Post : mode == 3 ? Address::Pre : Address::Offset;
    if (!vector && opc == 1 && !t->load) t->address = Address::Other;  // STGP
    if (!vector && t->load) t->writes = general(rt) | general(rt2);
    t->predictable = !(t->load && rt == rt2);
    if (!vector && (mode & 1) != 0) t->predictable &= !(rn != 31 && (rt == rn || rt2 == rn));
}

/// Bits 29:27 are 111: one register, and atomic operations.
void single(u32 w, Traits* t) {
    const bool vector = w >> 26 & 1;
    const unsigned size = w >> 30, opc = w >> 22 & 3, log = vector ? size | (opc & 2) << 1 : size;
    const unsigned rt = field_rd(w), rn = field_rn(w);
    t->size = 1u << log;
    t->load = vector ? opc & 1 : opc != 0;
    t->prefetch = !vector && size == 3 && opc == 2;
    if (w >> 24 & 1) {
        t->address = Address::Offset;
        t->offset = static_cast<i64>(bits(w, 21, 10)) << log;
    } else if (w >> 21 & 1) {
        const unsigned kind = w >> 10 & 3;
        if (kind == 0) {  // atomic memory operations, LDAPR
            t->address = vector ? Address::Other : Address::Offset;
            t->load = true, t->prefetch = false;
            t->alignment = t->size;
        } else if (kind == 2) {
            t->address = Address::Register;
        } else {  // LDRAA, LDRAB
            t->signature = Signature::Load;
            t->address = w >> 11 & 1 ? Address::Pre : Address::Offset;
            t->offset = sext(bits(w, 22, 22) << 9 | bits(w, 20, 12), 10) * 8;
            t->load = true, t->prefetch = false;
            t->predictable = !same(rt, rn);
        }
    } else {
        static constexpr Address kModes[] = {Address::Offset, Address::Post, Address::Offset, Address::Pre};
        const unsigned kind = w >> 10 & 3;
        t->address = kModes[kind];
        t->offset = sext(bits(w, 20, 12), 9);
        if ((kind & 1) != 0 && !vector) t->predictable = !same(rt, rn);
    }
    if (!vector && t->load && !t->prefetch) t->writes = general(rt);
}

/// Bits 29:24 are 011001 or 011101: RCPC with an offset, and what else lies there.
void unscaled_ordered(u32 w, Traits* t) {
    const bool vector = w >> 26 & 1;
    const unsigned opc = w >> 22 & 3, log = vector ? w >> 30 | (opc & 2) << 1 : w >> 30;
    if ((w >> 21 & 1) != 0 || (w >> 10 & 3) != (vector ? 2 : 0)) {
        t->address = Address::Other;  // copies and sets of memory, tags, 128-bit atomics
        return;
    }
    t->address = Address::Offset;
    t->size = t->alignment = 1u << log;
    t->offset = sext(bits(w, 20, 12), 9);
    t->load = vector ? opc & 1 : opc != 0;
    if (!vector && t->load) t->writes = general(field_rd(w));
}

void literal(u32 w, Traits* t) {
    const bool vector = w >> 26 & 1;
    const unsigned opc = w >> 30;
    t->address = Address::Literal;
    t->load = true;
    t->size = vector ? 4u << opc : opc == 1 ? 8 : 4;
    t->prefetch = !vector && opc == 3;
    if (!vector && !t->prefetch) t->writes = general(field_rd(w));
}

void memory(u32 w, Traits* t) {
    if (matches(w, 0xbe000000, 0x0c000000)) return structures(w, t);
    switch (w >> 27 & 7) {
        case 1: return ordered(w, t);
        case 3: return (w >> 24 & 1) != 0 ? unscaled_ordered(w, t) : literal(w, t);
        case 5: return pair(w, t);
        default: return single(w, t);
    }
}

}  // namespace

Traits traits(u32 w) {
    Traits t;
    const unsigned group = w >> 25 & 15;
    if ((group & 14) == 8)
        immediate(w, &t);
    else if ((group & 14) == 10)
        branch(w, &t);
    else if ((group & 5) == 4)
        memory(w, &t);
    else if ((group & 7) == 5)
        data_processing(w, &t);
    else if ((group & 7) == 7)
        simd(w, &t);
    else
        t.flow = Flow::Leaves;
    return t;
}

unsigned signed_register(u32 w) {
    if (is_pac(w)) return field_rd(w);
    return (w >> 5 & 127) < 16 ? 17 : 30;
}
unsigned modifier_register(u32 w) {
    if (is_pac(w)) return field_rn(w);
    return (w >> 5 & 127) < 16 ? 16 : 31;
}
u32 with_signature(u32 w, Signature s) {
    const u32 mark = is_pac(w) ? 1u << 12 : 1u << 7;
    return s == Signature::Authenticate ? w | mark : w & ~mark;
}

u32 with_offset(u32 w, i64 offset) {
    const u32 words = static_cast<u32>(offset / 4);
    if (matches(w, 0x7c000000, 0x14000000)) return (w & 0xfc000000) | (words & 0x3ffffff);
    if (matches(w, 0x7e000000, 0x36000000)) return (w & ~(0x3fffu << 5)) | (words & 0x3fff) << 5;
    return (w & ~(0x7ffffu << 5)) | (words & 0x7ffff) << 5;
}

}  // namespace vm::fuzz::a64
