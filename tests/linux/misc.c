#include "show.h"
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

int main(void) {
    struct utsname u;
    show(uname(&u));
    say("%s %d\n", u.sysname, strlen(u.machine) > 3);
    struct sysinfo si;
    show(sysinfo(&si));
    show(si.totalram > 0 && si.mem_unit > 0);
    struct rlimit rl;
    show(getrlimit(RLIMIT_NOFILE, &rl));
    rl.rlim_cur = 100;
    show(setrlimit(RLIMIT_NOFILE, &rl));
    show(getrlimit(RLIMIT_NOFILE, &rl));
    show(rl.rlim_cur);
    show(dup2(1, 150));
    show(getrlimit(99, &rl));
    rl = (struct rlimit){1 << 30, 1 << 30};
    show(setrlimit(RLIMIT_AS, &rl));
    show(getrlimit(RLIMIT_AS, &rl));
    show(rl.rlim_cur);
    show(mmap(NULL, 2ul << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
    struct rusage ru;
    show(getrusage(RUSAGE_SELF, &ru));
    show(ru.ru_maxrss > 0);
    char name[17] = {0};
    show(prctl(PR_SET_NAME, "some name"));
    show(prctl(PR_GET_NAME, name));
    say("%s\n", name);
    show(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    show(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    int sig = 0;
    show(prctl(PR_SET_PDEATHSIG, SIGUSR1));
    show(prctl(PR_GET_PDEATHSIG, &sig));
    show(sig == SIGUSR1);
    show(prctl(99999));
    unsigned char r[64] = {0};
    int sum = 0;
    show(getrandom(r, sizeof r, 0));
    for (unsigned i = 0; i < sizeof r; i++) sum |= r[i];
    show(sum != 0);
    show(getrandom(r, 1, 0x100));
    show(getuid() == geteuid() && getgid() == getegid());
    uid_t a, b, c;
    show(getresuid(&a, &b, &c));
    show(a == getuid());
    gid_t g, h, i;
    show(getresgid(&g, &h, &i));
    gid_t groups[100];
    show(getgroups(0, NULL) == getgroups(100, groups));
    errno = 0;
    show(getpriority(PRIO_PROCESS, 0));
    show(syscall(500));
    show(syscall(-1));
    show(sysconf(_SC_PAGESIZE));
    show(getpagesize());
    return 0;
}
