#include "cli/top_sample.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "base/format.h"
#include "osal/host.h"

namespace vm::cli {
namespace {

using engine::Exposed;

/// Looks at a process that is about to become a vm, or whose counters change while they are read.
constexpr int kLooks = 20;
constexpr unsigned kPauseUs = 20'000;
/// A process younger than this may be between fork and exec.
constexpr double kYoungS = 0.5;
constexpr int kCopies = 8;  ///< of a structure, until two agree

/// The build ids of this program and of the vm-user beside it.
std::vector<std::string> our_builds() {
    std::vector<std::string> out{osal::build_id()};
    char name[4096];
    const ssize_t n = ::readlink("/proc/self/exe", name, sizeof name);
    if (n <= 0) return out;
    std::string path(name, static_cast<size_t>(n));
    path.replace(path.rfind('/') + 1, std::string::npos, "vm-user");
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return out;
    if (const auto file = osal::read_program_file(fd, engine::kExposedSection)) out.push_back(file->build_id);
    ::close(fd);
    return out;
}

template <class S>
bool rises(const S& from, const S& to, std::span<const engine::Counter<S>> counters) {
    return std::ranges::all_of(counters, [&](const auto& c) { return from.*c.member <= to.*c.member; });
}

std::string isa_name(const char (&name)[16]) {
    std::string out;
    for (const char c : name) {
        if (c == 0) break;
        out += c > ' ' && c < 0x7f ? c : '?';
    }
    return out;
}

}  // namespace

Result<void> check_program(int pid, const std::string& name, const osal::ProgramFile& program,
                           const std::vector<std::string>& ours) {
    if (!program.section)
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("process {} runs {}, which is no vm that can be watched", pid, name));
    const bool known = !program.build_id.empty() && std::ranges::find(ours, program.build_id) != ours.end();
    if (known && program.section->size >= sizeof(Exposed)) return {};
    return fail(ErrorKind::InvalidArgument,
                fmt::format("process {} runs another build of vm ({}, build id {}; this one has {}): use the "
                            "vm that lies beside it",
                            pid, name, program.build_id.empty() ? "none" : program.build_id,
                            ours.empty() ? "none" : ours[0]));
}

template <class T>
Result<void> TopTarget::read(u64 address, T& out) const {
    static_assert(std::is_trivially_copyable_v<T>);
    return process_.read(address, &out, sizeof out);
}

Result<void> TopTarget::locate() {
    auto program = process_.program(engine::kExposedSection);
    if (!program && program.error().kind != ErrorKind::NotExecutable) return std::unexpected(program.error());
    if (!program) program = osal::ProgramFile{};
    if (auto ok = check_program(process_.pid(), process_.program_name(), *program, our_builds()); !ok)
        return ok;
    const auto headers = process_.header_address();
    if (!headers) return std::unexpected(headers.error());
    exposed_ = *headers - program->header_address + program->section->address;
    return {};
}

Result<TopTarget> TopTarget::attach(int pid) {
    auto process = osal::OtherProcess::open(pid);
    if (!process) return std::unexpected(process.error());
    TopTarget target(std::move(*process));
    for (;;) {
        auto found = target.locate();
        if (found) return target;
        if (found.error().kind == ErrorKind::Io || target.process_.age() > kYoungS)
            return std::unexpected(found.error());
        ::usleep(kPauseUs);
    }
}

/// The middle one of three copies in which no counter falls: no part of it is half old, half new.
template <class S>
Result<void> TopTarget::read_counters(u64 address, std::span<const engine::Counter<S>> counters,
                                      S& out) const {
    S copies[3];
    for (int n = 0; n < kCopies; n++) {
        for (S& c : copies)
            if (auto r = read(address, c); !r) return r;
        if (rises(copies[0], copies[1], counters) && rises(copies[1], copies[2], counters)) break;
    }
    out = copies[1];
    return {};
}

Result<void> TopTarget::read_vcpus(const Exposed& exposed, TopSample& s) const {
    const auto threads = process_.threads();
    for (u32 i = 0; i < Exposed::kMost; i++) {
        const engine::ExposedVcpu& v = exposed.vcpus[i];
        if (v.tid == 0) continue;
        TopVcpu vcpu;
        u64 icount = 0;
        engine::ExposedVcpu again;
        auto ok = read_counters(v.stats, engine::run_counters(), vcpu.stats);
        if (ok) ok = read(v.icount, icount);
        if (ok && v.hart != 0) ok = read(v.hart, vcpu.hart.emplace());
        if (auto r = read(exposed_ + offsetof(Exposed, vcpus) + i * sizeof v, again); !r) return r;
        // It may be gone by now, and what was read other things.
        if (again.tid != v.tid || again.serial != v.serial) continue;
        if (!ok) return ok;
        vcpu.identity = u64{i} << 32 | v.serial;
        const auto thread = threads.find(v.tid);
        vcpu.tid = thread != threads.end() ? thread->second : v.tid;
        if (thread != threads.end()) vcpu.user_ticks = process_.user_ticks(vcpu.tid);
        s.run += vcpu.stats;
        s.icount += icount;
        s.vcpus.push_back(std::move(vcpu));
    }
    return {};
}

Result<void> TopTarget::read_devices(const Exposed& exposed, TopSample& s) const {
    for (const engine::ExposedDevice& d : exposed.devices) {
        if (d.name[0] == 0) continue;
        TopDevice out{.name = std::string(d.name, ::strnlen(d.name, sizeof d.name)),
                      .requests = {},
                      .bytes = {},
                      .interrupts = {}};
        const std::pair<u64, std::optional<u64>*> counters[] = {
            {d.requests, &out.requests}, {d.bytes, &out.bytes}, {d.interrupts, &out.interrupts}};
        for (const auto& [address, value] : counters)
            if (address != 0)
                if (auto r = read(address, value->emplace()); !r) return r;
        s.devices.push_back(std::move(out));
    }
    return {};
}

Result<void> TopTarget::read_places(const Exposed& exposed, TopSample& s) const {
    s.tier2 = exposed.engine.places != 0;
    if (!s.tier2) return {};
    jit::HotPlaces copies[2];
    bool whole = false;
    for (int n = 0; n < kCopies && !whole; n++) {
        for (auto& c : copies)
            if (auto r = read(exposed.engine.places, c); !r) return r;
        whole = copies[0].sequence % 2 == 0 && std::memcmp(&copies[0], &copies[1], sizeof copies[0]) == 0;
    }
    if (!whole) return {};
    s.places = copies[0];
    s.places.count = std::min(s.places.count, jit::HotPlaces::kMost);
    std::sort(s.places.places, s.places.places + s.places.count,
              [](const auto& a, const auto& b) { return a.weight > b.weight; });
    if (s.places.tid != 0) {
        const auto threads = process_.threads();
        const auto thread = threads.find(s.places.tid);
        if (thread != threads.end()) {
            s.places.tid = thread->second;
            s.tier2_ticks = process_.user_ticks(thread->second);
        }
    }
    const std::string maps = s.places.count != 0 ? process_.maps() : std::string();
    for (u32 i = 0; i < s.places.count; i++)
        s.files.push_back(osal::find_file_place(maps, s.places.places[i].pc));
    return {};
}

/// `steady`: no vCPU came or went meanwhile.
Result<TopSample> TopTarget::look(bool* steady) const {
    const int pid = process_.pid();
    Exposed exposed;
    u32 sequence = 0;
    if (auto r = read(exposed_, exposed); !r) return std::unexpected(r.error());
    const engine::ExposedEngine& e = exposed.engine;
    if (exposed.magic != Exposed::kMagic || exposed.layout != Exposed::layout_of_this_build())
        return fail(ErrorKind::NotFound,
                    fmt::format("process {} runs a vm-user of another build than this vm", pid));
    if (e.jit_stats == 0)
        return fail(ErrorKind::NotFound, fmt::format("process {} is a vm that runs no guest", pid));
    if (exposed.pid != process_.inner_pid())
        return fail(
            ErrorKind::NotFound,
            fmt::format("process {} runs in the memory of process {}, which counts for both: vm top {}", pid,
                        exposed.pid, exposed.pid));
    TopSample s;
    s.pid = pid;
    s.at_ns = osal::monotonic_ns();
    s.isa = isa_name(e.isa);
    s.tier = e.tier;
    s.timings = e.timings != 0;
    s.exact_icount = e.exact_icount != 0;
    s.unlisted = exposed.unlisted;
    s.code_limit = e.code_limit;
    auto ok = read_counters(e.jit_stats, engine::jit_counters(), s.jit);
    if (ok) ok = read(e.code_bytes, s.code_bytes);
    if (ok) ok = read_counters(e.ended_stats, engine::run_counters(), s.run);
    if (ok) ok = read(e.ended_icount, s.icount);
    if (ok) ok = read_vcpus(exposed, s);
    if (ok) ok = read_devices(exposed, s);
    if (ok) ok = read(exposed_ + offsetof(Exposed, sequence), sequence);
    *steady = ok && sequence % 2 == 0 && sequence == exposed.sequence;
    if (ok) ok = read_places(exposed, s);
    if (!ok) return std::unexpected(ok.error());
    s.age_s = process_.age();
    s.command = process_.command_line();
    return s;
}

Result<std::optional<TopSample>> TopTarget::sample() {
    for (int n = 1;; n++) {
        bool steady = false;
        auto s = look(&steady);
        if (s && (steady || n >= kLooks)) return std::optional(std::move(*s));
        if (process_.ended()) return std::nullopt;
        if (s) continue;
        if (s.error().kind != ErrorKind::NotFound || n >= kLooks) return std::unexpected(s.error());
        ::usleep(kPauseUs);
        // It may have executed another program.
        const auto found = locate();
        if (found || found.error().kind == ErrorKind::NotFound) continue;
        if (process_.ended()) return std::nullopt;
        return std::unexpected(found.error());
    }
}

}  // namespace vm::cli
