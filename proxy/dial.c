/*
 * Dialling: non-blocking connects, the next address 250 ms after the last
 * (RFC 8305 section 5) or as soon as one failed; the first that answers wins.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "proxy/internal.h"

enum { STAGGER_MS = 250 };

struct attempt {
    struct proxy_watch watch;
    struct proxy_dial *dial;
    int fd;
};

struct proxy_dial {
    struct proxy *p;
    struct proxy_timer stagger, limit;
    struct policy_addr list[PROXY_MAX_ADDRESSES];
    struct attempt attempts[PROXY_MAX_ADDRESSES];
    size_t n, next, open;
    uint16_t port;
    int err; /* of the last failure */
    bool done;
    proxy_dialed_fn *fn;
    void *ctx;
};

static void free_dial(void *what)
{
    free(what);
}

static void close_attempt(struct attempt *a)
{
    if (a->fd < 0)
        return;
    proxy_loop_remove(&a->watch);
    srt_fd_close(&a->fd);
    a->dial->open--;
}

void proxy_dial_cancel(struct proxy_dial *d)
{
    if (d->done)
        return;
    d->done = true;
    for (size_t i = 0; i < d->n; i++)
        close_attempt(&d->attempts[i]);
    proxy_loop_cancel(&d->stagger);
    proxy_loop_cancel(&d->limit);
    proxy_loop_defer(d->p->loop, free_dial, d);
}

static void end(struct proxy_dial *d, int fd, int err)
{
    proxy_dialed_fn *fn = d->fn;
    void *ctx = d->ctx;

    proxy_dial_cancel(d);
    fn(ctx, fd, err);
}

static void go_on(struct proxy_dial *d);

static void on_attempt(struct proxy_watch *w, unsigned ready)
{
    struct attempt *a = SRT_CONTAINER_OF(w, struct attempt, watch);
    struct proxy_dial *d = a->dial;
    int err = 0;
    socklen_t len = sizeof(err);

    (void)ready;
    if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
        err = errno;
    if (err == 0) {
        int fd;

        proxy_loop_remove(&a->watch);
        fd = srt_fd_take(&a->fd);
        d->open--;
        end(d, fd, 0);
        return;
    }
    d->err = err;
    close_attempt(a);
    go_on(d);
}

/* Start the next address.  False: it failed at once. */
static bool try_next(struct proxy_dial *d)
{
    struct attempt *a = &d->attempts[d->next];
    union srt_sockaddr to;
    struct srt_err err;
    socklen_t len;
    const int on = 1;

    proxy_to_sockaddr(d->list[d->next++], d->port, &to, &len);
    a->fd = socket(to.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                   0);
    if (a->fd < 0) {
        d->err = errno;
        return false;
    }
    d->open++;
    (void)setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(a->fd, &to.sa, len) != 0 && errno != EINPROGRESS) {
        d->err = errno;
        close_attempt(a);
        return false;
    }
    if (proxy_loop_add(d->p->loop, &a->watch, a->fd, PROXY_LOOP_WRITE, &err) !=
        SRT_OK) {
        d->err = ENOMEM;
        close_attempt(a);
        return false;
    }
    return true;
}

static void go_on(struct proxy_dial *d)
{
    while (d->next < d->n)
        if (try_next(d)) {
            if (d->next < d->n &&
                !proxy_loop_after(d->p->loop, &d->stagger, STAGGER_MS))
                d->n = d->next;
            return;
        }
    if (d->open == 0)
        end(d, -1, d->err != 0 ? d->err : EHOSTUNREACH);
}

static void on_stagger(struct proxy_timer *t)
{
    go_on(SRT_CONTAINER_OF(t, struct proxy_dial, stagger));
}

static void on_limit(struct proxy_timer *t)
{
    end(SRT_CONTAINER_OF(t, struct proxy_dial, limit), -1, ETIMEDOUT);
}

/* The first attempt, from the loop: fn must not be called before
 * proxy_dial_start() returned. */
static void on_start(struct proxy_timer *t)
{
    struct proxy_dial *d = SRT_CONTAINER_OF(t, struct proxy_dial, stagger);

    t->fn = on_stagger;
    go_on(d);
}

struct proxy_dial *proxy_dial_start(struct proxy *p,
                                    const struct policy_addr *list, size_t n,
                                    uint16_t port, proxy_dialed_fn *fn,
                                    void *ctx)
{
    struct proxy_dial *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return NULL;
    d->p = p;
    d->port = port;
    d->fn = fn;
    d->ctx = ctx;
    d->n = n < PROXY_MAX_ADDRESSES ? n : PROXY_MAX_ADDRESSES;
    d->stagger.fn = on_start;
    d->limit.fn = on_limit;
    for (size_t i = 0; i < PROXY_MAX_ADDRESSES; i++) {
        d->attempts[i].dial = d;
        d->attempts[i].fd = -1;
        d->attempts[i].watch.fn = on_attempt;
        d->attempts[i].watch.fd = -1;
        if (i < d->n)
            d->list[i] = policy_addr_meant(list[i]);
    }
    if (!proxy_loop_after(p->loop, &d->stagger, 0) ||
        !proxy_loop_after(p->loop, &d->limit, PROXY_DIAL_TIMEOUT_MS)) {
        proxy_dial_cancel(d);
        return NULL;
    }
    return d;
}
