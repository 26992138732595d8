// Names for profilers: /tmp/perf-PID.map (symbols only) and jit-PID.dump (symbols and code, for `perf inject
// --jit`; format: Linux tools/perf/Documentation/jitdump-specification.txt).
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/format.h"
#include "jit/jit.h"
#include "jit/observer.h"
#include "osal/host.h"
#include "osal/memory.h"

namespace vm::jit {
namespace {

Result<int> open_file(const std::string& path, int flags) {
    const int fd = open(path.c_str(), flags | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return fail(ErrorKind::Io, fmt::format("cannot write {} for the profiler", path), errno);
    const int high = fcntl(fd, F_DUPFD_CLOEXEC, 900);  // the low numbers are the guest's
    if (high < 0) return fd;
    close(fd);
    return high;
}

/// Profiles are best effort once running: a full disk must not stop the guest.
void put(int fd, const void* data, u64 size) {
    if (write(fd, data, size) < 0) return;
}

class PerfMap : public Observer {
  public:
    ~PerfMap() override {
        if (fd_ >= 0) close(fd_);
    }
    Result<void> start() {
        auto fd = open_file(fmt::format("/tmp/perf-{}.map", getpid()), O_WRONLY | O_APPEND | O_TRUNC);
        if (!fd) return std::unexpected(fd.error());
        fd_ = *fd;
        return {};
    }
    void installed(const Translation& t, const u8* code, const ir::Block&, const ir::Block&) override {
        const std::string line =
            fmt::format("{:x} {:x} vm:{:#x}\n", reinterpret_cast<u64>(code), t.code_size, t.pc);
        put(fd_, line.data(), line.size());
    }
    void forked() override {
        close(fd_);
        fd_ = -1;
        if (!start()) fd_ = -1;
    }

  private:
    int fd_ = -1;
};

struct DumpHeader {
    u32 magic = 0x4a695444, version = 1, total_size = 40, elf_mach = EM_X86_64, pad = 0, pid = 0;
    u64 timestamp = 0, flags = 0;
};
static_assert(sizeof(DumpHeader) == 40);
struct DumpCodeLoad {
    u32 id = 0, total_size = 0;
    u64 timestamp = 0;
    u32 pid = 0, tid = 0;
    u64 vma = 0, code_addr = 0, code_size = 0, code_index = 0;
};
static_assert(sizeof(DumpCodeLoad) == 56);

class Jitdump : public Observer {
  public:
    ~Jitdump() override { stop(); }
    Result<void> start() {
        auto fd = open_file(fmt::format("jit-{}.dump", getpid()), O_RDWR | O_TRUNC);
        if (!fd) return std::unexpected(fd.error());
        fd_ = *fd;
        DumpHeader h;
        h.pid = static_cast<u32>(getpid());
        h.timestamp = osal::monotonic_ns();
        put(fd_, &h, sizeof h);
        // perf finds the file by this executable mapping of it.
        marker_ = mmap(nullptr, osal::page_size(), PROT_READ | PROT_EXEC, MAP_PRIVATE, fd_, 0);
        return {};
    }
    void installed(const Translation& t, const u8* code, const ir::Block&, const ir::Block&) override {
        const std::string name = fmt::format("vm:{:#x}", t.pc);
        DumpCodeLoad r;
        r.total_size = static_cast<u32>(sizeof r + name.size() + 1 + t.code_size);
        r.timestamp = osal::monotonic_ns();
        r.pid = static_cast<u32>(getpid());
        r.tid = static_cast<u32>(syscall(SYS_gettid));
        r.vma = r.code_addr = reinterpret_cast<u64>(code);
        r.code_size = t.code_size;
        r.code_index = index_++;
        put(fd_, &r, sizeof r);
        put(fd_, name.c_str(), name.size() + 1);
        put(fd_, code, t.code_size);
    }
    void forked() override {
        stop();
        if (!start()) fd_ = -1;
    }

  private:
    void stop() {
        if (marker_ != MAP_FAILED) munmap(marker_, osal::page_size());
        marker_ = MAP_FAILED;
        if (fd_ >= 0) close(fd_);
        fd_ = -1;
    }
    int fd_ = -1;
    void* marker_ = MAP_FAILED;
    u64 index_ = 0;
};

template <class T>
Result<std::unique_ptr<Observer>> started() {
    auto o = std::make_unique<T>();
    if (auto r = o->start(); !r) return std::unexpected(r.error());
    return o;
}

}  // namespace

Result<std::unique_ptr<Observer>> make_perf_map() { return started<PerfMap>(); }
Result<std::unique_ptr<Observer>> make_jitdump() { return started<Jitdump>(); }

}  // namespace vm::jit
