/* Between the files of proxy/: the proxy's state and its parts. */
#ifndef SRT_PROXY_INTERNAL_H
#define SRT_PROXY_INTERNAL_H

#include <stddef.h>
#include <sys/socket.h>

#include "base/sockaddr.h"
#include "proxy/names.h"
#include "proxy/proxy.h"
#include "proxy/self.h"

struct proxy_resolver;
struct proxy_route;
struct proxy_listener;
struct proxy_dns;

#define PROXY_MAX_ADDRESSES 16

struct proxy {
    struct proxy_loop *loop;
    const struct policy_image *image;
    struct proxy_ops ops;
    struct proxy_names *names;
    struct proxy_resolver *resolver;
    struct proxy_listener *listeners; /* owned, a list */
    struct proxy_route **route_table;
    struct proxy_dns *dns;
    struct proxy_self self; /* this host's names */
    unsigned connections;   /* open, of every kind */
    unsigned max_connections;
    bool warned_full;
};

/* ---- proxy.c ---- */

void proxy_to_sockaddr(struct policy_addr a, uint16_t port,
                       union srt_sockaddr *ret, socklen_t *ret_len);
/* Room for one more connection?  Warns once when not. */
bool proxy_take_connection(struct proxy *p);
void proxy_release_connection(struct proxy *p);

/* ---- admit.c: may it be? ---- */

/* A connection to an address: deniedAddresses, the name memory, then the
 * address itself.  *ret_host is the name that decided, or the address's text
 * (in buf, POLICY_ADDR_TEXT_MAX bytes). */
struct policy_decision proxy_admit_address(struct proxy *p,
                                           struct policy_addr a, uint16_t port,
                                           char *buf, const char **ret_host);
/* A connection to a name by the host's network: a localhost name is this host
 * itself, and "*" does not open that. */
struct policy_decision proxy_admit_name(struct proxy *p, const char *host,
                                        uint16_t port);

/* What was asked for, before anything is decided about it. */
enum proxy_asked {
    PROXY_ASKED_MALFORMED, /* no host */
    PROXY_ASKED_ADDRESS,   /* *ret_addr */
    PROXY_ASKED_LOCALHOST, /* a name of RFC 6761 6.3, or of this host */
    PROXY_ASKED_NAME,
};
/* host, of `size` bytes, gets the canonical form of all but a malformed one. */
enum proxy_asked proxy_admit_asked(const struct proxy *p, const char *asked,
                                   size_t len, char *host, size_t size,
                                   struct policy_addr *ret_addr);
/* The sandbox's own loopback, never asked upstream: nothing to judge or
 * remember.  family AF_INET, AF_INET6, AF_UNSPEC. */
const struct policy_addr *proxy_admit_localhost(int family, size_t *ret_n);

/* Of what a name leads to, what it may lead to. */
struct proxy_admitted {
    struct policy_addr list[PROXY_MAX_ADDRESSES];
    size_t n;
    struct policy_decision why; /* when one was left out: the last one's */
};

/* `n` of `list`, at most PROXY_MAX_ADDRESSES; port 0: at some port. */
void proxy_admit_resolved(struct proxy *p, const char *host, uint16_t port,
                          const struct policy_addr *list, size_t n,
                          struct proxy_admitted *ret);
/* What `host` led to stands for it from now on. */
void proxy_admit_remember(struct proxy *p, const char *host,
                          const struct policy_addr *list, size_t n);

/* ---- resolve.c: names to addresses, by c-ares ---- */

/* status 0: `n` addresses (maybe none: no such record); else an ARES_ code.
 * ttl in seconds. */
typedef void proxy_resolved_fn(void *ctx, int status,
                               const struct policy_addr *list, size_t n,
                               uint32_t ttl);
/* The raw answer of another query, or NULL with a status. */
typedef void proxy_answer_fn(void *ctx, int status, const uint8_t *answer,
                             size_t len);

enum srt_rc proxy_resolver_new(struct proxy *p, const struct proxy_options *o,
                               struct proxy_resolver **ret,
                               struct srt_err *err) SRT_MUST_CHECK;
void proxy_resolver_free(struct proxy_resolver *r);
/* family AF_INET, AF_INET6, AF_UNSPEC.  The callback may come before the
 * return; it always comes once, also when the resolver is freed. */
void proxy_resolve(struct proxy *p, const char *host, int family,
                   proxy_resolved_fn *fn, void *ctx);
void proxy_resolve_raw(struct proxy *p, const char *host, int type,
                       proxy_answer_fn *fn, void *ctx);

/* ---- dial.c: one TCP connection to the first address that answers ---- */

struct proxy_dial;
/* fd (the callee's) or -1 with an errno. */
typedef void proxy_dialed_fn(void *ctx, int fd, int err);
/* Attempts 250 ms apart (RFC 8305).  NULL: no memory or descriptors, fn was
 * not called. */
struct proxy_dial *proxy_dial_start(struct proxy *p,
                                    const struct policy_addr *list, size_t n,
                                    uint16_t port, proxy_dialed_fn *fn,
                                    void *ctx);
/* Forget it; fn will not be called. */
void proxy_dial_cancel(struct proxy_dial *d);

/* ---- tunnel.c ---- */

/* Relay between two descriptors (taken) until both directions have ended.
 * `first` are bytes already read from a, for b.  Counts as a connection until
 * it ends. */
bool proxy_tunnel_start(struct proxy *p, int a, int b, const void *first,
                        size_t first_len);

/* ---- dns.c, http_conn.c, socks_conn.c: one accepted connection each ---- */

typedef void proxy_accept_fn(struct proxy *p, int fd,
                             const union srt_sockaddr *peer);
enum srt_rc proxy_listen(struct proxy *p, int fd, proxy_accept_fn *fn,
                         struct srt_err *err) SRT_MUST_CHECK;
void proxy_http_accept(struct proxy *p, int fd, const union srt_sockaddr *peer);
void proxy_socks_accept(struct proxy *p, int fd,
                        const union srt_sockaddr *peer);
void proxy_dns_accept(struct proxy *p, int fd, const union srt_sockaddr *peer);

/* dns.c: what serves look-ups.  close: no answer goes out any more; free: after
 * the resolver, whose last callbacks still come in. */
enum srt_rc proxy_dns_new(struct proxy *p, const char *resolv_conf,
                          struct srt_err *err) SRT_MUST_CHECK;
void proxy_dns_close(struct proxy *p);
void proxy_dns_free(struct proxy *p);

/* route.c */
void proxy_routes_free(struct proxy *p);

/* Close so that the other side sees a reset. */
void proxy_reset(int *fd);

#endif
