#include "device/plic.h"

#include <bit>
#include <cassert>
#include <utility>

#include "device/metrics.h"
#include "device/registers.h"

namespace vm::device {
namespace {

// Memory map, chapter 3 of the specification.
constexpr u64 kPriorities = 0;  // a word a source
constexpr u64 kPending = 0x1000, kPendingEnd = 0x1080;
constexpr u64 kEnables = 0x2000, kEnablesStride = 0x80;
constexpr u64 kContexts = 0x20'0000, kContextStride = 0x1000;
constexpr u64 kThreshold = 0, kClaimComplete = 4;  // of a context, chapters 7 to 9
constexpr u64 kMostContexts = 15872;
constexpr u32 kPriorityMask = 7;  // WARL, chapter 4

}  // namespace

Plic::Plic(std::vector<IrqLine*> contexts) : lines_(std::move(contexts)) {
    assert(lines_.size() <= kMostContexts);
    state_.contexts.resize(lines_.size());
    for (unsigned n = 0; n < kSources; n++) {
        sources_[n].plic = this;
        sources_[n].number = n;
    }
}

u64 Plic::size() const { return kContexts + lines_.size() * kContextStride; }

IrqLine& Plic::source(unsigned n) {
    assert(n != 0 && n < kSources);
    return sources_[n];
}

// ---- reset

void Plic::reset() {
    const std::lock_guard lock(mutex_);
    state_.priority = {};
    state_.pending = state_.busy = {};
    for (Context& c : state_.contexts) {
        c.enabled = {};
        c.threshold = 0;
    }
    latch();
    update_lines();
}

// ---- read

u64 Plic::read(u64 offset, unsigned bytes) {
    const std::lock_guard lock(mutex_);
    return read_words(offset, bytes, [this](u64 at) { return read_word(at); });
}

u32 Plic::read_word(u64 offset) {
    if (offset < kPending) {
        const u64 n = (offset - kPriorities) / 4;
        return n < kSources ? state_.priority[n] : 0;
    }
    if (offset < kPendingEnd) {
        const u64 word = (offset - kPending) / 4;
        return word < kWords ? state_.pending[word] : 0;
    }
    if (const Context* c = context_at(offset, kEnables, kEnablesStride); c != nullptr && offset < kContexts) {
        const u64 word = (offset - kEnables) % kEnablesStride / 4;
        return word < kWords ? c->enabled[word] : 0;
    }
    if (Context* c = context_at(offset, kContexts, kContextStride); c != nullptr) {
        const u64 reg = (offset - kContexts) % kContextStride;
        return reg == kThreshold ? c->threshold : reg == kClaimComplete ? claim(*c) : 0;
    }
    return 0;
}

Plic::Context* Plic::context_at(u64 offset, u64 base, u64 stride) {
    if (offset < base) return nullptr;
    const u64 n = (offset - base) / stride;
    return n < state_.contexts.size() ? &state_.contexts[n] : nullptr;
}

/// The pending and enabled source of the highest priority, of these the lowest number; 0: none, or all have
/// priority 0, which never interrupts (chapter 4).
unsigned Plic::best(const Context& context) const {
    unsigned found = 0;
    for (unsigned word = 0; word < kWords; word++)
        for (u32 left = state_.pending[word] & context.enabled[word]; left != 0; left &= left - 1) {
            const unsigned n = word * 32 + static_cast<unsigned>(std::countr_zero(left));
            if (state_.priority[n] > state_.priority[found]) found = n;
        }
    return found;
}

/// Chapter 8; the threshold plays no part.
u32 Plic::claim(Context& context) {
    const unsigned n = best(context);
    if (n == 0) return 0;
    state_.pending[n / 32] &= ~(u32{1} << n % 32);
    state_.busy[n / 32] |= u32{1} << n % 32;
    claims_++;
    update_lines();
    return n;
}

// ---- write

void Plic::write(u64 offset, unsigned bytes, u64 value) {
    const std::lock_guard lock(mutex_);
    write_words(offset, bytes, value, [this](u64 at, u32 v) { write_word(at, v); });
}

void Plic::write_word(u64 offset, u32 value) {
    if (offset < kPending) {
        const u64 n = (offset - kPriorities) / 4;
        if (n == 0 || n >= kSources) return;
        state_.priority[n] = static_cast<u8>(value & kPriorityMask);
    } else if (offset < kContexts) {
        Context* c = context_at(offset, kEnables, kEnablesStride);
        const u64 word = (offset - kEnables) % kEnablesStride / 4;
        if (c == nullptr || word >= kWords) return;
        c->enabled[word] = word == 0 ? value & ~u32{1} : value;
    } else {
        Context* c = context_at(offset, kContexts, kContextStride);
        const u64 reg = (offset - kContexts) % kContextStride;
        if (c == nullptr) return;
        if (reg == kThreshold)
            c->threshold = value & kPriorityMask;
        else if (reg == kClaimComplete)
            complete(*c, value);
    }
    update_lines();
}

/// Chapter 9: ignored unless the source is enabled for the context; who claimed it is not looked at.
void Plic::complete(const Context& context, u32 source) {
    if (source >= kSources || !bit(context.enabled[source / 32], source % 32)) return;
    state_.busy[source / 32] &= ~(u32{1} << source % 32);
    latch();
}

// ---- interrupts

void Plic::set_level(unsigned source, bool high) {
    const std::lock_guard lock(mutex_);
    const u32 mask = u32{1} << source % 32;
    u32& level = state_.level[source / 32];
    if (((level & mask) != 0) == high) return;
    level ^= mask;
    latch();
    update_lines();
}

/// Gateways (chapter 2): a source that is high and not being handled becomes pending, and stays so though it
/// goes low.
void Plic::latch() {
    for (unsigned word = 0; word < kWords; word++)
        state_.pending[word] |= state_.level[word] & ~state_.busy[word];
}

void Plic::update_lines() {
    for (size_t i = 0; i < lines_.size(); i++) {
        Context& c = state_.contexts[i];
        const bool high = state_.priority[best(c)] > c.threshold;
        if (high == c.high) continue;
        c.high = high;
        lines_[i]->set(high);
    }
}

void Plic::collect(MetricSink& sink, const std::string& name) const {
    DeviceMetrics(sink, name)
        .put({.name = "vm_device_claims_total",
              .key = "claims",
              .help = "Interrupts that were claimed at the interrupt controller."},
             claims());
}

}  // namespace vm::device
