// /proc/PID/{smaps,smaps_rollup,numa_maps}: the guest's mappings with the numbers that the host keeps of its
// own. A host mapping that holds several of the guest's (neighbours that differ only in being executable) is
// divided by resident pages.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/format.h"
#include "linux/proc_files.h"

namespace vm::linux {
namespace {

struct Field {
    std::string_view name;
    u64 value = 0;  ///< kB, or the bare number of THPeligible
    bool kb = true;
};
struct HostMapping {
    u64 begin = 0, end = 0;
    std::vector<Field> fields;
    std::string_view vm_flags;
};

std::string_view next_line(std::string_view& text) {
    const size_t to = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, to);
    text.remove_prefix(std::min(to + 1, text.size()));
    return line;
}

bool parse_range(std::string_view line, u64* begin, u64* end) {
    const char* stop = line.data() + line.size();
    auto r = std::from_chars(line.data(), stop, *begin, 16);
    if (r.ec != std::errc{} || r.ptr == stop || *r.ptr != '-') return false;
    r = std::from_chars(r.ptr + 1, stop, *end, 16);
    return r.ec == std::errc{};
}

/// `text` must outlive the result.
std::vector<HostMapping> parse_smaps(std::string_view text) {
    std::vector<HostMapping> all;
    while (!text.empty()) {
        const std::string_view line = next_line(text);
        HostMapping m;
        if (parse_range(line, &m.begin, &m.end)) {
            all.push_back(m);
            continue;
        }
        const size_t colon = line.find(':');
        if (colon == line.npos || all.empty()) continue;
        std::string_view value = line.substr(colon + 1);
        value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
        if (line.starts_with("VmFlags")) {
            all.back().vm_flags = value;
            continue;
        }
        Field f{line.substr(0, colon), 0, value.ends_with("kB")};
        std::from_chars(value.data(), value.data() + value.size(), f.value);
        all.back().fields.push_back(f);
    }
    return all;
}

/// Resident pages of the guest's memory.
class Pagemap {
  public:
    Pagemap() : fd_(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)) {}
    ~Pagemap() {
        if (fd_ >= 0) ::close(fd_);
    }
    Pagemap(const Pagemap&) = delete;
    Pagemap& operator=(const Pagemap&) = delete;
    /// `shift`: 63 counts resident pages, 62 those that are swapped out too.
    u64 resident(u64 begin, u64 end, u64 page, unsigned shift = 63) const {
        u64 count = 0, words[512];
        for (u64 at = begin / page; at < end / page;) {
            const u64 n = std::min<u64>(std::size(words), end / page - at);
            if (::pread(fd_, words, n * 8, static_cast<off_t>(at * 8)) != static_cast<ssize_t>(n * 8)) break;
            for (u64 i = 0; i < n; i++) count += words[i] >> shift != 0;
            at += n;
        }
        return count;
    }

  private:
    int fd_;
};

/// Kernel and MMU page size are not sums.
bool is_page_size(std::string_view name) { return name == "KernelPageSize" || name == "MMUPageSize"; }

struct GuestMapping {
    std::vector<Field> fields;
    std::string vm_flags;
};

class Numbers {
  public:
    explicit Numbers(const AddressSpace& mm)
        : mm_(mm), text_(read_host_file("/proc/self/smaps")), host_(parse_smaps(text_)) {}
    GuestMapping of(const Vma& v) const {
        GuestMapping g;
        auto it = std::partition_point(host_.begin(), host_.end(),
                                       [&](const HostMapping& m) { return m.end <= v.begin; });
        for (; it != host_.end() && it->begin < v.end; ++it) add(g, v, *it);
        for (Field& f : g.fields)
            if (f.name == "Size") f.value = (v.end - v.begin) >> 10;
        g.vm_flags = flags(v, g.vm_flags);
        return g;
    }

  private:
    void add(GuestMapping& g, const Vma& v, const HostMapping& m) const {
        const bool whole = m.begin >= v.begin && m.end <= v.end;
        u64 mine = 1, all = 1;
        if (!whole) {
            const u64 page = mm_.page_size();
            mine = pagemap_.resident(std::max(v.begin, m.begin), std::min(v.end, m.end), page);
            all = std::max<u64>(pagemap_.resident(m.begin, m.end, page), 1);
        }
        if (g.fields.empty()) {
            g.fields = m.fields;
            for (Field& f : g.fields)
                if (f.kb && !is_page_size(f.name)) f.value = 0;
            g.vm_flags = m.vm_flags;
        }
        for (size_t i = 0; i < m.fields.size() && i < g.fields.size(); i++)
            if (m.fields[i].kb && !is_page_size(m.fields[i].name))
                g.fields[i].value += whole ? m.fields[i].value : m.fields[i].value * mine / all;
    }
    static std::string flags(const Vma& v, std::string_view host) {
        std::string out;
        if (v.prot & PROT_READ) out += "rd ";
        if (v.prot & PROT_WRITE) out += "wr ";
        if (v.prot & PROT_EXEC) out += "ex ";
        while (host.size() >= 2) {
            const std::string_view flag = host.substr(0, 2);
            if (flag != "rd" && flag != "wr" && flag != "ex") out += fmt::format("{} ", flag);
            host.remove_prefix(std::min<size_t>(3, host.size()));
        }
        return out;
    }
    const AddressSpace& mm_;
    std::string text_;
    std::vector<HostMapping> host_;
    Pagemap pagemap_;
};

void print(const std::vector<Field>& fields, std::string& out) {
    for (const Field& f : fields)
        if (f.kb)
            out += fmt::format("{:<16}{:>8} kB\n", fmt::format("{}:", f.name), f.value);
        else
            out += fmt::format("{:<16}{:>8}\n", fmt::format("{}:", f.name), f.value);
}

}  // namespace

std::string proc_smaps_text(const AddressSpace& mm, const std::string& strip) {
    const Numbers numbers(mm);
    std::string out;
    const std::vector<Vma> vmas = mm.snapshot();
    const std::vector<std::string> lines = maps_lines(vmas, strip);
    for (size_t i = 0; i < vmas.size(); i++) {
        const GuestMapping g = numbers.of(vmas[i]);
        out += lines[i] + "\n";
        print(g.fields, out);
        out += fmt::format("VmFlags: {}\n", g.vm_flags);
    }
    return out;
}

std::string proc_smaps_rollup_text(const AddressSpace& mm) {
    const Numbers numbers(mm);
    const std::vector<Vma> all = mm.snapshot();
    if (all.empty()) return {};
    std::vector<Field> sum;
    for (const Vma& v : all) {
        const GuestMapping g = numbers.of(v);
        for (const Field& f : g.fields) {
            if (!f.kb || f.name == "Size" || is_page_size(f.name)) continue;
            const auto at =
                std::find_if(sum.begin(), sum.end(), [&](const Field& s) { return s.name == f.name; });
            if (at == sum.end())
                sum.push_back(f);
            else
                at->value += f.value;
        }
    }
    std::string out = fmt::format("{:08x}-{:08x} ---p 00000000 00:00 0 ", all.front().begin, all.back().end);
    out.resize(std::max<size_t>(out.size(), 73), ' ');
    out += "[rollup]\n";
    print(sum, out);
    return out;
}

u64 pages_in_use(u64 begin, u64 end, u64 page) { return Pagemap().resident(begin, end, page, 62); }

std::vector<MappingUse> mapping_use(const AddressSpace& mm, const std::vector<Vma>& vmas) {
    const Numbers numbers(mm);
    const std::vector<std::string> lines = maps_lines(vmas, {});
    std::vector<MappingUse> all;
    for (size_t i = 0; i < vmas.size(); i++) {
        const GuestMapping g = numbers.of(vmas[i]);
        MappingUse use;
        for (const Field& f : g.fields)
            if (f.name == "Anonymous" || f.name == "Swap") use.anonymous |= f.value != 0;
        use.dont_dump = (" " + g.vm_flags).find(" dd ") != std::string::npos;
        use.deleted = lines[i].ends_with(" (deleted)");
        all.push_back(use);
    }
    return all;
}

std::string proc_numa_maps_text(const AddressSpace& mm) {
    const std::string text = read_host_file("/proc/self/numa_maps");
    std::string_view rest = text;
    std::string out;
    while (!rest.empty()) {
        const std::string_view line = next_line(rest);
        u64 at = 0;
        std::from_chars(line.data(), line.data() + line.size(), at, 16);
        if (mm.prot_at(at) >= 0) out += fmt::format("{}\n", line);
    }
    return out;
}

}  // namespace vm::linux
