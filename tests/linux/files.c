#include "show.h"
#include <dirent.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void list(const char *dir) {
    DIR *d = opendir(dir);
    char *names[64];
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        char t[300];
        snprintf(t, sizeof t, "%s:%d", e->d_name, e->d_type);
        names[n++] = strdup(t);
    }
    closedir(d);
    qsort(names, n, sizeof *names, by_name);
    for (int i = 0; i < n; i++) say("  %s\n", names[i]);
}

int main(void) {
    char dir[] = "/tmp/vmfilesXXXXXX", cwd[200];
    if (!mkdtemp(dir)) return 1;
    show(chdir(dir));
    show(strcmp(getcwd(cwd, sizeof cwd), dir));
    show(getcwd(cwd, 2) == NULL ? -1 : 0);
    umask(022);
    show(umask(027));
    umask(022);
    int fd = open("a", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    show(open("a", O_RDWR | O_CREAT | O_EXCL, 0666));
    show(fcntl(fd, F_GETFD));
    show(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_DIRECTORY | O_NOFOLLOW));
    show(fcntl(fd, F_SETFL, O_APPEND));
    show(fcntl(fd, F_GETFL) & O_APPEND);
    show(fcntl(fd, F_SETFL, 0));
    show(write(fd, "hello world", 11));
    show(lseek(fd, 0, SEEK_SET));
    char buf[100] = {0};
    show(read(fd, buf, 5));
    say("%s\n", buf);
    show(pread(fd, buf, 5, 6));
    say("%s\n", buf);
    show(pwrite(fd, "W", 1, 6));
    struct iovec v[3] = {{buf, 3}, {buf + 10, 4}, {buf + 20, 50}};
    show(lseek(fd, 0, SEEK_SET));
    show(readv(fd, v, 3));
    say("%.3s|%.4s|%.4s\n", buf, buf + 10, buf + 20);
    show(preadv(fd, v, 2, 4));
    show(pwritev(fd, v, 2, 20));
    show(preadv2(fd, v, 2, 0, 0));
    show(writev(fd, v, 2000));
    show(read(fd, (void *)8, 5));
    show(read(999, buf, 5));
    struct stat st, st2;
    show(fstat(fd, &st));
    say("mode %o nlink %ld size %ld blksize>0 %d uid %d\n", st.st_mode, (long)st.st_nlink, (long)st.st_size, st.st_blksize > 0,
        st.st_uid == getuid());
    show(stat("a", &st2));
    say("same %d\n", st.st_ino == st2.st_ino && st.st_dev == st2.st_dev && st.st_mtim.tv_nsec == st2.st_mtim.tv_nsec);
    show(fstatat(AT_FDCWD, "", &st2, 0));
    show(fstatat(fd, "", &st2, AT_EMPTY_PATH));
    show(stat("missing", &st));
    struct statx sx;
    show(statx(AT_FDCWD, "a", 0, STATX_BASIC_STATS, &sx));
    say("%o %llu\n", sx.stx_mode, (unsigned long long)sx.stx_size);
    show(symlink("a", "s"));
    show(lstat("s", &st));
    say("link %d size %ld\n", S_ISLNK(st.st_mode), (long)st.st_size);
    memset(buf, 0, sizeof buf);
    show(readlink("s", buf, sizeof buf));
    say("%s\n", buf);
    show(readlink("a", buf, sizeof buf));
    show(open("s", O_RDONLY | O_NOFOLLOW));
    show(open("a", O_RDONLY | O_DIRECTORY));
    works(open(".", O_RDONLY | O_DIRECTORY));
    show(link("a", "b"));
    show(linkat(AT_FDCWD, "s", AT_FDCWD, "c", AT_SYMLINK_FOLLOW));
    stat("a", &st);
    show(st.st_nlink);
    show(mkdir("d", 0755));
    show(mkdir("d", 0755));
    show(mknod("fifo", S_IFIFO | 0600, 0));
    show(rename("b", "d/b"));
    show(syscall(SYS_renameat2, AT_FDCWD, "c", AT_FDCWD, "d/b", 1));
    show(syscall(SYS_renameat2, AT_FDCWD, "c", AT_FDCWD, "d/b", 2));
    list(".");
    list("d");
    show(rmdir("d"));
    show(unlink("d/b"));
    show(unlink("d"));
    show(rmdir("d"));
    show(access("a", R_OK | W_OK));
    show(access("nothere", F_OK));
    show(faccessat(AT_FDCWD, "s", F_OK, AT_SYMLINK_NOFOLLOW));
    show(chmod("a", 0640));
    show(fchmod(fd, 04755));
    stat("a", &st);
    say("%o\n", st.st_mode);
    show(chown("a", -1, -1));
    show(fchown(fd, getuid(), getgid()));
    show(lchown("s", getuid(), getgid()));
    struct timespec ts[2] = {{1000000000, 5}, {1100000000, 7}};
    show(utimensat(AT_FDCWD, "a", ts, 0));
    show(futimens(fd, ts));
    stat("a", &st);
    say("%ld.%ld %ld.%ld\n", st.st_atim.tv_sec, st.st_atim.tv_nsec, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    show(truncate("a", 100));
    show(ftruncate(fd, 50));
    fstat(fd, &st);
    show(st.st_size);
    show(posix_fallocate(fd, 0, 200));
    fstat(fd, &st);
    show(st.st_size);
    show(fsync(fd));
    show(fdatasync(fd));
    show(posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED));
    int e = dup(fd);
    show(e >= 0);
    show(dup2(fd, 77));
    show(dup3(fd, 77, O_CLOEXEC));
    show(fcntl(77, F_GETFD));
    show(dup3(fd, fd, 0));
    show(fcntl(fd, F_DUPFD, 50));
    show(fcntl(fd, F_DUPFD_CLOEXEC, 50));
    show(flock(fd, LOCK_EX | LOCK_NB));
    int other = open("a", O_RDWR);
    show(flock(other, LOCK_EX | LOCK_NB));
    struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 9};
    show(fcntl(fd, F_SETLK, &fl));
    pid_t p = fork();
    if (p == 0) {
        fl.l_type = F_WRLCK;
        show(fcntl(fd, F_GETLK, &fl));
        say("held by parent %d start %ld len %ld type %d\n", fl.l_pid == getppid(), (long)fl.l_start, (long)fl.l_len, fl.l_type);
        fl.l_type = F_RDLCK;
        show(fcntl(fd, F_SETLK, &fl));
        _exit(0);
    }
    waitpid(p, NULL, 0);
    int to = open("copy", O_RDWR | O_CREAT, 0600);
    loff_t off = 3;
    show(copy_file_range(fd, &off, to, NULL, 10, 0));
    show(off);
    struct statfs sf;
    show(statfs("/proc", &sf));
    show(sf.f_type);
    show(fstatfs(fd, &sf));
    struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_BENEATH};
    works(syscall(SYS_openat2, AT_FDCWD, "a", &how, sizeof how));
    show(syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", &how, sizeof how));
    show(syscall(SYS_openat2, AT_FDCWD, "a", &how, 8));
    show(open("/dev/null", O_WRONLY | O_TMPFILE));
    show(open("a", O_RDONLY | O_CREAT | O_DIRECTORY, 0600) == -1);
    show(close(fd));
    show(close(fd));
    show(syscall(SYS_close_range, 40u, 100u, 0));
    show(fcntl(77, F_GETFD));
    int root = open("/", O_RDONLY | O_DIRECTORY);
    show(fchdir(root));
    show(strlen(getcwd(cwd, sizeof cwd)));
    char name[250];
    for (const char *const *f = (const char *const[]){"a", "c", "s", "fifo", "copy", NULL}; *f; f++) {
        snprintf(name, sizeof name, "%s/%s", dir, *f);
        unlink(name);
    }
    show(rmdir(dir));
    stat("/dev/null", &st);
    say("%d %d %o\n", major(st.st_rdev), minor(st.st_rdev), st.st_mode);
    // paths as long as they may be, and longer
    static char far[5000];
    for (int n = 4093; n < 4099; n++) {
        memset(far, '/', n);
        far[n - 1] = '.', far[n] = 0;
        show(access(far, F_OK));
    }
    show(chdir((char *)8));
    return 0;
}
