/*
 * Messages that wait until the channel's socket takes them; both ends have one.
 *
 * One rule: what passes by itself (no room in the socket, no memory for it now,
 * too many descriptors under way) waits; everything else is an error, and ends
 * the run.  No message is ever dropped: somebody waits for it.
 */
#ifndef SRT_LAUNCHER_LINUX_QUEUE_H
#define SRT_LAUNCHER_LINUX_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "launcher/linux/channel.h"

/* The most that may wait: the other end reads all the time, unless it is
 * stopped.  How long to wait where poll(2) cannot tell. */
enum { QUEUE_MAX = 16384, QUEUE_AGAIN_MS = 20 };

/* Zero-initialise. */
struct queue {
    struct queued *head, *last; /* owned */
    size_t n, nfds;             /* messages and descriptors that wait */
    bool full; /* the socket polls writable when it takes more; else it is
                  asked again after QUEUE_AGAIN_MS */
};

/* Add a message behind the others; descriptors are duplicated.  0 or an errno
 * (ENOBUFS: QUEUE_MAX wait already). */
int queue_add(struct queue *q, const struct channel_msg *m, const int *fds,
              size_t nfds) SRT_MUST_CHECK;
/* Send what waits, as far as the socket takes it.  0 or an errno. */
int queue_flush(struct queue *q, int sock) SRT_MUST_CHECK;
/* Send now, or add.  0 or an errno. */
int queue_send(struct queue *q, int sock, const struct channel_msg *m,
               const int *fds, size_t nfds) SRT_MUST_CHECK;
void queue_clear(struct queue *q);

#endif
