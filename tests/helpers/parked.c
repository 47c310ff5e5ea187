/*
 * parked MODE ADDRESS: connect(2) to a black hole, interrupted.
 *
 *   alarm      SIGALRM, no SA_RESTART: EINTR
 *   restart    SIGALRM with SA_RESTART: goes on; a second without ends it
 *   timeout    SO_SNDTIMEO: EINPROGRESS, as connect(2) has it
 *   shared N   N threads parked, a signal to the process: no errno above 133
 *   wait       until killed
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in to;
static volatile sig_atomic_t caught;
static int seconds; /* SO_SNDTIMEO */

static bool again; /* a second alarm, without SA_RESTART */

static void note(int number)
{
    struct sigaction a = {.sa_handler = note};

    caught++;
    if (again && caught == 1) {
        (void)sigaction(number, &a, NULL);
        (void)alarm(1);
    }
}

static int try_connect(void)
{
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval tv = {.tv_sec = seconds};
    int err = 0;

    if (seconds > 0)
        (void)setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
    if (connect(s, (struct sockaddr *)&to, sizeof(to)) != 0)
        err = errno;
    (void)close(s);
    return err;
}

static void *in_thread(void *result)
{
    *(int *)result = try_connect();
    return NULL;
}

static void handle(int number, int flags)
{
    struct sigaction a = {.sa_handler = note, .sa_flags = flags};

    (void)sigaction(number, &a, NULL);
}

static int shared(int n)
{
    pthread_t threads[2000];
    static int results[2000];
    int worst = 0;

    handle(SIGUSR1, 0);
    seconds = 3;
    for (int i = 0; i < n; i++)
        if (pthread_create(&threads[i], NULL, in_thread, &results[i]) != 0)
            return 2;
    for (int i = 0; i < 10; i++) {
        (void)usleep(100000);
        (void)kill(getpid(), SIGUSR1);
    }
    for (int i = 0; i < n; i++) {
        (void)pthread_join(threads[i], NULL);
        if (results[i] > worst)
            worst = results[i];
    }
    printf("caught %s worst %d\n", caught > 0 ? "yes" : "no", worst);
    return 0;
}

int main(int argc, char **argv)
{
    struct timespec a;
    struct timespec b;
    int err;

    if (argc < 3)
        return 2;
    to.sin_family = AF_INET;
    to.sin_port = htons(80);
    (void)inet_pton(AF_INET, argv[2], &to.sin_addr);
    if (strcmp(argv[1], "shared") == 0)
        return shared(argc > 3 ? atoi(argv[3]) : 4);
    if (strcmp(argv[1], "alarm") == 0)
        handle(SIGALRM, 0);
    if (strcmp(argv[1], "restart") == 0)
        handle(SIGALRM, SA_RESTART);
    again = strcmp(argv[1], "restart") == 0;
    if (strcmp(argv[1], "timeout") == 0)
        seconds = 3;
    if (strcmp(argv[1], "wait") != 0 && strcmp(argv[1], "timeout") != 0)
        (void)alarm(1);
    puts("ready");
    (void)fflush(stdout);
    (void)clock_gettime(CLOCK_MONOTONIC, &a);
    err = try_connect();
    (void)clock_gettime(CLOCK_MONOTONIC, &b);
    printf("errno %d after %ld s, caught %d\n", err,
           (b.tv_sec - a.tv_sec) - (b.tv_nsec < a.tv_nsec), (int)caught);
    return 0;
}
