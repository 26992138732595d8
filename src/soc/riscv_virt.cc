#include "soc/riscv_virt.h"

#include <algorithm>
#include <thread>

#include "base/format.h"
#include "device/aclint.h"
#include "device/goldfish_rtc.h"
#include "device/plic.h"
#include "device/syscon.h"
#include "device/uart16550.h"
#include "device/virtio_9p.h"
#include "device/virtio_blk.h"
#include "device/virtio_console.h"
#include "device/virtio_net.h"
#include "device/virtio_rng.h"
#include "frontend/riscv64/riscv64.h"
#include "frontend/riscv64/rv64_decode.h"
#include "osal/event_loop.h"
#include "osal/host.h"
#include "soc/given_tree.h"
#include "soc/riscv_hart.h"
#include "soc/riscv_virt_map.h"
#include "soc/riscv_virt_tree.h"

namespace vm::soc {
namespace {

using namespace virt;

constexpr u64 kMiB = u64{1} << 20;
constexpr u64 kLeastMemory = 8 * kMiB, kMostMemory = 256 * 1024 * kMiB;

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

/// The far end of the virtio console.
class Terminal final : public device::ConsoleHost {
  public:
    explicit Terminal(const std::function<void(std::span<const u8>)>& print) : print_(print) {}
    void set_on_room(std::function<void()> on_room) {
        const std::lock_guard lock(mutex_);
        on_room_ = std::move(on_room);
    }
    void output(std::span<const u8> bytes) override { print_(bytes); }
    void input_possible() override {
        const std::lock_guard lock(mutex_);
        if (on_room_) on_room_();
    }

  private:
    const std::function<void(std::span<const u8>)>& print_;
    std::mutex mutex_;
    std::function<void()> on_room_;
};

class Board final : public RiscvVirt, private riscv::SbiMachine {
  public:
    Board(const RiscvVirtOptions& options, std::unique_ptr<mem::GuestRam> ram,
          std::unique_ptr<osal::EventLoop> loop)
        : options_(options), ram_(std::move(ram)), loop_(std::move(loop)), code_(*ram_), sbi_(*ram_, *this) {}
    ~Board() override {
        if (engine_) engine_->list_devices({});
        if (slots_) slots_->clear();  // no request is under way afterwards
        loop_->stop();
    }
    Result<void> start();

    mem::GuestRam& ram() override { return *ram_; }
    Result<void> prepare(const Start& start) override;
    std::vector<Part> parts() const override;
    std::string isa() const override { return isa_string(options_.engine.cpu_features); }
    std::span<const u8> device_tree() const override { return tree_; }
    Result<Outcome> run() override;
    void stop() override { end({End::PowerOff, 0}); }
    size_t type(std::span<const u8> keys, std::function<void()> on_room) override {
        if (console_ != nullptr) {
            terminal_.set_on_room(std::move(on_room));
            return console_->input(keys);
        }
        uart_->set_on_room(std::move(on_room));
        return uart_->receive(keys);
    }
    void set_terminal_size(u16 columns, u16 rows) override {
        if (console_ != nullptr) console_->resize(columns, rows);
    }
    void collect(MetricSink& sink) const override;
    std::vector<RiscvHart*> hart_list() const override {
        std::vector<RiscvHart*> out;
        for (const auto& h : harts_) out.push_back(h.get());
        return out;
    }
    const device::Bus& bus() const override { return bus_; }
    bool write(u64 physical, std::span<const u8> bytes) override;
    void reset() override { end({End::Reset, 0}); }

  private:
    u64 ticks() const { return (osal::monotonic_ns() - started_) / kNsPerTick; }
    /// As software has set it.
    u64 time() const { return ticks() + (aclint_ ? aclint_->time_offset() : 0); }
    void end(Outcome o);
    Result<void> add_devices();
    Result<void> add_disks();
    Result<void> add_htif(const device::Htif::Words& words);
    Result<void> add_console();
    Result<void> add_nets();
    Result<void> add_shares();
    void list_devices();

    // SbiMachine
    u64 console_write(std::span<const u8> bytes) override {
        options_.console(bytes);
        return bytes.size();
    }
    u64 console_read(std::span<u8> bytes) override { return uart_->take(bytes); }
    std::span<const u64> harts() const override { return ids_; }
    riscv::HartStatus hart_status(u64 id) const override { return harts_[id]->status(); }
    bool start_hart(u64 id, u64 entry, u64 argument) override {
        return harts_[id]->start({.entry = entry, .arguments = {argument, 0}});
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
    std::unique_ptr<device::Htif> htif_;
    std::vector<std::unique_ptr<device::NetBackend>> wires_;
    Terminal terminal_{options_.console};
    device::VirtioConsole* console_ = nullptr;  ///< of slots_; none: the serial port is the console
    std::unique_ptr<RiscvVirtSlots> slots_;
    std::vector<u8> tree_;
    Start start_;
    std::mutex mutex_;
    bool ended_ = false;
    Outcome outcome_;
};

Result<void> Board::start() {
    engine::EngineOptions o = options_.engine;
    o.system = true;
    namespace rv = frontend::riscv64;
    auto engine = engine::Engine::create(rv::kRiscv64, code_, o);
    if (!engine) return std::unexpected(engine.error());
    engine_ = std::move(*engine);
    engine_->memory_is_shared();  // with the devices' threads, were there but one hart
    RiscvHart::Board board{.engine = engine_.get(),
                           .ram = ram_.get(),
                           .bus = &bus_,
                           .timers = loop_.get(),
                           .sbi = options_.machine_mode ? nullptr : &sbi_,
                           .ticks = [this] { return time(); },
                           .ns_per_tick = kNsPerTick,
                           .control = options_.engine.control};
    for (unsigned n = 0; n < options_.harts; n++) {
        riscv::HartOptions h;
        h.hart_id = n;
        h.features = o.cpu_features;
        harts_.push_back(std::make_unique<RiscvHart>(board, h));
        ids_.push_back(n);
    }
    if (auto r = add_devices(); !r) return r;
    list_devices();
    return {};
}

Result<void> Board::add_disks() {
    for (size_t n = 0; n < options_.disks.size(); n++) {
        const DiskImage& image = options_.disks[n];
        const auto format = device::disk_format(image.format);
        if (!format) return std::unexpected(format.error());
        auto disk = device::open_disk(*format, image.path, {.read_only = image.read_only});
        if (!disk) return std::unexpected(disk.error());
        auto r = slots_->add(std::make_unique<device::VirtioBlk>(*ram_, std::move(*disk),
                                                                 fmt::format("disk{}", n), image.queues),
                             fmt::format("disk {}", n), image.bus);
        if (!r) return r;
    }
    return {};
}

Result<void> Board::add_console() {
    if (!options_.virtio_console) return {};
    auto console = std::make_unique<device::VirtioConsole>(*ram_, terminal_, u16{0}, u16{0});
    console_ = console.get();
    return slots_->add(std::move(console), "console", *options_.virtio_console);
}

Result<void> Board::add_nets() {
    unsigned n = 0;
    for (const NetCard& card : options_.nets) {
        auto wire = open_network(card, options_.complain);
        if (!wire) return std::unexpected(wire.error());
        wires_.push_back(std::move(*wire));
        auto net = std::make_unique<device::VirtioNet>(*ram_, *wires_.back(), mac_address(card, n));
        if (auto r = slots_->add(std::move(net), fmt::format("network card {}", n), card.bus); !r) return r;
        n++;
    }
    return {};
}

Result<void> Board::add_shares() {
    for (const SharedFolder& share : options_.shares) {
        auto files = device::p9::Files::open(share.path, share.read_only);
        if (!files) return std::unexpected(files.error());
        auto r = slots_->add(std::make_unique<device::Virtio9p>(*ram_, std::move(*files), share.tag),
                             fmt::format("shared folder {}", share.tag), share.bus);
        if (!r) return r;
    }
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
    slots_ = std::make_unique<RiscvVirtSlots>(bus_, *plic_, ram_->size());
    (void)bus_.add(kSyscon, kSysconSize, *syscon_, "power switch");
    (void)bus_.add(kRtc, kRtcSize, *rtc_, "clock of day");
    (void)bus_.add(kClint, device::Aclint::kSize, *aclint_, "ACLINT");
    (void)bus_.add(kPlic, plic_->size(), *plic_, "PLIC");
    (void)bus_.add(kUart, kUartSize, *uart_, "UART");
    if (auto r = slots_->add(std::make_unique<device::VirtioRng>(*ram_), "random numbers"); !r) return r;
    if (auto r = add_disks(); !r) return r;
    if (auto r = add_nets(); !r) return r;
    if (auto r = add_console(); !r) return r;
    return add_shares();
}

Result<void> Board::prepare(const Start& start) {
    const BoardTree t{.append = options_.append,
                      .memory = ram_->size(),
                      .initrd_begin = start.initrd_begin,
                      .initrd_end = start.initrd_end,
                      .harts = ids_,
                      .cpu_features = options_.engine.cpu_features,
                      .plic_size = plic_->size(),
                      .virtio_slots = slots_->mmio(),
                      .pci = slots_->pci()};
    auto blob = start.given_tree.empty() ? write_tree(t)
                                         : adopt_tree(start.given_tree, options_.append, start.initrd_begin,
                                                      start.initrd_end, start.tree_room);
    if (!blob) return std::unexpected(blob.error());
    tree_ = std::move(*blob);
    if (tree_.size() > start.tree_room)
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("a device tree of {} bytes is too large", tree_.size()));
    ram_->write(start.tree, tree_.data(), tree_.size());
    start_ = start;
    return start.htif ? add_htif(*start.htif) : Result<void>();
}

std::vector<Part> Board::parts() const {
    std::vector<Part> all;
    for (const auto& [base, range] : bus_.ranges())
        all.push_back(
            {.name = range.name, .base = base, .size = range.size, .pci = {}, .irqs = irqs_of(base)});
    for (const auto& f : slots_->pci_functions())
        all.push_back({.name = f.name, .pci = fmt::format("00:{:02x}.{}", f.slot, f.function), .irqs = {}});
    return all;
}

Result<void> Board::add_htif(const device::Htif::Words& words) {
    auto htif = device::Htif::create(*ram_, words, options_.console, [this](u64 code) {
        end(code == 0 ? Outcome{End::PowerOff, 0} : Outcome{End::Failed, static_cast<int>(code)});
    });
    if (!htif) return std::unexpected(htif.error());
    htif_ = std::move(*htif);
    for (const auto& h : harts_) h->report_stores(words.tohost, [this] { return htif_->look(); });
    return {};
}

// ---------------------------------------------------------------------------------------------- counters

void Board::collect(MetricSink& sink) const {
    engine_->collect(sink);
    for (const auto& h : harts_) engine::collect(*h->counters(), osal::monotonic_ns(), sink);
    sink.put({.name = "vm_guest_memory_bytes",
              .key = "memory_bytes",
              .kind = Metric::Kind::Gauge,
              .help = "RAM of the guest."},
             ram_->size());
    plic_->collect(sink, "PLIC");
    aclint_->collect(sink, "ACLINT");
    uart_->collect(sink, "UART");
    slots_->collect(sink);
}

/// For `vm top`.
void Board::list_devices() {
    std::vector<engine::ListedDevice> list{
        {"PLIC", nullptr, nullptr, &plic_->claims_counter()},
        {"UART", nullptr, &uart_->bytes_counter(), &uart_->interrupts_counter()}};
    slots_->list(list);
    engine_->list_devices(list);
}

// ---------------------------------------------------------------------------------------------- running

Result<RiscvVirt::Outcome> Board::run() {
    const size_t begin = options_.machine_mode ? harts_.size() : 1;
    for (size_t n = 0; n < begin; n++)
        harts_[n]->start({.entry = start_.entry,
                          .arguments = {start_.tree, start_.third_argument},
                          .machine_mode = options_.machine_mode});
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

bool Board::write(u64 physical, std::span<const u8> bytes) {
    if (!ram_->write(physical, bytes.data(), bytes.size())) return false;
    const u64 at = reinterpret_cast<u64>(ram_->at(physical, bytes.size()));
    engine_->invalidate(at, at + bytes.size());
    return true;
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
    auto ram = mem::GuestRam::create(kRamBase, options.memory, options.numa ? &*options.numa : nullptr);
    if (!ram) return std::unexpected(ram.error());
    auto loop = osal::EventLoop::start("vm-events");
    if (!loop) return std::unexpected(loop.error());
    auto board = std::make_unique<Board>(options, std::move(*ram), std::move(*loop));
    if (auto r = board->start(); !r) return std::unexpected(r.error());
    return board;
}

}  // namespace vm::soc
