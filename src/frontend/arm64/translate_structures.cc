// Loads and stores of structures: LD1-LD4, ST1-ST4. Manual: "Advanced SIMD load/store multiple structures",
// "single structure", and their post-indexed forms.
//
// Memory is accessed in whole parts of 16 bytes (a last one of 8), in ascending order; the rest is register
// work. A riffle interleaves the halves of a run of n elements: what stands at p goes to 2p modulo n - 1. Of
// structures of s elements, with 2^m elements to a register, element s * k + r belongs at 2^m * r + k: m
// riffles take it there.
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {

namespace {
/// Bytes of a register that take part.
constexpr unsigned register_bytes(const Decoded& d) { return 8u << d.q; }
constexpr unsigned next_register(unsigned r, unsigned n) { return (r + n) & 31; }
}  // namespace

/// Write-back of the post-indexed forms.
void Translator::after_structures(const Decoded& d, Value from, unsigned bytes) {
    if (d.mode) set_reg_sp(d.rn, b.add(from, d.rm == 31 ? b.c64(bytes) : x(d.rm)));
}

bool Translator::load_structures(const Decoded& d, Rearrange parts_to_registers) {
    const unsigned bytes = register_bytes(d) * d.amount;
    const Value from = base(d.rn);

    Quad parts{};
    for (unsigned at = 0; at < bytes; at += 16)
        parts[at / 16] = bytes - at >= 16 ? load(Type::V128, Type::V128, from, at, false)
                                          : b.vscalar(load(Type::F64, Type::F64, from, at, false));
    const Quad registers = (this->*parts_to_registers)(d, parts);

    after_structures(d, from, bytes);
    for (unsigned n = 0; n < d.amount; ++n) set_v(next_register(d.rt, n), registers[n]);
    return true;
}

bool Translator::store_structures(const Decoded& d, Rearrange registers_to_parts) {
    const unsigned bytes = register_bytes(d) * d.amount;
    const Value to = base(d.rn);

    Quad registers{};
    for (unsigned n = 0; n < d.amount; ++n) registers[n] = v(next_register(d.rt, n));
    const Quad parts = (this->*registers_to_parts)(d, registers);

    for (unsigned at = 0; at < bytes; at += 16) {
        const bool whole = bytes - at >= 16;
        const Value part = parts[at / 16];
        store(whole ? Type::V128 : Type::F64, to, at, whole ? part : b.vextract(Type::F64, part, 0));
    }
    after_structures(d, to, bytes);
    return true;
}

// Structures of 64-bit lanes need q.
bool Translator::LD1_x1(const Decoded& d) { return load_structures(d, &Translator::separate1); }
bool Translator::LD2(const Decoded& d) {
    return lanes_valid(d) && load_structures(d, &Translator::separate2);
}
bool Translator::LD3(const Decoded& d) {
    return lanes_valid(d) && load_structures(d, &Translator::separate3);
}
bool Translator::LD4(const Decoded& d) {
    return lanes_valid(d) && load_structures(d, &Translator::separate4);
}
bool Translator::ST1_x1(const Decoded& d) { return store_structures(d, &Translator::interleave1); }
bool Translator::ST2(const Decoded& d) {
    return lanes_valid(d) && store_structures(d, &Translator::interleave2);
}
bool Translator::ST3(const Decoded& d) {
    return lanes_valid(d) && store_structures(d, &Translator::interleave3);
}
bool Translator::ST4(const Decoded& d) {
    return lanes_valid(d) && store_structures(d, &Translator::interleave4);
}

/// `count` parts, riffled once.
Translator::Quad Translator::riffle(Type lane, unsigned count, const Quad& parts) {
    const auto zip = [&](Op half, Value x, Value y) { return vec(half, lane, x, y); };
    const auto [p, q, r, s] = parts;
    if (count == 2) return {zip(Op::VZip1, p, q), zip(Op::VZip2, p, q)};
    if (count == 4)
        return {zip(Op::VZip1, p, r), zip(Op::VZip2, p, r), zip(Op::VZip1, q, s), zip(Op::VZip2, q, s)};
    return {zip(Op::VZip1, p, high_half(q)), zip(Op::VZip1, high_half(p), r),
            zip(Op::VZip1, q, high_half(r))};
}

/// LD1: nothing to separate, but without q a part has two registers.
Translator::Quad Translator::separate1(const Decoded& d, Quad parts) {
    if (d.q) return parts;
    const auto [p, q, r, s] = parts;
    if (d.amount == 1) return {p};
    const auto high = [&](Value x) { return vec(Op::VExt, Type::I8, x, zero_vector(), 0, 8); };
    if (d.amount == 2) return {low64(p), high(p)};
    return {low64(p), high(p), low64(q), d.amount == 4 ? high(q) : ir::kNone};
}

Translator::Quad Translator::separate2(const Decoded& d, Quad parts) {
    const Type lane = mem_type(d.size);
    const Value high = d.q ? parts[1] : zero_vector();
    return {vec(Op::VUzp1, lane, parts[0], high), vec(Op::VUzp2, lane, parts[0], high)};
}

/// Without q the second half of the 24 bytes begins at 12; what stands above them does not matter.
Translator::Quad Translator::separate3(const Decoded& d, Quad parts) {
    const Type lane = mem_type(d.size);
    for (unsigned k = d.size; k < 3u + d.q; ++k) {
        if (d.q)
            parts = riffle(lane, 3, parts);
        else
            parts = riffle(lane, 2, {parts[0], vec(Op::VExt, Type::I8, parts[0], parts[1], 0, 12)});
    }
    return separate1(d, parts);
}

Translator::Quad Translator::separate4(const Decoded& d, Quad parts) {
    for (unsigned k = d.size; k < 3u + d.q; ++k) parts = riffle(mem_type(d.size), 2u << d.q, parts);
    return separate1(d, parts);
}

Translator::Quad Translator::interleave1(const Decoded& d, Quad registers) {
    if (d.q || d.amount == 1) return registers;
    const auto [p, q, r, s] = registers;
    if (d.amount == 2) return {low_halves(p, q)};
    return {low_halves(p, q), d.amount == 4 ? low_halves(r, s) : r};
}

Translator::Quad Translator::interleave2(const Decoded& d, Quad registers) {
    const Type lane = mem_type(d.size);
    const auto [p, q, r, s] = registers;
    return {vec(Op::VZip1, lane, p, q), d.q ? vec(Op::VZip2, lane, p, q) : ir::kNone};
}

/// Riffles the other way for large lanes, which are cheap to unzip. Else, of the L lanes of a part, part c
/// has at j lane e of register r where L * c + j = 3 * e + r. For one r every j occurs with one c: so a
/// permutation of each register brings its lanes to where they go, whatever the part, and parts are chosen
/// from registers by masks. The permutation for r is that for 0, rotated by r lanes.
Translator::Quad Translator::interleave3(const Decoded& d, Quad registers) {
    const Type lane = mem_type(d.size);
    if (d.q && d.size >= 2) {
        for (unsigned k = d.size; k < 4; ++k) {
            const auto [p, q, r, s] = registers;
            const Value even = vec(Op::VUzp1, lane, p, q), odd = vec(Op::VUzp2, lane, p, q);
            registers = {even, low_halves(vec(Op::VUzp1, lane, r, r), odd),
                         vec(Op::VExt, Type::I8, odd, vec(Op::VUzp2, lane, r, r), 0, 8)};
        }
        return registers;
    }
    const unsigned bytes = 1u << d.size, count = 16 / bytes;
    u64 permutation[2] = {}, multiples[2] = {};  // lanes 0, 3, 6 ...
    for (unsigned at = 0; at < 16; ++at) {
        unsigned from = at / bytes;
        while (from % 3) from += count;
        permutation[at / 8] |= u64{from / 3 * bytes + at % bytes} << 8 * (at % 8);
        if (at / bytes % 3 == 0) multiples[at / 8] |= u64{0xff} << 8 * (at % 8);
    }
    const Value index = b.const128(Type::V128, permutation[0], permutation[1]);
    const Value mask0 = b.const128(Type::V128, multiples[0], multiples[1]);
    const Value mask1 = vec(Op::VExt, Type::I8, zero_vector(), mask0, 0, 16 - bytes);

    for (unsigned r = 0; r < 3; ++r) {
        const Value placed = vec(Op::VTable, Type::I8, registers[r], index);
        registers[r] = r ? vec(Op::VExt, Type::I8, placed, placed, 0, 16 - r * bytes) : placed;
    }
    Quad parts{};
    for (unsigned c = 0; c < 2u + d.q; ++c) {
        const auto from = [&](unsigned j) { return registers[(count * c + j) % 3]; };
        parts[c] = bit_select(mask0, from(0), bit_select(mask1, from(1), from(2)));
    }
    return parts;
}

/// Two riffles; of lanes of 64 bits fewer steps do.
Translator::Quad Translator::interleave4(const Decoded& d, Quad registers) {
    if (d.size == 3) {
        const auto [p, q, r, s] = registers;
        return {low_halves(p, q), low_halves(r, s), vec(Op::VZip2, Type::I64, p, q),
                vec(Op::VZip2, Type::I64, r, s)};
    }
    Quad parts = interleave1(d, registers);
    for (int k = 0; k < 2; ++k) parts = riffle(mem_type(d.size), 2u << d.q, parts);
    return parts;
}

// --- one structure: lane imm of each register, or (LD1R …) all lanes
bool Translator::LDn_lane_b(const Decoded& d) {
    const Type lane = mem_type(d.size);
    const Value from = base(d.rn);

    Quad loaded{};
    for (unsigned n = 0; n < d.amount; ++n) loaded[n] = load(lane, lane, from, i64{n} << d.size, false);

    after_structures(d, from, u32{d.amount} << d.size);
    for (unsigned n = 0; n < d.amount; ++n) {
        const unsigned r = next_register(d.rt, n);
        set_v(r, vec(Op::VInsert, lane, v(r), loaded[n], 0, static_cast<u64>(d.imm)));
    }
    return true;
}

bool Translator::STn_lane_b(const Decoded& d) {
    const Type lane = mem_type(d.size);
    const Value to = base(d.rn);

    for (unsigned n = 0; n < d.amount; ++n)
        store(lane, to, i64{n} << d.size,
              b.vextract(lane, v(next_register(d.rt, n)), static_cast<unsigned>(d.imm)));

    after_structures(d, to, u32{d.amount} << d.size);
    return true;
}

bool Translator::LDnR(const Decoded& d) {
    const Type lane = mem_type(d.size);
    const Value from = base(d.rn);

    Quad loaded{};
    for (unsigned n = 0; n < d.amount; ++n) loaded[n] = load(lane, lane, from, i64{n} << d.size, false);

    after_structures(d, from, u32{d.amount} << d.size);
    for (unsigned n = 0; n < d.amount; ++n) set_vq(d.q, next_register(d.rt, n), b.vsplat(lane, loaded[n]));
    return true;
}

}  // namespace vm::frontend::arm64
