#include "proxy/reach.h"

#include <ares.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "policy/host.h"

struct proxy_reach {
    struct proxy *p;
    proxy_reached_fn *fn; /* NULL: cancelled, waits for the resolver */
    void *ctx;
    struct proxy_client client;
    struct proxy_timer start;
    struct proxy_dial *dial;
    bool looking; /* the resolver will call back */
    uint16_t port;
    int family;
    int refused_err;
    const char *call;
    size_t asked_len;
    char asked[257], host[256]; /* asked: and a NUL */
};

static void answer(struct proxy_reach *r, const struct proxy_reached *a)
{
    proxy_reached_fn *fn = r->fn;
    void *ctx = r->ctx;

    free(r);
    if (fn != NULL)
        fn(ctx, a);
}

/* To ops.refused, before the answer. */
static void tell(struct proxy_reach *r, struct policy_addr a,
                 const struct policy_decision *d, const char *host)
{
    const struct proxy_refusal refusal = {
        .client = r->client,
        .host = host,
        .port = r->port,
        .address = a,
        .call = r->call,
        .decision = *d,
        .err = r->refused_err,
    };

    r->p->ops.refused(r->p->ops.ctx, &refusal);
}

static void refuse(struct proxy_reach *r, struct policy_addr a,
                   const struct policy_decision *d, const char *host,
                   bool resolved)
{
    const struct proxy_reached out = {.outcome = PROXY_REACH_REFUSED,
                                      .fd = -1,
                                      .resolved = resolved,
                                      .decision = *d};

    tell(r, a, d, host);
    answer(r, &out);
}

static void fail(struct proxy_reach *r, enum proxy_reach_outcome outcome,
                 int err)
{
    const struct proxy_reached out = {.outcome = outcome, .fd = -1, .err = err};

    answer(r, &out);
}

static void on_dialed(void *ctx, int fd, int err)
{
    struct proxy_reach *r = ctx;
    const struct proxy_reached out = {.outcome = PROXY_REACH_CONNECTED,
                                      .fd = fd};

    r->dial = NULL;
    if (err != 0)
        fail(r, PROXY_REACH_FAILED, err);
    else
        answer(r, &out);
}

static void dial(struct proxy_reach *r, const struct policy_addr *list,
                 size_t n)
{
    r->dial = proxy_dial_start(r->p, list, n, r->port, on_dialed, r);
    if (r->dial == NULL)
        fail(r, PROXY_REACH_FAILED, ENOBUFS);
}

static void give_addresses(struct proxy_reach *r,
                           const struct policy_addr *list, size_t n)
{
    const struct proxy_reached out = {
        .outcome = PROXY_REACH_RESOLVED, .fd = -1, .list = list, .n = n};

    answer(r, &out);
}

static void give_localhost(struct proxy_reach *r)
{
    size_t n;
    const struct policy_addr *list = proxy_admit_localhost(r->family, &n);

    give_addresses(r, list, n);
}

static void give_names_addresses(struct proxy_reach *r,
                                 const struct policy_addr *list, size_t n)
{
    proxy_admit_remember(r->p, r->host, list, n);
    give_addresses(r, list, n);
}

static void on_resolved(void *ctx, int status, const struct policy_addr *list,
                        size_t n, uint32_t ttl)
{
    struct proxy_reach *r = ctx;
    struct proxy_admitted kept;

    (void)ttl;
    r->looking = false;
    if (r->fn == NULL) {
        free(r);
        return;
    }
    proxy_admit_resolved(r->p, r->host, r->port, list, n, &kept);
    if (status == ARES_ENOTFOUND || (status == 0 && n == 0))
        fail(r, PROXY_REACH_NO_NAME, 0);
    else if (status != 0)
        fail(r, PROXY_REACH_NO_ANSWER, 0);
    else if (kept.n == 0)
        refuse(r, list[0], &kept.why, r->host, true);
    else if (r->port == 0)
        give_names_addresses(r, kept.list, kept.n);
    else
        dial(r, kept.list, kept.n);
}

static void reach_address(struct proxy_reach *r, struct policy_addr a)
{
    char text[POLICY_ADDR_TEXT_MAX];
    const char *host;
    struct policy_decision d;

    if (r->port == 0) { /* an address stands for itself */
        give_addresses(r, &a, 1);
        return;
    }
    d = proxy_admit_address(r->p, a, r->port, text, &host);
    if (d.verdict == POLICY_DENY)
        refuse(r, a, &d, host, false);
    else
        dial(r, &a, 1);
}

static void reach_name(struct proxy_reach *r)
{
    const struct policy_decision d =
        r->port == 0 ? policy_decide_resolve(r->p->image, r->host)
                     : proxy_admit_name(r->p, r->host, r->port);

    if (d.verdict == POLICY_DENY) {
        refuse(r, (struct policy_addr){0}, &d, r->host, false);
        return;
    }
    r->looking = true;
    proxy_resolve(r->p, r->host, r->family, on_resolved, r);
}

/* A refusal like any other, so that it is told; the name as far as it can be
 * shown. */
static void refuse_malformed(struct proxy_reach *r)
{
    const struct policy_decision d = policy_decide_host(r->p->image, "", 1);
    const struct proxy_reached out = {
        .outcome = PROXY_REACH_MALFORMED, .fd = -1, .decision = d};

    for (size_t i = 0; i < r->asked_len; i++)
        if (r->asked[i] == '\0')
            r->asked[i] = '?';
    r->asked[r->asked_len] = '\0';
    tell(r, (struct policy_addr){0}, &d, r->asked);
    answer(r, &out);
}

static void on_start(struct proxy_timer *t)
{
    struct proxy_reach *r = SRT_CONTAINER_OF(t, struct proxy_reach, start);
    struct policy_addr literal;

    switch (proxy_admit_asked(r->p, r->asked, r->asked_len, r->host,
                              sizeof(r->host), &literal)) {
    case PROXY_ASKED_MALFORMED:
        refuse_malformed(r);
        return;
    case PROXY_ASKED_ADDRESS:
        reach_address(r, literal);
        return;
    case PROXY_ASKED_LOCALHOST:
        if (r->port == 0) {
            give_localhost(r);
            return;
        }
        break; /* to this host itself */
    case PROXY_ASKED_NAME:
        break;
    }
    reach_name(r);
}

struct proxy_reach *proxy_reach_start(struct proxy *p,
                                      const struct proxy_reach_request *q,
                                      proxy_reached_fn *fn, void *ctx)
{
    struct proxy_reach *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return NULL;
    r->p = p;
    r->client = q->client;
    r->port = q->port;
    r->family = q->family;
    r->call = q->call;
    r->refused_err = q->refused_err;
    r->fn = fn;
    r->ctx = ctx;
    /* What is longer is no host, and as long as this it is none, either. */
    r->asked_len = q->host_len < sizeof(r->asked) ? q->host_len
                                                  : sizeof(r->asked) - 1;
    memcpy(r->asked, q->host, r->asked_len);
    r->start.fn = on_start;
    if (!proxy_loop_after(p->loop, &r->start, 0)) {
        free(r);
        return NULL;
    }
    return r;
}

void proxy_reach_cancel(struct proxy_reach *r)
{
    if (r == NULL)
        return;
    proxy_loop_cancel(&r->start);
    if (r->dial != NULL)
        proxy_dial_cancel(r->dial);
    r->fn = NULL;
    if (!r->looking)
        free(r);
}
