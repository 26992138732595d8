// isagen FILE... --out DIR NAME...: writes the decoder, disassembler, dispatch and list of one ISA table,
// which may be spread over files. NAMEs are what messages and generated comments call them. Files whose text
// does not change keep their time stamp, so nothing that includes them is compiled again.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "base/format.h"
#include "isagen/table.h"

namespace {

int complain(const std::string& message) {
    std::fputs(fmt::format("isagen: {}\n", message).c_str(), stderr);
    return 1;
}

bool read_file(const std::string& path, std::string* text) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return false;
    text->assign(std::istreambuf_iterator<char>(in), {});
    return !in.bad();
}

bool write_if_changed(const std::string& path, const std::string& text) {
    std::string old;
    if (read_file(path, &old) && old == text) return true;
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << text;
    return static_cast<bool>(out.flush());
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    const size_t n = words.size() / 2 - 1;
    if (words.size() < 4 || words.size() % 2 || words[n] != "--out" || words[n + 1].empty())
        return complain("usage: isagen FILE... --out DIR NAME-IN-MESSAGES...");
    const std::string& dir = words[n + 1];
    std::vector<std::string> texts(n);
    std::vector<vm::isagen::Source> sources;
    for (size_t k = 0; k < n; ++k) {
        if (!read_file(words[k], &texts[k])) return complain(fmt::format("cannot read {}", words[k]));
        sources.push_back({texts[k], words[n + 2 + k]});
    }
    auto table = vm::isagen::parse_table(sources);
    if (!table) return complain(table.error().message);
    if (const auto ok = vm::isagen::check_table(*table); !ok) return complain(ok.error().message);

    const std::pair<std::string, std::string> files[] = {
        {"decode.h", emit_header(*table)},      {"handlers.h", emit_handler_list(*table)},
        {"decode.cc", emit_decoder(*table)},    {"disasm.cc", emit_disassembler(*table)},
        {"dispatch.cc", emit_dispatch(*table)}, {"encodings.md", emit_markdown(*table)},
    };
    for (const auto& [name, contents] : files) {
        const std::string out = fmt::format("{}/{}_{}", dir, table->prefix, name);
        if (!write_if_changed(out, contents)) return complain(fmt::format("cannot write {}", out));
    }
    return 0;
}
