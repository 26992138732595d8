// A disk whose bytes are those of a file. Several requests run beside each other where the host has io_uring.
#include <cerrno>

#include "base/format.h"
#include "device/disk.h"
#include "device/image_file.h"
#include "osal/io_ring.h"

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

    /// What the page cache can do happens at once: to hand it on takes longer. Writes go there.
    void start(DiskOperation operation, u64 offset, std::vector<iovec> parts, Done done) override {
        if (operation == DiskOperation::Flush && !read_only()) return start_flush(std::move(done));
        if (operation != DiskOperation::Read || ring_ == nullptr)
            return Disk::start(operation, offset, std::move(parts), std::move(done));
        const u64 bytes = bytes_of(parts);
        if (auto r = check(offset, bytes, false); !r) return done(r);
        const u64 had = file_->read_cached(offset, parts);
        if (had == bytes) return done({});
        if (had != 0) parts = slice(parts, had, bytes - had);
        start_read(offset + had, std::move(parts), std::move(done));
    }

  private:
    void start_read(u64 offset, std::vector<iovec> parts, Done done) {
        const auto shared = std::make_shared<Done>(std::move(done));
        const bool started =
            ring_->read(file_->descriptor(), offset, parts, [this, offset, parts, shared](int result) {
                // Whatever it did not do is done again: then the error, too, is that of a read.
                const u64 bytes = bytes_of(parts), had = result > 0 ? static_cast<u64>(result) : 0;
                (*shared)(had == bytes ? Result<void>{}
                                       : file_->read(offset + had, slice(parts, had, bytes - had)));
            });
        if (!started) (*shared)(file_->read(offset, parts));
    }
    void start_flush(Done done) {
        const auto shared = std::make_shared<Done>(std::move(done));
        const bool started = ring_ != nullptr && ring_->sync(file_->descriptor(), [this, shared](int result) {
            (*shared)(result == -EINTR ? file_->flush() : file_->flushed(result));
        });
        if (!started) (*shared)(file_->flush());
    }

    std::unique_ptr<ImageFile> file_;
    const u64 size_;
    const std::unique_ptr<osal::IoRing> ring_ = osal::IoRing::create();  ///< last: it ends first
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
