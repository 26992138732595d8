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

i64 sys_riscv_hwprobe(Call& c) {
    struct Pair {
        i64 key;
        u64 value;
    };
    constexpr u64 kWhichCpus = 1;
    if (!c.abi().hwprobe) return -ENOSYS;
    if (c.a[4] & ~kWhichCpus) return -EINVAL;
    const bool which = c.a[4] & kWhichCpus;
    if (which ? (!c.a[2] || !c.a[3]) : (!c.a[2] != !c.a[3])) return -EINVAL;
    const u64 n = c.a[1];
    if (n > 1024) return -EINVAL;
    bool all = true;
    for (u64 i = 0; i < n; i++) {
        Pair p;
        if (!c.get(c.a[0] + i * sizeof p, &p)) return -EFAULT;
        const auto v =
            c.abi().hwprobe(c.t.process().engine().isa(), p.key, c.t.process().options().engine.cpu_features);
        if (which) {
            all &= v && (*v & p.value) == p.value;
            continue;
        }
        p.key = v ? p.key : -1;
        p.value = v.value_or(0);
        if (!c.put(c.a[0] + i * sizeof p, p)) return -EFAULT;
    }
    if (which && !all) {  // all processors are alike: either the whole set has the features or none
        const std::string none(std::min<u64>(c.a[2], 128), '\0');
        if (!c.out(c.a[3], none.size()) || !c.mm().write(c.a[3], none.data(), none.size())) return -EFAULT;
    }
    return 0;
}

}  // namespace vm::linux::sys
