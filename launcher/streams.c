#include "launcher/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[] = {"standard input", "standard output",
                                    "standard error"};

static enum srt_rc refuse(int fd, const char *what, struct srt_err *err)
{
    if (fd <= 2)
        return srt_err_set(err, SRT_E_CONFIG,
                           "%s is %s; want a file, a pipe, a terminal or a "
                           "connected Unix stream socket",
                           names[fd], what);
    return srt_err_set(err, SRT_E_CONFIG,
                       "--pass-fd %d is %s; want a file, a pipe, a terminal or "
                       "a connected Unix stream socket",
                       fd, what);
}

static int option(int fd, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    if (getsockopt(fd, SOL_SOCKET, name, &value, &len) != 0)
        return -1;
    return value;
}

static enum srt_rc check_socket(int fd, struct srt_err *err)
{
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof(peer);

    if (getsockname(fd, (struct sockaddr *)&peer, &len) != 0 ||
        peer.ss_family != AF_UNIX || option(fd, SO_TYPE) != SOCK_STREAM)
        return refuse(fd, "a socket of the host's network or a datagram socket",
                      err);
    len = sizeof(peer);
    if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0)
        return refuse(fd, "a socket that is not connected", err);
    return SRT_OK;
}

static enum srt_rc check_one(int fd, struct srt_err *err)
{
    int flags = fcntl(fd, F_GETFL);
    struct stat st;

    if (flags < 0 || fstat(fd, &st) != 0)
        return srt_err_sys(err, errno, "descriptor %d", fd);
#ifdef O_PATH
    if ((flags & O_PATH) != 0)
        return refuse(fd, "an O_PATH descriptor", err);
#endif
    if (S_ISDIR(st.st_mode))
        return refuse(fd, "a directory", err);
    if (S_ISBLK(st.st_mode))
        return refuse(fd, "a block device", err);
    if (S_ISSOCK(st.st_mode))
        return check_socket(fd, err);
    return SRT_OK;
}

enum srt_rc launcher_streams_check(const int *pass_fds, size_t npass_fds,
                                   unsigned *ret_closed, struct srt_err *err)
{
    unsigned closed = 0;
    enum srt_rc rc = SRT_OK;

    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) {
            if (rc == SRT_OK)
                rc = check_one(fd, err);
            continue;
        }
        /* The lowest free number is fd itself. */
        if (open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
            return srt_err_sys(err, errno, "open /dev/null");
        closed |= 1u << fd;
    }
    for (size_t i = 0; rc == SRT_OK && i < npass_fds; i++)
        rc = check_one(pass_fds[i], err);
    if (rc == SRT_OK)
        *ret_closed = closed;
    return rc;
}

bool launcher_streams_writable(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}
