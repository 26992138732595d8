// 9P2000.L messages (github.com/chaos/diod, protocol.md; Plan 9 manual, section 5): what is in them, read and
// written with every length checked. Numbers are little-endian, strings have 16 bits of length before them.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bits.h"

namespace vm::device::p9 {

/// Of requests; the reply's is one more.
enum class Type : u8 {
    Lerror = 6,
    Statfs = 8,
    Lopen = 12,
    Lcreate = 14,
    Symlink = 16,
    Mknod = 18,
    Rename = 20,
    Readlink = 22,
    Getattr = 24,
    Setattr = 26,
    Xattrwalk = 30,
    Xattrcreate = 32,
    Readdir = 40,
    Fsync = 50,
    Lock = 52,
    Getlock = 54,
    Link = 70,
    Mkdir = 72,
    Renameat = 74,
    Unlinkat = 76,
    Version = 100,
    Auth = 102,
    Attach = 104,
    Flush = 108,
    Walk = 110,
    Read = 116,
    Write = 118,
    Clunk = 120,
    Remove = 122,
};

inline constexpr size_t kHeaderBytes = 7;       ///< size, type, tag
inline constexpr size_t kReadReplyHeader = 11;  ///< before the data
inline constexpr size_t kWriteHeader = 23;      ///< before the data
inline constexpr u32 kNoFid = ~u32{0}, kNoUser = ~u32{0};

/// What names a file to the client.
struct Qid {
    static constexpr u8 kDirectory = 0x80, kSymlink = 0x02;
    u8 type = 0;
    u32 version = 0;
    u64 path = 0;
};

/// Takes fields off a request. Behind its end fields are 0 and empty, and good() is false.
class Reader {
  public:
    explicit Reader(std::span<const u8> bytes) : bytes_(bytes) {}
    bool good() const { return good_; }
    template <class T>
    T number() {
        const std::span<const u8> raw = take(sizeof(T));
        return raw.empty() ? T{} : load_raw<T>(raw.data());
    }
    std::string text() {
        const std::span<const u8> raw = take(number<u16>());
        return {reinterpret_cast<const char*>(raw.data()), raw.size()};
    }

  private:
    std::span<const u8> take(size_t n) {
        if (n > bytes_.size()) {
            good_ = false;
            bytes_ = {};
            return {};
        }
        const auto out = bytes_.first(n);
        bytes_ = bytes_.subspan(n);
        return out;
    }
    std::span<const u8> bytes_;
    bool good_ = true;
};

/// Puts fields into a reply.
class Writer {
  public:
    explicit Writer(std::vector<u8>& out) : out_(out) {}
    template <class T>
    void number(T v) {
        u8 raw[sizeof(T)];
        store_raw<T>(raw, v);
        out_.insert(out_.end(), raw, raw + sizeof raw);
    }
    void text(std::string_view s) {
        number(static_cast<u16>(s.size()));
        out_.insert(out_.end(), s.begin(), s.end());
    }
    void qid(const Qid& q) {
        number(q.type);
        number(q.version);
        number(q.path);
    }

  private:
    std::vector<u8>& out_;
};

}  // namespace vm::device::p9
