#include "ir/text.h"

#include <charconv>
#include <span>
#include <unordered_map>

#include "base/format.h"

namespace vm::ir {
namespace {

using Words = std::span<const std::string_view>;

/// A bit field of `aux` that is written as a word, or as KEY=NUMBER if it has a key. An empty word has no
/// spelling; a quiet field is not written when 0.
struct Field {
    u8 shift, bits;
    bool quiet;
    Words words;
    std::string_view key = {};
};

constexpr std::string_view kDivSem[] = {"riscv", "arm"};
constexpr std::string_view kCond[] = {"eq", "ne", "lts", "ges", "les", "gts", "ltu", "geu", "leu", "gtu"};
constexpr std::string_view kFlagCond[] = {"eq", "ne", "cs", "cc", "mi", "pl", "vs",
                                          "vc", "hi", "ls", "ge", "lt", "gt", "le"};
constexpr std::string_view kCarrySem[] = {"borrow", "noborrow"};
constexpr std::string_view kFlagsKind[] = {"sub", "add", "subresult", "addresult", "and"};
constexpr std::string_view kFlagsWidth[] = {"i32", "i64"};
constexpr std::string_view kFlagsConst[] = {"slot", "const"};
constexpr std::string_view kSigned[] = {"zext", "sext"};
constexpr std::string_view kOrder[] = {"plain", "acquire", "release", "acqrel", "seqcst"};
constexpr std::string_view kRmw[] = {"xchg", "add",  "and",  "or",   "xor",
                                     "mins", "maxs", "minu", "maxu", "andn"};
constexpr std::string_view kFence[] = {"full",       "acquire",  "release", "acqrel",
                                       "storestore", "loadload", "compiler"};
constexpr std::string_view kRound[] = {"rne", "rtz", "rdn", "rup", "rmm", "odd", "", "dyn"};
constexpr std::string_view kSem[] = {"riscv", "arm", "x86", "armdn"};
constexpr std::string_view kFlush[] = {"denormal", "flush"};
constexpr std::string_view kFlushHalf[] = {"denormal16", "flush16"};
constexpr std::string_view kHalf[] = {"ieee", "althalf"};
constexpr std::string_view kPart[] = {"low", "high"};
constexpr std::string_view kRounded[] = {"truncated", "rounded"};
constexpr std::string_view kSaturated[] = {"modulo", "saturated"};
constexpr std::string_view kOverflow[] = {"value", "overflow"};
constexpr std::string_view kSignY[] = {"unsigned-y", "signed-y"};
constexpr std::string_view kSignZ[] = {"unsigned-z", "signed-z"};
constexpr std::string_view kIntWidth[] = {"i32", "i64"};
constexpr std::string_view kFpCond[] = {"eq", "lt", "le", "un"};
constexpr std::string_view kSignaling[] = {"quiet", "signaling"};
constexpr std::string_view kUnsigned[] = {"signed", "unsigned"};
constexpr std::string_view kExact[] = {"inexact", "exact"};
constexpr std::string_view kNegProduct[] = {"posp", "negp"};
constexpr std::string_view kNegAddend[] = {"posz", "negz"};
constexpr std::string_view kUpper[] = {"exact", "loose"};
constexpr std::string_view kBackEdgeWord[] = {"forward", "backedge"};
constexpr std::string_view kSettledWord[] = {"watched", "settled"};
constexpr std::string_view kExpectedWord[] = {"any", "expected"};

const auto kReason = [] {
    std::array<std::string_view, static_cast<size_t>(ExitReason::Count_)> names;
    for (size_t i = 0; i < names.size(); ++i) names[i] = name(static_cast<ExitReason>(i));
    return names;
}();

constexpr Field kDivFields[] = {{0, 32, false, kDivSem}};
constexpr Field kIcmpFields[] = {{0, 32, false, kCond}};
constexpr Field kFlagsSubFields[] = {{0, 32, false, kCarrySem}};
constexpr Field kDeferFlagsFields[] = {{0, 3, false, kFlagsKind},  {3, 1, true, kCarrySem},
                                       {4, 1, false, kFlagsWidth}, {5, 1, true, kFlagsConst},
                                       {8, 8, false, {}, "flags"}, {16, 8, false, {}, "a"},
                                       {24, 8, true, {}, "b"}};
constexpr Field kFlagsTestFields[] = {{0, 32, false, kFlagCond}};
constexpr Field kMemFields[] = {{0, 1, true, kSigned}, {4, 4, true, kOrder}};
constexpr Field kRmwFields[] = {{8, 24, false, kRmw}, {0, 1, true, kSigned}, {4, 4, true, kOrder}};
constexpr Field kFenceFields[] = {{0, 32, false, kFence}};
/// The fields of every operation with FpSem, then `more`.
constexpr auto fp_fields(std::same_as<Field> auto... more) {
    return std::to_array<Field>({{0, 3, false, kRound}, {4, 2, false, kSem}, {6, 1, true, kFlush}, more...});
}
constexpr Field kHalfField{7, 1, true, kHalf}, kNegProductField{8, 1, true, kNegProduct};
constexpr auto kFpFields = fp_fields();
constexpr auto kFmaFields = fp_fields(kNegProductField, Field{9, 1, true, kNegAddend});
constexpr auto kFRoundFields = fp_fields(Field{8, 1, true, kExact});
constexpr auto kFRoundIntFields = fp_fields(Field{9, 1, true, kIntWidth});
constexpr auto kFixedFields = fp_fields(Field{8, 1, true, kUnsigned}, Field{9, 7, true, {}, "fraction"});
constexpr auto kFToFFields = fp_fields(kHalfField);
constexpr auto kVFWidenFields = fp_fields(kHalfField, Field{8, 1, true, kPart});
constexpr auto kVFmaWideFields =
    fp_fields(Field{7, 1, true, kFlushHalf}, kNegProductField, Field{10, 1, true, kPart});
constexpr Field kFCmpFields[] = {
    {0, 3, false, kFpCond}, {3, 1, true, kSignaling}, {4, 2, true, kSem}, {6, 1, true, kFlush}};
constexpr Field kPartFields[] = {{0, 1, true, kPart}};
constexpr Field kMulDblHiFields[] = {{1, 1, true, kRounded}};
constexpr Field kVShiftFields[] = {{1, 1, true, kRounded}, {2, 1, true, kSaturated}, {3, 1, true, kOverflow}};
constexpr Field kDotFields[] = {{1, 1, true, kSignY}, {2, 1, true, kSignZ}};
constexpr Field kSiteField{kSiteShift, 16, true, {}, "site"};
const Field kReasonFields[] = {{0, 16, false, kReason}, kSiteField};
constexpr Field kExtendFields[] = {{0, 1, true, kUpper}};
constexpr Field kJumpFields[] = {{0, 1, true, kBackEdgeWord}, kSiteField};
constexpr Field kMark{8, 8, true, {}, "mark"};
constexpr Field kExpectedFields[] = {
    {1, 1, true, kExpectedWord}, {2, 1, true, kSettledWord}, kMark, kSiteField};
constexpr Field kSiteFields[] = {kSiteField};

std::span<const Field> aux_fields(Op op) {
    switch (op) {
        case Op::DivS:
        case Op::DivU:
        case Op::RemS:
        case Op::RemU: return kDivFields;
        case Op::Icmp: return kIcmpFields;
        case Op::Zext:
        case Op::Sext: return kExtendFields;
        case Op::FlagsSub: return kFlagsSubFields;
        case Op::FlagsTest: return kFlagsTestFields;
        case Op::DeferFlags: return kDeferFlagsFields;
        case Op::Load:
        case Op::Store:
        case Op::AtomicCas:
        case Op::LoadReserve:
        case Op::StoreCond: return kMemFields;
        case Op::AtomicRmw: return kRmwFields;
        case Op::Fence: return kFenceFields;
        case Op::Fma:
        case Op::VFma: return kFmaFields;
        case Op::FRound:
        case Op::VFRound: return kFRoundFields;
        case Op::FRoundInt: return kFRoundIntFields;
        case Op::FToInt:
        case Op::IntToF:
        case Op::VFToInt:
        case Op::VIntToF: return kFixedFields;
        case Op::FToF:
        case Op::VFNarrow: return kFToFFields;
        case Op::VFWiden: return kVFWidenFields;
        case Op::VFmaWide: return kVFmaWideFields;
        case Op::FCmp:
        case Op::FlagsFCmp:
        case Op::VFCmp: return kFCmpFields;
        case Op::VMulWideS:
        case Op::VMulWideU:
        case Op::VClmulWide:
        case Op::VWidenS:
        case Op::VWidenU: return kPartFields;
        case Op::VMulDblHi: return kMulDblHiFields;
        case Op::VShiftS:
        case Op::VShiftU: return kVShiftFields;
        case Op::VDot:
        case Op::VMatMul: return kDotFields;
        case Op::ExitIf:
        case Op::Goto: return kJumpFields;
        case Op::Call:
        case Op::JumpInd: return kSiteFields;
        case Op::CallInd:
        case Op::Ret: return kExpectedFields;
        case Op::TrapIf:
        case Op::Exit: return kReasonFields;
        default: break;
    }
    return info(op).effects & kEffectFP ? std::span<const Field>(kFpFields) : std::span<const Field>();
}

u32 field_mask(const Field& f) { return f.bits == 32 ? ~u32{0} : ((u32{1} << f.bits) - 1) << f.shift; }

/// How `imm` is written: not at all when 0, always, as a signed number, or as a state slot.
enum class ImmStyle { Optional, Always, Signed, Slot };

ImmStyle imm_style(Op op) {
    switch (op) {
        case Op::GetState:
        case Op::SetState: return ImmStyle::Slot;
        case Op::Load:
        case Op::Store:
        case Op::HostBase:
        case Op::DeferFlags: return ImmStyle::Signed;
        case Op::Const:
        case Op::Const128:
        case Op::GuestAddr:
        case Op::Insn:
        case Op::Icount:
        case Op::ExitIf:
        case Op::Goto:
        case Op::Call:
        case Op::Exit:
        case Op::VShlImm:
        case Op::VLshrImm:
        case Op::VAshrImm:
        case Op::VInsert:
        case Op::VExtract:
        case Op::VDup:
        case Op::VExt: return ImmStyle::Always;
        default: return ImmStyle::Optional;
    }
}

/// Writes one line; keeps track of whether the next item needs a separator.
class Line {
  public:
    explicit Line(std::string& out) : out_(out) {}
    template <class... A>
    void item(fmt::format_string<A...> f, A&&... a) {
        out_ += first_ ? " " : ", ";
        first_ = false;
        fmt::format_to(std::back_inserter(out_), f, std::forward<A>(a)...);
    }

  private:
    std::string& out_;
    bool first_ = true;
};

void print_imm(Line& line, const Inst& in, const StateLayout& layout) {
    switch (imm_style(in.op)) {
        case ImmStyle::Slot:
            if (in.imm < layout.slots.size())
                line.item("${}", layout.slots[in.imm].name);
            else
                line.item("{:#x}", in.imm);
            return;
        case ImmStyle::Signed:
            if (in.imm != 0) line.item("{}", static_cast<i64>(in.imm));
            return;
        case ImmStyle::Always: line.item("{:#x}", in.imm); return;
        case ImmStyle::Optional:
            if (in.imm != 0) line.item("{:#x}", in.imm);
            return;
    }
}

void print_aux(Line& line, const Inst& in) {
    const auto fields = aux_fields(in.op);
    u32 covered = 0;
    bool spelled = true;
    for (const Field& f : fields) {
        const u32 v = (in.aux & field_mask(f)) >> f.shift;
        covered |= field_mask(f);
        spelled &= !f.key.empty() || (v < f.words.size() && !f.words[v].empty());
    }
    if (!spelled || (in.aux & ~covered) != 0) {
        if (in.op == Op::Insn)
            line.item("len={}", in.aux);
        else
            line.item("aux={:#x}", in.aux);
        return;
    }
    for (const Field& f : fields) {
        const u32 v = (in.aux & field_mask(f)) >> f.shift;
        if (v == 0 && f.quiet) continue;
        if (f.key.empty())
            line.item("{}", f.words[v]);
        else
            line.item("{}={}", f.key, v);
    }
}

void print_to(std::string& out, const Inst& in, Value self, const StateLayout& layout) {
    const OpInfo& op = info(in.op);
    if (op.result != 'V') fmt::format_to(std::back_inserter(out), "%{} = ", self);
    out += op.text;
    if (op.result != 'V') {
        out += ' ';
        out += name(in.type);
    }
    Line line(out);
    if (imm_style(in.op) == ImmStyle::Slot) print_imm(line, in, layout);
    for (unsigned i = 0; i < op.nargs; ++i) line.item("%{}", in.args[i]);
    if (imm_style(in.op) != ImmStyle::Slot) print_imm(line, in, layout);
    if (in.op == Op::Const128) line.item("hi={:#x}", u64{in.args[1]} << 32 | in.args[0]);
    if (in.mtype != Type::Void) line.item("mem={}", name(in.mtype));
    print_aux(line, in);
}

// --- parsing

bool parse_number(std::string_view s, u64* out) {
    const bool negative = s.starts_with('-');
    if (negative) s.remove_prefix(1);
    const bool hex = s.starts_with("0x");
    if (hex) s.remove_prefix(2);
    u64 v = 0;
    const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), v, hex ? 16 : 10);
    if (error != std::errc() || end != s.data() + s.size()) return false;
    *out = negative ? 0 - v : v;
    return true;
}

/// Next word of `line`; separators are blanks and commas.
std::string_view next_word(std::string_view& line) {
    const auto begin = line.find_first_not_of(" \t,\r");
    if (begin == line.npos) return line = {};
    line.remove_prefix(begin);
    const std::string_view word = line.substr(0, line.find_first_of(" \t,\r"));
    line.remove_prefix(word.size());
    return word;
}

class Parser {
  public:
    explicit Parser(const StateLayout& layout) : layout_(layout) {}

    Result<Block> parse(std::string_view text) {
        while (!text.empty()) {
            const auto end = text.find('\n');
            std::string_view line = text.substr(0, end);
            text = end == text.npos ? std::string_view() : text.substr(end + 1);
            ++line_;
            line = line.substr(0, line.find_first_of(";#"));
            const std::string_view first = next_word(line);
            if (first.empty()) continue;
            const bool ok = first == "block" ? header(line) : instruction(first, line);
            if (!ok)
                return fail(ErrorKind::InvalidArgument, fmt::format("IR text line {}: {}", line_, error_));
        }
        return std::move(block_);
    }

  private:
    template <class... A>
    bool wrong(fmt::format_string<A...> f, A&&... a) {
        error_ = fmt::format(f, std::forward<A>(a)...);
        return false;
    }

    bool header(std::string_view line) {
        for (auto w = next_word(line); !w.empty(); w = next_word(line)) {
            u64 v = 0, end = 0;
            const auto eq = w.find('='), dash = w.find('-');
            const std::string_view key = eq == w.npos ? std::string_view() : w.substr(0, eq);
            const std::string_view value = eq == w.npos ? w : w.substr(eq + 1);
            if (key == "code") {
                if (dash == w.npos || !parse_number(w.substr(eq + 1, dash - eq - 1), &v) ||
                    !parse_number(w.substr(dash + 1), &end))
                    return wrong("expected code=BEGIN-END, found '{}'", w);
                block_.ranges.emplace_back(v, end);
                continue;
            }
            if (!parse_number(value, &v)) return wrong("expected a number, found '{}'", w);
            if (key.empty())
                block_.start_pc = v;
            else if (key == "bytes")
                block_.guest_bytes = static_cast<u32>(v);
            else if (key == "insns")
                block_.guest_insns = static_cast<u32>(v);
            else
                return wrong("expected bytes=, insns= or code=, found '{}'", w);
        }
        return true;
    }

    bool instruction(std::string_view word, std::string_view line) {
        in_ = Inst{};
        nargs_ = 0;
        u64 label = 0;
        const bool labelled = word.starts_with('%');
        if (labelled) {
            if (!parse_number(word.substr(1), &label)) return wrong("expected %NUMBER, found '{}'", word);
            if (labels_.contains(label)) return wrong("%{} is defined twice", label);
            if (next_word(line) != "=") return wrong("expected '=' after %{}", label);
            word = next_word(line);
        }
        if (!op_of(word)) return wrong("expected an operation, found '{}'", word);
        const OpInfo& op = info(in_.op);
        if (labelled && op.result == 'V') return wrong("'{}' has no result", op.text);
        if (!labelled && op.result != 'V') return wrong("expected '%N =' before '{}'", op.text);
        if (op.result != 'V') {
            const auto t = next_word(line);
            if (!type_of(t, &in_.type)) return wrong("expected the result type, found '{}'", t);
        }
        for (auto w = next_word(line); !w.empty(); w = next_word(line))
            if (!operand(w)) return false;
        if (nargs_ != op.nargs)
            return wrong("expected {} operands of '{}', found {}", op.nargs, op.text, nargs_);
        if (labelled) labels_[label] = static_cast<Value>(block_.insts.size());
        block_.insts.push_back(in_);
        return true;
    }

    bool op_of(std::string_view word) {
        for (u16 i = 0; i < static_cast<u16>(Op::Count_); ++i) {
            if (info(static_cast<Op>(i)).text != word) continue;
            in_.op = static_cast<Op>(i);
            if (in_.op == Op::Const128) in_.args = {0, 0, kNone};
            return true;
        }
        return false;
    }

    static bool type_of(std::string_view word, Type* out) {
        for (unsigned i = 0; i <= static_cast<unsigned>(Type::Flags); ++i) {
            if (name(static_cast<Type>(i)) != word) continue;
            *out = static_cast<Type>(i);
            return true;
        }
        return false;
    }

    bool operand(std::string_view w) {
        u64 v = 0;
        if (w[0] == '%') {
            if (!parse_number(w.substr(1), &v)) return wrong("expected %NUMBER, found '{}'", w);
            const auto found = labels_.find(v);
            if (found == labels_.end()) return wrong("%{} is not defined before its use", v);
            if (nargs_ == info(in_.op).nargs) return wrong("too many operands for '{}'", info(in_.op).text);
            in_.args[nargs_++] = found->second;
            return true;
        }
        if (w[0] == '$') return slot(w.substr(1));
        if (parse_number(w, &in_.imm)) return true;
        if (const auto eq = w.find('='); eq != w.npos) return attribute(w.substr(0, eq), w.substr(eq + 1));
        for (const Field& f : aux_fields(in_.op))
            for (u32 i = 0; i < f.words.size(); ++i)
                if (f.words[i] == w) {
                    in_.aux = (in_.aux & ~field_mask(f)) | i << f.shift;
                    return true;
                }
        return wrong("'{}' means nothing to '{}'", w, info(in_.op).text);
    }

    bool slot(std::string_view wanted) {
        for (size_t i = 0; i < layout_.slots.size(); ++i)
            if (layout_.slots[i].name == wanted) {
                in_.imm = i;
                return true;
            }
        return wrong("expected a state slot, found '${}'", wanted);
    }

    bool attribute(std::string_view key, std::string_view value) {
        if (key == "mem") return type_of(value, &in_.mtype) || wrong("expected a type, found '{}'", value);
        u64 v = 0;
        if (!parse_number(value, &v)) return wrong("expected {}=NUMBER, found '{}'", key, value);
        for (const Field& f : aux_fields(in_.op))
            if (!key.empty() && f.key == key && v <= field_mask(f) >> f.shift) {
                in_.aux = (in_.aux & ~field_mask(f)) | static_cast<u32>(v) << f.shift;
                return true;
            }
        if (key == "aux" || key == "len")
            in_.aux = static_cast<u32>(v);
        else if (key == "hi")
            in_.args = {static_cast<u32>(v), static_cast<u32>(v >> 32), kNone};
        else
            return wrong("expected mem=, aux=, len= or hi=, found '{}='", key);
        return true;
    }

    const StateLayout& layout_;
    Block block_;
    Inst in_;
    unsigned nargs_ = 0, line_ = 0;
    std::unordered_map<u64, Value> labels_;
    std::string error_;
};

}  // namespace

std::string print(const Inst& inst, Value self, const StateLayout& layout) {
    std::string out;
    print_to(out, inst, self, layout);
    return out;
}

std::string print(const Block& block, const StateLayout& layout) {
    std::string out =
        fmt::format("block {:#x} bytes={} insns={}", block.start_pc, block.guest_bytes, block.guest_insns);
    for (const auto& [begin, end] : block.ranges)
        fmt::format_to(std::back_inserter(out), " code={:#x}-{:#x}", begin, end);
    out += '\n';
    for (Value v = 0; v < block.insts.size(); ++v) {
        out += block.insts[v].op == Op::Insn ? "" : "  ";
        print_to(out, block.insts[v], v, layout);
        out += '\n';
    }
    return out;
}

Result<Block> parse(std::string_view text, const StateLayout& layout) { return Parser(layout).parse(text); }

}  // namespace vm::ir
