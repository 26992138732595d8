#include "show.h"
#include <sys/sendfile.h>
#include <sys/uio.h>

int main(void) {
    int p[2], q[2];
    char buf[70000] = {0};
    show(pipe2(p, O_CLOEXEC | O_NONBLOCK));
    show(fcntl(p[0], F_GETFD));
    show(fcntl(p[0], F_GETFL) & O_NONBLOCK);
    show(read(p[0], buf, 10));
    show(write(p[1], "abcdef", 6));
    show(read(p[0], buf, 10));
    show(write(p[1], buf, sizeof buf));
    show(fcntl(p[1], F_SETPIPE_SZ, 1 << 17) >= 1 << 17);
    show(fcntl(p[1], F_GETPIPE_SZ) >= 1 << 17);
    show(pipe(q));
    show(tee(p[0], q[1], 100, 0));
    show(splice(p[0], NULL, q[1], NULL, 50, SPLICE_F_MOVE));
    show(read(q[0], buf, sizeof buf));
    struct iovec v = {"vmsplice", 8};
    show(vmsplice(q[1], &v, 1, 0));
    show(read(q[0], buf, sizeof buf));
    say("%.8s\n", buf);
    char path[] = "/tmp/vmpipesXXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    show(write(fd, "0123456789", 10));
    off_t off = 2;
    show(sendfile(q[1], fd, &off, 5));
    show(off);
    show(read(q[0], buf, sizeof buf));
    say("%.5s\n", buf);
    loff_t at = 7;
    show(splice(fd, &at, q[1], NULL, 100, 0));
    show(at);
    signal(SIGPIPE, SIG_IGN);
    close(q[0]);
    show(write(q[1], "x", 1));
    signal(SIGPIPE, SIG_DFL);
    pid_t c = fork();
    if (c == 0) {
        write(q[1], "x", 1);
        _exit(1);
    }
    int st;
    waitpid(c, &st, 0);
    say("signalled %d by %d\n", WIFSIGNALED(st), WTERMSIG(st));
    close(p[1]);
    while (read(p[0], buf, sizeof buf) > 0) {}
    show(read(p[0], buf, 10));
    return 0;
}
