// Floating point: draws the Mandelbrot set as text.
#include "guest.h"

int guest_main(void) {
    ulong total = 0;
    for (int y = -12; y <= 12; y++) {
        char line[80];
        int n = 0;
        for (int x = -50; x <= 24; x++) {
            double cr = x / 28.0, ci = y / 11.0, zr = 0, zi = 0;
            int i = 0;
            while (i < 2000 && zr * zr + zi * zi < 4.0) {
                double t = zr * zr - zi * zi + cr;
                zi = 2.0 * zr * zi + ci, zr = t, i++;
            }
            total += (ulong)i;
            line[n++] = i == 2000 ? '#' : i > 20 ? '+' : i > 6 ? '.' : ' ';
        }
        line[n++] = '\n', line[n] = 0;
        put_text(line);
    }
    put_number("iterations:", total);
    return 0;
}
