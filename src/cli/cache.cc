// `vm cache`: the translations that are kept between runs.
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/format.h"
#include "cli/cache_bundle.h"
#include "cli/cli.h"
#include "cli/options.h"
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
    if (jit::is_profile_name(e.name)) {
        const auto profile = store.load_named_profile(e.name);
        if (!profile) {
            j["error"] = profile.error().message;
            return j;
        }
        j["places"] = profile->places().size();
        j["guest_begin"] = fmt::format("{:#x}", profile->key().begin);
        j["guest_bytes"] = profile->key().end - profile->key().begin;
        j["file_bytes"] = profile->key().file_size;
        return j;
    }
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
    else if (j.contains("places"))
        fmt::print("{:>12}  {:>14}\n", fmt::format("{} places", j["places"].get<u64>()),
                   j["guest_begin"].get<std::string>());
    else
        fmt::print("{:>12}  {:>14}\n", j["translations"].get<u32>(), j["guest_begin"].get<std::string>());
}

/// `only_bad`: verify lists what is damaged. Fails if something is.
Result<int> list(const jit::ImageStore& store, const CacheOptions& o, bool only_bad) {
    auto entries = store.list();
    if (!entries && entries.error().kind != ErrorKind::NotFound) return std::unexpected(entries.error());
    ordered_json all = ordered_json::array(), profiles = all;
    u64 bytes = 0, files = 0, bad = 0;
    if (entries)
        for (const osal::DirEntry& e : *entries) {
            ordered_json j = describe(store, e);
            files++;
            bytes += e.bytes;
            bad += j.contains("error");
            if (!only_bad || j.contains("error"))
                (jit::is_profile_name(e.name) ? profiles : all).push_back(std::move(j));
        }
    if (o.format == "json") {
        fmt::print("{}\n", ordered_json{{"directory", store.path()},
                                        {"files", files},
                                        {"bytes", bytes},
                                        {"bad", bad},
                                        {"images", all},
                                        {"profiles", profiles}}
                               .dump(2));
    } else {
        if (!only_bad && files != 0)
            fmt::print("{:36}  {:>10}  {:16}  {:>12}  {:>14}\n", "NAME", "BYTES", "USED", "TRANSLATIONS",
                       "GUEST ADDRESS");
        for (const ordered_json* rows : {&all, &profiles})
            for (const ordered_json& j : *rows) print_row(j);
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
            if (!store.check(e.name)) {
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

/// The options of all subcommands, and which of them was typed.
struct Parser {
    OptionParser options{"translations that are kept between runs", "vm cache"};
    CacheOptions o;
    BundleOptions bundle;
    OptionParser *ls, *verify, *prune, *export_to, *import_from, *keygen;

    OptionParser* add(const char* name, const char* text, bool has_dir = true) {
        OptionParser& c = options.subcommand(name, text);
        if (has_dir)
            c.text("--cache", o.dir, "the directory (default: $XDG_CACHE_HOME/vm)")
                .value("DIR")
                .env("VM_CACHE");
        c.text("-o", o.format, "text or json").value("FORMAT").one_of({"text", "json"});
        return &c;
    }
    Parser() {
        ls = add("ls", "list them");
        verify = add("verify", "check each; exit status 1 if one cannot be used");
        prune = add("prune", "remove damaged and unfinished ones, and the longest unused beyond a size");
        prune->text("--size", o.size, "how much may stay (0: nothing)").value("SIZE");
        export_to =
            add("export", "write those that this vm can use into one file, a bundle for other machines");
        export_to->text("FILE", bundle.file, "the bundle, written as a whole or not at all")
            .required()
            .value("");
        export_to->operands("IMAGE", bundle.images, "only these, by their names (default: all)").value("");
        export_to->text("--key", bundle.key, "sign it with this secret key").value("KEYFILE").not_empty();
        import_from =
            add("import", "add those of a bundle. What is in it will run: import only what you trust");
        import_from
            ->text("FILE", bundle.file,
                   "a bundle, of this build of vm and for this host's processor features")
            .required()
            .value("");
        import_from->text("--trust", bundle.trust, "refuse what was not signed with the secret key of this")
            .value("PUBFILE")
            .not_empty();
        keygen = add("keygen", "make a key pair for signing bundles", false);
        keygen->text("NAME", bundle.key_name, "of the files NAME.key (secret) and NAME.pub")
            .required()
            .value("");
        options.subcommand("warm", "translate programs without running them (vm cache warm --help)");
    }
};

Result<int> run(const Parser& p) {
    const bool json = p.o.format == "json";
    if (p.keygen->typed()) return cache_keygen(p.bundle, json);
    std::error_code ec;
    const std::string dir =
        p.o.dir.empty() ? default_cache_dir() : std::filesystem::absolute(p.o.dir, ec).string();
    if (dir.empty())
        return fail(ErrorKind::InvalidArgument,
                    "neither XDG_CACHE_HOME nor HOME is set; name the directory with --cache DIR");
    const jit::ImageStore store(dir, ~u64{0});
    if (p.export_to->typed()) return cache_export(store, p.bundle, json);
    if (p.import_from->typed()) return cache_import(store, p.bundle, json);
    if (p.prune->typed()) return prune(store, p.o);
    return list(store, p.o, p.verify->typed());
}

}  // namespace

int cache_command(const std::vector<std::string>& args) {
    if (!args.empty() && args[0] == "warm") return cache_warm_command({args.begin() + 1, args.end()});
    Parser p;
    const auto parsed = p.options.parse(args);
    if (!parsed) {
        complain(fmt::format("cache: {}", parsed.error().message));
        return kExitTool;
    }
    if (*parsed == OptionParser::Outcome::Help) return 0;
    const auto r = run(p);
    if (r) return *r;
    complain(fmt::format("cache: {}", r.error().message));
    return kExitTool;
}

}  // namespace vm::cli
