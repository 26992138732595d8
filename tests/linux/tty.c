#include "show.h"
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

int main(void) {
    int p[2], n = 0;
    pipe(p);
    show(isatty(p[0]));
    write(p[1], "abc", 3);
    show(ioctl(p[0], FIONREAD, &n));
    show(n);
    show(ioctl(p[0], TIOCGWINSZ, &n));
    show(ioctl(999, FIONREAD, &n));
    int m = posix_openpt(O_RDWR | O_NOCTTY);
    if (m < 0) return 0;
    show(grantpt(m));
    show(unlockpt(m));
    int s = open(ptsname(m), O_RDWR | O_NOCTTY);
    show(s >= 0);
    show(isatty(s));
    struct winsize w = {25, 80, 0, 0}, w2 = {0};
    show(ioctl(s, TIOCSWINSZ, &w));
    show(ioctl(m, TIOCGWINSZ, &w2));
    say("%d %d\n", w2.ws_row, w2.ws_col);
    struct termios t;
    show(tcgetattr(s, &t));
    say("%x %x %x %x\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag);
    cfmakeraw(&t);
    show(tcsetattr(s, TCSANOW, &t));
    show(tcgetattr(m, &t));
    say("%x %x %x %x\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag);
    write(m, "raw", 3);
    char b[10] = {0};
    show(read(s, b, 10));
    say("%s\n", b);
    show(ioctl(s, TIOCGPGRP, &n));
    show(fcntl(s, F_SETFL, O_NONBLOCK));
    show(read(s, b, 10));
    return 0;
}
