// Translator: guest instructions of one extended block → IR. One handler an encoding of rv64.isa, named as
// the encoding; the generated dispatch() calls it, so an encoding without a handler does not compile.
#pragma once

#include <optional>

#include "frontend/riscv64/rv64_decode.h"
#include "frontend/riscv64/state.h"
#include "frontend/walk.h"

namespace vm::frontend::riscv64 {

using ir::Op;
using ir::Type;
using ir::Value;

class Translator : private Walk {
  public:
    Translator(const TranslateRequest& request, ir::Block& out)
        : Walk(request, out, kLayout), features_(request.features) {}

    /// Fills the block. Call once.
    void run();

    /// Translates one instruction, or returns false if it is undefined; then it emitted nothing that has an
    /// effect.
    using Handler = bool(const Decoded& d);

    // translate_integer.cc: RV64I computation
    Handler LUI, AUIPC;
    Handler ADDI, SLTI, SLTIU, XORI, ORI, ANDI, SLLI, SRLI, SRAI;
    Handler ADD, SUB, SLL, SLT, SLTU, XOR, SRL, SRA, OR, AND;
    Handler ADDIW, SLLIW, SRLIW, SRAIW, ADDW, SUBW, SLLW, SRLW, SRAW;
    Handler CZERO_EQZ, CZERO_NEZ;  // Zicond

    // translate_branch.cc
    Handler JAL, JALR, BEQ, BNE, BLT, BGE, BLTU, BGEU;

    // translate_memory.cc: loads and stores, Zicbom, Zicbop, Zicboz
    Handler LB, LH, LW, LD, LBU, LHU, LWU, SB, SH, SW, SD;
    Handler CBO_ZERO, CBO_CLEAN, CBO_FLUSH, CBO_INVAL, PREFETCH_I, PREFETCH_R, PREFETCH_W;

    // translate_muldiv.cc: M
    Handler MUL, MULH, MULHSU, MULHU, DIV, DIVU, REM, REMU, MULW, DIVW, DIVUW, REMW, REMUW;

    // translate_atomic.cc: A, Zacas
    Handler LR_W, LR_D, SC_W, SC_D;
    Handler AMOSWAP_W, AMOADD_W, AMOXOR_W, AMOAND_W, AMOOR_W, AMOMIN_W, AMOMAX_W, AMOMINU_W, AMOMAXU_W;
    Handler AMOSWAP_D, AMOADD_D, AMOXOR_D, AMOAND_D, AMOOR_D, AMOMIN_D, AMOMAX_D, AMOMINU_D, AMOMAXU_D;
    Handler AMOCAS_W, AMOCAS_D, AMOCAS_Q;

    // translate_bitmanip.cc: Zba, Zbb, Zbc, Zbs
    Handler ADD_UW, SH1ADD, SH2ADD, SH3ADD, SH1ADD_UW, SH2ADD_UW, SH3ADD_UW, SLLI_UW;
    Handler ANDN, ORN, XNOR, CLZ, CLZW, CTZ, CTZW, CPOP, CPOPW, MAX, MAXU, MIN, MINU;
    Handler SEXT_B, SEXT_H, ZEXT_H, ROL, ROLW, ROR, RORI, RORIW, RORW, ORC_B, REV8;
    Handler CLMUL, CLMULH, CLMULR;
    Handler BCLR, BCLRI, BEXT, BEXTI, BINV, BINVI, BSET, BSETI;

    // translate_system.cc: fences, environment, Zicsr, Zicntr, Zifencei, Zihintpause, Zihintntl, Zawrs, Zimop
    Handler FENCE, FENCE_TSO, FENCE_I, PAUSE, ECALL, EBREAK, WRS_NTO, WRS_STO;
    Handler CSRRW, CSRRS, CSRRC, CSRRWI, CSRRSI, CSRRCI;
    Handler NTL_P1, NTL_PALL, NTL_S1, NTL_ALL;
    Handler MOP_R, MOP_RR;

    // translate_fp_memory.cc: F, D, Zfhmin loads, stores, moves, constants
    Handler FLH, FLW, FLD, FSH, FSW, FSD, FMV_X_H, FMV_X_W, FMV_X_D, FMV_H_X, FMV_W_X, FMV_D_X;
    Handler FLI_H, FLI_S, FLI_D;

    // translate_fp_arith.cc
    Handler FADD_H, FSUB_H, FMUL_H, FDIV_H, FSQRT_H, FMADD_H, FMSUB_H, FNMSUB_H, FNMADD_H;
    Handler FADD_S, FSUB_S, FMUL_S, FDIV_S, FSQRT_S, FMADD_S, FMSUB_S, FNMSUB_S, FNMADD_S;
    Handler FADD_D, FSUB_D, FMUL_D, FDIV_D, FSQRT_D, FMADD_D, FMSUB_D, FNMSUB_D, FNMADD_D;
    Handler FMIN_H, FMAX_H, FMINM_H, FMAXM_H, FMIN_S, FMAX_S, FMINM_S, FMAXM_S, FMIN_D, FMAX_D, FMINM_D,
        FMAXM_D;
    Handler FROUND_H, FROUNDNX_H, FROUND_S, FROUNDNX_S, FROUND_D, FROUNDNX_D;

    // translate_fp_compare.cc
    Handler FEQ_H, FLT_H, FLE_H, FLTQ_H, FLEQ_H, FCLASS_H, FSGNJ_H, FSGNJN_H, FSGNJX_H;
    Handler FEQ_S, FLT_S, FLE_S, FLTQ_S, FLEQ_S, FCLASS_S, FSGNJ_S, FSGNJN_S, FSGNJX_S;
    Handler FEQ_D, FLT_D, FLE_D, FLTQ_D, FLEQ_D, FCLASS_D, FSGNJ_D, FSGNJN_D, FSGNJX_D;

    // translate_fp_convert.cc
    Handler FCVT_W_H, FCVT_WU_H, FCVT_L_H, FCVT_LU_H, FCVT_H_W, FCVT_H_WU, FCVT_H_L, FCVT_H_LU;
    Handler FCVT_W_S, FCVT_WU_S, FCVT_L_S, FCVT_LU_S, FCVT_S_W, FCVT_S_WU, FCVT_S_L, FCVT_S_LU;
    Handler FCVT_W_D, FCVT_WU_D, FCVT_L_D, FCVT_LU_D, FCVT_D_W, FCVT_D_WU, FCVT_D_L, FCVT_D_LU;
    Handler FCVT_H_S, FCVT_S_H, FCVT_H_D, FCVT_D_H, FCVT_S_D, FCVT_D_S, FCVTMOD_W_D;

  private:
    static constexpr u64 kFpExtensions =
        u64{1} << F | u64{1} << D | u64{1} << Zfhmin | u64{1} << Zfh | u64{1} << Zfa;
    const u64 features_;

    // --- guest code (translator.cc)
    /// Reads the instruction at pc_ into `*bits`. Returns its length, or 0 with `*fault` = first byte that
    /// cannot be read.
    unsigned fetch(u32* bits, u64* fault);
    void translate_one(u32 bits, unsigned length);

    // --- registers. Writers return true so that a handler can end with them.
    Value x(unsigned r) { return r == 0 ? b.c64(0) : b.get(x_slot(r)); }
    Value w(unsigned r) { return r == 0 ? b.c32(0) : b.get(x_slot(r), Type::I32); }
    Value imm(const Decoded& d) { return b.c64(static_cast<u64>(d.imm)); }
    bool set_x(unsigned r, Value v);
    bool set_w(unsigned r, Value v) { return set_x(r, b.sext(Type::I64, v)); }
    bool set_i1(unsigned r, Value v) { return set_x(r, b.zext(Type::I64, v)); }
    /// f`r` as a number of type t: narrower ones are unboxed (improperly boxed = canonical NaN).
    Value f(Type t, unsigned r);
    bool set_f(Type t, unsigned r, Value v);
    /// f`r` as raw bits.
    Value f_bits(unsigned r) { return b.bitcast(Type::I64, b.get(f_slot(r))); }
    bool set_f_bits(unsigned r, Value v);

    // --- shapes shared by handlers
    u64 next(const Decoded& d) const { return b.pc() + d.length; }
    bool load(const Decoded& d, Type mem, bool sign);
    bool store(const Decoded& d, Type mem);
    bool branch(const Decoded& d, ir::Cond c);
    bool predicate(u64 target, Value taken);
    bool go(u64 target);
    bool binary_w(const Decoded& d, Op op);
    Value sh_amount(const Decoded& d);
    bool divide(const Decoded& d, Op op, Type t);
    bool min_max(const Decoded& d, ir::Cond c);
    bool shift_add(const Decoded& d, unsigned n, bool uw);
    Value one_at(Value n) { return b.shl(b.c64(1), n); }
    Value block_address(const Decoded& d);
    bool cbo_touch(const Decoded& d, u64 right);
    /// Of machines: illegal if the present mode may not (menvcfg, senvcfg). `right`: a CacheRight.
    void need_cache_right(u64 right);
    bool prefetch(const Decoded& d);

    static ir::MemOrder order(const Decoded& d);
    Value atomic_address(const Decoded& d, Type mem);
    bool load_reserved(const Decoded& d, Type mem);
    bool store_conditional(const Decoded& d, Type mem);
    bool amo(const Decoded& d, ir::RmwOp op, Type mem);
    bool amocas(const Decoded& d, Type mem);

    enum class CsrOp { Write, Set, Clear };
    bool csr_access(const Decoded& d, Value operand, bool writes, CsrOp op);
    bool csr_exists(unsigned csr) const;
    u32 rounding_mode() const { return request_.mode & kModeRounding; }

    // --- of machines (translate_machine.cc)
    /// Leaves the block for an Illegal exit where mstatus.FS is Off.
    void need_fp();
    bool supervisor_csr(const Decoded& d, Value operand, bool writes, CsrOp op);
    bool sstatus(const Decoded& d, Value operand, bool writes, CsrOp op);
    bool machine_time(const Decoded& d);
    bool machine_ecall();
    bool machine_sret();
    void change_privilege(u64 to, Value status, Value target);
    Value read_csr(unsigned csr);
    void write_fp_csr(const Decoded& d, Value v);

    /// The rounding that rm asks for in this mode; nothing where the encoding is reserved.
    std::optional<ir::Round> rounding(const Decoded& d) const;
    bool fp_store(const Decoded& d, Type mem);
    bool fp_unary(const Decoded& d, Op op, Type t, u32 extra = 0);
    bool fp_binary(const Decoded& d, Op op, Type t);
    bool fp_fma(const Decoded& d, Type t, u32 signs);
    bool fp_min_max(const Decoded& d, Op op, Type t);
    bool fp_compare(const Decoded& d, Type t, ir::FpCond c, bool signaling);
    bool fp_class(const Decoded& d, Type t);
    enum class Sign { Copy, Negate, Xor };
    bool fp_sign(const Decoded& d, Type t, Sign s);
    bool fp_to_int(const Decoded& d, Type from, Type to, bool is_unsigned);
    bool int_to_fp(const Decoded& d, Type from, Type to, bool is_unsigned);
    bool fp_to_fp(const Decoded& d, Type from, Type to);
    bool fp_constant(const Decoded& d, Type t);

    u32 known_reg_ = 0;       ///< register that holds the constant known_value_ (from auipc), 0 = none
    Value skip_ = ir::kNone;  ///< i1: writes of the current instruction do not happen (predicate())
    u64 known_value_ = 0;
    bool fp_is_on_ = false;  ///< the block has looked since sstatus was written last
};

}  // namespace vm::frontend::riscv64
