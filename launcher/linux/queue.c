#include "launcher/linux/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

struct queued {
    struct queued *next;
    int fds[SRT_FD_PASS_MAX]; /* owned duplicates */
    size_t nfds;
    struct channel_msg m; /* allocated only as far as it is used */
};

/* unix(7), sendmsg(2): ETOOMANYREFS is the user's limit of descriptors that
 * are in sockets, which falls when the other end takes ours. */
static bool passes(int err)
{
    return err == EAGAIN || err == ENOBUFS || err == ENOMEM ||
           err == ETOOMANYREFS;
}

static void free_queued(struct queued *q)
{
    for (size_t i = 0; i < q->nfds; i++)
        srt_fd_close(&q->fds[i]);
    free(q);
}

int queue_add(struct queue *q, const struct channel_msg *m, const int *fds,
              size_t nfds)
{
    size_t len = offsetof(struct channel_msg, bytes) + m->text_len;
    struct queued *new;

    if (q->n == QUEUE_MAX)
        return ENOBUFS;
    new = malloc(offsetof(struct queued, m) + len);
    if (new == NULL)
        return ENOMEM;
    new->next = NULL;
    memcpy(&new->m, m, len);
    for (new->nfds = 0; new->nfds < nfds; new->nfds++) {
        new->fds[new->nfds] = srt_fd_dup_above(fds[new->nfds], 3);
        if (new->fds[new->nfds] < 0) {
            int err = errno;

            free_queued(new);
            return err;
        }
    }
    if (q->head == NULL)
        q->head = new;
    else
        q->last->next = new;
    q->last = new;
    q->n++;
    q->nfds += nfds;
    return 0;
}

static void drop_first(struct queue *q)
{
    struct queued *first = q->head;

    q->head = first->next;
    q->n--;
    q->nfds -= first->nfds;
    free_queued(first);
}

int queue_flush(struct queue *q, int sock)
{
    q->full = false;
    while (q->head != NULL) {
        int err = channel_send(sock, &q->head->m, q->head->fds, q->head->nfds,
                               MSG_DONTWAIT);

        if (err != 0) {
            q->full = err == EAGAIN;
            return passes(err) ? 0 : err;
        }
        drop_first(q);
    }
    return 0;
}

int queue_send(struct queue *q, int sock, const struct channel_msg *m,
               const int *fds, size_t nfds)
{
    int err = q->head != NULL ? 0
                              : channel_send(sock, m, fds, nfds, MSG_DONTWAIT);

    if (q->head == NULL && err == 0)
        return 0;
    if (q->head == NULL)
        q->full = err == EAGAIN;
    return err == 0 || passes(err) ? queue_add(q, m, fds, nfds) : err;
}

void queue_clear(struct queue *q)
{
    while (q->head != NULL)
        drop_first(q);
}
