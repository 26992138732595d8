// Files of disk images for tests.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/bits.h"

namespace vm::device::testing {

/// A file that goes with this object.
class TempImage {
  public:
    explicit TempImage(u64 bytes) : TempImage() { EXPECT_EQ(::ftruncate(fd_, static_cast<off_t>(bytes)), 0); }
    explicit TempImage(const std::vector<u8>& contents) : TempImage() {
        put(0, contents.data(), contents.size());
    }
    ~TempImage() {
        ::close(fd_);
        ::unlink(path_.c_str());
    }
    TempImage(const TempImage&) = delete;
    TempImage& operator=(const TempImage&) = delete;
    const std::string& path() const { return path_; }
    int descriptor() const { return fd_; }
    u64 bytes() const {
        struct stat st {};
        EXPECT_EQ(::fstat(fd_, &st), 0);
        return static_cast<u64>(st.st_size);
    }
    void put(u64 offset, const void* from, u64 n) {
        EXPECT_EQ(::pwrite(fd_, from, n, static_cast<off_t>(offset)), static_cast<ssize_t>(n));
    }
    void get(u64 offset, void* to, u64 n) const {
        EXPECT_EQ(::pread(fd_, to, n, static_cast<off_t>(offset)), static_cast<ssize_t>(n));
    }

  private:
    /// In memory where there is a place: the tests flush a lot.
    TempImage()
        : path_((::access("/dev/shm", W_OK) == 0 ? "/dev/shm/" : ::testing::TempDir()) + "vm-disk-XXXXXX"),
          fd_(::mkstemp(path_.data())) {
        EXPECT_GE(fd_, 0);
    }
    std::string path_;
    int fd_;
};

}  // namespace vm::device::testing
