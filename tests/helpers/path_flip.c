/*
 * path_flip CALL ALLOWED DENIED ROUNDS: one thread calls chmod, utimes, chown,
 * setxattr, opens for writing and writes, or renames (to ALLOWED.moved and back, or over it) by a path that
 * another turns from ALLOWED into DENIED and back.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>

static char path[4096];
static char *words[2];
static atomic_bool over;

static void *flip(void *unused)
{
    (void)unused;
    for (unsigned i = 0; !atomic_load(&over); i++)
        memcpy(path, words[i % 2], strlen(words[i % 2]) + 1);
    return NULL;
}

/* Whatever of the two moved goes back where it was. */
static int move(const char *p)
{
    char moved[sizeof(path) + 8];
    int rc;

    (void)snprintf(moved, sizeof(moved), "%s.moved", words[0]);
    rc = rename(p, moved);
    (void)rename(moved, words[0]);
    return rc;
}

/* A name over one of the two; there is always one to move again. */
static int move_over(const char *p)
{
    char spare[sizeof(path) + 8];
    FILE *f;

    (void)snprintf(spare, sizeof(spare), "%s.spare", words[0]);
    f = fopen(spare, "we");
    if (f != NULL)
        (void)fclose(f);
    return rename(spare, p);
}

static int write_to(const char *p)
{
    int fd = open(p, O_WRONLY | O_APPEND);
    int rc = fd >= 0 && write(fd, "w", 1) == 1 ? 0 : -1;

    if (fd >= 0)
        (void)close(fd);
    return rc;
}

static int act(const char *call, const char *p)
{
    const struct timeval times[2] = {{9, 0}, {9, 0}};

    if (strcmp(call, "chmod") == 0)
        return chmod(p, 0604);
    if (strcmp(call, "utimes") == 0)
        return utimes(p, times);
    if (strcmp(call, "chown") == 0)
        return chown(p, getuid(), getgid());
    if (strcmp(call, "write") == 0)
        return write_to(p);
    if (strcmp(call, "move") == 0)
        return move(p);
    if (strcmp(call, "move-over") == 0)
        return move_over(p);
    return setxattr(p, "user.x", "y", 1, 0);
}

int main(int argc, char **argv)
{
    pthread_t t;

    if (argc != 5)
        return 2;
    words[0] = argv[2];
    words[1] = argv[3];
    memcpy(path, argv[2], strlen(argv[2]) + 1);
    if (pthread_create(&t, NULL, flip, NULL) != 0)
        return 2;
    for (long i = atol(argv[4]); i > 0; i--)
        (void)act(argv[1], path);
    atomic_store(&over, true);
    (void)pthread_join(t, NULL);
    puts(act(argv[1], argv[2]) == 0 ? "allowed" : "refused");
    return 0;
}
