// /proc/PID/{stat,status,statm,limits}: the host's text with the guest's memory, signals and limits in it.
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <functional>

#include "base/format.h"
#include "linux/proc_files.h"
#include "linux/signals.h"

namespace vm::linux {
namespace {

/// Bytes of mappings by what they are (mm/mmap.c, vm_stat_account; fs/proc/task_mmu.c, task_mem).
struct Usage {
    u64 total = 0, peak = 0, data = 0, stack = 0, program = 0, libraries = 0;
};
Usage usage(Process& p) {
    Usage u;
    u64 executable = 0;
    for (const Vma& v : p.mm().snapshot()) {
        const u64 bytes = v.end - v.begin;
        const bool is_private = (v.flags & 0xf) == MAP_PRIVATE;
        u.total += bytes;
        if (v.path == "[stack]")
            u.stack += bytes;
        else if ((v.prot & PROT_EXEC) && !(v.prot & PROT_WRITE))
            executable += bytes;
        else if ((v.prot & PROT_WRITE) && is_private)
            u.data += bytes;
    }
    u.peak = std::max(p.mm().peak_bytes(), u.total);
    const u64 page = p.mm().page_size();
    u.program = align_up(p.code_end, page) - align_down(p.code_start, page);
    u.program = std::min(u.program, executable);
    u.libraries = executable - u.program;
    return u;
}

u64 number_of(std::string_view s) {
    u64 v = 0;
    while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
    std::from_chars(s.data(), s.data() + s.size(), v);
    return v;
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const size_t to = std::min(text.find(separator), text.size());
        parts.emplace_back(text.substr(0, to));
        text.remove_prefix(std::min(to + 1, text.size()));
    }
    return parts;
}

/// Calls `change(key, value)` for each "Key:\tvalue" line and puts its answer in place of the value.
std::string map_lines(const std::string& text,
                      const std::function<std::string(std::string_view, std::string_view)>& change) {
    std::string out;
    for (const std::string& line : split(text, '\n')) {
        const size_t colon = line.find(':');
        if (colon == line.npos) {
            out += line + "\n";
            continue;
        }
        const std::string_view key = std::string_view(line).substr(0, colon);
        if (key.starts_with("x86_")) continue;  // of the host's processor
        out += fmt::format("{}:{}\n", key, change(key, std::string_view(line).substr(colon + 1)));
    }
    return out;
}

/// Without the thread of tier 2.
std::string guest_threads(Process& p, std::string_view host) {
    const u64 n = number_of(host);
    return fmt::format("{}", n > 1 && p.engine().background_tid() != 0 ? n - 1 : n);
}

}  // namespace

/// proc(5), fields counted from 1.
std::string proc_stat_text(Thread& t, const std::string& path, int tid) {
    Process& p = t.process();
    const std::string line = read_host_file(path);
    const size_t paren = line.rfind(')');
    if (paren == line.npos || paren + 2 > line.size()) return line;
    std::string_view rest = std::string_view(line).substr(paren + 2);
    if (rest.ends_with('\n')) rest.remove_suffix(1);
    std::vector<std::string> fields = split(rest, ' ');  // fields[0] is field 3
    const Usage u = usage(p);
    const SignalSets s = signal_sets(t, tid);
    const auto low = [](u64 set) { return set & 0x7fffffff; };
    const std::pair<size_t, u64> guest[] = {
        {23, u.total},    {26, p.code_start},   {27, p.code_end},     {28, p.initial_sp},  {29, 0},
        {30, 0},          {32, low(s.blocked)}, {33, low(s.ignored)}, {34, low(s.caught)}, {45, p.data_start},
        {46, p.data_end}, {47, p.brk_start},    {48, p.arg_start},    {49, p.arg_end},     {50, p.env_start},
        {51, p.env_end}};
    for (const auto& [field, value] : guest)
        if (field - 3 < fields.size()) fields[field - 3] = fmt::format("{}", value);
    constexpr size_t kNumThreads = 20 - 3;
    if (fields.size() > kNumThreads) fields[kNumThreads] = guest_threads(p, fields[kNumThreads]);
    // Resident pages are the process's, ours included, but never more than the guest has mapped.
    if (fields.size() > 21)
        fields[21] = fmt::format("{}", std::min(number_of(fields[21]), u.total / p.mm().page_size()));
    std::string out = line.substr(0, paren + 1);
    for (const std::string& f : fields) out += " " + f;
    return out + "\n";
}

std::string proc_status_text(Thread& t, const std::string& path, int tid) {
    Process& p = t.process();
    const Usage u = usage(p);
    const SignalSets s = signal_sets(t, tid);
    const auto kb = [](u64 bytes) { return fmt::format("\t{:8} kB", bytes >> 10); };
    const auto set = [](u64 v) { return fmt::format("\t{:016x}", v); };
    const std::string host = read_host_file(path);
    return map_lines(host, [&](std::string_view key, std::string_view value) -> std::string {
        if (key == "Threads") return "\t" + guest_threads(p, value);
        if (key == "VmPeak") return kb(u.peak);
        if (key == "VmSize") return kb(u.total);
        if (key == "VmData") return kb(u.data);
        if (key == "VmStk") return kb(u.stack);
        if (key == "VmExe") return kb(u.program);
        if (key == "VmLib") return kb(u.libraries);
        // What is resident or locked is the process's, ours included; never more than the guest has mapped.
        if (key == "VmHWM" || key == "VmRSS" || key == "VmLck" || key == "RssAnon" || key == "RssFile" ||
            key == "RssShmem")
            return kb(std::min(number_of(value) << 10, key == "VmHWM" ? u.peak : u.total));
        if (key == "SigBlk") return set(s.blocked);
        if (key == "SigIgn") return set(s.ignored);
        if (key == "SigCgt") return set(s.caught);
        if (key == "untag_mask") return fmt::format("\t{:#x}", ~p.abi().tag_bits);
        return std::string(value);
    });
}

std::string proc_statm_text(Process& p, const std::string& path) {
    std::vector<std::string> host = split(read_host_file(path), ' ');
    if (host.size() < 7) return {};
    const Usage u = usage(p);
    const u64 page = p.mm().page_size(), total = u.total / page;
    return fmt::format("{} {} {} {} 0 {} 0\n", total, std::min(number_of(host[1]), total),
                       std::min(number_of(host[2]), total), u.program / page, (u.data + u.stack) / page);
}

std::string proc_limits_text(const std::string& path) {
    const std::pair<std::string_view, int> own[] = {
        {"Max data size", RLIMIT_DATA}, {"Max stack size", RLIMIT_STACK}, {"Max address space", RLIMIT_AS}};
    std::string out;
    for (const std::string& line : split(read_host_file(path), '\n')) {
        std::string text = line;
        for (const auto& [name, resource] : own) {
            u64 cur, max;
            if (!line.starts_with(name) || !own_limit(resource, &cur, &max)) continue;
            const auto value = [](u64 v) {
                return v == RLIM_INFINITY ? std::string("unlimited") : fmt::format("{}", v);
            };
            text = fmt::format("{:<25} {:<20} {:<20} {:<10}", name, value(cur), value(max), "bytes");
        }
        out += text + "\n";
    }
    return out;
}

}  // namespace vm::linux
