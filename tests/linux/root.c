// Run in a root: paths of every kind where the directory that holds this program is "/", by chroot natively, by --root as a guest.
#include "show.h"
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/vfs.h>

static char text[4097];

static const char* cwd(void) { return getcwd(text, sizeof text) ? text : strerrorname_np(errno); }
static const char* link_at(int dir, const char* path) {
    ssize_t n = readlinkat(dir, path, text, sizeof text - 1);
    if (n < 0) return strerrorname_np(errno);
    text[n] = 0;
    return text;
}
/// The first bytes of a file, or why there are none.
static const char* contents(int dir, const char* path, int flags) {
    int fd = openat(dir, path, flags, 0600);
    if (fd < 0) return strerrorname_np(errno);
    ssize_t n = read(fd, text, 40);
    const char* why = n < 0 ? strerrorname_np(errno) : NULL;
    close(fd);
    if (why) return why;
    text[n] = 0;
    text[strcspn(text, "\n")] = 0;
    return text;
}
static const char* kind(const char* path, int flags) {
    struct stat s;
    if (fstatat(AT_FDCWD, path, &s, flags)) return strerrorname_np(errno);
    return S_ISLNK(s.st_mode) ? "link" : S_ISDIR(s.st_mode) ? "directory" : S_ISREG(s.st_mode) ? "file" : "other";
}
static void put(const char* path, const char* what) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, what, strlen(what)) < 0) say("%s cannot be written: %s\n", path, strerrorname_np(errno));
    close(fd);
}

static void tree(void) {
    show(mkdir("/d", 0755));
    show(mkdir("/d/e", 0755));
    put("/d/f", "this is f\n");
    show(symlink("/d/f", "/d/abs"));
    show(symlink("../../../../../d/f", "/d/up"));
    show(symlink("/d/e", "/d/dir"));
    show(symlink("loop", "/d/loop"));
    show(symlink("/../../d/made", "/d/dangling"));
    show(symlink("/", "/d/top"));
    show(symlink("/proc/self/comm", "/d/comm"));
    show(symlink("/etc/passwd", "/d/passwd"));
    show(symlink("", "/d/none"));
}

static void working_directory(void) {
    say("cwd %s\n", cwd());
    show(chdir(".."));
    say("cwd %s\n", cwd());
    show(chdir("/d/dir"));
    say("cwd %s\n", cwd());
    show(chdir("../../../../.."));
    say("cwd %s\n", cwd());
    show(chdir("d/top/d/dir/.."));
    say("cwd %s\n", cwd());
    say("%s\n", contents(AT_FDCWD, "f", 0));
    say("%s %s\n", kind("up", 0), kind("../../d", 0));
    show(chdir("f"));
    show(chdir("/etc"));
    int top = open("/", O_RDONLY | O_DIRECTORY);
    show(fchdir(top));
    close(top);
    say("cwd %s\n", cwd());
    show(syscall(SYS_getcwd, text, 2));
    chdir("/d/e");
    show(rmdir("/d/e"));
    say("removed cwd: %s\n", cwd());
    chdir("/");
    mkdir("/d/e", 0755);
}

static void links(void) {
    const char* names[] = {"/d/f",  "/d/abs",   "/d/up",       "/d/top/d/abs", "/d/dir",  "/d/dir/",   "/d/loop", "/d/dangling", "/d/dangling/",
                           "/d/f/", "/d/f/..",  "/d/f/../f",   "/d/no/..",     "/d/no/../f", "/d/./f", "//d//f",  "/d/passwd",   "/..",
                           "/.",    "/d/top/..", "/d/top/../d/f", "/d/none", "/d/none/",  "/d/abs/", "/d/dir/../f", "/d/e/..", "/d/dir/."};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        say("%s: %s", names[i], kind(names[i], 0));
        say(", itself %s", kind(names[i], AT_SYMLINK_NOFOLLOW));
        say(", leads to '%s'\n", link_at(AT_FDCWD, names[i]));
    }
    say("%s\n", contents(AT_FDCWD, "/d/comm", 0));
    say("nofollow %s\n", contents(AT_FDCWD, "/d/abs", O_NOFOLLOW));
    say("excl %s\n", contents(AT_FDCWD, "/d/dangling", O_CREAT | O_EXCL | O_RDWR));
    say("create %s.\n", contents(AT_FDCWD, "/d/dangling", O_CREAT | O_RDWR));
    say("made %s\n", kind("/d/made", AT_SYMLINK_NOFOLLOW));
    show(unlink("/d/made"));
    show(truncate("/d/up", 7));
    say("%s\n", contents(AT_FDCWD, "/d/f", 0));
    show(access("/d/up", R_OK));
    show(access("/d/passwd", F_OK));
    struct statfs fs;
    show(statfs("/d/top", &fs));
}

static void names(void) {
    show(mkdir("/d/new/", 0755));
    show(mkdir("/d/dangling", 0755));
    show(mkdir("/d/dangling/", 0755));
    show(mkdir("/d/new/.", 0755));
    show(mkdir("/d/new/..", 0755));
    show(mkdir("/", 0755));
    show(rmdir("/d/new/."));
    show(rmdir("/d/new/.."));
    show(rmdir("/"));
    show(rmdir("/d/dir/"));
    show(rmdir("/d/dir"));
    show(unlink("/d/e"));
    show(unlink("/d/dir/"));
    show(rename("/d/new", "/d/top/d/renamed"));
    show(rename("/d/renamed/", "/../d/new/"));
    show(rename("/d/dir/", "/d/x"));
    show(rename("/d/new/..", "/d/x"));
    show(rename("/d/f", "/d/f/"));
    show(link("/d/abs", "/d/hard"));
    say("hard: %s\n", kind("/d/hard", AT_SYMLINK_NOFOLLOW));
    show(unlink("/d/hard"));
    show(linkat(AT_FDCWD, "/d/abs", AT_FDCWD, "/d/hard", AT_SYMLINK_FOLLOW));
    say("hard: %s\n", kind("/d/hard", AT_SYMLINK_NOFOLLOW));
    show(unlink("/d/top/d/hard"));
    show(symlink("x", "/d/abs"));
    show(symlink("x", "/d/dir/y"));
    say("%s\n", link_at(AT_FDCWD, "/d/e/y"));
    show(unlink("/d/e/y"));
    show(mknod("/d/dir/fifo", S_IFIFO | 0600, 0));
    show(unlink("/d/e/fifo"));
    show(rmdir("/d/new"));
}

static void descriptors(void) {
    int d = open("/d", O_RDONLY | O_DIRECTORY), dev = open("/dev", O_PATH), top = open("/", O_PATH);
    say("%s\n", contents(d, "abs", 0));
    say("%s\n", contents(d, "../../../../d/up", 0));
    say("%s\n", contents(d, "dir/../f", 0));
    say("%s\n", contents(dev, "../d/f", 0));
    say("%s\n", contents(top, "dev/null", 0));
    say("%s\n", contents(top, "proc/self/comm", 0));
    say("%s\n", contents(top, "../dev/../d/f", 0));
    say("%s\n", link_at(d, "abs"));
    say("%s\n", link_at(d, "dir/../up"));
    say("%s\n", contents(-1, "/d/f", 0));
    say("%s\n", contents(-1, "f", 0));
    say("%s\n", contents(999, "../f", 0));
    int file = open("/d/f", O_RDONLY);
    say("%s\n", contents(file, "x", 0));
    say("%s\n", contents(file, "../x", 0));
    show(mkdirat(d, "top/d/made", 0700));
    show(renameat(d, "made", top, "d/dir/moved"));
    show(unlinkat(top, "d/e/moved", AT_REMOVEDIR));
    show(symlinkat("f", d, "dir/s"));
    show(linkat(d, "dir/s", top, "d/t", 0));
    show(unlinkat(d, "t", 0));
    show(unlinkat(d, "e/s", 0));
    show(fchownat(d, "dangling", 0, 0, AT_SYMLINK_NOFOLLOW));
    show(fchownat(d, "/d/dangling", 0, 0, AT_SYMLINK_NOFOLLOW));
    show(fchownat(d, "/d/dangling", 0, 0, 0));
    show(fchmodat(d, "abs", 0600, 0));
    const struct timespec times[2] = {{1, 0}, {2, 0}};
    show(utimensat(d, "/d/loop", times, AT_SYMLINK_NOFOLLOW));
    show(utimensat(d, "/d/loop", times, 0));
    show(utimensat(d, "up", times, 0));
    struct stat s;
    show(stat("/d/f", &s));
    say("mode %o, changed at %ld\n", s.st_mode, (long)s.st_mtime);
    show(fstatat(d, "", &s, AT_EMPTY_PATH));
    show(fstatat(d, "", &s, 0));
    show(faccessat(d, "passwd", F_OK, AT_SYMLINK_NOFOLLOW));
    close(file);
    close(top);
    close(dev);
    close(d);
}

static long open2(int dir, const char* path, unsigned long flags, unsigned long resolve) {
    struct open_how how = {flags, 0, resolve};
    long fd = syscall(SYS_openat2, dir, path, &how, sizeof how);
    if (fd >= 0) close(fd);
    return fd < 0 ? -1 : 0;
}
static void resolve(void) {
    int d = open("/d", O_PATH);
    const char* paths[] = {"/d/f", "/d/abs", "f", "abs", "up", "../d/f", "dir", "/proc/self/cwd", "/proc/self/status", "/d/./../d/f"};
    const unsigned long rules[] = {0, RESOLVE_NO_SYMLINKS, RESOLVE_NO_MAGICLINKS, RESOLVE_BENEATH, RESOLVE_IN_ROOT};
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++)
        for (unsigned j = 0; j < sizeof rules / sizeof *rules; j++) {
            errno = 0;
            open2(d, paths[i], O_RDONLY, rules[j]);
            say("%s rule %lx: %s\n", paths[i], rules[j], strerrorname_np(errno));
        }
    show(open2(d, "/d/f", O_RDONLY, RESOLVE_NO_XDEV));
    show(open2(d, "/dev/null", O_RDONLY, RESOLVE_NO_XDEV));
    show(open2(d, "/d/abs", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS));
    show(open2(d, "/d/f", O_RDONLY, 0x1000));
    close(d);
}

static void proc(void) {
    chdir("/d/e");
    say("cwd %s\n", link_at(AT_FDCWD, "/proc/self/cwd"));
    say("root %s\n", link_at(AT_FDCWD, "/proc/self/root"));
    say("exe %s\n", link_at(AT_FDCWD, "/proc/self/exe"));
    say("%s\n", contents(AT_FDCWD, "/proc/self/cwd/../f", 0));
    say("%s\n", contents(AT_FDCWD, "/proc/self/root/d/abs", 0));
    say("%s\n", contents(AT_FDCWD, "/proc/self/root/../../d/f", 0));
    say("%s\n", contents(AT_FDCWD, "/proc/thread-self/cwd/../up", 0));
    struct stat a, b;
    stat("/", &a);
    stat("/proc/self/root", &b);
    say("one root: %d\n", a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    int fd = open("/d", O_PATH);
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    say("fd %s\n", link_at(AT_FDCWD, name));
    snprintf(name, sizeof name, "/dev/fd/%d/dir/../abs", fd);
    say("%s\n", contents(AT_FDCWD, name, 0));
    snprintf(name, sizeof name, "/proc/self/fd/%d/../../../d/f", fd);
    say("%s\n", contents(AT_FDCWD, name, 0));
    close(fd);
    say("mounts %s, self %s\n", link_at(AT_FDCWD, "/proc/mounts"), kind("/proc/self", AT_SYMLINK_NOFOLLOW));
    FILE* mounts = fopen("/proc/mounts", "r");
    int seen = 0, strange = 0;
    while (fgets(text, sizeof text, mounts)) {
        seen |= strstr(text, " /proc proc ") != NULL;
        strange |= !strstr(text, " /proc") && !strstr(text, " /dev") && !strstr(text, " /sys");
    }
    fclose(mounts);
    say("proc is mounted: %d, others: %d\n", seen, strange);
    FILE* maps = fopen("/proc/self/maps", "r");
    int found = 0;
    while (fgets(text, sizeof text, maps)) found |= strstr(text, " /test\n") != NULL;
    fclose(maps);
    say("mapped as /test: %d\n", found);
    chdir("/");
    say("%s\n", contents(AT_FDCWD, "dev/null", 0));
    say("%s\n", kind("sys", 0));
}

static void print_name(const char* what, const struct sockaddr_un* name, socklen_t size) {
    say("%s: family %d, '%s', %d bytes\n", what, size >= 2 ? name->sun_family : -1, size > 2 ? name->sun_path : "", (int)size);
}
static socklen_t fill(struct sockaddr_un* name, const char* path) {
    memset(name, 0, sizeof *name);
    name->sun_family = AF_UNIX;
    strcpy(name->sun_path, path);
    return 2 + strlen(path) + 1;
}
static void sockets(void) {
    struct sockaddr_un name = {0}, other = {0};
    socklen_t size;
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    // A name bound through a symlink reads back without it (src/linux/README.md).
    show(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void*)&name, fill(&name, "/d/dir/other")));
    say("other: %s\n", kind("/d/e/other", 0));
    show(unlink("/d/dir/other"));
    show(bind(server, (void*)&name, fill(&name, "/d/e/socket")));
    show(bind(client, (void*)&name, fill(&name, "/d/dangling")));
    chdir("/d");
    show(bind(client, (void*)&name, fill(&name, "e/client")));
    chdir("/");
    show(listen(server, 1));
    show(symlink("/d/e/socket", "/d/s"));
    show(connect(client, (void*)&name, fill(&name, "/d/s")));
    size = sizeof other;
    works(accept(server, (void*)&other, &size));
    print_name("accepted", &other, size);
    size = sizeof other;
    show(getpeername(client, (void*)&other, &size));
    print_name("peer", &other, size);
    size = 5;
    memset(&other, 0, sizeof other);
    show(getsockname(server, (void*)&other, &size));
    say("cut: '%s', %d bytes\n", other.sun_path, (int)size);
    show(connect(client, (void*)&name, fill(&name, "/d/nowhere")));
    int one = socket(AF_UNIX, SOCK_DGRAM, 0), two = socket(AF_UNIX, SOCK_DGRAM, 0);
    show(bind(one, (void*)&name, fill(&name, "/d/e/one")));
    show(bind(two, (void*)&name, fill(&name, "d/e/two")));
    show(sendto(one, "hello", 5, 0, (void*)&name, fill(&name, "/d/dir/two")));
    size = sizeof other;
    show(recvfrom(two, text, 10, 0, (void*)&other, &size));
    print_name("from", &other, size);
    struct iovec iov = {text, 5};
    struct msghdr message = {.msg_name = &name, .msg_namelen = fill(&name, "/d/dir/one"), .msg_iov = &iov, .msg_iovlen = 1};
    show(sendmsg(two, &message, 0));
    message.msg_name = &other;
    message.msg_namelen = sizeof other;
    show(recvmsg(one, &message, 0));
    print_name("message from", &other, message.msg_namelen);
    char deep[120] = "/d/e/";
    memset(deep + 5, 'x', 80);
    int three = socket(AF_UNIX, SOCK_DGRAM, 0);
    show(bind(three, (void*)&name, fill(&name, deep)));
    size = sizeof other;
    show(getsockname(three, (void*)&other, &size));
    print_name("long", &other, size);
    show(sendto(one, "hello", 5, 0, (void*)&name, fill(&name, deep)));
    show(unlink(deep));
    show(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void*)&name, 2));
    show(unlink("/d/e/socket") | unlink("/d/e/client") | unlink("/d/e/one") | unlink("/d/e/two") | unlink("/d/s"));
}

static void run(const char* what, int dir, const char* path, int flags) {
    say("%s: ", what);
    char* const argv[] = {"name", "child", NULL};
    char* const env[] = {NULL};
    const pid_t pid = fork();
    if (!pid) {
        syscall(SYS_execveat, dir, path, argv, env, flags);
        say("%s\n", strerrorname_np(errno));
        _exit(9);
    }
    int status;
    waitpid(pid, &status, 0);
}
static void programs(void) {
    run("absolute", AT_FDCWD, "/test", 0);
    symlink("/test", "/d/dir/program");
    run("link", AT_FDCWD, "/d/e/program", 0);
    chdir("/d/e");
    run("relative", AT_FDCWD, "../../../test", 0);
    run("relative link", AT_FDCWD, "program", 0);
    int d = open("/d", O_PATH), file = open("/test", O_RDONLY);
    run("at", d, "../test", 0);
    run("at a link", d, "dir/program", 0);
    run("not at a link", d, "dir/program", AT_SYMLINK_NOFOLLOW);
    run("descriptor", file, "", AT_EMPTY_PATH);
    run("own", AT_FDCWD, "/proc/self/exe", 0);
    put("/d/script", "#!/d/dir/program child\n");
    chmod("/d/script", 0755);
    run("script", AT_FDCWD, "/d/script", 0);
    chdir("/");
    run("script", d, "script", 0);
    run("outside", AT_FDCWD, "/bin/true", 0);
    run("directory", AT_FDCWD, "/d", 0);
    run("loop", AT_FDCWD, "/d/loop", 0);
    run("below a file", AT_FDCWD, "/d/f/..", 0);
    close(file);
    close(d);
    unlink("/d/e/program");
    unlink("/d/script");
}

static void mounts(void) {
    show(mkdir("/d/mnt", 0755));
    put("/d/e/inside", "inside\n");
    show(mount("/d/dir", "/d/top/d/mnt", NULL, MS_BIND, NULL));
    say("%s\n", contents(AT_FDCWD, "/d/mnt/inside", 0));
    show(umount2("/d/../d/mnt", 0));
    say("%s\n", contents(AT_FDCWD, "/d/mnt/inside", 0));
    show(mount("none", "/d/mnt", "tmpfs", 0, NULL));
    put("/d/mnt/x", "on tmpfs\n");
    say("%s\n", contents(AT_FDCWD, "/d/mnt/x", 0));
    chdir("/d/mnt");
    say("cwd %s\n", cwd());
    chdir("..");
    say("cwd %s\n", cwd());
    show(umount2("/d/mnt", 0));
    show(mount("none", "/d/nowhere", "tmpfs", 0, NULL));
    show(rmdir("/d/mnt") | unlink("/d/e/inside"));
    chdir("/");
}

static void root(void) {
    show(link("/test", "/d/e/test"));
    show(chroot("/d/none"));
    show(chroot("/d/f"));
    chdir("/d");
    show(chroot("/d/top/d/dir"));
    say("cwd %s\n", cwd());
    show(chdir("/"));
    say("cwd %s\n", cwd());
    say("%s, %s\n", kind("/test", 0), kind("/d", 0));
    say("%s\n", kind("../../..", 0));
    run("in the other root", AT_FDCWD, "/test", 0);
    show(unlink("/test"));
}

int main(int argc, char** argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1 && !strcmp(argv[1], "child")) {
        say("%s, %d arguments, in %s", argv[0], argc, cwd());
        say(", is %s\n", access("/proc/self/status", F_OK) ? "without /proc" : link_at(AT_FDCWD, "/proc/self/exe"));
        return 0;
    }
    tree();
    working_directory();
    links();
    names();
    descriptors();
    resolve();
    proc();
    sockets();
    programs();
    mounts();
    root();
}
