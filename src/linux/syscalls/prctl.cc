#include "linux/syscalls/prctl.h"

#include <linux/prctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <cerrno>

#include <algorithm>

#include "base/format.h"
#include "linux/syscalls.h"

namespace vm::linux {
namespace {

using enum PrctlOption::Kind;
// Newer than the headers of Debian 12.
constexpr int kSetMemoryMerge = 67, kGetMemoryMerge = 68, kTimerCreateRestoreIds = 77, kFutexHash = 78,
              kGetAuxv = 0x41555856;

/// PR_SET_MM_MAP: everything at once. The host keeps its own break.
i64 set_memory_map(Call& c) {
    prctl_mm_map m;
    if (c.a[3] != sizeof m) return -EINVAL;
    if (!c.get(c.plain(c.a[2]), &m)) return -EFAULT;
    if (m.exe_fd != ~u32{0}) return -EINVAL;
    const u64 pairs[][2] = {{m.start_code, m.end_code}, {m.start_data, m.end_data},
                            {m.arg_start, m.arg_end},   {m.env_start, m.env_end},
                            {m.start_brk, m.brk},       {m.start_stack, m.start_stack}};
    for (const auto& [from, to] : pairs)
        if (from > to || !c.mm().in_range(from, to - from)) return -EINVAL;
    std::vector<u64> auxv(m.auxv ? m.auxv_size / 8 : 0);
    if (auxv.size() > 64) return -EINVAL;
    if (!auxv.empty() && !c.mm().read(c.plain(reinterpret_cast<u64>(m.auxv)), auxv.data(), auxv.size() * 8))
        return -EFAULT;
    Process& p = c.t.process();
    p.code_start = m.start_code, p.code_end = m.end_code;
    p.data_start = m.start_data, p.data_end = m.end_data;
    p.arg_start = m.arg_start, p.arg_end = m.arg_end;
    p.env_start = m.env_start, p.env_end = m.env_end;
    p.initial_sp = m.start_stack;
    if (!auxv.empty()) {
        const u64 size = p.auxv.size();
        auxv.resize(size);
        p.auxv = std::move(auxv);
    }
    describe_process(p);
    return 0;
}

i64 set_mm(Call& c) {
    Process& p = c.t.process();
    u64* field = nullptr;
    switch (c.a[1]) {
        case PR_SET_MM_START_CODE: field = &p.code_start; break;
        case PR_SET_MM_END_CODE: field = &p.code_end; break;
        case PR_SET_MM_START_DATA: field = &p.data_start; break;
        case PR_SET_MM_END_DATA: field = &p.data_end; break;
        case PR_SET_MM_START_STACK: field = &p.initial_sp; break;
        case PR_SET_MM_ARG_START: field = &p.arg_start; break;
        case PR_SET_MM_ARG_END: field = &p.arg_end; break;
        case PR_SET_MM_ENV_START: field = &p.env_start; break;
        case PR_SET_MM_ENV_END: field = &p.env_end; break;
        case PR_SET_MM_MAP_SIZE:
            c.a[2] = c.plain(c.a[2]);
            return c.out(c.a[2], 4) ? c.host(c.a[0], c.a[1], c.a[2], c.a[3], c.a[4]) : -EFAULT;
        case PR_SET_MM_MAP: return set_memory_map(c);
        default: return c.host(PR_SET_MM, ~u32{0}, 0, 0, 0);  // EPERM or EINVAL
    }
    if (!c.mm().in_range(c.a[2], 0)) return -EINVAL;
    const i64 r = c.host(c.a[0], c.a[1], c.a[2], c.a[3], c.a[4]);
    if (r == 0) *field = c.a[2];
    return r;
}

i64 set_vma(Call& c) {
    if (c.a[1] != PR_SET_VMA_ANON_NAME) return -EINVAL;
    std::string name;
    if (c.a[4]) {
        constexpr u64 kMost = 79;  // ANON_VMA_NAME_MAX_LEN
        if (!c.mm().read_string(c.plain(c.a[4]), &name, kMost))
            return name.size() > kMost ? -EINVAL : -EFAULT;
        const auto bad = [](char ch) {
            return ch < 0x20 || ch > 0x7e || std::string_view("\\`$[]").find(ch) != std::string_view::npos;
        };
        if (std::any_of(name.begin(), name.end(), bad)) return -EINVAL;
    }
    return c.mm().name_anonymous(c.abi().untagged(c.a[2]), c.a[3], c.a[4] ? &name : nullptr);
}

i64 get_auxv(Call& c) {
    const std::vector<u64>& auxv = c.t.process().auxv;
    if (c.a[3] || c.a[4]) return -EINVAL;
    const u64 all = auxv.size() * 8, n = std::min<u64>(all, c.a[2]);
    const u64 to = c.plain(c.a[1]);
    if (!c.out(to, n) || !c.mm().write(to, auxv.data(), n)) return -EFAULT;
    return static_cast<i64>(all);
}

i64 get_tid_address(Call& c) { return c.put(c.plain(c.a[1]), c.t.clear_child_tid) ? 0 : -EFAULT; }

#define OPTION(name, kind, ...) \
    { name, #name, kind, __VA_ARGS__ }
constexpr PrctlOption kOptions[] = {
    OPTION(PR_SET_PDEATHSIG, Host, ""),
    OPTION(PR_GET_PDEATHSIG, Out4, ""),
    OPTION(PR_GET_DUMPABLE, Host, ""),
    OPTION(PR_SET_DUMPABLE, Host, "honoured by core files"),
    OPTION(PR_GET_UNALIGN, Out4, "EINVAL on x86-64 hosts, as in the guests' own Linux"),
    OPTION(PR_GET_KEEPCAPS, Host, ""),
    OPTION(PR_SET_KEEPCAPS, Host, ""),
    OPTION(PR_GET_TIMING, Host, ""),
    OPTION(PR_SET_TIMING, Host, ""),
    OPTION(PR_SET_NAME, Name, ""),
    OPTION(PR_GET_NAME, Name, ""),
    OPTION(PR_GET_SECCOMP, Host, ""),
    OPTION(PR_CAPBSET_READ, Host, ""),
    OPTION(PR_CAPBSET_DROP, Host, ""),
    OPTION(PR_GET_SECUREBITS, Host, ""),
    OPTION(PR_SET_SECUREBITS, Host, ""),
    OPTION(PR_SET_TIMERSLACK, Host, ""),
    OPTION(PR_GET_TIMERSLACK, Host, ""),
    OPTION(PR_TASK_PERF_EVENTS_DISABLE, Host, ""),
    OPTION(PR_TASK_PERF_EVENTS_ENABLE, Host, ""),
    OPTION(PR_MCE_KILL, Host, ""),
    OPTION(PR_MCE_KILL_GET, Host, ""),
    OPTION(PR_SET_MM, Ours,
           "borders of code, data, stack, arguments and environment, and PR_SET_MM_MAP with them; the break, "
           "the program file and the auxiliary vector alone are EINVAL",
           set_mm),
    OPTION(PR_SET_PTRACER, Host, ""),
    OPTION(PR_SET_CHILD_SUBREAPER, Host, ""),
    OPTION(PR_GET_CHILD_SUBREAPER, Out4, ""),
    OPTION(PR_SET_NO_NEW_PRIVS, Host, ""),
    OPTION(PR_GET_NO_NEW_PRIVS, Host, ""),
    OPTION(PR_GET_TID_ADDRESS, Ours, "", get_tid_address),
    OPTION(PR_SET_THP_DISABLE, Host, "also for the memory of vm itself"),
    OPTION(PR_GET_THP_DISABLE, Host, ""),
    OPTION(PR_CAP_AMBIENT, Host, ""),
    OPTION(PR_SET_IO_FLUSHER, Host, ""),
    OPTION(PR_GET_IO_FLUSHER, Host, ""),
    OPTION(PR_SET_VMA, Ours, "names anonymous mappings in maps", set_vma),
    {kSetMemoryMerge, "PR_SET_MEMORY_MERGE", Host, "also for the memory of vm itself"},
    {kGetMemoryMerge, "PR_GET_MEMORY_MERGE", Host, ""},
    {kTimerCreateRestoreIds, "PR_TIMER_CREATE_RESTORE_IDS", Host, ""},
    {kFutexHash, "PR_FUTEX_HASH", Host, ""},
    {kGetAuxv, "PR_GET_AUXV", Ours, "", get_auxv},
};
#undef OPTION

}  // namespace

std::span<const PrctlOption> prctl_options() { return kOptions; }

i64 sys::sys_prctl(Call& c) {
    const PrctlOption* option = nullptr;
    const auto look_in = [&](std::span<const PrctlOption> options) {
        for (const PrctlOption& o : options)
            if (o.number == static_cast<int>(c.a[0])) option = &o;
    };
    look_in(prctl_options());
    if (c.abi().prctl_options) look_in(*c.abi().prctl_options);
    if (!option) return -EINVAL;
    constexpr u64 kRoom[] = {0, 4, 8, 16};
    if (option->kind == Ours) return option->handler(c);
    if (option->kind != Host) c.a[1] = c.plain(c.a[1]);
    if (option->kind != Host && !c.out(c.a[1], kRoom[static_cast<unsigned>(option->kind)])) return -EFAULT;
    return c.host(c.a[0], c.a[1], c.a[2], c.a[3], c.a[4]);
}

}  // namespace vm::linux
