// Extended attributes from a guest's shell: xattr list FILE, get FILE NAME, set FILE NAME VALUE, remove FILE NAME.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

int main(int argc, char **argv) {
    static char buffer[65536];
    ssize_t n = -1;
    if (argc == 3 && !strcmp(argv[1], "list")) {
        n = listxattr(argv[2], buffer, sizeof buffer);
        for (ssize_t at = 0; at < n; at += (ssize_t)strlen(buffer + at) + 1) puts(buffer + at);
    } else if (argc == 4 && !strcmp(argv[1], "get")) {
        n = getxattr(argv[2], argv[3], buffer, sizeof buffer);
        if (n >= 0) printf("%.*s\n", (int)n, buffer);
    } else if (argc == 5 && !strcmp(argv[1], "set")) {
        n = setxattr(argv[2], argv[3], argv[4], strlen(argv[4]), 0);
    } else if (argc == 4 && !strcmp(argv[1], "remove")) {
        n = removexattr(argv[2], argv[3]);
    }
    if (n < 0) printf("XATTR %s\n", strerror(errno));
    return n < 0;
}
