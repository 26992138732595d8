#include "jit/side_table.h"

namespace vm::jit {
namespace {

void put(std::vector<u8>& out, u64 v) {
    for (; v >= 0x80; v >>= 7) out.push_back(static_cast<u8>(v | 0x80));
    out.push_back(static_cast<u8>(v));
}
u64 get(std::span<const u8> in, u64& at) {
    u64 v = 0;
    for (unsigned shift = 0; at < in.size() && shift < 64; shift += 7) {
        const u8 b = in[at++];
        v |= u64{b & 0x7fu} << shift;
        if (!(b & 0x80)) break;
    }
    return v;
}
constexpr u64 zigzag(u64 v) { return v << 1 ^ static_cast<u64>(static_cast<i64>(v) >> 63); }
constexpr u64 unzigzag(u64 v) { return v >> 1 ^ (~(v & 1) + 1); }

}  // namespace

void encode_side_table(std::span<const backend::SideEntry> entries, u64 start_pc, std::vector<u8>& out) {
    u32 offset = 0;
    u64 pc = start_pc;
    for (const backend::SideEntry& e : entries) {
        put(out, e.host_offset - offset);
        put(out, zigzag(e.guest_pc - pc));
        offset = e.host_offset;
        pc = e.guest_pc;
    }
}

u64 side_table_pc(std::span<const u8> encoded, u64 start_pc, u32 host_offset) {
    u32 offset = 0;
    u64 pc = start_pc;
    for (u64 at = 0; at < encoded.size();) {
        offset += static_cast<u32>(get(encoded, at));
        if (offset > host_offset) break;
        pc += unzigzag(get(encoded, at));
    }
    return pc;
}

}  // namespace vm::jit
