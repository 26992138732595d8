#include "linux/file_view.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace vm::linux {
namespace {

namespace fs = std::filesystem;

class FileViewTest : public testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/vm-view-XXXXXX";
        root = fs::canonical(::mkdtemp(name)).string();
        fs::create_directories(root + "/usr/lib");
        fs::create_directories(root + "/etc");
        fs::create_directory_symlink("usr/lib", root + "/lib");
        std::ofstream(root + "/usr/lib/libx.so.1") << "x";
        fs::create_symlink("/usr/lib/libx.so.1", root + "/usr/lib/libx.so");       // absolute: stays inside
        fs::create_symlink("../../../../../usr/lib/libx.so.1", root + "/etc/up");  // cannot leave
        fs::create_symlink("/proc/self/mounts", root + "/etc/mtab");               // leads nowhere inside
    }
    void TearDown() override { fs::remove_all(root); }
    std::string root;
};

TEST_F(FileViewTest, ExistingPathsLeadIntoTheSysroot) {
    const FileView v(root);
    EXPECT_EQ(v.host_path("/usr/lib/libx.so.1"), root + "/usr/lib/libx.so.1");
    EXPECT_EQ(v.host_path("/lib/libx.so.1"), root + "/usr/lib/libx.so.1");
    EXPECT_EQ(v.host_path("/lib/../lib/./libx.so.1"), root + "/usr/lib/libx.so.1");
    EXPECT_EQ(v.host_path("/"), root);
    EXPECT_EQ(v.host_path("/usr/lib/"), root + "/usr/lib/");
}

TEST_F(FileViewTest, NothingIsTranslatedOnceItIsLeft) {
    FileView v(root);
    v.leave();
    EXPECT_EQ(v.host_path("/usr/lib/libx.so.1"), "/usr/lib/libx.so.1");
    EXPECT_EQ(v.guest_path(root + "/etc"), root + "/etc");
}

TEST_F(FileViewTest, SymlinksStayInside) {
    const FileView v(root);
    EXPECT_EQ(v.host_path("/lib/libx.so"), root + "/usr/lib/libx.so.1");
    EXPECT_EQ(v.host_path("/etc/up"), root + "/usr/lib/libx.so.1");
    EXPECT_EQ(v.host_path("/lib/libx.so", false), root + "/usr/lib/libx.so");
    EXPECT_EQ(v.host_path("/lib", false), root + "/lib");
}

TEST_F(FileViewTest, OtherPathsAreTheHosts) {
    const FileView v(root);
    EXPECT_EQ(v.host_path("/proc/self/maps"), "/proc/self/maps");
    EXPECT_EQ(v.host_path("/etc/mtab"), "/etc/mtab");
    EXPECT_EQ(v.host_path("/usr/lib/new-file"), "/usr/lib/new-file");
    EXPECT_EQ(v.host_path("usr/lib"), "usr/lib");
    EXPECT_EQ(v.host_path(""), "");
    EXPECT_EQ(v.host_path(root + "/etc"), root + "/etc");
    const FileView none("");
    EXPECT_EQ(none.host_path("/usr/lib"), "/usr/lib");
}

TEST_F(FileViewTest, NamesGoBack) {
    const FileView v(root);
    EXPECT_EQ(v.guest_path(root + "/usr/lib"), "/usr/lib");
    EXPECT_EQ(v.guest_path(root), "/");
    EXPECT_EQ(v.guest_path(root + "x/usr"), root + "x/usr");
    EXPECT_EQ(v.guest_path("/usr"), "/usr");
}

TEST_F(FileViewTest, SurvivesAGuestThatClosesAllDescriptors) {
    const FileView v(root);
    EXPECT_EQ(v.host_path("/usr/lib"), root + "/usr/lib");
    ::close_range(3, ~0u, 0);
    EXPECT_EQ(v.host_path("/usr/lib"), root + "/usr/lib");
}

}  // namespace
}  // namespace vm::linux
