/* Descriptors with one owner; whole reads and writes; passing descriptors. */
#ifndef SRT_BASE_FD_H
#define SRT_BASE_FD_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/error.h"

/* Most descriptors that one message can carry. */
#define SRT_FD_PASS_MAX 16

/* Close *fd if open and set it to -1.  Keeps errno.  Never retries on EINTR:
 * on Linux the number is already free and may be someone else's. */
static inline void srt_fd_close(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
    errno = saved;
}

/* Declare an owned descriptor; always initialise it (to -1 if not open yet). */
#define SRT_AUTO_FD __attribute__((cleanup(srt_fd_close)))

/* Give up ownership: returns the descriptor and leaves -1 behind. */
static inline int srt_fd_take(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

/* Is it a lack of ours, of descriptors or memory, which says nothing about what
 * was asked for? */
static inline bool srt_fd_is_lack(int err)
{
    return err == EMFILE || err == ENFILE || err == ENOMEM;
}

/* Write all of buf to a blocking descriptor, restarting after EINTR and short
 * writes.  Returns 0, or the errno of the write that failed. */
int srt_fd_write_all(int fd, const void *buf, size_t len) SRT_MUST_CHECK;

/* Read until end of file or `max` bytes.  Returns the number of bytes read,
 * or -1 with errno set. */
ssize_t srt_fd_read_all(int fd, void *buf, size_t max) SRT_MUST_CHECK;

/* Send one message with `nfds` (0..SRT_FD_PASS_MAX) descriptors attached,
 * MSG_NOSIGNAL | flags.  The descriptors stay the caller's.  At least one byte
 * must be sent.  Returns 0, or an errno (EAGAIN with MSG_DONTWAIT). */
int srt_fd_send(int sock, const void *buf, size_t len, const int *fds,
                size_t nfds, int flags) SRT_MUST_CHECK;

/*
 * Receive one message and the descriptors attached to it, close-on-exec.
 *
 * @fds, @ret_nfds: room for SRT_FD_PASS_MAX; the received ones are the
 *                  caller's.  *ret_nfds is 0 on failure and at end of file.
 * @flags:          MSG_DONTWAIT or 0; MSG_CMSG_CLOEXEC is added
 *
 * Returns the bytes received, 0 at end of file, -1 with errno.  A message or a
 * list of descriptors that was truncated is EMSGSIZE (what came is closed).
 */
ssize_t srt_fd_recv(int sock, void *buf, size_t max, int *fds, size_t *ret_nfds,
                    int flags) SRT_MUST_CHECK;

/* Duplicate fd to the lowest free number >= min, close-on-exec.  Returns the
 * new descriptor or -1 with errno. */
int srt_fd_dup_above(int fd, int min) SRT_MUST_CHECK;

#endif
