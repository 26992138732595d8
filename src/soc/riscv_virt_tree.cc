#include "soc/riscv_virt_tree.h"

#include "base/format.h"
#include "device/aclint.h"
#include "device/pci_host.h"
#include "device/virtio_mmio.h"
#include "frontend/riscv64/rv64_decode.h"
#include "osal/host.h"
#include "riscv/registers.h"
#include "soc/device_tree.h"
#include "soc/riscv_virt_map.h"

namespace vm::soc {
namespace {

using namespace virt;

/// What /proc/cpuinfo and kernels are told of extensions ("riscv,isa-extensions").
std::vector<std::string> extensions(u64 features) {
    namespace rv = frontend::riscv64;
    std::vector<std::string> names{"i", "m", "a"};
    const std::pair<rv::Ext, const char*> known[] = {
        {rv::F, "f"},           {rv::D, "d"},           {rv::C, "c"},           {rv::Zawrs, "zawrs"},
        {rv::Zfa, "zfa"},       {rv::Zfh, "zfh"},       {rv::Zfhmin, "zfhmin"}, {rv::Zba, "zba"},
        {rv::Zbb, "zbb"},       {rv::Zbc, "zbc"},       {rv::Zbs, "zbs"},       {rv::Zicond, "zicond"},
        {rv::Zicntr, "zicntr"}, {rv::Zicbom, "zicbom"}, {rv::Zicbop, "zicbop"}, {rv::Zicboz, "zicboz"}};
    for (const auto& [ext, name] : known)
        if (bit(features, ext)) names.emplace_back(name);
    for (const char* name : {"zicsr", "zifencei", "zihintpause", "zihpm", "sscofpmf", "sstc", "svadu",
                             "svinval", "svnapot", "svpbmt"})
        names.emplace_back(name);
    return names;
}

void cpus(DeviceTree& t, const BoardTree& board) {
    t.open("cpus");
    t.cells("#address-cells", {1});
    t.cells("#size-cells", {0});
    t.cells("timebase-frequency", {static_cast<u32>(kTimebaseHz)});
    const std::vector<std::string> names = extensions(board.cpu_features);
    const std::string isa = isa_string(board.cpu_features);
    for (const u64 id : board.harts) {
        t.open(fmt::format("cpu@{:x}", id));
        t.text("device_type", "cpu");
        t.text("compatible", "riscv");
        t.text("status", "okay");
        t.cells("reg", {static_cast<u32>(id)});
        t.text("riscv,isa", isa);
        t.text("riscv,isa-base", "rv64i");
        t.texts("riscv,isa-extensions", names);
        t.text("mmu-type", "riscv,sv57");
        for (const char* name : {"riscv,cbom-block-size", "riscv,cbop-block-size", "riscv,cboz-block-size"})
            t.cells(name, {static_cast<u32>(frontend::riscv64::kCacheBlock)});
        t.cells("phandle", {static_cast<u32>(id) + 1});
        t.open("interrupt-controller");
        t.text("compatible", "riscv,cpu-intc");
        t.flag("interrupt-controller");
        t.cells("#interrupt-cells", {1});
        t.cells("phandle", {kMostHarts + static_cast<u32>(id) + 1});
        t.close();
        t.close();
    }
    t.close();
}

/// What firmware in M-mode is told of counters: which events of SBI are which values of mhpmevent, and which
/// counters count them (OpenSBI, docs/pmu_support.md).
void pmu(DeviceTree& t) {
    constexpr auto hpm = static_cast<u32>(riscv::kCounterHpm);
    const auto event = [](u64 e) { return static_cast<u32>(e); };
    const u32 cycles = event(riscv::kEventCycles), instructions = event(riscv::kEventInstructions),
              loads = event(riscv::kEventLoadTlbMisses), stores = event(riscv::kEventStoreTlbMisses),
              fetches = event(riscv::kEventFetchTlbMisses);
    t.open("pmu");
    t.text("compatible", "riscv,pmu");
    t.cells("riscv,event-to-mhpmevent", {cycles, 0, cycles, instructions, 0, instructions, loads, 0, loads,
                                         stores, 0, stores, fetches, 0, fetches});
    t.cells("riscv,event-to-mhpmcounters", {cycles, cycles, hpm | u32{riscv::kCounterCycle}, instructions,
                                            instructions, hpm | u32{riscv::kCounterInstret}, loads, loads,
                                            hpm, stores, stores, hpm, fetches, fetches, hpm});
    t.close();
}

constexpr u32 kPlicHandle = 2 * kMostHarts + 1, kSysconHandle = kPlicHandle + 1;

/// PCI Bus Binding to IEEE 1275, and Documentation/devicetree/bindings/pci/host-generic-pci.yaml.
void pci(DeviceTree& t, const BoardTree& board) {
    using device::PciHost;
    constexpr auto high = &DeviceTree::high, low = &DeviceTree::low;
    constexpr u32 kIo = 0x0100'0000, kMemory32 = 0x0200'0000, kMemory64 = 0x0300'0000;
    const u64 upper = pci_upper_window(board.memory);
    std::vector<u32> ranges, map;
    const auto range = [&](u32 space, u64 pci_base, u64 base, u64 size) {
        ranges.insert(ranges.end(),
                      {space, high(pci_base), low(pci_base), high(base), low(base), high(size), low(size)});
    };
    range(kIo, 0, kPciIo, kPciIoSize);
    range(kMemory32, kPciMemory, kPciMemory, kPciMemorySize);
    range(kMemory64, upper, upper, kPciUpperSize);
    for (u32 slot = 0; slot < PciHost::kPins; slot++)  // it repeats
        for (u32 pin = 1; pin <= PciHost::kPins; pin++)
            map.insert(map.end(),
                       {slot << 11, 0, 0, pin, kPlicHandle, kPciIrq + PciHost::line_of(slot, pin)});
    t.open(fmt::format("pci@{:x}", kPciEcam));
    t.text("compatible", "pci-host-ecam-generic");
    t.text("device_type", "pci");
    t.cells("#address-cells", {3});
    t.cells("#size-cells", {2});
    t.cells("#interrupt-cells", {1});
    t.cells("linux,pci-domain", {0});
    t.cells("bus-range", {0, (kPciEcamSize / PciHost::kBusBytes) - 1});
    t.flag("dma-coherent");
    t.reg(kPciEcam, kPciEcamSize);
    t.cells("ranges", ranges);
    t.cells("interrupt-map-mask", {(PciHost::kPins - 1) << 11, 0, 0, 7});
    t.cells("interrupt-map", map);
    t.close();
}

void devices(DeviceTree& t, const BoardTree& board) {
    std::vector<u32> plic, clint;
    for (const u64 id : board.harts) {
        const u32 intc = kMostHarts + static_cast<u32>(id) + 1;
        plic.insert(plic.end(), {intc, riscv::kIrqMei, intc, riscv::kIrqSei});
        clint.insert(clint.end(), {intc, riscv::kIrqMsi, intc, riscv::kIrqMti});
    }
    t.open("soc");
    t.text("compatible", "simple-bus");
    t.cells("#address-cells", {2});
    t.cells("#size-cells", {2});
    t.flag("ranges");
    t.open(fmt::format("clint@{:x}", kClint));
    t.texts("compatible", std::vector<std::string>{"sifive,clint0", "riscv,clint0"});
    t.reg(kClint, device::Aclint::kSize);
    t.cells("interrupts-extended", clint);
    t.close();
    t.open(fmt::format("plic@{:x}", kPlic));
    t.texts("compatible", std::vector<std::string>{"sifive,plic-1.0.0", "riscv,plic0"});
    t.reg(kPlic, board.plic_size);
    t.flag("interrupt-controller");
    t.cells("#interrupt-cells", {1});
    t.cells("#address-cells", {0});
    t.cells("riscv,ndev", {95});
    t.cells("interrupts-extended", plic);
    t.cells("phandle", {kPlicHandle});
    t.close();
    t.open(fmt::format("serial@{:x}", kUart));
    t.text("compatible", "ns16550a");
    t.reg(kUart, kUartSize);
    t.cells("clock-frequency", {3'686'400});
    t.cells("interrupt-parent", {kPlicHandle});
    t.cells("interrupts", {kUartIrq});
    t.close();
    for (unsigned slot = 0; slot < board.virtio_slots; slot++) {
        const u64 base = kVirtio + slot * kVirtioStep;
        t.open(fmt::format("virtio_mmio@{:x}", base));
        t.text("compatible", "virtio,mmio");
        t.reg(base, device::VirtioMmio::kSize);
        t.cells("interrupt-parent", {kPlicHandle});
        t.cells("interrupts", {kVirtioIrq + slot});
        t.close();
    }
    if (board.pci) pci(t, board);
    t.open(fmt::format("rtc@{:x}", kRtc));
    t.text("compatible", "google,goldfish-rtc");
    t.reg(kRtc, kRtcSize);
    t.cells("interrupt-parent", {kPlicHandle});
    t.cells("interrupts", {kRtcIrq});
    t.close();
    t.open(fmt::format("test@{:x}", kSyscon));
    t.texts("compatible", std::vector<std::string>{"sifive,test1", "sifive,test0", "syscon"});
    t.reg(kSyscon, kSysconSize);
    t.cells("phandle", {kSysconHandle});
    t.close();
    t.close();
    const std::pair<const char*, u32> switches[] = {{"poweroff", 0x5555}, {"reboot", 0x7777}};
    for (const auto& [name, value] : switches) {
        t.open(name);
        t.text("compatible", std::string("syscon-") + name);
        t.cells("regmap", {kSysconHandle});
        t.cells("offset", {0});
        t.cells("value", {value});
        t.close();
    }
}

}  // namespace

std::string isa_string(u64 cpu_features) {
    std::string isa = "rv64";
    for (const std::string& n : extensions(cpu_features)) isa += n.size() == 1 ? n : "_" + n;
    return isa;
}

Result<std::vector<u8>> write_tree(const BoardTree& board) {
    DeviceTree t;
    t.cells("#address-cells", {2});
    t.cells("#size-cells", {2});
    t.text("compatible", "riscv-virtio");
    t.text("model", "riscv-virtio,vm");
    t.open("chosen");
    t.text("bootargs", board.append);
    t.text("stdout-path", fmt::format("/soc/serial@{:x}", kUart));
    u8 seed[32];
    osal::random_bytes(seed, sizeof seed);
    t.bytes("rng-seed", seed);
    if (board.initrd_end != board.initrd_begin) {
        t.cells("linux,initrd-start",
                {DeviceTree::high(board.initrd_begin), DeviceTree::low(board.initrd_begin)});
        t.cells("linux,initrd-end", {DeviceTree::high(board.initrd_end), DeviceTree::low(board.initrd_end)});
    }
    t.close();
    t.open(fmt::format("memory@{:x}", kRam));
    t.text("device_type", "memory");
    t.reg(kRam, board.memory);
    t.close();
    cpus(t, board);
    pmu(t);
    devices(t, board);
    return t.finish();
}

}  // namespace vm::soc
