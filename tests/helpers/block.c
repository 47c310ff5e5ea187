/*
 * block SECONDS MODE: connects to a Unix listener whose backlog is full, while
 * a second thread takes O_NONBLOCK away from their sockets all the time.  MODE
 * "once": connects of non-blocking sockets; "again": blocking ones, which wait
 * and are tried again.  Another process opens a file now and then, and prints
 * how many milliseconds the longest open took.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SOCKETS = 8 };

static const struct sockaddr_un to = {.sun_family = AF_UNIX,
                                      .sun_path = "\0full"};
static const socklen_t to_len = offsetof(struct sockaddr_un, sun_path) + 5;
static atomic_int sockets[SOCKETS];

static long now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void *take_away(void *unused)
{
    (void)unused;
    for (unsigned i = 0;; i++)
        (void)fcntl(atomic_load(&sockets[i % SOCKETS]), F_SETFL, O_RDWR);
    return NULL;
}

static void *wait_in_connect(void *socket)
{
    (void)connect(*(int *)socket, (const struct sockaddr *)&to, to_len);
    return NULL;
}

static void look(int seconds)
{
    const long end = now_ms() + seconds * 1000L;
    long worst = 0;

    while (now_ms() < end) {
        long start = now_ms();
        int fd = open("/dev/null", O_WRONLY);

        (void)close(fd);
        if (now_ms() - start > worst)
            worst = now_ms() - start;
        (void)usleep(20000);
    }
    printf("%ld\n", worst);
    (void)fflush(stdout);
    _exit(0);
}

static void *connect_often(void *unused)
{
    (void)unused;
    for (;;) {
        int s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

        atomic_store(&sockets[0], s);
        (void)connect(s, (const struct sockaddr *)&to, to_len);
        atomic_store(&sockets[0], -1);
        (void)close(s);
    }
}

int main(int argc, char **argv)
{
    static int fds[SOCKETS];
    int l = socket(AF_UNIX, SOCK_STREAM, 0);
    int one = socket(AF_UNIX, SOCK_STREAM, 0);
    pthread_t t;
    pid_t victim;

    if (argc != 3 || bind(l, (const struct sockaddr *)&to, to_len) != 0 ||
        listen(l, 0) != 0 ||
        connect(one, (const struct sockaddr *)&to, to_len) != 0)
        return 2;
    for (int i = 0; i < SOCKETS; i++)
        atomic_store(&sockets[i], -1);
    victim = fork();
    if (victim == 0)
        look(atoi(argv[1]));
    if (pthread_create(&t, NULL, take_away, NULL) != 0)
        return 2;
    if (strcmp(argv[2], "once") == 0) {
        if (pthread_create(&t, NULL, connect_often, NULL) != 0)
            return 2;
    } else {
        for (int i = 0; i < SOCKETS; i++) {
            fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
            atomic_store(&sockets[i], fds[i]);
            if (pthread_create(&t, NULL, wait_in_connect, &fds[i]) != 0)
                return 2;
        }
    }
    (void)waitpid(victim, NULL, 0);
    _exit(0);
}
