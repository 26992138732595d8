#include "show.h"
#include <sys/time.h>
#include <sys/times.h>

static volatile int alarms;
static void on_alarm(int s) { (void)s; alarms++; }
static double now(clockid_t c) {
    struct timespec t;
    clock_gettime(c, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(void) {
    struct timespec ts, rem;
    show(clock_gettime(CLOCK_REALTIME, &ts));
    show(ts.tv_sec > 1600000000);
    show(clock_gettime(12345, &ts));
    show(clock_getres(CLOCK_MONOTONIC, &ts));
    show(ts.tv_nsec);
    struct timeval tv;
    show(gettimeofday(&tv, NULL));
    show(labs(tv.tv_sec - time(NULL)) <= 1);
    double t = now(CLOCK_MONOTONIC);
    ts = (struct timespec){0, 20000000};
    show(nanosleep(&ts, NULL));
    t = now(CLOCK_MONOTONIC) - t;
    show(t >= 0.02 && t < 5);
    ts = (struct timespec){0, 1000000000};
    show(nanosleep(&ts, NULL));
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += ts.tv_nsec > 980000000, ts.tv_nsec = (ts.tv_nsec + 20000000) % 1000000000;
    show(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL));
    signal(SIGALRM, on_alarm);
    struct itimerval it = {{0, 0}, {0, 30000}}, old;
    show(setitimer(ITIMER_REAL, &it, NULL));
    show(getitimer(ITIMER_REAL, &old));
    show(old.it_value.tv_usec > 0);
    ts = (struct timespec){10, 0};
    show(nanosleep(&ts, &rem));
    show(rem.tv_sec == 9);
    show(alarms);
    it = (struct itimerval){{0, 10000}, {0, 10000}};
    setitimer(ITIMER_REAL, &it, NULL);
    while (alarms < 5) pause();
    it = (struct itimerval){{0, 0}, {0, 0}};
    show(setitimer(ITIMER_REAL, &it, &old));
    show(old.it_interval.tv_usec);
    timer_t id;
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    show(timer_create(CLOCK_MONOTONIC, &ev, &id));
    struct itimerspec its = {{0, 0}, {0, 10000000}}, cur;
    alarms = 0;
    show(timer_settime(id, 0, &its, NULL));
    while (!alarms) usleep(1000);
    show(timer_gettime(id, &cur));
    show(cur.it_value.tv_nsec);
    show(timer_getoverrun(id));
    show(timer_delete(id));
    alarms = 0;
    show(alarm(1));
    show(alarm(0));
    struct tms tms;
    show(times(&tms) != -1);
    volatile unsigned long x = 0;
    double cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    for (long i = 0; i < 3000000; i++) x += i;
    show(now(CLOCK_PROCESS_CPUTIME_ID) > cpu);
    show(now(CLOCK_THREAD_CPUTIME_ID) > 0);
    setenv("TZ", "UTC0", 1);
    struct tm tm;
    time_t when = 1234567890;
    gmtime_r(&when, &tm);
    say("%04d-%02d-%02d %02d:%02d:%02d\n", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    return 0;
}
