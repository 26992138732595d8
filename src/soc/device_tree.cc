#include "soc/device_tree.h"

#include <libfdt.h>

#include "base/format.h"

namespace vm::soc {
namespace {
constexpr size_t kMost = size_t{1} << 20;  ///< bytes; a board of 512 harts needs half of it
}  // namespace

DeviceTree::DeviceTree() : blob_(kMost) {
    done(fdt_create(blob_.data(), static_cast<int>(kMost)));
    done(fdt_finish_reservemap(blob_.data()));
    open("");
}

void DeviceTree::open(const std::string& name) { done(fdt_begin_node(blob_.data(), name.c_str())); }
void DeviceTree::close() { done(fdt_end_node(blob_.data())); }
void DeviceTree::flag(const char* name) { done(fdt_property(blob_.data(), name, nullptr, 0)); }

void DeviceTree::cells(const char* name, std::span<const u32> values) {
    std::vector<fdt32_t> big;
    for (const u32 v : values) big.push_back(cpu_to_fdt32(v));
    done(fdt_property(blob_.data(), name, big.data(), static_cast<int>(big.size() * sizeof big[0])));
}

void DeviceTree::text(const char* name, std::string_view value) {
    const std::string z(value);
    done(fdt_property(blob_.data(), name, z.c_str(), static_cast<int>(z.size() + 1)));
}

void DeviceTree::texts(const char* name, std::span<const std::string> values) {
    std::string all;
    for (const std::string& v : values) all.append(v.c_str(), v.size() + 1);
    done(fdt_property(blob_.data(), name, all.data(), static_cast<int>(all.size())));
}

void DeviceTree::bytes(const char* name, std::span<const u8> value) {
    done(fdt_property(blob_.data(), name, value.data(), static_cast<int>(value.size())));
}

Result<std::vector<u8>> DeviceTree::finish() {
    close();
    done(fdt_finish(blob_.data()));
    if (error_ != 0)
        return fail(ErrorKind::Resource,
                    fmt::format("the device tree cannot be made: {}", fdt_strerror(error_)));
    blob_.resize(fdt_totalsize(blob_.data()));
    return std::move(blob_);
}

}  // namespace vm::soc
