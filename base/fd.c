#include "base/fd.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

int srt_fd_write_all(int fd, const void *buf, size_t len)
{
    const char *at = buf;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

ssize_t srt_fd_read_all(int fd, void *buf, size_t max)
{
    size_t got = 0;

    while (got < max) {
        ssize_t n = read(fd, (char *)buf + got, max - got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

/* The largest control message, aligned as the kernel wants it. */
union control {
    char bytes[CMSG_SPACE(sizeof(int) * SRT_FD_PASS_MAX)];
    struct cmsghdr align;
};

int srt_fd_send(int sock, const void *buf, size_t len, const int *fds,
                size_t nfds, int flags)
{
    struct iovec io = {.iov_len = len};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};
    union control control;

    assert(nfds <= SRT_FD_PASS_MAX && len > 0);
    memcpy(&io.iov_base, &buf, sizeof(buf)); /* sendmsg(2) does not write */
    if (nfds > 0) {
        struct cmsghdr *h;

        memset(&control, 0, sizeof(control));
        m.msg_control = control.bytes;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
        h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
        memcpy(CMSG_DATA(h), fds, sizeof(int) * nfds);
    }
    for (;;) {
        if (sendmsg(sock, &m, MSG_NOSIGNAL | flags) >= 0)
            return 0;
        if (errno != EINTR)
            return errno;
    }
}

static void take_fds(struct msghdr *m, int *fds, size_t *nfds)
{
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL;
         h = CMSG_NXTHDR(m, h)) {
        size_t n;

        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds + *nfds, CMSG_DATA(h), n * sizeof(int));
        *nfds += n;
    }
}

ssize_t srt_fd_recv(int sock, void *buf, size_t max, int *fds, size_t *ret_nfds,
                    int flags)
{
    struct iovec io = {.iov_base = buf, .iov_len = max};
    union control control;
    struct msghdr m = {.msg_iov = &io,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    ssize_t n;

    *ret_nfds = 0;
#ifdef MSG_CMSG_CLOEXEC
    flags |= MSG_CMSG_CLOEXEC;
#endif
    do
        n = recvmsg(sock, &m, flags);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -1;
    take_fds(&m, fds, ret_nfds);
    if ((m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
        return n;
    for (size_t i = 0; i < *ret_nfds; i++)
        srt_fd_close(&fds[i]);
    *ret_nfds = 0;
    errno = EMSGSIZE;
    return -1;
}

int srt_fd_dup_above(int fd, int min)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, min);
}
