/*
 * c-ares on our loop: one channel; its sockets are watched as it says
 * (ARES_OPT_SOCK_STATE_CB), its time-outs are a timer.  Search domains are
 * the asking program's business and not applied here; the hosts file is read
 * (lookups "fb").
 */
#include <ares.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "proxy/internal.h"

enum { SOCKETS = 64, TIMEOUT_MS = 2500, TRIES = 3 };

struct ares_watch {
    struct proxy_watch watch;
    struct proxy_resolver *r;
    ares_socket_t fd; /* ARES_SOCKET_BAD: free */
};

struct proxy_resolver {
    struct proxy *p;
    ares_channel channel;
    struct proxy_timer timer;
    struct ares_watch sockets[SOCKETS];
};

static void arm_timer(struct proxy_resolver *r)
{
    struct timeval tv;
    struct timeval *t = ares_timeout(r->channel, NULL, &tv);

    if (t == NULL)
        proxy_loop_cancel(&r->timer);
    else if (!proxy_loop_after(
                 r->p->loop, &r->timer,
                 (uint32_t)(t->tv_sec * 1000 + t->tv_usec / 1000 + 1)))
        ares_cancel(r->channel); /* no memory for a timer: nothing may hang */
}

static void on_timer(struct proxy_timer *t)
{
    struct proxy_resolver *r = SRT_CONTAINER_OF(t, struct proxy_resolver,
                                                timer);

    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm_timer(r);
}

static void on_socket(struct proxy_watch *w, unsigned ready)
{
    struct ares_watch *a = SRT_CONTAINER_OF(w, struct ares_watch, watch);
    struct proxy_resolver *r = a->r;

    ares_process_fd(r->channel,
                    (ready & PROXY_LOOP_READ) != 0 ? a->fd : ARES_SOCKET_BAD,
                    (ready & PROXY_LOOP_WRITE) != 0 ? a->fd : ARES_SOCKET_BAD);
    arm_timer(r);
}

static struct ares_watch *watch_of(struct proxy_resolver *r, ares_socket_t fd)
{
    for (size_t i = 0; i < SOCKETS; i++)
        if (r->sockets[i].fd == fd)
            return &r->sockets[i];
    return NULL;
}

static void on_state(void *data, ares_socket_t fd, int readable, int writable)
{
    struct proxy_resolver *r = data;
    struct ares_watch *a = watch_of(r, fd);
    unsigned interest = (readable ? (unsigned)PROXY_LOOP_READ : 0u) |
                        (writable ? (unsigned)PROXY_LOOP_WRITE : 0u);
    struct srt_err err;

    if (a == NULL)
        a = watch_of(r, ARES_SOCKET_BAD);
    if (a == NULL)
        return; /* that query times out */
    if (interest == 0) {
        proxy_loop_remove(&a->watch);
        a->fd = ARES_SOCKET_BAD;
    } else if (a->watch.fd >= 0) {
        proxy_loop_set(&a->watch, interest);
    } else {
        a->fd = fd;
        if (proxy_loop_add(r->p->loop, &a->watch, fd, interest, &err) != SRT_OK)
            a->fd = ARES_SOCKET_BAD;
    }
}

enum srt_rc proxy_resolver_new(struct proxy *p, const struct proxy_options *o,
                               struct proxy_resolver **ret, struct srt_err *err)
{
    struct proxy_resolver *r = calloc(1, sizeof(*r));
    struct ares_options options = {
        .sock_state_cb = on_state,
        .sock_state_cb_data = r,
        .timeout = TIMEOUT_MS,
        .tries = TRIES,
        .ndomains = 0,
    };
    int mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
               ARES_OPT_DOMAINS;
    char *path = NULL;
    int rc;

    if (r == NULL)
        return srt_err_sys(err, ENOMEM, "resolver");
    r->p = p;
    r->timer.fn = on_timer;
    for (size_t i = 0; i < SOCKETS; i++) {
        r->sockets[i].r = r;
        r->sockets[i].fd = ARES_SOCKET_BAD;
        r->sockets[i].watch.fn = on_socket;
        r->sockets[i].watch.fd = -1;
    }
    if (o->resolv_conf != NULL) {
        path = strdup(o->resolv_conf);
        options.resolvconf_path = path;
        mask |= ARES_OPT_RESOLVCONF;
    }
    rc = ares_library_init(ARES_LIB_INIT_ALL);
    if (rc == ARES_SUCCESS)
        rc = ares_init_options(&r->channel, &options, mask);
    free(path);
    if (rc != ARES_SUCCESS) {
        free(r);
        return srt_err_set(err, SRT_E_UNSUP, "c-ares: %s", ares_strerror(rc));
    }
    *ret = r;
    return SRT_OK;
}

void proxy_resolver_free(struct proxy_resolver *r)
{
    if (r == NULL)
        return;
    ares_destroy(r->channel); /* answers what is under way: ARES_EDESTRUCTION */
    proxy_loop_cancel(&r->timer);
    for (size_t i = 0; i < SOCKETS; i++)
        proxy_loop_remove(&r->sockets[i].watch);
    ares_library_cleanup();
    free(r);
}

struct query {
    proxy_resolved_fn *fn;
    void *ctx;
};

static struct policy_addr address_of(const struct ares_addrinfo_node *n)
{
    uint16_t port;

    return proxy_from_sockaddr(n->ai_addr, &port);
}

static void on_addresses(void *arg, int status, int timeouts,
                         struct ares_addrinfo *result)
{
    struct query *q = arg;
    struct policy_addr list[PROXY_MAX_ADDRESSES];
    uint32_t ttl = 60;
    size_t n = 0;

    (void)timeouts;
    if (status == ARES_SUCCESS) {
        for (const struct ares_addrinfo_node *i = result->nodes;
             i != NULL && n < PROXY_MAX_ADDRESSES; i = i->ai_next) {
            list[n] = address_of(i);
            if (list[n].family == 0)
                continue;
            if (n == 0 || (uint32_t)i->ai_ttl < ttl)
                ttl = i->ai_ttl > 0 ? (uint32_t)i->ai_ttl : 1;
            n++;
        }
        ares_freeaddrinfo(result);
    }
    /* No such record is an answer, too. */
    q->fn(q->ctx, status == ARES_ENODATA ? 0 : status, list, n, ttl);
    free(q);
}

void proxy_resolve(struct proxy *p, const char *host, int family,
                   proxy_resolved_fn *fn, void *ctx)
{
    const struct ares_addrinfo_hints hints = {
        .ai_flags = ARES_AI_NOSORT,
        .ai_family = family,
        .ai_socktype = SOCK_STREAM,
    };
    struct query *q = malloc(sizeof(*q));

    if (q == NULL) {
        fn(ctx, ARES_ENOMEM, NULL, 0, 0);
        return;
    }
    *q = (struct query){fn, ctx};
    ares_getaddrinfo(p->resolver->channel, host, NULL, &hints, on_addresses, q);
    arm_timer(p->resolver);
}

struct raw_query {
    proxy_answer_fn *fn;
    void *ctx;
};

static void on_answer(void *arg, int status, int timeouts, unsigned char *buf,
                      int len)
{
    struct raw_query *q = arg;

    (void)timeouts;
    /* c-ares gives the message also for ENODATA and ENOTFOUND. */
    q->fn(q->ctx, status, buf, buf != NULL && len > 0 ? (size_t)len : 0);
    free(q);
}

void proxy_resolve_raw(struct proxy *p, const char *host, int type,
                       proxy_answer_fn *fn, void *ctx)
{
    struct raw_query *q = malloc(sizeof(*q));

    if (q == NULL) {
        fn(ctx, ARES_ENOMEM, NULL, 0);
        return;
    }
    *q = (struct raw_query){fn, ctx};
    ares_query(p->resolver->channel, host, 1 /* IN */, type, on_answer, q);
    arm_timer(p->resolver);
}
