#include "device/disk.h"

#include "base/format.h"

namespace vm::device {

Result<DiskFormat> disk_format(std::string_view name) {
    if (name == "raw") return DiskFormat::Raw;
    if (name == "qcow2") return DiskFormat::Qcow2;
    return fail(ErrorKind::InvalidArgument,
                fmt::format("no format of disks is called {}: raw or qcow2", name));
}

Result<std::unique_ptr<Disk>> open_disk(DiskFormat format, const std::string& path,
                                        const DiskOptions& options) {
    return format == DiskFormat::Raw ? open_raw_disk(path, options) : open_qcow2_disk(path, options);
}

void Disk::start(DiskOperation operation, u64 offset, std::vector<iovec> parts, Done done) {
    switch (operation) {
        case DiskOperation::Read: return done(read(offset, Parts(parts)));
        case DiskOperation::Write: return done(write(offset, Parts(parts)));
        case DiskOperation::Flush: return done(flush());
    }
}

Result<void> Disk::check(u64 offset, u64 bytes, bool change) const {
    if (change && read_only()) return fail(ErrorKind::InvalidArgument, "the disk is read-only");
    if (offset > size() || bytes > size() - offset)
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("{} bytes at {:#x} are not inside the disk", bytes, offset));
    return {};
}

}  // namespace vm::device
