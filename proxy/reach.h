/*
 * Reaching a host that a proxied request names: judge the name or address,
 * look it up, judge what it leads to, dial.  One answer, by callback, never
 * before proxy_reach_start() has returned; a refusal is told to ops.refused
 * before it.
 */
#ifndef SRT_PROXY_REACH_H
#define SRT_PROXY_REACH_H

#include "proxy/internal.h"

struct proxy_reach;

enum proxy_reach_outcome {
    PROXY_REACH_CONNECTED, /* fd, the callee's */
    PROXY_REACH_RESOLVED,  /* list, n >= 1 */
    PROXY_REACH_REFUSED,   /* decision; resolved: by what the name led to */
    PROXY_REACH_MALFORMED, /* not a host; told as a refusal; decision */
    PROXY_REACH_NO_NAME,   /* no such name, or no address of that family */
    PROXY_REACH_NO_ANSWER, /* the name servers did not say */
    PROXY_REACH_FAILED,    /* err: an errno */
};

struct proxy_reached {
    enum proxy_reach_outcome outcome;
    int fd;
    int err;
    bool resolved;
    struct policy_decision decision;
    const struct policy_addr *list;
    size_t n;
};

typedef void proxy_reached_fn(void *ctx, const struct proxy_reached *r);

struct proxy_reach_request {
    struct proxy_client client;
    const char *host; /* as asked; need not live on */
    size_t host_len;
    uint16_t port;    /* 0: look the name up only */
    int family;       /* look-up: AF_UNSPEC, AF_INET, AF_INET6 */
    const char *call; /* for the event; a constant */
    int refused_err;  /* errno that the program sees on a refusal; 0: none */
};

/* NULL: no memory, and fn will not be called. */
struct proxy_reach *proxy_reach_start(struct proxy *p,
                                      const struct proxy_reach_request *q,
                                      proxy_reached_fn *fn, void *ctx);
/* Forget it; fn will not be called. */
void proxy_reach_cancel(struct proxy_reach *r);

#endif
