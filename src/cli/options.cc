#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/format.h"

namespace vm::cli {

Option& Option::value(const char* name) {
    o_->type_name(name);
    return *this;
}
Option& Option::env(const char* variable) {
    o_->envname(variable);
    return *this;
}
Option& Option::one_of(std::vector<std::string> values) {
    o_->check(CLI::IsMember(std::move(values)));
    return *this;
}
Option& Option::required() {
    o_->required();
    return *this;
}
Option& Option::excludes(Option other) {
    o_->excludes(other.o_);
    return *this;
}
Option& Option::needs(Option other) {
    o_->needs(other.o_);
    return *this;
}
Option& Option::not_empty() {
    o_->check([](const std::string& text) { return std::string(text.empty() ? "the value is empty" : ""); });
    return *this;
}
Option& Option::hidden() {
    o_->group("");
    return *this;
}
Option& Option::show_default() {
    o_->capture_default_str();
    return *this;
}
bool Option::given() const { return o_->count() != 0; }
bool Option::is(const std::string& name) const { return o_->check_name(name); }
bool Option::takes_value() const { return o_->get_items_expected_max() > 0; }

OptionParser::OptionParser(const char* what, const char* name)
    : app_(new CLI::App(what, name)), owned_(app_) {
    app_->set_help_flag("-h,--help", "this help");
}
OptionParser::OptionParser(CLI::App* app) : app_(app) {}
OptionParser::~OptionParser() = default;

Option OptionParser::text(const char* names, std::string& value, const std::string& help) {
    return Option(app_->add_option(names, value, help));
}
Option OptionParser::text(const char* names, std::optional<std::string>& value, const std::string& help) {
    return Option(app_->add_option(names, value, help));
}
Option OptionParser::number(const char* names, int& value, const std::string& help) {
    return Option(app_->add_option(names, value, help));
}
Option OptionParser::number(const char* names, i64& value, const std::string& help) {
    return Option(app_->add_option(names, value, help));
}
Option OptionParser::number(const char* names, double& value, const std::string& help) {
    return Option(app_->add_option(names, value, help));
}
Option OptionParser::flag(const char* names, bool& value, const std::string& help) {
    return Option(app_->add_flag(names, value, help));
}
Option OptionParser::flag(const char* names, std::string& value, const std::string& help) {
    return Option(app_->add_flag(names, value, help));
}
Option OptionParser::list(const char* names, std::vector<std::string>& values, const std::string& help) {
    return Option(app_->add_option(names, values, help)->expected(1)->take_all());
}
Option OptionParser::operands(const char* name, std::vector<std::string>& values, const std::string& help) {
    return Option(app_->add_option(name, values, help));
}

OptionParser& OptionParser::subcommand(const char* name, const char* help) {
    app_->require_subcommand(1);
    subcommands_.emplace_back(new OptionParser(app_->add_subcommand(name, help)));
    return *subcommands_.back();
}
bool OptionParser::typed() const { return app_->parsed(); }

std::vector<Option> OptionParser::options() {
    std::vector<Option> all;
    for (CLI::Option* o : app_->get_options()) all.emplace_back(o);
    return all;
}
void OptionParser::set_help_column(unsigned width) { app_->get_formatter()->column_width(width); }

Result<OptionParser::Outcome> OptionParser::parse(const std::vector<std::string>& args) {
    try {
        std::vector<std::string> reversed(args.rbegin(), args.rend());
        app_->parse(reversed);
    } catch (const CLI::CallForHelp&) {
        std::fputs(app_->help().c_str(), stdout);  // of the subcommand if there is one
        return Outcome::Help;
    } catch (const CLI::ExtrasError& e) {
        const std::vector<std::string> unknown = app_->remaining(true);
        if (unknown.empty() || !unknown.front().starts_with('-'))
            return fail(ErrorKind::InvalidArgument, e.what());
        return fail(ErrorKind::InvalidArgument, fmt::format("unknown option '{}'; {} --help lists them",
                                                            unknown.front(), app_->get_name()));
    } catch (const CLI::ParseError& e) {
        return fail(ErrorKind::InvalidArgument, e.what());
    }
    return Outcome::Parsed;
}

}  // namespace vm::cli
