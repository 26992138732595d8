#include "cli/boot_explain.h"

#include <nlohmann/json.hpp>

#include "base/format.h"

namespace vm::cli {
namespace {

using nlohmann::ordered_json;

const char* tier_name(engine::Tier tier) {
    switch (tier) {
        case engine::Tier::Interp: return "interp";
        case engine::Tier::One: return "1";
        case engine::Tier::Two: return "2";
        case engine::Tier::Auto: break;
    }
    return "auto";
}

const char* bus_name(soc::VirtioBus bus) {
    return bus == soc::VirtioBus::Mmio ? "mmio" : bus == soc::VirtioBus::Pci ? "pci" : "auto";
}

ordered_json program(const std::string& path, const boot::Program& p, u64 entry) {
    return {{"file", path}, {"format", p.format}, {"entry", entry}};
}

ordered_json firmware(const BootOptions& o, const BootFiles& f) {
    switch (f.mode) {
        case boot::Firmware::BuiltIn: return {{"kind", "built in"}};
        case boot::Firmware::None: return {{"kind", "none"}};
        case boot::Firmware::File: break;
    }
    ordered_json j{{"kind", "file"}};
    j.update(program(o.firmware, f.firmware, f.plan.entry));
    return j;
}

ordered_json devices(const soc::RiscvVirt& machine) {
    ordered_json all = ordered_json::array();
    for (const soc::Part& p : machine.parts()) {
        ordered_json j{{"name", p.name}};
        if (p.size != 0) {
            j["base"] = p.base;
            j["bytes"] = p.size;
        } else {
            j["pci"] = p.pci;
        }
        ordered_json irqs = ordered_json::array();
        for (u32 n = 0; n < p.irqs.count; n++) irqs.push_back(p.irqs.first + n);
        j["irqs"] = irqs;
        all.push_back(j);
    }
    return all;
}

ordered_json disks(const soc::RiscvVirtOptions& options) {
    ordered_json all = ordered_json::array();
    for (const soc::DiskImage& d : options.disks)
        all.push_back({{"file", d.path},
                       {"format", d.format},
                       {"read_only", d.read_only},
                       {"bus", bus_name(d.bus)},
                       {"queues", d.queues}});
    return all;
}

ordered_json places(const BootFiles& f) {
    ordered_json all = ordered_json::array();
    for (const auto& [begin, place] : f.plan.places)
        all.push_back({{"begin", begin}, {"end", place.end}, {"what", place.what}});
    return all;
}

ordered_json resolved(const BootOptions& o, const soc::RiscvVirtOptions& options, const BootFiles& f,
                      const soc::RiscvVirt& machine) {
    ordered_json j{{"machine", "virt"}, {"arch", o.arch}};
    j["processors"] = {{"count", options.harts},
                       {"isa", machine.isa()},
                       {"privilege", "M, S, U"},
                       {"translation", "Sv39, Sv48, Sv57"},
                       {"tier", tier_name(options.engine.tier)},
                       {"code_cache", options.engine.code_cache_bytes}};
    j["memory"] = {{"base", soc::RiscvVirt::kRamBase},
                   {"bytes", options.memory},
                   {"numa", options.numa ? ordered_json(mem::numa_text(*options.numa)) : ordered_json()}};
    j["firmware"] = firmware(o, f);
    j["kernel"] = o.kernel.empty() ? ordered_json() : program(o.kernel, f.kernel, f.plan.kernel_entry);
    if (!o.kernel.empty()) j["kernel"]["mode"] = f.mode == boot::Firmware::None ? "M" : "S";
    j["initrd"] =
        o.initrd.empty()
            ? ordered_json()
            : ordered_json{{"file", o.initrd}, {"begin", f.plan.initrd}, {"bytes", f.initrd.size()}};
    j["device_tree"] = {{"file", o.dtb.empty() ? ordered_json() : ordered_json(o.dtb)},
                        {"begin", f.plan.tree},
                        {"bytes", machine.device_tree().size()}};
    j["command_line"] = options.append;
    if (f.mode == boot::Firmware::None && f.kernel.tohost) j["tohost"] = *f.kernel.tohost;
    if (f.signature)
        j["signature"] = {{"file", o.signature}, {"begin", f.signature->begin}, {"end", f.signature->end}};
    j["placed"] = places(f);
    j["devices"] = devices(machine);
    j["disks"] = disks(options);
    j["networks"] = o.nets;
    j["shares"] = o.shares;
    j["console"] = o.console;
    return j;
}

// ---------------------------------------------------------------------------------------------- as text

std::string words(const ordered_json& j) { return j.get<std::string>(); }
u64 number(const ordered_json& j) { return j.get<u64>(); }

void line(std::string& out, const char* what, const std::string& value) {
    out += fmt::format("{:<14} {}\n", what, value);
}

std::string started(const ordered_json& p) {
    return fmt::format("{} ({}), entered at {:#x}", words(p["file"]), words(p["format"]), number(p["entry"]));
}

std::string firmware_text(const ordered_json& f) {
    const std::string kind = words(f["kind"]);
    if (kind == "built in") return "built in (SBI 2.0)";
    if (kind == "none") return "none: every processor begins at the kernel, in M-mode";
    return started(f) + " by every processor, in M-mode";
}

void list_devices(std::string& out, const ordered_json& all) {
    for (const auto& d : all) {
        const std::string place = d.contains("pci")
                                      ? "pci " + words(d["pci"])
                                      : fmt::format("{:#x} + {:#x}", number(d["base"]), number(d["bytes"]));
        const auto& irqs = d["irqs"];
        std::string lines;
        if (irqs.size() == 1) lines = fmt::format(", irq {}", number(irqs[0]));
        if (irqs.size() > 1)
            lines = fmt::format(", irqs {} to {}", number(irqs.front()), number(irqs.back()));
        out += fmt::format("  {:<28} {}{}\n", place, words(d["name"]), lines);
    }
}

std::string text(const ordered_json& j) {
    std::string out;
    line(out, "machine", fmt::format("{}, {}", words(j["machine"]), words(j["arch"])));
    const auto& p = j["processors"];
    line(out, "processors", fmt::format("{} of {}", number(p["count"]), words(p["isa"])));
    line(out, "",
         fmt::format("{}; {}; tier {}, up to {} MiB of code", words(p["privilege"]), words(p["translation"]),
                     words(p["tier"]), number(p["code_cache"]) >> 20));
    const u64 base = number(j["memory"]["base"]), bytes = number(j["memory"]["bytes"]);
    const auto& numa = j["memory"]["numa"];
    line(out, "memory",
         fmt::format("{} MiB at {:#x} to {:#x}{}", bytes >> 20, base, base + bytes,
                     numa.is_null() ? "" : ", from NUMA nodes by " + words(numa)));
    line(out, "firmware", firmware_text(j["firmware"]));
    line(out, "kernel",
         j["kernel"].is_null()
             ? "none"
             : fmt::format("{} in {}-mode", started(j["kernel"]), words(j["kernel"]["mode"])));
    if (!j["initrd"].is_null())
        line(out, "initrd",
             fmt::format("{}, {} bytes", words(j["initrd"]["file"]), number(j["initrd"]["bytes"])));
    const auto& tree = j["device_tree"];
    line(out, "device tree",
         fmt::format("{}, {} bytes", tree["file"].is_null() ? "the machine's own" : words(tree["file"]),
                     number(tree["bytes"])));
    line(out, "command line", fmt::format("\"{}\"", words(j["command_line"])));
    if (j.contains("tohost")) line(out, "tohost", fmt::format("{:#x}", number(j["tohost"])));
    if (j.contains("signature"))
        line(out, "signature",
             fmt::format("{:#x} to {:#x}, into {}", number(j["signature"]["begin"]),
                         number(j["signature"]["end"]), words(j["signature"]["file"])));
    out += "in memory\n";
    for (const auto& place : j["placed"])
        out += fmt::format("  {:<28} {}\n",
                           fmt::format("{:#x} to {:#x}", number(place["begin"]), number(place["end"])),
                           words(place["what"]));
    out += "devices\n";
    list_devices(out, j["devices"]);
    if (!j["disks"].empty()) out += "disks\n";
    unsigned n = 0;
    for (const auto& d : j["disks"])
        out += fmt::format("  disk {:<23} {}, {}{}{}\n", n++, words(d["file"]), words(d["format"]),
                           number(d["queues"]) != 1 ? fmt::format(", {} queues", number(d["queues"])) : "",
                           d["read_only"].get<bool>() ? ", read-only" : "");
    if (!j["networks"].empty()) out += "networks\n";
    n = 0;
    for (const auto& net : j["networks"]) out += fmt::format("  network card {:<15} {}\n", n++, words(net));
    if (!j["shares"].empty()) out += "shared folders\n";
    for (const auto& share : j["shares"]) out += fmt::format("  {}\n", words(share));
    line(out, "console", words(j["console"]));
    return out;
}

}  // namespace

std::string explain(const std::string& form, const BootOptions& o, const soc::RiscvVirtOptions& options,
                    const BootFiles& files, const soc::RiscvVirt& machine) {
    const ordered_json j = resolved(o, options, files, machine);
    if (form == "text") return text(j);
    // What is typed may be no UTF-8.
    return j.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace vm::cli
