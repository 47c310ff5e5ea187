/*
 * storm PATH PROCESSES THREADS ROUNDS: every thread of every process opens PATH
 * for reading ROUNDS times, under a timer of 50 microseconds a process whose
 * handler does not restart calls.  Prints how often each errno came (0: it was
 * opened) and whether the timer struck.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ERRNOS = 256, THREADS_MAX = 64 };

struct tally {
    atomic_long errnos[ERRNOS];
    atomic_long ticks;
};

static struct tally *tally; /* shared by the processes */
static const char *path;
static long rounds;

static void tick(int number)
{
    (void)number;
    atomic_fetch_add(&tally->ticks, 1);
}

static void *opens(void *unused)
{
    (void)unused;
    for (long i = 0; i < rounds; i++) {
        int fd = open(path, O_RDONLY);

        atomic_fetch_add(&tally->errnos[fd < 0 ? errno : 0], 1);
        if (fd >= 0)
            (void)close(fd);
    }
    return NULL;
}

static int child(int threads)
{
    const struct itimerval often = {{0, 50}, {0, 50}};
    struct sigaction action = {.sa_handler = tick};
    pthread_t ids[THREADS_MAX];

    if (sigaction(SIGALRM, &action, NULL) != 0 ||
        setitimer(ITIMER_REAL, &often, NULL) != 0)
        return 1;
    for (int i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, opens, NULL) != 0)
            return 1;
    for (int i = 0; i < threads; i++)
        if (pthread_join(ids[i], NULL) != 0)
            return 1;
    return 0;
}

int main(int argc, char **argv)
{
    int processes = argc == 5 ? atoi(argv[2]) : 0;
    int threads = argc == 5 ? atoi(argv[3]) : 0;
    int status;
    int worst = 0;

    if (processes < 1 || threads < 1 || threads > THREADS_MAX)
        return 2;
    path = argv[1];
    rounds = atol(argv[4]);
    tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tally == MAP_FAILED)
        return 2;
    for (int i = 0; i < processes; i++)
        if (fork() == 0)
            _exit(child(threads));
    while (wait(&status) > 0)
        worst |= status;
    for (int i = 0; i < ERRNOS; i++)
        if (tally->errnos[i] != 0)
            printf("%d:%ld ", i, tally->errnos[i]);
    printf("%s\n", tally->ticks > 0 ? "ticked" : "quiet");
    return worst != 0;
}
