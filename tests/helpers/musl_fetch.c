/* musl_fetch HOST PORT PATH: an HTTP/1.0 GET with getaddrinfo and a blocking
 * connect to each address in turn, as a plain C program does. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    char buf[4096];
    int rc;

    if (argc != 4)
        return 2;
    rc = getaddrinfo(argv[1], argv[2], &hints, &list);
    if (rc != 0) {
        fprintf(stderr, "%s: %s\n", argv[1], gai_strerror(rc));
        return 1;
    }
    for (struct addrinfo *a = list; a != NULL; a = a->ai_next) {
        int s = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
        ssize_t n;

        if (s < 0 || connect(s, a->ai_addr, a->ai_addrlen) != 0) {
            fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
            close(s);
            continue;
        }
        n = snprintf(buf, sizeof buf, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n",
                     argv[3], argv[1]);
        if (write(s, buf, (size_t)n) != n)
            return 1;
        while ((n = read(s, buf, sizeof buf)) > 0)
            fwrite(buf, 1, (size_t)n, stdout);
        return 0;
    }
    return 1;
}
