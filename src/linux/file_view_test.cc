#include "linux/file_view.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/format.h"
#include "linux/proc_files.h"

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
        fs::create_directories(root + "/dev");
        fs::create_directory_symlink("usr/lib", root + "/lib");
        std::ofstream(root + "/usr/lib/libx.so.1") << "x";
        fs::create_symlink("/usr/lib/libx.so.1", root + "/usr/lib/libx.so");       // absolute: stays inside
        fs::create_symlink("../../../../../usr/lib/libx.so.1", root + "/etc/up");  // cannot leave
        fs::create_symlink("/proc/self/mounts", root + "/etc/mtab");
        fs::create_symlink("/etc/passwd-of-the-host", root + "/etc/new");
        fs::create_symlink("loop", root + "/etc/loop");
        fs::create_directory_symlink("/", root + "/etc/top");
        before = fs::current_path();
    }
    void TearDown() override {
        fs::current_path(before);
        fs::remove_all(root);
    }
    /// The host's name, or the error's number.
    static std::string at(const FileView& v, const std::string& path, Look look = Look::Follow,
                          int dirfd = AT_FDCWD) {
        std::string out;
        const i64 r = v.resolve(dirfd, path, look, &out);
        return r < 0 ? fmt::format("error {}", -r) : out;
    }
    std::string root;
    fs::path before;
};

TEST_F(FileViewTest, ExistingPathsLeadIntoTheSysroot) {
    const FileView v(root, FileView::Kind::Overlay);
    EXPECT_EQ(at(v, "/usr/lib/libx.so.1"), root + "/usr/lib/libx.so.1");
    EXPECT_EQ(at(v, "/lib/libx.so.1"), root + "/usr/lib/libx.so.1");
    EXPECT_EQ(at(v, "/lib/../lib/./libx.so.1"), root + "/usr/lib/libx.so.1");
    EXPECT_EQ(at(v, "/"), root);
    EXPECT_EQ(at(v, "/usr/lib/"), root + "/usr/lib/");
    EXPECT_EQ(at(v, "/../usr/lib"), root + "/usr/lib");
}

TEST_F(FileViewTest, NothingIsTranslatedOnceItIsLeft) {
    for (const auto kind : {FileView::Kind::Overlay, FileView::Kind::Root}) {
        FileView v(root, kind);
        v.leave();
        EXPECT_EQ(at(v, "/usr/lib/libx.so.1"), "/usr/lib/libx.so.1");
        EXPECT_EQ(at(v, "/usr/../etc"), "/usr/../etc");
        EXPECT_EQ(v.guest_path(root + "/etc"), root + "/etc");
    }
}

TEST_F(FileViewTest, SymlinksStayInside) {
    for (const auto kind : {FileView::Kind::Overlay, FileView::Kind::Root}) {
        const FileView v(root, kind);
        EXPECT_EQ(at(v, "/lib/libx.so"), root + "/usr/lib/libx.so.1");
        EXPECT_EQ(at(v, "/etc/up"), root + "/usr/lib/libx.so.1");
        EXPECT_EQ(at(v, "/lib/libx.so", Look::NoFollow), root + "/usr/lib/libx.so");
        EXPECT_EQ(at(v, "/lib", Look::NoFollow), root + "/lib");
        EXPECT_EQ(at(v, "/lib/", Look::NoFollow), root + "/usr/lib/");
        EXPECT_EQ(at(v, "/lib", Look::Entry), root + "/lib");
        EXPECT_EQ(at(v, "/etc/top/etc/top/../usr/lib/libx.so"), root + "/usr/lib/libx.so.1");
    }
}

TEST_F(FileViewTest, OtherPathsOfASysrootAreTheHosts) {
    const FileView v(root, FileView::Kind::Overlay);
    EXPECT_EQ(at(v, "/proc/self/maps"), "/proc/self/maps");
    EXPECT_EQ(at(v, "/etc/mtab"), fmt::format("/proc/{}/mounts", ::getpid()));
    EXPECT_EQ(at(v, "/usr/lib/new-file"), "/usr/lib/new-file");
    EXPECT_EQ(at(v, "usr/lib"), "usr/lib");
    EXPECT_EQ(at(v, ""), "");
    EXPECT_EQ(at(v, root + "/etc"), root + "/etc");
    EXPECT_EQ(at(v, "/etc/loop"), "/etc/loop");
    const FileView none("", FileView::Kind::Overlay);
    EXPECT_EQ(at(none, "/usr/lib"), "/usr/lib");
}

TEST_F(FileViewTest, DirectoriesOfTheHostAreNotShadowed) {
    std::ofstream(root + "/dev/shadow") << "x";
    for (const auto kind : {FileView::Kind::Overlay, FileView::Kind::Root}) {
        const FileView v(root, kind);
        for (const char* path : {"/dev", "/proc", "/sys", "/dev/null", "/dev/shadow", "/proc/uptime"})
            EXPECT_EQ(at(v, path), path);
        EXPECT_EQ(at(v, "/usr/../dev/null"), "/dev/null");
        EXPECT_EQ(at(v, "/etc/top/dev/null"), "/dev/null");
        EXPECT_EQ(at(v, "/dev/../usr/lib"), root + "/usr/lib");
        fs::current_path(root);
        EXPECT_EQ(at(v, "dev/null"), "/dev/null");
        EXPECT_EQ(at(v, "./dev/shadow"), "/dev/shadow");
        EXPECT_EQ(at(v, "usr"), "usr");
    }
}

TEST_F(FileViewTest, TheWorkingDirectoryHasTheNameByWhichTheGuestWentThere) {
    FileView v(root, FileView::Kind::Overlay);
    EXPECT_FALSE(v.cwd_has_guest_name()) << "where vm was started";
    v.went_to("/usr");
    EXPECT_TRUE(v.cwd_has_guest_name());
    v.went_to(root + "/usr");
    EXPECT_FALSE(v.cwd_has_guest_name());
}

TEST_F(FileViewTest, DirectoriesForNewFilesAreTheHostsUnderASysroot) {
    fs::create_directories(root + "/tmp/kept");
    const FileView v(root, FileView::Kind::Overlay);
    EXPECT_EQ(at(v, "/tmp"), "/tmp");
    EXPECT_EQ(at(v, "/var/tmp/"), "/var/tmp/");
    EXPECT_EQ(at(v, "/tmp/kept"), root + "/tmp/kept");
    EXPECT_EQ(at(v, root + "/tmp"), root + "/tmp");
    EXPECT_EQ(at(FileView(root, FileView::Kind::Root), "/tmp"), root + "/tmp");
}

TEST_F(FileViewTest, UnderARootThereIsNothingElse) {
    const FileView v(root, FileView::Kind::Root);
    EXPECT_EQ(at(v, "/"), root);
    EXPECT_EQ(at(v, "/../../.."), root);
    EXPECT_EQ(at(v, "/usr/lib/new-file"), root + "/usr/lib/new-file");
    EXPECT_EQ(at(v, "/etc/new"), root + "/etc/passwd-of-the-host");
    EXPECT_EQ(at(v, root + "/etc"), root + root + "/etc");
    EXPECT_EQ(at(v, "/etc/loop"), fmt::format("error {}", ELOOP));
    EXPECT_EQ(at(v, "/etc/missing/../up"), fmt::format("error {}", ENOENT));
    EXPECT_EQ(at(v, "/usr/lib/libx.so.1/../.."), fmt::format("error {}", ENOTDIR));
    EXPECT_EQ(at(v, "/usr/lib/libx.so.1/../libx.so"), fmt::format("error {}", ENOTDIR));
    EXPECT_EQ(at(v, "/lib/.", Look::Entry), root + "/usr/lib/.");
    EXPECT_EQ(at(v, "/lib/..", Look::Entry), root + "/usr/lib/..");
    std::string out;
    EXPECT_EQ(v.resolve(AT_FDCWD, "/lib/libx.so.1", Look::Follow, &out, RESOLVE_NO_SYMLINKS), -ELOOP);
    EXPECT_EQ(v.resolve(AT_FDCWD, "/proc/self/cwd", Look::Follow, &out, RESOLVE_NO_MAGICLINKS), -ELOOP);
    EXPECT_EQ(v.resolve(AT_FDCWD, "/usr/../usr/lib", Look::Follow, &out, RESOLVE_NO_SYMLINKS), 0);
    EXPECT_EQ(out, root + "/usr/lib");
}

TEST_F(FileViewTest, RelativePathsStayInside) {
    const FileView v(root, FileView::Kind::Root);
    fs::current_path(root + "/usr");
    EXPECT_EQ(at(v, "../../../etc"), root + "/etc");
    EXPECT_EQ(at(v, "lib/libx.so"), root + "/usr/lib/libx.so.1");
    EXPECT_EQ(at(v, "lib/libx.so.1"), "lib/libx.so.1");
    EXPECT_EQ(at(v, "../proc/uptime"), "/proc/uptime");
    const int etc = ::open((root + "/etc").c_str(), O_PATH), dev = ::open("/dev", O_PATH),
              outside = ::open("/usr", O_PATH);
    EXPECT_EQ(at(v, "top/usr", Look::Follow, etc), root + "/usr");
    EXPECT_EQ(at(v, "top", Look::Follow, etc), root);
    EXPECT_EQ(at(v, "top", Look::NoFollow, etc), "top");
    EXPECT_EQ(at(v, "../../..", Look::Follow, etc), root);
    EXPECT_EQ(at(v, "..", Look::Follow, dev), root);
    EXPECT_EQ(at(v, "..", Look::Follow, outside), "..");  // given from outside: as chroot has it
    ::close(etc);
    ::close(dev);
    ::close(outside);
    EXPECT_EQ(at(v, "..", Look::Follow, 9999), fmt::format("error {}", EBADF));
}

TEST_F(FileViewTest, LinksOfProcStayInside) {
    const FileView v(root, FileView::Kind::Root);
    fs::current_path(root + "/usr");
    EXPECT_EQ(at(v, "/proc/self/cwd/lib"), root + "/usr/lib");
    EXPECT_EQ(at(v, "/proc/self/cwd/../etc"), root + "/etc");
    EXPECT_EQ(at(v, "/proc/self/root"), root);
    EXPECT_EQ(at(v, "/proc/self/root/etc"), root + "/etc");
    EXPECT_EQ(at(v, "/proc/thread-self/root/../etc"), root + "/etc");
    EXPECT_EQ(at(v, "/proc/self/root/proc/self/root/dev/null"), "/dev/null");
    fs::current_path("/usr");  // as another process has it
    EXPECT_EQ(at(v, "/proc/self/cwd/lib"), fmt::format("error {}", EACCES));
    const int etc = ::open((root + "/etc").c_str(), O_PATH), outside = ::open("/usr", O_PATH);
    EXPECT_EQ(at(v, fmt::format("/dev/fd/{}/top", etc)), root);
    EXPECT_EQ(at(v, fmt::format("/dev/fd/{}", etc)), fmt::format("/proc/{}/fd/{}", ::getpid(), etc));
    EXPECT_EQ(at(v, fmt::format("/proc/self/fd/{}/lib", outside)), fmt::format("error {}", EACCES));
    ::close(etc);
    ::close(outside);
}

TEST_F(FileViewTest, MagicLinksAreToldByTheirPlace) {
    EXPECT_TRUE(is_magic_link("/proc/12/cwd"));
    EXPECT_TRUE(is_magic_link("/proc/12/task/13/fd/4"));
    EXPECT_TRUE(is_magic_link("/proc/12/ns/mnt"));
    EXPECT_FALSE(is_magic_link("/proc/self"));
    EXPECT_FALSE(is_magic_link("/proc/12/fd"));
    EXPECT_FALSE(is_magic_link("/proc/12/net/dev"));
    EXPECT_FALSE(is_magic_link("/proc/driver/root"));
    EXPECT_FALSE(is_magic_link("/usr/12/cwd"));
}

TEST_F(FileViewTest, NamesGoBack) {
    const FileView overlay(root, FileView::Kind::Overlay), full(root, FileView::Kind::Root);
    for (const FileView* v : {&overlay, &full}) {
        EXPECT_EQ(v->guest_path(root + "/usr/lib"), "/usr/lib");
        EXPECT_EQ(v->guest_path(root), "/");
        EXPECT_EQ(v->guest_path(root + "x/usr"), root + "x/usr");
        EXPECT_TRUE(v->visible(root + "/usr"));
        EXPECT_TRUE(v->visible("/dev/null"));
    }
    EXPECT_TRUE(overlay.visible("/usr"));
    EXPECT_FALSE(full.visible("/usr"));
}

TEST_F(FileViewTest, MountsAreNamedFromTheRoot) {
    const FileView v("/a b", FileView::Kind::Root);
    EXPECT_EQ(
        mounts_for_guest(
            v,
            "22 1 254:0 / / rw - ext4 /dev/vda rw\n23 22 0:21 / /a\\040b rw shared:1 - tmpfs none rw\n"
            "24 23 0:22 / /a\\040b/c\\134d rw - tmpfs none rw\n25 22 0:23 / /a\\040bc rw - tmpfs none rw\n"
            "26 22 0:24 / /proc rw - proc proc rw\n",
            "mountinfo"),
        "23 22 0:21 / / rw shared:1 - tmpfs none rw\n24 23 0:22 / /c\\134d rw - tmpfs none rw\n26 22 0:24 / "
        "/proc rw - proc proc rw\n");
    EXPECT_EQ(mounts_for_guest(v, "/dev/vda / ext4 rw 0 0\nnone /a\\040b/x tmpfs rw 0 0\n", "mounts"),
              "none /x tmpfs rw 0 0\n");
    EXPECT_EQ(
        mounts_for_guest(v, "device none mounted on /a\\040b/x with fstype tmpfs\nbroken\n", "mountstats"),
        "device none mounted on /x with fstype tmpfs\n");
}

TEST_F(FileViewTest, SurvivesAGuestThatClosesAllDescriptors) {
    const FileView v(root, FileView::Kind::Root);
    const int fd = v.root_fd();
    EXPECT_GE(fd, 3);
    ::close_range(3, ~0u, 0);
    EXPECT_EQ(at(v, "/lib/libx.so"), root + "/usr/lib/libx.so.1");
    EXPECT_GE(v.root_fd(), 3);
    EXPECT_EQ(::fcntl(v.root_fd(), F_GETFD), FD_CLOEXEC);
}

}  // namespace
}  // namespace vm::linux
