// --dump: guest code, IR before and after the passes, and host code of every new translation, on stderr.
#include <algorithm>
#include <cstdio>

#include "base/format.h"
#include "ir/text.h"
#include "jit/host_disassembler.h"
#include "jit/jit.h"
#include "jit/observer.h"
#include "jit/side_table.h"

namespace vm::jit {
namespace {

std::string hex_bytes(std::span<const u8> bytes) {
    std::string s;
    for (const u8 b : bytes) s += fmt::format("{:02x}", b);
    return s;
}

/// One line an instruction, with the guest PC it belongs to where that changes.
std::string host_text(const Translation& t, const u8* code) {
    std::string out;
    u64 last_pc = ~u64{0};
    HostDisassembler disassembler;
    for (u32 at = 0, length = 1; at < t.code_size; at += length) {
        const u64 pc = side_table_pc(t.side, t.pc, at);
        if (pc != last_pc) out += fmt::format("  ; guest {:#x}\n", pc);
        last_pc = pc;
        const u8* p = code + at;
        const std::string text = disassembler.next(p, t.code_size - at, reinterpret_cast<u64>(p), &length);
        out += fmt::format("    {:p}  {:<24} {}\n", fmt::ptr(p), hex_bytes({p, length}), text);
    }
    return out;
}

class Dumper : public Observer {
  public:
    Dumper(const frontend::GuestIsa& isa, const Options& options) : isa_(isa), options_(options) {}

    void installed(const Translation& t, const u8* code, const ir::Block& decoded,
                   const ir::Block& optimized) override {
        if (options_.dump_addr != 0 && !covers(t, options_.dump_addr)) return;
        std::string out = fmt::format("translation {:#x} mode {}: {} guest instructions, {} host bytes\n",
                                      t.pc, t.mode, t.guest_insns, t.code_size);
        if (options_.dump_guest) out += "guest:\n" + guest_text(t);
        if (options_.dump_ir) {
            out += "ir:\n" + ir::print(decoded, *isa_.layout);
            out += "ir after passes:\n" + ir::print(optimized, *isa_.layout);
        }
        if (options_.dump_host) out += "host:\n" + host_text(t, code);
        std::fwrite(out.data(), 1, out.size(), stderr);
    }

    void moved(const Translation&, const Translation&, const u8*) override {}
    void removed(const Translation&, const u8*) override {}

  private:
    static bool covers(const Translation& t, u64 pc) {
        for (const GuestRange& r : t.ranges)
            if (pc >= r.begin && pc < r.end) return true;
        return false;
    }

    std::string guest_text(const Translation& t) const {
        std::string out;
        u64 at = 0;
        for (const GuestRange& r : t.ranges) {
            for (u64 pc = r.begin; pc < r.end;) {
                unsigned length = 1;
                const u8* code = t.guest_bytes.data() + at;
                const std::string text = isa_.disassemble(pc, code, r.end - pc, &length);
                out += fmt::format("    {:#x}  {:<10} {}\n", pc, hex_bytes({code, length}), text);
                pc += length;
                at += length;
            }
        }
        return out;
    }

    const frontend::GuestIsa& isa_;
    const Options& options_;
};

}  // namespace

Result<std::unique_ptr<Observer>> make_dumper(const frontend::GuestIsa& isa, const Options& options) {
    return std::make_unique<Dumper>(isa, options);
}

}  // namespace vm::jit
