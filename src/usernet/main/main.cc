// vm-usernet: user-mode networking for one network card of a machine. `vm boot --net user` starts it; people
// do not.
#include <sys/prctl.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "usernet/bridge.h"

int main(int argc, char** argv) {
    using namespace vm;
    char* end = nullptr;
    const int fd = argc < 4 ? -1 : static_cast<int>(std::strtol(argv[1], &end, 10));
    struct stat status;
    if (fd < 0 || *end != 0 || ::fstat(fd, &status) != 0 || !S_ISSOCK(status.st_mode)) {
        std::fputs("vm-usernet: is started by vm boot --net user\n", stderr);
        return 125;
    }
    std::signal(SIGPIPE, SIG_IGN);
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    const auto options = usernet::parse_arguments({argv + 2, argv + argc});
    const auto served = options ? usernet::serve(fd, *options) : std::unexpected(options.error());
    if (served) return 0;
    std::fprintf(stderr, "vm-usernet: %s\n", served.error().message.c_str());
    return 125;
}
