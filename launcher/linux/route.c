#include "launcher/linux/route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "launcher/linux/process.h"
#include "launcher/linux/tell.h"

struct route {
    struct session *session;
    struct proxy *proxy; /* owned */
};

/* A slot's name for the proxy: slots are few, generations grow for ever. */
static uint64_t id_of(const struct channel_msg *m)
{
    return (m->generation << 16) | (m->slot & 0xffff);
}

static void answer(struct route *r, enum channel_type type, uint64_t id,
                   int err)
{
    static struct channel_msg m; /* large; the proxy's thread alone */

    channel_msg_init(&m, type, (uint32_t)(id & 0xffff), id >> 16);
    m.error = err;
    session_send(r->session, &m);
}

static void on_verdict(void *ctx, uint64_t id, int err)
{
    answer(ctx, CHANNEL_VERDICT, id, err);
}

static void on_dialed(void *ctx, uint64_t id, int err)
{
    answer(ctx, CHANNEL_DIALED, id, err);
}

static void on_warning(void *ctx, const char *text)
{
    struct route *r = ctx;

    events_store_warning(r->session->events, "%s", text);
}

/* ---- refusals to events ---- */

/* What each way in is called in an event. */
static const struct {
    enum events_op op;
    enum events_source source;
} kinds[] = {
    [PROXY_VIA_ROUTE] = {EVENTS_OP_NET_CONNECT, EVENTS_SOURCE_PROXY},
    [PROXY_VIA_DNS] = {EVENTS_OP_NET_RESOLVE, EVENTS_SOURCE_DNS},
    [PROXY_VIA_HTTP] = {EVENTS_OP_HTTP_REQUEST, EVENTS_SOURCE_PROXY},
    [PROXY_VIA_SOCKS] = {EVENTS_OP_NET_CONNECT, EVENTS_SOURCE_PROXY},
};

static void make_target(const struct proxy_refusal *r, char *out, size_t size)
{
    if (r->client.via == PROXY_VIA_DNS)
        (void)snprintf(out, size, "%s", r->host);
    else if (strchr(r->host, ':') != NULL)
        (void)snprintf(out, size, "[%s]:%u", r->host, (unsigned)r->port);
    else
        (void)snprintf(out, size, "%s:%u", r->host, (unsigned)r->port);
}

static pid_t who(void *ctx, const struct proxy_client *c)
{
    const struct route *route = ctx;
    const struct session *s = route->session;

    if (c->tid != 0)
        return c->tid;
    return process_by_port(s->diag_fd, s->init_pid, c->family, c->proto,
                           c->port);
}

static void on_refused(void *ctx, const struct proxy_refusal *r)
{
    struct route *route = ctx;
    struct session *s = route->session;
    char target[512];
    char address[POLICY_ADDR_TEXT_MAX] = "";
    const bool resolve = r->client.via == PROXY_VIA_DNS;
    const struct policy_refused what = {
        .kind = resolve ? POLICY_SUBJECT_RESOLVE : POLICY_SUBJECT_HOST,
        .target = target,
        .address = r->address,
    };
    struct events_violation v = {
        .op = resolve ? EVENTS_OP_NET_RESOLVE : kinds[r->client.via].op,
        .source = kinds[r->client.via].source,
        .target = target,
        .call = r->call,
        .err = r->err,
        .probe = r->probe,
    };

    make_target(r, target, sizeof(target));
    if (r->address.family != 0) {
        (void)policy_addr_text(r->address, address);
        if (strcmp(address, r->host) != 0)
            v.address = address;
    }
    v.allowed = r->decision.verdict == POLICY_ALLOW;
    tell_violation(s, &v, &r->decision, v.allowed ? NULL : &what,
                   who(route, &r->client));
}

/* ---- from the supervisor ---- */

/* How many connections leave descriptors for host checks, masks and events,
 * whose crews need some for each of their threads: without one a refusal would
 * be told with less than is known. */
static unsigned connections_max(void)
{
    enum { EACH = 3 /* client, upstream, a second dial */, RESERVE = 192 };
    struct rlimit r = {0};

    (void)getrlimit(RLIMIT_NOFILE, &r);
    if (r.rlim_cur >= RESERVE + (rlim_t)EACH * PROXY_MAX_CONNECTIONS)
        return PROXY_MAX_CONNECTIONS;
    return r.rlim_cur > RESERVE + EACH
               ? (unsigned)((r.rlim_cur - RESERVE) / EACH)
               : 1;
}

enum srt_rc route_new(struct session *s, struct route **ret,
                      struct srt_err *err)
{
    struct route *r = srt_xcalloc(1, sizeof(*r));
    const struct proxy_options o = {
        .image = s->policy->image,
        .max_connections = connections_max(),
        .ops = {.ctx = r,
                .who = who,
                .refused = on_refused,
                .verdict = on_verdict,
                .dialed = on_dialed,
                .warning = on_warning},
    };
    enum srt_rc rc;

    r->session = s;
    rc = proxy_new(s->loop, &o, &r->proxy, err);
    if (rc != SRT_OK) {
        free(r);
        return rc;
    }
    s->proxy = r->proxy;
    *ret = r;
    return SRT_OK;
}

/* The place of a socket that could not be made inside. */
static bool is_socket(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

enum srt_rc route_sockets(struct route *r, const struct channel_msg *m,
                          int *fds, size_t nfds, struct srt_err *err)
{
    static enum srt_rc (*const serve[CHANNEL_SOCKET_COUNT])(
        struct proxy *, int, struct srt_err *) = {
        [CHANNEL_DNS_UDP4] = proxy_serve_dns_udp,
        [CHANNEL_DNS_UDP6] = proxy_serve_dns_udp,
        [CHANNEL_DNS_TCP4] = proxy_serve_dns_tcp,
        [CHANNEL_DNS_TCP6] = proxy_serve_dns_tcp,
        [CHANNEL_HTTP4] = proxy_serve_http,
        [CHANNEL_SOCKS4] = proxy_serve_socks,
    };
    enum srt_rc rc = SRT_OK;

    (void)m;
    for (size_t i = 0; i < nfds && rc == SRT_OK; i++)
        if (serve[i] != NULL && is_socket(fds[i]))
            rc = serve[i](r->proxy, srt_fd_take(&fds[i]), err);
    return rc;
}

void route_handle(struct route *r, const struct channel_msg *m, int *fds,
                  size_t nfds)
{
    uint64_t id = id_of(m);
    uint16_t port = 0;
    struct policy_addr a;

    switch ((enum channel_type)m->type) {
    case CHANNEL_CONNECT:
        a = proxy_from_sockaddr(&m->addr.sa, &port);
        proxy_route_connect(r->proxy, id, m->tid, a, port, m->nonblocking == 0);
        break;
    case CHANNEL_CANCEL:
        proxy_route_cancel(r->proxy, id, m->error);
        break;
    case CHANNEL_TUNNEL:
        if (nfds == 1)
            proxy_route_tunnel(r->proxy, id, srt_fd_take(&fds[0]));
        break;
    default:
        break;
    }
}

void route_free(struct route *r)
{
    if (r == NULL)
        return;
    proxy_free(r->proxy);
    free(r);
}
