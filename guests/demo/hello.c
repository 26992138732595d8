// The smallest guest: says who it is and leaves with status 7.
#include "guest.h"

int guest_main(void) {
    put_text("hello from a program built for another processor\n");
    return 7;
}
