#include "device/p9_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace vm::device::p9 {
namespace {

namespace fs = std::filesystem;

/// A client of a server of a temporary folder.
class P9Test : public ::testing::Test {
  protected:
    P9Test() {
        char name[] = "/tmp/vm-p9-XXXXXX";
        base = ::mkdtemp(name);
        folder = base / "shared";
        fs::create_directory(folder);
        put(folder / "file", "hello, guest");
        put(base / "secret", "secret");
        fs::create_symlink("..", folder / "out");
        fs::create_directory(folder / "dir");
        restart(false);
    }
    ~P9Test() override { fs::remove_all(base); }
    static void put(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }
    static std::string get(const fs::path& path) {
        std::ifstream in(path);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void restart(bool read_only) {
        auto files = Files::open(folder.string(), read_only);
        ASSERT_TRUE(files) << files.error().message;
        server = std::make_unique<Server>(std::move(*files));
        EXPECT_EQ(call(Type::Version,
                       [](Writer& w) {
                           w.number(u32{8192});
                           w.text("9P2000.L");
                       }),
                  0);
        EXPECT_EQ(call(Type::Attach,
                       [](Writer& w) {
                           w.number(u32{0});
                           w.number(kNoFid);
                           w.text("user");
                           w.text("");
                           w.number(kNoUser);
                       }),
                  0);
    }
    /// Sends a request; the error, 0 if it was answered. `reply` is what came behind the header.
    template <class F>
    int call(Type type, F fill, u32 size_off = 0) {
        std::vector<u8> request(kHeaderBytes);
        Writer w(request);
        fill(w);
        store_raw<u32>(&request[0], static_cast<u32>(request.size()) + size_off);
        request[4] = static_cast<u8>(type);
        store_raw<u16>(&request[5], u16{77});
        std::vector<u8> answer(8192);
        const iovec in{request.data(), request.size()}, out{answer.data(), answer.size()};
        const size_t n = server->serve({&in, 1}, {&out, 1});
        EXPECT_GE(n, kHeaderBytes);
        EXPECT_EQ(load_raw<u32>(&answer[0]), n);
        EXPECT_EQ(load_raw<u16>(&answer[5]), 77);
        answer.resize(n);
        reply.assign(answer.begin() + kHeaderBytes, answer.end());
        if (answer[4] == static_cast<u8>(Type::Lerror) + 1)
            return static_cast<int>(load_raw<u32>(reply.data()));
        EXPECT_EQ(answer[4], static_cast<u8>(type) + 1);
        return 0;
    }
    int walk(u32 from, u32 to, const std::vector<std::string>& names) {
        return call(Type::Walk, [&](Writer& w) {
            w.number(from);
            w.number(to);
            w.number(static_cast<u16>(names.size()));
            for (const std::string& n : names) w.text(n);
        });
    }
    u16 walked() const { return load_raw<u16>(reply.data()); }
    int open(u32 fid, u32 flags) {
        return call(Type::Lopen, [&](Writer& w) {
            w.number(fid);
            w.number(flags);
        });
    }
    int create(u32 fid, const std::string& name, u32 flags, u32 mode) {
        return call(Type::Lcreate, [&](Writer& w) {
            w.number(fid);
            w.text(name);
            w.number(flags);
            w.number(mode);
            w.number(u32{0});
        });
    }
    int read(u32 fid, u64 offset, u32 count, Type type = Type::Read) {
        return call(type, [&](Writer& w) {
            w.number(fid);
            w.number(offset);
            w.number(count);
        });
    }
    std::string data() const { return {reply.begin() + 4, reply.end()}; }
    int write(u32 fid, u64 offset, const std::string& text, u32 more = 0) {
        return call(Type::Write, [&](Writer& w) {
            w.number(fid);
            w.number(offset);
            w.number(static_cast<u32>(text.size()) + more);
            for (const char c : text) w.number(static_cast<u8>(c));
        });
    }
    int clunk(u32 fid) {
        return call(Type::Clunk, [&](Writer& w) { w.number(fid); });
    }
    int set(u32 fid, u32 which, u32 mode, u64 size) {
        return call(Type::Setattr, [&](Writer& w) {
            for (const u32 v : {fid, which, mode, u32{0}, u32{0}}) w.number(v);
            w.number(size);
            for (int i = 0; i < 4; i++) w.number(u64{5});
        });
    }
    int named(Type type, u32 fid, const std::string& name, std::initializer_list<u32> more) {
        return call(type, [&](Writer& w) {
            w.number(fid);
            w.text(name);
            for (const u32 v : more) w.number(v);
        });
    }

    fs::path base, folder;
    std::unique_ptr<Server> server;
    std::vector<u8> reply;
};

TEST_F(P9Test, ReadsAndWrites) {
    ASSERT_EQ(walk(0, 1, {"file"}), 0);
    EXPECT_EQ(walked(), 1);
    EXPECT_EQ(read(1, 0, 100), EBADF) << "it is not open";
    ASSERT_EQ(open(1, O_RDWR), 0);
    EXPECT_EQ(open(1, O_RDWR), EBADF) << "it is";
    EXPECT_EQ(read(1, 7, 100), 0);
    EXPECT_EQ(data(), "guest");
    EXPECT_EQ(read(1, 100, 100), 0);
    EXPECT_EQ(data(), "");
    EXPECT_EQ(read(1, ~u64{0}, 100), EINVAL);
    EXPECT_EQ(write(1, 7, "world!"), 0);
    EXPECT_EQ(load_raw<u32>(reply.data()), 6u);
    EXPECT_EQ(get(folder / "file"), "hello, world!");
    EXPECT_EQ(write(1, 0, "x", 1), EINVAL) << "more than the message holds";
    EXPECT_EQ(call(Type::Fsync,
                   [](Writer& w) {
                       w.number(u32{1});
                       w.number(u32{1});
                   }),
              0);
    EXPECT_EQ(clunk(1), 0);
    EXPECT_EQ(clunk(1), EBADF);
    ASSERT_EQ(walk(0, 1, {"file"}), 0);
    ASSERT_EQ(open(1, O_RDONLY), 0);
    EXPECT_EQ(write(1, 0, "no"), EBADF);
}

TEST_F(P9Test, StaysInItsFolder) {
    for (const char* name : {"", ".", "../secret", "/etc", "dir/..", "a/b"})
        EXPECT_NE(walk(0, 1, {name}), 0) << name;
    EXPECT_NE(walk(0, 1, {std::string("fi\0le", 5)}), 0);
    ASSERT_EQ(walk(0, 1, {"..", "..", "secret"}), 0);
    EXPECT_EQ(walked(), 2) << "the folder is its own parent";
    ASSERT_EQ(walk(0, 1, {"dir", "..", "file"}), 0);
    EXPECT_EQ(walked(), 3);
    clunk(1);
    ASSERT_EQ(walk(0, 1, {"out", "secret"}), 0);
    EXPECT_EQ(walked(), 1) << "the link itself";
    ASSERT_EQ(walk(0, 1, {"out"}), 0);
    EXPECT_EQ(open(1, O_RDONLY), ELOOP);
    EXPECT_EQ(call(Type::Readlink, [](Writer& w) { w.number(u32{1}); }), 0);
    EXPECT_EQ(std::string(reply.begin() + 2, reply.end()), "..");
    EXPECT_NE(set(1, 8, 0, 0), 0);
    clunk(1);
    // Names of other requests are checked in the same way.
    for (const char* name : {"../x", "", "..", "out/x", "/tmp/x"}) {
        ASSERT_EQ(walk(0, 1, {}), 0);
        EXPECT_NE(create(1, name, O_WRONLY, 0644), 0) << name;
        clunk(1);
        EXPECT_NE(named(Type::Mkdir, 0, name, {0755, 0}), 0) << name;
        EXPECT_NE(named(Type::Mknod, 0, name, {S_IFIFO | 0644, 0, 0, 0}), 0) << name;
        EXPECT_NE(named(Type::Unlinkat, 0, name, {0}), 0) << name;
        EXPECT_NE(named(Type::Unlinkat, 0, name, {0x200}), 0) << name;
        EXPECT_NE(call(Type::Renameat,
                       [&](Writer& w) {
                           w.number(u32{0});
                           w.text("file");
                           w.number(u32{0});
                           w.text(name);
                       }),
                  0)
            << name;
    }
    ASSERT_EQ(walk(0, 1, {}), 0);
    EXPECT_EQ(create(1, "out", O_WRONLY, 0644), ELOOP) << "not through a link";
    EXPECT_EQ(get(base / "secret"), "secret");
    EXPECT_EQ(std::distance(fs::directory_iterator(base), {}), 2);
}

TEST_F(P9Test, ADirectoryThatBecomesALink) {
    ASSERT_EQ(walk(0, 1, {"dir"}), 0);
    fs::rename(folder / "dir", folder / "old");
    fs::create_symlink(base, folder / "dir");
    ASSERT_EQ(walk(1, 2, {"secret"}), ENOENT) << "the fid is the old one";
    ASSERT_EQ(walk(0, 3, {"dir", "secret"}), 0);
    EXPECT_EQ(walked(), 1);
}

TEST_F(P9Test, MakesAndRemoves) {
    ASSERT_EQ(walk(0, 1, {"dir"}), 0);
    ASSERT_EQ(create(1, "new", O_RDWR | O_CREAT | O_EXCL, 0664), 0);
    EXPECT_EQ(write(1, 0, "x"), 0);
    struct stat s {};
    ASSERT_EQ(::stat((folder / "dir/new").c_str(), &s), 0);
    EXPECT_EQ(s.st_mode & 07777, 0664u) << "whatever our umask is";
    ASSERT_EQ(walk(0, 2, {"dir"}), 0);
    EXPECT_EQ(create(2, "new", O_RDWR | O_CREAT | O_EXCL, 0664), EEXIST);
    EXPECT_EQ(create(2, "suid", O_RDWR, 04755), EPERM);
    EXPECT_EQ(named(Type::Mkdir, 2, "sub", {0750, 0}), 0);
    EXPECT_EQ(named(Type::Mknod, 2, "pipe", {S_IFIFO | 0600, 0, 0, 0}), 0);
    EXPECT_EQ(named(Type::Mknod, 2, "disk", {S_IFBLK | 0600, 8, 0, 0}), EPERM);
    EXPECT_EQ(call(Type::Symlink,
                   [](Writer& w) {
                       w.number(u32{2});
                       w.text("link");
                       w.text("/anywhere/at all");
                       w.number(u32{0});
                   }),
              0);
    EXPECT_EQ(call(Type::Link,
                   [](Writer& w) {
                       w.number(u32{2});
                       w.number(u32{1});
                       w.text("hard");
                   }),
              0);
    EXPECT_EQ(get(folder / "dir/hard"), "x");
    ASSERT_EQ(walk(2, 3, {"pipe"}), 0);
    EXPECT_EQ(open(3, O_RDONLY), EOPNOTSUPP) << "would wait for a writer";
    EXPECT_EQ(call(Type::Remove, [](Writer& w) { w.number(u32{3}); }), 0);
    EXPECT_FALSE(fs::exists(folder / "dir/pipe"));
    EXPECT_EQ(clunk(3), EBADF);
    EXPECT_EQ(named(Type::Unlinkat, 2, "sub", {0}), EISDIR);
    EXPECT_EQ(named(Type::Unlinkat, 2, "sub", {0x200}), 0);
    EXPECT_EQ(named(Type::Unlinkat, 0, "dir", {0x200}), ENOTEMPTY);
    EXPECT_EQ(set(1, 1, 04755, 0), EPERM);
    EXPECT_EQ(set(1, 1 | 8 | 0x20 | 0x100, 0600, 3), 0);
    ASSERT_EQ(::stat((folder / "dir/new").c_str(), &s), 0);
    EXPECT_EQ(s.st_mode & 07777, 0600u);
    EXPECT_EQ(s.st_size, 3);
    EXPECT_EQ(s.st_mtim.tv_sec, 5);
    EXPECT_EQ(call(Type::Remove, [](Writer& w) { w.number(u32{0}); }), EBUSY) << "the folder itself";
}

TEST_F(P9Test, ListsInParts) {
    for (int n = 0; n < 300; n++) put(folder / "dir" / ("entry " + std::to_string(n)), "");
    ASSERT_EQ(walk(0, 1, {"dir"}), 0);
    ASSERT_EQ(open(1, O_RDONLY | O_DIRECTORY), 0);
    std::map<std::string, int> names;
    for (u64 offset = 0;;) {
        ASSERT_EQ(read(1, offset, 1000, Type::Readdir), 0);
        Reader in(reply);
        const u32 bytes = in.number<u32>();
        EXPECT_LE(bytes, 1000u);
        EXPECT_EQ(bytes + 4, reply.size());
        if (bytes == 0) break;
        for (size_t at = 4; at < reply.size();) {
            in.number<u8>();
            in.number<u32>();
            in.number<u64>();
            offset = in.number<u64>();
            in.number<u8>();
            const std::string name = in.text();
            names[name]++;
            at += 24 + name.size();
        }
        ASSERT_TRUE(in.good());
    }
    EXPECT_EQ(names.size(), 302u);
    EXPECT_EQ(names["entry 299"], 1);
    EXPECT_EQ(read(1, 0, 20, Type::Readdir), EINVAL) << "no room for one";
    EXPECT_EQ(read(1, 0, 100), EISDIR);
    clunk(1);
    ASSERT_EQ(walk(0, 1, {"file"}), 0);
    EXPECT_EQ(open(1, O_RDONLY | O_DIRECTORY), ENOTDIR);
}

TEST_F(P9Test, ReadOnly) {
    restart(true);
    ASSERT_EQ(walk(0, 1, {"file"}), 0);
    EXPECT_EQ(open(1, O_RDWR), EROFS);
    EXPECT_EQ(open(1, O_RDONLY | O_TRUNC), EROFS);
    EXPECT_EQ(set(1, 1, 0600, 0), EROFS);
    EXPECT_EQ(set(1, 8, 0, 0), EROFS);
    EXPECT_EQ(set(1, 0x20, 0, 0), EROFS);
    EXPECT_EQ(set(1, 2, 0, 0), EROFS);
    EXPECT_EQ(create(1, "x", O_WRONLY, 0644), EROFS);
    EXPECT_EQ(named(Type::Mkdir, 0, "x", {0755, 0}), EROFS);
    EXPECT_EQ(named(Type::Mknod, 0, "x", {S_IFIFO, 0, 0, 0}), EROFS);
    EXPECT_EQ(named(Type::Unlinkat, 0, "file", {0}), EROFS);
    EXPECT_EQ(call(Type::Remove, [](Writer& w) { w.number(u32{1}); }), EROFS);
    EXPECT_EQ(get(folder / "file"), "hello, guest");
}

TEST_F(P9Test, LocksAndWhatIsNotThere) {
    ASSERT_EQ(walk(0, 1, {"file"}), 0);
    ASSERT_EQ(open(1, O_RDWR), 0);
    const auto lock = [](Writer& w) {
        w.number(u32{1});
        w.number(u8{1});
        w.number(u32{0});
        w.number(u64{0});
        w.number(u64{0});
        w.number(u32{5});
        w.text("guest");
    };
    EXPECT_EQ(call(Type::Lock, lock), 0);
    EXPECT_EQ(reply, std::vector<u8>{0});
    for (const Type type : {Type::Auth, Type::Rename}) EXPECT_EQ(call(type, [](Writer&) {}), EOPNOTSUPP);
    EXPECT_EQ(call(static_cast<Type>(200), [](Writer&) {}), EOPNOTSUPP);
    EXPECT_EQ(call(Type::Flush, [](Writer& w) { w.number(u16{3}); }), 0);
    EXPECT_EQ(call(Type::Statfs, [](Writer& w) { w.number(u32{0}); }), 0);
    EXPECT_EQ(reply.size(), 60u);
    EXPECT_EQ(call(Type::Getattr,
                   [](Writer& w) {
                       w.number(u32{1});
                       w.number(~u64{0});
                   }),
              0);
    EXPECT_EQ(reply.size(), 153u);
    EXPECT_EQ(load_raw<u64>(&reply[8 + 13 + 12 + 16]), 12u) << "its size";
}

TEST_F(P9Test, MessagesThatLie) {
    for (const Type type : {Type::Clunk, Type::Remove, Type::Statfs, Type::Readlink, Type::Getattr})
        EXPECT_EQ(call(type, [](Writer& w) { w.number(u16{0}); }), EINVAL);
    EXPECT_EQ(call(Type::Walk, [](Writer& w) { w.number(u32{0}); }), EINVAL);
    EXPECT_EQ(call(
                  Type::Flush, [](Writer&) {}, 100),
              EINVAL)
        << "longer than it is";
    EXPECT_EQ(call(
                  Type::Flush, [](Writer&) {}, ~u32{0}),
              EINVAL)
        << "shorter than its header";
    EXPECT_EQ(named(Type::Mkdir, 0, std::string(300, 'x'), {0755, 0}), ENAMETOOLONG);
    EXPECT_EQ(walk(0, 1, std::vector<std::string>(17, "dir")), EINVAL);
    EXPECT_EQ(walk(0, kNoFid, {}), EINVAL);
    EXPECT_EQ(walk(5, 6, {}), EBADF);
    u8 nothing[kHeaderBytes] = {}, small[8];
    const iovec in{nothing, 3}, all{nothing, sizeof nothing}, out{small, sizeof small};
    EXPECT_EQ(server->serve({&in, 1}, {&out, 1}), 0u);
    EXPECT_EQ(server->serve({&all, 1}, {&out, 1}), 0u) << "no room for an error";
    // A reply that does not fit is an error, not half a reply.
    std::vector<u8> request(kHeaderBytes);
    Writer(request).number(u32{0});
    store_raw<u32>(&request[0], u32{11});
    request[4] = static_cast<u8>(Type::Statfs);
    u8 twenty[20];
    const iovec statfs{request.data(), request.size()}, room{twenty, sizeof twenty};
    EXPECT_EQ(server->serve({&statfs, 1}, {&room, 1}), 11u);
    EXPECT_EQ(load_raw<u32>(&twenty[7]), static_cast<u32>(EMSGSIZE));
}

TEST(P9Files, RefusesWhatIsNoFolder) {
    EXPECT_FALSE(Files::open("/nonexistent", false));
    EXPECT_FALSE(Files::open("/etc/passwd", false));
}

/// Sets attributes as Linux' client does: a fid of its own, its data, its end.
struct P9Attributes : P9Test {
    static constexpr u32 kFile = 1, kOwn = 9;
    P9Attributes() { EXPECT_EQ(walk(0, kFile, {"file"}), 0); }
    int begin(u32 fid, const std::string& name, u64 size, u32 flags = 0) {
        return call(Type::Xattrcreate, [&](Writer& w) {
            w.number(fid);
            w.text(name);
            w.number(size);
            w.number(flags);
        });
    }
    int put_attribute(const std::string& name, const std::string& value, u32 flags = 0) {
        EXPECT_EQ(walk(kFile, kOwn, {}), 0);
        int e = begin(kOwn, name, value.size(), flags);
        if (e == 0 && !value.empty()) e = write(kOwn, 0, value);
        const int at_end = clunk(kOwn);
        return e != 0 ? e : at_end;
    }
    /// The error, or 0 and data().
    int get_attribute(u32 fid, const std::string& name) {
        if (const int e = named_walk(fid, name); e != 0) return e;
        const u64 size = load_raw<u64>(reply.data());
        EXPECT_EQ(read(kOwn, 0, 8000), 0);
        const std::vector<u8> kept = reply;
        EXPECT_EQ(data().size(), size);
        EXPECT_EQ(clunk(kOwn), 0);
        reply = kept;
        return 0;
    }
    int named_walk(u32 fid, const std::string& name) {
        return call(Type::Xattrwalk, [&](Writer& w) {
            w.number(fid);
            w.number(kOwn);
            w.text(name);
        });
    }
    bool supported() {
        const bool there = ::setxattr((folder / "file").c_str(), "user.host", "by the host", 11, 0) == 0;
        return there;
    }
};

TEST_F(P9Attributes, AreReadWrittenListedAndRemoved) {
    if (!supported()) GTEST_SKIP() << "/tmp has no extended attributes";
    EXPECT_EQ(get_attribute(kFile, "user.host"), 0);
    EXPECT_EQ(data(), "by the host");
    EXPECT_EQ(put_attribute("user.guest", std::string(3000, 'g')), 0);
    char value[4000];
    EXPECT_EQ(::getxattr((folder / "file").c_str(), "user.guest", value, sizeof value), 3000);
    EXPECT_EQ(put_attribute("user.guest", "again", XATTR_CREATE), EEXIST);
    EXPECT_EQ(put_attribute("user.guest", "again", XATTR_REPLACE), 0);
    EXPECT_EQ(get_attribute(kFile, "user.guest"), 0);
    EXPECT_EQ(data(), "again");
    EXPECT_EQ(put_attribute("user.empty", ""), 0);
    EXPECT_EQ(get_attribute(kFile, "user.empty"), 0);
    EXPECT_EQ(data(), "");
    EXPECT_EQ(get_attribute(kFile, ""), 0);
    std::string names = data();
    EXPECT_EQ(std::count(names.begin(), names.end(), 0), 3);
    EXPECT_NE(names.find(std::string("user.guest\0", 11)), std::string::npos);
    EXPECT_EQ(put_attribute("user.guest", "", XATTR_REPLACE), 0);  // removes it
    EXPECT_EQ(get_attribute(kFile, "user.guest"), ENODATA);
    EXPECT_EQ(put_attribute("user.guest", "", XATTR_REPLACE), ENODATA);
    EXPECT_EQ(walk(0, 2, {"dir"}), 0);
    EXPECT_EQ(get_attribute(2, ""), 0);
    EXPECT_EQ(data(), "");
}

TEST_F(P9Attributes, OfUsersOnly) {
    for (const char* name : {"security.capability", "security.selinux", "trusted.x",
                             "system.posix_acl_access", "user.", "user", "x"}) {
        EXPECT_EQ(put_attribute(name, "1"), EOPNOTSUPP) << name;
        EXPECT_EQ(get_attribute(kFile, name), EOPNOTSUPP) << name;
    }
    EXPECT_EQ(put_attribute("user." + std::string(300, 'x'), "1"), ERANGE);
    EXPECT_EQ(put_attribute(std::string("user.a\0b", 8), "1"), EINVAL);
    if (::geteuid() == 0 && ::setxattr((folder / "file").c_str(), "trusted.host", "1", 1, 0) == 0) {
        EXPECT_EQ(get_attribute(kFile, ""), 0);
        EXPECT_EQ(data().find("trusted"), std::string::npos);
    }
    // a link is no file that has any, and what it leads to is none of the guest's business
    ASSERT_EQ(walk(0, 3, {"out"}), 0);
    EXPECT_EQ(get_attribute(3, "user.x"), ENODATA);
    EXPECT_EQ(get_attribute(3, ""), 0);
    EXPECT_EQ(begin(3, "user.x", 1), EPERM);
}

TEST_F(P9Attributes, KeepToTheRules) {
    if (!supported()) GTEST_SKIP() << "/tmp has no extended attributes";
    EXPECT_EQ(begin(99, "user.x", 1), EBADF);
    EXPECT_EQ(begin(kFile, "user.x", 1, 4), EINVAL);
    EXPECT_EQ(begin(kFile, "user.x", kMostAttributeBytes + 1), E2BIG);
    EXPECT_EQ(begin(kFile, "user.x", ~u64{0}), E2BIG);
    ASSERT_EQ(walk(kFile, kOwn, {}), 0);
    ASSERT_EQ(begin(kOwn, "user.x", 4), 0);
    EXPECT_EQ(begin(kOwn, "user.x", 4), EBADF);
    EXPECT_EQ(open(kOwn, O_RDONLY), EBADF);
    EXPECT_EQ(create(kOwn, "x", O_RDWR, 0600), EBADF);
    EXPECT_EQ(walk(kOwn, kOwn, {}), EINVAL);
    EXPECT_EQ(read(kOwn, 0, 10), EBADF);
    EXPECT_EQ(write(kOwn, 1, "a"), ENOSPC);  // nothing is at 0
    EXPECT_EQ(write(kOwn, 0, "abcde"), ENOSPC);
    EXPECT_EQ(write(kOwn, ~u64{0} >> 1, "a"), ENOSPC);
    EXPECT_EQ(write(kOwn, 0, "abc"), 0);
    EXPECT_EQ(clunk(kOwn), EINVAL);  // one byte is missing
    EXPECT_EQ(get_attribute(kFile, "user.x"), ENODATA);

    ASSERT_EQ(named_walk(kFile, "user.host"), 0);
    EXPECT_EQ(named_walk(kFile, "user.host"), EINVAL);  // the fid is taken
    EXPECT_EQ(write(kOwn, 0, "a"), EBADF);
    EXPECT_EQ(read(kOwn, 3, 4), 0);
    EXPECT_EQ(data(), "the ");
    EXPECT_EQ(read(kOwn, 99, 4), 0);
    EXPECT_EQ(data(), "");
    EXPECT_EQ(clunk(kOwn), 0);

    // as much at a time as is allowed, and no more
    u32 fid = 100;
    int e = 0;
    for (; e == 0 && fid < 1000; ++fid) {
        ASSERT_EQ(walk(kFile, fid, {}), 0);
        e = begin(fid, "user.y", kMostAttributeBytes);
    }
    EXPECT_EQ(e, ENOMEM);
    EXPECT_EQ(fid - 100, Server::kMostAttributes / kMostAttributeBytes + 1);
    EXPECT_EQ(clunk(100), EINVAL);
    EXPECT_EQ(begin(fid - 1, "user.y", kMostAttributeBytes), 0);
    restart(true);
    ASSERT_EQ(walk(0, kFile, {"file"}), 0);
    EXPECT_EQ(begin(kFile, "user.x", 1), EROFS);
    EXPECT_EQ(get_attribute(kFile, "user.host"), 0);
}

}  // namespace
}  // namespace vm::device::p9
