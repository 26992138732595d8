#include "debug/machine.h"

#include <algorithm>

#include "base/format.h"

namespace vm::debug {
namespace {
constexpr u64 kPage = mem::kPage;
}

Machine::Machine(RunControl& control)
    : GuestTarget(control, kRiscv64Registers), set_(kRiscv64Registers.set), csrs_(csr_names()) {
    first_csr_ = set_.registers.size();
    for (const CsrName& c : csrs_)
        set_.registers.push_back(
            {.name = c.name, .type = "uint64", .feature = "org.gnu.gdb.riscv.csr", .group = "csr"});
    privilege_ = set_.registers.size();
    set_.registers.push_back({.name = "priv", .type = "int", .feature = "org.gnu.gdb.riscv.virtual"});
}

void Machine::set_board(soc::RiscvVirt* board) {
    const std::lock_guard lock(mutex_);
    board_ = board;
    if (board != nullptr) lives_++;
}

soc::RiscvHart* Machine::hart(u64 thread) const {
    if (board_ == nullptr) return nullptr;
    for (soc::RiscvHart* h : board_->hart_list())
        if (h->id() + 1 == thread) return h;
    return nullptr;
}

std::string Machine::thread_text(u64 thread) const {
    const std::lock_guard lock(mutex_);
    const soc::RiscvHart* const h = hart(thread);
    if (h == nullptr) return "";
    if (h->status() != riscv::HartStatus::Started) return fmt::format("hart {}, not started", h->id());
    const auto p = h->privilege();
    return fmt::format("hart {}, {}-mode", h->id(),
                       p == riscv::Privilege::User         ? 'U'
                       : p == riscv::Privilege::Supervisor ? 'S'
                                                           : 'M');
}

// ---------------------------------------------------------------------------------------------- registers

bool Machine::read_register(u64 thread, size_t number, u8* out) {
    if (number < first_csr_) return GuestTarget::read_register(thread, number, out);
    const std::lock_guard lock(mutex_);
    soc::RiscvHart* const h = hart(thread);
    std::optional<u64> value;
    if (h == nullptr || !control_.with(thread, [&](engine::Vcpu&) {
            value = number == privilege_ ? static_cast<u64>(h->privilege())
                                         : h->read_csr(csrs_[number - first_csr_].number);
        }))
        return false;
    if (value) store_raw<u64>(out, *value);
    return value.has_value();
}

bool Machine::write_register(u64 thread, size_t number, const u8* in) {
    if (number < first_csr_) return GuestTarget::write_register(thread, number, in);
    const std::lock_guard lock(mutex_);
    soc::RiscvHart* const h = hart(thread);
    const u64 value = load_raw<u64>(in);
    bool good = false;
    const auto write = [&](engine::Vcpu&) {
        if (number != privilege_) {
            good = h->write_csr(csrs_[number - first_csr_].number, value);
        } else if (value <= 3 && value != 2) {
            h->set_privilege(static_cast<riscv::Privilege>(value));
            good = true;
        }
    };
    return h != nullptr && control_.with(thread, write) && good;
}

// ---------------------------------------------------------------------------------------------- memory

std::optional<u64> Machine::physical(u64 thread, u64 address) const {
    const soc::RiscvHart* const h = hart(thread);
    if (h == nullptr) return std::nullopt;
    if (physical_) return address;
    std::optional<u64> out;
    control_.with(thread, [&](engine::Vcpu&) { out = h->physical(address); });
    return out;
}

size_t Machine::read_memory(u64 thread, u64 address, std::span<u8> out) {
    const std::lock_guard lock(mutex_);
    size_t done = 0;
    while (done < out.size()) {
        const u64 at = address + done;
        const size_t n = std::min<size_t>(out.size() - done, kPage - at % kPage);
        const auto where = physical(thread, at);
        if (!where || !board_->ram().read(*where, out.data() + done, n)) break;
        done += n;
    }
    return done;
}

bool Machine::write_memory(u64 thread, u64 address, std::span<const u8> in) {
    const std::lock_guard lock(mutex_);
    struct Part {
        u64 physical;
        std::span<const u8> bytes;
    };
    std::vector<Part> parts;
    for (size_t done = 0; done < in.size();) {
        const u64 at = address + done;
        const size_t n = std::min<size_t>(in.size() - done, kPage - at % kPage);
        const auto where = physical(thread, at);
        if (!where || !board_->ram().contains(*where, n)) return false;
        parts.push_back({*where, in.subspan(done, n)});
        done += n;
    }
    return std::ranges::all_of(parts, [&](const Part& p) { return board_->write(p.physical, p.bytes); });
}

void Machine::kill() {
    {
        const std::lock_guard lock(mutex_);
        if (board_ != nullptr) board_->stop();
    }
    control_.detach();
}

}  // namespace vm::debug
