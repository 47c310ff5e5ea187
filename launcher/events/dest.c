#include "launcher/events/dest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/num.h"

/* A server that does not accept for this long is an error. */
#define CONNECT_TIMEOUT_S 2

enum events_dest_kind events_dest_kind(const char *dest, const char **ret_rest)
{
    static const struct {
        const char *prefix;
        enum events_dest_kind kind;
    } rows[] = {{"fd:", EVENTS_DEST_FD}, {"unix:", EVENTS_DEST_UNIX}};

    *ret_rest = dest;
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++) {
        size_t n = strlen(rows[i].prefix);

        if (strncmp(dest, rows[i].prefix, n) == 0) {
            *ret_rest = dest + n;
            return rows[i].kind;
        }
    }
    return strcmp(dest, "-") == 0 ? EVENTS_DEST_PEOPLE : EVENTS_DEST_FILE;
}

static enum srt_rc parse_fd(const char *number, int *ret, struct srt_err *err)
{
    if (!srt_num_fd(number, 0, ret))
        return srt_err_set(err, SRT_E_CONFIG,
                           "--events fd:%s: not a descriptor number", number);
    if (fcntl(*ret, F_GETFD) < 0)
        return srt_err_set(err, SRT_E_CONFIG,
                           "--events fd:%d: this descriptor is not open", *ret);
    return SRT_OK;
}

enum srt_rc events_dest_check(const char *dest, struct srt_err *err)
{
    const char *rest;
    int n;

    return events_dest_kind(dest, &rest) == EVENTS_DEST_FD
               ? parse_fd(rest, &n, err)
               : SRT_OK;
}

static enum srt_rc open_user_fd(const char *number, int *ret_fd,
                                int *ret_user_fd, struct srt_err *err)
{
    enum srt_rc rc;
    int n, fd;

    rc = parse_fd(number, &n, err);
    if (rc != SRT_OK)
        return rc;
    if ((fcntl(n, F_GETFL) & O_ACCMODE) == O_RDONLY)
        return srt_err_set(err, SRT_E_CONFIG,
                           "--events fd:%d: open for reading only", n);
    fd = srt_fd_dup_above(n, 3);
    if (fd < 0)
        return srt_err_sys(err, errno, "--events fd:%d", n);
    if (n > 2)
        (void)fcntl(n, F_SETFD, FD_CLOEXEC);
    *ret_fd = fd;
    *ret_user_fd = n;
    return SRT_OK;
}

static enum srt_rc connect_unix(const char *path, int *ret_fd,
                                struct srt_err *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = CONNECT_TIMEOUT_S};
    SRT_AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd < 0)
        return srt_err_sys(err, errno, "--events unix:%s: socket", path);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (path[0] == '\0' || strlen(path) >= sizeof(a.sun_path))
        return srt_err_set(err, SRT_E_CONFIG,
                           "--events unix:%s: a path of 1 to %zu bytes is "
                           "needed",
                           path, sizeof(a.sun_path) - 1);
    memcpy(a.sun_path, path, strlen(path) + 1);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) != 0)
        return srt_err_sys(err, errno == EAGAIN ? ETIMEDOUT : errno,
                           "--events unix:%s: connect", path);
    *ret_fd = srt_fd_take(&fd);
    return SRT_OK;
}

/* O_NONBLOCK: a FIFO without a reader is an error, not a wait. */
static enum srt_rc open_file(const char *path, int *ret_fd, struct srt_err *err)
{
    struct stat st;
    SRT_AUTO_FD int fd = open(path,
                              O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW |
                                  O_NOCTTY | O_NONBLOCK | O_CLOEXEC,
                              0600);

    if (fd < 0 && errno == ELOOP)
        return srt_err_set(err, SRT_E_CONFIG,
                           "--events %s: is a symbolic link; name the file "
                           "itself (or fd:N)",
                           path);
    if (fd < 0 && errno == ENXIO)
        return srt_err_set(err, SRT_E_CONFIG,
                           "--events %s: a FIFO that nobody reads, or a "
                           "socket (unix:PATH is for those)",
                           path);
    if (fd < 0)
        return srt_err_sys(err, errno, "--events %s", path);
    if (fstat(fd, &st) == 0 && S_ISBLK(st.st_mode))
        return srt_err_set(err, SRT_E_CONFIG, "--events %s: a block device",
                           path);
    *ret_fd = srt_fd_take(&fd);
    return SRT_OK;
}

enum srt_rc events_dest_open(const char *dest, int *ret_fd, int *ret_user_fd,
                             struct srt_err *err)
{
    const char *rest;

    *ret_user_fd = -1;
    if (dest[0] == '\0')
        return srt_err_set(err, SRT_E_CONFIG,
                           "--events: \"-\", FILE, fd:N or unix:PATH is "
                           "needed");
    switch (events_dest_kind(dest, &rest)) {
    case EVENTS_DEST_FD:
        return open_user_fd(rest, ret_fd, ret_user_fd, err);
    case EVENTS_DEST_UNIX:
        return connect_unix(rest, ret_fd, err);
    default:
        return open_file(rest, ret_fd, err);
    }
}
