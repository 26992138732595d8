#include "show.h"
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

int main(void) {
    int id = shmget(IPC_PRIVATE, 10000, IPC_CREAT | 0600);
    char *a = shmat(id, NULL, 0), *b = shmat(id, NULL, SHM_RDONLY);
    strcpy(a, "segment");
    say("%s\n", b);
    struct shmid_ds ds;
    show(shmctl(id, IPC_STAT, &ds));
    say("%ld %ld %o\n", (long)ds.shm_segsz, (long)ds.shm_nattch, ds.shm_perm.mode & 0777);
    pid_t p = fork();
    if (p == 0) { strcpy(a, "child"); _exit(0); }
    waitpid(p, NULL, 0);
    say("%s\n", b);
    show(shmdt(a));
    show(shmdt(a));
    show(shmdt(b));
    show(shmctl(id, IPC_RMID, NULL));
    int sem = semget(IPC_PRIVATE, 3, IPC_CREAT | 0600);
    unsigned short vals[3] = {1, 2, 3};
    union { int val; struct semid_ds *ds; unsigned short *array; } u;
    u.array = vals;
    show(semctl(sem, 0, SETALL, u));
    struct semid_ds sd;
    u.ds = &sd;
    show(semctl(sem, 0, IPC_STAT, u));
    show(sd.sem_nsems);
    u.val = 7;
    show(semctl(sem, 1, SETVAL, u));
    show(semctl(sem, 1, GETVAL));
    struct sembuf ops[2] = {{0, -1, 0}, {1, 2, 0}};
    show(semop(sem, ops, 2));
    memset(vals, 0, sizeof vals);
    u.array = vals;
    show(semctl(sem, 0, GETALL, u));
    say("%d %d %d\n", vals[0], vals[1], vals[2]);
    ops[0].sem_flg = IPC_NOWAIT;
    show(semop(sem, ops, 1));
    struct timespec ts = {0, 1000000};
    ops[0].sem_flg = 0;
    show(semtimedop(sem, ops, 1, &ts));
    show(semctl(sem, 0, IPC_RMID));
    int q = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    struct { long type; char text[20]; } m = {3, "message"};
    show(msgsnd(q, &m, 8, 0));
    memset(&m, 0, sizeof m);
    show(msgrcv(q, &m, 20, 3, 0));
    say("%ld %s\n", m.type, m.text);
    show(msgrcv(q, &m, 20, 0, IPC_NOWAIT));
    struct msqid_ds md;
    show(msgctl(q, IPC_STAT, &md));
    show(md.msg_qnum);
    show(msgctl(q, IPC_RMID, NULL));
    char name[50];
    snprintf(name, sizeof name, "/vmtest%d", getpid());
    struct mq_attr at = {.mq_maxmsg = 4, .mq_msgsize = 32};
    mqd_t mq = mq_open(name, O_RDWR | O_CREAT | O_NONBLOCK, 0600, &at);
    if (mq == -1) return 0;
    show(mq_send(mq, "low", 4, 1));
    show(mq_send(mq, "high", 5, 9));
    unsigned prio;
    char buf[32];
    show(mq_receive(mq, buf, 32, &prio));
    say("%s %u\n", buf, prio);
    show(mq_getattr(mq, &at));
    say("%ld %ld %ld\n", at.mq_maxmsg, at.mq_msgsize, at.mq_curmsgs);
    mq_receive(mq, buf, 32, NULL);
    show(mq_receive(mq, buf, 32, NULL));
    show(mq_unlink(name));
    return 0;
}
