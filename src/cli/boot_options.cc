#include "cli/boot_options.h"

#include <sys/resource.h>

#include <charconv>

#include "base/format.h"
#include "cli/boot_net.h"
#include "cli/cli.h"
#include "frontend/riscv64/riscv64.h"

namespace vm::cli {
namespace {

/// Takes a word that stands behind a disk's path; false: there is no such word.
Result<bool> take_disk_word(const std::string& word, soc::DiskImage& image) {
    constexpr unsigned kMostQueues = soc::DiskImage::kMostQueues;
    if (word == "readonly") {
        image.read_only = true;
    } else if (word.starts_with("format=") && image.format.empty()) {
        image.format = word.substr(7);
    } else if (word.starts_with("bus=") && image.bus == soc::VirtioBus::Auto) {
        const auto bus = soc::virtio_bus(word.substr(4));
        if (!bus) return std::unexpected(bus.error());
        image.bus = *bus;
    } else if (word.starts_with("queues=")) {
        const char *begin = word.data() + 7, *end = word.data() + word.size();
        const auto [rest, error] = std::from_chars(begin, end, image.queues);
        if (error != std::errc() || rest != end || image.queues == 0 || image.queues > kMostQueues)
            return fail(ErrorKind::InvalidArgument,
                        fmt::format("a disk has 1 to {} queues, not {}", kMostQueues, word.substr(7)));
    } else {
        return false;
    }
    return true;
}

/// "PATH,format=raw[,WORD...]". A path may have commas: the words are looked for at the end.
Result<soc::DiskImage> parse_disk(const std::string& text) {
    soc::DiskImage image{.path = text, .format = {}};
    for (;;) {
        const size_t comma = image.path.rfind(',');
        if (comma == std::string::npos) break;
        const auto taken = take_disk_word(image.path.substr(comma + 1), image);
        if (!taken)
            return fail(taken.error().kind, fmt::format("--disk {}: {}", text, taken.error().message));
        if (!*taken) break;
        image.path.resize(comma);
    }
    if (image.format.empty())
        return fail(
            ErrorKind::InvalidArgument,
            fmt::format("--disk {}: its format is not guessed; add ,format=raw or ,format=qcow2", text));
    return image;
}

Result<void> memory_options(const BootOptions& o, soc::RiscvVirtOptions& m) {
    auto memory = parse_size(o.memory);
    if (!memory) return std::unexpected(memory.error());
    m.memory = *memory;
    if (m.memory % (u64{1} << 20) != 0)
        return fail(ErrorKind::InvalidArgument, fmt::format("memory of '{}' is not whole MiB", o.memory));
    if (o.numa.empty()) return {};
    auto numa = mem::parse_numa(o.numa);
    if (!numa) return fail(numa.error().kind, "--numa: " + numa.error().message);
    m.numa = std::move(*numa);
    return {};
}

Result<void> processor_options(const BootOptions& o, soc::RiscvVirtOptions& m) {
    m.harts = o.harts < 0 ? 0 : static_cast<unsigned>(o.harts);
    m.engine.timings = !o.stats.empty() || !o.metrics.empty();
    m.engine.tier = o.tier == "interp" ? engine::Tier::Interp
                    : o.tier == "1"    ? engine::Tier::One
                                       : engine::Tier::Auto;
    const auto limit = parse_size(o.code_cache);
    if (!limit || *limit < (u64{1} << 20) || *limit > (u64{1} << 30))
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("--code-cache {}: a size between 1M and 1G", o.code_cache));
    m.engine.code_cache_bytes = *limit;
    std::string error;
    if (!o.cpu.empty() && !frontend::riscv64::kRiscv64.parse_cpu(o.cpu, &m.engine.cpu_features, &error))
        return fail(ErrorKind::InvalidArgument, error);
    return {};
}

Result<void> disk_options(const BootOptions& o, soc::RiscvVirtOptions& m) {
    for (const std::string& text : o.disks) {
        auto disk = parse_disk(text);
        if (!disk) return std::unexpected(disk.error());
        m.disks.push_back(std::move(*disk));
    }
    return {};
}

Result<void> net_options(const BootOptions& o, soc::RiscvVirtOptions& m) {
    auto nets = parse_nets(o.nets);
    if (!nets) return std::unexpected(nets.error());
    m.nets = std::move(*nets);
    m.complain = [](const std::string& what) { complain("boot: " + what); };
    return {};
}

/// "DIR,tag=NAME[,readonly][,bus=pci]", as for disks.
Result<soc::SharedFolder> parse_share(const std::string& text) {
    soc::SharedFolder share{.path = text, .tag = {}};
    const auto wrong = [&](const std::string& why) {
        return fail(ErrorKind::InvalidArgument, fmt::format("--share {}: {}", text, why));
    };
    for (;;) {
        const size_t comma = share.path.rfind(',');
        if (comma == std::string::npos) break;
        const std::string word = share.path.substr(comma + 1);
        if (word == "readonly")
            share.read_only = true;
        else if (word.starts_with("tag=") && share.tag.empty())
            share.tag = word.substr(4);
        else if (word.starts_with("bus=") && share.bus == soc::VirtioBus::Auto) {
            const auto bus = soc::virtio_bus(word.substr(4));
            if (!bus) return wrong(bus.error().message);
            share.bus = *bus;
        } else
            break;
        share.path.resize(comma);
    }
    if (share.tag.empty()) return wrong("it needs ,tag=NAME, by which the guest mounts it");
    if (share.tag.size() > soc::kMostTagBytes)
        return wrong(fmt::format("its tag is longer than {} bytes", soc::kMostTagBytes));
    return share;
}

Result<void> share_options(const BootOptions& o, soc::RiscvVirtOptions& m) {
    for (const std::string& text : o.shares) {
        auto share = parse_share(text);
        if (!share) return std::unexpected(share.error());
        for (const soc::SharedFolder& other : m.shares)
            if (other.tag == share->tag)
                return fail(ErrorKind::InvalidArgument,
                            fmt::format("--share {}: there is another folder with this tag", text));
        m.shares.push_back(std::move(*share));
    }
    // Each file that the guest knows costs a descriptor.
    rlimit limit{};
    if (!m.shares.empty() && ::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    return {};
}

/// PCI unless told otherwise: kernels have its driver built in, that of virtio-mmio is often a module and
/// late.
Result<void> console_options(const BootOptions& o, soc::RiscvVirtOptions& m) {
    const std::string bus = "virtio,bus=";
    if (o.console == "serial") return {};
    m.virtio_console = soc::VirtioBus::Pci;
    if (o.console == "virtio") return {};
    if (!o.console.starts_with(bus))
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("--console is serial or virtio[,bus=mmio or pci], not '{}'", o.console));
    const auto named = soc::virtio_bus(o.console.substr(bus.size()));
    if (!named) return fail(named.error().kind, "--console: " + named.error().message);
    m.virtio_console = *named;
    return {};
}

}  // namespace

void declare_boot_options(OptionParser& p, BootOptions& o) {
    p.text("--arch", o.arch, "the machine's processor").value("ARCH").one_of({"riscv64"}).required();
    p.text("--firmware", o.firmware,
           "what serves the kernel in M-mode, OpenSBI for example; none: nothing does, and an ELF program "
           "starts there; default: vm itself")
        .value("FILE|none")
        .not_empty();
    p.text("--kernel", o.kernel,
           "a Linux kernel, flat, packed or EFI zboot; an ELF program; with a firmware also flat code")
        .value("FILE")
        .not_empty();
    p.text("--initrd", o.initrd, "an initial RAM disk for it").value("FILE");
    p.text("--append", o.append, "the kernel's command line").value("TEXT");
    p.list("--disk", o.disks,
           "FILE,format=raw or qcow2[,readonly][,bus=mmio or pci][,queues=N]: a virtio block device")
        .value("DISK");
    p.list("--net", o.nets, kNetHelp).value("NET");
    p.list("--share", o.shares,
           "DIR,tag=NAME[,readonly][,bus=mmio or pci]: a folder for the guest, which mounts it by mount -t "
           "9p -o "
           "trans=virtio,version=9p2000.L NAME /mnt")
        .value("SHARE");
    p.text("--console", o.console,
           "what is typed goes to the serial port (ttyS0) or to a virtio console (hvc0); what the guest "
           "prints to "
           "either is shown")
        .value("serial|virtio[,bus=mmio or pci]")
        .show_default();
    p.text("-m,--memory", o.memory, "RAM").value("SIZE").show_default();
    p.text(
         "--numa", o.numa,
         "bind=NODES, interleave=NODES or preferred=NODE: where the host takes the RAM from; NODES is 0-1,3")
        .value("POLICY")
        .not_empty();
    p.number("--smp", o.harts, "processors").value("N").show_default();
    p.text("--cpu", o.cpu, "CPU model and extensions, e.g. max,-zfa").value("MODEL");
    p.text("--tier", o.tier, "how guest code runs").one_of({"auto", "interp", "1"}).show_default();
    p.text("--code-cache", o.code_cache, "limit of generated code").value("SIZE").show_default();
    const Option signature =
        p.text(
             "--signature", o.signature,
             "the ELF program's memory from begin_signature to end_signature, as text, when the machine ends")
            .value("FILE")
            .not_empty();
    p.number("--signature-granularity", o.granularity, "its bytes a line: 1, 2, 4, 8 or 16")
        .value("N")
        .needs(signature)
        .show_default();
    p.text("--dtb", o.dtb, "a device tree in place of the machine's own").value("FILE").not_empty();
    p.text("--dump-dtb", o.dump_dtb, "where the device tree is written before the machine starts")
        .value("FILE")
        .not_empty();
    p.flag("--explain{text}", o.explain,
           "print the whole machine before it starts (--explain=json: as JSON): processors, memory, devices, "
           "what lies where");
    p.flag("--dry-run", o.dry_run, "do all but start the machine");
    p.text("--stats", o.stats, "counters as JSON, when the machine ends").value("FILE");
    p.text("--metrics", o.metrics, "serve counters for Prometheus: HOST:PORT or unix:PATH").value("WHERE");
    p.text("--gdb", o.gdb,
           "HOST:PORT or unix:PATH[,nowait]: a GDB server; the machine waits at its first instruction")
        .value("ADDRESS")
        .not_empty();
}

Result<soc::RiscvVirtOptions> machine_options(const BootOptions& o) {
    soc::RiscvVirtOptions m;
    m.append = o.append;
    for (const auto group :
         {memory_options, processor_options, disk_options, net_options, share_options, console_options})
        if (auto r = group(o, m); !r) return std::unexpected(r.error());
    return m;
}

}  // namespace vm::cli
