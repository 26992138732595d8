// What `monitor` does with a machine.
#include <charconv>
#include <chrono>
#include <thread>

#include "base/format.h"
#include "debug/machine.h"

namespace vm::debug {
namespace {

std::optional<u64> parse_address(std::string_view text) {
    if (text.starts_with("0x")) text.remove_prefix(2);
    u64 v = 0;
    const auto r = std::from_chars(text.data(), text.data() + text.size(), v, 16);
    if (text.empty() || r.ec != std::errc() || r.ptr != text.data() + text.size()) return std::nullopt;
    return v;
}

/// Walks page tables for a list of what is mapped. Manual, volume II, "Sv39", "Sv48", "Sv57".
class PageTables {
  public:
    explicit PageTables(const mem::GuestRam& ram) : ram_(ram) {}
    std::string list(u64 satp) {
        const unsigned mode = static_cast<unsigned>(satp >> 60);
        constexpr unsigned kSv39 = 8, kSv57 = 10;
        if (mode < kSv39 || mode > kSv57) return "no translation\n";
        constexpr u64 kPpnMask = (u64{1} << 44) - 1;
        top_ = 38 + 9 * (mode - kSv39);
        walk((satp & kPpnMask) << 12, mode - kSv39 + 2, 0);
        flush();
        if (left_out_ != 0) out_ += fmt::format("and {} more\n", left_out_);
        return out_;
    }

  private:
    static constexpr u64 kV = 1, kLeaf = 2 | 8, kFlags = 0xff, kMostLines = 2000;
    void walk(u64 table, unsigned level, u64 base) {
        for (u64 n = 0; n < 512; n++) {
            u64 pte = 0;
            if (!ram_.read(table + 8 * n, &pte, sizeof pte) || !(pte & kV)) continue;
            const unsigned shift = 12 + 9 * level;
            const u64 at = base | n << shift;
            const u64 physical = (pte >> 10 & ((u64{1} << 44) - 1)) << 12;
            if (pte & kLeaf)
                add(at, u64{1} << shift, physical, pte & kFlags);
            else if (level != 0)
                walk(physical, level - 1, at);
        }
    }
    void add(u64 at, u64 size, u64 physical, u64 flags) {
        if (size_ != 0 && at == begin_ + size_ && physical == physical_ + size_ && flags == flags_) {
            size_ += size;
            return;
        }
        flush();
        begin_ = at, size_ = size, physical_ = physical, flags_ = flags;
    }
    void flush() {
        if (size_ == 0) return;
        if (lines_++ >= kMostLines) {
            left_out_++;
            return;
        }
        std::string flags = "rwxugad";
        for (unsigned n = 0; n < flags.size(); n++)
            if (!(flags_ >> (n + 1) & 1)) flags[n] = '-';
        out_ += fmt::format("{:016x} {:016x} {:>12x} {}\n", extended(begin_), physical_, size_, flags);
    }
    /// Addresses have bits 63 to 38, 47 or 56 alike.
    u64 extended(u64 address) const { return address >> top_ & 1 ? address | ~u64{0} << top_ : address; }
    const mem::GuestRam& ram_;
    unsigned top_ = 0;
    std::string out_;
    u64 begin_ = 0, size_ = 0, physical_ = 0, flags_ = 0, lines_ = 0, left_out_ = 0;
};

}  // namespace

std::vector<Command> Machine::commands() const {
    return {{"info registers", "all registers of the chosen hart, with CSRs"},
            {"info harts", "where each hart is"},
            {"info mem", "what is mapped: virtual address, physical address, size, flags (hexadecimal)"},
            {"info devices", "what lies where in the physical address space"},
            {"translate ADDRESS", "the physical address of a virtual one"},
            {"phys on|off", "memory is read and written by physical address (off)"},
            {"interrupts on|off", "a hart that is stepped takes interrupts (off)"},
            {"reset", "the machine begins anew and stands at its first instruction"},
            {"quit", "ends the machine"}};
}

std::optional<std::string> Machine::command(u64 thread, std::span<const std::string> words) {
    const std::string& word = words[0];
    const std::string argument = words.size() == 2 ? words[1] : "";
    const bool on = argument == "on", on_off = on || argument == "off";
    if (word == "quit" && words.size() == 1) return kill(), "the machine ends\n";
    if (word == "phys" && on_off) {
        physical_ = on;
        return on ? "addresses are physical\n" : "addresses are virtual\n";
    }
    if (word == "interrupts" && on_off) {
        control_.step_interrupts = on;
        return on ? "steps take interrupts\n" : "interrupts wait while a hart is stepped\n";
    }
    if (word == "reset" && words.size() == 1) return reset();
    if (word == "translate" && words.size() == 2) return translate(thread, argument);
    if (word != "info") return std::nullopt;
    if (argument == "registers") return info_registers(thread);
    if (argument == "harts") return info_harts();
    if (argument == "mem") return info_memory(thread);
    if (argument == "devices") return info_devices();
    return std::nullopt;
}

/// Returns when the first hart of the new board stands.
std::string Machine::reset() {
    u64 before = 0;
    {
        const std::lock_guard lock(mutex_);
        if (board_ == nullptr) return "there is no machine\n";
        before = lives_;
        board_->reset();
    }
    constexpr int kLooks = 1000;
    for (int n = 0; n < kLooks; n++) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        const std::lock_guard lock(mutex_);
        if (lives_ != before && control_.with(1, [](engine::Vcpu&) {}))
            return "the machine begins anew ('maintenance flush register-cache' makes gdb look at it)\n";
    }
    return "the machine has not begun anew yet\n";
}

std::string Machine::info_registers(u64 thread) {
    std::string out;
    for (size_t n = 0; n < set_.registers.size(); n++) {
        u8 value[16] = {};
        const Register& r = set_.registers[n];
        if (!read_register(thread, n, value)) continue;
        const u64 v = r.bytes() == 4 ? load_raw<u32>(value) : load_raw<u64>(value);
        out += fmt::format("{:<14} {:#018x}\n", r.name, v);
    }
    return out.empty() ? "this hart has not stopped\n" : out;
}

std::string Machine::info_harts() const {
    std::string out;
    for (const u64 thread : threads()) {
        u64 pc = 0;
        const bool there = control_.with(thread, [&](engine::Vcpu& v) { pc = v.pc(); });
        out += thread_text(thread) + (there ? fmt::format(", pc {:#x}\n", pc) : std::string(", it runs\n"));
    }
    return out;
}

std::string Machine::info_memory(u64 thread) const {
    const std::lock_guard lock(mutex_);
    const soc::RiscvHart* const h = hart(thread);
    std::string out = "this hart has not stopped\n";
    if (h == nullptr) return out;
    control_.with(thread, [&](engine::Vcpu&) { out = PageTables(board_->ram()).list(h->satp()); });
    return out;
}

std::string Machine::info_devices() const {
    const std::lock_guard lock(mutex_);
    if (board_ == nullptr) return "there is no machine\n";
    const mem::GuestRam& ram = board_->ram();
    std::string out;
    for (const auto& [base, range] : board_->bus().ranges())
        out += fmt::format("{:012x} {:>12x} {}\n", base, range.size, range.name);
    return out + fmt::format("{:012x} {:>12x} RAM\n", ram.base(), ram.size());
}

std::string Machine::translate(u64 thread, const std::string& text) const {
    const auto address = parse_address(text);
    if (!address) return fmt::format("'{}' is no address\n", text);
    const std::lock_guard lock(mutex_);
    const soc::RiscvHart* const h = hart(thread);
    std::optional<u64> where;
    if (h != nullptr) control_.with(thread, [&](engine::Vcpu&) { where = h->physical(*address); });
    return where ? fmt::format("{:#x}\n", *where) : fmt::format("nothing is mapped at {:#x}\n", *address);
}

}  // namespace vm::debug
