#include "test_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace vm::test {
namespace {

constexpr std::string_view kMark = "--- ";

std::string trimmed(std::string_view s) {
    const auto begin = s.find_first_not_of(" \t");
    return begin == s.npos ? std::string()
                           : std::string(s.substr(begin, s.find_last_not_of(" \t") - begin + 1));
}

}  // namespace

bool blessing() {
    const char* v = std::getenv("VM_BLESS");
    return v != nullptr && std::string_view(v) == "1";
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> out;
    while (!text.empty()) {
        const auto end = text.find('\n');
        out.emplace_back(text.substr(0, end));
        text = end == text.npos ? std::string_view() : text.substr(end + 1);
    }
    return out;
}

TestFile::TestFile(std::string path) : path_(std::move(path)) {
    std::ifstream in(path_, std::ios::binary);
    if (!in) {
        error_ = "cannot read " + path_;
        return;
    }
    std::stringstream all;
    all << in.rdbuf();
    for (const std::string& line : lines_of(all.str())) {
        if (line.starts_with(kMark)) {
            sections_.push_back({trimmed(std::string_view(line).substr(kMark.size())), {}});
        } else if (!sections_.empty()) {
            sections_.back().text += line + '\n';
        } else {
            head_ += line + '\n';
            const auto colon = line.find(':');
            if (line.empty() || line[0] == '#') continue;
            if (colon == line.npos)
                error_ = path_ + ": expected `option: value`, found: " + line;
            else
                options_[trimmed(line.substr(0, colon))] = trimmed(line.substr(colon + 1));
        }
    }
    if (!head_.starts_with("# ")) error_ = path_ + ": the first line must say what the test shows (`# ...`)";
    if (sections_.empty()) error_ = path_ + ": no section (`--- name`)";
}

std::string TestFile::option(std::string_view name, std::string_view otherwise) const {
    const auto it = options_.find(name);
    return it == options_.end() ? std::string(otherwise) : it->second;
}

bool TestFile::has(std::string_view name) const {
    return std::ranges::any_of(sections_, [&](const Section& s) { return s.name == name; });
}

const std::string& TestFile::section(std::string_view name) const {
    static const std::string none;
    const auto it = std::ranges::find(sections_, name, &Section::name);
    return it == sections_.end() ? none : it->text;
}

void TestFile::expect(std::string_view name, const std::string& actual) {
    const auto it = std::ranges::find(sections_, name, &Section::name);
    if (it == sections_.end()) {
        ADD_FAILURE() << path_ << ": no section `--- " << name << "`";
        return;
    }
    if (it->text == actual) return;
    if (blessing()) {
        it->text = actual;
        changed_ = true;
        return;
    }
    ADD_FAILURE() << path_ << ", section " << name << " (- expected, + actual; VM_BLESS=1 rewrites it):\n"
                  << diff(it->text, actual);
}

void TestFile::write() const {
    if (!changed_) return;
    std::string all = head_;
    for (const Section& s : sections_) all += std::string(kMark) + s.name + '\n' + s.text;
    const std::string next = path_ + ".new";
    {
        std::ofstream out(next, std::ios::binary);
        out << all;
        ASSERT_TRUE(out.good()) << "cannot write " << next;
    }
    std::filesystem::rename(next, path_);
    std::printf("blessed %s\n", path_.c_str());
}

std::vector<std::string> test_files(const std::string& folder, std::string_view extension) {
    std::vector<std::string> out;
    std::error_code ec;
    for (const auto& e : std::filesystem::directory_iterator(folder, ec))
        if (e.path().extension() == extension) out.push_back(e.path().stem().string());
    std::ranges::sort(out);
    return out;
}

/// Longest common subsequence; the texts are a few hundred lines.
std::string diff(std::string_view expected, std::string_view actual) {
    const auto a = lines_of(expected), b = lines_of(actual);
    std::vector<std::vector<unsigned>> common(a.size() + 1, std::vector<unsigned>(b.size() + 1, 0));
    for (size_t i = a.size(); i-- > 0;)
        for (size_t j = b.size(); j-- > 0;)
            common[i][j] =
                a[i] == b[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    std::vector<std::string> out;
    std::vector<bool> shown;
    size_t i = 0, j = 0;
    while (i < a.size() || j < b.size()) {
        if (i < a.size() && j < b.size() && a[i] == b[j]) {
            out.push_back("  " + a[i++]);
            j++;
            shown.push_back(false);
        } else if (i < a.size() && (j == b.size() || common[i + 1][j] >= common[i][j + 1])) {
            out.push_back("- " + a[i++]);
            shown.push_back(true);
        } else {
            out.push_back("+ " + b[j++]);
            shown.push_back(true);
        }
    }
    std::string text;
    for (size_t k = 0; k < out.size(); k++) {
        bool near = false;
        for (size_t n = k < 2 ? 0 : k - 2; n <= k + 2 && n < out.size(); n++) near |= shown[n];
        if (near) text += out[k] + '\n';
    }
    return text;
}

}  // namespace vm::test
