// /proc/self/maps of the guest: permissions and borders from our tree, names of files from the host's list.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <charconv>
#include <string_view>

#include "base/format.h"
#include "linux/address_space.h"
#include "linux/proc_files.h"

namespace vm::linux {
namespace {

struct HostLine {
    u64 begin = 0, end = 0;
    std::string_view device, inode, name;
};

std::string read_all(const char* path) {
    std::string text;
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return text;
    char chunk[16384];
    for (ssize_t n; (n = ::read(fd, chunk, sizeof chunk)) > 0;) text.append(chunk, static_cast<size_t>(n));
    ::close(fd);
    return text;
}

std::string_view word(std::string_view& line) {
    const size_t from = std::min(line.find_first_not_of(' '), line.size());
    const size_t to = std::min(line.find(' ', from), line.size());
    const std::string_view w = line.substr(from, to - from);
    line.remove_prefix(to);
    return w;
}

/// "begin-end perms offset device inode   name"
std::vector<HostLine> parse(std::string_view text) {
    std::vector<HostLine> lines;
    while (!text.empty()) {
        const size_t eol = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, eol);
        text.remove_prefix(std::min(eol + 1, text.size()));
        HostLine h;
        const std::string_view range = word(line);
        const size_t dash = range.find('-');
        if (dash == std::string_view::npos) continue;
        std::from_chars(range.data(), range.data() + dash, h.begin, 16);
        std::from_chars(range.data() + dash + 1, range.data() + range.size(), h.end, 16);
        word(line);
        word(line);
        h.device = word(line);
        h.inode = word(line);
        const size_t name = line.find_first_not_of(' ');
        if (name != std::string_view::npos) h.name = line.substr(name);
        lines.push_back(h);
    }
    return lines;
}

}  // namespace

std::vector<std::string> maps_lines(const std::vector<Vma>& vmas, const std::string& strip) {
    const std::string host_text = read_all("/proc/self/maps");
    const std::vector<HostLine> host = parse(host_text);
    std::vector<std::string> out;
    size_t h = 0;
    for (const Vma& v : vmas) {
        while (h < host.size() && host[h].end <= v.begin) h++;
        HostLine info{.device = "00:00", .inode = "0", .name = {}};
        const bool shared = (v.flags & 0xf) != MAP_PRIVATE;
        const bool object = v.file_id != 0;
        if (object && h < host.size() && host[h].begin <= v.begin) info = host[h];
        std::string_view name = v.path;
        if (object && !info.name.empty()) name = info.name;
        if (!strip.empty() && name.size() > strip.size() && name.starts_with(strip) &&
            name[strip.size()] == '/')
            name.remove_prefix(strip.size());
        std::string line = fmt::format("{:08x}-{:08x} {}{}{}{} {:08x} {} {} ", v.begin, v.end,
                                       v.prot & PROT_READ ? 'r' : '-', v.prot & PROT_WRITE ? 'w' : '-',
                                       v.prot & PROT_EXEC ? 'x' : '-', shared ? 's' : 'p',
                                       object ? v.offset : 0, info.device, info.inode);
        if (!name.empty()) {
            if (line.size() < 73) line.resize(73, ' ');  // the kernel's column
            line += name;
        }
        out.push_back(std::move(line));
    }
    return out;
}

std::string AddressSpace::maps_text(const std::string& strip) const {
    std::string out;
    for (const std::string& line : maps_lines(snapshot(), strip)) out += line + "\n";
    return out;
}

}  // namespace vm::linux
