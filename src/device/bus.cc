#include "device/bus.h"

#include "base/format.h"

namespace vm::device {

Result<void> Bus::add(u64 base, u64 size, Mmio& device, std::string name) {
    const auto after = ranges_.lower_bound(base);
    const auto clash = [&](const Range& r) { return base < r.base + r.size && r.base < base + size; };
    const Range* other = after != ranges_.end() && clash(after->second) ? &after->second
                         : after != ranges_.begin() && clash(std::prev(after)->second)
                             ? &std::prev(after)->second
                             : nullptr;
    if (size == 0 || base + size < base || other != nullptr)
        return fail(
            ErrorKind::InvalidArgument,
            fmt::format("{} at {:#x}, {:#x} bytes: {}", name, base, size,
                        other != nullptr ? "lies where " + other->name + " is" : "is no range of addresses"));
    ranges_[base] = {base, size, &device, std::move(name)};
    return {};
}

const Bus::Range* Bus::find(u64 address, unsigned bytes) const {
    auto it = ranges_.upper_bound(address);
    if (it == ranges_.begin()) return nullptr;
    const Range& r = (--it)->second;
    return address - r.base < r.size && bytes <= r.size - (address - r.base) ? &r : nullptr;
}

bool Bus::read(u64 address, unsigned bytes, u64* value) const {
    const Range* r = find(address, bytes);
    if (r != nullptr) *value = r->device->read(address - r->base, bytes);
    return r != nullptr;
}

bool Bus::write(u64 address, unsigned bytes, u64 value) const {
    const Range* r = find(address, bytes);
    if (r != nullptr) r->device->write(address - r->base, bytes, value);
    return r != nullptr;
}

}  // namespace vm::device
