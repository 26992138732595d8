// `vm binfmt install|remove|status`: tells the kernel to run guests' programs by vm-user. What was done is
// read back and tried out, and undone if it does not work.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "base/format.h"
#include "cli/binfmt_entry.h"
#include "cli/binfmt_probe.h"
#include "cli/cli.h"
#include "linux/elf.h"

namespace vm::cli {
namespace {

using nlohmann::ordered_json;

constexpr const char* kDirectory = "/proc/sys/fs/binfmt_misc";
/// The source of a mount that install made: remove knows it by that.
constexpr std::string_view kMountSource = "vm-binfmt";
constexpr const char* kUsage =
    "usage: vm binfmt install [--interpreter FILE] [--setuid] [ISA...]\n"
    "       vm binfmt remove [ISA...]\n"
    "       vm binfmt status [-o json] [ISA...]\n"
    "\n"
    "Lets the kernel start programs of other processors like its own, by vm-user, also in chroots and "
    "containers\n"
    "(binfmt_misc, flags F, P and O). Without ISA: all that this vm runs.\n"
    "\n"
    "  --interpreter FILE  the vm-user to register (default: the one beside this vm)\n"
    "  --setuid            flag C too: setuid programs of the guest get their rights, and vm-user has them "
    "while it runs\n"
    "                      such a program; without it they run with the rights of whoever starts them\n"
    "  -o json             status as JSON\n"
    "\n"
    "Needs the right to write /proc/sys/fs/binfmt_misc: root, or a user namespace of one's own (unshare "
    "-Urm, Linux 6.7).\n";

std::string in_directory(const std::string& name) { return fmt::format("{}/{}", kDirectory, name); }

Result<std::string> read_file(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(ErrorKind::Io, fmt::format("binfmt: {}: {}", path, errno_text(errno)), errno);
    std::string text;
    char chunk[4096];
    ssize_t n;
    while ((n = ::read(fd, chunk, sizeof chunk)) > 0) text.append(chunk, static_cast<size_t>(n));
    const int e = errno;
    ::close(fd);
    if (n < 0) return fail(ErrorKind::Io, fmt::format("binfmt: {}: {}", path, errno_text(e)), e);
    return text;
}

/// One write, as binfmt_misc wants it.
Result<void> write_file(const std::string& path, std::string_view text) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : ::write(fd, text.data(), text.size());
    const int e = errno;
    if (fd >= 0) ::close(fd);
    if (n == static_cast<ssize_t>(text.size())) return {};
    return fail(ErrorKind::Io, fmt::format("binfmt: {}: {}", path, errno_text(e)), e);
}

/// The entries of the file system that is mounted; empty where none is.
Result<std::vector<BinfmtEntry>> read_entries() {
    std::vector<BinfmtEntry> entries;
    std::error_code ec;
    for (const auto& file : std::filesystem::directory_iterator(kDirectory, ec)) {
        const std::string name = file.path().filename().string();
        if (name == "register" || name == "status") continue;
        auto text = read_file(file.path().string());
        if (!text) return std::unexpected(text.error());
        auto entry = parse_entry(name, *text);
        if (!entry) return std::unexpected(entry.error());
        entries.push_back(std::move(*entry));
    }
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return entries;
}

bool is_mounted() { return ::access(in_directory("register").c_str(), F_OK) == 0; }
bool is_writable() { return ::access(in_directory("register").c_str(), W_OK) == 0; }

/// The source of the topmost mount at the directory.
std::string mount_source() {
    std::string source;
    auto text = read_file("/proc/self/mountinfo");
    if (!text) return source;
    for (size_t from = 0; from < text->size();) {
        const size_t eol = std::min(text->find('\n', from), text->size());
        const std::string_view line(text->data() + from, eol - from);
        from = eol + 1;
        // id parent device root MOUNT-POINT options … - type SOURCE options (proc(5))
        size_t at = 0;
        for (int field = 0; field < 4 && at != line.npos; field++) at = line.find(' ', at + (field > 0));
        const size_t dash = line.find(" - binfmt_misc ");
        if (at == line.npos || dash == line.npos) continue;
        const std::string_view point = line.substr(at + 1, line.find(' ', at + 1) - at - 1);
        if (point != kDirectory) continue;
        const size_t begin = dash + std::string_view(" - binfmt_misc ").size();
        source = line.substr(begin, line.find(' ', begin) - begin);
    }
    return source;
}

/// Mounts it where there is none that can be written. True if it did.
Result<bool> make_writable() {
    if (is_writable()) return false;
    const bool mounted = is_mounted();
    if (::mount(kMountSource.data(), kDirectory, "binfmt_misc", 0, nullptr) == 0) {
        if (is_writable()) return true;
        ::umount2(kDirectory, MNT_DETACH);
        errno = EACCES;
    }
    switch (errno) {
        case ENODEV:
            return fail(ErrorKind::Unsupported,
                        "binfmt: this kernel has no binfmt_misc; try modprobe binfmt_misc as root", ENODEV);
        case ENOENT:
            return fail(ErrorKind::Unsupported,
                        fmt::format("binfmt: {} does not exist; is /proc mounted?", kDirectory), ENOENT);
        default:
            return fail(
                ErrorKind::Unsupported,
                fmt::format("binfmt: {} {}, and mounting it is refused ({}); be root, or enter a user "
                            "namespace first: unshare -Urm",
                            kDirectory, mounted ? "cannot be written" : "is not mounted", errno_text(errno)),
                errno);
    }
}

/// The executable that the kernel is to start: absolute, executable, and in need of no loader, which a chroot
/// would lack.
Result<std::string> find_interpreter(const std::string& given) {
    std::string path = given;
    if (given.empty()) {
        std::error_code ec;
        path = (std::filesystem::read_symlink("/proc/self/exe", ec).parent_path() / "vm-user").string();
        if (ec)
            return fail(ErrorKind::Io,
                        "binfmt: where this vm lies is not known without /proc; name --interpreter FILE");
    }
    char* real = ::realpath(path.c_str(), nullptr);
    if (!real)
        return fail(ErrorKind::NotFound,
                    fmt::format("binfmt: {}: {}; name another with --interpreter", path, errno_text(errno)),
                    errno);
    path = real;
    std::free(real);
    if (::access(path.c_str(), X_OK) != 0)
        return fail(ErrorKind::NotExecutable,
                    fmt::format("binfmt: {}: cannot be executed ({})", path, errno_text(errno)), errno);
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail(ErrorKind::NotExecutable, fmt::format("binfmt: {}: {}", path, errno_text(errno)), errno);
    constexpr linux::ElfTarget kHost{
        .machine = linux::host_machine(), .page_size = 4096, .task_size = u64{1} << 47, .refused_reason = {}};
    auto elf = linux::parse_elf(fd, path, {&kHost, 1});
    ::close(fd);
    if (!elf) return fail(elf.error().kind, fmt::format("binfmt: {}", elf.error().message));
    if (!elf->interpreter.empty())
        return fail(
            ErrorKind::NotExecutable,
            fmt::format(
                "binfmt: {}: is linked dynamically, so it could not start in a chroot; name a static vm-user",
                path));
    return path;
}

Result<void> delete_entry(const std::string& name) {
    if (auto ok = write_file(in_directory(name), "-1"); !ok) return ok;
    if (::access(in_directory(name).c_str(), F_OK) == 0)
        return fail(ErrorKind::Io,
                    fmt::format("binfmt: {} is still there after its removal", in_directory(name)));
    return {};
}

/// Takes our mount away if nobody else's entries are in it. True if it did.
Result<bool> unmount_ours() {
    if (mount_source() != kMountSource) return false;
    auto entries = read_entries();
    if (!entries) return std::unexpected(entries.error());
    if (!entries->empty()) return false;
    if (::umount2(kDirectory, 0) == 0) return true;
    return fail(ErrorKind::Io,
                fmt::format("binfmt: {} cannot be unmounted ({})", kDirectory, errno_text(errno)), errno);
}

/// Is the entry what we want? Where it is not: the first thing that differs.
std::string difference(const BinfmtEntry& e, const GuestKind& isa, const std::string& interpreter,
                       const std::string& flags) {
    if (e.interpreter != interpreter) return fmt::format("its interpreter is {}", e.interpreter);
    if (e.flags != kernel_order(flags)) return fmt::format("its flags are '{}'", e.flags);
    if (e.offset != 0 || e.pattern != elf_pattern(isa)) return "it looks for other bytes";
    if (!e.enabled) return "it is disabled";
    return {};
}

Result<std::optional<BinfmtEntry>> find_entry(const std::string& name) {
    auto entries = read_entries();
    if (!entries) return std::unexpected(entries.error());
    for (BinfmtEntry& e : *entries)
        if (e.name == name) return std::optional(std::move(e));
    return std::optional<BinfmtEntry>();
}

/// The entry reads as it was written, and a program is run by it.
Result<void> verify(const GuestKind& isa, const std::string& interpreter, const std::string& flags) {
    auto entry = find_entry(entry_name(isa));
    if (!entry) return std::unexpected(entry.error());
    if (!*entry)
        return fail(ErrorKind::Io, fmt::format("binfmt: {} was written and is not there", entry_name(isa)));
    if (const std::string d = difference(**entry, isa, interpreter, flags); !d.empty())
        return fail(ErrorKind::Io,
                    fmt::format("binfmt: {} reads otherwise than it was written: {}", entry_name(isa), d));
    auto by = who_runs(isa);
    if (!by)
        return fail(ErrorKind::Io,
                    fmt::format("binfmt: {} is in place, yet {}", entry_name(isa), by.error().message));
    if (*by != interpreter)
        return fail(ErrorKind::Io,
                    fmt::format("binfmt: {} is in place, yet {} runs such programs (vm binfmt status)",
                                entry_name(isa), *by));
    return {};
}

Result<void> install_one(const GuestKind& isa, const std::string& interpreter, const std::string& flags) {
    const std::string name = entry_name(isa);
    auto existing = find_entry(name);
    if (!existing) return std::unexpected(existing.error());
    if (*existing) {
        if (const std::string d = difference(**existing, isa, interpreter, flags); !d.empty())
            return fail(
                ErrorKind::InvalidArgument,
                fmt::format("binfmt: {} exists, and {}; vm binfmt remove {} first", name, d, isa.name()));
        return verify(isa, interpreter, flags);
    }
    auto line = register_line(isa, interpreter, flags);
    if (!line) return std::unexpected(line.error());
    if (auto ok = write_file(in_directory("register"), *line); !ok) return ok;
    auto verified = verify(isa, interpreter, flags);
    if (!verified)
        if (auto undone = delete_entry(name); !undone)
            verified.error().message +=
                fmt::format("; and it could not be undone: {}", undone.error().message);
    return verified;
}

struct Arguments {
    std::string verb, interpreter;
    std::vector<GuestKind> isas;
    bool json = false, setuid = false, help = false;
};

Result<Arguments> parse(const std::vector<std::string>& args) {
    Arguments a;
    for (size_t i = 0; i < args.size(); i++) {
        const std::string& w = args[i];
        auto wrong = [&] {
            return fail(ErrorKind::InvalidArgument,
                        fmt::format("binfmt: '{}' is not for {}; vm binfmt --help", w, a.verb));
        };
        if (w == "-h" || w == "--help") {
            a.help = true;
            return a;
        }
        if (a.verb.empty()) {
            if (w != "install" && w != "remove" && w != "status")
                return fail(ErrorKind::InvalidArgument,
                            fmt::format("binfmt: install, remove or status, not '{}'", w));
            a.verb = w;
        } else if (w == "--setuid") {
            if (a.verb != "install") return wrong();
            a.setuid = true;
        } else if (w == "--interpreter" || w.starts_with("--interpreter=")) {
            if (a.verb != "install") return wrong();
            const bool apart = w == "--interpreter";
            if (apart && i + 1 < args.size()) a.interpreter = args[++i];
            if (!apart) a.interpreter = w.substr(w.find('=') + 1);
            if (a.interpreter.empty())
                return fail(ErrorKind::InvalidArgument, "binfmt: --interpreter needs a FILE");
        } else if (w == "-o" || w == "-ojson") {
            if (a.verb != "status") return wrong();
            if (w == "-o" && (i + 1 >= args.size() || args[++i] != "json"))
                return fail(ErrorKind::InvalidArgument, "binfmt: -o knows json only");
            a.json = true;
        } else if (w.starts_with('-')) {
            return fail(ErrorKind::InvalidArgument,
                        fmt::format("binfmt: unknown option '{}'; vm binfmt --help", w));
        } else {
            const GuestKind* kind = find_guest_kind(w);
            if (!kind)
                return fail(ErrorKind::Unsupported,
                            fmt::format("binfmt: this vm does not run programs of '{}'; it runs {}", w,
                                        guest_names(", ")));
            a.isas.push_back(*kind);
        }
    }
    if (a.verb.empty())
        return fail(ErrorKind::InvalidArgument, "binfmt: install, remove or status? vm binfmt --help");
    if (a.isas.empty()) a.isas.assign(guest_kinds().begin(), guest_kinds().end());
    return a;
}

Result<void> install(const Arguments& a) {
    auto interpreter = find_interpreter(a.interpreter);
    if (!interpreter) return std::unexpected(interpreter.error());
    const std::string flags = a.setuid ? "FPOC" : "FPO";
    auto mounted = make_writable();
    if (!mounted) return std::unexpected(mounted.error());
    auto status = read_file(in_directory("status"));
    Result<void> done;
    if (status && *status != "enabled\n")
        done = fail(
            ErrorKind::Unsupported,
            fmt::format("binfmt: binfmt_misc is switched off here; echo 1 > {}", in_directory("status")));
    for (size_t i = 0; done && i < a.isas.size(); i++) {
        done = install_one(a.isas[i], *interpreter, flags);
        if (done)
            fmt::print("{}: programs are run by {} (flags {})\n", a.isas[i].name(), *interpreter,
                       kernel_order(flags));
    }
    if (!done && *mounted)
        if (auto undone = unmount_ours(); !undone)
            done.error().message += fmt::format("; and {}", undone.error().message);
    return done;
}

Result<void> remove(const Arguments& a) {
    for (const GuestKind& isa : a.isas) {
        const std::string name = entry_name(isa);
        if (::access(in_directory(name).c_str(), F_OK) != 0) {
            fmt::print("{}: is not installed\n", isa.name());
            continue;
        }
        if (auto ok = delete_entry(name); !ok) return ok;
        fmt::print("{}: removed\n", isa.name());
    }
    auto unmounted = unmount_ours();
    if (!unmounted) return std::unexpected(unmounted.error());
    if (*unmounted) fmt::print("{}: unmounted, as it was before the installation\n", kDirectory);
    return {};
}

ordered_json isa_status(const GuestKind& isa, const std::vector<BinfmtEntry>& entries) {
    ordered_json rules = ordered_json::array();
    auto by = who_runs(isa);
    ordered_json winner = nullptr;
    for (const BinfmtEntry& e : entries) {
        if (!takes(e, isa)) continue;
        rules.push_back(
            {{"name", e.name}, {"enabled", e.enabled}, {"interpreter", e.interpreter}, {"flags", e.flags}});
        if (by && e.enabled && e.interpreter == *by) winner = e.name;
    }
    ordered_json j{{"isa", isa.name()},
                   {"installed", std::any_of(entries.begin(), entries.end(),
                                             [&](const auto& e) { return e.name == entry_name(isa); })}};
    j["run_by"] = by ? ordered_json(*by) : ordered_json(nullptr);
    j["by_entry"] = winner;
    if (!by) j["reason"] = by.error().message;
    j["entries"] = rules;
    return j;
}

Result<void> status(const Arguments& a) {
    auto entries = read_entries();
    if (!entries) return std::unexpected(entries.error());
    auto on = is_mounted() ? read_file(in_directory("status")) : Result<std::string>(std::string());
    ordered_json j{{"mounted", is_mounted()},
                   {"writable", is_writable()},
                   {"enabled", on && *on == "enabled\n"},
                   {"isas", ordered_json::array()}};
    for (const GuestKind& isa : a.isas) j["isas"].push_back(isa_status(isa, *entries));
    if (a.json) {
        fmt::print("{}\n", j.dump(2));
        return {};
    }
    const char* state = !j["mounted"].get<bool>()  ? "not mounted"
                        : j["enabled"].get<bool>() ? "on"
                                                   : "switched off";
    fmt::print("{}: {}{}\n", kDirectory, state,
               j["mounted"].get<bool>() && !j["writable"].get<bool>() ? ", not writable for this user" : "");
    for (const auto& isa : j["isas"]) {
        if (isa["run_by"].is_string())
            fmt::print("{}: programs are run by {}{}\n", isa["isa"].get<std::string>(),
                       isa["run_by"].get<std::string>(),
                       isa["by_entry"].is_string()
                           ? fmt::format(", as {} says", isa["by_entry"].get<std::string>())
                           : "");
        else
            fmt::print("{}: {}\n", isa["isa"].get<std::string>(), isa["reason"].get<std::string>());
        for (const auto& e : isa["entries"])
            fmt::print("  {:16} {:8} {:5} {}\n", e["name"].get<std::string>(),
                       e["enabled"].get<bool>() ? "enabled" : "disabled", e["flags"].get<std::string>(),
                       e["interpreter"].get<std::string>());
    }
    return {};
}

}  // namespace

int binfmt_command(const std::vector<std::string>& args) {
    auto a = parse(args);
    Result<void> done;
    if (!a) {
        done = std::unexpected(a.error());
    } else if (a->help) {
        std::fputs(kUsage, stdout);
        return 0;
    } else {
        done = a->verb == "install" ? install(*a) : a->verb == "remove" ? remove(*a) : status(*a);
    }
    if (done) return 0;
    complain(done.error().message);
    return kExitTool;
}

}  // namespace vm::cli
