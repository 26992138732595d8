// The walk over the block, and what belongs to no family of ops.
#include "backend/x86_64/lowering.h"

#include "base/format.h"

namespace vm::backend::x86_64 {

std::unique_ptr<Compiler> make_compiler(const ir::StateLayout& layout, const CompileOptions& options,
                                        const HostFeatures& features) {
    return std::make_unique<Lowering>(layout, options, features);
}

Lowering::Lowering(const ir::StateLayout& layout, const CompileOptions& options, const HostFeatures& features)
    : layout_(layout),
      all_pins_(layout),
      pins_(layout),
      options_(options),
      cpu_(features),
      an_(layout_, pins_, options.disabled_opts | (features.aes ? 0 : opt_bit(JitOpt::FuseCrypto))) {
    if (!on(JitOpt::Bmi)) cpu_.bmi1 = cpu_.bmi2 = cpu_.lzcnt = cpu_.popcnt = false;
    if (!on(JitOpt::Avx)) cpu_.drop_avx();
    if (!on(JitOpt::Fma) || !cpu_.avx) cpu_.fma = false;
}

Result<void> Lowering::compile(const ir::Block& block, CompiledBlock& out) {
    allow_swaps_ = on(JitOpt::LoopRegs);
    region_ = nullptr;
    skew_ = made_;
    swappable_ = ~u32{0};
    compile_once(block, out);
    if (failed_ && !swaps_.empty() && !allow_swaps_) compile_once(block, out);
    if (failed_) return std::unexpected(error_);
    made_++;
    return {};
}

void Lowering::compile_once(const ir::Block& block, CompiledBlock& out) {
    start(out);
    block_ = &block;
    choose_swaps();
    lower_all();
    if (!swaps_.empty() && !failed_) lower_loop();
    if (!failed_) finish();
}

/// Zen 3 tells calls through pointers apart by bits 1 and 2 of the branches and targets before them: where
/// all functions begin at multiples of 8, it predicts a table of four at a third of the speed. So entries lie
/// 0, 2, 4 and 6 bytes behind one, in turn: blocks that are made one after the other are those that run
/// together.
void Lowering::skew_entry() {
    for (u32 n = skew_ % 4 * 2; n != 0; n--) a.byte(0xcc);
    out_->entry_offset = a.pos();
}

void Lowering::start(CompiledBlock& out) {
    out.clear();
    out_ = &out;
    failed_ = false;
    a.restart();
    links_.clear();
    to_loop_.clear();
    cold_.clear();
    soft_.clear();
    canon_.clear();
    flags_.clear();
    pins_ = all_pins_;
    swaps_active_ = false;
    skew_entry();
}

// The whole block once, and its cold code.
void Lowering::lower_all() {
    lower_block();
    if (!failed_) emit_cold();
}

void Lowering::lower_block() {
    reset();
    an_.run(*block_);
    if (an_.v256 != kNone) return unsupported(inst(an_.v256));
    if (region_ != nullptr && region_->nodes[node_].entry == ir::Region::Node::Entry::Deferred)
        begin_deferred(region_->nodes[node_].flags);
    const u32 n = static_cast<u32>(block_->insts.size());
    for (u32 i = 0; i < n && !failed_; i++) {
        const ValueInfo& v = an_.info[i];
        if (!v.live || v.deferred || v.rep != i) continue;
        if (v.made) {
            skip_made(i);
            continue;
        }
        switch (inst(i).op) {
            case Op::Insn: begin_guest_inst(inst(i).imm); continue;
            case Op::Const:
            case Op::GuestAddr:
            case Op::Const128: continue;  // made where they are used
            default: break;
        }
        begin_inst(i);
        lower(i);
        consume();
    }
    end_deferred();
}

void Lowering::begin_guest_inst(u64 pc) {
    out_->side.push_back({a.pos(), static_cast<u32>(out_->side.size()), pc});
    pc_ = pc;
    clean_insn_ = true;
}

// What is known at the start of a block: nothing but the convention.
void Lowering::reset() {
    loc_.assign(block_->insts.size(), Loc{});
    reg_val_.fill(kNone);
    home_val_.assign(layout_.slots.size(), kNone);
    spill_used_.fill(0);
    spill_dying_.fill(0);
    locked_ = 0;
    renamed_ = false;
    early_.clear();
    keyed_.clear();
    pending_nan_.clear();
    deferred_ = -1;
    dirty_open_.fill(-1);
    pc_ = block_->start_pc;
    clean_insn_ = true;
    stored_ = true;
}

void Lowering::finish() {
    emit_links();
    a.resolve();
    if (a.failed() && !failed_) {
        failed_ = true;
        error_ = {ErrorKind::Internal, "x86-64 back end made an instruction that cannot be encoded"};
        return;
    }
    out_->code.assign(a.data(), a.data() + a.pos());
}

void Lowering::unsupported(const Inst& in, std::string_view why) {
    if (failed_) return;
    failed_ = true;
    error_ = {ErrorKind::Unsupported, fmt::format("x86-64 back end: {} {}{}{}", ir::info(in.op).text,
                                                  ir::name(in.type), why.empty() ? "" : ": ", why)};
}

void Lowering::stub_reloc(Stub s, unsigned index) {
    out_->relocations.push_back({Relocation::Kind::StubRel32, a.pos(), static_cast<u32>(s) + index, 0});
    a.dword(0);
}
void Lowering::call_stub(Stub s, unsigned index) {
    a.byte(0xe8);
    stub_reloc(s, index);
}
void Lowering::jump_stub(Stub s, unsigned index) {
    a.byte(0xe9);
    stub_reloc(s, index);
}

void Lowering::lower(u32 i) {
    const Inst& in = inst(i);
    const u16 effects = ir::effects(in.op);
    bool done = false;
    // Most instructions are of a family that their effects tell.
    if (effects & (ir::kEffectRM | ir::kEffectWM)) {
        done = lower_memory(i);
    } else if (effects & (ir::kEffectX | ir::kEffectT)) {
        done = lower_control(i);
    } else if (effects != ir::kEffectP) {
        done = lower_special(i);
    }
    if (done || lower_int(i) || (an_.flags && lower_flags(i)) || lower_memory(i) || lower_fp(i) ||
        lower_vec(i))
        return;
    unsupported(in);
}

bool Lowering::lower_special(u32 i) {
    const Inst& in = inst(i);
    switch (in.op) {
        case Op::GetState: get_state(i); return true;
        case Op::SetState: set_state(i); return true;
        case Op::DeferFlags: defer_flags(i); return true;
        case Op::Icount:
        case Op::ReadIcount:
        case Op::ReadTime:
        case Op::Fence:
        case Op::DropReservation:
        case Op::FpGetFlags:
        case Op::FpSetFlags:
        case Op::FpGetRound:
        case Op::FpSetRound: misc_state(i); return true;
        default: return false;
    }
}

}  // namespace vm::backend::x86_64
