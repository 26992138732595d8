// Names for profilers: /tmp/perf-PID.map (symbols only) and jit-PID.dump (symbols and code, for `perf inject
// --jit`; format: Linux tools/perf/Documentation/jitdump-specification.txt).
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <map>

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
        add(t, code);
    }
    void moved(const Translation&, const Translation& to, const u8* code) override { add(to, code); }
    /// The file is written anew when more than half of its lines are of code that is gone.
    void removed(const Translation&, const u8* code) override {
        if (lines_.erase(reinterpret_cast<u64>(code)) == 0 || ++gone_ <= lines_.size() || fd_ < 0) return;
        if (ftruncate(fd_, 0) != 0) return;
        gone_ = 0;
        std::string all;
        for (const auto& [at, line] : lines_) all += line;
        put(fd_, all.data(), all.size());
    }
    void forked() override {
        close(fd_);
        fd_ = -1;
        if (!start()) fd_ = -1;
    }

  private:
    void add(const Translation& t, const u8* code) {
        const u64 at = reinterpret_cast<u64>(code);
        const std::string& line = lines_[at] = fmt::format("{:x} {:x} vm:{:#x}\n", at, t.code_size, t.pc);
        put(fd_, line.data(), line.size());
    }
    int fd_ = -1;
    std::map<u64, std::string> lines_;  ///< by address
    u64 gone_ = 0;                      ///< lines of the file that are not in lines_
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
struct DumpCodeMove {
    u32 id = 1, total_size = 64;
    u64 timestamp = 0;
    u32 pid = 0, tid = 0;
    u64 vma = 0, old_addr = 0, new_addr = 0, code_size = 0, code_index = 0;
};
static_assert(sizeof(DumpCodeMove) == 64);

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
        r.code_index = indices_[r.vma] = index_++;
        put(fd_, &r, sizeof r);
        put(fd_, name.c_str(), name.size() + 1);
        put(fd_, code, t.code_size);
    }
    void moved(const Translation& from, const Translation& to, const u8* code) override {
        DumpCodeMove r;
        r.timestamp = osal::monotonic_ns();
        r.pid = static_cast<u32>(getpid());
        r.tid = static_cast<u32>(syscall(SYS_gettid));
        r.vma = r.new_addr = reinterpret_cast<u64>(code);
        r.old_addr = r.new_addr - to.code_offset + from.code_offset;
        r.code_size = to.code_size;
        r.code_index = indices_[r.vma] = indices_[r.old_addr];
        put(fd_, &r, sizeof r);
    }
    void removed(const Translation&, const u8* code) override {
        indices_.erase(
            reinterpret_cast<u64>(code));  // the format has no record for it; times tell code apart
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
    std::map<u64, u64> indices_;  ///< code_index of the code at an address
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
