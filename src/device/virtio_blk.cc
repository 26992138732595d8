#include "device/virtio_blk.h"

#include <cstddef>

#include "device/metrics.h"

namespace vm::device {
namespace {

constexpr u32 kBlockDevice = 2;  // 5: device id
constexpr u16 kQueueSize = 256;
// 5.2.3: features
constexpr u64 kSegMax = 1 << 2, kRo = 1 << 5, kBlkSize = 1 << 6, kFlush = 1 << 9, kMq = 1 << 12,
              kDiscard = 1 << 13, kWriteZeroes = 1 << 14;
// 5.2.6: types of requests, and how they ended
constexpr u32 kIn = 0, kOut = 1, kFlushRequest = 4, kGetId = 8, kDiscardRequest = 11,
              kWriteZeroesRequest = 13;
constexpr u8 kOk = 0, kIoError = 1, kUnsupported = 2;
constexpr u64 kIdBytes = 20;
constexpr u32 kUnmap = 1;  // flags of a range to erase

// Ours: what one request may erase.
constexpr u32 kMaxEraseRanges = 16, kMaxEraseSectors = 1 << 21;

/// 5.2.4
struct Config {
    u64 capacity;  ///< in sectors
    u32 size_max, seg_max;
    u16 cylinders;
    u8 heads, sectors;
    u32 blk_size;
    u8 physical_block_exp, alignment_offset;
    u16 min_io_size;
    u32 opt_io_size;
    u8 writeback, unused0;
    u16 num_queues;
    u32 max_discard_sectors, max_discard_seg, discard_sector_alignment;
    u32 max_write_zeroes_sectors, max_write_zeroes_seg;
    u8 write_zeroes_may_unmap, unused1[3];
};
static_assert(offsetof(Config, blk_size) == 20 && offsetof(Config, max_discard_sectors) == 36 &&
              offsetof(Config, write_zeroes_may_unmap) == 56);

/// 5.2.6: before the data of each request
struct Header {
    u32 type, reserved;
    u64 sector;
};
/// 5.2.6: the data of DISCARD and WRITE_ZEROES
struct Range {
    u64 sector;
    u32 sectors, flags;
};

}  // namespace

VirtioBlk::VirtioBlk(mem::GuestRam& ram, std::unique_ptr<Disk> disk, std::string serial, unsigned queues)
    : VirtioDevice(ram, kBlockDevice, std::vector<u16>(queues, kQueueSize)),
      disk_(std::move(disk)),
      serial_(std::move(serial)) {
    for (unsigned n = 0; n < queues; ++n)
        workers_.push_back(std::make_unique<Worker>("virtio-blk", [this, n] { work(n); }));
}

/// No thread starts anything more, then what runs ends.
VirtioBlk::~VirtioBlk() {
    workers_.clear();
    disk_.reset();
}

std::string VirtioBlk::last_error() const {
    const std::lock_guard lock(error_mutex_);
    return last_error_;
}

u64 VirtioBlk::device_features() const {
    return kSegMax | kBlkSize | kFlush | (workers_.size() > 1 ? kMq : 0) |
           (disk_->read_only() ? kRo : kDiscard | kWriteZeroes);
}

u64 VirtioBlk::config(u64 offset, unsigned bytes) const {
    Config c{};
    c.capacity = disk_->size() / kSector;
    c.seg_max = kQueueSize - 2;  // header and status
    c.blk_size = kSector;
    c.num_queues = static_cast<u16>(workers_.size());
    if (!disk_->read_only()) {
        c.max_discard_sectors = c.max_write_zeroes_sectors = kMaxEraseSectors;
        c.max_discard_seg = c.max_write_zeroes_seg = kMaxEraseRanges;
        c.discard_sector_alignment = 8;
        c.write_zeroes_may_unmap = 1;
    }
    return bytes_at(c, offset, bytes);
}

// ---- requests, on the worker's thread; their ends on any

void VirtioBlk::work(unsigned queue) {
    drain(queue, [&](Chain chain) { serve(queue, std::move(chain)); });
}

/// The status is the last byte that the device writes (5.2.6); without it, or without a header, there is no
/// way to say what went wrong.
void VirtioBlk::serve(unsigned queue, Chain chain) {
    Header header{};
    if (copy_from(chain.readable(), 0, &header, sizeof header) != sizeof header ||
        bytes_of(chain.writable()) == 0)
        return reject(queue, std::move(chain));
    switch (header.type) {
        case kIn:
        case kOut: return transfer(queue, header.type == kIn, header.sector, std::move(chain));
        case kFlushRequest: return start(queue, std::move(chain), DiskOperation::Flush, 0, {}, Outcome{kOk});
        default: {
            const Outcome o = execute(header.type, chain);
            return finish(queue, std::move(chain), o);
        }
    }
}

void VirtioBlk::finish(unsigned queue, Chain chain, const Outcome& o) {
    const u64 room = bytes_of(chain.writable());
    copy_to(chain.writable(), room - 1, &o.status, 1);
    const u64 written = o.written == room - 1 ? room : o.written;
    complete(queue, std::move(chain), written, o.bytes);
}

/// `good`: what came of it if the disk does it.
void VirtioBlk::start(unsigned queue, Chain chain, DiskOperation operation, u64 offset,
                      std::vector<iovec> parts, Outcome good) {
    const auto kept = std::make_shared<Chain>(std::move(chain));
    Disk* const disk = disk_.get();  // disk_ is empty while it ends
    disk->start(operation, offset, std::move(parts),
                [this, disk, queue, kept, operation, good](Result<void> r) {
                    // 5.2.6.2: a driver that cannot flush gets write-through
                    if (r && operation == DiskOperation::Write && !has(kFlush)) r = disk->flush();
                    finish(queue, std::move(*kept), outcome(r, good.written, good.bytes));
                });
}

void VirtioBlk::transfer(unsigned queue, bool in, u64 sector, Chain chain) {
    const u64 bytes = in ? bytes_of(chain.writable()) - 1 : bytes_of(chain.readable()) - sizeof(Header);
    const u64 sectors = disk_->size() / kSector;
    if (bytes % kSector != 0 || sector > sectors || bytes / kSector > sectors - sector ||
        (!in && disk_->read_only()))
        return finish(queue, std::move(chain), {kIoError});
    auto parts = in ? slice(chain.writable(), 0, bytes) : slice(chain.readable(), sizeof(Header), bytes);
    start(queue, std::move(chain), in ? DiskOperation::Read : DiskOperation::Write, sector * kSector,
          std::move(parts), Outcome{kOk, in ? bytes : 0, bytes});
}

VirtioBlk::Outcome VirtioBlk::execute(u32 type, const Chain& chain) {
    switch (type) {
        case kGetId: return get_id(chain);
        case kDiscardRequest:
        case kWriteZeroesRequest:
            return has(type == kDiscardRequest ? kDiscard : kWriteZeroes) ? erase(type, chain)
                                                                          : Outcome{kUnsupported};
        default: return {kUnsupported};
    }
}

VirtioBlk::Outcome VirtioBlk::outcome(const Result<void>& r, u64 written, u64 bytes) {
    if (r) return {kOk, written, bytes};
    failed_.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard lock(error_mutex_);
    last_error_ = r.error().message;
    return {kIoError};
}

VirtioBlk::Outcome VirtioBlk::get_id(const Chain& chain) {
    char id[kIdBytes] = {};
    serial_.copy(id, sizeof id);
    const u64 room = bytes_of(chain.writable()) - 1;
    if (room < kIdBytes) return {kIoError};
    copy_to(chain.writable(), 0, id, sizeof id);
    return {kOk, kIdBytes, kIdBytes};
}

VirtioBlk::Outcome VirtioBlk::erase(u32 type, const Chain& chain) {
    const bool discard = type == kDiscardRequest;
    const u64 bytes = bytes_of(chain.readable()) - sizeof(Header);
    Range ranges[kMaxEraseRanges];
    if (bytes == 0 || bytes % sizeof(Range) != 0 || bytes > sizeof ranges) return {kIoError};
    if (disk_->read_only()) return {kIoError};
    copy_from(chain.readable(), sizeof(Header), ranges, bytes);
    const u64 sectors = disk_->size() / kSector;
    const std::span<const Range> all(ranges, bytes / sizeof(Range));
    for (const Range& r : all) {
        if ((r.flags & ~(discard ? 0 : kUnmap)) != 0) return {kUnsupported};  // 5.2.6.2
        if (r.sectors > kMaxEraseSectors || r.sector > sectors || r.sectors > sectors - r.sector)
            return {kIoError};
    }
    u64 sum = 0;
    for (const Range& r : all) {
        const u64 offset = r.sector * kSector, n = r.sectors * kSector;
        auto done =
            discard ? disk_->discard(offset, n) : disk_->write_zeroes(offset, n, (r.flags & kUnmap) != 0);
        if (done && !discard && !has(kFlush)) done = disk_->flush();
        if (!done) return outcome(done, 0, sum);
        sum += n;
    }
    return {kOk, 0, sum};
}

void VirtioBlk::collect(MetricSink& sink, const std::string& name) const {
    VirtioDevice::collect(sink, name);
    DeviceMetrics(sink, name)
        .put({.name = "vm_device_failed_requests_total",
              .key = "failed_requests",
              .help = "Requests that the disk failed."},
             failed());
}

}  // namespace vm::device
