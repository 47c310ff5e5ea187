/* fd_race CALL ROUNDS: one thread calls fchmod, futimens or fsetxattr on 9
 * while another makes 9 now a file of our own, now standard input (a host
 * file).  Prints the rounds. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
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

static int act(const char *call)
{
    if (strcmp(call, "fchmod") == 0)
        return fchmod(9, 0777);
    if (strcmp(call, "futimens") == 0)
        return futimens(9, NULL);
    return fsetxattr(9, "user.x", "y", 1, 0);
}

int main(int argc, char **argv)
{
    long rounds = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    char path[4096];
    long changed = 0;
    pthread_t t;

    (void)snprintf(path, sizeof path, "%s/own", getenv("TMPDIR"));
    own = open(path, O_CREAT | O_RDWR, 0600);
    if (own < 0 || pthread_create(&t, NULL, swap, NULL) != 0)
        return 1;
    for (long i = 0; i < rounds; i++)
        changed += act(argv[1]) == 0;
    atomic_store(&stop, true);
    (void)pthread_join(t, NULL);
    (void)printf("%ld rounds, %s allowed\n", rounds,
                 changed > 0 ? "some" : "none");
    return 0;
}
