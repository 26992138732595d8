// Maps the vDSO and answers the calls that its code makes.
#include "linux/vdso.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include <cerrno>

#include "base/format.h"
#include "linux/syscalls.h"

namespace vm::linux {
namespace {

template <class T>
i64 store(AddressSpace& mm, u64 addr, const T& v) {
    mm.prepare_kernel_write(addr, sizeof v);
    return mm.write(addr, &v, sizeof v) ? 0 : -EFAULT;
}

struct Quick {
    int generic;  ///< number
    i64 (*answer)(AddressSpace& mm, u64 a0, u64 a1);
};
constexpr Quick kQuick[] = {
    {113, answer_clock_gettime},
    {169, answer_gettimeofday},
    {168, answer_getcpu},
    {114, answer_clock_getres},
};

/// engine::QuickCalls: false leaves the call, and saying what is wrong with it, to do_syscall.
bool answer_quickly(void* owner, u8* guest) {
    Process& p = *static_cast<Process*>(owner);
    const Abi& abi = p.abi();
    const int generic = abi.syscall_index(load_raw<u64>(guest + abi.nr_offset));
    for (const Quick& q : kQuick) {
        if (q.generic != generic) continue;
        const u64 a0 = load_raw<u64>(guest + abi.arg_offset[0]),
                  a1 = load_raw<u64>(guest + abi.arg_offset[1]);
        // The code would store there itself, and stores ignore tags. A clock's number has none.
        if (q.answer(p.mm(), abi.untagged(a0), abi.untagged(a1)) < 0) return false;
        store_raw<u64>(guest + abi.ret_offset, 0);
        return true;
    }
    return false;
}

}  // namespace

i64 answer_clock_gettime(AddressSpace& mm, u64 a0, u64 a1) {
    timespec ts;
    if (::clock_gettime(static_cast<clockid_t>(a0), &ts) != 0) return -errno;
    return store(mm, a1, ts);
}

i64 answer_clock_getres(AddressSpace& mm, u64 a0, u64 a1) {
    timespec ts;
    if (::clock_getres(static_cast<clockid_t>(a0), &ts) != 0) return -errno;
    return a1 ? store(mm, a1, ts) : 0;
}

i64 answer_gettimeofday(AddressSpace& mm, u64 a0, u64 a1) {
    timeval tv;
    struct timezone tz {};
    if (a1) {  // glibc no longer hands the time zone on
        const i64 r = raw_syscall(SYS_gettimeofday, reinterpret_cast<u64>(&tv), reinterpret_cast<u64>(&tz));
        if (r < 0) return r;
        if (const i64 e = store(mm, a1, tz); e < 0) return e;
    } else {
        ::gettimeofday(&tv, nullptr);
    }
    return a0 ? store(mm, a0, tv) : 0;
}

i64 answer_getcpu(AddressSpace& mm, u64 a0, u64 a1) {
    unsigned where[2] = {};
    if (::getcpu(&where[0], &where[1]) != 0) return -errno;
    if (a0)
        if (const i64 e = store(mm, a0, where[0]); e < 0) return e;
    return a1 ? store(mm, a1, where[1]) : 0;
}

Result<void> map_vdso(Process& p) {
    AddressSpace& mm = p.mm();
    const VdsoImage image = build_vdso(*p.abi().vdso, p.abi().elf.machine);
    const u64 size = align_up(image.bytes.size(), mm.page_size());
    const i64 r = mm.mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0,
                          "[vdso]");
    if (r < 0 || !mm.write(static_cast<u64>(r), image.bytes.data(), image.bytes.size()))
        return fail(ErrorKind::Resource, "the vDSO cannot be mapped; is there enough memory?", ENOMEM);
    p.vdso_base = static_cast<u64>(r);
    p.sigreturn = p.vdso_base + image.sigreturn;
    mm.mprotect(p.vdso_base, size, PROT_READ | PROT_EXEC);
    p.engine().set_quick_calls(
        {p.vdso_base + image.text_begin, p.vdso_base + image.text_end, &p, answer_quickly});
    return {};
}

}  // namespace vm::linux
