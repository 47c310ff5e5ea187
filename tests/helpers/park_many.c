/*
 * park_many PROCESSES THREADS [PATH...]: that many connects wait for a Unix
 * listener of our own whose backlog is full; then open each path for writing,
 * created if it is not there, and print its errno.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const struct sockaddr_un to = {.sun_family = AF_UNIX,
                                      .sun_path = "\0park"};
static const socklen_t to_len = offsetof(struct sockaddr_un, sun_path) + 5;

static void *park(void *unused)
{
    int s = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)unused;
    (void)connect(s, (const struct sockaddr *)&to, to_len);
    return NULL;
}

static void park_all(int threads)
{
    pthread_attr_t attr;
    pthread_t t;

    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, 32768);
    for (int i = 0; i < threads; i++)
        if (pthread_create(&t, &attr, park, NULL) != 0)
            perror("pthread_create");
}

int main(int argc, char **argv)
{
    struct rlimit r;
    int l = socket(AF_UNIX, SOCK_STREAM, 0);

    if (argc < 3)
        return 2;
    (void)getrlimit(RLIMIT_NOFILE, &r);
    r.rlim_cur = r.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &r);
    if (bind(l, (const struct sockaddr *)&to, to_len) != 0 || listen(l, 0) != 0)
        return 2;
    for (int i = 0; i < atoi(argv[1]); i++)
        if (fork() == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            park_all(atoi(argv[2]));
            (void)pause();
        }
    sleep(3);
    for (int i = 3; i < argc; i++)
        printf("%d\n",
               open(argv[i], O_WRONLY | O_CREAT, 0644) >= 0 ? 0 : errno);
    (void)fflush(stdout);
    _exit(0);
}
