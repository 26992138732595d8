#include "soc/riscv_virt.h"

#include <algorithm>
#include <thread>

#include "base/format.h"
#include "device/aclint.h"
#include "device/goldfish_rtc.h"
#include "device/plic.h"
#include "device/syscon.h"
#include "device/uart16550.h"
#include "device/virtio_blk.h"
#include "device/virtio_mmio.h"
#include "device/virtio_rng.h"
#include "frontend/riscv64/riscv64.h"
#include "frontend/riscv64/rv64_decode.h"
#include "osal/event_loop.h"
#include "osal/host.h"
#include "soc/device_tree.h"
#include "soc/riscv_hart.h"

namespace vm::soc {
namespace {

using device::Bus;

constexpr u64 kSyscon = 0x10'0000, kRtc = 0x10'1000, kClint = 0x200'0000, kPlic = 0xc00'0000,
              kUart = 0x1000'0000;
constexpr u64 kVirtio = 0x1000'1000, kVirtioStep = 0x1000;  ///< slot n has irq 1 + n
constexpr u32 kUartIrq = 10, kRtcIrq = 11;
constexpr u64 kTimebaseHz = 10'000'000, kNsPerTick = 100;
constexpr unsigned kMostHarts = 64;
constexpr u64 kMiB = u64{1} << 20;
constexpr u64 kLeastMemory = 8 * kMiB, kMostMemory = 256 * 1024 * kMiB;
constexpr u64 kTreeRoom = kMiB;

/// An interrupt of a hart as devices see it.
class HartLine final : public device::IrqLine {
  public:
    HartLine(RiscvHart& hart, unsigned irq) : hart_(hart), irq_(irq) {}
    void set(bool high) override { hart_.line(irq_, high); }

  private:
    RiscvHart& hart_;
    unsigned irq_;
};

/// The engine's questions about code: its pcs are host addresses inside the RAM.
class CodeMemory final : public engine::GuestMemory {
  public:
    explicit CodeMemory(mem::GuestRam& ram) : ram_(ram) {}
    u64 fetch(u64 pc, void* out, u64 size) override {
        const u64 offset = pc - reinterpret_cast<u64>(ram_.host());
        if (offset >= ram_.size()) return 0;
        const u64 n = std::min(size, ram_.size() - offset);
        std::memcpy(out, ram_.host() + offset, n);
        return n;
    }
    bool note_code(u64 begin, u64 end) override {
        bool fresh = false;
        for (u64 page = begin; page < end; page += mem::kPage)
            fresh |= ram_.watch(reinterpret_cast<const u8*>(page));
        return fresh;
    }
    bool written_code(std::vector<u64>& pages) override {
        pages = ram_.take_written();
        return true;
    }
    bool handle_host_fault(u64, bool) override { return false; }

  private:
    mem::GuestRam& ram_;
};

/// What /proc/cpuinfo and kernels are told of extensions ("riscv,isa-extensions").
std::vector<std::string> extensions(u64 features) {
    namespace rv = frontend::riscv64;
    std::vector<std::string> names{"i", "m", "a"};
    const std::pair<rv::Ext, const char*> known[] = {
        {rv::F, "f"},          {rv::D, "d"},     {rv::C, "c"},           {rv::Zawrs, "zawrs"},
        {rv::Zfa, "zfa"},      {rv::Zfh, "zfh"}, {rv::Zfhmin, "zfhmin"}, {rv::Zba, "zba"},
        {rv::Zbb, "zbb"},      {rv::Zbc, "zbc"}, {rv::Zbs, "zbs"},       {rv::Zicond, "zicond"},
        {rv::Zicntr, "zicntr"}};
    for (const auto& [ext, name] : known)
        if (bit(features, ext)) names.emplace_back(name);
    for (const char* name :
         {"zicsr", "zifencei", "zihintpause", "sstc", "svadu", "svinval", "svnapot", "svpbmt"})
        names.emplace_back(name);
    return names;
}

class Board final : public RiscvVirt, private riscv::SbiMachine {
  public:
    Board(const RiscvVirtOptions& options, std::unique_ptr<mem::GuestRam> ram,
          std::unique_ptr<osal::EventLoop> loop)
        : options_(options), ram_(std::move(ram)), loop_(std::move(loop)), code_(*ram_), sbi_(*ram_, *this) {}
    ~Board() override {
        slots_.clear();  // no request is under way afterwards
        loop_->stop();
    }
    Result<void> start();

    Result<void> load(std::span<const u8> kernel, std::span<const u8> initrd) override;
    std::span<const u8> device_tree() const override { return tree_; }
    Result<Outcome> run() override;
    void stop() override { end({End::PowerOff, 0}); }
    size_t type(std::span<const u8> keys, std::function<void()> on_room) override {
        uart_->set_on_room(std::move(on_room));
        return uart_->receive(keys);
    }
    std::string stats_json() const override { return engine_->stats_json(); }

  private:
    u64 ticks() const { return (osal::monotonic_ns() - started_) / kNsPerTick; }
    /// As software has set it.
    u64 time() const { return ticks() + (aclint_ ? aclint_->time_offset() : 0); }
    void end(Outcome o);
    Result<void> add_devices();
    Result<void> add_disks();
    void add_virtio(std::unique_ptr<device::VirtioDevice> device, unsigned slot, const std::string& name);
    Result<void> make_tree(u64 initrd_begin, u64 initrd_end);
    void cpus(DeviceTree& t) const;
    void devices(DeviceTree& t) const;

    // SbiMachine
    u64 console_write(std::span<const u8> bytes) override {
        options_.console(bytes);
        return bytes.size();
    }
    u64 console_read(std::span<u8>) override { return 0; }  // what is typed goes to the UART
    std::span<const u64> harts() const override { return ids_; }
    riscv::HartStatus hart_status(u64 id) const override { return harts_[id]->status(); }
    bool start_hart(u64 id, u64 entry, u64 argument) override {
        return harts_[id]->start(entry, argument, false);
    }
    void stop_hart(u64 id) override { harts_[id]->halt(); }
    void send_ipi(u64 id) override { harts_[id]->line(riscv::kIrqSsi, true); }
    void remote_fence(std::span<const u64> ids, const riscv::RemoteFence& fence) override;
    void set_timer(u64 id, u64 ticks) override { harts_[id]->set_timer(ticks); }
    bool reset(riscv::ResetType type, riscv::ResetReason reason) override;

    const RiscvVirtOptions options_;
    std::unique_ptr<mem::GuestRam> ram_;
    std::unique_ptr<osal::EventLoop> loop_;
    CodeMemory code_;
    riscv::Sbi sbi_;
    std::unique_ptr<engine::Engine> engine_;
    device::Bus bus_;
    u64 started_ = osal::monotonic_ns();
    std::vector<u64> ids_;
    std::vector<std::unique_ptr<RiscvHart>> harts_;
    std::vector<std::unique_ptr<HartLine>> lines_;
    std::unique_ptr<device::Plic> plic_;
    std::unique_ptr<device::Aclint> aclint_;
    std::unique_ptr<device::Uart16550> uart_;
    std::unique_ptr<device::GoldfishRtc> rtc_;
    std::unique_ptr<device::Syscon> syscon_;
    std::vector<std::unique_ptr<device::VirtioDevice>> virtio_;
    std::map<unsigned, std::unique_ptr<device::VirtioMmio>> slots_;
    std::vector<u8> tree_;
    u64 entry_ = 0, tree_at_ = 0;
    std::mutex mutex_;
    bool ended_ = false;
    Outcome outcome_;
};

Result<void> Board::start() {
    engine::EngineOptions o = options_.engine;
    o.system = true;
    namespace rv = frontend::riscv64;
    // Cache block operations depend on CSRs that the front end does not look at yet.
    o.cpu_features &= ~(u64{1} << rv::Zicbom | u64{1} << rv::Zicboz);
    auto engine = engine::Engine::create(rv::kRiscv64, code_, o);
    if (!engine) return std::unexpected(engine.error());
    engine_ = std::move(*engine);
    if (options_.harts > 1) engine_->memory_is_shared();
    RiscvHart::Board board{.engine = engine_.get(),
                           .ram = ram_.get(),
                           .bus = &bus_,
                           .timers = loop_.get(),
                           .sbi = &sbi_,
                           .ticks = [this] { return time(); },
                           .ns_per_tick = kNsPerTick};
    for (unsigned n = 0; n < options_.harts; n++) {
        riscv::HartOptions h;
        h.hart_id = n;
        h.features = o.cpu_features;
        harts_.push_back(std::make_unique<RiscvHart>(board, h));
        ids_.push_back(n);
    }
    return add_devices();
}

void Board::add_virtio(std::unique_ptr<device::VirtioDevice> device, unsigned slot, const std::string& name) {
    virtio_.push_back(std::move(device));
    auto& transport = slots_[slot] =
        std::make_unique<device::VirtioMmio>(*virtio_.back(), plic_->source(1 + slot));
    (void)bus_.add(kVirtio + slot * kVirtioStep, device::VirtioMmio::kSize, *transport, name);
}

Result<void> Board::add_disks() {
    unsigned slot = 0;
    for (const DiskImage& image : options_.disks) {
        const auto format = device::disk_format(image.format);
        if (!format) return std::unexpected(format.error());
        auto disk = device::open_disk(*format, image.path, {.read_only = image.read_only});
        if (!disk) return std::unexpected(disk.error());
        add_virtio(std::make_unique<device::VirtioBlk>(*ram_, std::move(*disk), fmt::format("disk{}", slot)),
                   slot, fmt::format("disk {}", slot));
        slot++;
    }
    add_virtio(std::make_unique<device::VirtioRng>(*ram_), RiscvVirt::kMostDisks, "random numbers");
    return {};
}

Result<void> Board::add_devices() {
    const auto line = [&](RiscvHart& hart, unsigned irq) -> device::IrqLine* {
        return lines_.emplace_back(std::make_unique<HartLine>(hart, irq)).get();
    };
    std::vector<device::IrqLine*> contexts;
    std::vector<device::Aclint::HartLines> timers;
    for (const auto& h : harts_) {
        contexts.push_back(line(*h, riscv::kIrqMei));
        contexts.push_back(line(*h, riscv::kIrqSei));
        timers.push_back({line(*h, riscv::kIrqMsi), line(*h, riscv::kIrqMti)});
    }
    plic_ = std::make_unique<device::Plic>(contexts);
    aclint_ = std::make_unique<device::Aclint>(
        timers, [this] { return ticks(); }, *loop_);
    uart_ = std::make_unique<device::Uart16550>(plic_->source(kUartIrq), options_.console);
    rtc_ = std::make_unique<device::GoldfishRtc>(plic_->source(kRtcIrq), &osal::realtime_ns, *loop_);
    syscon_ = std::make_unique<device::Syscon>([this](device::Syscon::Request r, u32 code) {
        using Request = device::Syscon::Request;
        end({r == Request::PowerOff ? End::PowerOff
             : r == Request::Reset  ? End::Reset
                                    : End::Failed,
             static_cast<int>(code)});
    });
    (void)bus_.add(kSyscon, 0x1000, *syscon_, "power switch");
    (void)bus_.add(kRtc, 0x1000, *rtc_, "clock of day");
    (void)bus_.add(kClint, device::Aclint::kSize, *aclint_, "ACLINT");
    (void)bus_.add(kPlic, plic_->size(), *plic_, "PLIC");
    (void)bus_.add(kUart, 0x100, *uart_, "UART");
    return add_disks();
}

// ---------------------------------------------------------------------------------------------- device tree

void Board::cpus(DeviceTree& t) const {
    t.open("cpus");
    t.cells("#address-cells", {1});
    t.cells("#size-cells", {0});
    t.cells("timebase-frequency", {static_cast<u32>(kTimebaseHz)});
    const std::vector<std::string> names = extensions(options_.engine.cpu_features);
    std::string isa = "rv64";
    for (const std::string& n : names) isa += n.size() == 1 ? n : "_" + n;
    for (const u64 id : ids_) {
        t.open(fmt::format("cpu@{:x}", id));
        t.text("device_type", "cpu");
        t.text("compatible", "riscv");
        t.text("status", "okay");
        t.cells("reg", {static_cast<u32>(id)});
        t.text("riscv,isa", isa);
        t.text("riscv,isa-base", "rv64i");
        t.texts("riscv,isa-extensions", names);
        t.text("mmu-type", "riscv,sv57");
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

constexpr u32 kPlicHandle = 2 * kMostHarts + 1, kSysconHandle = kPlicHandle + 1;

void Board::devices(DeviceTree& t) const {
    std::vector<u32> plic, clint;
    for (const u64 id : ids_) {
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
    t.reg(kPlic, plic_->size());
    t.flag("interrupt-controller");
    t.cells("#interrupt-cells", {1});
    t.cells("#address-cells", {0});
    t.cells("riscv,ndev", {95});
    t.cells("interrupts-extended", plic);
    t.cells("phandle", {kPlicHandle});
    t.close();
    t.open(fmt::format("serial@{:x}", kUart));
    t.text("compatible", "ns16550a");
    t.reg(kUart, 0x100);
    t.cells("clock-frequency", {3'686'400});
    t.cells("interrupt-parent", {kPlicHandle});
    t.cells("interrupts", {kUartIrq});
    t.close();
    for (const auto& [slot, transport] : slots_) {
        const u64 base = kVirtio + slot * kVirtioStep;
        t.open(fmt::format("virtio_mmio@{:x}", base));
        t.text("compatible", "virtio,mmio");
        t.reg(base, device::VirtioMmio::kSize);
        t.cells("interrupt-parent", {kPlicHandle});
        t.cells("interrupts", {1 + slot});
        t.close();
    }
    t.open(fmt::format("rtc@{:x}", kRtc));
    t.text("compatible", "google,goldfish-rtc");
    t.reg(kRtc, 0x1000);
    t.cells("interrupt-parent", {kPlicHandle});
    t.cells("interrupts", {kRtcIrq});
    t.close();
    t.open(fmt::format("test@{:x}", kSyscon));
    t.texts("compatible", std::vector<std::string>{"sifive,test1", "sifive,test0", "syscon"});
    t.reg(kSyscon, 0x1000);
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

Result<void> Board::make_tree(u64 initrd_begin, u64 initrd_end) {
    DeviceTree t;
    t.cells("#address-cells", {2});
    t.cells("#size-cells", {2});
    t.text("compatible", "riscv-virtio");
    t.text("model", "riscv-virtio,vm");
    t.open("chosen");
    t.text("bootargs", options_.append);
    t.text("stdout-path", fmt::format("/soc/serial@{:x}", kUart));
    u8 seed[32];
    osal::random_bytes(seed, sizeof seed);
    t.bytes("rng-seed", seed);
    if (initrd_end != initrd_begin) {
        t.cells("linux,initrd-start", {DeviceTree::high(initrd_begin), DeviceTree::low(initrd_begin)});
        t.cells("linux,initrd-end", {DeviceTree::high(initrd_end), DeviceTree::low(initrd_end)});
    }
    t.close();
    t.open(fmt::format("memory@{:x}", kRamBase));
    t.text("device_type", "memory");
    t.reg(kRamBase, ram_->size());
    t.close();
    cpus(t);
    devices(t);
    auto blob = t.finish();
    if (!blob) return std::unexpected(blob.error());
    tree_ = std::move(*blob);
    return {};
}

// ---------------------------------------------------------------------------------------------- memory

/// The header that a flat kernel begins with (Linux, Documentation/arch/riscv/boot-image-header.rst).
struct ImageHeader {
    u32 code[2];
    u64 text_offset, image_size, flags;
    u32 version, reserved1;
    u64 reserved2;
    char magic[8];
    char magic2[4];
    u32 reserved3;
};
static_assert(sizeof(ImageHeader) == 64);

Result<void> Board::load(std::span<const u8> kernel, std::span<const u8> initrd) {
    ImageHeader h{};
    if (kernel.size() >= sizeof h) std::memcpy(&h, kernel.data(), sizeof h);
    if (std::string_view(h.magic2, 4) != std::string_view("RSC\x05", 4))
        return fail(ErrorKind::InvalidArgument, "the kernel is no flat RISC-V Linux image");
    const u64 size = std::max<u64>(kernel.size(), h.image_size);
    const u64 room = ram_->size();
    const auto fits = [&](u64 bytes) { return bytes <= room; };
    if (!fits(size) || !fits(initrd.size()) || !fits(h.text_offset) ||
        h.text_offset + size + align_up(initrd.size(), mem::kPage) + kTreeRoom + kMiB > room)
        return fail(
            ErrorKind::InvalidArgument,
            fmt::format(
                "{} MiB of memory do not hold a kernel of {} MiB at {:#x} and an initial RAM disk of {} MiB",
                room / kMiB, size / kMiB, h.text_offset, initrd.size() / kMiB));
    entry_ = kRamBase + h.text_offset;
    tree_at_ = align_down(kRamBase + room - kTreeRoom, kMiB);
    const u64 initrd_at = align_down(tree_at_ - initrd.size(), mem::kPage);
    ram_->write(entry_, kernel.data(), kernel.size());
    ram_->write(initrd_at, initrd.data(), initrd.size());
    if (auto r = make_tree(initrd_at, initrd_at + initrd.size()); !r) return r;
    if (tree_.size() > kTreeRoom) return fail(ErrorKind::Internal, "the device tree is too large");
    ram_->write(tree_at_, tree_.data(), tree_.size());
    return {};
}

// ---------------------------------------------------------------------------------------------- running

Result<RiscvVirt::Outcome> Board::run() {
    harts_[0]->start(entry_, tree_at_, false);
    std::vector<std::thread> threads;
    std::vector<Result<void>> results(harts_.size());
    for (size_t n = 0; n < harts_.size(); n++)
        threads.emplace_back([this, n, &results] {
            results[n] = harts_[n]->run();
            if (!results[n]) end({End::Failed, 1});
        });
    for (std::thread& t : threads) t.join();
    for (Result<void>& r : results)
        if (!r) return std::unexpected(r.error());
    const std::lock_guard lock(mutex_);
    return outcome_;
}

void Board::end(Outcome o) {
    {
        const std::lock_guard lock(mutex_);
        if (ended_) return;
        ended_ = true;
        outcome_ = o;
    }
    for (const auto& h : harts_) h->stop();
}

bool Board::reset(riscv::ResetType type, riscv::ResetReason reason) {
    if (type != riscv::ResetType::Shutdown)
        end({End::Reset, 0});
    else
        end(reason == riscv::ResetReason::None ? Outcome{End::PowerOff, 0} : Outcome{End::Failed, 1});
    return true;
}

void Board::remote_fence(std::span<const u64> ids, const riscv::RemoteFence& fence) {
    std::vector<std::pair<RiscvHart*, u64>> waiting;
    for (const u64 id : ids) waiting.emplace_back(harts_[id].get(), harts_[id]->post(fence));
    // Two harts may want something of each other, so the one that waits serves.
    for (const auto& [hart, ticket] : waiting)
        while (!hart->served(ticket)) {
            RiscvHart::current()->serve();
            std::this_thread::yield();
        }
}

}  // namespace

Result<std::unique_ptr<RiscvVirt>> RiscvVirt::create(const RiscvVirtOptions& options) {
    if (options.harts == 0 || options.harts > kMostHarts)
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("this board has 1 to {} processors, not {}", kMostHarts, options.harts));
    if (options.memory < kLeastMemory || options.memory > kMostMemory)
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("this board has 8 MiB to 256 GiB of memory, not {} bytes", options.memory));
    if (options.disks.size() > kMostDisks)
        return fail(ErrorKind::InvalidArgument, fmt::format("this board has room for {} disks, not {}",
                                                            kMostDisks, options.disks.size()));
    auto ram = mem::GuestRam::create(kRamBase, options.memory);
    if (!ram) return std::unexpected(ram.error());
    auto loop = osal::EventLoop::start("vm-events");
    if (!loop) return std::unexpected(loop.error());
    auto board = std::make_unique<Board>(options, std::move(*ram), std::move(*loop));
    if (auto r = board->start(); !r) return std::unexpected(r.error());
    return board;
}

}  // namespace vm::soc
