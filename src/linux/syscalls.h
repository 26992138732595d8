// The system-call table and what handlers see. The rows stand in syscalls.def; everything else (dispatch,
// argument checks, strace text, docs/syscalls.md) is derived from them.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "linux/process.h"
#include "linux/signals.h"

namespace vm::linux {

enum class SysStatus : u8 {
    Implemented,  ///< a handler of ours decides
    Passthrough,  ///< arguments are checked and handed to the host kernel by the row's argument list alone
    Refused,      ///< ENOSYS or EPERM by decision; the note says why
};
enum class RetKind : u8 { Int, Fd, Addr, Hex, Octal, NoReturn };

/// What one argument is. Pointer kinds are range-checked against guest user space before the host kernel sees
/// them.
enum class ArgKind : u8 {
    None,
    Int,
    Uint,
    Hex,
    Long,
    Size,
    Fd,
    DirFd,
    Mode,
    Pid,
    Uid,
    Sig,
    Dev,
    Flags,
    Enum,  ///< param names the set
    Path,
    Str,  ///< NUL-terminated; Path goes through the sysroot rules
    PathNoFollow,
    PathEntry,  ///< a name to be made, renamed or removed
    Ptr,        ///< an address the kernel does not follow for us
    Area,       ///< the begin of mappings that the call acts on: a tag is dropped always
    Mem,        ///< followed by the kernel, size unknown to the table
    In,
    Out,     ///< bytes; length in argument `len_arg`
    OutVar,  ///< bytes written; argument `len_arg` points at the u32 that holds the room
    Struct,
    OutStruct,
    InOutStruct,  ///< param names the structure
    Iov,
    OutIov,  ///< iovec array, count in argument `len_arg`
    Argv,    ///< NULL-terminated array of strings
};
struct ArgSpec {
    ArgKind kind = ArgKind::None;
    i8 len_arg = -1;
    u16 size = 0;  ///< of one structure, where known
    std::string_view param;
    std::string_view name;
};

struct Call;
using Handler = i64 (*)(Call&);

/// One row of syscalls.def.
struct Syscall {
    std::string_view name;
    i16 generic;  ///< asm-generic number (riscv64, arm64), -1 none
    i16 x86;      ///< x86-64 number, -1 none
    SysStatus status;
    Handler handler;
    RetKind ret;
    std::array<ArgSpec, 6> args;
    u8 arg_count;
    std::string_view note;  ///< Refused: why; otherwise the test that covers it
    /// Number on this host, -1 if the host has no such call.
    constexpr long host_nr() const {
#if defined(__x86_64__)
        return x86;
#else
        return generic;
#endif
    }
};

/// All rows, ascending by generic number.
std::span<const Syscall> syscall_table();
/// Row of a generic number; nullptr where the number is unassigned.
const Syscall* find_syscall(int generic);
inline constexpr int kSyscallNumbers = 512;

/// One system call in execution. Handlers return the Linux result (negative errno), or one of the kRestart…,
/// kNoResult.
struct Call {
    Thread& t;
    const Syscall& d;
    std::array<u64, 6> a;

    AddressSpace& mm() { return t.mm(); }
    /// An address from a structure, or from an argument that is not always one: see Thread::plain. Addresses
    /// among the arguments are plain already.
    u64 plain(u64 addr) const { return t.plain(addr); }
    const Abi& abi() { return t.abi(); }
    /// The same call on the host with these arguments; interruptible (see safe_syscall).
    i64 host(u64 a0, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0, u64 a4 = 0, u64 a5 = 0) {
        return safe_syscall(t, d.host_nr(), a0, a1, a2, a3, a4, a5);
    }
    /// May the kernel read / write [addr, addr+len) for the guest? NULL is left to the kernel. out() also
    /// drops translations of code there and lifts write protection.
    bool in(u64 addr, u64 len);
    bool out(u64 addr, u64 len);
    template <class T>
    bool get(u64 addr, T* v) {
        return mm().read(addr, v, sizeof(T));
    }
    template <class T>
    bool put(u64 addr, const T& v) {
        return out(addr, sizeof(T)) && mm().write(addr, &v, sizeof(T));
    }
};
inline constexpr i64 kNoResult = -4096 - 1;  ///< the handler has set the registers itself

/// The path at `addr`: 0, -EFAULT, or -ENAMETOOLONG where it does not end within PATH_MAX bytes, as the
/// kernel has it.
i64 read_path(Call& c, u64 addr, std::string* out);
/// `a` without the tags of those arguments that are addresses to be followed.
std::array<u64, 6> plain_arguments(const Thread& t, const Syscall& d, const std::array<u64, 6>& a);
/// Guest path at `addr` → what the host is to be given for it, relative to `dirfd`. 0 or -errno.
i64 resolve_path(Call& c, int dirfd, u64 addr, Look look, std::string* out);
/// Copies `count` iovecs from the guest and checks every element for reading (or writing) by the kernel. 0 or
/// -errno.
struct IoVec {
    u64 base, len;
};
i64 copy_iovec(Call& c, u64 addr, u64 count, bool kernel_writes, std::vector<IoVec>* out);
/// `error` is what an argument got that was looked at before the call; the kernel looks at the descriptor
/// first.
i64 descriptor_first(Call& c, i64 error);
/// Turns "interrupted, may restart" into "had not begun, restart always" for calls that the kernel never
/// restarts itself.
inline i64 never_restarted(i64 r) { return r == -kRestartSys ? -kRestartAlways : r; }
/// Host call that may not be interrupted half way through a handler.
i64 raw_syscall(long nr, u64 a0 = 0, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0, u64 a4 = 0, u64 a5 = 0);

// vdso.cc: calls that the vDSO's code makes too.
i64 answer_clock_gettime(AddressSpace& mm, u64 a0, u64 a1);
i64 answer_clock_getres(AddressSpace& mm, u64 a0, u64 a1);
i64 answer_gettimeofday(AddressSpace& mm, u64 a0, u64 a1);
i64 answer_getcpu(AddressSpace& mm, u64 a0, u64 a1);

/// strace.cc: one whole line on stderr for a call. `done` false: it does not return (exit, execve) or has not
/// yet.
void strace_line(Thread& t, const Syscall& d, const std::array<u64, 6>& args, i64 result, bool done);
void strace_unknown(Thread& t, u64 nr, const std::array<u64, 6>& args);
/// A signal that is about to act on the thread: "--- SIGSEGV {…} ---".
void strace_signal(Thread& t, int sig, const SigInfo& info);
/// "SIGSEGV", "SIGRT_3"; "ENOENT"; used by strace and its tests.
std::string signal_name(int sig);
std::string_view errno_name(int e);
/// `v` as names of the set joined by '|' (flags) or one name (enums); unknown bits in hex.
std::string flags_text(std::string_view set, u64 v);
std::string enum_text(std::string_view set, u64 v);
bool has_name_set(std::string_view set);
std::string quote_bytes(const u8* p, u64 shown, bool more);

namespace sys {
/// A host address as a structure of the kernel's holds it.
inline u64 ptr(const void* p) { return reinterpret_cast<u64>(p); }

i64 pass(Call& c);             ///< the row's argument list, handed to the host
i64 pass_no_restart(Call& c);  ///< the same for calls that end in EINTR even under SA_RESTART
i64 nosys(Call& c);            ///< ENOSYS by decision
i64 refuse(Call& c);           ///< EPERM by decision
#define SYSCALL(name, generic, x86, status, handler, ret, args, note) i64 handler(Call& c);
#include "linux/syscalls.def"
#undef SYSCALL
}  // namespace sys

}  // namespace vm::linux
