#include "osal/host.h"

#include <cpuid.h>
#include <link.h>
#include <linux/futex.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/format.h"

namespace vm::osal {
namespace {

constexpr int kArchShstkStatus = 0x5005;  // asm/prctl.h, Linux 6.6
constexpr unsigned long kShstkEnabled = 1;

HostCpu detect() {
    HostCpu cpu;
    unsigned long status = 0;
    cpu.shadow_stack = syscall(SYS_arch_prctl, kArchShstkStatus, &status) == 0 && (status & kShstkEnabled);
    return cpu;
}

u64 read_clock(clockid_t id) {
    timespec t{};
    clock_gettime(id, &t);
    return static_cast<u64>(t.tv_sec) * 1'000'000'000 + static_cast<u64>(t.tv_nsec);
}

}  // namespace

std::string host_cpu_model() {
    u32 words[12] = {};
    if (__get_cpuid_max(0x80000000, nullptr) < 0x80000004) return "unknown";
    for (u32 i = 0; i < 3; i++)
        __get_cpuid(0x80000002 + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2], &words[4 * i + 3]);
    char text[49] = {};
    std::memcpy(text, words, 48);
    std::string s(text);
    s.erase(0, s.find_first_not_of(' '));
    s.erase(s.find_last_not_of(' ') + 1);
    return s;
}

const HostCpu& host_cpu() {
    static const HostCpu cpu = detect();
    return cpu;
}

std::string build_id() {
    std::string id;
    const auto look = [](dl_phdr_info* info, size_t, void* out) {
        for (unsigned i = 0; i < info->dlpi_phnum; i++) {
            const auto& p = info->dlpi_phdr[i];
            if (p.p_type != PT_NOTE) continue;
            const u8* at = reinterpret_cast<const u8*>(info->dlpi_addr + p.p_vaddr);
            for (const u8* end = at + p.p_memsz; at + sizeof(ElfW(Nhdr)) <= end;) {
                const auto note = load_raw<ElfW(Nhdr)>(at);
                const u8* desc = at + sizeof note + align_up(note.n_namesz, 4);
                if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
                    std::memcmp(at + sizeof note, "GNU", 4) == 0)
                    for (u32 b = 0; b < note.n_descsz; b++)
                        *static_cast<std::string*>(out) += fmt::format("{:02x}", desc[b]);
                at = desc + align_up(note.n_descsz, 4);
            }
        }
        return 1;  // the first object is the program
    };
    dl_iterate_phdr(look, &id);
    return id;
}

u64 realtime_ns() { return read_clock(CLOCK_REALTIME); }

void random_bytes(void* out, u64 bytes) {
    auto* to = static_cast<u8*>(out);
    while (bytes != 0) {
        const ssize_t n = ::getrandom(to, bytes, 0);
        if (n < 0) continue;  // a signal came first
        to += n;
        bytes -= static_cast<u64>(n);
    }
}

u64 monotonic_ns() { return read_clock(CLOCK_MONOTONIC); }
u64 thread_cpu_ns() { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

void futex_wait(const std::atomic<u32>& word, u32 expected, u64 timeout_ns) {
    const timespec t{static_cast<time_t>(timeout_ns / 1'000'000'000),
                     static_cast<long>(timeout_ns % 1'000'000'000)};
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, &t, nullptr, 0);
}

void futex_wake(const std::atomic<u32>& word, unsigned threads) {
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, std::min(threads, 0x7fffffffu), nullptr, nullptr, 0);
}

}  // namespace vm::osal
