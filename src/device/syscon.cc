#include "device/syscon.h"

namespace vm::device {
namespace {

// FINISHER_* of SiFive's test device, as in OpenSBI's and Linux's device trees; a failure's code is above.
constexpr u32 kFail = 0x3333, kPass = 0x5555, kReset = 0x7777;

}  // namespace

// ---- read

u64 Syscon::read(u64, unsigned) { return 0; }

// ---- write

void Syscon::write(u64 offset, unsigned bytes, u64 value) {
    if (offset != 0 || bytes < 2) return;
    Request request;
    switch (value & 0xffff) {
        case kFail: request = Request::Fail; break;
        case kPass: request = Request::PowerOff; break;
        case kReset: request = Request::Reset; break;
        default: return;
    }
    requests_.fetch_add(1, std::memory_order_relaxed);
    const u32 code = request == Request::Fail ? static_cast<u32>(bits(value, 31, 16)) : 0;
    if (callback_) callback_(request, code);
}

}  // namespace vm::device
