// The tier 1 compiler: one forward walk over the analysed block that keeps values in registers and emits host
// code. allocation.cc: where values are. lower_*.cc: one family of ops each. Vocabulary: use = operand made
// available (and locked) for this instruction; consume = operands are read, dead ones free their registers;
// define = register for the result.
#pragma once

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "backend/x86_64/analysis.h"
#include "backend/x86_64/emitter.h"
#include "backend/x86_64/vec_ops.h"
#include "backend/x86_64/x86_64.h"

namespace vm::backend::x86_64 {

using ir::Inst;
using ir::kNone;
using ir::Op;
using ir::Type;
using ir::Value;
using Operand = asmjit::Operand;

constexpr u32 mask_of(unsigned reg) { return reg == kNoReg ? 0 : u32{1} << reg; }

/// Width of the host operation that serves an integer type.
constexpr unsigned op_bits(Type t) { return ir::width(t) == 64 ? 64 : 32; }

class Lowering final : public Compiler {
  public:
    Lowering(const ir::StateLayout& layout, const CompileOptions& options, const HostFeatures& features);
    Result<void> compile(const ir::Block& block, CompiledBlock& out) override;
    Result<void> compile_region(const ir::Region& region, CompiledBlock& out) override;

  private:
    /// Where a value is; several places may hold it at once.
    struct Loc {
        u32 regs = 0;    ///< host registers
        i16 home = -1;   ///< unpinned slot whose memory holds it
        i16 spill = -1;  ///< spill slot
    };
    /// Out-of-line piece of code, reached by the jump whose displacement field is `from`.
    enum class ColdKind : u8 {
        Trap,          ///< imm = exit reason, op = pc; exit value: r[0], or by n value (1) or address (2)
        SafepointPc,   ///< imm = guest PC to leave with
        SafepointReg,  ///< r[0] = register with the guest PC, imm = mask to apply
        IndirectMiss,  ///< r[0] = PC register, imm = mask
        IndirectCall,  ///< the same for a call: comes back to `back`
        ReturnMiss,    ///< r[0] = PC register, imm = mask
        SwapExit,      ///< imm = target: puts back swapped registers, then an ordinary exit
        StayInside,    ///< value = node: for the flags that are stored on the way
        CanonNan,      ///< registers in canon_ [imm, imm + n): Stub numbers
        FmaNan,
        MinMax,
        FToInt,
        IntToF,
        U64ToF,
        Unbox,
        NotEqual,   ///< clears the host's Z
        ArmSoft,    ///< the operation in C++; r[1 + k] or `op` = operand k
        ArmMinMax,  ///< r = {result, x, y, single, max}
        ArmToInt,   ///< r = {result, x, -, single, wide}
        ArmRound,   ///< r = {result, x, -, single, default NaN}
        ArmToIntMod,
        DefaultNan,  ///< r = {result, -, -, single}
        VecSoft,     ///< imm = index in soft_
        ReturnElse,  ///< a return from an inlined call to r[0] & imm
        CallElse,    ///< a call to r[0] & imm, which is not what was inlined; value: where it returns to
        GroupMiss,   ///< r = {register with the address that becomes the host's, one with the tag of the last
                     ///< byte}; value, imm as TlbMiss
        TlbMiss      ///< r[1] = register with the address, r[0] gets the host address; value = as
                     ///< HelperId::TlbMiss's b, imm = pc
    };
    struct Cold {
        ColdKind kind;
        u8 n = 0;
        std::array<u8, 5> r{};
        u32 from = 0, back = 0;  ///< from 0: no jump leads here
        i32 trap = -1;           ///< of out_->dirty: the trap that leads here
        u64 imm = 0, value = 0;
        u32 site = 0;          ///< of inlined calls, that a SwapExit leads to
        bool restore = false;  ///< swapped registers are to be put back first
        i32 flags = -1;        ///< of flags_: to be stored first
        Operand op{};
        const Inst* inst = nullptr;
        const ir::Block* block = nullptr;  ///< whose it is
    };
    struct PendingLink {
        u32 disp;
        u64 target;
        bool is_call, is_landing;
        bool ungrouped = false;
    };

    // --- lowering.cc
    void compile_once(const ir::Block& block, CompiledBlock& out);
    void start(CompiledBlock& out);
    void skew_entry();
    void lower_all();
    void lower_block();
    void reset();
    void lower(u32 i);
    bool lower_special(u32 i);
    void begin_guest_inst(u64 pc);
    bool on(JitOpt o) const { return an_.on(o); }
    const Inst& inst(Value v) const { return block_->insts[v]; }
    Value arg(const Inst& in, unsigned k) const { return an_.info[in.args[k]].rep; }
    Type arg_type(const Inst& in, unsigned k) const { return block_->insts[in.args[k]].type; }
    bool is_const(Value v) const { return inst(v).op == Op::Const; }
    u64 const_value(Value v) const { return inst(v).imm; }
    void unsupported(const Inst& in, std::string_view why = {});
    void stub_reloc(Stub s, unsigned index = 0);
    void call_stub(Stub s, unsigned index = 0);
    void jump_stub(Stub s, unsigned index = 0);
    void finish();

    // --- loop.cc: registers of a block that is its own loop
    /// Within the block host register `reg` is slot `in`'s; slot `out`, whose it is elsewhere, is in its
    /// home.
    struct Swap {
        u8 reg;
        u16 in, out;
        bool written;
    };
    /// What it costs to have the slot in memory: accesses, and the wait for store and load where a value is
    /// carried around a loop.
    struct SlotCost {
        u32 cost = 0;
        bool written = false;
    };
    void choose_swaps();
    void pick_swaps(const std::vector<SlotCost>& costs, u32 worthwhile);
    void activate_swaps();
    void lower_loop();
    void move_home(u8 reg, u16 slot, bool load);
    void load_swaps();
    void loop_prologue();
    ir::Region::Target returns_to(const ir::Block& block) const;
    void restore_swaps();
    void restore_inline();
    ir::Region::Target inside(const Inst& exit) const;
    void jump_inside(u32 node, Cc c, bool always);
    bool swapped_reg(u8 r) const;
    void loop_jump(Cc c, bool always);
    void forbid_swaps();

    // --- region.cc: blocks that are compiled together
    void region_once();
    void choose_region_swaps();
    void jump_to_node(u32 node, Cc c, bool always);

    // --- deferred.cc: flags that are computed when somebody looks
    void defer_flags(u32 i);
    void begin_deferred(const ir::DeferredFlags& d);
    void end_deferred();
    void store_deferred();
    void store_flags(i32 index);

    // --- allocation.cc
    void begin_inst(u32 i);
    void consume();
    u32 uses_left(Value v) const { return an_.info[v].uses; }
    bool backed(Value v, u32 but_regs) const;
    void set_reg(Value v, u8 r);
    void drop_reg(u8 r);
    void release(Value v);
    void save(Value v, u8 r);
    bool has_twin(Value v) const;
    void keep(Value v, u8 r);
    void rename(Value v, Value to);
    void free_reg(u8 r);
    u8 alloc(bool vec, u32 avoid = 0);
    u8 alloc_gpr(u32 avoid = 0) { return alloc(false, avoid); }
    u8 alloc_xmm(u32 avoid = 0) { return alloc(true, avoid); }
    void take(u8 r);
    u8 in_gpr(Value v) const;
    u8 in_xmm(Value v) const;
    x86::Mem memory_of(Value v, unsigned size) const;
    bool in_memory(Value v) const { return loc_[v].home >= 0 || loc_[v].spill >= 0; }
    unsigned memory_bytes(Value v) const;
    u8 use_gpr(Value v, u32 avoid = 0);
    u8 use_xmm(Value v, u32 avoid = 0);
    Operand use_src(Value v, unsigned bits, bool imm_ok = true);
    Operand use_xsrc(Value v, unsigned bytes);
    void load_gpr(u8 r, Value v, bool keep_flags = false);
    void load_xmm(u8 r, Value v);
    void load_const(u8 r, u64 v, bool keep_flags = false);
    void load_guest_addr(u8 r, u64 pc);
    void copy(u8 to, u8 from);
    u8 define_gpr(Value v, u32 prefer = 0, u32 avoid = 0);
    u8 define_xmm(Value v, u32 prefer = 0, u32 avoid = 0);
    u8 define(Value v, bool vec, u32 prefer, u32 avoid);
    void defined(Value v, u8 r);
    void evict_scratch();
    bool is_vec(Value v) const;
    bool is_wide(Value v) const { return inst(v).type == Type::V128 || inst(v).type == Type::I128; }
    i16 new_spill();
    x86::Mem spill_mem(i16 slot, unsigned size) const;

    // --- lower_state.cc
    void get_state(u32 i);
    void set_state(u32 i);
    void set_pinned(unsigned slot, u8 reg, Value v);
    void set_home(unsigned slot, Value v);
    void misc_state(u32 i);
    static x86::Mem table_byte(Const table, u8 index);
    unsigned full_width(Value v) const;
    u64 const_bits(Value v) const;
    void bit_field(u8 u, u8 t);
    void nan_before_state(Value v, bool pinned);
    u8 wide_to_xmm(Value v);
    Value wide_in_memory(Value v);

    // --- lower_int.cc
    bool lower_int(u32 i);
    void alu(u32 i, u32 id, bool commutative);
    void add(u32 i);
    bool lea_shift(u32 i);
    void and_(u32 i);
    void sub(u32 i);
    void mul(u32 i);
    void mul_high(u32 i);
    Value other_half(u32 i) const;
    void or_bytes(u32 i);
    void carryless(u32 i);
    void bit_reverse(u32 i);
    void crc(u32 i);
    void mul_both(u32 i, Value j);
    void divide(u32 i);
    void divide_emit(u8 d, unsigned bits, bool is_signed);
    void shift(u32 i);
    void shift_const(u32 i, unsigned n);
    void rotate_const(u32 i, unsigned n);
    void unary(u32 i, u32 id);
    void and_not(u32 i);
    bool set_bit(u32 i);
    void count_bits(u32 i);
    void bswap(u32 i);
    void extend(u32 i);
    void trunc_bit(u32 i);
    void icmp(u32 i);
    void select(u32 i);
    void select_xmm(u32 i);
    bool select_by_mask(u32 i);
    unsigned zero_from_both(Value y, Value z) const;
    void int_helper(u32 i);
    void call_helper(u32 i, HelperId id, u32 code);
    void widen_narrow(u8 d, Value x, unsigned bits, bool sign);
    Cc compare(Value cmp, u32* start);
    Cc compare_values(ir::Cond c, Value x, Value y, unsigned bits, u32* start);
    Cc test_and(ir::Cond c, Value conj, u32* start);
    Cc condition(Value cond, u32* start);

    // --- lower_flags.cc
    /// Where the host's carry comes from before an adc or sbb: a bit of a register or of a word in memory.
    struct CarryIn {
        Operand source{};
        int bit = 0;
        bool inverted = false;
    };
    /// A host instruction that makes flags; its carry is C or, `inverted`, the opposite.
    struct FlagsOp {
        u32 id = 0;
        Operand x{}, y{};
        CarryIn carry{};
        bool inverted = false;
    };
    bool lower_flags(u32 i);
    bool no_carry_in(const Inst& in) const;
    FlagsOp prepare_flags(Value f);
    FlagsOp prepare_logic(Value x, unsigned bits);
    void emit_flags(const FlagsOp& o);
    void flags_to_word(bool inverted, u32 keep);
    void flags_of(u32 i);
    template <class F>
    Value soon_after(u32 i, F match) const;
    bool same_sum(const Inst& value, const Inst& flags) const;
    Value value_of_flags(u32 i) const;
    bool value_with_flags(u32 i);
    void arithmetic_with_flags(u32 i, Value value, Value flags);
    CarryIn carry_in(Value v, unsigned k);
    void set_carry(const CarryIn& c);
    bool sum_with_carry(u32 i);
    bool all_scratch_locked(u32 more) const;
    bool same_sum_with_carry(u32 i, Value x, Value y, const Inst& flags) const;
    void count_uses_now(Value j);
    void skip_made(u32 i);
    void flags_fcmp(u32 i);
    void fcmp_to_word();
    void flags_pack(u32 i);
    bool is_const_flags(Value v) const;
    u64 const_flags(Value v) const;
    void flags_unpack(u32 i);
    void flags_test(u32 i);
    Cc flags_condition(Value cond, u32* start);
    void test_word_bit(Value f, u32 bit);
    Cc word_condition(ir::FlagCond c, Value f, u32* start);

    // --- lower_fcmp.cc
    struct FcmpOp {
        u32 id = 0;
        u8 x = kNoReg;
        Operand y{};
    };
    bool native_fcmp(const Inst& in) const;
    FcmpOp prepare_fcmp(const Inst& in, bool swap);
    void emit_fcmp(const FcmpOp& o) { a.emit(o.id, xr(o.x), o.y); }
    void f_cmp(u32 i);
    Cc ordered_equal(u32* start);
    Cc fcmp_condition(Value cmp, u32* start);
    Cc fcmp_flag_condition(ir::FlagCond c, Value f, u32* start);

    // --- lower_memory.cc
    bool lower_memory(u32 i);
    x86::Mem address(Value v, u64 disp, u32 avoid = 0);
    x86::Mem address_sum(Value add, i64 disp);
    void host_base(u32 i);
    u8 look_up(const x86::Mem& m, unsigned bytes, bool write, ColdKind miss, u32 avoid);
    void group_miss(const Cold& c);
    x86::Mem translated(const x86::Mem& m, unsigned bytes, bool write, u32 avoid = 0);
    u8 translated_for_store(u8 base);
    void tlb_miss(const Cold& c);
    void load(u32 i);
    void load_memory(u8 d, const x86::Mem& m, Type mtype, Type type, bool sign);
    void store(u32 i);
    void fence_full();
    x86::Assembler& locked();
    void rmw(u32 i);
    void rmw_loop(u32 i, u8 base, unsigned bits);
    void widen_result(u32 i, u8 r, unsigned bits, bool sign);
    void cas(u32 i);
    void cas128(u32 i);
    void load_reserve(u32 i);
    void store_cond(u32 i);
    void load_reserve128(u32 i);
    void store_cond128(u32 i);

    // --- lower_control.cc
    bool lower_control(u32 i);
    void exit_if(u32 i);
    void trap_if(u32 i);
    void goto_(u32 i);
    void call(u32 i);
    void call_indirect(u32 i);
    void jump_indirect(u32 i);
    void ret(u32 i);
    void exit(u32 i);
    void ret_inside(u32 i);
    void call_inside(u32 i, u32 node);
    void call_else(const Cold& c);
    void note_call(u8 pc, u64 return_pc);
    void compare_target(u8 pc, u64 to);
    u8 masked_reg(Value target, u64* mask);
    u8 target_reg(Value target, u64* mask);
    void lookup(u8 pc, u64 mask, bool is_call);
    void push_pc(Value pc);
    void landing(u64 return_pc, u32 site, u32 next = ir::kNoNode);
    void open_frames(u32 site, u8 kept = kNoReg);
    void push_return(u64 pc, u8 kept);
    void safepoint(Cold cold);
    void pad_link(unsigned opcode_bytes, u32 start);
    void link_jmp(u64 target, bool is_landing = false);
    void link_jcc(Cc c, u64 target, u32 start);
    void link_call(u64 target);
    bool far(u64 target) const;
    void cold_jcc(Cc c, Cold cold);
    void cold_trap(u32 at, Cold cold);
    bool trapping() const { return options_.trap_nan && cpu_.avx && on(JitOpt::TrapNan); }
    void emit_links();
    void emit_cold();
    void emit_cold_one(const Cold& c);
    void apply_mask(u8 reg, u64 mask);
    void jump_back(const Cold& c);

    // --- lower_fp.cc, cold_fp.cc
    void box(u8 xmm);
    void nan_observed(Value v);
    void nan_flush();
    void nan_result(u32 i);
    void nan_cover(Value operand, Value root);
    void nan_mark_dirty(u32 begin);
    void fbin(u32 vex, u32 sse, u8 d, u8 x, const Operand& y);
    void f_arith(u32 i, u32 k);
    void f_sqrt(u32 i);
    void fma(u32 i);
    void f_minmax(u32 i, bool max);
    void f_sign(u32 i);
    void f_class(u32 i);
    void f_round(u32 i);
    void f_to_int(u32 i);
    void int_to_f(u32 i);
    void convert_int(u8 d, const x86::Gp& source, bool single);
    void f_to_f(u32 i);
    void nan_box16(u32 i);
    void nan_unbox(u32 i);
    void bitcast(u32 i);
    u8 define_late_xmm(u32 i, Value x);
    void lower_wide_bitcast(u32 i);
    void fp_helper(u32 i);
    bool native_fp(const Inst& in, Type t) const;
    void cold_min_max(const Cold& c);
    void cold_to_int(const Cold& c);
    void cold_u64_to_f(const Cold& c);
    void cold_int_to_f(const Cold& c);
    void cold_fma(const Cold& c);
    void cold_canon_calls(u32 first, u32 n);
    u32 collect_pending(u32* n);
    void xmov(u8 to, const x86::Mem& m, unsigned bytes);
    bool lower_fp(u32 i);
    void cold_fp(const Cold& c);

    // --- lower_fp_arm.cc, cold_fp_arm.cc
    bool lower_fp_arm(u32 i);
    u8 arm_result(u32 i, u32 operands);
    void arm_defined(u32 i, u8 d);
    Cold arm_cold(u32 i, u8 d, u8 x, const Operand& y, u8 z) const;
    void arm_check(Cold cold, bool tiny);
    u8 arm_check_scratch(Cold& cold);
    void ucomis(bool single, u8 x, const Operand& y);
    void arm_unary(u32 vex, u32 sse, u8 d, u8 x);
    void arm_round_to(u8 d, u8 x, bool single, u32 imm);
    void float_const(u8 d, u8 t, bool single, double v);
    void arm_arith(u32 i, u32 k);
    void arm_sqrt(u32 i);
    void arm_fma(u32 i);
    void arm_step(u32 i);
    void arm_minmax(u32 i, bool max);
    void arm_round(u32 i);
    void round_away(u8 d, u8 x, bool single, Cold cold);
    void arm_to_int(u32 i);
    u8 arm_scaled(u8 x, u8 t, u8 d, bool single, unsigned fraction, const Cold& soft);
    void arm_to_int_mod(u32 i);
    void arm_float_to_float(u32 i);
    void arm_widen_half(u32 i);
    void arm_narrow_to_half(u32 i);
    void scale(u8 d, bool single, int power);
    void f_sign_half(u32 i);
    void cold_arm_soft(const Cold& c);
    void cold_arm_min_max(const Cold& c);
    void cold_arm_to_int(const Cold& c);
    void cold_arm_round(const Cold& c);
    void cold_arm_to_int_mod(const Cold& c);
    void default_nan_if_nan(u8 d, bool single);

    // --- lower_vec.cc
    bool lower_vec(u32 i);
    void make128(u32 i);
    u32 wide_op_code(const Inst& in) const;
    void wide_helper(u32 i);
    void half128(u32 i);

    // --- lower_vec_scalar.cc
    bool lower_vec_scalar(u32 i);
    void vec_scalar(u32 i);
    void low_part(u32 i, Value x, unsigned bits);
    bool may_be_vector(Value x) const;
    bool take_over(u32 i, Value x);
    void vec_low64(u32 i);
    void vec_extract(u32 i);
    void extract_int(u32 i, Type lane, unsigned index);
    void extract_float(u32 i, Type lane, unsigned index);
    void insert_float(u32 i);
    bool insert_int(u32 i);
    void make_v128(u32 i);
    void load_const128(u8 r, Value v);
    void gpr_to_xmm(u8 d, u8 from, unsigned bits);
    x86::Mem lane_memory(Value x, unsigned bytes, unsigned index) const;
    /// Bits of v's registers from there on are 0; 0: nothing is known.
    unsigned zero_from(Value v) const { return an_.info[v].zero_from; }
    /// 0: unknown. Operands may be zero from lower bits on than the result's width.
    void set_zero_from(Value v, unsigned bits) {
        const unsigned own = ir::is_float(inst(v).type) ? ir::width(inst(v).type) : 0;
        an_.info[v].zero_from = static_cast<u8>(bits == 0 ? 0 : std::max(bits, own));
    }

    // --- vec_emit.cc: what the lowering of vector operations is written with
    Operand use_vsrc(Value v);
    static constexpr unsigned kAllScratch = 4;
    unsigned scratch_for(Value v) const;
    Operand use_vmem(Value v, unsigned more);
    static u8 reg_of(const Operand& o) { return o.isReg() ? static_cast<u8>(o.id() + kXmm0) : kNoReg; }
    void v1(HostOp o, u8 d, const Operand& x);
    void v1(HostOp o, u8 d, const Operand& x, u32 imm);
    void v2(HostOp o, u8 d, u8 x, const Operand& y);
    void v2(HostOp o, u8 d, u8 x, u8 y) { v2(o, d, x, xr(y)); }
    void v2(HostOp o, u8 d, u8 x, const Operand& y, u32 imm);
    void vshift(HostOp o, u8 d, u8 x, u32 n);
    void vload(u8 d, const Operand& x);
    void store_wide(unsigned k, u8 r);
    bool aligned_enough(const x86::Mem& m) const;
    void vzero(u8 d);
    u8 vdefine(u32 i, u8 x, const Operand& y, bool commutes);
    void vresult(u32 i, HostOp o, u8 x, const Operand& y);
    void vresult(u32 i, HostOp o, u8 x, u8 y) { vresult(i, o, x, xr(y)); }
    void vresult(u32 i, HostOp o, u8 x, const Operand& y, u32 imm);
    void vresult1(u32 i, HostOp o, const Operand& x);
    void vresult1(u32 i, HostOp o, const Operand& x, u32 imm);
    void vec_move_result(u32 i, u8 r);
    void vresult_shift(u32 i, HostOp o, u8 x, u32 n);
    void vec_binary(u32 i, HostOp o);
    void vec_unary(u32 i, HostOp o);
    u8 vec_mask_select(u8 mask, u8 x, u8 y);
    void vternary(u8 d, u8 y, const Operand& z, u8 table);
    std::optional<std::array<u64, 2>> const128(Value v) const;
    bool lower_vector(u32 i);

    // --- lower_vec_int.cc
    bool lower_vec_int(u32 i);
    void vec_mul8(u32 i);
    void vec_mul64(u32 i);
    void vec_greater_u(u32 i);
    void vec_minmax64(u32 i);
    void vec_abs64(u32 i);
    void vec_avg32(u32 i);
    void vec_select(u32 i);
    void vec_sat_signed(u32 i);
    void vec_sat_unsigned(u32 i);

    // --- lower_vec_shuffle.cc
    bool lower_vec_shuffle(u32 i);
    void vec_splat(u32 i);
    void vec_splat_float(u32 i);
    void vec_dup(u32 i);
    void vec_table(u32 i);
    void vec_ext(u32 i);
    void vec_rev(u32 i);
    void vec_widen(u32 i);
    void vec_narrow(u32 i);
    void vec_narrow64(u32 i);
    void vec_uzp(u32 i);
    void vec_trn(u32 i);
    void vec_bitrev(u32 i);
    std::pair<u8, u8> reverse_nibbles(u8 x);
    void vec_popcnt(u32 i);
    void vec_clz(u32 i);
    bool is_zero128(Value v) const;

    // --- lower_vec_wide.cc
    bool lower_vec_wide(u32 i);
    void vec_mul_wide(u32 i);
    void vec_mul_double16(u32 i);
    void vec_mul_double32(u32 i);
    void vec_clmul8(u32 i);
    void vec_clmul_wide8(u32 i);
    void vec_clmul64(u32 i);
    void vec_add_dot(u8 sum, const Operand& y, const Operand& z, bool y_signed, bool z_signed);
    void add_dot_words(u8 sum, const Operand& y, const Operand& z, bool y_signed, bool z_signed, u8 t, u8 u);
    void vec_dot(u32 i);
    void vec_matmul(u32 i);

    // --- lower_vec_fp.cc, lower_vec_fcvt.cc, cold_vec.cc
    /// Operands of the instruction that is being lowered, and what its host code must be checked for.
    struct VecFp {
        bool single = false;  ///< lanes are f32, else f64
        ir::FpSem sem{};
        ir::Round round{};
        bool arm() const { return sem == ir::FpSem::Arm || sem == ir::FpSem::ArmDn; }
    };
    VecFp vec_fp(const Inst& in) const;
    bool lower_vec_fp(u32 i);
    bool vec_farith(u32 i);
    bool vec_fsqrt(u32 i);
    bool vec_fma(u32 i);
    bool vec_fminmax(u32 i);
    void vec_fcmp(u32 i);
    bool vec_fstep(u32 i);
    bool vec_fma_wide(u32 i);
    void vec_fcheck(u32 i, u8 d, bool tiny, const std::array<Operand, 3>& operands);
    void vec_fnan(u32 i, u8 d, u32 at, const std::array<Operand, 3>& operands);
    void vec_funordered(u32 i, u8 d, u8 x, u8 y);
    bool lower_vec_fcvt(u32 i);
    bool vec_fround(u32 i);
    u8 vec_fround_away(const Operand& x, bool single, bool exact);
    void vec_power(u8 d, int n, bool single);
    u8 vec_ftoi_operand(const Inst& in, const Operand& x);
    bool vec_ftoi(u32 i);
    void vec_ftou(u32 i, const Operand& x);
    void vec_ftou32(u32 i, const Operand& x, u8 d, u8 v);
    void vec_utof(u8 d, u8 x, bool single);
    bool vec_itof(u32 i);
    bool vec_fwiden(u32 i);
    bool vec_fnarrow(u32 i);
    void cold_soft(Cc c, u32 i, u8 d, const std::array<Operand, 3>& operands);
    void cold_soft_emit(const Cold& c);

    // --- lower_vec_crypto.cc
    bool lower_vec_crypto(u32 i);
    u8 aes_state(Value e);
    Value aes_round_of(Value v) const;
    Operand aes_next_key(u32 i);
    void vec_aes_round(u32 i, HostOp o);
    void vec_aes_mix(u32 i);
    void vec_sha1_rounds(u32 i);
    void vec_sha1_su0(u32 i);
    void vec_sha1_su1(u32 i);
    Value sha256_partner(u32 i) const;
    void vec_sha256(u32 i);
    void vec_sha256_su0(u32 i);
    void vec_sha256_su1(u32 i);
    void vec_sha512_su(u32 i);
    void vec_sha512(u32 i);
    void sha512_h();
    void sha512_h2();
    void sha512_sigma(u8 d, u8 x, u32 first, u32 second, u32 third);

    // --- lower_vec_shift.cc
    bool lower_vec_shift(u32 i);
    void vec_shift_imm(u32 i, Op op, unsigned n);
    void vec_shift8(u32 i, Op op, unsigned n);
    void vec_ashr64(u32 i, u8 x, unsigned n);
    bool vec_shift_const(u32 i);
    void vec_round_shift(u32 i, unsigned n);
    bool vec_shift_var(u32 i);
    void vec_shift_var8(u32 i);
    void vec_shift_var16(u32 i);
    u8 vec_shift_fits(const Operand& x, const Operand& y, unsigned lane, bool is_signed);
    u8 vec_shift_lanes(const Operand& x, const Operand& y, unsigned lane, bool is_signed, bool round);

    const ir::StateLayout& layout_;
    PinMap all_pins_;  ///< as every block border has them
    PinMap pins_;      ///< in this block
    CompileOptions options_;
    HostFeatures cpu_;
    Emitter a;
    Analysis an_;

    const ir::Block* block_ = nullptr;
    CompiledBlock* out_ = nullptr;
    Error error_;
    bool failed_ = false;

    PodVector<Loc> loc_;
    std::array<Value, kHostRegs> reg_val_{};
    PodVector<Value> home_val_;
    std::vector<Value> early_;  ///< made together with an earlier instruction
    std::vector<Value> keyed_;  ///< AES states to which the key of their next round was added already
    u32 locked_ = 0;
    u32 cur_ = 0;
    std::array<Use, 12> cur_uses_{};
    unsigned cur_count_ = 0;
    bool consumed_ = false;
    bool renamed_ = false;  ///< some value's uses are another's now
    std::array<u64, kSpillSlots / 64> spill_used_{}, spill_dying_{};
    bool spill_dies_ = false;  ///< some spill_dying_ is set
    u64 pc_ = 0;               ///< of the current guest instruction
    bool stored_ = true;       ///< a guest store may be in the store buffer
    bool clean_insn_ = true;   ///< nothing visible happened since it began
    std::vector<Swap> swaps_;
    bool swaps_active_ = false;  ///< in the second emission, until restore_inline()
    std::vector<u32> to_loop_;   ///< displacements of jumps from the first to the second
    bool allow_swaps_ = true;
    u32 fp_at_ = 0;                             ///< where the last addition, subtraction or root begins
    u32 made_ = 0;                              ///< blocks and regions
    u32 skew_ = 0;                              ///< which of them this one counts as
    std::unordered_map<u64, u32> region_skew_;  ///< by head: who is made anew lies as before
    u32 swappable_ = ~u32{0};                   ///< registers that may be exchanged
    u32 loop_head_ = 0;
    const ir::Region* region_ = nullptr;  ///< what is being compiled, if it is one
    u32 node_ = 0;                        ///< the block of it that is being lowered
    std::vector<u32> node_at_;            ///< where the nodes' code begins, as far as it is emitted
    struct NodeJump {
        u32 from;  ///< displacement
        u32 node;
    };
    std::vector<NodeJump> node_jumps_;  ///< forwards
    std::vector<ir::DeferredFlags> flags_;
    i32 deferred_ = -1;       ///< of flags_: what the flags slot is, which is not stored
    u32 deferred_dirty_ = 0;  ///< the DirtySlot that says so
    std::vector<Cold> cold_;
    PodVector<PendingLink> links_;
    /// Vector operations that may have to be done in C++: operands are where they were, the result goes to d.
    struct SoftCall {
        const Inst* inst;
        u8 d;
        std::array<Operand, 3> operands;
    };
    std::vector<SoftCall> soft_;
    std::vector<u8> canon_;  ///< lists of registers for ColdKind::CanonNan
    /// Results whose NaN was not made canonical yet. If `root` is not NaN, neither is `value`.
    struct PendingNan {
        Value value, root;
    };
    std::vector<PendingNan> pending_nan_;
    std::array<i32, kHostRegs>
        dirty_open_{};  ///< index of the DirtySlot that says so for a pinned register, -1 = none
};

}  // namespace vm::backend::x86_64
