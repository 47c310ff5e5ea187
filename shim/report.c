/* Reports at level preload: a call that failed because of the policy. */
#define _DEFAULT_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include "shim/shim.h"
#include "shim/wire.h"

#ifndef O_PATH
# define O_PATH 010000000 /* needs _GNU_SOURCE, which shim.h cannot have */
#endif

enum { PATH_BYTES = SHIM_WIRE_PATH_MAX };

/* The real path of descriptor fd, by /proc/self/fd.  Its length, or 0. */
static size_t real_path(long fd, char *out)
{
    char link[32] = "/proc/self/fd/";
    size_t n = strlen(link);
    char digits[12];
    size_t k = 0;
    long len;

    do {
        digits[k++] = (char)('0' + fd % 10);
        fd /= 10;
    } while (fd > 0);
    while (k > 0)
        link[n++] = digits[--k];
    link[n] = '\0';
    len = shim_call(SYS_readlinkat, AT_FDCWD, (long)link, (long)out, PATH_BYTES,
                    0, 0);
    return len > 0 && len < PATH_BYTES && out[0] == '/' ? (size_t)len : 0;
}

/* The n bytes of a real directory in `out`, and behind them what of `path` is
 * left from `cut` on.  The length of both, or 0. */
static size_t append_rest(char *out, size_t n, const char *path, size_t cut)
{
    size_t rest = strlen(path + cut);

    if (n == 0 || n + 1 + rest > PATH_BYTES)
        return 0;
    if (rest > 0 && n > 1 && path[cut] != '/')
        out[n++] = '/';
    if (n == 1 && path[cut] == '/')
        n = 0;
    memcpy(out + n, path + cut, rest);
    return n + rest;
}

/*
 * Where `path` really is: the deepest ancestor that can be opened gives the
 * real part, the rest is kept as text (below a mask nothing can be opened).
 */
static size_t locate(int dirfd, const char *path, char *out)
{
    char head[PATH_BYTES];
    size_t whole = strlen(path);
    size_t cut = whole;

    if (whole == 0 || whole >= PATH_BYTES)
        return 0;
    memcpy(head, path, whole + 1);
    for (;;) {
        long fd = shim_call(SYS_openat, dirfd, (long)(cut > 0 ? head : "."),
                            O_PATH | O_CLOEXEC, 0, 0, 0);

        if (fd >= 0) {
            size_t n = real_path(fd, out);

            (void)shim_call(SYS_close, fd, 0, 0, 0, 0, 0);
            return append_rest(out, n, path, cut);
        }
        if (cut == 0 || (cut == 1 && head[0] == '/'))
            return 0;
        while (cut > 0 && head[cut - 1] != '/')
            cut--;
        if (cut > 1)
            cut--; /* the slash stays with the rest */
        head[cut] = '\0';
    }
}

static bool deliver(const struct shim_wire_report *head, const char *path)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct timespec wait = {.tv_sec = SHIM_WIRE_WAIT_MS / 1000};
    struct pollfd p = {.events = POLLIN};
    long fd = shim_call(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0, 0,
                        0, 0);
    bool ok;

    if (fd < 0)
        return false;
    to.sin_port = htons(shim_config()->report_port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ok = shim_call(SYS_connect, fd, (long)&to, sizeof(to), 0, 0, 0) == 0 &&
         shim_call(SYS_sendto, fd, (long)head, sizeof(*head),
                   MSG_NOSIGNAL | MSG_MORE, 0, 0) == (long)sizeof(*head) &&
         shim_call(SYS_sendto, fd, (long)path, head->path_len, MSG_NOSIGNAL, 0,
                   0) == head->path_len;
    if (ok) {
        p.fd = (int)fd;
        (void)shim_call(SYS_ppoll, (long)&p, 1, (long)&wait, 0, 8, 0);
    }
    (void)shim_call(SYS_close, fd, 0, 0, 0, 0, 0);
    return ok;
}

void shim_report_open(int dirfd, const char *path, bool write, bool create,
                      int err, const void *caller)
{
    char real[PATH_BYTES];
    struct shim_wire_report head = {
        .magic = SHIM_WIRE_MAGIC,
        .op = create  ? SHIM_WIRE_CREATE
              : write ? SHIM_WIRE_WRITE
                      : SHIM_WIRE_READ,
        .err = err,
        .caller = (uint64_t)(uintptr_t)caller,
    };
    size_t n = locate(dirfd, path, real);

    if (n == 0 || n > SHIM_WIRE_PATH_MAX)
        return;
    head.path_len = (uint16_t)n;
    head.tid = (int32_t)shim_call(SYS_gettid, 0, 0, 0, 0, 0, 0);
    (void)deliver(&head, real);
}
