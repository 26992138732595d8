#include "show.h"
#include <spawn.h>
#include <sys/uio.h>
extern char **environ;

static void status(const char *what, int st) {
    if (WIFEXITED(st)) say("%s exited %d\n", what, WEXITSTATUS(st));
    else if (WIFSIGNALED(st)) say("%s signal %d\n", what, WTERMSIG(st));
    else if (WIFSTOPPED(st)) say("%s stopped %d\n", what, WSTOPSIG(st));
    else if (WIFCONTINUED(st)) say("%s continued\n", what);
}

int main(int argc, char **argv) {
    if (argc > 1) {  // the program after an execve of itself
        say("argc %d [%s] env %s ignored %d blocked %d\n", argc, argv[1], getenv("VMTEST") ? getenv("VMTEST") : "-",
            signal(SIGUSR1, SIG_DFL) == SIG_IGN, ({ sigset_t s; sigprocmask(0, NULL, &s); sigismember(&s, SIGUSR2); }));
        return 42;
    }
    int st;
    show(getpid() == syscall(SYS_gettid));
    show(getppid() > 0);
    pid_t p = fork();
    if (p == 0) _exit(7);
    show(waitpid(p, &st, 0) == p);
    status("child", st);
    show(waitpid(-1, &st, 0));
    p = fork();
    if (p == 0) { raise(SIGTERM); _exit(0); }
    waitpid(p, &st, 0);
    status("term", st);
    p = fork();
    if (p == 0) { *(volatile int *)16 = 1; _exit(0); }
    waitpid(p, &st, 0);
    status("segv", st);
    p = fork();
    if (p == 0) abort();
    waitpid(p, &st, 0);
    status("abort", st);
    p = fork();
    if (p == 0) { kill(getpid(), SIGSEGV); for (;;) pause(); }
    waitpid(p, &st, 0);
    status("sent segv", st);
    int hold[2];
    char c;
    pipe(hold);
    p = fork();
    if (p == 0) { raise(SIGSTOP); read(hold[0], &c, 1); _exit(3); }  // not before "continued" was seen
    waitpid(p, &st, WUNTRACED);
    status("stop", st);
    kill(p, SIGCONT);
    waitpid(p, &st, WCONTINUED);
    status("cont", st);
    write(hold[1], "x", 1);
    waitpid(p, &st, 0);
    status("then", st);
    close(hold[0]), close(hold[1]);
    p = fork();
    if (p == 0) for (;;) pause();
    show(waitpid(p, &st, WNOHANG));
    show(kill(p, 0));
    kill(p, SIGKILL);
    siginfo_t si;
    memset(&si, 0, sizeof si);
    show(waitid(P_PID, p, &si, WEXITED | WNOWAIT));
    say("code %d status %d pid %d signo %d\n", si.si_code, si.si_status, si.si_pid == p, si.si_signo);
    show(waitid(P_PID, p, &si, WEXITED));
    show(kill(p, 0));
    p = fork();
    if (p == 0) {
        show(setsid() == getpid());
        show(getsid(0) == getpid() && getpgrp() == getpid());
        _exit(0);
    }
    waitpid(p, &st, 0);
    char exe[300] = {0};
    int n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    show(n > 0 && strstr(exe, "process") != NULL);
    fflush(stdout);
    signal(SIGUSR1, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    char *args[] = {"name", "an arg", NULL}, *env[] = {"VMTEST=yes", NULL};
    p = fork();
    if (p == 0) { execve("/proc/self/exe", args, env); _exit(99); }
    waitpid(p, &st, 0);
    status("execve", st);
    p = fork();
    if (p == 0) {
        int fd = open("/proc/self/exe", O_RDONLY);
        fexecve(fd, args, env);
        _exit(99);
    }
    waitpid(p, &st, 0);
    status("fexecve", st);
    p = vfork();
    if (p == 0) { execve(exe, args, environ); _exit(99); }
    waitpid(p, &st, 0);
    status("vfork", st);
    int spawned = posix_spawn(&p, exe, NULL, NULL, args, env);
    waitpid(p, &st, 0);
    show(spawned);
    status("spawn", st);
    show(posix_spawn(&p, "/no/such/program", NULL, NULL, args, env));
    show(execve("/no/such", args, env));
    show(execve("/tmp", args, env));
    show(execve("/etc/passwd", args, env));
    st = system("exit 5");
    status("system", st);
    FILE *f = popen("echo from the shell", "r");
    char line[100] = {0};
    fgets(line, sizeof line, f);
    say("%s", line);
    show(pclose(f));
    int pfd = syscall(SYS_pidfd_open, getpid(), 0);
    show(pfd >= 0);
    show(syscall(SYS_pidfd_send_signal, pfd, 0, NULL, 0));
    char src[] = "copied", dst[8] = {0};
    struct iovec l = {dst, 7}, r = {src, 7};
    show(process_vm_readv(getpid(), &l, 1, &r, 1, 0));
    say("%s\n", dst);
    strcpy(dst, "back");
    show(process_vm_writev(getpid(), &l, 1, &r, 1, 0));
    say("%s\n", src);
    l.iov_base = (void *)8;
    show(process_vm_readv(getpid(), &l, 1, &r, 1, 0));
    fflush(stdout);
    char dir[] = "/tmp/vm-root-XXXXXX", here[100] = "";
    mkdtemp(dir);
    if (fork() == 0) {  // another root
        works(chroot("/no/such/root"));
        works(chroot(dir));
        works(chdir("/"));
        works(open("made-here", O_CREAT | O_RDWR, 0600));
        show(access("/made-here", F_OK));
        getcwd(here, sizeof here);
        say("%s\n", here);
        unlink("/made-here");
        _exit(0);
    }
    wait(&st);
    status("chroot", st);
    show(rmdir(dir));
    fflush(stdout);
    if (fork() == 0) return 9;
    wait(&st);
    status("last", st);
    exit(11);
}
