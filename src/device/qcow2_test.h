// qcow2 images made and checked by hand, for tests.
#pragma once

#include <map>
#include <random>

#include "device/disk.h"
#include "device/disk_test.h"
#include "device/qcow2_format.h"

namespace vm::device::testing {

struct Qcow2Shape {
    u64 size = 1 << 20;
    u32 version = 3, cluster_bits = 12, refcount_order = 4;
};

/// An empty image: header, refcount table, one block of counts, L1 table, a cluster each (the L1 table:
/// more).
inline std::vector<u8> empty_qcow2(const Qcow2Shape& shape) {
    const u64 cluster = u64{1} << shape.cluster_bits, per_l1 = cluster * cluster / 8;
    const u64 l1_entries = (shape.size + per_l1 - 1) / per_l1;
    const u64 used = 3 + (l1_entries * 8 + cluster - 1) / cluster;
    std::vector<u8> image(used * cluster);
    const auto put4 = [&](u64 at, u32 v) { store_be<u32>(&image[at], v); };
    const auto put8 = [&](u64 at, u64 v) { store_be<u64>(&image[at], v); };
    put4(0, 0x514649fb);
    put4(4, shape.version);
    put4(20, shape.cluster_bits);
    put8(24, shape.size);
    put4(36, static_cast<u32>(l1_entries));
    put8(40, 3 * cluster);
    put8(48, cluster);
    put4(56, 1);
    if (shape.version == 3) {
        put4(96, shape.refcount_order);
        put4(100, 104);
    }
    put8(cluster, 2 * cluster);
    const unsigned width = 1u << shape.refcount_order;
    for (u64 n = 0; n < used; ++n) {
        const u64 at = 2 * cluster + n * width / 8;
        if (width < 8)
            image[at] = static_cast<u8>(image[at] | 1 << (n * width % 8));
        else
            image[at + width / 8 - 1] = 1;
    }
    return image;
}

struct Qcow2Check {
    u64 leaks = 0;   ///< clusters that count more than they are used
    u64 errors = 0;  ///< that count less, or whose COPIED bit is wrong
};

/// What qemu-img check does: counts the references to each cluster.
class Qcow2Checker {
  public:
    explicit Qcow2Checker(const TempImage& image) : bytes_(image.bytes()) {
        image.get(0, bytes_.data(), bytes_.size());
    }
    Qcow2Check run() {
        cluster_ = u64{1} << be4(20);
        const u64 l1 = be8(40), l1_size = be4(36), table = be8(48), table_clusters = be4(56);
        use(0, cluster_);
        use(l1, 8 * l1_size);
        use(table, table_clusters * cluster_);
        const u32 order = be4(4) == 3 ? be4(96) : 4;
        for (u64 n = 0; n < table_clusters * cluster_ / 8; ++n)
            if (be8(table + 8 * n) != 0) use(be8(table + 8 * n), cluster_);
        for (u64 n = 0; n < l1_size; ++n) walk_l2(be8(l1 + 8 * n));
        const u64 last = uses_.empty() ? 0 : uses_.rbegin()->first;
        const u64 per_block = cluster_ * 8 >> order;
        for (u64 c = 0; c <= std::max(last, table_clusters * cluster_ / 8 * per_block - 1); ++c) {
            const u64 entry = table + 8 * (c / per_block);
            const u64 block = c / per_block < table_clusters * cluster_ / 8 ? be8(entry) : 0;
            if (block == 0 && c > last) {
                c = c / per_block * per_block + per_block - 1;
                continue;
            }
            const u64 counted = block == 0 ? 0 : count(block, c % per_block, order);
            const auto used = uses_.find(c);
            if (counted == 0 && used == uses_.end()) continue;
            counts_[c] = counted;
            const u64 n = used == uses_.end() ? 0 : used->second;
            if (counted > n) ++result_.leaks;
            if (counted < n) ++result_.errors;
        }
        for (const auto& [host, copied] : copied_)
            if ((counts_[host / cluster_] == 1) != copied) ++result_.errors;
        return result_;
    }

  private:
    u32 be4(u64 at) const { return at + 4 <= bytes_.size() ? load_be<u32>(&bytes_[at]) : 0; }
    u64 be8(u64 at) const { return at + 8 <= bytes_.size() ? load_be<u64>(&bytes_[at]) : 0; }
    u64 count(u64 block, u64 index, u32 order) const {
        const u64 width = u64{1} << order, at = block + index * width / 8;
        if (at >= bytes_.size()) return 0;
        if (width < 8) return bytes_[at] >> (index * width % 8) & ((1u << width) - 1);
        u64 v = 0;
        for (u64 i = 0; i < width / 8; ++i) v = v << 8 | bytes_[at + i];
        return v;
    }
    void use(u64 offset, u64 n) {
        for (u64 c = offset / cluster_; c <= (offset + n - 1) / cluster_; ++c) ++uses_[c];
    }
    void walk_l2(u64 l1_entry) {
        const u64 table = l1_entry & kQcow2Offset;
        if (table == 0) return;
        use(table, cluster_);
        copied_.emplace_back(table, (l1_entry & kQcow2Copied) != 0);
        Qcow2Header h;
        h.version = be4(4);
        h.cluster_bits = be4(20);
        for (u64 n = 0; n < cluster_ / 8; ++n) {
            const Qcow2Cluster c = decode_qcow2_entry(h, be8(table + 8 * n));
            if (c.kind == Qcow2Cluster::Kind::Invalid) ++result_.errors;
            if (c.host == 0) continue;
            use(c.host, c.bytes);
            if (c.kind != Qcow2Cluster::Kind::Compressed) copied_.emplace_back(c.host, c.own);
        }
    }

    std::vector<u8> bytes_;
    u64 cluster_ = 0;
    std::map<u64, u64> uses_, counts_;
    std::vector<std::pair<u64, bool>> copied_;
    Qcow2Check result_;
};

/// Random requests on a disk and on a copy of it in memory.
class DiskModel {
  public:
    DiskModel(u64 size, u32 seed) : data_(size), random_(seed) {}
    std::vector<u8>& data() { return data_; }
    u64 pick(u64 n) { return random_() % n; }
    /// One request; what was discarded is taken over from the disk.
    void step(Disk& disk) {
        const u64 size = data_.size(), what = pick(16);
        u64 offset = pick(size), bytes = pick(std::min<u64>(size - offset, pick(4) == 0 ? 100000 : 5000)) + 1;
        u8* p = &data_[offset];
        if (what < 8) {
            const u8 fill = static_cast<u8>(random_());
            for (u64 i = 0; i < bytes; ++i) p[i] = static_cast<u8>(fill + i * 7);
            const auto r = disk.write(offset, p, bytes);
            ASSERT_TRUE(r) << r.error().message;
        } else if (what < 10) {
            std::fill_n(p, bytes, u8{0});
            const auto r = disk.write_zeroes(offset, bytes, what == 8);
            ASSERT_TRUE(r) << r.error().message;
        } else if (what < 11) {
            const auto r = disk.discard(offset, bytes);
            ASSERT_TRUE(r) << r.error().message;
            ASSERT_TRUE(disk.read(offset, p, bytes));
        } else if (what < 12) {
            ASSERT_TRUE(disk.flush());
        } else {
            std::vector<u8> back(bytes);
            const auto r = disk.read(offset, back.data(), bytes);
            ASSERT_TRUE(r) << r.error().message;
            ASSERT_EQ(std::memcmp(back.data(), p, bytes), 0) << offset << " " << bytes;
        }
    }
    void compare(Disk& disk) {
        std::vector<u8> back(data_.size());
        const auto r = disk.read(0, back.data(), back.size());
        ASSERT_TRUE(r) << r.error().message;
        ASSERT_TRUE(back == data_);
    }

  private:
    std::vector<u8> data_;
    std::mt19937 random_;
};

}  // namespace vm::device::testing
