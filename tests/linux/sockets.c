#include "show.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

int main(void) {
    int sv[2];
    char buf[100] = {0};
    show(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv));
    show(send(sv[0], "hello", 5, 0));
    show(recv(sv[1], buf, 100, MSG_PEEK));
    show(recv(sv[1], buf, 100, 0));
    show(recv(sv[1], buf, 100, MSG_DONTWAIT));
    // a descriptor and credentials travel
    int p[2];
    pipe(p);
    union { struct cmsghdr h; char b[CMSG_SPACE(sizeof(int))]; } ctl;
    memset(&ctl, 0, sizeof ctl);
    struct iovec v[2] = {{"ab", 2}, {"cde", 3}};
    struct msghdr m = {.msg_iov = v, .msg_iovlen = 2, .msg_control = &ctl, .msg_controllen = sizeof ctl.b};
    ctl.h.cmsg_level = SOL_SOCKET, ctl.h.cmsg_type = SCM_RIGHTS, ctl.h.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&ctl.h), &p[1], sizeof(int));
    show(sendmsg(sv[0], &m, 0));
    char a[3] = {0}, b[10] = {0};
    struct iovec w[2] = {{a, 2}, {b, 9}};
    struct msghdr n = {.msg_iov = w, .msg_iovlen = 2, .msg_control = &ctl, .msg_controllen = sizeof ctl.b};
    memset(&ctl, 0, sizeof ctl);
    show(recvmsg(sv[1], &n, 0));
    say("%s %s %d %d %d\n", a, b, (int)n.msg_controllen, ctl.h.cmsg_level == SOL_SOCKET, ctl.h.cmsg_type);
    int got;
    memcpy(&got, CMSG_DATA(&ctl.h), sizeof got);
    write(got, "z", 1);
    show(read(p[0], buf, 1));
    struct ucred cr;
    socklen_t len = sizeof cr;
    show(getsockopt(sv[0], SOL_SOCKET, SO_PEERCRED, &cr, &len));
    show(cr.pid == getpid() && len == sizeof cr);
    // TCP on the loopback
    int l = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    show(setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, peer;
    show(bind(l, (void *)&in, sizeof in));
    show(listen(l, 5));
    len = sizeof in;
    show(getsockname(l, (void *)&in, &len));
    show(in.sin_port != 0 && len == sizeof in);
    pid_t c = fork();
    if (c == 0) {
        int s = socket(AF_INET, SOCK_STREAM, 0);
        int connected = connect(s, (void *)&in, sizeof in);
        write(s, "GET", 3);
        shutdown(s, SHUT_WR);
        long k = read(s, buf, sizeof buf);
        say("client connected %d read %ld %.5s\n", connected, k, buf);
        _exit(0);
    }
    len = sizeof peer;
    int s = accept4(l, (void *)&peer, &len, SOCK_CLOEXEC);
    show(s >= 0 && len == sizeof peer && peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    show(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
    len = sizeof one;
    one = 0;
    show(getsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, &len));
    show(one);
    while (read(s, buf, sizeof buf) > 0) {}
    say("server got %.3s\n", buf);
    show(getpeername(s, (void *)&peer, &len));
    send(s, "reply", 5, MSG_NOSIGNAL);
    waitpid(c, NULL, 0);
    // UDP, several at a time
    int u = socket(AF_INET, SOCK_DGRAM, 0);
    in.sin_port = 0;
    bind(u, (void *)&in, sizeof in);
    len = sizeof in;
    getsockname(u, (void *)&in, &len);
    show(sendto(u, "datagram", 8, 0, (void *)&in, sizeof in));
    len = sizeof peer;
    show(recvfrom(u, buf, sizeof buf, 0, (void *)&peer, &len));
    show(peer.sin_port == in.sin_port);
    struct mmsghdr mm[3];
    memset(mm, 0, sizeof mm);
    struct iovec mv[3] = {{"1", 1}, {"22", 2}, {"333", 3}};
    for (int i = 0; i < 3; i++)
        mm[i].msg_hdr = (struct msghdr){.msg_name = &in, .msg_namelen = sizeof in, .msg_iov = &mv[i], .msg_iovlen = 1};
    show(sendmmsg(u, mm, 3, 0));
    char rb[3][8];
    for (int i = 0; i < 3; i++) mv[i] = (struct iovec){rb[i], 8}, mm[i].msg_hdr.msg_name = NULL, mm[i].msg_hdr.msg_namelen = 0;
    show(recvmmsg(u, mm, 3, 0, NULL));
    say("%u %u %u\n", mm[0].msg_len, mm[1].msg_len, mm[2].msg_len);
    show(connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&in, 3));
    show(socket(AF_INET, 99, 0));
    show(accept(u, NULL, NULL));
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path + 1, 100, "vmtest%d", getpid());
    int x = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    show(bind(x, (void *)&un, sizeof un));
    show(shutdown(x, SHUT_RDWR) == 0 || errno == ENOTCONN);
    return 0;
}
