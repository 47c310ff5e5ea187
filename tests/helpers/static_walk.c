/* static_walk: for each path on standard input, try to open it for reading
 * (list it, if it is a directory) and for writing (create a file in it), and
 * print "R W": "ok" or the errno's number for each.  Nothing is left behind. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int try_read(const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK);

    if (fd < 0)
        return errno;
    (void)close(fd);
    return 0;
}

static int try_write(const char *path, int directory)
{
    char name[5000];
    int fd;

    if (!directory) {
        fd = open(path, O_WRONLY | O_NONBLOCK);
        if (fd < 0)
            return errno;
        (void)close(fd);
        return 0;
    }
    (void)snprintf(name, sizeof name, "%s/srt-probe", path);
    fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        return errno;
    (void)close(fd);
    return unlink(name) != 0 ? errno : 0;
}

int main(void)
{
    char line[4200];

    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        (void)printf("%d %d\n", try_read(line + 1),
                     try_write(line + 1, line[0] == 'd'));
    }
    return 0;
}
