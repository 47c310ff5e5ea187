/* bench_calls read|write PATH, connect|stream ADDRESS PORT: repeat one call for
 * about half a second; print microseconds for one, or megabytes a second. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int dial(const char *address, const char *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    int s = socket(AF_INET, SOCK_STREAM, 0);

    a.sin_port = htons((unsigned short)strtol(port, NULL, 10));
    inet_pton(AF_INET, address, &a.sin_addr);
    if (connect(s, (struct sockaddr *)&a, sizeof a) != 0) {
        perror("connect");
        exit(1);
    }
    return s;
}

static double stream(const char *address, const char *port)
{
    static char buf[1 << 18];
    int s = dial(address, port);
    double from = now();
    double bytes = 0;

    while (now() - from < 1.5) {
        ssize_t n = write(s, buf, sizeof buf);

        if (n <= 0)
            exit(1);
        bytes += (double)n;
    }
    close(s);
    return bytes / 1e6 / (now() - from);
}

int main(int argc, char **argv)
{
    double from;
    long count = 0;

    if (argc < 3)
        return 2;
    if (strcmp(argv[1], "stream") == 0) {
        printf("%f\n", stream(argv[2], argv[3]));
        return 0;
    }
    from = now();
    do {
        int fd;

        if (argv[1][0] == 'c')
            fd = dial(argv[2], argv[3]);
        else if (argv[1][0] == 'w')
            fd = open(argv[2], O_WRONLY | O_CREAT, 0644);
        else
            fd = open(argv[2], O_RDONLY);
        if (fd >= 0)
            close(fd);
        count++;
    } while (now() - from < 0.5);
    printf("%f\n", (now() - from) / (double)count * 1e6);
    return 0;
}
