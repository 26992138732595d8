#include "show.h"
#include <sched.h>

int main(void) {
    cpu_set_t set;
    struct sched_param sp = {0};
    struct timespec ts;
    show(sched_getaffinity(0, sizeof set, &set));
    show(CPU_COUNT(&set) == sysconf(_SC_NPROCESSORS_ONLN));
    show(sched_setaffinity(0, sizeof set, &set));
    CPU_ZERO(&set);
    show(sched_setaffinity(0, sizeof set, &set));
    show(sched_yield());
    show(sched_getscheduler(0));
    show(sched_getparam(0, &sp));
    show(sp.sched_priority);
    show(sched_get_priority_max(SCHED_FIFO));
    show(sched_get_priority_min(SCHED_RR));
    show(sched_get_priority_min(77));
    show(sched_rr_get_interval(0, &ts));
    unsigned cpu = 9999, node;
    show(getcpu(&cpu, &node));
    show(cpu < 9999);
    unsigned char attr[56] = {0};
    show(syscall(SYS_sched_getattr, 0, attr, sizeof attr, 0));
    return 0;
}
