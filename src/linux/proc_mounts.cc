// /proc/self/{mountinfo,mounts,mountstats} under --root: what a kernel shows to a process with another root,
// which is the mounts below it, named from there (fs/proc_namespace.c).
#include <algorithm>

#include "base/format.h"
#include "linux/proc_files.h"

namespace vm::linux {
namespace {

/// Blanks and backslashes of names are octal in these files.
std::string unescaped(std::string_view text) {
    std::string out;
    auto digit = [&](size_t i) { return i < text.size() && text[i] >= '0' && text[i] <= '7'; };
    for (size_t i = 0; i < text.size(); i++) {
        if (text[i] == '\\' && digit(i + 1) && digit(i + 2) && digit(i + 3)) {
            out +=
                static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
            i += 3;
        } else {
            out += text[i];
        }
    }
    return out;
}
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == ' ' || c == '\t' || c == '\n' || c == '\\' || c == '#')
            out += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
        else
            out += c;
    }
    return out;
}

}  // namespace

std::string mounts_for_guest(const FileView& files, std::string_view text, std::string_view file) {
    const int field = file == "mounts"
                          ? 1
                          : 4;  // the others: "ID PARENT DEVICE ROOT POINT", "device SOURCE mounted on POINT"
    std::string out;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        size_t begin = 0;
        for (int i = 0; i < field && begin != line.npos; i++) {
            begin = line.find(' ', begin);
            if (begin != line.npos) begin++;
        }
        if (begin == line.npos) continue;
        const size_t end = std::min(line.find(' ', begin), line.size());
        const std::string host = unescaped(line.substr(begin, end - begin));
        if (!files.visible(host)) continue;
        out += line.substr(0, begin);
        out += escaped(files.guest_path(host));
        out += line.substr(end);
        out += '\n';
    }
    return out;
}

}  // namespace vm::linux
