#include "show.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/select.h>
#include <sys/timerfd.h>

static volatile int hits;
static void on(int s) { (void)s; hits++; }

int main(void) {
    int ev = eventfd(3, EFD_NONBLOCK);
    uint64_t v = 4;
    show(write(ev, &v, 8));
    show(read(ev, &v, 8));
    show(v);
    show(read(ev, &v, 8));
    int ep = epoll_create1(EPOLL_CLOEXEC), p[2];
    pipe(p);
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = 0x1122334455667788}, out[4];
    show(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e));
    show(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e));
    e.events = EPOLLIN | EPOLLET, e.data.u64 = 2;
    show(epoll_ctl(ep, EPOLL_CTL_ADD, ev, &e));
    show(epoll_wait(ep, out, 4, 0));
    write(p[1], "x", 1);
    show(epoll_wait(ep, out, 4, -1));
    say("%x %llx\n", out[0].events, (unsigned long long)out[0].data.u64);
    v = 1;
    write(ev, &v, 8);
    show(epoll_wait(ep, out, 4, 1000));
    say("%x %llx %x %llx\n", out[0].events, (unsigned long long)out[0].data.u64, out[1].events, (unsigned long long)out[1].data.u64);
    show(epoll_wait(ep, out, 0, 0));
    struct timespec ts = {0, 5000000};
    show(epoll_pwait2(ep, out, 4, &ts, NULL));
    show(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL));
    show(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL));
    struct pollfd fds[3] = {{p[0], POLLIN, 0}, {p[1], POLLOUT, 0}, {999, POLLIN, 0}};
    show(poll(fds, 3, 0));
    say("%x %x %x\n", fds[0].revents, fds[1].revents, fds[2].revents);
    char c;
    read(p[0], &c, 1);
    show(poll(fds, 1, 10));
    fd_set r;
    FD_ZERO(&r);
    FD_SET(p[0], &r);
    struct timeval tv = {0, 10000};
    show(select(p[0] + 1, &r, NULL, NULL, &tv));
    show(FD_ISSET(p[0], &r) != 0);
    FD_SET(p[0], &r);
    write(p[1], "y", 1);
    show(select(p[0] + 1, &r, NULL, NULL, NULL));
    show(FD_ISSET(p[0], &r) != 0);
    read(p[0], &c, 1);
    // waiting with a temporary mask
    signal(SIGUSR1, on);
    sigset_t blocked, none, now;
    sigemptyset(&none), sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    raise(SIGUSR1);
    show(poll(fds, 1, 0));
    show(hits);
    show(ppoll(fds, 1, NULL, &none));
    show(hits);
    raise(SIGUSR1);
    FD_ZERO(&r);
    FD_SET(p[0], &r);
    show(pselect(p[0] + 1, &r, NULL, NULL, NULL, &none));
    show(hits);
    raise(SIGUSR1);
    show(epoll_pwait(ep, out, 4, -1, &none));
    show(hits);
    sigprocmask(0, NULL, &now);
    show(sigismember(&now, SIGUSR1));
    int t = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct itimerspec its = {{0, 0}, {0, 10000000}};
    show(timerfd_settime(t, 0, &its, NULL));
    show(read(t, &v, 8));
    show(v);
    show(timerfd_gettime(t, &its));
    show(its.it_value.tv_nsec);
    char dir[] = "/tmp/vmeventsXXXXXX", name[100];
    mkdtemp(dir);
    int in = inotify_init1(IN_NONBLOCK);
    show(inotify_add_watch(in, dir, IN_CREATE | IN_DELETE));
    snprintf(name, sizeof name, "%s/file", dir);
    close(open(name, O_CREAT | O_WRONLY, 0600));
    unlink(name);
    char buf[4096] __attribute__((aligned(8)));
    long n = read(in, buf, sizeof buf);
    for (char *q = buf; q < buf + n;) {
        struct inotify_event *i = (void *)q;
        say("%x %s\n", i->mask, i->name);
        q += sizeof *i + i->len;
    }
    show(inotify_rm_watch(in, 1));
    rmdir(dir);
    return 0;
}
