#include "device/qcow2_tables.h"

#include <algorithm>

#include "base/format.h"

namespace vm::device {

Result<void> read_padded(const ImageFile& file, u64 offset, Parts to) {
    const u64 bytes = bytes_of(to), size = file.size();
    const u64 there = offset >= size ? 0 : std::min(bytes, size - offset);
    if (there == bytes) return file.read(offset, to);
    fill_zero(slice(to, there, bytes - there));
    return there == 0 ? Result<void>{} : file.read(offset, slice(to, 0, there));
}

Result<const u8*> Qcow2Tables::get(u64 offset) {
    if (const auto it = tables_.find(offset); it != tables_.end()) {
        recent_.splice(recent_.begin(), recent_, it->second.place);
        return it->second.contents.data();
    }
    if (offset == 0 || offset % cluster_ != 0 || offset >= file_.size())
        return fail(
            ErrorKind::InvalidArgument,
            fmt::format("{}: the qcow2 image is damaged: a table would be at {:#x}", file_.path(), offset));
    std::vector<u8> contents(cluster_);
    const iovec part{contents.data(), contents.size()};
    if (auto r = read_padded(file_, offset, Parts(&part, 1)); !r) return std::unexpected(r.error());
    keep(offset, std::move(contents));
    return tables_.at(offset).contents.data();
}

void Qcow2Tables::keep(u64 offset, std::vector<u8> contents) {
    drop(offset);
    while (!recent_.empty() && (tables_.size() + 1) * cluster_ > kMaxBytes) drop(recent_.back());
    recent_.push_front(offset);
    tables_[offset] = {std::move(contents), recent_.begin()};
}

void Qcow2Tables::drop(u64 offset) {
    const auto it = tables_.find(offset);
    if (it == tables_.end()) return;
    recent_.erase(it->second.place);
    tables_.erase(it);
}

Result<void> Qcow2Tables::write(u64 offset, u64 at, const u8* from, u64 bytes) {
    auto table = get(offset);
    if (!table) return std::unexpected(table.error());
    if (auto r = file_.write(offset + at, from, bytes); !r) return r;
    std::copy_n(from, bytes, tables_.at(offset).contents.begin() + static_cast<std::ptrdiff_t>(at));
    return {};
}

Result<void> Qcow2Tables::create(u64 offset, std::vector<u8> contents) {
    drop(offset);
    if (auto r = file_.write(offset, contents.data(), contents.size()); !r) return r;
    keep(offset, std::move(contents));
    return {};
}

}  // namespace vm::device
