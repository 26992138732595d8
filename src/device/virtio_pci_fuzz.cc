// libFuzzer: any accesses to the configuration space, the virtio registers and the MSI-X table of devices on
// PCI, with any bytes as the guest RAM that holds the virtqueues.
#include "device/pci_host.h"
#include "device/virtio_fuzz.h"
#include "device/virtio_pci.h"

namespace {

using namespace vm;
using namespace vm::device;
using namespace vm::device::fuzz;

constexpr u64 kEcam = 0x30000000, kIo = 0x3000000, kMemory = 0x40000000, kUpper = 0x400000000;
constexpr u64 kStructures = kUpper, kMsix = kMemory;  // where start() puts the BARs

struct Sink final : MsiSink {
    void send(u64, u32) override {}
};

class Machine {
  public:
    explicit Machine(IrqLine& line) : host_({&line, &line, &line, &line}) {
        (void)bus_.add(kEcam, 0x10000000, host_, "ECAM");
        (void)host_.add_window(bus_, kIo, 0x10000, PciSpace::Io, 0, "ports");
        (void)host_.add_window(bus_, kMemory, 0x1000000, PciSpace::Memory, kMemory, "memory");
        (void)host_.add_window(bus_, kUpper, 0x1000000, PciSpace::Memory, kUpper, "upper memory");
    }
    void add(unsigned slot, PciFunction& f) { (void)host_.add(slot, 0, f); }
    void put(u64 address, unsigned bytes, u64 value) const { (void)bus_.write(address, bytes, value); }
    u64 get(u64 address, unsigned bytes) const {
        u64 value = 0;
        if (bus_.read(address, bytes, &value) && zext(value, 8 * bytes) != value) std::abort();
        return value;
    }

  private:
    Bus bus_;
    PciHost host_;
};

/// BARs, features, queues one behind the other in RAM, a vector each, DRIVER_OK.
void start(const Machine& m, unsigned slot, u32 features) {
    const u64 config = kEcam + (u64{slot} << 15), common = kStructures + slot * 0x10000;
    m.put(config + 0x14, 4, kMsix + slot * 0x10000);
    m.put(config + 0x20, 4, common & 0xffffffff);
    m.put(config + 0x24, 4, common >> 32);
    m.put(config + 4, 2, 6);
    m.put(common + 0x14, 1, 3);
    m.put(common + 0x0c, 4, m.get(common + 4, 4) & features);
    m.put(common + 0x08, 4, 1);
    m.put(common + 0x0c, 4, 1);
    m.put(common + 0x14, 1, 11);
    for (u64 n = 0; n < 2; ++n) {
        const u64 at = kBase + n * 0x200;
        m.put(common + 0x16, 2, n);
        m.put(common + 0x18, 2, kQueueSize);
        m.put(common + 0x1a, 2, n);
        m.put(common + 0x20, 8, at);
        m.put(common + 0x28, 8, at + 0x80);
        m.put(common + 0x30, 8, at + 0x100);
        m.put(common + 0x1c, 2, 1);
    }
    m.put(common + 0x14, 1, 15);
}

}  // namespace

/// 8 bytes say what there is; then 6 bytes an access: what and how wide, an offset, a value.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static auto ram = mem::GuestRam::create(kBase, kBytes).value();
    if (size < 8) return 0;
    fill(*ram, data + 8, size - 8);
    Nobody nobody, other;
    Sink sink;
    Machine machine(nobody);
    auto first = make(data[0], *ram, nobody), second = make(data[0] >> 4, *ram, other);
    VirtioPci one(*first, &sink), two(*second, data[5] % 4 < 2 ? &sink : nullptr);
    machine.add(1, one);
    machine.add(2, two);
    start(machine, 1, load_raw<u32>(data + 1));
    for (u64 n = 0; n < 2; ++n) machine.put(kStructures + 0x13000 + 4 * n, 2, n);
    feed(*first, nobody, data[7] * 16u);
    if (data[5] % 2 == 0) wait_idle(*first, *ram);
    for (std::size_t at = 8; at + 6 <= size && at < 8u + data[6]; at += 6) {
        const u8 what = data[at];
        const unsigned bytes = 1u << (what / 2 % 4), slot = 1 + what / 8 % 2;
        const u64 offset = load_raw<u16>(data + at + 1);
        const u64 places[] = {
            kEcam + (u64{slot} << 15) + offset % 0x200, kStructures + slot * 0x10000 + offset % 0x4000,
            kStructures + slot * 0x10000 + offset % 0x40, kMsix + slot * 0x10000 + offset % 0x100};
        const u64 place = places[what / 16 % 4];
        if (what % 2 == 0)
            machine.put(place, bytes,
                        what >= 0x80 ? ~u64{0} << load_raw<u8>(data + at + 3) % 64
                                     : u64{load_raw<u16>(data + at + 3)} << data[at + 5] % 32);
        else
            (void)machine.get(place, bytes);
    }
    return 0;
}
