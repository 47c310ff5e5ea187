/*
 * Connections that the supervisor hands over.  The dial and the accepted end
 * come in either order (a non-blocking caller is connected before the dial has
 * ended); the tunnel begins when both are there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fd.h"
#include "policy/host.h"
#include "proxy/internal.h"

enum { BUCKETS = 1024 };

struct proxy_route {
    struct proxy_route *next;
    struct proxy *p;
    uint64_t id;
    struct proxy_dial *dial; /* NULL: it has ended */
    int upstream;            /* owned, -1: not connected (yet) */
    int accepted;            /* owned, -1: not there (yet) */
    bool blocking;
    struct proxy_refusal told;   /* who asked, for what, and what decided */
    char host[POLICY_HOST_SIZE]; /* told.host */
};

static struct proxy_route **bucket(struct proxy *p, uint64_t id)
{
    if (p->route_table == NULL)
        p->route_table = calloc(BUCKETS, sizeof(struct proxy_route *));
    return p->route_table != NULL ? &p->route_table[id % BUCKETS] : NULL;
}

static struct proxy_route **find(struct proxy *p, uint64_t id)
{
    struct proxy_route **at = bucket(p, id);

    while (at != NULL && *at != NULL && (*at)->id != id)
        at = &(*at)->next;
    return at != NULL && *at != NULL ? at : NULL;
}

static void unlink_route(struct proxy_route *r)
{
    struct proxy_route **at = find(r->p, r->id);

    if (at != NULL)
        *at = r->next;
}

/* Close and free what is no longer in the table. */
static void release(struct proxy_route *r)
{
    if (r->dial != NULL)
        proxy_dial_cancel(r->dial);
    srt_fd_close(&r->upstream);
    proxy_reset(&r->accepted);
    proxy_release_connection(r->p);
    free(r);
}

static void drop(struct proxy_route *r)
{
    unlink_route(r);
    release(r);
}

static void join(struct proxy_route *r)
{
    struct proxy *p = r->p;
    int accepted = srt_fd_take(&r->accepted);
    int upstream = srt_fd_take(&r->upstream);

    unlink_route(r);
    free(r); /* the tunnel counts as the connection now */
    (void)proxy_tunnel_start(p, accepted, upstream, NULL, 0);
}

/* An admitted one comes to err, and the host is not to blame. */
static void tell_failure(struct proxy_route *r, int err)
{
    r->told.err = err;
    r->p->ops.refused(r->p->ops.ctx, &r->told);
}

static void on_dialed(void *ctx, int fd, int err)
{
    struct proxy_route *r = ctx;
    struct proxy *p = r->p;
    uint64_t id = r->id;
    bool blocking = r->blocking;

    r->dial = NULL;
    r->upstream = fd;
    if (srt_fd_is_lack(err)) /* of srt itself */
        tell_failure(r, err);
    if (err != 0)
        drop(r); /* resets an accepted end that is already there */
    else if (r->accepted >= 0)
        join(r);
    if (blocking)
        p->ops.dialed(p->ops.ctx, id, err);
}

static struct proxy_route *new_route(struct proxy *p, uint64_t id,
                                     bool blocking)
{
    struct proxy_route **at = bucket(p, id);
    struct proxy_route *r = at != NULL ? calloc(1, sizeof(*r)) : NULL;

    if (r == NULL)
        return NULL;
    r->p = p;
    r->id = id;
    r->upstream = -1;
    r->accepted = -1;
    r->blocking = blocking;
    r->next = *at;
    *at = r;
    return r;
}

void proxy_route_connect(struct proxy *p, uint64_t id, pid_t tid,
                         struct policy_addr a, uint16_t port, bool blocking)
{
    char text[POLICY_ADDR_TEXT_MAX];
    struct proxy_refusal told = {
        .client = {.via = PROXY_VIA_ROUTE, .tid = tid},
        .port = port,
        .address = a,
        .call = "connect",
        .err = EACCES,
    };
    struct proxy_route *r;

    told.decision = proxy_admit_address(p, a, port, text, &told.host);
    if (told.decision.verdict == POLICY_DENY) {
        p->ops.refused(p->ops.ctx, &told);
        p->ops.verdict(p->ops.ctx, id, EACCES);
        return;
    }
    if (!proxy_take_connection(p)) {
        p->ops.verdict(p->ops.ctx, id, EAGAIN);
        return;
    }
    r = new_route(p, id, blocking);
    if (r != NULL) {
        r->told = told;
        (void)snprintf(r->host, sizeof(r->host), "%s", told.host);
        r->told.host = r->host;
        r->dial = proxy_dial_start(p, &a, 1, port, on_dialed, r);
    }
    if (r == NULL || r->dial == NULL) {
        told.err = ENOBUFS;
        p->ops.refused(p->ops.ctx, &told);
        if (r != NULL)
            drop(r);
        else
            proxy_release_connection(p);
        p->ops.verdict(p->ops.ctx, id, ENOBUFS);
        return;
    }
    if (!blocking)
        p->ops.verdict(p->ops.ctx, id, 0);
}

void proxy_route_tunnel(struct proxy *p, uint64_t id, int fd)
{
    struct proxy_route **at = find(p, id);

    if (at == NULL) { /* the dial has failed meanwhile */
        proxy_reset(&fd);
        return;
    }
    (*at)->accepted = fd;
    if ((*at)->upstream >= 0)
        join(*at);
}

void proxy_route_cancel(struct proxy *p, uint64_t id, int err)
{
    struct proxy_route **at = find(p, id);

    if (at == NULL)
        return;
    if (err != 0)
        tell_failure(*at, err);
    drop(*at);
}

void proxy_routes_free(struct proxy *p)
{
    for (size_t i = 0; p->route_table != NULL && i < BUCKETS; i++)
        while (p->route_table[i] != NULL) {
            struct proxy_route *r = p->route_table[i];

            p->route_table[i] = r->next;
            release(r);
        }
    free(p->route_table);
    p->route_table = NULL;
}
