#include "cli/boot_load.h"

#include "base/format.h"
#include "boot/signature.h"
#include "osal/file.h"

namespace vm::cli {
namespace {

/// All of a file that goes into the machine's memory.
Result<std::vector<u8>> contents(const std::string& path, u64 memory) {
    auto file = osal::InputFile::open(path);
    if (!file) return std::unexpected(file.error());
    if (file->size() > memory)
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("{}: its {} bytes do not fit into the machine's memory", path, file->size()));
    std::vector<u8> bytes(file->size());
    if (auto r = file->read(0, bytes.data(), bytes.size()); !r) return std::unexpected(r.error());
    return bytes;
}

Result<boot::Program> program(const std::string& path, u64 memory, bool flat) {
    auto bytes = contents(path, memory);
    if (!bytes) return std::unexpected(bytes.error());
    return boot::read_program(path, std::move(*bytes), memory, flat);
}

}  // namespace

boot::Firmware firmware_of(const BootOptions& o) {
    return o.firmware.empty()     ? boot::Firmware::BuiltIn
           : o.firmware == "none" ? boot::Firmware::None
                                  : boot::Firmware::File;
}

Result<BootFiles> read_boot_files(const BootOptions& o, u64 memory) {
    BootFiles f;
    f.mode = firmware_of(o);
    const bool firmware = f.mode == boot::Firmware::File;
    if (!o.explain.empty() && o.explain != "text" && o.explain != "json")
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("--explain is text or json, not '{}'", o.explain));
    if (!boot::is_granularity(static_cast<u64>(o.granularity)))
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("--signature-granularity is 1, 2, 4, 8 or 16, not {}", o.granularity));
    if (o.kernel.empty() && !firmware)
        return fail(ErrorKind::InvalidArgument,
                    "there is nothing to start: name a --kernel, or a --firmware that brings its own");
    if (firmware) {
        auto p = program(o.firmware, memory, true);
        if (!p) return std::unexpected(p.error());
        f.firmware = std::move(*p);
    }
    if (!o.kernel.empty()) {
        auto p = program(o.kernel, memory, firmware);
        if (!p) return std::unexpected(p.error());
        f.kernel = std::move(*p);
    }
    if (!o.initrd.empty()) {
        auto bytes = contents(o.initrd, memory);
        if (!bytes) return std::unexpected(bytes.error());
        f.initrd = std::move(*bytes);
    }
    if (!o.dtb.empty()) {
        auto bytes = contents(o.dtb, memory);
        if (!bytes) return std::unexpected(bytes.error());
        if (bytes->empty()) return fail(ErrorKind::InvalidArgument, fmt::format("{}: it is empty", o.dtb));
        f.tree = std::move(*bytes);
    }
    auto plan = boot::plan({.ram = soc::RiscvVirt::kRamBase,
                            .ram_size = memory,
                            .firmware = f.mode,
                            .firmware_file = firmware ? &f.firmware : nullptr,
                            .kernel = o.kernel.empty() ? nullptr : &f.kernel,
                            .initrd = f.initrd});
    if (!plan) return std::unexpected(plan.error());
    f.plan = std::move(*plan);
    if (!o.signature.empty()) {
        auto range = boot::check_signature(f.kernel, soc::RiscvVirt::kRamBase, memory);
        if (!range) return std::unexpected(range.error());
        f.signature = *range;
    }
    return f;
}

}  // namespace vm::cli
