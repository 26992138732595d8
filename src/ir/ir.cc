#include "ir/ir.h"

namespace vm::ir {
namespace {
constexpr unsigned P = kEffectP, RS = kEffectRS, WS = kEffectWS, RM = kEffectRM, WM = kEffectWM,
                   FP = kEffectFP, X = kEffectX, T = kEffectT, S = kEffectS;
}  // namespace

const OpInfo kOps[] = {
#define OP(Name, text, nargs, result, effects, doc) \
    {#Name, text, nargs, #result[0], static_cast<u16>(effects), doc},
#include "ir/ir_ops.def"
#undef OP
};

std::string_view name(Type t) {
    constexpr std::string_view n[] = {"void", "i1",  "i8",  "i16",  "i32",  "i64",  "i128",
                                      "f16",  "f32", "f64", "v128", "v256", "flags"};
    return n[static_cast<u8>(t)];
}

std::string_view name(ExitReason r) {
    constexpr std::string_view n[] = {"none",      "next",         "syscall",     "breakpoint",
                                      "illegal",   "memory-fault", "fetch-fault", "misaligned",
                                      "code-sync", "mode-change",  "wait",        "safepoint",
                                      "interpret", "unsupported",  "debug-break", "debug-watch"};
    return n[static_cast<u8>(r)];
}

void Block::clear() {
    insts.clear();
    ranges.clear();
    start_pc = 0;
    guest_bytes = guest_insns = 0;
    forwarded = false;
    may_loop = may_extend = may_flag = true;
}

}  // namespace vm::ir
