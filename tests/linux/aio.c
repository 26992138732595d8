#include "show.h"
#include <linux/aio_abi.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

static long setup(unsigned n, aio_context_t *c) { return syscall(SYS_io_setup, n, c); }
static long submit(aio_context_t c, long n, struct iocb **b) { return syscall(SYS_io_submit, c, n, b); }
static long events(aio_context_t c, long min, long n, struct io_event *e, struct timespec *t) { return syscall(SYS_io_getevents, c, min, n, e, t); }

int main(void) {
    aio_context_t ctx = 0, other = 7;
    show(setup(0, &ctx));
    show(setup(8, &other));
    show(setup(8, (void *)8));
    show(setup(8, &ctx));
    show(ctx != 0);
    char path[] = "/tmp/vm-aio-XXXXXX", buf[100] = {0}, more[50] = {0};
    int fd = mkstemp(path), efd = eventfd(0, 0);
    unlink(path);
    struct iocb w = {.aio_data = 1, .aio_lio_opcode = IOCB_CMD_PWRITE, .aio_fildes = fd, .aio_buf = (uintptr_t)"asynchronous", .aio_nbytes = 12};
    struct iocb *list[4] = {&w};
    struct io_event e[4];
    struct timespec t = {2, 0}, now = {0, 0};
    show(submit(ctx, 1, list));
    show(events(ctx, 1, 4, e, &t));
    say("%lld %lld %d\n", (long long)e[0].data, (long long)e[0].res, e[0].obj == (uintptr_t)&w);
    struct iovec v[2] = {{more, 5}, {more + 10, 7}};
    struct iocb r = {.aio_data = 2, .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = fd, .aio_buf = (uintptr_t)buf, .aio_nbytes = 50, .aio_flags = IOCB_FLAG_RESFD, .aio_resfd = efd};
    struct iocb rv = {.aio_data = 3, .aio_lio_opcode = IOCB_CMD_PREADV, .aio_fildes = fd, .aio_buf = (uintptr_t)v, .aio_nbytes = 2};
    struct iocb sync = {.aio_data = 4, .aio_lio_opcode = IOCB_CMD_FDSYNC, .aio_fildes = fd};
    list[0] = &r, list[1] = &rv, list[2] = &sync;
    show(submit(ctx, 3, list));
    long got = 0, sum = 0, res = 0;
    while (got < 3) {
        long n = events(ctx, 1, 4, e, &t);
        if (n <= 0) break;
        for (int i = 0; i < n; i++) sum += e[i].data, res += e[i].res;
        got += n;
    }
    say("%ld %ld %ld [%s] [%s] [%s]\n", got, sum, res, buf, more, more + 10);
    uint64_t count = 0;
    show(read(efd, &count, 8));
    show(count);
    show(events(ctx, 0, 4, e, &now));
    show(events(ctx, 1, 4, e, &(struct timespec){0, 10000000}));
    show(events(ctx, 5, 4, e, &now));
    show(events(ctx, 1, 4, (void *)8, &now));
    show(events(12345, 1, 4, e, &now));
    show(submit(ctx, -1, list));
    show(submit(ctx, 0, list));
    show(submit(ctx, 1, (void *)8));
    list[0] = (void *)8;
    show(submit(ctx, 1, list));
    struct iocb bad = {.aio_lio_opcode = 77, .aio_fildes = fd};
    list[0] = &bad;
    show(submit(ctx, 1, list));
    bad = (struct iocb){.aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = 999, .aio_buf = (uintptr_t)buf, .aio_nbytes = 1};
    show(submit(ctx, 1, list));
    int p[2];
    pipe(p);
    struct iocb poll = {.aio_data = 5, .aio_lio_opcode = IOCB_CMD_POLL, .aio_fildes = p[0], .aio_buf = 1};
    list[0] = &poll;
    show(submit(ctx, 1, list));
    write(p[1], "x", 1);
    sigset_t mask;
    sigfillset(&mask);
    struct { sigset_t *m; size_t n; } sig = {&mask, 8};
    show(syscall(SYS_io_pgetevents, ctx, 1, 4, e, &t, &sig));
    say("%lld %lld\n", (long long)e[0].data, (long long)e[0].res);
    sig.n = 4;
    show(syscall(SYS_io_pgetevents, ctx, 0, 4, e, &now, &sig));
    list[0] = &poll;
    show(submit(ctx, 1, list));
    read(p[0], buf, 1);
    show(syscall(SYS_io_cancel, ctx, &bad, e));
    show(syscall(SYS_io_destroy, ctx));
    show(syscall(SYS_io_destroy, ctx));
    return 0;
}
