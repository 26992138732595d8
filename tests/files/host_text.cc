#include "host_text.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>

#include "backend/helpers.h"
#include "base/format.h"
#include "host_names.h"
#include "jit/host_disassembler.h"

namespace vm::test {
namespace {

using backend::Stub;

struct Line {
    u32 at, length;
    std::string text;
};

std::vector<Line> disassemble(const std::vector<u8>& code) {
    std::vector<Line> out;
    jit::HostDisassembler d;
    for (u32 at = 0, length = 1; at < code.size(); at += length) {
        std::string text = d.next(&code[at], code.size() - at, at, &length);
        while (text.ends_with(' ')) text.pop_back();
        out.push_back({at, length, std::move(text)});
    }
    return out;
}

/// Target of a direct jump or call.
bool jump_target(const std::string& text, u32* target) {
    const auto space = text.find(' ');
    if (space == text.npos || (text[0] != 'j' && !text.starts_with("call "))) return false;
    char* end = nullptr;
    const unsigned long long v = std::strtoull(text.c_str() + space + 1, &end, 0);
    if (*end != 0 || end == text.c_str() + space + 1) return false;
    *target = static_cast<u32>(v);
    return true;
}

std::string stub_name(u32 target) {
    static const std::map<Stub, const char*> names{
        {Stub::ExitLink, "ExitLink"},         {Stub::ExitReason, "ExitReason"},
        {Stub::IndirectMiss, "IndirectMiss"}, {Stub::Safepoint, "Safepoint"},
        {Stub::ReturnMiss, "ReturnMiss"},     {Stub::KeepingWideOp, "KeepingWideOp"}};
    static const std::map<backend::HelperId, const char*> helpers{
        {backend::HelperId::LookupIndirect, "LookupIndirect"},
        {backend::HelperId::ReadTime, "ReadTime"},
        {backend::HelperId::SoftFp, "SoftFp"},
        {backend::HelperId::IntOp, "IntOp"}};
    const auto s = static_cast<Stub>(target);
    if (const auto it = names.find(s); it != names.end()) return it->second;
    const u32 canon64 = static_cast<u32>(Stub::CanonF64), canon32 = static_cast<u32>(Stub::CanonF32),
              helper = static_cast<u32>(Stub::Helper0);
    if (target >= helper) {
        const auto it = helpers.find(static_cast<backend::HelperId>(target - helper));
        return it == helpers.end() ? fmt::format("Helper{}", target - helper)
                                   : std::string("Helper ") + it->second;
    }
    if (target >= canon32) return fmt::format("CanonF32 xmm{}", target - canon32);
    return fmt::format("CanonF64 xmm{}", target - canon64);
}

/// The description of an operation for C++, by name instead of by number.
std::string named_operation(const std::string& text) {
    static const std::string kPrefix = "mov qword ptr state[scratch], 0x";
    if (!text.starts_with(kPrefix)) return text;
    const unsigned long code = std::strtoul(text.c_str() + kPrefix.size(), nullptr, 16);
    const auto type = [&](unsigned shift) { return ir::name(static_cast<ir::Type>(code >> shift & 15)); };
    if ((code & 0xff) >= static_cast<unsigned long>(ir::Op::Count_)) return text;
    return fmt::format("mov qword ptr state[scratch], {} {} of {}, {:#x}",
                       ir::info(static_cast<ir::Op>(code & 0xff)).text, type(8), type(12), code >> 16);
}

class Printer {
  public:
    Printer(const backend::CompiledBlock& block, const ir::StateLayout& layout,
            const std::function<std::string(u64)>& guest)
        : block_(block), guest_(guest), names_(layout), lines_(disassemble(block.code)) {}

    std::string run() {
        number_labels();
        size_t side = 0;
        for (const Line& line : lines_) {
            // An instruction that made no code has no text of its own.
            for (; side < block_.side.size() && block_.side[side].host_offset <= line.at; side++)
                if (side + 1 == block_.side.size() || block_.side[side + 1].host_offset > line.at)
                    out_ += fmt::format("; {:x} {}\n", block_.side[side].guest_pc,
                                        guest_(block_.side[side].guest_pc));
            if (line.at == block_.entry_offset) out_ += "entry:\n";
            if (const auto l = labels_.find(line.at); l != labels_.end())
                out_ += fmt::format("L{}:\n", l->second);
            instruction(line);
        }
        return out_;
    }

  private:
    /// Fields that the jit fills in are not jumps inside the block, but links start out with a jump to their
    /// stub.
    void number_labels() {
        for (const Line& line : lines_) {
            u32 target = 0;
            if (jump_target(line.text, &target) && relocation(line) == nullptr &&
                target != block_.entry_offset)
                labels_[target] = 0;
        }
        u32 n = 0;
        for (auto& [at, number] : labels_) number = ++n;
    }

    const backend::Relocation* relocation(const Line& l) const {
        const auto it = std::ranges::find_if(
            block_.relocations, [&](const auto& r) { return r.offset > l.at && r.offset < l.at + l.length; });
        return it == block_.relocations.end() ? nullptr : &*it;
    }
    const backend::LinkSite* link(const Line& l) const {
        const auto it = std::ranges::find_if(block_.links, [&](const auto& s) {
            return s.disp_offset > l.at && s.disp_offset < l.at + l.length;
        });
        return it == block_.links.end() ? nullptr : &*it;
    }

    void instruction(const Line& line) {
        std::string text = line.text, comment;
        u32 target = 0;
        const std::string mnemonic = text.substr(0, text.find(' '));
        const auto* r = relocation(line);
        if (r != nullptr && r->kind == backend::Relocation::Kind::StubRel32) {
            text = mnemonic + " " + stub_name(r->target);
        } else if (jump_target(text, &target)) {
            text =
                mnemonic + " " +
                (target == block_.entry_offset ? std::string("entry") : fmt::format("L{}", labels_[target]));
        } else if (text.size() > mnemonic.size()) {
            text = named_operation(mnemonic + " " + names_.rename(text.substr(mnemonic.size() + 1)));
        }
        if (r != nullptr && r->kind != backend::Relocation::Kind::StubRel32)
            comment = fmt::format("guest address {:x}", r->value);
        if (const auto* s = link(line))
            comment = fmt::format("links to {:x}{}{}", s->target_pc, s->is_call ? ", call" : "",
                                  s->is_return_landing ? ", landing" : "");
        out_ +=
            comment.empty() ? fmt::format("    {}\n", text) : fmt::format("    {:<40} ; {}\n", text, comment);
    }

    const backend::CompiledBlock& block_;
    const std::function<std::string(u64)>& guest_;
    HostNames names_;
    std::vector<Line> lines_;
    std::map<u32, u32> labels_;
    std::string out_;
};

}  // namespace

bool can_disassemble() {
    const u8 nop = 0x90;
    u32 length = 0;
    return jit::HostDisassembler().next(&nop, 1, 0, &length) != ".byte";
}

std::string host_text(const backend::CompiledBlock& block, const ir::StateLayout& layout,
                      const std::function<std::string(u64)>& guest) {
    return Printer(block, layout, guest).run();
}

}  // namespace vm::test
