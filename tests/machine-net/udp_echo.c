/* Sends every datagram that comes to a port back: busybox has no such thing. udp_echo PORT */
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int argc, char** argv) {
    static char bytes[65536];
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0)};
    if (bind(s, (struct sockaddr*)&a, sizeof a) != 0) return 1;
    for (;;) {
        socklen_t size = sizeof a;
        ssize_t n = recvfrom(s, bytes, sizeof bytes, 0, (struct sockaddr*)&a, &size);
        if (n >= 0) sendto(s, bytes, n, 0, (struct sockaddr*)&a, size);
    }
}
