// Scalar floating point: comparisons and selection. Manual: "Floating-point compare", "… conditional
// compare", "… conditional select".
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {

using ir::FpCond;
using ir::Round;

Value Translator::fp_flags(Type t, Value p, Value q, bool signaling) {
    return b.binary(Op::FlagsFCmp, p, q, fp(t, Round::Rne, ir::fcmp_aux(FpCond::Eq, signaling)));
}

bool Translator::fp_compare(const Decoded& d, bool signaling, bool with_zero) {
    const Type t = fp_type(d.size);
    const Value q = with_zero ? b.constant(t, 0) : scalar(t, d.rm);
    return set_flags(fp_flags(t, scalar(t, d.rn), q, signaling));
}

bool Translator::FCMP(const Decoded& d) { return fp_compare(d, false, false); }
bool Translator::FCMPE(const Decoded& d) { return fp_compare(d, true, false); }
bool Translator::FCMP_zero(const Decoded& d) { return fp_compare(d, false, true); }
bool Translator::FCMPE_zero(const Decoded& d) { return fp_compare(d, true, true); }

/// Where the condition does not hold there is no comparison, so no NaN may be seen: zeros are compared.
bool Translator::fp_conditional_compare(const Decoded& d, bool signaling) {
    const Type t = fp_type(d.size);
    const Value holds = condition(d.cond), zero = b.constant(t, 0);
    const Value p = b.select(holds, scalar(t, d.rn), zero);
    const Value q = b.select(holds, scalar(t, d.rm), zero);
    return set_flags(b.select(holds, fp_flags(t, p, q, signaling), flags_constant(d.nzcv)));
}

bool Translator::FCCMP(const Decoded& d) { return fp_conditional_compare(d, false); }
bool Translator::FCCMPE(const Decoded& d) { return fp_conditional_compare(d, true); }

bool Translator::FCSEL(const Decoded& d) {
    const Type t = fp_type(d.size);
    return set_scalar(d.rd, b.select(condition(d.cond), scalar(t, d.rn), scalar(t, d.rm)));
}

}  // namespace vm::frontend::arm64
