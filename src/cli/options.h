// What people may type: CLI11 behind few words, so that one file pays for its templates.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bits.h"
#include "base/result.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace vm::cli {

/// One option or operand; belongs to its OptionParser.
class Option {
  public:
    explicit Option(CLI::Option* o) : o_(o) {}
    /// What the help calls its value; "": nothing.
    Option& value(const char* name);
    /// The variable that gives the value where it is not typed; "": none.
    Option& env(const char* variable);
    Option& one_of(std::vector<std::string> values);
    Option& required();
    Option& excludes(Option other);
    /// Refused without the other.
    Option& needs(Option other);
    /// Refuses "": the value of a variable that somebody forgot to set.
    Option& not_empty();
    /// Not for people: help does not show it.
    Option& hidden();
    Option& show_default();
    bool given() const;
    bool is(const std::string& name) const;  ///< "--name"
    bool takes_value() const;

  private:
    CLI::Option* o_;
};

class OptionParser {
  public:
    enum class Outcome : u8 { Parsed, Help };

    OptionParser(const char* what, const char* name);
    OptionParser(OptionParser&&) = delete;
    ~OptionParser();

    /// `names` as CLI11 has them ("-o,--output"; without a dash: an operand). The variables outlive the
    /// parser and hold the default.
    Option text(const char* names, std::string& value, const std::string& help = "");
    Option text(const char* names, std::optional<std::string>& value, const std::string& help = "");
    Option number(const char* names, int& value, const std::string& help = "");
    Option number(const char* names, i64& value, const std::string& help = "");
    Option number(const char* names, double& value, const std::string& help = "");
    Option flag(const char* names, bool& value, const std::string& help = "");
    /// "--name{default}": with or without =VALUE.
    Option flag(const char* names, std::string& value, const std::string& help);
    /// May be given again and again, one value each.
    Option list(const char* names, std::vector<std::string>& values, const std::string& help);
    /// All operands that are left.
    Option operands(const char* name, std::vector<std::string>& values, const std::string& help);

    /// One of these must be typed, if there are any.
    OptionParser& subcommand(const char* name, const char* help);
    /// It was: of a subcommand, once the parser it belongs to has parsed.
    bool typed() const;

    std::vector<Option> options();
    /// Columns for the options' names in the help.
    void set_help_column(unsigned width);
    /// Help goes to standard output. Errors: one clause that names what is wrong.
    Result<Outcome> parse(const std::vector<std::string>& args);

  private:
    explicit OptionParser(CLI::App* app);
    CLI::App* app_;
    std::unique_ptr<CLI::App> owned_;  ///< of the outermost
    std::vector<std::unique_ptr<OptionParser>> subcommands_;
};

}  // namespace vm::cli
