// Translator: guest instructions of one extended block → IR. One handler an encoding of the tables, named as
// the encoding; the generated dispatch() calls it, so an encoding without a handler does not compile.
//
//   translate_integer.cc     data processing of general registers
//   translate_memory.cc      loads and stores of general registers
//   translate_atomic.cc      exclusives, acquire and release, LSE
//   translate_branch.cc      branches, calls, exceptions
//   translate_system.cc      hints, barriers, system registers, caches
//   translate_pauth.cc       pointer authentication
//   translate_fp_*.cc        scalar floating point, loads and stores of vector registers
//   translate_simd_*.cc      Advanced SIMD, integers; translate_crypto.cc AES, SHA
//   translate_simdfp_*.cc    Advanced SIMD, floating point, dot products, matrices
//   translate_structures.cc  LD1-LD4, ST1-ST4
#pragma once

#include <array>

#include "frontend/arm64/a64_decode.h"
#include "frontend/arm64/a64_handlers.h"
#include "frontend/arm64/state.h"
#include "frontend/walk.h"

namespace vm::frontend::arm64 {

using ir::Op;
using ir::Type;
using ir::Value;

/// How a load or store addresses memory (Decoded::mode).
enum AddressMode : u8 { kScaled, kPostIndexed, kPreIndexed, kUnscaled, kUnprivileged };

class Translator : private Walk {
  public:
    Translator(const TranslateRequest& request, ir::Block& out) : Walk(request, out, kLayout) {}

    /// Fills the block. Call once.
    void run();

    // Each translates one instruction, or returns false if it is undefined; then it emitted nothing that has
    // an effect.
    VM_A64_HANDLERS;

  private:
    void translate_one(u32 bits);
    u64 next() const { return b.pc() + 4; }
    bool has(Ext e) const { return bit(request_.features, e); }

    // --- general registers (translator.cc). Writers return true so that a handler can end with them.
    static Type int_type(unsigned sf) { return sf ? Type::I64 : Type::I32; }
    /// x`r` or w`r`; 31 reads as zero.
    Value x(unsigned r) { return r == 31 ? b.c64(0) : b.get(x_slot(r)); }
    Value w(unsigned r) { return r == 31 ? b.c32(0) : b.get(x_slot(r), Type::I32); }
    Value reg(unsigned sf, unsigned r) { return sf ? x(r) : w(r); }
    /// The same where 31 is the stack pointer.
    Value reg_sp(unsigned sf, unsigned r) { return sf ? b.get(x_slot(r)) : b.get(x_slot(r), Type::I32); }
    /// v becomes x`r`: an i32 zero-extended; with 31 it is discarded.
    bool set_reg(unsigned r, Value v);
    bool set_reg_sp(unsigned r, Value v);
    bool keeps_alignment(Value sp) const;
    Value sp_misaligned();
    Value constant(unsigned sf, u64 v) { return b.constant(int_type(sf), v); }

    // --- flags
    Value flags() { return b.get(kNzcvSlot); }
    bool set_flags(Value f) {
        b.set(kNzcvSlot, f);
        return true;
    }
    /// Flags of the constant nzcv (bit 3 N … 0 V).
    Value flags_constant(unsigned nzcv) { return b.unary(Op::FlagsPack, b.c32(nzcv << 28)); }
    /// i1: condition `c` of an instruction holds (14, 15: always).
    Value condition(unsigned c);
    Value carry() { return b.unary(Op::FlagsTest, flags(), static_cast<u32>(ir::FlagCond::Cs)); }
    Value add_flags(Value p, Value q, Value carry_in) { return b.ternary(Op::FlagsAdd, p, q, carry_in); }
    /// Of p - q; C is "no borrow".
    Value sub_flags(Value p, Value q) { return sub_flags(p, q, b.constant(Type::I1, 0)); }
    Value sub_flags(Value p, Value q, Value borrow) {
        return b.ternary(Op::FlagsSub, p, q, borrow, static_cast<u32>(ir::CarrySem::NotBorrow));
    }

    // --- data processing
    bool add_sub(const Decoded& d, Value p, Value q, bool sub, bool set_flags, bool to_sp);
    bool logical_imm(const Decoded& d, Op op, bool set_flags);
    bool logical_shift(const Decoded& d, Op op, bool set_flags);
    Value shifted(const Decoded& d, unsigned kind);
    Value extended(const Decoded& d);
    bool shift_valid(const Decoded& d) const { return d.sf || d.amount < 32; }
    bool with_carry(const Decoded& d, bool sub, bool set_flags);
    bool variable_shift(const Decoded& d, Op op);
    bool divide(const Decoded& d, Op op);
    bool conditional_compare(const Decoded& d, Value q, bool negative);
    bool conditional_select(const Decoded& d, Value otherwise);
    bool multiply_long(const Decoded& d, Op widen, bool subtract);
    bool bit_field(const Decoded& d, bool is_signed);
    bool set_flag_width(const Decoded& d, unsigned bits);

    // --- branches
    bool go(u64 target);
    bool branch_if(u64 target, Value taken);
    bool test_branch(const Decoded& d, bool if_set);
    Value marked(Value target, unsigned btype);
    unsigned jump_btype(const Decoded& d) const;
    bool branch_indirect(Value target, unsigned btype);
    bool call_indirect(Value target);

    // --- memory. Addresses go to memory only through these.
    /// The address as the memory system sees it: without its top byte in blocks of kModeTagged.
    Value untagged(Value address);
    /// Base register of a load or store: 31 is the stack pointer.
    Value base(unsigned r);
    Value load(Type result, Type mem, Value address, i64 disp, bool sign,
               ir::MemOrder o = ir::MemOrder::Plain) {
        const Value at = untagged_at(address, &disp);
        return b.load(result, mem, at, disp, sign, o);
    }
    void store(Type mem, Value address, i64 disp, Value v, ir::MemOrder o = ir::MemOrder::Plain) {
        const Value at = untagged_at(address, &disp);
        b.store(mem, at, disp, v, o);
    }
    Value untagged_at(Value address, i64* disp);
    /// Address and displacement of an immediate or indexed form; `scale`: log2 bytes of the access.
    struct Address {
        Value base;
        i64 disp;
        Value writeback;  ///< new base, or ir::kNone
    };
    Address address(const Decoded& d, unsigned scale);
    Address pair_address(const Decoded& d, unsigned scale);
    /// Extended register offset of a register form; nothing where the option is unallocated.
    Value register_address(const Decoded& d, unsigned scale);
    void write_back(const Decoded& d, const Address& a) {
        if (a.writeback != ir::kNone) set_reg_sp(d.rn, a.writeback);
    }
    static Type mem_type(unsigned size) {
        constexpr Type t[] = {Type::I8, Type::I16, Type::I32, Type::I64};
        return t[size];
    }
    bool atomic_pairs() const { return has(Ext::LSE2) && request_.shared_memory; }
    /// Both registers of a pair of `scale` log2 bytes each, in one access where that can be told apart.
    std::array<Value, 2> load_pair(const Address& a, unsigned scale);
    void store_pair(const Address& a, unsigned scale, Value first, Value second);
    bool load_sign_extended(const Decoded& d, const Address& a, bool to_w);
    Value literal(const Decoded& d) { return b.guest_addr(b.pc() + static_cast<u64>(d.imm)); }
    bool prefetch(const Decoded& d, Value address, i64 disp);

    // --- atomics
    static ir::MemOrder order(const Decoded& d);
    /// Checks the alignment that an atomic access of `bytes` needs.
    Value atomic_address(Value address, unsigned bytes);
    Value store_data(const Decoded& d, unsigned r) { return d.size == 3 ? x(r) : w(r); }
    bool atomic_rmw(const Decoded& d, ir::RmwOp op);

    // --- system
    Value fpsr();
    bool set_fpsr(Value v);
    bool set_fpcr(Value v);

    // --- pointer authentication (translate_pauth.cc)
    Value pac_code(Value pointer, Value modifier, unsigned key);
    Value sign(Value pointer, Value modifier, unsigned key);
    Value authenticate(Value pointer, Value modifier, unsigned key);
    Value strip(Value pointer);
    Value sign_or_authenticate(unsigned opt, Value pointer, Value modifier);

    // --- vector registers (translator.cc)
    Value v(unsigned r) { return b.get(v_slot(r)); }
    /// All 128 bits of v`r`.
    bool set_v(unsigned r, Value value) {
        b.set(v_slot(r), value);
        return true;
    }
    /// The low half of `value` if q is 0, all of it otherwise; the rest of the register becomes zero.
    bool set_vq(unsigned q, unsigned r, Value value) { return set_v(r, q ? value : low64(value)); }
    Value low64(Value value) {
        return upper_half_zero(value) ? value : b.vector(Op::VLow64, Type::I64, value);
    }
    /// Is it seen from how `value` was made, looking `depth` operations back?
    bool upper_half_zero(Value value, unsigned depth = 2) const;
    /// v`r`, with a zero upper half if q is 0: what floating-point lanes must see.
    Value vq(unsigned q, unsigned r) { return q ? v(r) : low64(v(r)); }
    /// Lane 0 of v`r` as a scalar of type t (float or integer).
    Value scalar(Type t, unsigned r) { return b.vextract(t, v(r), 0); }
    /// v`r` becomes the scalar in lane 0 and zeros.
    bool set_scalar(unsigned r, Value s) {
        return set_v(r, b.emit({.op = Op::VScalar,
                                .type = Type::V128,
                                .mtype = b.type(s),
                                .args = {s, ir::kNone, ir::kNone}}));
    }
    Value zero_vector() { return b.const128(Type::V128, 0, 0); }
    /// Marks saturation: FPSR.QC is set if any bit of `difference` is.
    void saturated(Value difference) { b.set(kQcSlot, b.or_(b.get(kQcSlot), difference)); }

    // --- floating point: aux of an operation on elements of type t (f16, f32, f64) in this block's mode
    static Type fp_type(unsigned size) { return size == 1 ? Type::F16 : size == 2 ? Type::F32 : Type::F64; }
    u32 fp(Type t, ir::Round rounding = ir::Round::Dyn, u32 extra = 0) const;

    // --- shapes shared by scalar floating-point handlers (translate_fp*.cc)
    bool fp_unary(const Decoded& d, Op op, ir::Round rounding, u32 extra = 0);
    Value fp_binary(const Decoded& d, Op op);
    bool fp_fma(const Decoded& d, u32 signs);
    bool fp_to_int(const Decoded& d, ir::Round rounding, bool is_unsigned, unsigned fraction_bits);
    bool int_to_fp(const Decoded& d, bool is_unsigned, unsigned fraction_bits);
    Value fp_flags(Type t, Value p, Value q, bool signaling);
    bool fp_compare(const Decoded& d, bool signaling, bool with_zero);
    bool fp_conditional_compare(const Decoded& d, bool signaling);
    static Type vector_mem_type(unsigned size);
    Value vector_data(unsigned size, unsigned r);
    void store_vector(unsigned size, Value at, i64 disp, Value data);
    Value load_vector(unsigned size, Value at, i64 disp);
    bool set_loaded(unsigned size, unsigned r, Value loaded);

    // --- shapes shared by Advanced SIMD handlers (translate_simd*.cc)
    /// What a lane operation makes of whole registers, put where the instruction wants it: lane 0 of type t
    /// alone (mode 1, scalar forms), the low half (q = 0), or all of it.
    Value kept(const Decoded& d, Type t, Value r);
    bool put(const Decoded& d, Type t, Value r) { return set_v(d.rd, kept(d, t, r)); }
    /// put, and FPSR.QC if `difference` is not 0 in what is kept.
    bool put_saturated(const Decoded& d, Type t, Value r, Value difference);
    /// 64-bit lanes need q, but for scalars.
    static bool reserved(const Decoded& d) { return d.size == 3 && !d.q && !d.mode; }
    static Type wide_type(unsigned size) { return mem_type(size + 1); }
    Value vec(Op op, Type t, Value n, Value m = ir::kNone, u32 aux = 0, u64 imm = 0) {
        return b.vector(op, t, n, m, aux, imm);
    }
    Value bit_select(Value mask, Value ones, Value zeros) {
        return b.emit(
            {.op = Op::VSelect, .type = Type::V128, .mtype = Type::I8, .args = {mask, ones, zeros}});
    }
    /// Every lane of type t is v.
    Value lanes(Type t, u64 v);
    Value sign_bits(Type t) { return lanes(t, u64{1} << (ir::width(t) - 1)); }
    Value element(const Decoded& d);
    bool lanewise(const Decoded& d, Op op);
    bool compare_lanes(const Decoded& d, Op op, Value n, Value m, bool inverted);
    bool halving(const Decoded& d, bool is_signed, bool subtract);
    bool saturating(const Decoded& d, Op op, Op wrapping);
    bool add_biased(const Decoded& d, Op op);
    bool without_smallest(const Decoded& d, Value r);
    Value both_smallest(Type t, Value n, Value m);
    bool register_shift(const Decoded& d, Op op, u32 how);
    Value difference(Type t, bool is_signed, Value n, Value m);
    bool multiply_add(const Decoded& d, Value m, bool subtract);
    bool doubling_high(const Decoded& d, Value m, bool rounded);
    bool doubling_high_add(const Decoded& d, Value m, bool subtract);
    bool pairwise(const Decoded& d, Op op);
    Value fold_lanes(Op op, Type t, Value v);
    Value counted_bits(const Decoded& d, Value n);
    bool across(const Decoded& d, Op op);
    bool across_long(const Decoded& d, Op widen);
    bool add_long(const Decoded& d, Op widen, Op op, bool wide_n);
    bool add_narrow(const Decoded& d, Op op, bool rounded);
    bool difference_long(const Decoded& d, bool is_signed, bool accumulate);
    enum class Accumulate { None, Add, Subtract };
    bool multiply_wide(const Decoded& d, Value m, Op op, Accumulate how);
    bool doubling_wide(const Decoded& d, Value m, Accumulate how);
    bool put_narrow(const Decoded& d, Value narrow);
    bool narrow_saturated(const Decoded& d, Type t, Value wide, Op narrow, Op widen);
    bool add_pairs_long(const Decoded& d, bool is_signed, bool accumulate);
    Value shifted_right(Type t, Value n, unsigned by, bool is_signed, bool rounded);
    bool shift_right(const Decoded& d, bool is_signed, bool rounded, bool accumulate);
    bool shift_saturated(const Decoded& d, Type t, unsigned left, Value n, Value from);
    bool shift_narrow(const Decoded& d, bool rounded);
    bool shift_narrow_saturated(const Decoded& d, bool is_signed, bool rounded, Op narrow, Op widen);
    bool shift_long(const Decoded& d, Op widen);
    bool shuffle(const Decoded& d, Op op);
    Value table_lookup(const Decoded& d, Value index);
    Value narrow_reg(unsigned size, unsigned r);
    Value rotated_lanes(Value n, unsigned right);
    bool crypto(const Decoded& d, Op op, Value p, Value q = ir::kNone, Value r = ir::kNone);

    // --- shapes shared by Advanced SIMD floating-point handlers (translate_simdfp_*.cc). Lanes of 64 bits
    // need q.
    static bool lanes_valid(const Decoded& d) { return d.size < 3 || d.q; }
    static unsigned lane_count(const Decoded& d) { return (8u << d.q) >> d.size; }
    /// Lane-wise, in the block's mode.
    Value fp_vec(Op op, Type t, Value n, Value m = ir::kNone, u32 extra = 0) {
        return vec(op, t, n, m, fp(t, ir::Round::Dyn, extra));
    }
    /// Lane `index` of v`r` in every lane of a vector of q.
    Value dup_lane(unsigned q, Type t, unsigned r, i64 index) {
        const Value all = vec(Op::VDup, t, v(r), ir::kNone, 0, static_cast<u64>(index));
        return q ? all : low64(all);
    }
    /// The element of Rm, in every lane or alone.
    Value fp_element(const Decoded& d) { return dup_lane(d.q, fp_type(d.size), d.rm, d.imm); }
    Value fp_scalar_element(const Decoded& d) {
        return b.vextract(fp_type(d.size), v(d.rm), static_cast<unsigned>(d.imm));
    }
    Value low_halves(Value low, Value high) { return vec(Op::VZip1, Type::I64, low, high); }
    /// f of the first lanes of x; the others are zero.
    template <class F>
    Value each_lane(Type t, unsigned lanes, Value x, F f) {
        Value out = b.vscalar(f(b.vextract(t, x, 0)));
        for (unsigned i = 1; i < lanes; ++i) {
            const Value lane = f(b.vextract(t, x, i));
            out = vec(Op::VInsert, b.type(lane), out, lane, 0, i);
        }
        return out;
    }
    bool fp_lanes(const Decoded& d, Op op, Value m);
    bool fp_lanes(const Decoded& d, Op op) { return fp_lanes(d, op, vq(d.q, d.rm)); }
    bool fp_lane0(const Decoded& d, Op op, Value m);
    bool fp_lane0(const Decoded& d, Op op) { return fp_lane0(d, op, scalar(fp_type(d.size), d.rm)); }
    bool fp_multiply_add(const Decoded& d, Value m, u32 signs);
    bool fp_multiply_add_lane0(const Decoded& d, u32 signs);
    bool fp_pairs(const Decoded& d, Op op);
    bool fp_pair(const Decoded& d, Op op);
    bool fp_across(const Decoded& d, Op op);
    bool fp_estimate(const Decoded& d, Op op);
    Value signs(Type t) { return lanes(t, u64{1} << (ir::width(t) - 1)); }
    Value magnitudes(Type t, Value x) { return b.binary(Op::AndNot, x, signs(t)); }
    bool fp_compare_lanes(const Decoded& d, ir::FpCond c, Value p, Value q);
    bool fp_compare_lane0(const Decoded& d, ir::FpCond c, Value p, Value q);
    bool lanes_to_int(const Decoded& d, ir::Round rounding, unsigned fraction_bits);
    bool lane0_to_int(const Decoded& d, ir::Round rounding, unsigned fraction_bits);
    bool lanes_to_fp(const Decoded& d, unsigned fraction_bits);
    bool lane0_to_fp(const Decoded& d, unsigned fraction_bits);
    u32 between_formats(unsigned narrow_size, ir::Round rounding = ir::Round::Dyn) const;
    bool set_narrowed(const Decoded& d, Value narrow);
    Value turned(const Decoded& d, Value m, unsigned quarters);
    bool complex_multiply_add(const Decoded& d, Value m);
    bool fp_multiply_add_long(const Decoded& d, Value m);
    bool dot(const Decoded& d, Op op, Value m);
    bool bfloat_multiply_add(const Decoded& d, Value m);

    // --- loads and stores of structures (translate_structures.cc)
    /// Up to four registers, or the up to four 16-byte parts of memory that they are loaded from or stored
    /// to.
    using Quad = std::array<Value, 4>;
    using Rearrange = Quad (Translator::*)(const Decoded&, Quad);
    bool load_structures(const Decoded& d, Rearrange parts_to_registers);
    bool store_structures(const Decoded& d, Rearrange registers_to_parts);
    void after_structures(const Decoded& d, Value base, unsigned bytes);
    Quad separate1(const Decoded& d, Quad parts);
    Quad separate2(const Decoded& d, Quad parts);
    Quad separate3(const Decoded& d, Quad parts);
    Quad separate4(const Decoded& d, Quad parts);
    Quad interleave1(const Decoded& d, Quad registers);
    Quad interleave2(const Decoded& d, Quad registers);
    Quad interleave3(const Decoded& d, Quad registers);
    Quad interleave4(const Decoded& d, Quad registers);
    Value high_half(Value x) { return vec(Op::VDup, Type::I64, x, ir::kNone, 0, 1); }
    Quad riffle(Type lane, unsigned count, const Quad& parts);

    bool sp_moved_ = false;  ///< the current instruction gave SP a value that may be misaligned
};

}  // namespace vm::frontend::arm64
