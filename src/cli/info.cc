// `vm info`: what this build and this host can do; `vm info FILE`: what a program file is.
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/format.h"
#include "cli/cli.h"
#include "cli/guests.h"
#include "cli/jit_options.h"

namespace vm::cli {
namespace {

using nlohmann::ordered_json;

ordered_json host_facts() {
    utsname u{};
    ::uname(&u);
    ordered_json features = ordered_json::array();
#define FEATURE(name) \
    if (__builtin_cpu_supports(name)) features.push_back(name)
    __builtin_cpu_init();
    FEATURE("sse4.1");
    FEATURE("sse4.2");
    FEATURE("popcnt");
    FEATURE("avx");
    FEATURE("avx2");
    FEATURE("bmi");
    FEATURE("bmi2");
    FEATURE("fma");
    FEATURE("avx512f");
#undef FEATURE
    return {{"system", u.sysname},
            {"release", u.release},
            {"machine", u.machine},
            {"processors", ::sysconf(_SC_NPROCESSORS_ONLN)},
            {"page_size", ::sysconf(_SC_PAGESIZE)},
            {"features", features}};
}

ordered_json build_facts() {
    ordered_json opts = ordered_json::array();
    for (const std::string& n : jit_option_names()) opts.push_back(n);
    ordered_json kinds = ordered_json::array();
    for (const GuestKind& k : guest_kinds())
        kinds.push_back({{"isa", k.name()},
                         {"mode", "Linux programs"},
                         {"tiers", ordered_json::array({"interp", "1", "2"})}});
    return {{"host", host_facts()}, {"guests", kinds}, {"jit_options", opts}};
}

void print_text(const ordered_json& j, int indent = 0) {
    for (const auto& [key, value] : j.items()) {
        if (value.is_object()) {
            fmt::print("{:{}}{}:\n", "", indent, key);
            print_text(value, indent + 2);
        } else if (value.is_array()) {
            fmt::print("{:{}}{}:", "", indent, key);
            for (const auto& v : value) {
                if (v.is_object()) {
                    fmt::print("\n");
                    print_text(v, indent + 2);
                } else {
                    fmt::print(" {}", v.is_string() ? v.get<std::string>() : v.dump());
                }
            }
            if (value.empty() || !value[0].is_object()) fmt::print("\n");
        } else {
            fmt::print("{:{}}{}: {}\n", "", indent, key,
                       value.is_string() ? value.get<std::string>() : value.dump());
        }
    }
}

Result<ordered_json> file_facts(const std::string& path) {
    auto e = linux::describe_elf(path, linux::elf_targets(guests()));
    if (!e) return std::unexpected(e.error());
    return ordered_json{{"file", path},
                        {"class", e->is_64 ? "ELF64" : "ELF32"},
                        {"byte_order", e->little_endian ? "little" : "big"},
                        {"machine", e->machine_name},
                        {"type", e->type_name},
                        {"interpreter", e->interpreter},
                        {"entry", fmt::format("{:#x}", e->entry)},
                        {"runnable", e->runnable},
                        {"reason", e->reason}};
}

}  // namespace

int info_command(const std::vector<std::string>& args) {
    bool json = false, only_opts = false;
    std::string file;
    for (size_t i = 0; i < args.size(); i++) {
        if ((args[i] == "-o" && i + 1 < args.size() && args[i + 1] == "json") || args[i] == "-ojson") {
            json = true;
            i += args[i] == "-o";
        } else if (args[i] == "--jit-opts") {
            only_opts = true;
        } else if (args[i] == "-h" || args[i] == "--help") {
            std::fputs("usage: vm info [-o json] [--jit-opts] [FILE]\n", stdout);
            return 0;
        } else if (args[i].size() > 1 && args[i][0] == '-') {
            complain(
                fmt::format("info: unknown option '{}'; vm info [-o json] [--jit-opts] [FILE]", args[i]));
            return kExitTool;
        } else if (file.empty()) {
            file = args[i];
        } else {
            complain(fmt::format("info: one file at a time, '{}' is too much", args[i]));
            return kExitTool;
        }
    }
    if (only_opts) {
        for (const std::string& n : jit_option_names()) fmt::print("{}\n", n);
        return 0;
    }
    ordered_json facts;
    if (file.empty()) {
        facts = build_facts();
    } else {
        auto f = file_facts(file);
        if (!f) {
            complain(f.error().message);
            return exit_status(f.error());
        }
        facts = std::move(*f);
    }
    if (json)
        fmt::print("{}\n", facts.dump(2));
    else
        print_text(facts);
    return 0;
}

}  // namespace vm::cli
