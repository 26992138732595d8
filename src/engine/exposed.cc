#include "engine/exposed.h"

#include <unistd.h>

#include <atomic>

namespace vm::engine {
namespace {

consteval Exposed initial() {
    Exposed e;
    e.layout = Exposed::layout_of_this_build();
    return e;
}
[[gnu::section(".vm.exposed"), gnu::used]] constinit Exposed object = initial();
std::atomic<bool> taken{false};

u64 address(const auto& of) { return reinterpret_cast<u64>(&of); }

void change_sequence(u32 to) {
    std::atomic_ref<u32>(object.sequence).store(to, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
}

void set_tid(ExposedVcpu& v, i32 tid) {
    std::atomic_thread_fence(std::memory_order_release);
    std::atomic_ref<i32>(v.tid).store(tid, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
}

}  // namespace

const Exposed& exposed() { return object; }

Exposure::~Exposure() {
    if (!holds_) return;
    {
        const ExposedChange change(*this);
        for (ExposedVcpu& v : object.vcpus) set_tid(v, 0);
        object.unlisted = 0;
        object.engine = {};
        for (ExposedDevice& d : object.devices) d = {};
    }
    taken = false;
}

void Exposure::take(const ExposedEngine& engine) {
    holds_ = !taken.exchange(true);
    if (!holds_) return;
    const ExposedChange change(*this);
    object.pid = ::getpid();
    object.engine = engine;
}

ExposedChange::ExposedChange(const Exposure& exposure) : holds_(exposure.holds()) {
    if (holds_) change_sequence(object.sequence | 1);
}

ExposedChange::~ExposedChange() {
    if (!holds_) return;
    std::atomic_thread_fence(std::memory_order_release);
    change_sequence(object.sequence + 1);
}

void ExposedChange::list(std::span<const ListedDevice> devices) const {
    if (!holds_) return;
    for (u32 i = 0; i < Exposed::kMostDevices; i++) {
        ExposedDevice d;
        if (i < devices.size()) {
            devices[i].name.copy(d.name, sizeof d.name - 1);
            d.requests = reinterpret_cast<u64>(devices[i].requests);
            d.bytes = reinterpret_cast<u64>(devices[i].bytes);
            d.interrupts = reinterpret_cast<u64>(devices[i].interrupts);
        }
        object.devices[i] = d;
    }
}

void ExposedChange::add(const Stats& stats, const u64& icount, const HartCounters* hart) const {
    if (!holds_) return;
    for (ExposedVcpu& v : object.vcpus) {
        if (v.tid != 0) continue;
        v.serial++;
        v.stats = address(stats);
        v.icount = address(icount);
        v.hart = reinterpret_cast<u64>(hart);
        set_tid(v, ::gettid());
        return;
    }
    object.unlisted++;
}

void ExposedChange::remove(const Stats& stats) const {
    if (!holds_) return;
    for (ExposedVcpu& v : object.vcpus)
        if (v.tid != 0 && v.stats == address(stats)) return set_tid(v, 0);
    object.unlisted--;
}

void ExposedChange::forked(const Stats& stats, const u64& icount) const {
    if (!holds_) return;
    for (ExposedVcpu& v : object.vcpus) set_tid(v, 0);
    object.unlisted = 0;
    object.pid = ::getpid();
    add(stats, icount);
}

}  // namespace vm::engine
