/*
 * The proxy: every way out of the sandbox ends here.  One thread, one loop.
 *
 * Listeners and routed connections come from whoever owns the sandbox (on
 * Linux the supervisor makes them inside and hands them over); this library
 * decides by the policy image, resolves, dials and tunnels, and reports every
 * refusal through `struct proxy_ops` before the refusal is answered.
 */
#ifndef SRT_PROXY_PROXY_H
#define SRT_PROXY_PROXY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"
#include "policy/addr.h"
#include "policy/image.h"
#include "proxy/loop.h"

struct proxy;

enum proxy_via {
    PROXY_VIA_ROUTE, /* a connect(2) that the supervisor handed over */
    PROXY_VIA_DNS,
    PROXY_VIA_HTTP,
    PROXY_VIA_SOCKS,
};

/* Who stands behind a request, as far as the listener tells. */
struct proxy_client {
    enum proxy_via via;
    pid_t tid;     /* host thread id; 0: find it by the port below */
    int family;    /* AF_INET, AF_INET6: of the client's socket inside */
    int proto;     /* IPPROTO_UDP, IPPROTO_TCP */
    uint16_t port; /* local port of the client inside, host order */
};

/* A refusal, told before it is answered.  The decision may be to allow: then it
 * is srt that could not. */
struct proxy_refusal {
    struct proxy_client client;
    const char *host; /* canonical name or address, as asked; untrusted
                             bytes if malformed */
    uint16_t port;    /* 0: a look-up */
    struct policy_addr address; /* family 0: not known */
    const char *call; /* "connect", "CONNECT", "GET", "A", "AAAA" ... */
    struct policy_decision decision;
    int err;    /* errno that the program will see; 0: none */
    bool probe; /* an allowed name with a search suffix */
};

struct proxy_ops {
    void *ctx;
    /* Which process a client is: a host thread id, 0: not known.  May be
     * NULL. */
    pid_t (*who)(void *ctx, const struct proxy_client *c);
    /* A refusal is about to be answered. */
    void (*refused)(void *ctx, const struct proxy_refusal *r);
    /* A routed connection may be dialled (blocking: answered by dialed only;
     * non-blocking: verdict first), or not: errno > 0. */
    void (*verdict)(void *ctx, uint64_t id, int err);
    void (*dialed)(void *ctx, uint64_t id, int err);
    void (*warning)(void *ctx, const char *text);
};

struct proxy_options {
    const struct policy_image *image; /* borrowed */
    struct proxy_ops ops;
    const char *resolv_conf;  /* NULL: /etc/resolv.conf (tests name another) */
    const char *hosts_file;   /* NULL: /etc/hosts */
    unsigned max_connections; /* 0: PROXY_MAX_CONNECTIONS */
};

/* Limits.  Reaching one refuses the new connection with a warning, once. */
#define PROXY_MAX_CONNECTIONS 4096
#define PROXY_DIAL_TIMEOUT_MS 127000 /* as Linux' tcp_syn_retries 6 */

enum srt_rc proxy_new(struct proxy_loop *loop, const struct proxy_options *o,
                      struct proxy **ret, struct srt_err *err) SRT_MUST_CHECK;
void proxy_free(struct proxy *p);

/* What a run's proxy would say of a connection to host:port before anything was
 * looked up: for who asks without a run.  host need not be canonical. */
struct policy_decision proxy_admit_offline(const struct policy_image *image,
                                           const char *host, uint16_t port);

/* An AF_INET or AF_INET6 address; *ret_port in host order.  Family 0, and the
 * port untouched, for any other. */
struct policy_addr proxy_from_sockaddr(const struct sockaddr *sa,
                                       uint16_t *ret_port);

/* Serve a listener made inside; the descriptor becomes the proxy's. */
enum srt_rc proxy_serve_dns_udp(struct proxy *p, int fd,
                                struct srt_err *err) SRT_MUST_CHECK;
enum srt_rc proxy_serve_dns_tcp(struct proxy *p, int fd,
                                struct srt_err *err) SRT_MUST_CHECK;
enum srt_rc proxy_serve_http(struct proxy *p, int fd,
                             struct srt_err *err) SRT_MUST_CHECK;
enum srt_rc proxy_serve_socks(struct proxy *p, int fd,
                              struct srt_err *err) SRT_MUST_CHECK;

/*
 * A routed connection, named by the caller's id until it is a tunnel:
 *
 *   proxy_route_connect()  judge (name memory, addresses), tell ops.refused
 *                          and ops.verdict(err) if it may not be, else dial.
 *                          blocking: ops.dialed() when the dial has ended.
 *                          non-blocking: ops.verdict(0) at once, dial goes on.
 *   proxy_route_tunnel()   the accepted end of the caller's socket; becomes
 *                          the proxy's.  Bytes flow once the dial succeeded;
 *                          if it fails, fd is closed with a reset.
 *   proxy_route_cancel()   forget the id: the caller gave up; or err, it could
 *                          not be connected inside, which ops.refused tells.
 *
 * Callbacks may come from inside proxy_route_connect().
 */
void proxy_route_connect(struct proxy *p, uint64_t id, pid_t tid,
                         struct policy_addr a, uint16_t port, bool blocking);
void proxy_route_tunnel(struct proxy *p, uint64_t id, int fd);
void proxy_route_cancel(struct proxy *p, uint64_t id, int err);

#endif
