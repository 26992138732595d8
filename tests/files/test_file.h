// A file test: comment and options on top, then sections. What each section means is the business of the test
// that reads it.
//
//   # What the test shows.
//   option: value
//   --- section
//   text
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace vm::test {

class TestFile {
  public:
    /// Reads `path`; `error()` says what is wrong with it, or is empty.
    explicit TestFile(std::string path);
    const std::string& error() const { return error_; }
    /// The value of an option, or `otherwise`.
    std::string option(std::string_view name, std::string_view otherwise = {}) const;
    bool has(std::string_view section) const;
    /// Text of a section; empty if there is none.
    const std::string& section(std::string_view name) const;
    /// Compares `actual` with the section as it stands in the file and fails the running test with a diff
    /// where they differ. Under VM_BLESS=1 the section becomes `actual` instead; write() puts that into the
    /// file.
    void expect(std::string_view name, const std::string& actual);
    void write() const;

  private:
    struct Section {
        std::string name, text;
    };
    std::string path_, head_, error_;
    std::map<std::string, std::string, std::less<>> options_;
    std::vector<Section> sections_;
    bool changed_ = false;
};

/// VM_BLESS=1 is set.
bool blessing();
/// Names (without extension) of the files of `folder` that end in `extension`, sorted.
std::vector<std::string> test_files(const std::string& folder, std::string_view extension);
std::vector<std::string> lines_of(std::string_view text);
/// Line diff: "-" expected, "+" actual, with two lines of context.
std::string diff(std::string_view expected, std::string_view actual);

}  // namespace vm::test
