// Every system call with arguments that do nothing, in two ways, each in a process of its own; and every number that is none.
// What the calls answer must be what they answer natively. The list is what src/linux/syscalls.def has.
#include "show.h"

struct call { const char *name; short generic, x86; const char *kinds; char note; };
// Kinds of arguments: F descriptor, P path, S string, A address, N size, I any number. Note: R refused by decision, G no
// such call natively, O an old call that riscv64 does not have.
#define C(name, generic, x86, kinds, note) {#name, generic, x86, kinds, note},
static const struct call calls[] = {
    C(io_setup, 0, 206, "IA", ' ')
    C(io_destroy, 1, 207, "A", ' ')
    C(io_submit, 2, 209, "AIA", ' ')
    C(io_cancel, 3, 210, "AAA", ' ')
    C(io_getevents, 4, 208, "AIIAA", ' ')
    C(setxattr, 5, 188, "PSANI", ' ')
    C(lsetxattr, 6, 189, "PSANI", ' ')
    C(fsetxattr, 7, 190, "FSANI", ' ')
    C(getxattr, 8, 191, "PSAN", ' ')
    C(lgetxattr, 9, 192, "PSAN", ' ')
    C(fgetxattr, 10, 193, "FSAN", ' ')
    C(listxattr, 11, 194, "PAN", ' ')
    C(llistxattr, 12, 195, "PAN", ' ')
    C(flistxattr, 13, 196, "FAN", ' ')
    C(removexattr, 14, 197, "PS", ' ')
    C(lremovexattr, 15, 198, "PS", ' ')
    C(fremovexattr, 16, 199, "FS", ' ')
    C(getcwd, 17, 79, "AN", ' ')
    C(lookup_dcookie, 18, 212, "IAN", 'R')
    C(eventfd2, 19, 290, "II", ' ')
    C(epoll_create1, 20, 291, "I", ' ')
    C(epoll_ctl, 21, 233, "FIFA", ' ')
    C(epoll_pwait, 22, 281, "FAIIAN", ' ')
    C(dup, 23, 32, "F", ' ')
    C(dup3, 24, 292, "FFI", ' ')
    C(fcntl, 25, 72, "FII", ' ')
    C(inotify_init1, 26, 294, "I", ' ')
    C(inotify_add_watch, 27, 254, "FPI", ' ')
    C(inotify_rm_watch, 28, 255, "FI", ' ')
    C(ioctl, 29, 16, "FII", ' ')
    C(ioprio_set, 30, 251, "III", ' ')
    C(ioprio_get, 31, 252, "II", ' ')
    C(flock, 32, 73, "FI", ' ')
    C(mknodat, 33, 259, "FPII", ' ')
    C(mkdirat, 34, 258, "FPI", ' ')
    C(unlinkat, 35, 263, "FPI", ' ')
    C(symlinkat, 36, 266, "SFP", ' ')
    C(linkat, 37, 265, "FPFPI", ' ')
    C(renameat, 38, 264, "FPFP", 'O')
    C(umount2, 39, 166, "PI", ' ')
    C(mount, 40, 165, "SPSIA", ' ')
    C(pivot_root, 41, 155, "PP", ' ')
    C(nfsservctl, 42, 180, "", 'R')
    C(statfs, 43, 137, "PA", ' ')
    C(fstatfs, 44, 138, "FA", ' ')
    C(truncate, 45, 76, "PI", ' ')
    C(ftruncate, 46, 77, "FI", ' ')
    C(fallocate, 47, 285, "FIII", ' ')
    C(faccessat, 48, 269, "FPI", ' ')
    C(chdir, 49, 80, "P", ' ')
    C(fchdir, 50, 81, "F", ' ')
    C(chroot, 51, 161, "P", ' ')
    C(fchmod, 52, 91, "FI", ' ')
    C(fchmodat, 53, 268, "FPI", ' ')
    C(fchownat, 54, 260, "FPIII", ' ')
    C(fchown, 55, 93, "FII", ' ')
    C(openat, 56, 257, "FPII", ' ')
    C(close, 57, 3, "F", ' ')
    C(vhangup, 58, 153, "", ' ')
    C(pipe2, 59, 293, "AI", ' ')
    C(quotactl, 60, 179, "IPIA", ' ')
    C(getdents64, 61, 217, "FAN", ' ')
    C(lseek, 62, 8, "FII", ' ')
    C(read, 63, 0, "FAN", ' ')
    C(write, 64, 1, "FAN", ' ')
    C(readv, 65, 19, "FAI", ' ')
    C(writev, 66, 20, "FAI", ' ')
    C(pread64, 67, 17, "FANI", ' ')
    C(pwrite64, 68, 18, "FANI", ' ')
    C(preadv, 69, 295, "FAIII", ' ')
    C(pwritev, 70, 296, "FAIII", ' ')
    C(sendfile, 71, 40, "FFAN", ' ')
    C(pselect6, 72, 270, "IAAAAA", ' ')
    C(ppoll, 73, 271, "AIAAN", ' ')
    C(signalfd4, 74, 289, "FANI", ' ')
    C(vmsplice, 75, 278, "FAII", ' ')
    C(splice, 76, 275, "FAFANI", ' ')
    C(tee, 77, 276, "FFNI", ' ')
    C(readlinkat, 78, 267, "FPAN", ' ')
    C(newfstatat, 79, 262, "FPAI", ' ')
    C(fstat, 80, 5, "FA", ' ')
    C(sync, 81, 162, "", ' ')
    C(fsync, 82, 74, "F", ' ')
    C(fdatasync, 83, 75, "F", ' ')
    C(sync_file_range, 84, 277, "FIII", ' ')
    C(timerfd_create, 85, 283, "II", ' ')
    C(timerfd_settime, 86, 286, "FIAA", ' ')
    C(timerfd_gettime, 87, 287, "FA", ' ')
    C(utimensat, 88, 280, "FPAI", ' ')
    C(acct, 89, 163, "P", ' ')
    C(capget, 90, 125, "AA", ' ')
    C(capset, 91, 126, "AA", ' ')
    C(personality, 92, 135, "I", ' ')
    C(exit, 93, 60, "I", ' ')
    C(exit_group, 94, 231, "I", ' ')
    C(waitid, 95, 247, "IIAIA", ' ')
    C(set_tid_address, 96, 218, "A", ' ')
    C(unshare, 97, 272, "I", ' ')
    C(futex, 98, 202, "AIIIAI", ' ')
    C(set_robust_list, 99, 273, "AN", ' ')
    C(get_robust_list, 100, 274, "IAA", ' ')
    C(nanosleep, 101, 35, "AA", ' ')
    C(getitimer, 102, 36, "IA", ' ')
    C(setitimer, 103, 38, "IAA", ' ')
    C(kexec_load, 104, 246, "", 'R')
    C(init_module, 105, 175, "", 'R')
    C(delete_module, 106, 176, "", 'R')
    C(timer_create, 107, 222, "IAA", ' ')
    C(timer_gettime, 108, 224, "IA", ' ')
    C(timer_getoverrun, 109, 225, "I", ' ')
    C(timer_settime, 110, 223, "IIAA", ' ')
    C(timer_delete, 111, 226, "I", ' ')
    C(clock_settime, 112, 227, "IA", ' ')
    C(clock_gettime, 113, 228, "IA", ' ')
    C(clock_getres, 114, 229, "IA", ' ')
    C(clock_nanosleep, 115, 230, "IIAA", ' ')
    C(syslog, 116, 103, "IAI", ' ')
    C(ptrace, 117, 101, "IIAA", 'R')
    C(sched_setparam, 118, 142, "IA", ' ')
    C(sched_setscheduler, 119, 144, "IIA", ' ')
    C(sched_getscheduler, 120, 145, "I", ' ')
    C(sched_getparam, 121, 143, "IA", ' ')
    C(sched_setaffinity, 122, 203, "IAN", ' ')
    C(sched_getaffinity, 123, 204, "INA", ' ')
    C(sched_yield, 124, 24, "", ' ')
    C(sched_get_priority_max, 125, 146, "I", ' ')
    C(sched_get_priority_min, 126, 147, "I", ' ')
    C(sched_rr_get_interval, 127, 148, "IA", ' ')
    C(restart_syscall, 128, 219, "", ' ')
    C(kill, 129, 62, "II", ' ')
    C(tkill, 130, 200, "II", ' ')
    C(tgkill, 131, 234, "III", ' ')
    C(sigaltstack, 132, 131, "AA", ' ')
    C(rt_sigsuspend, 133, 130, "AN", ' ')
    C(rt_sigaction, 134, 13, "IAAN", ' ')
    C(rt_sigprocmask, 135, 14, "IAAN", ' ')
    C(rt_sigpending, 136, 127, "AN", ' ')
    C(rt_sigtimedwait, 137, 128, "AAAN", ' ')
    C(rt_sigqueueinfo, 138, 129, "IIA", ' ')
    C(rt_sigreturn, 139, 15, "", ' ')
    C(setpriority, 140, 141, "III", ' ')
    C(getpriority, 141, 140, "II", ' ')
    C(reboot, 142, 169, "", 'R')
    C(setregid, 143, 114, "II", ' ')
    C(setgid, 144, 106, "I", ' ')
    C(setreuid, 145, 113, "II", ' ')
    C(setuid, 146, 105, "I", ' ')
    C(setresuid, 147, 117, "III", ' ')
    C(getresuid, 148, 118, "AAA", ' ')
    C(setresgid, 149, 119, "III", ' ')
    C(getresgid, 150, 120, "AAA", ' ')
    C(setfsuid, 151, 122, "I", ' ')
    C(setfsgid, 152, 123, "I", ' ')
    C(times, 153, 100, "A", ' ')
    C(setpgid, 154, 109, "II", ' ')
    C(getpgid, 155, 121, "I", ' ')
    C(getsid, 156, 124, "I", ' ')
    C(setsid, 157, 112, "", ' ')
    C(getgroups, 158, 115, "IA", ' ')
    C(setgroups, 159, 116, "IA", ' ')
    C(uname, 160, 63, "A", ' ')
    C(sethostname, 161, 170, "AN", ' ')
    C(setdomainname, 162, 171, "AN", ' ')
    C(getrlimit, 163, 97, "IA", ' ')
    C(setrlimit, 164, 160, "IA", ' ')
    C(getrusage, 165, 98, "IA", ' ')
    C(umask, 166, 95, "I", ' ')
    C(prctl, 167, 157, "IIIII", ' ')
    C(getcpu, 168, 309, "AAA", ' ')
    C(gettimeofday, 169, 96, "AA", ' ')
    C(settimeofday, 170, 164, "AA", ' ')
    C(adjtimex, 171, 159, "A", ' ')
    C(getpid, 172, 39, "", ' ')
    C(getppid, 173, 110, "", ' ')
    C(getuid, 174, 102, "", ' ')
    C(geteuid, 175, 107, "", ' ')
    C(getgid, 176, 104, "", ' ')
    C(getegid, 177, 108, "", ' ')
    C(gettid, 178, 186, "", ' ')
    C(sysinfo, 179, 99, "A", ' ')
    C(mq_open, 180, 240, "SIIA", ' ')
    C(mq_unlink, 181, 241, "S", ' ')
    C(mq_timedsend, 182, 242, "FANIA", ' ')
    C(mq_timedreceive, 183, 243, "FANAA", ' ')
    C(mq_notify, 184, 244, "FA", ' ')
    C(mq_getsetattr, 185, 245, "FAA", ' ')
    C(msgget, 186, 68, "II", ' ')
    C(msgctl, 187, 71, "IIA", ' ')
    C(msgrcv, 188, 70, "IANII", ' ')
    C(msgsnd, 189, 69, "IANI", ' ')
    C(semget, 190, 64, "III", ' ')
    C(semctl, 191, 66, "IIII", ' ')
    C(semtimedop, 192, 220, "IANA", ' ')
    C(semop, 193, 65, "IAN", ' ')
    C(shmget, 194, 29, "INI", ' ')
    C(shmctl, 195, 31, "IIA", ' ')
    C(shmat, 196, 30, "IAI", ' ')
    C(shmdt, 197, 67, "A", ' ')
    C(socket, 198, 41, "III", ' ')
    C(socketpair, 199, 53, "IIIA", ' ')
    C(bind, 200, 49, "FAI", ' ')
    C(listen, 201, 50, "FI", ' ')
    C(accept, 202, 43, "FAA", ' ')
    C(connect, 203, 42, "FAI", ' ')
    C(getsockname, 204, 51, "FAA", ' ')
    C(getpeername, 205, 52, "FAA", ' ')
    C(sendto, 206, 44, "FANIAI", ' ')
    C(recvfrom, 207, 45, "FANIAA", ' ')
    C(setsockopt, 208, 54, "FIIAI", ' ')
    C(getsockopt, 209, 55, "FIIAA", ' ')
    C(shutdown, 210, 48, "FI", ' ')
    C(sendmsg, 211, 46, "FAI", ' ')
    C(recvmsg, 212, 47, "FAI", ' ')
    C(readahead, 213, 187, "FIN", ' ')
    C(brk, 214, 12, "A", ' ')
    C(munmap, 215, 11, "AN", ' ')
    C(mremap, 216, 25, "ANNIA", ' ')
    C(add_key, 217, 248, "SSANI", ' ')
    C(request_key, 218, 249, "SSSI", ' ')
    C(keyctl, 219, 250, "IAAAA", ' ')
    C(clone, 220, 56, "IAAAA", ' ')
    C(execve, 221, 59, "PAA", ' ')
    C(mmap, 222, 9, "ANIIFI", ' ')
    C(fadvise64, 223, 221, "FINI", ' ')
    C(swapon, 224, 167, "", 'R')
    C(swapoff, 225, 168, "", 'R')
    C(mprotect, 226, 10, "ANI", ' ')
    C(msync, 227, 26, "ANI", ' ')
    C(mlock, 228, 149, "AN", ' ')
    C(munlock, 229, 150, "AN", ' ')
    C(mlockall, 230, 151, "I", ' ')
    C(munlockall, 231, 152, "", ' ')
    C(mincore, 232, 27, "ANA", ' ')
    C(madvise, 233, 28, "ANI", ' ')
    C(remap_file_pages, 234, 216, "ANINI", ' ')
    C(mbind, 235, 237, "ANIANI", ' ')
    C(get_mempolicy, 236, 239, "AANAI", ' ')
    C(set_mempolicy, 237, 238, "IAN", ' ')
    C(migrate_pages, 238, 256, "INAA", ' ')
    C(move_pages, 239, 279, "INAAAI", ' ')
    C(rt_tgsigqueueinfo, 240, 297, "IIIA", ' ')
    C(perf_event_open, 241, 298, "", 'R')
    C(accept4, 242, 288, "FAAI", ' ')
    C(recvmmsg, 243, 299, "FAIIA", ' ')
    C(riscv_hwprobe, 258, -1, "ANNAI", 'G')
    C(riscv_flush_icache, 259, -1, "AAI", 'G')
    C(wait4, 260, 61, "IAIA", ' ')
    C(prlimit64, 261, 302, "IIAA", ' ')
    C(fanotify_init, 262, 300, "", 'R')
    C(fanotify_mark, 263, 301, "", 'R')
    C(name_to_handle_at, 264, 303, "FPAAI", ' ')
    C(open_by_handle_at, 265, 304, "FAI", ' ')
    C(clock_adjtime, 266, 305, "IA", ' ')
    C(syncfs, 267, 306, "F", ' ')
    C(setns, 268, 308, "FI", ' ')
    C(sendmmsg, 269, 307, "FAII", ' ')
    C(process_vm_readv, 270, 310, "IAIAII", ' ')
    C(process_vm_writev, 271, 311, "IAIAII", ' ')
    C(kcmp, 272, 312, "IIIII", ' ')
    C(finit_module, 273, 313, "", 'R')
    C(sched_setattr, 274, 314, "IAI", ' ')
    C(sched_getattr, 275, 315, "IAII", ' ')
    C(renameat2, 276, 316, "FPFPI", ' ')
    C(seccomp, 277, 317, "IIA", 'R')
    C(getrandom, 278, 318, "ANI", ' ')
    C(memfd_create, 279, 319, "SI", ' ')
    C(bpf, 280, 321, "", 'R')
    C(execveat, 281, 322, "FPAAI", ' ')
    C(userfaultfd, 282, 323, "", 'R')
    C(membarrier, 283, 324, "III", ' ')
    C(mlock2, 284, 325, "ANI", ' ')
    C(copy_file_range, 285, 326, "FAFANI", ' ')
    C(preadv2, 286, 327, "FAIIII", ' ')
    C(pwritev2, 287, 328, "FAIIII", ' ')
    C(pkey_mprotect, 288, 329, "ANII", ' ')
    C(pkey_alloc, 289, 330, "II", ' ')
    C(pkey_free, 290, 331, "I", ' ')
    C(statx, 291, 332, "FPIIA", ' ')
    C(io_pgetevents, 292, 333, "AIIAAA", ' ')
    C(rseq, 293, 334, "", 'R')
    C(kexec_file_load, 294, 320, "", 'R')
    C(pidfd_send_signal, 424, 424, "FIAI", ' ')
    C(io_uring_setup, 425, 425, "", 'R')
    C(io_uring_enter, 426, 426, "", 'R')
    C(io_uring_register, 427, 427, "", 'R')
    C(open_tree, 428, 428, "FPI", ' ')
    C(move_mount, 429, 429, "FPFPI", ' ')
    C(fsopen, 430, 430, "SI", ' ')
    C(fsconfig, 431, 431, "FISAI", ' ')
    C(fsmount, 432, 432, "FII", ' ')
    C(fspick, 433, 433, "FPI", ' ')
    C(pidfd_open, 434, 434, "II", ' ')
    C(clone3, 435, 435, "AN", ' ')
    C(close_range, 436, 436, "III", ' ')
    C(openat2, 437, 437, "FPAN", ' ')
    C(pidfd_getfd, 438, 438, "FFI", ' ')
    C(faccessat2, 439, 439, "FPII", ' ')
    C(process_madvise, 440, 440, "", 'R')
    C(epoll_pwait2, 441, 441, "FAIAAN", ' ')
    C(mount_setattr, 442, 442, "FPIAN", ' ')
    C(quotactl_fd, 443, 443, "FIIA", ' ')
    C(landlock_create_ruleset, 444, 444, "ANI", ' ')
    C(landlock_add_rule, 445, 445, "FIAI", ' ')
    C(landlock_restrict_self, 446, 446, "FI", ' ')
    C(memfd_secret, 447, 447, "", 'R')
    C(process_mrelease, 448, 448, "FI", ' ')
    C(futex_waitv, 449, 449, "AIIAI", ' ')
    C(set_mempolicy_home_node, 450, 450, "ANNI", ' ')
    C(cachestat, 451, 451, "FAAI", ' ')
    C(fchmodat2, 452, 452, "FPII", ' ')
    C(map_shadow_stack, 453, 453, "", 'R')
    C(futex_wake, 454, 454, "AIII", ' ')
    C(futex_wait, 455, 455, "AIIIAI", ' ')
    C(futex_requeue, 456, 456, "AIII", ' ')
    C(statmount, 457, 457, "AANI", ' ')
    C(listmount, 458, 458, "AANI", ' ')
    C(lsm_get_self_attr, 459, 459, "IAAI", ' ')
    C(lsm_set_self_attr, 460, 460, "IAII", ' ')
    C(lsm_list_modules, 461, 461, "AAI", ' ')
    C(mseal, 462, 462, "", 'R')
    C(setxattrat, 463, 463, "FPISAN", 'R')
    C(getxattrat, 464, 464, "FPISAN", 'R')
    C(listxattrat, 465, 465, "FPIAN", ' ')
    C(removexattrat, 466, 466, "FPIS", ' ')
    C(open_tree_attr, 467, 467, "FPIAN", ' ')
    C(file_getattr, 468, 468, "FPANI", ' ')
    C(file_setattr, 469, 469, "FPANI", ' ')
};
/// Not with zeros: they would change the machine, or make things that stay.
static const char *const no_zeros[] = {"clone", "sethostname", "setdomainname", "acct", "semget", "msgget", "shmget", "vhangup", "setns", "mq_unlink", "add_key", "request_key", "keyctl"};
/// Not with -1: it makes something that stays.
static const char *const no_ones[] = {"semget", "msgget", "shmget"};
/// Answers that are the processor's or the kernel's to choose.
static const char *const any_answer[] = {"keyctl", "pkey_alloc", "pkey_free"};  // a host with protection keys has key 0
static int in(const char *const *list, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0) return 1;
    return 0;
}
/// Rows of calls that this processor's Linux lacks.
static int of_another_isa(const struct call *c) {
#if defined(__riscv)
    return c->note == 'O';
#elif defined(__aarch64__)
    return c->note == 'G';
#else
    return 0;
#endif
}
#define IN(list, name) in(list, sizeof list / sizeof list[0], name)
static long number(const struct call *c) {
#if defined(__x86_64__)
    return c->x86;
#else
    return c->generic;
#endif
}
#if defined(__riscv)
static int new_for_old;  ///< renameat2 in the list
#endif
static void report(const struct call *c, int zeros) {
    long a[6] = {0};
    for (int i = 0; c->kinds[i]; i++) switch (c->kinds[i]) {
        case 'F': a[i] = zeros ? 0 : -1; break;
        case 'P':
        case 'S': a[i] = zeros ? 0 : (long)"/no/such/file"; break;
        case 'A': a[i] = zeros ? 0 : 8; break;
        case 'N': a[i] = !zeros; break;
        default: a[i] = zeros ? 0 : -1; break;
    }
    if (c->note == 'R') {  // natively it might do something
#if defined(__x86_64__)
        say("refused\n");
#else
        long r = syscall(number(c), a[0], a[1], a[2], a[3], a[4], a[5]);
        say("%s\n", r == -1 && (errno == ENOSYS || errno == EPERM) ? "refused" : "NOT REFUSED");
#endif
        _exit(0);
    }
    if (number(c) < 0) {
        say("of the guest alone\n");
        _exit(0);
    }
    errno = 0;
#if defined(__riscv)
    if (c->note == 'O') {
        if (syscall(number(c), a[0], a[1], a[2], a[3], a[4], a[5]) != -1 || errno != ENOSYS) say("is there! ");
        c = &calls[new_for_old];
    }
#endif
    long r = syscall(number(c), a[0], a[1], a[2], a[3], a[4], a[5]);
    if (c->note == 'G') say("of the guest alone\n");
    else if (IN(any_answer, c->name)) say("answered\n");
    else say("%s\n", r >= 0 || r < -4095 ? "done" : strerrorname_np(errno));
    _exit(0);
}
static void probe(const struct call *c, int zeros) {
    int st;
    say("%s%s: ", c->name, zeros ? " with zeros" : "");
    pid_t p = fork();
    if (p == 0) {
        setsid();
        alarm(3);
        report(c, zeros);
    }
    waitpid(p, &st, 0);
    if (WIFSIGNALED(st)) say("signal %d\n", WTERMSIG(st));
    else if (WEXITSTATUS(st)) say("exited %d\n", WEXITSTATUS(st));
}

int main(void) {
    const int n = sizeof calls / sizeof calls[0];
    chdir("/tmp");
#if defined(__riscv)
    while (calls[new_for_old].generic != SYS_renameat2) new_for_old++;
#endif
    // Zeros name descriptor 0: a file of our own, not a device of the machine's that would lose its permissions.
    const int own = memfd_create("probe", 0);
    if (own < 0 || dup2(own, 0) != 0) return 1;
    close(own);
    for (int i = 0; i < n; i++) {
        if (!IN(no_ones, calls[i].name)) probe(&calls[i], 0);
        if (!IN(no_zeros, calls[i].name)) probe(&calls[i], 1);
    }
    int wrong = 0;
    for (long nr = 0; nr < 600; nr++) {
        int known = 0;
        for (int i = 0; i < n; i++) known |= number(&calls[i]) == nr && !of_another_isa(&calls[i]);
#if !defined(__x86_64__)
        if (!known && (syscall(nr, -1, -1, -1, -1, -1, -1) != -1 || errno != ENOSYS)) wrong++, say("%ld is no call\n", nr);
#endif
    }
    show(wrong);
    static const long absurd[] = {-1, -2, 512, 4096, 0x7fffffff, 0x80000000};
    for (int i = 0; i < 6; i++) show(syscall(absurd[i], 1, 2, 3, 4, 5, 6));
#if defined(__riscv)  // the others look at 32 bits of it
    if (syscall(1l << 32 | SYS_getpid) != -1 || errno != ENOSYS) say("high bits are not looked at\n");
#endif
    return 0;
}
