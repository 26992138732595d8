#include "show.h"
#include <sys/xattr.h>

int main(void) {
    char path[] = "/tmp/vmxattrXXXXXX", buf[100] = {0};
    int fd = mkstemp(path);
    show(setxattr(path, "user.one", "value", 5, 0));
    show(setxattr(path, "user.one", "value", 5, XATTR_CREATE));
    show(fsetxattr(fd, "user.two", "22", 2, 0));
    show(getxattr(path, "user.one", buf, sizeof buf));
    say("%s\n", buf);
    show(fgetxattr(fd, "user.two", NULL, 0));
    show(getxattr(path, "user.none", buf, sizeof buf));
    show(getxattr(path, "user.one", buf, 2));
    show(listxattr(path, buf, sizeof buf) >= 0 || errno == ENOTSUP);
    show(removexattr(path, "user.one"));
    show(fremovexattr(fd, "user.one"));
    unlink(path);
    return 0;
}
