/* fd_race ROUNDS: one thread calls fchmod(9, 0777) while another makes 9 now
 * a file of our own, now standard input (a host file).  Prints the rounds. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_bool stop;
static int own;

static void *swap(void *unused)
{
    (void)unused;
    while (!atomic_load(&stop)) {
        (void)dup2(own, 9);
        (void)dup2(0, 9);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    long rounds = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    char path[4096];
    long changed = 0;
    pthread_t t;

    (void)snprintf(path, sizeof path, "%s/own", getenv("TMPDIR"));
    own = open(path, O_CREAT | O_RDWR, 0600);
    if (own < 0 || pthread_create(&t, NULL, swap, NULL) != 0)
        return 1;
    for (long i = 0; i < rounds; i++)
        changed += fchmod(9, 0777) == 0;
    atomic_store(&stop, true);
    (void)pthread_join(t, NULL);
    (void)printf("%ld rounds, %ld changed\n", rounds, changed);
    return 0;
}
