// Code that is written at run time, by every way that memory can be written, and executed by every thread.
#include "isa.h"
#include <pthread.h>
#include <sys/socket.h>
#include <sys/uio.h>

static int call(void *at) {
    sync_here(at);
    return ((int (*)(void))at)();
}
static pthread_barrier_t step;
static void *volatile where;
static int results[4][10];
static void *runner(void *arg) {
    int me = (long)arg;
    for (int i = 0; i < 10; i++) {
        pthread_barrier_wait(&step);
        results[me][i] = call(where);
        pthread_barrier_wait(&step);
    }
    return NULL;
}

// What is called writes the code that it returns to.
__asm__(".pushsection .text\n.globl loop_begin, loop_insn, loop_end\n" LOOP ".popsection");
extern char loop_begin[], loop_insn[], loop_end[];
static char *step_at;
static long every, expected;
static int step_is = 1;
static void rewrite(long n) {
    if (n % every == 0) {
        put_step(step_at, step_is = n / every % 7 + 1);
        __builtin___clear_cache(step_at, step_at + 4);
    }
    expected += step_is;
}
static void rewritten_by_the_callee(char *m, long n, long each) {
    memcpy(m, loop_begin, loop_end - loop_begin);
    step_at = m + (loop_insn - loop_begin);
    every = each, expected = 0, step_is = 1;
    __builtin___clear_cache(m, m + 256);
    long sum = ((long (*)(void (*)(long), long))m)(rewrite, n);
    show(sum == expected);
}

int main(void) {
    long page = sysconf(_SC_PAGESIZE);
    char code[64] = {0};
    char *m = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    put_code(m, 1);
    show(call(m));
    put_code(m, 2);
    __builtin___clear_cache(m, m + 64);
    show(call(m));
    // the kernel writes
    int p[2], s[2];
    pipe(p);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    put_code(code, 3);
    write(p[1], code, 8);
    show(read(p[0], m, 8));
    show(call(m));
    put_code(code, 4);
    send(s[0], code, 8, 0);
    show(recv(s[1], m, 8, 0));
    show(call(m));
    put_code(code, 5);
    send(s[0], code, 8, 0);
    struct iovec v[2] = {{m, 4}, {m + 4, 4}};
    struct msghdr h = {.msg_iov = v, .msg_iovlen = 2};
    show(recvmsg(s[1], &h, 0));
    show(call(m));
    put_code(code, 6);
    struct iovec l = {code, 8}, r = {m, 8};
    show(process_vm_writev(getpid(), &l, 1, &r, 1, 0));
    show(call(m));
    int go[2];
    pipe(go);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {  // another process writes its code
        char c;
        call(m);
        show(read(go[0], &c, 1));
        show(call(m));
        _exit(0);
    }
    put_code(code, 7);
    usleep(50000);
    show(process_vm_writev(child, &l, 1, &r, 1, 0));
    write(go[1], "x", 1);
    waitpid(child, NULL, 0);
    show(call(m));
    int mem = open("/proc/self/mem", O_RDWR);
    put_code(code, 8);
    show(pwrite(mem, code, 8, (long)m));
    show(call(m));
    mprotect(m, page, PROT_READ | PROT_EXEC);
    show(call(m));
    put_code(code, 9);
    show(pwrite(mem, code, 8, (long)m));  // what debuggers do
    show(call(m));
    show(read(p[0], m, 0));
    write(p[1], code, 8);
    show(read(p[0], m, 8));
    read(p[0], code, 8);
    // mirrored: written here, executed there
    int fd = memfd_create("code", 0);
    ftruncate(fd, 4 * page);
    char *rw = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *rx = mmap(NULL, 4 * page, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    for (int i = 10; i < 14; i++) {
        put_code(rw, i);
        show(call(rx));
    }
    put_code(code, 14);
    show(pwrite(fd, code, 8, 0));
    show(call(rx));
    put_code(code, 15);
    write(p[1], code, 8);
    show(read(p[0], rw, 8));
    show(call(rx));
    // every thread sees it after its own fence
    pthread_t t[4];
    pthread_barrier_init(&step, NULL, 5);
    where = rx;
    for (long i = 0; i < 4; i++) pthread_create(&t[i], NULL, runner, (void *)i);
    for (int i = 0; i < 10; i++) {
        put_code(rw, 100 + i);
        pthread_barrier_wait(&step);
        pthread_barrier_wait(&step);
    }
    int wrong = 0;
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
        for (int k = 0; k < 10; k++) wrong += results[i][k] != 100 + k;
    }
    show(wrong);
    // the mapping itself changes
    put_code(rw + page, 21);
    put_code(rw + 2 * page, 22);
    show(call(rx + page));
    show(mmap(rx + page, page, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, fd, 2 * page) == rx + page);
    show(call(rx + page));
    show(syscall(SYS_remap_file_pages, rx + page, page, 0, 1, 0));
    show(call(rx + page));
    show(syscall(SYS_remap_file_pages, rx + page, page, 0, 2, 0));
    show(call(rx + page));
    show(syscall(SYS_remap_file_pages, rx + page, page, PROT_READ, 1, 0));
    show(syscall(SYS_remap_file_pages, m, page, 0, 1, 0));
    show(syscall(SYS_remap_file_pages, rx, 0, 0, 1, 0));
    show(syscall(SYS_remap_file_pages, (void *)page, page, 0, 1, 0));
    put_code(rw + 2 * page, 23);
    show(call(rx + page));
    char *moved = mremap(rx + page, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, m + 2 * page);
    show(moved == m + 2 * page);
    show(call(moved));
    madvise(m, page, MADV_DONTNEED);
    mprotect(m, page, PROT_READ | PROT_WRITE | PROT_EXEC);
    put_code(m, 30);
    show(call(m));
    rewritten_by_the_callee(m, 500, 1);
    rewritten_by_the_callee(m, 3000000, 50000);
    return 0;
}
