#include "launcher/events/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

/* What a pipe takes without blocking once poll(2) says that it is writable. */
#define SMALL_PIECE 4096u

/* O_NONBLOCK belongs to the open file description, which others share: a new
 * one for the same pipe or terminal, where that is possible. */
static bool reopen(struct events_output *o)
{
    char path[32];
    int fresh;

    (void)snprintf(path, sizeof(path), "/dev/fd/%d", o->fd);
    fresh = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fresh < 0)
        return false;
    srt_fd_close(&o->fd);
    o->fd = fresh;
    return true;
}

void events_output_init(struct events_output *o, int fd)
{
    struct stat st;
    int flags = fcntl(fd, F_GETFL);

    *o = (struct events_output){.fd = fd};
    if (fstat(fd, &st) != 0)
        return;
    o->socket = S_ISSOCK(st.st_mode);
    o->file = S_ISREG(st.st_mode);
    o->nonblocking = o->socket || (flags >= 0 && (flags & O_NONBLOCK) != 0);
    if (!o->nonblocking && (S_ISFIFO(st.st_mode) || isatty(fd)))
        o->nonblocking = reopen(o);
}

void events_output_release(struct events_output *o)
{
    srt_fd_close(&o->fd);
}

static bool wait_writable(int fd, uint64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    uint64_t now = srt_clock_ms();
    int n;

    do {
        n = poll(&p, 1, now < deadline ? (int)(deadline - now) : 0);
        now = srt_clock_ms();
    } while (n < 0 && errno == EINTR);
    return n > 0;
}

/* A reader that is gone raises SIGPIPE, a terminal that belongs to another
 * job SIGTTOU: for this thread, and only now, neither. */
static ssize_t write_quietly(int fd, const char *bytes, size_t len)
{
    sigset_t quiet, before, pending;
    ssize_t n;
    int saved;
    int taken;

    (void)sigemptyset(&quiet);
    (void)sigaddset(&quiet, SIGPIPE);
    (void)sigaddset(&quiet, SIGTTOU);
    (void)pthread_sigmask(SIG_BLOCK, &quiet, &before);
    n = write(fd, bytes, len);
    saved = errno;
    if (n < 0 && saved == EPIPE && sigpending(&pending) == 0 &&
        sigismember(&pending, SIGPIPE) == 1) {
        (void)sigdelset(&quiet, SIGTTOU);
        (void)sigwait(&quiet, &taken);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return n;
}

static ssize_t write_once(const struct events_output *o, const char *bytes,
                          size_t len)
{
    if (o->socket)
        return send(o->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (!o->file && !o->nonblocking && len > SMALL_PIECE)
        len = SMALL_PIECE;
    return write_quietly(o->fd, bytes, len);
}

/* A file that is full keeps no half line; unless another has written behind it. */
static size_t keep_whole_lines(const struct events_output *o, const char *bytes,
                               size_t done)
{
    struct stat st;
    const off_t end = lseek(o->fd, 0, SEEK_CUR);
    size_t keep = done;

    while (keep > 0 && bytes[keep - 1] != '\n')
        keep--;
    if (end < (off_t)(done - keep) || fstat(o->fd, &st) != 0 ||
        st.st_size != end || ftruncate(o->fd, end - (off_t)(done - keep)) != 0)
        return done;
    return keep;
}

size_t events_output_write(const struct events_output *o, const char *bytes,
                           size_t len, int timeout_ms, int *ret_error)
{
    uint64_t deadline = srt_clock_ms() + (uint64_t)timeout_ms;
    bool ask_first = !o->file && !o->nonblocking;
    size_t done = 0;

    *ret_error = 0;
    while (done < len) {
        ssize_t n;

        if (ask_first && !wait_writable(o->fd, deadline))
            break;
        n = write_once(o, bytes + done, len - done);
        if (n > 0) {
            done += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            if (!wait_writable(o->fd, deadline))
                break;
        } else if (n == 0 || errno != EINTR) {
            *ret_error = n == 0 ? EIO : errno;
            break;
        }
    }
    if (o->file && *ret_error != 0 && done > 0)
        done = keep_whole_lines(o, bytes, done);
    return done;
}
