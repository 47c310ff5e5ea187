/*
 * Tunnels: bytes move by splice(2) through a pipe that is borrowed from a pool
 * for one move, so that an idle tunnel is two descriptors and the pool's 16
 * pipes do for any number of tunnels (two pipes each would exhaust an ordinary
 * user's pipe pages at 128).  What the other side does not take at once is
 * kept in a buffer of at most one move; while there is any, nothing more is
 * read from that side.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "proxy/internal.h"

enum { POOL = 16, MOVE_BYTES = 65536, MOVES_PER_TURN = 4 };

struct half {
    struct proxy_watch watch; /* of fd */
    struct tunnel *tunnel;
    int fd;
    char *kept; /* owned: read from the other half, not yet written here */
    size_t kept_at, kept_len;
    bool eof;    /* nothing more comes from fd */
    bool closed; /* we shut its writing side */
};

struct tunnel {
    struct proxy *p;
    struct half half[2];
    bool dead;
};

static int pool[POOL][2];
static size_t pooled;

static bool take_pipe(int p[2])
{
    if (pooled > 0) {
        memcpy(p, pool[--pooled], sizeof(pool[0]));
        return true;
    }
    return pipe2(p, O_CLOEXEC | O_NONBLOCK) == 0;
}

/* Only an empty pipe may go back. */
static void give_pipe(int p[2], bool empty)
{
    if (empty && pooled < POOL) {
        memcpy(pool[pooled++], p, sizeof(pool[0]));
        return;
    }
    srt_fd_close(&p[0]);
    srt_fd_close(&p[1]);
}

static void free_tunnel(void *what)
{
    struct tunnel *t = what;

    free(t->half[0].kept);
    free(t->half[1].kept);
    free(t);
}

static void end(struct tunnel *t, bool reset)
{
    if (t->dead)
        return;
    t->dead = true;
    for (int i = 0; i < 2; i++) {
        proxy_loop_remove(&t->half[i].watch);
        if (reset)
            proxy_reset(&t->half[i].fd);
        else
            srt_fd_close(&t->half[i].fd);
    }
    proxy_release_connection(t->p);
    proxy_loop_defer(t->p->loop, free_tunnel, t);
}

/* Write what is kept for h.  False: the tunnel has failed. */
static bool flush(struct half *h)
{
    while (h->kept_at < h->kept_len) {
        ssize_t n = send(h->fd, h->kept + h->kept_at, h->kept_len - h->kept_at,
                         MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        h->kept_at += (size_t)n;
    }
    free(h->kept);
    h->kept = NULL;
    h->kept_at = 0;
    h->kept_len = 0;
    return true;
}

/* Take the rest of a pipe into h's buffer. */
static bool keep_rest(struct half *h, int from, size_t len)
{
    h->kept = malloc(len);
    h->kept_at = 0;
    h->kept_len = 0;
    if (h->kept == NULL)
        return false;
    while (h->kept_len < len) {
        ssize_t n = read(from, h->kept + h->kept_len, len - h->kept_len);

        if (n <= 0)
            return false;
        h->kept_len += (size_t)n;
    }
    return true;
}

enum moved { MOVED_SOME, MOVED_NOTHING, MOVED_EOF, MOVED_ERROR };

/* One move from one half to the other. */
static enum moved move(struct half *from, struct half *to)
{
    int p[2];
    ssize_t in;
    size_t left;
    enum moved result = MOVED_SOME;

    if (!take_pipe(p))
        return MOVED_ERROR;
    in = splice(from->fd, NULL, p[1], NULL, MOVE_BYTES,
                SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (in <= 0) {
        give_pipe(p, true);
        if (in == 0)
            return MOVED_EOF;
        return errno == EAGAIN || errno == EINTR ? MOVED_NOTHING : MOVED_ERROR;
    }
    left = (size_t)in;
    while (left > 0) {
        ssize_t out = splice(p[0], NULL, to->fd, NULL, left,
                             SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

        if (out < 0 && errno == EINTR)
            continue;
        if (out <= 0) {
            if (out < 0 && errno != EAGAIN)
                result = MOVED_ERROR;
            break;
        }
        left -= (size_t)out;
    }
    if (left > 0 && result == MOVED_SOME && keep_rest(to, p[0], left))
        left = 0;
    give_pipe(p, left == 0);
    return left == 0 ? result : MOVED_ERROR;
}

/* Pass end of file on once everything before it was written. */
static void pass_eof(struct half *from, struct half *to)
{
    if (from->eof && to->kept_len == 0 && !to->closed) {
        to->closed = true;
        (void)shutdown(to->fd, SHUT_WR);
    }
}

static void update(struct tunnel *t)
{
    for (int i = 0; i < 2; i++) {
        struct half *h = &t->half[i];
        struct half *other = &t->half[1 - i];
        unsigned interest = 0;

        if (!h->eof && other->kept_len == 0)
            interest |= PROXY_LOOP_READ;
        if (h->kept_len > 0)
            interest |= PROXY_LOOP_WRITE;
        /* With nothing to wait for, HUP alone would wake us for ever. */
        if (interest == 0 && h->watch.fd >= 0)
            proxy_loop_remove(&h->watch);
        else if (interest != 0 && h->watch.fd < 0) {
            struct srt_err err;

            if (proxy_loop_add(t->p->loop, &h->watch, h->fd, interest, &err) !=
                SRT_OK) {
                end(t, true);
                return;
            }
        } else {
            proxy_loop_set(&h->watch, interest);
        }
    }
}

static void on_ready(struct proxy_watch *w, unsigned ready)
{
    struct half *h = SRT_CONTAINER_OF(w, struct half, watch);
    struct tunnel *t = h->tunnel;
    struct half *other = h == &t->half[0] ? &t->half[1] : &t->half[0];

    if ((ready & PROXY_LOOP_WRITE) != 0 && h->kept_len > 0 && !flush(h)) {
        end(t, true);
        return;
    }
    for (int i = 0; i < MOVES_PER_TURN && (ready & PROXY_LOOP_READ) != 0 &&
                    !h->eof && other->kept_len == 0;
         i++) {
        enum moved m = move(h, other);

        if (m == MOVED_ERROR) {
            end(t, true);
            return;
        }
        if (m == MOVED_NOTHING)
            break;
        h->eof = m == MOVED_EOF;
    }
    pass_eof(h, other);
    pass_eof(other, h);
    if (h->closed && other->closed)
        end(t, false);
    else
        update(t);
}

bool proxy_tunnel_start(struct proxy *p, int a, int b, const void *first,
                        size_t first_len)
{
    struct tunnel *t = calloc(1, sizeof(*t));
    int fds[2] = {a, b};

    if (t == NULL) {
        proxy_reset(&a);
        proxy_reset(&b);
        proxy_release_connection(p);
        return false;
    }
    t->p = p;
    for (int i = 0; i < 2; i++) {
        t->half[i].tunnel = t;
        t->half[i].fd = fds[i];
        t->half[i].watch.fn = on_ready;
        t->half[i].watch.fd = -1;
    }
    if (first_len > 0) {
        t->half[1].kept = malloc(first_len);
        if (t->half[1].kept == NULL) {
            end(t, true);
            return false;
        }
        memcpy(t->half[1].kept, first, first_len);
        t->half[1].kept_len = first_len;
    }
    update(t);
    return !t->dead;
}
