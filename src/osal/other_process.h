// Another process of this host, seen from outside: its files in /proc and its memory. Nothing that it says is
// taken on trust, and it may end or execute another program at any time.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bits.h"
#include "base/result.h"
#include "osal/program_file.h"

namespace vm::osal {

/// What is used of /proc/PID/stat (proc_pid_stat(5)).
struct TaskStat {
    std::string name;
    char state = '?';
    u64 user_ticks = 0, start_ticks = 0;
    bool of_kernel = false;  ///< a thread of the kernel
    bool ended() const { return state == 'Z' || state == 'X'; }
};
std::optional<TaskStat> parse_task_stat(std::string_view text);

/// The numbers on the line `name` of /proc/PID/status; empty if there is none.
std::vector<u64> status_numbers(std::string_view status, std::string_view name, int base = 10);

/// Where in a file the byte at an address lies.
struct FilePlace {
    std::string path;  ///< as the line ends: also "[heap]", "… (deleted)", or nothing
    u64 offset = 0;
};
/// By the text of /proc/PID/maps.
std::optional<FilePlace> find_file_place(std::string_view maps, u64 address);

/// What the kernel goes by when it refuses ptrace(2).
struct TraceRights {
    int pid = 0;
    std::vector<u64> their_users, our_users;  ///< as in /proc/PID/status: real, effective, saved, file system
    u64 their_capabilities = 0, our_capabilities = 0;
    int yama_scope = 0;
    bool dumpable = true;
    bool memory = false;  ///< reading memory was refused; else looking at its files
};
/// One sentence: what forbids it.
std::string why_refused(const TraceRights& rights);

/// Ticks of user_ticks and start_ticks a second.
u64 ticks_per_second();

class OtherProcess {
  public:
    /// A process that runs. NotFound: there is none; InvalidArgument: it is something else (a thread, a
    /// thread of the kernel, a process that has ended).
    static Result<OtherProcess> open(int pid);
    ~OtherProcess();
    OtherProcess(OtherProcess&& other) noexcept;
    OtherProcess& operator=(OtherProcess&&) = delete;

    int pid() const { return pid_; }
    /// Becomes readable when the process ends; -1 if the kernel has no such thing.
    int pidfd() const { return pidfd_; }
    bool ended() const;
    /// Since it was started, in seconds.
    double age() const;
    /// As it sees itself, if it is in another pid namespace.
    int inner_pid() const { return inner_pid_; }
    /// Its threads: what each calls itself, and what it is called here.
    std::map<int, int> threads() const;
    /// User time of a thread in ticks; nothing if it is gone.
    std::optional<u64> user_ticks(int tid) const;

    /// Arguments, each with a zero behind it.
    std::string command_line() const;
    std::string maps() const;
    /// The file that it executes, and its name.
    Result<ProgramFile> program(std::string_view section) const;
    std::string program_name() const;
    /// AT_PHDR of its auxiliary vector: where its program's headers lie.
    Result<u64> header_address() const;
    /// Bytes [address, address + size) of its memory. NotFound: nothing is mapped there, or it has ended.
    Result<void> read(u64 address, void* out, u64 size) const;

  private:
    OtherProcess() = default;
    std::string path(std::string_view name) const;
    std::unexpected<Error> refused(bool memory) const;
    std::unexpected<Error> gone() const;
    int pid_ = 0, pidfd_ = -1, inner_pid_ = 0;
    bool nested_ = false;  ///< in a pid namespace below ours
    u64 start_ticks_ = 0;
};

}  // namespace vm::osal
