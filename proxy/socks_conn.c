/* A client of the SOCKS listener, until it is a tunnel. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "proxy/reach.h"
#include "proxy/socks.h"

enum { HANDSHAKE_MS = 30000, EARLY_MAX = 16384 };

struct client {
    struct proxy *p;
    struct proxy_watch watch;
    struct proxy_timer limit;
    struct proxy_reach *reach; /* NULL: none under way */
    int fd;                    /* owned */
    bool greeted;
    uint8_t command;
    uint16_t port; /* the client's, inside */
    sa_family_t family;
    size_t len;
    uint8_t in[EARLY_MAX]; /* the handshake, then what comes too early */
};

static void free_client(void *what)
{
    free(what);
}

/* Forget the client; its connection ends, or became a tunnel (fd -1). */
static void drop(struct client *c)
{
    proxy_reach_cancel(c->reach);
    proxy_loop_cancel(&c->limit);
    proxy_loop_remove(&c->watch);
    if (c->fd >= 0)
        proxy_release_connection(c->p);
    srt_fd_close(&c->fd);
    proxy_loop_defer(c->p->loop, free_client, c);
}

/* So few bytes always fit into the socket's buffer. */
static void reply(struct client *c, enum proxy_socks_reply code,
                  const struct policy_addr *a)
{
    uint8_t out[4 + 16 + 2] = {5, (uint8_t)code, 0, 1};
    size_t n = 4;

    if (a != NULL && a->family == 6) {
        out[3] = 4;
        n = 16;
    }
    if (a != NULL)
        memcpy(out + 4, a->bytes, n);
    (void)send(c->fd, out, 4 + n + 2, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static enum proxy_socks_reply code_of(const struct proxy_reached *r)
{
    switch (r->outcome) {
    case PROXY_REACH_REFUSED:
    case PROXY_REACH_MALFORMED:
        return PROXY_SOCKS_NOT_ALLOWED;
    case PROXY_REACH_NO_NAME:
        return PROXY_SOCKS_HOST_UNREACHABLE;
    case PROXY_REACH_NO_ANSWER: /* the shim tells: try again */
        return PROXY_SOCKS_TTL_EXPIRED;
    default:
        break;
    }
    switch (r->err) {
    case ECONNREFUSED:
        return PROXY_SOCKS_REFUSED;
    case ENETUNREACH:
        return PROXY_SOCKS_NET_UNREACHABLE;
    case EHOSTUNREACH:
        return PROXY_SOCKS_HOST_UNREACHABLE;
    case ETIMEDOUT:
        return PROXY_SOCKS_TTL_EXPIRED;
    default:
        return PROXY_SOCKS_FAILURE;
    }
}

static void on_reached(void *ctx, const struct proxy_reached *r)
{
    struct client *c = ctx;
    int fd;

    c->reach = NULL;
    if (r->outcome == PROXY_REACH_RESOLVED) {
        reply(c, PROXY_SOCKS_OK, &r->list[0]);
    } else if (r->outcome == PROXY_REACH_CONNECTED) {
        reply(c, PROXY_SOCKS_OK, NULL);
        proxy_loop_remove(&c->watch);
        fd = srt_fd_take(&c->fd);
        (void)proxy_tunnel_start(c->p, fd, r->fd, c->in, c->len);
    } else {
        reply(c, code_of(r), NULL);
    }
    drop(c);
}

static bool take_greeting(struct client *c)
{
    uint8_t answer[2] = {5, 0};
    size_t used;

    switch (proxy_socks_greeting(c->in, c->len, &used, &answer[1])) {
    case PROXY_SOCKS_MORE:
        return false;
    case PROXY_SOCKS_BAD:
        drop(c);
        return false;
    case PROXY_SOCKS_DONE:
        break;
    }
    (void)send(c->fd, answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (answer[1] != 0) {
        drop(c);
        return false;
    }
    c->len -= used;
    memmove(c->in, c->in + used, c->len);
    c->greeted = true;
    return true;
}

static int family_of(const struct proxy_socks_request *q)
{
    if (q->command == PROXY_SOCKS_CONNECT || q->port == 0)
        return AF_UNSPEC;
    return q->port == 6 ? AF_INET6 : AF_INET;
}

static void take_request(struct client *c)
{
    struct proxy_socks_request q = {.command = 0};
    enum proxy_socks_reply code = PROXY_SOCKS_FAILURE;
    size_t used = 0;
    enum proxy_socks_parsed parsed = proxy_socks_request(c->in, c->len, &used,
                                                         &q, &code);
    struct proxy_reach_request reach = {
        .client = {.via = PROXY_VIA_SOCKS,
                   .family = c->family,
                   .proto = IPPROTO_TCP,
                   .port = c->port},
        .host = q.host,
        .host_len = q.host_len,
        .port = q.command == PROXY_SOCKS_CONNECT ? q.port : 0,
        .family = family_of(&q),
        .call = q.command == PROXY_SOCKS_CONNECT ? "connect" : "getaddrinfo",
        .refused_err = q.command == PROXY_SOCKS_CONNECT ? EACCES : 0,
    };

    if (parsed == PROXY_SOCKS_MORE)
        return;
    if (parsed == PROXY_SOCKS_DONE) {
        c->len -= used;
        memmove(c->in, c->in + used, c->len);
        c->reach = proxy_reach_start(c->p, &reach, on_reached, c);
        if (c->reach != NULL)
            return;
    }
    reply(c, code, NULL);
    drop(c);
}

static void on_readable(struct proxy_watch *w, unsigned ready)
{
    struct client *c = SRT_CONTAINER_OF(w, struct client, watch);
    ssize_t n;

    (void)ready;
    if (w->interest == 0) { /* nothing is waited for: it was reset */
        drop(c);
        return;
    }
    n = read(c->fd, c->in + c->len, sizeof(c->in) - c->len);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) { /* the client is gone, or sends no more before the answer */
        if (c->reach == NULL || n < 0)
            drop(c);
        else
            proxy_loop_set(&c->watch, 0);
        return;
    }
    c->len += (size_t)n;
    if (c->reach != NULL) {
        if (c->len == sizeof(c->in)) /* it must wait, as any sender */
            proxy_loop_set(&c->watch, 0);
        return;
    }
    if (!c->greeted && !take_greeting(c))
        return;
    take_request(c);
}

static void on_limit(struct proxy_timer *t)
{
    struct client *c = SRT_CONTAINER_OF(t, struct client, limit);

    if (c->reach == NULL) /* else the dial has a limit of its own */
        drop(c);
}

void proxy_socks_accept(struct proxy *p, int fd, const union srt_sockaddr *peer)
{
    struct client *c = calloc(1, sizeof(*c));
    struct srt_err err;

    if (c == NULL) {
        srt_fd_close(&fd);
        proxy_release_connection(p);
        return;
    }
    c->p = p;
    c->fd = fd;
    c->family = peer->sa.sa_family;
    (void)proxy_from_sockaddr(&peer->sa, &c->port);
    c->watch.fn = on_readable;
    c->watch.fd = -1;
    c->limit.fn = on_limit;
    if (proxy_loop_add(p->loop, &c->watch, fd, PROXY_LOOP_READ, &err) !=
            SRT_OK ||
        !proxy_loop_after(p->loop, &c->limit, HANDSHAKE_MS))
        drop(c);
}
