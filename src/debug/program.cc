#include "debug/program.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "base/format.h"

namespace vm::debug {
namespace {

constexpr u64 kPage = 4096;

/// Memory whatever its protection, as ptrace gives it: what cannot be accessed otherwise.
bool access_forced(u64 address, void* read, const void* written, size_t bytes) {
    const osal::Fd fd(::open("/proc/self/mem", (written != nullptr ? O_RDWR : O_RDONLY) | O_CLOEXEC));
    const auto at = static_cast<off_t>(address);
    const ssize_t n =
        written != nullptr ? ::pwrite(fd.get(), written, bytes, at) : ::pread(fd.get(), read, bytes, at);
    return n == static_cast<ssize_t>(bytes);
}

}  // namespace

Program::Program(RunControl& control, linux::Process& process)
    : GuestTarget(control, cpu_registers(process.engine().isa().name)),
      process_(process),
      set_(cpu_.set),
      files_(process.files()) {
    set_.os_abi = "GNU/Linux";
}

std::string Program::thread_text(u64 thread) const {
    std::ifstream comm(fmt::format("/proc/self/task/{}/comm", thread));
    std::string name;
    std::getline(comm, name);
    return control_.is_away(thread) ? name + ", in a system call" : name;
}

// ---------------------------------------------------------------------------------------------- memory

size_t Program::read_memory(u64, u64 address, std::span<u8> out) {
    const linux::AddressSpace& mm = process_.mm();
    size_t done = 0;
    while (done < out.size()) {
        const u64 at = process_.abi().untagged(address + done);
        const size_t n = std::min<size_t>(out.size() - done, kPage - at % kPage);
        // Nothing of vm itself.
        if (!mm.in_range(at, n) || !mm.mapped(at, n)) break;
        if (!mm.read(at, out.data() + done, n) && !access_forced(at, out.data() + done, nullptr, n)) break;
        done += n;
    }
    return done;
}

bool Program::write_memory(u64, u64 address, std::span<const u8> in) {
    linux::AddressSpace& mm = process_.mm();
    const u64 at = process_.abi().untagged(address);
    if (!mm.in_range(at, in.size()) || !mm.mapped(at, in.size())) return false;
    mm.prepare_kernel_write(at, in.size());
    const bool good = mm.write(at, in.data(), in.size()) || access_forced(at, nullptr, in.data(), in.size());
    process_.engine().invalidate(at, at + in.size());
    return good;
}

// ---------------------------------------------------------------------------------------------- running

void Program::resume(const std::map<u64, RunControl::Action>& actions, const RunControl::Action& rest) {
    for (const auto& [id, action] : actions) {
        if (action.signal == 0 || action.go == RunControl::Go::Stop || control_.at_signal(id)) continue;
        control_.pass_once(id, action.signal);
        ::syscall(SYS_tgkill, ::getpid(), id, action.signal);
    }
    GuestTarget::resume(actions, rest);
}

void Program::kill() { ::kill(::getpid(), SIGKILL); }

std::optional<std::string> Program::object(std::string_view name) {
    if (name == "exec-file") return process_.files().guest_path(process_.exe_path);
    if (name != "auxv") return std::nullopt;
    const auto& auxv = process_.auxv;
    return std::string(reinterpret_cast<const char*>(auxv.data()), auxv.size() * sizeof auxv[0]);
}

// ---------------------------------------------------------------------------------------------- monitor

std::vector<Command> Program::commands() const {
    return {{"info registers", "all registers of the chosen thread"},
            {"info maps", "what is mapped, as /proc/PID/maps"},
            {"info stats", "vm's counters, as --stats writes them"},
            {"quit", "kills the program"}};
}

std::optional<std::string> Program::command(u64 thread, std::span<const std::string> words) {
    const bool info = words.size() == 2 && words[0] == "info";
    if (info && words[1] == "registers") return info_registers(thread);
    if (info && words[1] == "maps") return process_.mm().maps_text();
    if (info && words[1] == "stats") return process_.engine().stats_json();
    if (words.size() == 1 && words[0] == "quit") return kill(), "";
    return std::nullopt;
}

std::string Program::info_registers(u64 thread) {
    std::string out;
    for (size_t n = 0; n < set_.registers.size(); n++) {
        u8 value[16] = {};
        if (!read_register(thread, n, value)) continue;
        std::string hex;
        for (size_t i = set_.registers[n].bytes(); i-- != 0;) hex += fmt::format("{:02x}", value[i]);
        out += fmt::format("{:<12} 0x{}\n", set_.registers[n].name, hex);
    }
    return out.empty() ? "this thread runs\n" : out;
}

}  // namespace vm::debug
