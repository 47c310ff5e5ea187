/* bench_calls read|write PATH, connect|stream ADDRESS PORT: repeat one call for
 * about half a second; print microseconds for one, or megabytes a second.
 * bench_calls latency PATH, pingpong -: each of 3000 refused opens for writing,
 * or trips of a byte to another process and back, on its own; print their
 * median and 99th percentile in microseconds. */
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
    /* Nothing stays behind that would make the next wait for a port. */
    (void)setsockopt(s, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0},
                     sizeof(struct linger));
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

static int to_child[2], from_child[2];

static void start_echo(void)
{
    char byte;

    if (pipe(to_child) != 0 || pipe(from_child) != 0)
        exit(1);
    if (fork() != 0)
        return;
    close(to_child[1]);
    while (read(to_child[0], &byte, 1) == 1 &&
           write(from_child[1], &byte, 1) == 1)
        ;
    _exit(0);
}

static void once(const char *path, int i)
{
    char name[4200];
    char byte = 'x';
    int fd;

    if (path[0] == '-') {
        if (write(to_child[1], &byte, 1) != 1 ||
            read(from_child[0], &byte, 1) != 1)
            exit(1);
        return;
    }
    snprintf(name, sizeof name, "%s%d", path, i); /* no two are folded */
    fd = open(name, O_WRONLY | O_CREAT, 0644);
    if (fd >= 0)
        exit(1);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static int percentiles(const char *path)
{
    enum { N = 3000 };

    static double took[N];

    if (path[0] == '-')
        start_echo();
    for (int i = 0; i < N; i++) {
        double from = now();

        once(path, i);
        took[i] = (now() - from) * 1e6;
    }
    qsort(took, N, sizeof took[0], by_value);
    printf("%f %f\n", took[N / 2], took[N * 99 / 100]);
    return 0;
}

int main(int argc, char **argv)
{
    double from;
    long count = 0;

    if (argc < 3)
        return 2;
    if (strcmp(argv[1], "latency") == 0 || strcmp(argv[1], "pingpong") == 0)
        return percentiles(argv[2]);
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
        /* As many connects as a listener keeps, however slow it accepts. */
    } while (now() - from < 0.5 && (argv[1][0] != 'c' || count < 1000));
    printf("%f\n", (now() - from) / (double)count * 1e6);
    return 0;
}
