// `vm run`: options → RunOptions → Process.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <system_error>

#include "base/format.h"
#include "cli/cli.h"
#include "cli/debugging.h"
#include "cli/guests.h"
#include "cli/jit_options.h"
#include "cli/metrics.h"
#include "cli/options.h"
#include "debug/program.h"
#include "osal/private_dir.h"

extern char** environ;

namespace vm::cli {
namespace {

/// What the parser fills before it is turned into RunOptions.
struct Raw {
    std::string sysroot, root, workdir, tier = "auto", strace, stats, metrics, dump, perf, cpu, stack = "8M",
                                        memory_limit, cache_limit = "256M", cache_policy = "generations",
                                        region_policy = "threshold", cache, cache_size = "1G";
    std::optional<std::string> argv0;  ///< may be empty
    std::vector<std::string> env, unset, jit_opt;
    bool ignore_env = false, icount = false, no_cache = false, by_binfmt = false, cwd_has_guest_name = false;
    bool cache_optional = false;
    std::string gdb;
    int self_fd = -1;
    std::string self_name;
};

std::vector<std::string> split(const std::string& text, char sep) {
    std::vector<std::string> parts;
    size_t from = 0;
    for (size_t at; (at = text.find(sep, from)) != std::string::npos; from = at + 1)
        parts.push_back(text.substr(from, at - from));
    parts.push_back(text.substr(from));
    return parts;
}

/// "max,-zfa (riscv64)"
std::string cpu_examples() {
    std::string text;
    for (const GuestKind& k : guest_kinds())
        text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", k.cpu_example, k.name());
    return text;
}

void declare_options(OptionParser& p, Raw& raw) {
    p.text("-L,--sysroot", raw.sysroot, "where the guest's loader and libraries are looked for first")
        .value("DIR")
        .env("VM_SYSROOT");
    p.text("--root", raw.root, "the directory that the guest sees as /, with the host's /proc, /dev and /sys")
        .value("DIR")
        .env("VM_ROOT");
    p.list("-e,--env", raw.env, "set a variable for the guest").value("K=V");
    p.list("-u,--unset", raw.unset, "remove a variable for the guest").value("K");
    p.text("-w,--workdir", raw.workdir, "start in this directory (under --root: as the guest names it)")
        .value("DIR")
        .env("VM_WORKDIR");
    p.text("--argv0", raw.argv0, "the guest's argv[0]").value("NAME");
    p.text("--tier", raw.tier, "auto, interp, 1 or 2 (2: all code as regions, for tests)")
        .value("TIER")
        .env("VM_TIER");
    p.list("--jit-opt", raw.jit_opt, "switch optimizations on or off (vm info --jit-opts)")
        .value("±NAME[,…]")
        .env("VM_JIT_OPT");
    p.flag("--strace{text}", raw.strace, "guest system calls on stderr (--strace=json: one object a line)")
        .env("VM_STRACE");
    p.text("--stats", raw.stats, "counters as JSON at exit").value("FILE").env("VM_STATS");
    p.text("--metrics", raw.metrics, "serve counters for Prometheus: HOST:PORT or unix:PATH").value("WHERE");
    p.text("--dump", raw.dump,
           "guest,ir,host[:ADDR]: translations on stderr; regions: what tier 2 decides by")
        .value("WHAT")
        .env("VM_DUMP");
    p.text("--region-policy", raw.region_policy,
           "which hot loops tier 2 compiles: threshold, forest, all, not:ADDR[,ADDR…]")
        .value("POLICY")
        .env("VM_REGION_POLICY");
    p.text("--perf", raw.perf, "map or jitdump: symbols of generated code for perf")
        .value("KIND")
        .env("VM_PERF");
    p.text("--cpu", raw.cpu, "guest CPU model and extensions, e.g. " + cpu_examples())
        .value("MODEL")
        .env("VM_CPU");
    p.text("--stack", raw.stack, "guest stack limit").value("SIZE").env("VM_STACK");
    p.text("--memory-limit", raw.memory_limit, "limit of the guest's address space")
        .value("SIZE")
        .env("VM_MEMORY_LIMIT");
    p.text("--code-cache", raw.cache_limit, "limit of generated code").value("SIZE").env("VM_CODE_CACHE");
    p.text("--cache-policy", raw.cache_policy,
           "what goes when generated code reaches its limit: generations (what was not used lately), fifo "
           "(the oldest) or flush (everything)")
        .value("POLICY")
        .env("VM_CACHE_POLICY");
    const Option cache =
        p.text("--cache", raw.cache, "where translations are kept between runs").value("DIR");
    p.text("--cache-size", raw.cache_size, "limit of all translations kept there")
        .value("SIZE")
        .env("VM_CACHE_SIZE");
    p.flag("--no-cache", raw.no_cache, "keep no translations (env VM_NO_CACHE=1)").excludes(cache);
    p.flag("--icount", raw.icount, "count guest instructions exactly (in --stats and instret)")
        .env("VM_ICOUNT");
    p.text("--gdb", raw.gdb,
           "HOST:PORT or unix:PATH[,nowait]: a GDB server; the program waits at its first instruction")
        .value("ADDRESS");
    p.flag("--ignore-env", raw.ignore_env, "ignore VM_* environment variables");
    // From one vm to the next that runs a child of its guest (linux/exec.cc); not for people.
    p.flag("--cache-optional", raw.cache_optional).hidden();
    p.flag("--by-binfmt", raw.by_binfmt).hidden();
    p.flag("--cwd-has-guest-name", raw.cwd_has_guest_name).hidden();
    p.number("--self-fd", raw.self_fd).hidden();
    p.text("--self-name", raw.self_name).hidden();
    for (Option& o : p.options())
        if (o.takes_value() && !o.is("--argv0")) o.not_empty();
}

Result<void> apply_dump(const std::string& text, engine::EngineOptions& e) {
    const auto colon = text.find(':');
    for (const std::string& word : split(text.substr(0, colon), ',')) {
        if (word == "guest")
            e.dump_guest = true;
        else if (word == "ir")
            e.dump_ir = true;
        else if (word == "host")
            e.dump_host = true;
        else if (word == "regions")
            e.dump_regions = true;
        else
            return fail(ErrorKind::InvalidArgument,
                        fmt::format("--dump knows guest, ir, host and regions, not '{}'", word));
    }
    if (colon == std::string::npos) return {};
    const char* begin = text.c_str() + colon + 1;
    char* end = nullptr;
    errno = 0;
    e.dump_addr = std::strtoull(begin, &end, 0);
    if (*end || errno || *begin < '0' || *begin > '9')
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("--dump: '{}' is not an address", text.substr(colon + 1)));
    return {};
}

/// The value of the option `name`.
Result<u64> size_of(const char* name, const std::string& text) {
    auto size = parse_size(text);
    if (!size) size.error().message = fmt::format("{}: {}", name, size.error().message);
    return size;
}

Result<void> apply_engine(const Raw& raw, engine::EngineOptions& e) {
    if (raw.tier == "auto")
        e.tier = engine::Tier::Auto;
    else if (raw.tier == "interp")
        e.tier = engine::Tier::Interp;
    else if (raw.tier == "1")
        e.tier = engine::Tier::One;
    else if (raw.tier == "2")
        e.tier = engine::Tier::Two;
    else
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("--tier is auto, interp, 1 or 2, not '{}'", raw.tier));
    for (const std::string& list : raw.jit_opt)
        for (const std::string& word : split(list, ','))
            if (auto r = apply_jit_option(word, &e.disabled_opts); !r) return r;
    if (!raw.dump.empty())
        if (auto r = apply_dump(raw.dump, e); !r) return r;
    if (raw.perf == "map")
        e.perf = engine::EngineOptions::Perf::Map;
    else if (raw.perf == "jitdump")
        e.perf = engine::EngineOptions::Perf::Jitdump;
    else if (!raw.perf.empty())
        return fail(ErrorKind::InvalidArgument, fmt::format("--perf is map or jitdump, not '{}'", raw.perf));
    auto limit = size_of("--code-cache", raw.cache_limit);
    if (!limit) return std::unexpected(limit.error());
    if (*limit < (u64{1} << 20) || *limit > (u64{1} << 30))
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("--code-cache {}: between 1M and 1G", raw.cache_limit));
    e.code_cache_bytes = *limit;
    if (raw.cache_policy == "generations")
        e.cache_policy = gc::Policy::Generations;
    else if (raw.cache_policy == "fifo")
        e.cache_policy = gc::Policy::Fifo;
    else if (raw.cache_policy == "flush")
        e.cache_policy = gc::Policy::Flush;
    else
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("--cache-policy is generations, fifo or flush, not '{}'", raw.cache_policy));
    auto regions = optimizers::parse_region_policy(raw.region_policy);
    if (!regions) return std::unexpected(regions.error());
    e.region_policy = std::move(*regions);
    e.exact_icount = raw.icount;
    return {};
}

/// Where translations are kept: what was asked for, else the user's cache directory if there is one.
Result<void> apply_cache(const Raw& raw, engine::EngineOptions& e) {
    auto limit = size_of("--cache-size", raw.cache_size);
    if (!limit) return std::unexpected(limit.error());
    e.image_limit = *limit;
    if (raw.no_cache) return {};
    // What was typed goes before the environment.
    const char* no = raw.cache.empty() && !raw.ignore_env ? std::getenv("VM_NO_CACHE") : nullptr;
    if (no != nullptr && *no != 0 && std::string_view(no) != "0") return {};
    std::string dir = raw.cache;
    if (const char* named = std::getenv("VM_CACHE"); dir.empty() && !raw.ignore_env && named != nullptr)
        dir = named;
    if (dir.empty()) {
        e.image_dir = default_cache_dir();
        return {};
    }
    if (e.tier == engine::Tier::Interp || !raw.dump.empty() || !raw.perf.empty()) {
        if (raw.cache_optional) return {};
        return fail(ErrorKind::InvalidArgument,
                    "--cache: translations are not kept with --tier interp, --dump or --perf");
    }
    std::error_code ec;
    e.image_dir = std::filesystem::absolute(dir, ec).string();
    if (auto r = osal::PrivateDir(e.image_dir).create(); !r) {
        if (!raw.cache_optional)
            return fail(ErrorKind::InvalidArgument, fmt::format("--cache {}", r.error().message));
        e.image_dir.clear();
    }
    return {};
}

/// The guest's environment: ours, without the -u names, with the -e settings, in that order.
Result<std::vector<std::string>> guest_environment(const Raw& raw) {
    std::vector<std::string> env;
    auto remove = [&](std::string_view name) {
        std::erase_if(env, [&](const std::string& kv) {
            return kv.size() > name.size() && kv.starts_with(name) && kv[name.size()] == '=';
        });
    };
    for (char** p = environ; *p; p++) env.emplace_back(*p);
    for (const std::string& name : raw.unset) {
        if (name.find('=') != std::string::npos)
            return fail(ErrorKind::InvalidArgument, fmt::format("-u takes a NAME, not '{}'", name));
        remove(name);
    }
    for (const std::string& kv : raw.env) {
        const auto eq = kv.find('=');
        if (eq == 0 || eq == std::string::npos)
            return fail(ErrorKind::InvalidArgument, fmt::format("-e takes NAME=VALUE, not '{}'", kv));
        remove(std::string_view(kv).substr(0, eq));
        env.push_back(kv);
    }
    return env;
}

/// The options that children of the guest are run with; never the program or its arguments.
std::vector<std::string> reexec_arguments(const Raw& raw, const linux::RunOptions& o) {
    std::vector<std::string> v{"--ignore-env"};
    auto pass = [&](const char* name, const std::string& value) {
        if (!value.empty()) v.insert(v.end(), {name, value});
    };
    pass("--tier", raw.tier);
    for (const std::string& j : raw.jit_opt) v.push_back("--jit-opt=" + j);
    if (!raw.strace.empty()) v.push_back("--strace=" + raw.strace);
    pass("--dump", raw.dump);
    pass("--perf", raw.perf);
    pass("--stack", raw.stack);
    pass("--memory-limit", raw.memory_limit);
    pass("--code-cache", raw.cache_limit);
    pass("--cache-policy", raw.cache_policy);
    pass("--region-policy", raw.region_policy);
    if (o.engine.image_dir.empty()) {
        v.push_back("--no-cache");
    } else {
        // A child may be another user, who cannot write there, and is to run all the same.
        v.emplace_back("--cache-optional");
        pass("--cache", o.engine.image_dir);
        pass("--cache-size", raw.cache_size);
    }
    if (raw.icount) v.push_back("--icount");
    return v;
}

/// Says at once that the counters could not be written at the end, when the guest may be in another
/// directory.
Result<void> prepare_stats(const std::string& file, std::string& absolute) {
    if (file.empty()) return {};
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0666);
    if (fd < 0)
        return fail(
            ErrorKind::Io,
            fmt::format("--stats {}: cannot be written ({})", file, std::generic_category().message(errno)),
            errno);
    ::close(fd);
    std::error_code ec;
    absolute = std::filesystem::absolute(file, ec).string();
    if (ec) absolute = file;
    return {};
}

/// A directory of -L or --root, without links and without a slash at the end ("/" is none).
Result<void> view_directory(const char* option, const std::string& given, std::string& real_path) {
    if (given.empty()) return {};
    char* real = ::realpath(given.c_str(), nullptr);
    if (!real)
        return fail(ErrorKind::InvalidArgument, fmt::format("{} {}: no such directory", option, given));
    real_path = real;
    std::free(real);
    struct stat st {};
    if (::stat(real_path.c_str(), &st) != 0 || !S_ISDIR(st.st_mode))
        return fail(ErrorKind::InvalidArgument, fmt::format("{} {}: is not a directory", option, given));
    if (real_path == "/") real_path.clear();
    return {};
}

Result<void> fill(const Raw& raw, std::vector<std::string> rest, linux::RunOptions& o) {
    if (rest.empty())
        return fail(ErrorKind::InvalidArgument, "run: no program given; vm run [OPTIONS] PROGRAM [ARG...]");
    o.program = rest[0];
    o.argv = std::move(rest);
    if (raw.argv0) o.argv[0] = *raw.argv0;
    auto env = guest_environment(raw);
    if (!env) return std::unexpected(env.error());
    o.env = std::move(*env);
    if (!raw.sysroot.empty() && !raw.root.empty())
        return fail(
            ErrorKind::InvalidArgument,
            "-L and --root exclude each other: under --root there are no files of the host to fall back to");
    if (auto r = view_directory("-L", raw.sysroot, o.sysroot); !r) return r;
    if (auto r = view_directory("--root", raw.root, o.root); !r) return r;
    o.by_binfmt = raw.by_binfmt;
    o.cwd_has_guest_name = raw.cwd_has_guest_name;
    o.self_fd = raw.self_fd;
    o.self_name = raw.self_name;
    o.workdir = raw.workdir;
    o.cpu = raw.cpu;
    auto stack = size_of("--stack", raw.stack);
    if (!stack) return std::unexpected(stack.error());
    if (*stack < (u64{64} << 10) || *stack > (u64{4} << 30))
        return fail(ErrorKind::InvalidArgument, fmt::format("--stack {}: between 64K and 4G", raw.stack));
    o.stack_size = *stack;
    if (!raw.memory_limit.empty()) {
        auto limit = size_of("--memory-limit", raw.memory_limit);
        if (!limit) return std::unexpected(limit.error());
        if (*limit < (u64{1} << 20))
            return fail(ErrorKind::InvalidArgument,
                        fmt::format("--memory-limit {}: at least 1M", raw.memory_limit));
        if (*limit <= o.stack_size)
            return fail(ErrorKind::InvalidArgument,
                        fmt::format("--memory-limit {}: must be more than the stack takes (--stack {})",
                                    raw.memory_limit, raw.stack));
        o.memory_limit = *limit;
    }
    if (raw.strace == "text")
        o.strace = linux::RunOptions::Strace::Text;
    else if (raw.strace == "json")
        o.strace = linux::RunOptions::Strace::Json;
    else if (!raw.strace.empty() && raw.strace != "false")
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("--strace is text or json, not '{}'", raw.strace));
    if (auto r = prepare_stats(raw.stats, o.stats_file); !r) return r;
    if (auto r = apply_engine(raw, o.engine); !r) return r;
    if (auto r = apply_cache(raw, o.engine); !r) return r;
    if (!raw.gdb.empty() && o.engine.tier == engine::Tier::Two)
        return fail(ErrorKind::InvalidArgument,
                    "--gdb and --tier 2 exclude each other: regions have no breakpoints");
    if (!raw.gdb.empty() && !raw.cache.empty())
        return fail(ErrorKind::InvalidArgument,
                    "--gdb and --cache exclude each other: what is debugged is translated anew");
    if (!raw.gdb.empty()) o.engine.image_dir.clear();
    o.engine.timings = !raw.stats.empty() || !raw.metrics.empty();
    o.reexec_args = reexec_arguments(raw, o);
    return {};
}

/// Options that take the next argument as their value.
bool takes_value(const std::vector<Option>& options, const std::string& word) {
    return std::ranges::any_of(options, [&](const Option& o) { return o.is(word) && o.takes_value(); });
}

/// Index of the first argument that is not ours: the program. Everything from there on belongs to the guest.
size_t find_program(const std::vector<Option>& options, const std::vector<std::string>& args) {
    size_t i = 0;
    for (; i < args.size(); i++) {
        const std::string& a = args[i];
        if (a == "--") return i;
        if (a.size() < 2 || a[0] != '-') return i;
        if (a.starts_with("--") ? a.find('=') == std::string::npos && takes_value(options, a)
                                : a.size() == 2 && takes_value(options, a))
            i++;
    }
    return args.size();
}

}  // namespace

std::string default_cache_dir() {
    if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg && *xdg == '/') return fmt::format("{}/vm", xdg);
    if (const char* home = std::getenv("HOME"); home && *home == '/')
        return fmt::format("{}/.cache/vm", home);
    return {};
}

Result<RunCommand> parse_run(const std::vector<std::string>& args) {
    OptionParser parser("run a program built for another processor (its ISA is found from the ELF header)",
                        "vm run");
    parser.set_help_column(34);
    Raw raw;
    declare_options(parser, raw);
    std::vector<Option> options = parser.options();
    const size_t split_at = std::min(find_program(options, args), args.size());
    std::vector<std::string> ours(args.begin(), args.begin() + static_cast<std::ptrdiff_t>(split_at));
    std::vector<std::string> rest(args.begin() + static_cast<std::ptrdiff_t>(split_at), args.end());
    if (!rest.empty() && rest[0] == "--") rest.erase(rest.begin());
    auto given = [&](std::initializer_list<std::string_view> names) {
        return std::any_of(ours.begin(), ours.end(), [&](const std::string& word) {
            return std::any_of(names.begin(), names.end(), [&](std::string_view n) {
                return word == n || (word.starts_with(n) && (n.size() == 2 || word[n.size()] == '='));
            });
        });
    };
    // -L and --root exclude each other: a flag beats the other's variable too.
    const bool none = given({"--ignore-env"}), sysroot = given({"-L", "--sysroot"}), root = given({"--root"});
    for (Option& o : options)
        if (none || (sysroot && o.is("--root")) || (root && o.is("--sysroot"))) o.env("");
    RunCommand command;
    const auto parsed = parser.parse(ours);
    if (!parsed) return fail(ErrorKind::InvalidArgument, fmt::format("run: {}", parsed.error().message));
    if (*parsed == OptionParser::Outcome::Help) {
        command.help = true;
        return command;
    }
    if (auto r = fill(raw, std::move(rest), command.options); !r) return std::unexpected(r.error());
    command.metrics = raw.metrics;
    command.gdb = raw.gdb;
    return command;
}

/// Where the guest starts: -w; under --root, where that is not given, the same directory if it lies inside,
/// else "/".
static Result<void> enter_workdir(const linux::RunOptions& o) {
    std::string host = o.workdir;
    if (!o.root.empty()) {
        const linux::FileView files(o.root, linux::FileView::Kind::Root);
        std::error_code ec;
        const std::string cwd = std::filesystem::current_path(ec).string();
        const bool inside = !ec && files.visible(cwd);
        const std::string wanted = o.workdir.empty()               ? "/"
                                   : inside || o.workdir[0] == '/' ? o.workdir
                                                                   : "/" + o.workdir;
        if (o.workdir.empty() && inside) return {};
        if (const i64 r = files.resolve(AT_FDCWD, wanted, linux::Look::Follow, &host); r < 0)
            return fail(ErrorKind::InvalidArgument,
                        fmt::format("-w {}: cannot change to that directory under --root ({})", wanted,
                                    std::generic_category().message(static_cast<int>(-r))));
    }
    if (host.empty() || ::chdir(host.c_str()) == 0) return {};
    const bool root = !o.root.empty();
    return fail(ErrorKind::InvalidArgument, fmt::format("-w {}: cannot change to that directory{}",
                                                        root && o.workdir.empty() ? "/" : o.workdir,
                                                        root ? fmt::format(" under --root {}", o.root) : ""));
}

int run_command(const std::vector<std::string>& args) {
    auto command = parse_run(args);
    if (!command) {
        complain(command.error().message);
        return exit_status(command.error());
    }
    return run_parsed(*command);
}

int run_parsed(const RunCommand& command) {
    if (command.help) return 0;
    linux::RunOptions o = command.options;
    if (!command.metrics.empty()) {
        if (auto r = serve_metrics_from_outside(command.metrics); !r) {
            complain(r.error().message);
            return kExitTool;
        }
    }
    std::unique_ptr<Debugging> debugging;
    if (!command.gdb.empty()) {
        auto listening = Debugging::listen(command.gdb);
        if (!listening) {
            complain(listening.error().message);
            return exit_status(listening.error());
        }
        debugging = std::move(*listening);
        o.engine.control = &debugging->control();
    }
    if (auto r = enter_workdir(o); !r) {
        complain(r.error().message);
        return kExitTool;
    }
    auto process = linux::Process::create(o, guests());
    if (!process) {
        complain(process.error().message);
        return exit_status(process.error());
    }
    if (!debugging) return (*process)->run();
    debug::Program program(debugging->control(), **process);
    debugging->control().set_watch_after(debug::cpu_registers((*process)->engine().isa().name).watch_after);
    debugging->start(program);
    return (*process)->run();
}

}  // namespace vm::cli
