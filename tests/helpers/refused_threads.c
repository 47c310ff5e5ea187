/*
 * refused_threads write|connect THREADS TARGET: that many threads, at once, open
 * TARGET (a path) for writing or connect to it (an IPv4 address, port 80).
 * Prints how often that was refused, then how often anything else happened.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX = 1000, STACK = 65536 };

static const char *target;
static int (*attempt)(void);
static pthread_barrier_t start;

static int try_write(void)
{
    int fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    return fd < 0 && errno == EROFS;
}

static int try_connect(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(80)};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int refused;

    (void)inet_pton(AF_INET, target, &to.sin_addr);
    refused = connect(s, (struct sockaddr *)&to, sizeof(to)) != 0 &&
              errno == EACCES;
    (void)close(s);
    return refused;
}

static void *in_thread(void *result)
{
    (void)pthread_barrier_wait(&start);
    *(int *)result = attempt();
    return NULL;
}

int main(int argc, char **argv)
{
    static pthread_t threads[MAX];
    static int results[MAX];
    pthread_attr_t small;
    int n = argc == 4 ? atoi(argv[2]) : 0;
    int refused = 0;

    if (n < 1 || n > MAX)
        return 2;
    attempt = strcmp(argv[1], "write") == 0 ? try_write : try_connect;
    target = argv[3];
    (void)pthread_attr_init(&small);
    (void)pthread_attr_setstacksize(&small, STACK);
    (void)pthread_barrier_init(&start, NULL, (unsigned)n);
    for (int i = 0; i < n; i++)
        if (pthread_create(&threads[i], &small, in_thread, &results[i]) != 0)
            return 2;
    for (int i = 0; i < n; i++) {
        (void)pthread_join(threads[i], NULL);
        refused += results[i];
    }
    (void)printf("%d %d\n", refused, n - refused);
    return 0;
}
