// Clocks without a host system call, and what the guest is told about its machine.
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>
#include <cerrno>
#include <cstring>

#include "linux/syscalls.h"

namespace vm::linux::sys {

// The clocks: glibc asks the host's vDSO. vdso.cc comes here too, without a Call.
i64 sys_clock_gettime(Call& c) { return answer_clock_gettime(c.mm(), c.a[0], c.a[1]); }
i64 sys_clock_getres(Call& c) { return answer_clock_getres(c.mm(), c.a[0], c.a[1]); }
i64 sys_getcpu(Call& c) { return answer_getcpu(c.mm(), c.a[0], c.a[1]); }

i64 sys_gettimeofday(Call& c) { return answer_gettimeofday(c.mm(), c.a[0], c.a[1]); }

i64 sys_uname(Call& c) {
    utsname u{};
    if (::uname(&u) != 0) return -errno;
    std::memset(u.machine, 0, sizeof u.machine);
    c.abi().name.copy(u.machine, sizeof u.machine - 1);
    return c.put(c.a[0], u) ? 0 : -EFAULT;
}

}  // namespace vm::linux::sys
