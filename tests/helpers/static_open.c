/* static_open MODE PATH...: open each PATH ("r", "w": create) by the raw
 * system call and print the errno's number; no libc wrapper is involved. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        int flags = argv[i][0] == 'w' ? O_WRONLY | O_CREAT : O_RDONLY;
        long fd = syscall(SYS_openat, AT_FDCWD, argv[i + 1], flags, 0644);

        (void)printf("%s %s\n", argv[i + 1], fd < 0 ? strerror(errno) : "ok");
        if (fd >= 0)
            (void)close((int)fd);
    }
    return 0;
}
