/* refuse_loop COUNT PATH: open PATH for writing COUNT times ('%' in it becomes
 * the count of the call) and print how often that was refused. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    long count = argc == 3 ? strtol(argv[1], NULL, 10) : 0;
    long refused = 0;

    for (long i = 0; i < count; i++) {
        char path[4096];
        const char *mark = strchr(argv[2], '%');

        if (mark != NULL)
            (void)snprintf(path, sizeof path, "%.*s%ld%s",
                           (int)(mark - argv[2]), argv[2], i, mark + 1);
        else
            (void)snprintf(path, sizeof path, "%s", argv[2]);
        if (open(path, O_WRONLY | O_CREAT, 0644) < 0 && errno == EROFS)
            refused++;
    }
    (void)printf("%ld\n", refused);
    return 0;
}
