// A disk in a qcow2 image, versions 2 and 3.
//
// New data go to clusters of their own; the entries that refer to them wait in memory until the next flush,
// which makes the data durable, writes the entries, makes those durable, and then frees what nothing refers
// to any more. A process that is killed, or a host that crashes, loses at most what was written behind the
// last flush, and leaves at most clusters that nobody uses. Snapshots and compressed clusters are never
// written: a write copies.
#include <algorithm>
#include <map>
#include <mutex>

#include "base/format.h"
#include "device/disk.h"
#include "device/qcow2_refcounts.h"

namespace vm::device {
namespace {

constexpr size_t kMaxPending = 4096;  // entries that wait for a flush
constexpr unsigned kMaxBackingDepth = 16;

using Kind = Qcow2Cluster::Kind;

class Qcow2Disk final : public Disk {
  public:
    Qcow2Disk(std::unique_ptr<ImageFile> file, const Qcow2Header& header)
        : file_(std::move(file)),
          header_(header),
          size_(header.size),
          tables_(*file_, header_),
          counts_(*file_, header_, tables_) {}
    ~Qcow2Disk() override {
        if (!read_only()) (void)commit();
    }
    Result<void> load(const DiskOptions& options, unsigned depth);

    u64 size() const override { return size_; }
    bool read_only() const override { return file_->read_only(); }
    Result<void> read(u64 offset, Parts to) override;
    Result<void> write(u64 offset, Parts from) override;
    Result<void> flush() override;
    Result<void> discard(u64 offset, u64 bytes) override { return erase(offset, bytes, Erase::Discard); }
    Result<void> write_zeroes(u64 offset, u64 bytes, bool may_unmap) override {
        return erase(offset, bytes, may_unmap ? Erase::ZeroUnmap : Erase::Zero);
    }

  private:
    enum class Erase { Discard, Zero, ZeroUnmap };
    struct Extent {
        u64 offset, bytes;
    };
    template <class F>
    Result<void> each_piece(u64 offset, u64 bytes, F f);
    std::unexpected<Error> damaged(const char* why, u64 cluster) const;

    Result<void> load_snapshot(const std::string& name);
    Result<void> load_backing(const DiskOptions& options, unsigned depth);

    Result<Qcow2Cluster> find(u64 cluster);
    Result<void> read_piece(u64 cluster, u64 at, Parts to);
    Result<void> read_backing(u64 offset, Parts to);
    Result<void> read_compressed(const Qcow2Cluster& where, u64 cluster, u64 at, Parts to);

    Result<void> write_piece(u64 cluster, u64 at, Parts from);
    Result<void> write_new(const Qcow2Cluster& old, u64 host, u64 cluster, u64 at, Parts from);
    Result<void> unuse(const Qcow2Cluster& old, u64 cluster);
    Result<void> erase(u64 offset, u64 bytes, Erase how);
    Result<void> erase_cluster(u64 cluster, Erase how);
    Result<void> zero_piece(u64 cluster, u64 at, u64 bytes);

    using Pending = std::map<u64, u64>;
    Result<void> commit();
    Result<void> make_tables();
    Result<void> write_entries();
    Result<void> write_entries_of(u64 table, Pending::const_iterator from, Pending::const_iterator to);
    Pending::const_iterator end_of_table(Pending::const_iterator from) const {
        return pending_.lower_bound((from->first / header_.l2_entries() + 1) * header_.l2_entries());
    }

    std::mutex mutex_;  ///< of all below
    const std::unique_ptr<ImageFile> file_;
    Qcow2Header header_;
    u64 size_;
    std::unique_ptr<Disk> backing_;
    std::vector<u64> l1_;
    Qcow2Tables tables_;
    Qcow2Refcounts counts_;
    Pending pending_;             ///< L2 entries by cluster of the disk, newer than the file's
    Pending pending_l1_;          ///< L1 entries of tables that nothing refers to yet
    std::vector<Extent> unused_;  ///< in the file, when pending_ is there
    std::vector<u8> plain_;       ///< the compressed cluster that was read last
    u64 plain_host_ = 0, plain_bytes_ = 0;
};

std::unexpected<Error> Qcow2Disk::damaged(const char* why, u64 cluster) const {
    return fail(
        ErrorKind::InvalidArgument,
        fmt::format(
            "{}: the qcow2 image is damaged: {}, at byte {:#x} of the disk; qemu-img check tells more",
            file_->path(), why, cluster * header_.cluster()));
}

/// f(cluster, offset in it, bytes, bytes before) for each cluster that the range touches.
template <class F>
Result<void> Qcow2Disk::each_piece(u64 offset, u64 bytes, F f) {
    for (u64 done = 0; done < bytes;) {
        const u64 at = (offset + done) % header_.cluster();
        const u64 n = std::min(header_.cluster() - at, bytes - done);
        if (Result<void> r = f((offset + done) / header_.cluster(), at, n, done); !r) return r;
        done += n;
    }
    return {};
}

// ---- opening

Result<void> Qcow2Disk::load_snapshot(const std::string& name) {
    if (!read_only())
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("{}: a snapshot can only be opened read-only", file_->path()));
    auto all = read_qcow2_snapshots(*file_, header_);
    if (!all) return std::unexpected(all.error());
    for (const Qcow2Snapshot& s : *all) {
        if (s.id != name && s.name != name) continue;
        auto l1 = read_qcow2_l1(*file_, header_, s.l1_offset, s.size);
        if (!l1) return std::unexpected(l1.error());
        l1_ = std::move(*l1);
        size_ = s.size;
        return {};
    }
    return fail(ErrorKind::NotFound, fmt::format("{}: has no snapshot {}", file_->path(), name));
}

/// A relative name is one of the image's directory. The format is the one that the image names.
Result<void> Qcow2Disk::load_backing(const DiskOptions& options, unsigned depth) {
    const std::string& name = header_.backing;
    if (name.empty()) return {};
    if (!options.backing_files)
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("{}: builds on {}, which it may only if backing files are allowed",
                                file_->path(), name));
    if (name.find(':') < name.find('/'))
        return fail(ErrorKind::Unsupported,
                    fmt::format("{}: builds on {}, which is no file", file_->path(), name));
    auto format = disk_format(header_.backing_format);
    if (!format)
        return fail(
            ErrorKind::InvalidArgument,
            fmt::format(
                "{}: does not say that {} is raw or qcow2; qemu-img rebase -u -F FORMAT -b {} says it",
                file_->path(), name, name));
    if (depth == kMaxBackingDepth)
        return fail(ErrorKind::InvalidArgument, fmt::format("{}: builds on too many files", file_->path()));
    const size_t slash = file_->path().rfind('/');
    const std::string path =
        name[0] == '/' || slash == std::string::npos ? name : file_->path().substr(0, slash + 1) + name;
    const DiskOptions below{.read_only = true, .backing_files = true};
    Result<std::unique_ptr<Disk>> disk;
    if (*format == DiskFormat::Raw) {
        disk = open_raw_disk(path, below);
    } else {
        auto file = ImageFile::open(path, true);
        if (!file) return std::unexpected(file.error());
        auto header = read_qcow2_header(**file);
        if (!header) return std::unexpected(header.error());
        auto image = std::make_unique<Qcow2Disk>(std::move(*file), *header);
        if (auto r = image->load(below, depth + 1); !r) return r;
        disk = std::move(image);
    }
    if (!disk) return std::unexpected(disk.error());
    backing_ = std::move(*disk);
    return {};
}

Result<void> Qcow2Disk::load(const DiskOptions& options, unsigned depth) {
    if (!options.snapshot.empty()) {
        if (auto r = load_snapshot(options.snapshot); !r) return r;
    } else {
        auto l1 = read_qcow2_l1(*file_, header_, header_.l1_offset, header_.size);
        if (!l1) return std::unexpected(l1.error());
        l1_ = std::move(*l1);
    }
    if (auto r = load_backing(options, depth); !r || read_only()) return r;
    if (auto r = counts_.load(l1_); !r) return r;
    if (header_.autoclear == 0) return {};
    const u64 none = 0;  // what we do not know and do not keep up to date, such as bitmaps
    return file_->write(Qcow2Header::kAutoclearAt, &none, sizeof none);
}

// ---- read

Result<Qcow2Cluster> Qcow2Disk::find(u64 cluster) {
    u64 entry = 0;
    if (const auto it = pending_.find(cluster); it != pending_.end()) {
        entry = it->second;
    } else if (const u64 table = l1_[cluster / header_.l2_entries()] & kQcow2Offset; table != 0) {
        auto entries = tables_.get(table);
        if (!entries) return std::unexpected(entries.error());
        entry = load_be<u64>(*entries + 8 * (cluster % header_.l2_entries()));
    }
    const Qcow2Cluster found = decode_qcow2_entry(header_, entry);
    if (found.kind == Kind::Invalid) return damaged("an L2 entry makes no sense", cluster);
    return found;
}

Result<void> Qcow2Disk::read(u64 offset, Parts to) {
    const std::lock_guard lock(mutex_);
    if (auto r = check(offset, bytes_of(to), false); !r) return r;
    return each_piece(offset, bytes_of(to), [&](u64 cluster, u64 at, u64 n, u64 done) {
        return read_piece(cluster, at, slice(to, done, n));
    });
}

Result<void> Qcow2Disk::read_piece(u64 cluster, u64 at, Parts to) {
    auto where = find(cluster);
    if (!where) return std::unexpected(where.error());
    switch (where->kind) {
        case Kind::Unallocated: return read_backing(cluster * header_.cluster() + at, to);
        case Kind::Data: return read_padded(*file_, where->host + at, to);
        case Kind::Compressed: return read_compressed(*where, cluster, at, to);
        default: fill_zero(to); return {};
    }
}

/// The disk may be longer than the one that it builds on.
Result<void> Qcow2Disk::read_backing(u64 offset, Parts to) {
    const u64 bytes = bytes_of(to), size = backing_ == nullptr ? 0 : backing_->size();
    const u64 there = offset >= size ? 0 : std::min(bytes, size - offset);
    if (there != bytes) fill_zero(slice(to, there, bytes - there));
    return there == 0 ? Result<void>{} : backing_->read(offset, slice(to, 0, there));
}

Result<void> Qcow2Disk::read_compressed(const Qcow2Cluster& where, u64 cluster, u64 at, Parts to) {
    if (plain_host_ != where.host || plain_bytes_ != where.bytes) {
        if (where.host >= file_->size()) return damaged("a compressed cluster lies nowhere", cluster);
        std::vector<u8> packed(where.bytes);
        const iovec part{packed.data(), packed.size()};
        if (auto r = read_padded(*file_, where.host, Parts(&part, 1)); !r) return r;
        plain_host_ = 0;
        plain_.resize(header_.cluster());
        if (!decompress_qcow2(header_.compression, packed, plain_))
            return damaged("a compressed cluster cannot be decompressed", cluster);
        plain_host_ = where.host;
        plain_bytes_ = where.bytes;
    }
    copy_to(to, 0, &plain_[at], bytes_of(to));
    return {};
}

// ---- write

Result<void> Qcow2Disk::write(u64 offset, Parts from) {
    const std::lock_guard lock(mutex_);
    if (auto r = check(offset, bytes_of(from), true); !r) return r;
    return each_piece(offset, bytes_of(from), [&](u64 cluster, u64 at, u64 n, u64 done) {
        return write_piece(cluster, at, slice(from, done, n));
    });
}

/// In place where the cluster is the disk's own; else a new cluster takes over.
Result<void> Qcow2Disk::write_piece(u64 cluster, u64 at, Parts from) {
    auto old = find(cluster);
    if (!old) return std::unexpected(old.error());
    if (old->own && !counts_.is_data(old->host)) return damaged("data would lie in a table", cluster);
    if (old->own && old->kind == Kind::Data) return file_->write(old->host + at, from);
    if (pending_.size() >= kMaxPending)
        if (auto r = commit(); !r) return r;
    if (old->own) {  // zeroes that have a cluster
        if (auto r = write_new(*old, old->host, cluster, at, from); !r) return r;
        pending_[cluster] = old->host | kQcow2Copied;
        return {};
    }
    auto host = counts_.allocate();
    if (!host) return std::unexpected(host.error());
    auto r = write_new(*old, *host, cluster, at, from);
    if (r) r = unuse(*old, cluster);
    if (!r) {
        (void)counts_.release(*host, header_.cluster());
        return r;
    }
    pending_[cluster] = *host | kQcow2Copied;
    return {};
}

/// What the cluster was, with the new part in it. Behind the end of the file all is zero already.
Result<void> Qcow2Disk::write_new(const Qcow2Cluster& old, u64 host, u64 cluster, u64 at, Parts from) {
    const u64 bytes = bytes_of(from);
    const bool zero = old.kind == Kind::Zero || (old.kind == Kind::Unallocated && backing_ == nullptr);
    if (bytes == header_.cluster() || (zero && host >= file_->size())) return file_->write(host + at, from);
    std::vector<u8> whole(header_.cluster());
    const iovec part{whole.data(), whole.size()};
    if (!zero)
        if (auto r = read_piece(cluster, 0, Parts(&part, 1)); !r) return r;
    copy_from(from, 0, &whole[at], bytes);
    return file_->write(host, Parts(&part, 1));
}

/// The cluster's reference goes away with the next commit.
Result<void> Qcow2Disk::unuse(const Qcow2Cluster& old, u64 cluster) {
    if (old.host == 0) return {};
    const u64 size = header_.cluster();
    for (u64 at = align_down(old.host, size); at < old.host + old.bytes; at += size)
        if (!counts_.is_data(at)) return damaged("data lie in a table", cluster);
    unused_.push_back({old.host, old.bytes});
    return {};
}

// ---- discard and zeroes

Result<void> Qcow2Disk::erase(u64 offset, u64 bytes, Erase how) {
    const std::lock_guard lock(mutex_);
    if (auto r = check(offset, bytes, true); !r) return r;
    return each_piece(offset, bytes, [&](u64 cluster, u64 at, u64 n, u64) {
        const bool whole = n == header_.cluster() || (at == 0 && cluster * header_.cluster() + n == size_);
        if (whole) return erase_cluster(cluster, how);
        return how == Erase::Discard ? Result<void>{} : zero_piece(cluster, at, n);
    });
}

/// Version 2 can only say that a cluster is the backing file's.
Result<void> Qcow2Disk::erase_cluster(u64 cluster, Erase how) {
    auto old = find(cluster);
    if (!old) return std::unexpected(old.error());
    const bool can_zero = header_.version >= 3, own_data = old->kind == Kind::Data && old->own;
    if (old->kind == Kind::Unallocated && backing_ == nullptr) return {};
    if (old->kind == Kind::Zero && (how == Erase::Zero || old->host == 0)) return {};
    if (!can_zero && (backing_ != nullptr || (how == Erase::Zero && own_data)))
        return how == Erase::Discard ? Result<void>{} : zero_piece(cluster, 0, header_.cluster());
    if (pending_.size() >= kMaxPending)
        if (auto r = commit(); !r) return r;
    if (how == Erase::Zero && own_data) {
        pending_[cluster] = old->host | kQcow2Copied | kQcow2Zero;
        return {};
    }
    if (auto r = unuse(*old, cluster); !r) return r;
    pending_[cluster] = backing_ != nullptr ? kQcow2Zero : 0;
    return {};
}

Result<void> Qcow2Disk::zero_piece(u64 cluster, u64 at, u64 bytes) {
    auto old = find(cluster);
    if (!old) return std::unexpected(old.error());
    if (old->kind == Kind::Zero || (old->kind == Kind::Unallocated && backing_ == nullptr)) return {};
    std::vector<u8> zeroes(bytes);
    const iovec part{zeroes.data(), bytes};
    return write_piece(cluster, at, Parts(&part, 1));
}

// ---- flush

Result<void> Qcow2Disk::flush() {
    const std::lock_guard lock(mutex_);
    return read_only() ? Result<void>{} : commit();
}

Result<void> Qcow2Disk::commit() {
    if (auto r = make_tables(); !r) return r;
    if (auto r = file_->flush(); !r) return r;
    if (!pending_.empty()) {
        if (auto r = write_entries(); !r) return r;
        if (auto r = file_->flush(); !r) return r;
        pending_.clear();
    }
    while (!unused_.empty()) {
        const Extent e = unused_.back();
        unused_.pop_back();
        if (auto r = counts_.release(e.offset, e.bytes); !r) return r;
    }
    return {};
}

/// L2 tables of the disk's own for all that is pending: new, or copies of those that snapshots share.
Result<void> Qcow2Disk::make_tables() {
    for (auto it = pending_.cbegin(); it != pending_.cend();) {
        const auto end = end_of_table(it);
        const u64 index = it->first / header_.l2_entries(), old = l1_[index] & kQcow2Offset;
        const bool own = old != 0 && (l1_[index] & kQcow2Copied) != 0;
        if (own || pending_l1_.contains(index)) {
            it = end;
            continue;
        }
        if (old == 0 && std::all_of(it, end, [](const auto& p) { return p.second == 0; })) {
            it = pending_.erase(it, end);  // as the missing table says
            continue;
        }
        std::vector<u8> contents(header_.cluster());
        if (old != 0) {
            auto shared = tables_.get(old);
            if (!shared) return std::unexpected(shared.error());
            std::copy_n(*shared, contents.size(), contents.begin());
        }
        auto table = counts_.allocate();
        if (!table) return std::unexpected(table.error());
        if (auto r = tables_.create(*table, std::move(contents)); !r) {
            (void)counts_.release(*table, header_.cluster());
            return r;
        }
        counts_.add_table(*table);
        pending_l1_[index] = *table | kQcow2Copied;
        if (old != 0) unused_.push_back({old, header_.cluster()});
        it = end;
    }
    return {};
}

Result<void> Qcow2Disk::write_entries() {
    for (auto it = pending_.cbegin(); it != pending_.cend();) {
        const auto end = end_of_table(it);
        const u64 index = it->first / header_.l2_entries();
        const auto fresh = pending_l1_.find(index);
        const u64 l1 = fresh != pending_l1_.end() ? fresh->second : l1_[index];
        if (auto r = write_entries_of(l1 & kQcow2Offset, it, end); !r) return r;
        if (fresh != pending_l1_.end()) {
            u64 raw = 0;
            store_be<u64>(&raw, l1);
            if (auto r = file_->write(header_.l1_offset + 8 * index, &raw, 8); !r) return r;
            l1_[index] = l1;
            pending_l1_.erase(fresh);
        }
        it = end;
    }
    return {};
}

/// In one piece, with those between them.
Result<void> Qcow2Disk::write_entries_of(u64 table, Pending::const_iterator from,
                                         Pending::const_iterator to) {
    auto entries = tables_.get(table);
    if (!entries) return std::unexpected(entries.error());
    const u64 first = from->first % header_.l2_entries(), last = std::prev(to)->first % header_.l2_entries();
    std::vector<u8> raw(*entries + 8 * first, *entries + 8 * (last + 1));
    for (; from != to; ++from)
        store_be<u64>(&raw[8 * (from->first % header_.l2_entries() - first)], from->second);
    return tables_.write(table, 8 * first, raw.data(), raw.size());
}

}  // namespace

Result<std::unique_ptr<Disk>> open_qcow2_disk(const std::string& path, const DiskOptions& options) {
    auto file = ImageFile::open(path, options.read_only);
    if (!file) return std::unexpected(file.error());
    auto header = read_qcow2_header(**file);
    if (!header) return std::unexpected(header.error());
    auto disk = std::make_unique<Qcow2Disk>(std::move(*file), *header);
    if (auto r = disk->load(options, 0); !r) return std::unexpected(r.error());
    return disk;
}

}  // namespace vm::device
