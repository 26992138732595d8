// `vm cache ls|verify|prune|warm`: the translations that are kept between runs.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/format.h"
#include "cli/cli.h"
#include "jit/image_store.h"

namespace vm::cli {
namespace {

using nlohmann::ordered_json;

struct CacheOptions {
    std::string dir, format = "text", size = "1G";
};

/// One file: what it holds, or what is wrong with it.
ordered_json describe(const jit::ImageStore& store, const osal::DirEntry& e) {
    ordered_json j{{"name", e.name}, {"bytes", e.bytes}, {"used", e.used_s}};
    const auto stored = store.load_named(e.name);
    if (!stored) {
        j["error"] = stored.error().message;
        return j;
    }
    const jit::Image& i = stored->image;
    j["translations"] = i.block_count();
    u32 regions = 0;
    for (u32 b = 0; b < i.block_count(); b++) regions += i.block(b).region;
    j["regions"] = regions;
    j["guest_begin"] = fmt::format("{:#x}", i.key().begin);
    j["guest_bytes"] = i.key().end - i.key().begin;
    j["file_bytes"] = i.key().file_size;
    j["shared_memory"] = i.key().alone == 0;
    return j;
}

std::string local_time(i64 seconds) {
    const time_t t = seconds;
    tm parts{};
    char text[32] = "";
    if (::localtime_r(&t, &parts) != nullptr) std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts);
    return text;
}

void print_row(const ordered_json& j) {
    fmt::print("{:36}  {:>10}  {:16}  ", j["name"].get<std::string>(), j["bytes"].get<u64>(),
               local_time(j["used"].get<i64>()));
    if (j.contains("error"))
        fmt::print("{}\n", j["error"].get<std::string>());
    else
        fmt::print("{:>12}  {:>14}\n", j["translations"].get<u32>(), j["guest_begin"].get<std::string>());
}

/// `only_bad`: verify lists what is damaged. Fails if something is.
Result<int> list(const jit::ImageStore& store, const CacheOptions& o, bool only_bad) {
    auto entries = store.list();
    if (!entries && entries.error().kind != ErrorKind::NotFound) return std::unexpected(entries.error());
    ordered_json all = ordered_json::array();
    u64 bytes = 0, files = 0, bad = 0;
    if (entries)
        for (const osal::DirEntry& e : *entries) {
            ordered_json j = describe(store, e);
            files++;
            bytes += e.bytes;
            bad += j.contains("error");
            if (!only_bad || j.contains("error")) all.push_back(std::move(j));
        }
    if (o.format == "json") {
        fmt::print("{}\n", ordered_json{{"directory", store.path()},
                                        {"files", files},
                                        {"bytes", bytes},
                                        {"bad", bad},
                                        {"images", all}}
                               .dump(2));
    } else {
        if (!only_bad && !all.empty())
            fmt::print("{:36}  {:>10}  {:16}  {:>12}  {:>14}\n", "NAME", "BYTES", "USED", "TRANSLATIONS",
                       "GUEST ADDRESS");
        for (const ordered_json& j : all) print_row(j);
        fmt::print("{}: {} files, {} bytes, {} not usable\n", store.path(), files, bytes, bad);
    }
    return only_bad && bad != 0 ? 1 : 0;
}

Result<int> prune(const jit::ImageStore& store, const CacheOptions& o) {
    auto limit = parse_size(o.size);
    if (!limit) return std::unexpected(limit.error());
    jit::ImageStore::Pruned done;
    u64 damaged = 0;
    auto entries = store.list();
    if (!entries && entries.error().kind != ErrorKind::NotFound) return std::unexpected(entries.error());
    if (entries) {
        for (const osal::DirEntry& e : *entries)
            if (!store.load_named(e.name)) {
                if (auto r = store.remove(e.name); !r) return std::unexpected(r.error());
                damaged++;
            }
        auto r = store.prune(*limit);
        if (!r) return std::unexpected(r.error());
        done = *r;
    }
    if (o.format == "json")
        fmt::print("{}\n", ordered_json{{"directory", store.path()},
                                        {"removed", done.images},
                                        {"removed_bytes", done.bytes},
                                        {"removed_not_usable", damaged},
                                        {"removed_unfinished", done.unfinished},
                                        {"bytes", done.left}}
                               .dump(2));
    else
        fmt::print("{}: removed {} images ({} bytes), {} not usable, {} unfinished; {} bytes left\n",
                   store.path(), done.images, done.bytes, damaged, done.unfinished, done.left);
    return 0;
}

}  // namespace

int cache_command(const std::vector<std::string>& args) {
    if (!args.empty() && args[0] == "warm") return cache_warm_command({args.begin() + 1, args.end()});
    CLI::App app{"translations that are kept between runs", "vm cache"};
    app.require_subcommand(1);
    CacheOptions o;
    const auto add = [&](const char* name, const char* text) {
        CLI::App* c = app.add_subcommand(name, text);
        c->add_option("--cache", o.dir, "the directory (default: $XDG_CACHE_HOME/vm)")
            ->type_name("DIR")
            ->envname("VM_CACHE");
        c->add_option("-o", o.format, "text or json")
            ->type_name("FORMAT")
            ->check(CLI::IsMember({"text", "json"}));
        return c;
    };
    const CLI::App* ls = add("ls", "list them");
    const CLI::App* verify = add("verify", "check each; exit status 1 if one cannot be used");
    CLI::App* prune_app =
        add("prune", "remove damaged and unfinished ones, and the longest unused beyond a size");
    prune_app->add_option("--size", o.size, "how much may stay (0: nothing)")->type_name("SIZE");
    app.add_subcommand("warm", "translate programs without running them (vm cache warm --help)");
    try {
        std::vector<std::string> reversed(args.rbegin(), args.rend());
        app.parse(reversed);
    } catch (const CLI::CallForHelp&) {
        const auto chosen = app.get_subcommands();
        std::fputs((chosen.empty() ? &app : chosen[0])->help().c_str(), stdout);
        return 0;
    } catch (const CLI::ParseError& e) {
        complain(fmt::format("cache: {}", e.what()));
        return kExitTool;
    }
    std::error_code ec;
    const std::string dir =
        o.dir.empty() ? default_cache_dir() : std::filesystem::absolute(o.dir, ec).string();
    if (dir.empty()) {
        complain("cache: neither XDG_CACHE_HOME nor HOME is set; name the directory with --cache DIR");
        return kExitTool;
    }
    const jit::ImageStore store(dir, ~u64{0});
    const auto r = ls->parsed()       ? list(store, o, false)
                   : verify->parsed() ? list(store, o, true)
                                      : prune(store, o);
    if (r) return *r;
    complain(fmt::format("cache: {}", r.error().message));
    return kExitTool;
}

}  // namespace vm::cli
