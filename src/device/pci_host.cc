#include "device/pci_host.h"

#include <algorithm>

#include "base/format.h"

namespace vm::device {
namespace {

// PCI Express 4.0, 7.2.2: an offset into the configuration space of all buses
constexpr unsigned kBusShift = 20, kFunctionShift = 12;
constexpr u64 kRegister = 0xfff;

constexpr u64 all_ones(unsigned bytes) { return zext(~u64{0}, 8 * bytes); }

}  // namespace

// ---- lines

IrqLine& SharedLine::end() { return *ends_.emplace_back(std::make_unique<End>(*this)); }

void SharedLine::End::set(bool high) {
    const std::lock_guard lock(line_.mutex_);
    if (high == high_) return;
    high_ = high;
    line_.high_ += high ? 1 : -1;
    line_.out_.set(line_.high_ != 0);
}

// ---- windows

/// What lies where is looked up by a search in a sorted list, under a lock that readers share; it is not held
/// while the device is called, so that an access which takes long holds up nobody who moves a BAR.
class PciHost::Window final : public Mmio {
  public:
    Window(PciSpace space, u64 base, u64 size) : space_(space), base_(base), size_(size) {}
    u64 read(u64 offset, unsigned bytes) override {
        const Piece p = find(offset, bytes);
        return p.function != nullptr ? p.function->bar_read(p.bar, offset - p.offset, bytes)
                                     : all_ones(bytes);
    }
    void write(u64 offset, unsigned bytes, u64 value) override {
        const Piece p = find(offset, bytes);
        if (p.function != nullptr) p.function->bar_write(p.bar, offset - p.offset, bytes, value);
    }
    /// A BAR that is not inside the window as a whole, or where another one is, does not answer.
    void set(const std::vector<std::pair<PciFunction*, unsigned>>& bars) {
        std::vector<Piece> pieces;
        for (const auto& [function, bar] : bars) {
            const auto range = function->decoded(bar);
            if (!range || range->space != space_ || range->base < base_ || range->size > size_ ||
                range->base - base_ > size_ - range->size)
                continue;
            const Piece piece{range->base - base_, range->size, function, bar};
            const auto after = std::ranges::upper_bound(pieces, piece.offset, {}, &Piece::offset);
            const bool free = (after == pieces.end() || piece.offset + piece.size <= after->offset) &&
                              (after == pieces.begin() ||
                               std::prev(after)->offset + std::prev(after)->size <= piece.offset);
            if (free) pieces.insert(after, piece);
        }
        const std::unique_lock lock(mutex_);
        pieces_.swap(pieces);
    }

  private:
    struct Piece {
        u64 offset = 0, size = 0;
        PciFunction* function = nullptr;
        unsigned bar = 0;
    };
    Piece find(u64 offset, unsigned bytes) const {
        const std::shared_lock lock(mutex_);
        const auto after = std::ranges::upper_bound(pieces_, offset, {}, &Piece::offset);
        if (after == pieces_.begin()) return {};
        const Piece& p = *std::prev(after);
        return offset - p.offset + bytes <= p.size ? p : Piece{};
    }

    const PciSpace space_;
    const u64 base_, size_;  ///< as devices see it
    mutable std::shared_mutex mutex_;
    std::vector<Piece> pieces_;  ///< by offset
};

PciHost::PciHost(const std::array<IrqLine*, kPins>& lines) {
    for (IrqLine* line : lines) lines_.push_back(std::make_unique<SharedLine>(*line));
}

PciHost::~PciHost() = default;

Result<void> PciHost::add_window(Bus& bus, u64 base, u64 size, PciSpace space, u64 pci_base,
                                 const std::string& name) {
    windows_.push_back(std::make_unique<Window>(space, pci_base, size));
    return bus.add(base, size, *windows_.back(), name);
}

void PciHost::map() {
    const std::lock_guard lock(map_mutex_);
    std::vector<std::pair<PciFunction*, unsigned>> bars;
    for (PciFunction* f : functions_)
        for (unsigned bar = 0; f != nullptr && bar < PciFunction::kBars; ++bar) bars.emplace_back(f, bar);
    for (const auto& window : windows_) window->set(bars);
}

// ---- functions and their configuration space

Result<void> PciHost::add(unsigned slot, unsigned function, PciFunction& f) {
    const auto refuse = [&](const char* why) {
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("PCI slot {} function {}: {}", slot, function, why));
    };
    if (slot >= kSlots || function >= kFunctions) return refuse("there is no such place");
    PciFunction** place = &functions_[slot * kFunctions + function];
    if (*place != nullptr) return refuse("has a device already");
    if (function != 0 && place[-static_cast<int>(function)] == nullptr)
        return refuse("guests look for it only if there is a function 0");
    if (function != 0) place[-static_cast<int>(function)]->set_multi_function();
    *place = &f;
    const unsigned pin = f.interrupt_pin();
    f.attach(pin == 0 ? nullptr : &lines_[line_of(slot, pin)]->end(), [this] { map(); });
    return {};
}

PciFunction* PciHost::at(u64 offset) const {
    return offset >> kBusShift == 0 ? functions_[offset >> kFunctionShift] : nullptr;
}

/// 7.2.2: software uses aligned accesses of up to 4 bytes; 8 bytes are two.
u64 PciHost::read(u64 offset, unsigned bytes) {
    if (offset % bytes != 0) return all_ones(bytes);
    if (bytes == 8) return read(offset, 4) | read(offset + 4, 4) << 32;
    PciFunction* f = at(offset);
    return f != nullptr ? f->read_config(offset & kRegister, bytes) : all_ones(bytes);
}

void PciHost::write(u64 offset, unsigned bytes, u64 value) {
    if (offset % bytes != 0) return;
    if (bytes == 8) {
        write(offset, 4, value & 0xffffffff);
        return write(offset + 4, 4, value >> 32);
    }
    if (PciFunction* f = at(offset); f != nullptr)
        f->write_config(offset & kRegister, bytes, static_cast<u32>(value));
}

}  // namespace vm::device
