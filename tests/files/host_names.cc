#include "host_names.h"

#include <cctype>
#include <cstdlib>

#include "backend/x86_64/convention.h"
#include "base/format.h"

namespace vm::test {
namespace {

using backend::VcpuState;
namespace x64 = backend::x86_64;

constexpr const char* kNames64[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

/// Name of the low 32, 16 or 8 bits.
std::string part(unsigned reg, unsigned bits) {
    const std::string name = kNames64[reg];
    if (reg >= 8) return name + (bits == 32 ? "d" : bits == 16 ? "w" : "b");
    const std::string tail = name.substr(1);
    if (bits == 32) return "e" + tail;
    if (bits == 16) return tail;
    return reg < 4 ? tail.substr(0, 1) + "l" : tail + "l";
}

bool word_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

}  // namespace

HostNames::HostNames(const ir::StateLayout& layout) {
    const x64::PinMap pins(layout);
    for (unsigned r = 0; r < x64::kHostRegs; r++) {
        if (pins.slot_of[r] < 0) continue;
        const std::string guest = "$" + layout.slots[static_cast<u16>(pins.slot_of[r])].name;
        if (r >= x64::kXmm0) {
            register_names_[fmt::format("xmm{}", r - x64::kXmm0)] = guest;
            continue;
        }
        register_names_[kNames64[r]] = guest;
        for (unsigned bits : {32u, 16u, 8u})
            register_names_[part(r, bits)] = fmt::format("{}.{}", guest, bits);
    }
#define FIELD(f) fields_[offsetof(VcpuState, f)] = #f
    FIELD(self), FIELD(pc), FIELD(safepoint_request), FIELD(in_guest), FIELD(exit_reason), FIELD(exit_value);
    FIELD(exit_site), FIELD(host_sp), FIELD(return_sp), FIELD(return_top), FIELD(guest_mxcsr),
        FIELD(host_mxcsr);
    FIELD(fp.flags), FIELD(fp.rounding), FIELD(fp.input_denormal), FIELD(reservation.addr),
        FIELD(reservation.value), FIELD(reservation.size);
    FIELD(icount), FIELD(helpers), FIELD(owner), FIELD(scratch), FIELD(wide), FIELD(consts),
        FIELD(vec_consts), FIELD(kept), FIELD(spill), FIELD(lookup);
#undef FIELD
    for (const ir::StateSlot& s : layout.slots)
        fields_[static_cast<long>(offsetof(VcpuState, guest)) + s.offset] = "$" + s.name;
}

std::string HostNames::state_field(long offset) const {
    auto it = fields_.upper_bound(offset);
    if (it == fields_.begin()) return fmt::format("{:#x}", offset);
    --it;
    return it->first == offset ? it->second : fmt::format("{}+{:#x}", it->second, offset - it->first);
}

std::string HostNames::registers(const std::string& text) const {
    std::string out;
    for (size_t at = 0; at < text.size();) {
        size_t end = at;
        while (end < text.size() && word_char(text[end])) end++;
        if (end == at) {
            out += text[at++];
            continue;
        }
        const std::string word = text.substr(at, end - at);
        const auto it = register_names_.find(word);
        out += it == register_names_.end() ? word : it->second;
        at = end;
    }
    return out;
}

/// `rbp - 0x10`, `rcx*8 + 0x12c0` behind gs: the constant is an offset in the state, the rest stays.
std::string HostNames::memory_operand(const std::string& inside, bool gs) const {
    long offset = gs ? 0 : x64::kStateBias;
    std::string rest;
    bool state = gs;
    char sign = '+';
    for (size_t at = 0; at < inside.size();) {
        const auto end = inside.find(' ', at);
        const std::string word = inside.substr(at, end - at);
        at = end == inside.npos ? inside.size() : end + 1;
        if (word == "+" || word == "-") {
            sign = word[0];
        } else if (word == "rbp" && !gs) {
            state = true;
        } else if (std::isdigit(static_cast<unsigned char>(word[0])) != 0) {
            const long v = std::strtol(word.c_str(), nullptr, 0);
            offset += sign == '-' ? -v : v;
        } else {
            rest += registers(word) + " + ";
        }
    }
    return state ? "state[" + rest + state_field(offset) + "]" : std::string();
}

std::string HostNames::rename(const std::string& operands) const {
    const auto open = operands.find('['), close = operands.find(']');
    if (open == operands.npos || close == operands.npos) return registers(operands);
    const bool gs = open >= 3 && operands.compare(open - 3, 3, "gs:") == 0;
    const std::string inside = operands.substr(open + 1, close - open - 1);
    std::string memory = memory_operand(inside, gs);
    if (memory.empty()) memory = "[" + registers(inside) + "]";
    return registers(operands.substr(0, gs ? open - 3 : open)) + memory +
           registers(operands.substr(close + 1));
}

}  // namespace vm::test
