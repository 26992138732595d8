// Texts of the operands of Advanced SIMD floating point and of loads and stores of structures.
#include "frontend/arm64/text/text.h"

namespace vm::frontend::arm64::text {
namespace {

u64 index(const Decoded& d) { return static_cast<u64>(d.imm); }

/// A vector of some lanes, however many: v3.2h.
void put_lanes(std::string& out, unsigned r, unsigned lanes, char letter) {
    out += fmt::format("v{}.{}{}", r, lanes, letter);
}

/// {v1.4s}, {v1.4s, v2.4s}, {v1.4s-v4.4s}: `amount` registers from rt on. Beyond v31 one by one.
void put_registers(std::string& out, const Decoded& d, std::string_view arrangement) {
    const auto name = [&](unsigned n) { return fmt::format("v{}{}", (d.rt + n) % 32, arrangement); };
    out += fmt::format("{{{}", name(0));
    if (d.amount > 2 && d.rt + d.amount <= 32) {
        out += fmt::format("-{}", name(d.amount - 1u));
    } else {
        for (unsigned n = 1; n < d.amount; ++n) out += fmt::format(", {}", name(n));
    }
    out += '}';
}

void put_post_index(std::string& out, const Decoded& d, unsigned bytes) {
    if (d.rm == 31)
        put_number(out, bytes);
    else
        put_general(out, 1, d.rm);
}

}  // namespace

// --- elements of Rm, and registers whose arrangement is not that of size and q
void put_Vme_f(std::string& out, const Decoded& d, u64) { put_element(out, d.rm, d.size, index(d)); }
void put_Vmeh_f(std::string& out, const Decoded& d, u64) { put_element(out, d.rm, 1, index(d)); }
void put_Vme2h_f(std::string& out, const Decoded& d, u64) {
    out += fmt::format("v{}.2h[{}]", d.rm, index(d));
}
void put_Vme4b_f(std::string& out, const Decoded& d, u64) {
    out += fmt::format("v{}.4b[{}]", d.rm, index(d));
}
void put_Vnpair_f(std::string& out, const Decoded& d, u64) { put_lanes(out, d.rn, 2, "bhsd"[d.size & 3]); }
void put_Vnh_f(std::string& out, const Decoded& d, u64) { put_lanes(out, d.rn, 4u << d.q, 'h'); }
void put_Vmh_f(std::string& out, const Decoded& d, u64) { put_lanes(out, d.rm, 4u << d.q, 'h'); }
void put_Vn2h_f(std::string& out, const Decoded& d, u64) { put_lanes(out, d.rn, 2u << d.q, 'h'); }
void put_Vm2h_f(std::string& out, const Decoded& d, u64) { put_lanes(out, d.rm, 2u << d.q, 'h'); }

// --- immediates
void put_fbits_f(std::string& out, const Decoded& d, u64) { put_number(out, (8 << d.size) - d.amount); }
void put_turn_f(std::string& out, const Decoded& d, u64) { put_number(out, d.opt ? 270 : 90); }
void put_rotation_f(std::string& out, const Decoded& d, u64) { put_number(out, 90 * d.opt); }

// --- structures
void put_n_f(std::string& out, const Decoded& d, u64) { out += fmt::format("{}", d.amount); }
void put_list_f(std::string& out, const Decoded& d, u64) {
    put_registers(out, d, fmt::format(".{}{}", (8u << d.q) >> d.size, "bhsd"[d.size & 3]));
}
void put_lanes_f(std::string& out, const Decoded& d, u64) {
    put_registers(out, d, fmt::format(".{}", "bhsd"[d.size & 3]));
    out += fmt::format("[{}]", index(d));
}
void put_post_f(std::string& out, const Decoded& d, u64) { put_post_index(out, d, d.amount * (8u << d.q)); }
/// Of a single structure.
void put_post1_f(std::string& out, const Decoded& d, u64) { put_post_index(out, d, u32{d.amount} << d.size); }

}  // namespace vm::frontend::arm64::text
