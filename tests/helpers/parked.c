/*
 * parked MODE ADDRESS: connect(2) to a black hole, interrupted.
 *
 *   alarm, int              SIGALRM, SIGINT, no SA_RESTART: EINTR
 *   restart, int-restart    with SA_RESTART: goes on; a second without ends it
 *   timeout    SO_SNDTIMEO: EINPROGRESS, as connect(2) has it
 *   close      the same, and another thread closes the descriptor meanwhile
 *   new        EINTR, then a new socket to the same address (SO_SNDTIMEO)
 *   thread-new the same in a thread that is not the only one
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
static bool closes; /* another thread closes the descriptor */

static bool again; /* a second signal, without SA_RESTART */

/* The signal comes in a second. */
static void arm(int number)
{
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = number};
    struct itimerspec in = {.it_value.tv_sec = 1};
    timer_t t;

    if (timer_create(CLOCK_MONOTONIC, &e, &t) == 0)
        (void)timer_settime(t, 0, &in, NULL);
}

static void note(int number)
{
    struct sigaction a = {.sa_handler = note};

    caught++;
    if (again && caught == 1) {
        (void)sigaction(number, &a, NULL);
        arm(number);
    }
}

static void *close_later(void *fd)
{
    (void)sleep(1);
    (void)close(*(int *)fd);
    return NULL;
}

static int try_connect(void)
{
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval tv = {.tv_sec = seconds};
    pthread_t closer;
    int err = 0;

    if (closes && pthread_create(&closer, NULL, close_later, &s) != 0)
        return -1;
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

static void *interrupted_then_new(void *result)
{
    int first = try_connect();

    seconds = 2;
    *(int *)result = try_connect();
    if (first != EINTR)
        *(int *)result = -first;
    return NULL;
}

/* Who is to be interrupted is the thread: the signal is blocked here. */
static int in_thread_then_new(void)
{
    sigset_t set;
    pthread_t t;
    int err = -1;

    if (pthread_create(&t, NULL, interrupted_then_new, &err) != 0)
        return -1;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGALRM);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)pthread_join(t, NULL);
    return err;
}

static const struct {
    const char *name;
    int number, flags;
    bool again, closes, news, thread;
    int seconds;
} modes[] = {
    {.name = "alarm", .number = SIGALRM},
    {.name = "int", .number = SIGINT},
    {.name = "restart", .number = SIGALRM, .flags = SA_RESTART, .again = true},
    {.name = "int-restart",
     .number = SIGINT,
     .flags = SA_RESTART,
     .again = true},
    {.name = "timeout", .seconds = 3},
    {.name = "close", .seconds = 3, .closes = true},
    {.name = "new", .number = SIGALRM, .news = true},
    {.name = "thread-new", .number = SIGALRM, .news = true, .thread = true},
    {.name = "wait"},
};

static int run(size_t mode)
{
    int err = -1;

    again = modes[mode].again;
    closes = modes[mode].closes;
    seconds = modes[mode].seconds;
    if (modes[mode].number != 0) {
        handle(modes[mode].number, modes[mode].flags);
        arm(modes[mode].number);
    }
    if (modes[mode].thread)
        return in_thread_then_new();
    if (!modes[mode].news)
        return try_connect();
    (void)interrupted_then_new(&err);
    return err;
}

int main(int argc, char **argv)
{
    struct timespec a;
    struct timespec b;
    size_t mode = 0;
    int err;

    if (argc < 3)
        return 2;
    to.sin_family = AF_INET;
    to.sin_port = htons(80);
    (void)inet_pton(AF_INET, argv[2], &to.sin_addr);
    if (strcmp(argv[1], "shared") == 0)
        return shared(argc > 3 ? atoi(argv[3]) : 4);
    while (strcmp(argv[1], modes[mode].name) != 0)
        if (++mode == sizeof(modes) / sizeof(modes[0]))
            return 2;
    puts("ready");
    (void)fflush(stdout);
    (void)clock_gettime(CLOCK_MONOTONIC, &a);
    err = run(mode);
    (void)clock_gettime(CLOCK_MONOTONIC, &b);
    printf("errno %d after %ld s, caught %d\n", err,
           (b.tv_sec - a.tv_sec) - (b.tv_nsec < a.tv_nsec), (int)caught);
    return 0;
}
