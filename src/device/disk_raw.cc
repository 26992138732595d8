// A disk whose bytes are those of a file.
#include "base/format.h"
#include "device/disk.h"
#include "device/image_file.h"

namespace vm::device {

namespace {

class RawDisk final : public Disk {
  public:
    explicit RawDisk(std::unique_ptr<ImageFile> file) : file_(std::move(file)), size_(file_->size()) {}

    u64 size() const override { return size_; }
    bool read_only() const override { return file_->read_only(); }
    Result<void> read(u64 offset, Parts to) override {
        if (auto r = check(offset, bytes_of(to), false); !r) return r;
        return file_->read(offset, to);
    }
    Result<void> write(u64 offset, Parts from) override {
        if (auto r = check(offset, bytes_of(from), true); !r) return r;
        return file_->write(offset, from);
    }
    Result<void> flush() override { return read_only() ? Result<void>{} : file_->flush(); }
    Result<void> discard(u64 offset, u64 bytes) override {
        if (auto r = check(offset, bytes, true); !r) return r;
        file_->punch(offset, bytes);
        return {};
    }
    Result<void> write_zeroes(u64 offset, u64 bytes, bool may_unmap) override {
        if (auto r = check(offset, bytes, true); !r) return r;
        return bytes == 0 ? Result<void>{} : file_->zero(offset, bytes, may_unmap);
    }

  private:
    std::unique_ptr<ImageFile> file_;
    const u64 size_;
};

}  // namespace

Result<std::unique_ptr<Disk>> open_raw_disk(const std::string& path, const DiskOptions& options) {
    if (!options.snapshot.empty())
        return fail(ErrorKind::InvalidArgument, path + ": a raw disk has no snapshots");
    auto file = ImageFile::open(path, options.read_only);
    if (!file) return std::unexpected(file.error());
    if ((*file)->size() % kSector != 0 || (*file)->size() == 0)
        return fail(
            ErrorKind::InvalidArgument,
            fmt::format("{}: a raw disk has a multiple of {} bytes, this file has {}; truncate -s %{} "
                        "makes it longer",
                        path, kSector, (*file)->size(), kSector));
    return std::make_unique<RawDisk>(std::move(*file));
}

}  // namespace vm::device
