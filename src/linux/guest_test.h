// A guest process inside the test program: a page of code of the wanted ISA, never run unless the test does
// so.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/format.h"
#include "frontend/arm64/arm64.h"
#include "frontend/riscv64/riscv64.h"
#include "linux/process.h"
#include "linux/signals.h"
#include "linux/syscalls.h"

namespace vm::linux {

inline constexpr Guest kTestGuests[] = {{&frontend::riscv64::kRiscv64, &kRiscv64Abi},
                                        {&frontend::arm64::kArm64, &kArm64Abi}};

/// The smallest program: one page at 0x10000, `code` behind the headers.
inline std::vector<u8> small_program(const Abi& abi, std::span<const u32> code) {
    std::vector<u8> file(4096);
    const auto put = [&](size_t at, auto v) { store_raw(&file[at], v); };
    const u8 ident[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    std::memcpy(file.data(), ident, sizeof ident);
    put(16, kElfExec), put(18, abi.elf.machine), put(20, u32{1}), put(24, u64{0x10100}), put(32, u64{64});
    put(52, u16{64}), put(54, u16{56}), put(56, u16{1});
    put(64, u32{1}), put(68, kPfR | kPfX), put(80, u64{0x10000}), put(96, u64{4096}), put(104, u64{4096});
    put(112, u64{4096});
    for (size_t at = 0x100; const u32 word : code) put(std::exchange(at, at + 4), word);
    return file;
}

class GuestProcess {
  public:
    explicit GuestProcess(const Abi& abi, const std::string& cpu = {}, std::span<const u32> code = {}) {
        const std::vector<u8> file = small_program(abi, code);
        const int fd = ::memfd_create("guest", MFD_CLOEXEC);
        EXPECT_EQ(::write(fd, file.data(), file.size()), static_cast<ssize_t>(file.size()));
        RunOptions o;
        o.program = fmt::format("/proc/self/fd/{}", fd);
        o.argv = {"guest"};
        o.cpu = cpu;
        o.engine.tier = engine::Tier::Interp;
        auto p = Process::create(o, kTestGuests);
        ::close(fd);
        EXPECT_TRUE(p) << p.error().message;
        if (!p) return;
        process_ = std::move(*p);
        signals_thread_start(thread(), false);
    }
    ~GuestProcess() {
        if (!process_) return;
        signals_thread_end(thread());
        set_host_mask(0);
    }
    GuestProcess(const GuestProcess&) = delete;
    GuestProcess& operator=(const GuestProcess&) = delete;

    Process& operator*() { return *process_; }
    Thread& thread() { return *process_->threads[0]; }
    engine::Vcpu& vcpu() { return thread().vcpu(); }
    AddressSpace& mm() { return process_->mm(); }
    const Abi& abi() { return process_->abi(); }
    /// Fresh memory.
    u64 pages(u64 n, u32 prot = PROT_READ | PROT_WRITE) {
        const i64 at = mm().mmap(0, n * mm().page_size(), prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        EXPECT_GT(at, 0);
        return static_cast<u64>(at);
    }
    template <class T>
    T get(u64 addr) {
        T v{};
        EXPECT_TRUE(mm().read(addr, &v, sizeof v)) << std::hex << addr;
        return v;
    }
    template <class T>
    void put(u64 addr, const T& v) {
        EXPECT_TRUE(mm().write(addr, &v, sizeof v)) << std::hex << addr;
    }
    /// A system call by its generic number, as if the guest had made it.
    i64 call(u64 nr, std::initializer_list<u64> args) {
        engine::Vcpu& v = vcpu();
        unsigned i = 0;
        for (const u64 a : args) v.set_reg(abi().arg_offset[i++], a);
        v.set_reg(abi().nr_offset, nr);
        do_syscall(thread());
        return static_cast<i64>(v.reg(abi().ret_offset));
    }

  private:
    std::unique_ptr<Process> process_;
};

/// Name of a test's parameter.
inline std::string abi_name(const testing::TestParamInfo<const Abi*>& info) {
    return std::string(info.param->name);
}

}  // namespace vm::linux
