// What the GDB server debugs: a machine or a program.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/run_control.h"

namespace vm::debug {

using engine::RunControl;

/// One register as GDB is told of it.
struct Register {
    std::string name;
    u16 bits = 64;
    std::string type;     ///< of target descriptions: "int", "data_ptr", "ieee_double" …
    std::string feature;  ///< "org.gnu.gdb.riscv.cpu"; those of one feature are neighbours
    std::string group{};  ///< "general", "float", "vector", "csr"; empty: GDB's own opinion
    size_t bytes() const { return bits / 8; }
};

/// The registers of one kind of processor: the numbers that GDB uses are indices here.
struct RegisterSet {
    std::string architecture;  ///< "riscv:rv64"
    std::string os_abi{};      ///< "GNU/Linux" or empty
    std::vector<Register> registers;
    std::map<std::string, std::string, std::less<>> types{};  ///< by feature: definitions of types
    size_t general = 0;          ///< so many from the front are in packets g and G
    std::vector<size_t> told{};  ///< registers that every stop tells: pc, stack pointer
};

/// The text of a target description (GDB manual, "Target Descriptions").
std::string target_xml(const RegisterSet& set);

/// A command of `monitor`.
struct Command {
    std::string usage, help;
};

/// All functions are called by the server's thread. Registers and memory are there while the guest stands.
class Target {
  public:
    virtual ~Target() = default;
    virtual const RegisterSet& registers() const = 0;
    /// In the order in which they are listed. Numbers are not 0.
    virtual std::vector<u64> threads() const = 0;
    virtual std::string thread_text(u64 thread) const = 0;
    /// Of Register::bytes(). False: it cannot be read or written.
    virtual bool read_register(u64 thread, size_t number, u8* out) = 0;
    virtual bool write_register(u64 thread, size_t number, const u8* in) = 0;
    /// As `thread` sees it; how many bytes could be read, from the front.
    virtual size_t read_memory(u64 thread, u64 address, std::span<u8> out) = 0;
    virtual bool write_memory(u64 thread, u64 address, std::span<const u8> in) = 0;

    // --- as RunControl's
    virtual void attach() = 0;
    virtual void detach() = 0;
    virtual void stop() = 0;
    virtual void resume(const std::map<u64, RunControl::Action>& actions, const RunControl::Action& rest) = 0;
    virtual void set_points(engine::Points points) = 0;
    virtual std::optional<RunControl::Event> event() = 0;
    virtual std::optional<RunControl::Ended> ended_as() = 0;
    virtual void ended_was_told() = 0;

    /// Ends the guest, which may take until after the return.
    virtual void kill() = 0;
    /// Was it there before the debugger? Debuggers then leave it when they end, and else kill it.
    virtual bool was_running() const = 0;
    /// Linux signal numbers that the guest gets unasked.
    virtual void pass_signals(u64) {}
    /// What qXfer reads: "auxv", "exec-file". Nothing: there is none.
    virtual std::optional<std::string> object(std::string_view) { return std::nullopt; }
    virtual std::vector<Command> commands() const { return {}; }
    /// Text of the answer; nothing: no such command.
    virtual std::optional<std::string> command(u64, std::span<const std::string>) { return std::nullopt; }
    /// A vFile packet, without the word. Nothing: files are not offered.
    virtual std::optional<std::string> file(std::string_view) { return std::nullopt; }
};

}  // namespace vm::debug
