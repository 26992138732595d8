#include "cli/key_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace vm::cli {
namespace {

namespace fs = std::filesystem;

class KeyFile : public ::testing::Test {
  protected:
    KeyFile() {
        char name[] = "/tmp/vm-keys-XXXXXX";
        dir_ = ::mkdtemp(name);
        name_ = dir_ + "/ci";
    }
    ~KeyFile() override { fs::remove_all(dir_); }
    void write(const std::string& text) const { std::ofstream(name_, std::ios::trunc) << text; }
    static std::string text(const std::string& path) {
        std::ifstream in(path);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    std::string dir_, name_;
};

TEST_F(KeyFile, APairBelongsTogether) {
    const auto made = make_key_files(name_);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(fs::status(name_ + ".key").permissions(), fs::perms(0600));
    const auto secret = read_secret_key(name_ + ".key");
    ASSERT_TRUE(secret) << secret.error().message;
    EXPECT_EQ(secret->public_key(), *made);
    EXPECT_EQ(read_public_key(name_ + ".pub").value(), *made);
    EXPECT_EQ(std::distance(fs::directory_iterator(dir_), {}), 2);
}

TEST_F(KeyFile, NoKeyIsOverwritten) {
    ASSERT_TRUE(make_key_files(name_));
    const std::string secret = text(name_ + ".key"), open = text(name_ + ".pub");
    EXPECT_FALSE(make_key_files(name_));
    fs::remove(name_ + ".key");
    EXPECT_FALSE(make_key_files(name_));
    EXPECT_FALSE(fs::exists(name_ + ".key")) << "without its other half";
    EXPECT_EQ(text(name_ + ".pub"), open);
    fs::remove(name_ + ".pub");
    ASSERT_TRUE(make_key_files(name_));
    EXPECT_NE(text(name_ + ".key"), secret);
    EXPECT_FALSE(make_key_files(dir_ + "/none/ci"));
    EXPECT_FALSE(make_key_files(""));
    EXPECT_FALSE(make_key_files(dir_ + "/"));
}

TEST_F(KeyFile, OtherFilesAreNoKeys) {
    ASSERT_TRUE(make_key_files(name_));
    const std::string secret = text(name_ + ".key");
    const auto refused = [&] {
        const auto r = read_secret_key(name_);
        EXPECT_FALSE(r);
        EXPECT_EQ(r.error().message, name_ + ": is no secret key made by vm cache keygen");
    };
    EXPECT_FALSE(read_public_key(name_ + ".key"));
    EXPECT_FALSE(read_secret_key(name_ + ".pub"));
    EXPECT_FALSE(read_secret_key(dir_));
    EXPECT_EQ(read_secret_key(dir_ + "/none").error().kind, ErrorKind::NotFound);
    for (size_t size = 0; size < secret.size() - 1; size++) {
        write(secret.substr(0, size));
        refused();
    }
    for (const char* tail : {"0", " ", "\n", "\nmore"}) {
        write(secret + tail);
        refused();
    }
    std::string bad = secret;
    bad[bad.size() - 2] = 'g';
    write(bad);
    refused();
    write(std::string(100000, 'a'));
    refused();
    write(secret.substr(0, secret.size() - 1));
    EXPECT_TRUE(read_secret_key(name_)) << "an editor may drop the line's end";
}

}  // namespace
}  // namespace vm::cli
